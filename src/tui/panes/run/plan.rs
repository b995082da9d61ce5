//! The plan of a pass before it begins: its steps with a sentence each, and where it was measured what each will take.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::RunState;
use crate::pipeline::run::{Forecast, Probe};
use crate::records::{LiveBoard, LiveState};
use crate::tui::effect::PassPlan;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::ListWindow;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{compact, duration, fit, one_line, part, put, put_spans, signs};

/// A plan that can be started.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub pass: PassPlan,
    pub forecast: Option<(Probe, Vec<Forecast>)>,
    pub window: ListWindow,
}

impl Plan {
    /// Seconds of the steps that are not done, where they are known.
    pub fn seconds(&self) -> Option<f64> {
        let (_, steps) = self.forecast.as_ref()?;
        let left = self.pass.steps.iter().filter(|step| !step.done);
        Some(left.filter_map(|step| of(steps, &step.name)?.seconds).sum())
    }
}

fn of<'a>(forecasts: &'a [Forecast], step: &str) -> Option<&'a Forecast> {
    forecasts.iter().find(|forecast| forecast.step.name == step)
}

/// Rows that are not steps: title, problems, what was measured, the notice.
const AROUND: u16 = 5;

/// Rows of steps on a pane so high.
pub(super) fn rows(height: u16) -> usize {
    usize::from(height.saturating_sub(AROUND))
}

pub(super) fn view(state: &RunState, plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let PassPlan { recipe, steps, pool, test } = &plan.pass;
    let head = [
        (format!("Plan of {}, seed {}  ", recipe.name, recipe.seed), style(Look::Title)),
        (recipe.about.clone(), style(Look::Dim)),
    ];
    put_spans(buffer, row(0), &head, context.ascii);
    let mut line = format!("{pool} problems to learn from, {test} to be scored on, model {}", recipe.model);
    if state.form.ablations() {
        line.push_str(", then the ablations");
    }
    put_spans(buffer, row(1), &[(line, style(Look::Text))], context.ascii);
    let widest = steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for (y, at) in plan.window.rows(steps.len()).enumerate().take(rows(area.height)) {
        let step = &steps[at];
        let selected = at == plan.window.selected;
        let mark = if selected { signs(context.ascii).cursor } else { " " };
        let cost = match plan.forecast.as_ref().map(|(_, steps)| of(steps, &step.name)) {
            _ if step.done => format!("{:>7} {:>10}  ", "done", ""),
            Some(Some(Forecast { tokens, seconds, .. })) => {
                let tokens = match *tokens as usize {
                    0 => String::new(),
                    tokens => format!("{} tok", compact(tokens)),
                };
                format!("{:>7} {tokens:>10}  ", seconds.map_or("?".into(), duration))
            }
            Some(None) => format!("{:>7} {:>10}  ", "?", ""),
            None => String::new(),
        };
        let spans = [
            (mark.to_owned(), style(Look::Key)),
            (format!("{:>2} {:<widest$}  ", at + 1, step.name), style(if step.done { Look::Dim } else { Look::Title })),
            (cost, style(Look::Info)),
            (step.about.clone(), style(if selected { Look::Text } else { Look::Dim })),
        ];
        put_spans(buffer, row(2 + y as u16), &spans, context.ascii);
    }
    foot(state, plan, context, part(area, 0, area.height.saturating_sub(3), area.width, 3), buffer);
}

/// What was measured, or is being measured, or that it can be.
fn foot(state: &RunState, plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    if let Some(board) = state.measuring() {
        measuring(board, context, part(area, 0, 0, area.width, 2), buffer);
    } else if plan.forecast.is_some() && plan.pass.recipe.servers.is_some() {
        let line = "Not forecast: servers write the samples, and there is nothing to train on before.";
        put_spans(buffer, row(0), &[(line.into(), style(Look::Dim))], context.ascii);
    } else if let (Some((probe, _)), Some(seconds)) = (&plan.forecast, plan.seconds()) {
        let (besides, trained) = match &plan.pass.recipe.external {
            Some(external) => {
                (" besides the trainings", format!("training is not forecast: {}", external.trainer.name()))
            }
            None => ("", format!("{:.0} tok/s trained on", probe.trained_per_second)),
        };
        let line = format!("about {} in all{besides}; measured here on a few samples:", duration(seconds));
        put(buffer, area.x, area.y, area.width, &line, style(Look::Title));
        let line = format!(
            "{:.0} and {:.0} tok/s written ({:.0} tokens an answer, {:.0} a dialogue), {:.0}% of dialogues accepted, {trained}",
            probe.answers.tokens_per_second,
            probe.dialogues.tokens_per_second,
            probe.answer,
            probe.dialogue,
            100.0 * probe.accepted,
        );
        put_spans(buffer, row(1), &[(line, style(Look::Text))], context.ascii);
    } else {
        let line = "What it will take is not known yet; the forecast measures it on few samples.";
        put_spans(buffer, row(0), &[(line.into(), style(Look::Dim))], context.ascii);
    }
    if let Some(notice) = &state.notice {
        notice.view(context, row(2), buffer);
    }
}

fn measuring(board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let totals = &board.totals;
    let said = one_line(&board.message);
    let word = if board.state == LiveState::Stopping { "Stopping" } else { "Measuring" };
    let speed = match totals.tokens_per_second {
        none if none <= 0.0 => String::new(),
        speed => format!("  {} tok/s", compact(speed.round() as usize)),
    };
    let line = format!("{word}  {said}{speed}");
    let line = fit(&line, usize::from(area.width), context.ascii);
    put(buffer, area.x, area.y, area.width, &line, context.theme.style(Look::Info));
    let bar = part(area, 0, 1, area.width, 1);
    meter(totals.existing, totals.finished, totals.samples_wanted, context, bar, buffer);
}
