//! What the model in training answers: which problems it solves after how many steps, and an answer beside the first model's.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::LooksLayout;
use super::run::Run;
use super::state::TrainState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, column, fit, one_line, put, put_clean, rule, signs};

/// Cells of a problem's name at most.
const NAME: u16 = 24;

pub(super) fn view(state: &TrainState, run: &Run, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if run.looks.is_empty() {
        let line = "The model is not asked in this training: `look` in its form is how often it is.";
        put(buffer, area.x + 1, area.y + 1, area.width.saturating_sub(2), line, style(Look::Dim));
        return;
    }
    let layout = LooksLayout::of(area, run.looks.problems.len());
    table(state, run, context, layout.table, buffer);
    let (first, look) = (run.looks.steps().first().copied(), state.look());
    let head = |step: Option<u64>| match step {
        Some(0) => "before training".to_owned(),
        Some(step) => format!("step {step}"),
        None => String::new(),
    };
    let verdict = |step: Option<u64>| {
        let problem = run.looks.problems.get(state.problem)?;
        Some(run.looks.answer(step?, problem)?.correct)
    };
    rule(buffer, layout.rule, "", style(Look::Border), style(Look::Title), context.ascii);
    for (place, step) in [(layout.before, first), (layout.after, look)] {
        let (sign, look) = verdict(step).map_or((" ", Look::Dim), |correct| mark(correct, context.ascii));
        let title = format!(" {} ", head(step));
        let x = put(buffer, place.x + 1, layout.rule.y, place.width, &title, style(Look::Title));
        put_clean(buffer, x, layout.rule.y, 2, &format!("{sign} "), style(look));
    }
    state.before.view(context, layout.before, buffer);
    let middle = Rect { x: layout.before.right(), y: layout.before.y, width: 1, height: layout.before.height };
    column(buffer, middle, style(Look::Border), context.ascii);
    state.after.view(context, layout.after, buffer);
}

fn mark(correct: Option<bool>, ascii: bool) -> (&'static str, Look) {
    match correct {
        Some(true) => (signs(ascii).right, Look::Good),
        Some(false) => (signs(ascii).wrong, Look::Bad),
        None => ("?", Look::Warn),
    }
}

/// Problems by steps: the first look at the left, then the newest that there is room for.
fn table(state: &TrainState, run: &Run, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let steps = run.looks.steps();
    let Some((first, later)) = steps.split_first() else { return };
    let wide = steps.iter().map(|step| step.to_string().len().max(3)).max().unwrap_or(3) as u16 + 1;
    let name = NAME.min(area.width / 3);
    let fitting = usize::from((area.width.saturating_sub(name + 1 + wide)) / wide);
    // What is looked at is among them.
    let at = later.iter().position(|step| Some(*step) == state.look()).unwrap_or(later.len().saturating_sub(1));
    let end = later.len().min((at + 1).max(fitting));
    let begin = end.saturating_sub(fitting);
    let shown: Vec<u64> = std::iter::once(*first).chain(later[begin..end].iter().copied()).collect();
    put(buffer, area.x, area.y, name, "right after step", style(Look::Dim));
    let place = |number: usize| area.x + name + 1 + wide * number as u16;
    for (number, step) in shown.iter().enumerate() {
        let look = if Some(*step) == state.look() { Look::Title } else { Look::Dim };
        put_clean(buffer, place(number), area.y, wide, &format!("{step:>0$}", usize::from(wide) - 1), style(look));
    }
    let rows = usize::from(area.height.saturating_sub(1));
    let problems = &run.looks.problems;
    let top = (state.problem + 1).saturating_sub(rows).min(problems.len().saturating_sub(rows));
    for (row, (number, problem)) in problems.iter().enumerate().skip(top).take(rows).enumerate() {
        let y = area.y + 1 + row as u16;
        let selected = number == state.problem;
        let cursor = if selected { signs(context.ascii).cursor } else { " " };
        let x = put_clean(buffer, area.x, y, 1, cursor, style(Look::Key));
        let text = fit(&one_line(problem), usize::from(name) - 1, context.ascii).into_owned();
        put(buffer, x, y, name - 1, &text, style(if selected { Look::Title } else { Look::Text }));
        for (number, step) in shown.iter().enumerate() {
            let Some(answer) = run.looks.answer(*step, problem) else { continue };
            let (sign, look) = mark(answer.correct, context.ascii);
            let x = place(number) + wide - 1 - cells(sign) as u16;
            put_clean(buffer, x, y, 2, sign, style(look));
        }
    }
}
