//! Draws the pane: the list of evaluations, tabs, the lines of one or two panels; or the form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::content::{sampling, title};
use super::form::Field;
use super::layout::{Layout, wide};
use super::lines::{Bar, Line, Panel};
use super::state::{EvalState, Screen, Tab};
use crate::pipeline::eval::{EvalKey, Listed};
use crate::records::{LiveBoard, LiveState};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::interval as bars;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{
    cells, column, compact, duration, fit, fit_tail, one_line, part, put, put_clean, put_spans, rule, signs, tint,
};

/// Cells of a line's label and of its number.
const LABEL: usize = 18;
const NUMBER: usize = 22;
/// Of a bar: least and most.
const BAR: (u16, u16) = (8, 30);

pub fn view(state: &EvalState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if state.screen == Screen::Setup {
        return form(state, context, area, buffer);
    }
    let layout = Layout::of(area, state.listed.len());
    if state.listed.is_empty() {
        none(state, context, area, buffer);
        return foot(state, context, layout.foot, buffer);
    }
    list(state, context, &layout, buffer);
    tabs(state, context, &layout, buffer);
    let right = wide(area.width) && state.tab.right();
    panel(&state.panels[0], state.inside && !right, context, layout.left, buffer);
    if layout.right.width > 0 {
        let border = context.theme.style(if context.focused { Look::BorderFocus } else { Look::Border });
        column(buffer, layout.column, border, context.ascii);
        panel(&state.panels[1], state.inside && right, context, layout.right, buffer);
    }
    foot(state, context, layout.foot, buffer);
}

fn none(state: &EvalState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let lines: &[&str] = match (state.opened, state.read) {
        (false, _) => &["Open a session to see what its models score."],
        (true, false) => &["Reading the evaluations ..."],
        (true, true) => &[
            "No evaluation yet.",
            "",
            "n sets one up: a model answers problems that are held out (any file, such as",
            "GSM8K, MATH-500 or AIME) and its answers are graded. Those of `cribble eval`",
            "and `cribble run` stand here too.",
        ],
    };
    for (row, line) in lines.iter().enumerate() {
        let look = if row == 0 { Look::Title } else { Look::Text };
        let place = part(area, 1, row as u16, area.width.saturating_sub(2), 1);
        let line = fit(line, usize::from(place.width), context.ascii);
        put(buffer, place.x, place.y, place.width, &line, context.theme.style(look));
    }
}

/// Which columns a list so wide has, and how wide its name and its bar are.
struct Columns {
    name: usize,
    problems: bool,
    bar: u16,
    tokens: bool,
    sampling: bool,
}

impl Columns {
    fn of(width: u16) -> Self {
        // Mark, name, n, pass@1.
        let mut left = width.saturating_sub(2 + 14 + 8 + NUMBER as u16);
        let mut take = |cells: u16| {
            let fits = left >= cells;
            left -= if fits { cells } else { 0 };
            fits
        };
        let tokens = take(16);
        let bar = take(BAR.0 + 1);
        let problems = take(9);
        let name = take(6);
        let sampling = take(40);
        let more = if sampling { (left / 3).min(12) } else { left.min(BAR.1 - BAR.0) };
        Self { name: if name { 20 } else { 14 }, problems, bar: if bar { BAR.0 + more } else { 0 }, tokens, sampling }
    }
}

fn list(state: &EvalState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let columns = Columns::of(layout.list.width);
    let heads = cells_of(&columns, ["", "evaluation", "problems", "n", "pass@1 [95%]"], context);
    let x = put_clean(buffer, layout.head.x, layout.head.y, layout.head.width, &heads, style(Look::Dim));
    let mut after = String::new();
    if columns.tokens {
        after.push_str(" tokens cut off ");
    }
    if columns.sampling {
        after.push_str(" sampling, model");
    }
    let bar = if columns.bar > 0 { columns.bar + 1 } else { 0 };
    put_clean(buffer, x + bar, layout.head.y, layout.head.right().saturating_sub(x + bar), &after, style(Look::Dim));
    // What the selected one is compared with.
    let against = state.against().map(Listed::key);
    for (row, at) in state.window.rows(state.listed.len()).enumerate().take(usize::from(layout.list.height)) {
        let area = part(layout.list, 0, row as u16, layout.list.width, 1);
        entry((state, at), against.as_ref(), &columns, context, area, buffer);
    }
}

/// The first columns of a row.
fn cells_of(columns: &Columns, [mark, name, problems, n, pass]: [&str; 5], context: &ViewContext) -> String {
    let problems = if columns.problems { format!("{problems:>8} ") } else { String::new() };
    let name = fit_tail(name, columns.name - 1, context.ascii).into_owned();
    let pad = (columns.name).saturating_sub(cells(&name));
    format!("{mark:<2}{name}{}{problems}{n:<7} {pass:<width$}", " ".repeat(pad), width = NUMBER)
}

fn entry(
    (state, at): (&EvalState, usize),
    against: Option<&EvalKey>,
    columns: &Columns,
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let listed: &Listed = &state.listed[at];
    let score = &listed.score;
    let selected = at == state.window.selected;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let against = against.is_some_and(|against| *against == listed.key());
    let marked = state.mark.as_ref() == Some(&listed.key());
    let mark = format!(
        "{cursor}{}",
        if marked {
            "*"
        } else if against {
            "-"
        } else {
            " "
        }
    );
    let n = if listed.greedy() { "greedy".to_owned() } else { format!("x{}", score.n) };
    let pass = score.pass_at_1.percent();
    let name = one_line(&listed.eval.name);
    let text = cells_of(columns, [&mark, &name, &score.problems.to_string(), &n, &pass], context);
    let look = if selected { if state.inside { Look::Title } else { Look::Selection } } else { Look::Text };
    let mut x = put_clean(buffer, area.x, area.y, area.width, &text, style(look));
    if columns.bar > 0 {
        bars::share(&score.pass_at_1, context, part(area, x - area.x, 0, columns.bar, 1), buffer);
        x += columns.bar + 1;
    }
    let mut after = String::new();
    if columns.tokens {
        after = format!("{:>7.1} {:>6.1}% ", score.mean_tokens, 100.0 * score.truncated);
    }
    if columns.sampling {
        after.push_str(&format!(" {}  {}", sampling(listed), one_line(&listed.eval.model)));
    }
    let room = area.right().saturating_sub(x);
    let after = fit(&after, usize::from(room), context.ascii);
    put_clean(buffer, x, area.y, room, &after, style(Look::Text));
}

fn tabs(state: &EvalState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let area = layout.rule;
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, area, "", line, style(Look::Title), context.ascii);
    let name = state.selected().map_or(String::new(), |selected| one_line(&selected.eval.name));
    let name = fit_tail(&name, usize::from((area.width / 4).min(24)), context.ascii).into_owned();
    let mut x = put_clean(buffer, area.x + 1, area.y, area.width, &format!(" {name} "), style(Look::Title)) + 1;
    let two = layout.right.width > 0;
    for tab in Tab::ALL {
        if two && tab == Tab::Against {
            below(&state.panels[0], layout.left, area, x + 1, context, buffer);
            x = x.max(layout.right.x);
        }
        let mut text = title(tab).to_owned();
        if let (Tab::Against, Some(against)) = (tab, state.against()) {
            let room = if two { 24 } else { 10 };
            text = format!("{text} {}", fit_tail(&one_line(&against.eval.name), room, context.ascii));
        }
        let chosen = tab == state.tab;
        let text = if chosen { format!("[{text}]") } else { format!(" {text} ") };
        let room = area.right().saturating_sub(x);
        x = put_clean(buffer, x, area.y, room, &text, style(if chosen { Look::Title } else { Look::Dim }));
    }
    let (last, place) = if two { (1, layout.right) } else { (0, layout.left) };
    below(&state.panels[last], place, area, x + 1, context, buffer);
}

fn panel(panel: &Panel, inside: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    for (row, at) in panel.window.rows(panel.lines.len()).enumerate().take(usize::from(area.height)) {
        let selected = inside && at == panel.window.selected;
        line(&panel.lines[at], selected, context, part(area, 0, row as u16, area.width, 1), buffer);
    }
}

/// How many lines lie below a panel, at the end of the rule above it.
fn below(panel: &Panel, area: Rect, rule: Rect, free: u16, context: &ViewContext, buffer: &mut Buffer) {
    let below = panel.lines.len().saturating_sub(panel.window.top + usize::from(area.height));
    let text = format!(" {} {below} ", signs(context.ascii).down);
    let x = area.right().saturating_sub(cells(&text) as u16 + 1);
    if below > 0 && x >= free {
        put_clean(buffer, x, rule.y, area.right().saturating_sub(x), &text, context.theme.style(Look::Dim));
    }
}

fn line(line: &Line, selected: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let mut x = put_clean(buffer, area.x, area.y, area.width, cursor, style(Look::Key));
    let look = line.look.unwrap_or(Look::Text);
    let room = |x: u16| area.right().saturating_sub(x);
    let label = one_line(&line.label);
    if line.head {
        put_clean(buffer, x, area.y, room(x), &fit(&label, usize::from(room(x)), context.ascii), style(look));
        return;
    }
    // The end of an id tells it apart.
    let shown = fit_tail(&label, LABEL - 1, context.ascii);
    let begin = x;
    put_clean(buffer, x, area.y, room(x), &shown, style(look));
    if selected {
        tint(buffer, part(area, begin - area.x, 0, cells(&shown) as u16, 1), style(Look::Selection));
    }
    x = area.x + 1 + LABEL as u16;
    let text = one_line(&line.text);
    let wide = if line.bar.is_none() && line.note.is_empty() { usize::from(room(x)) } else { NUMBER };
    let number = style(if line.look.is_some() { look } else { Look::Text });
    let end = put_clean(buffer, x, area.y, room(x), &fit(&text, wide, context.ascii), number);
    x = if line.bar.is_some() { x + NUMBER as u16 } else { end + 2 };
    if let Some(bar) = &line.bar {
        // As wide in every line, so that bars can be compared; what is said in words has the rest.
        let width = (room(x) / 2).clamp(BAR.0, BAR.1);
        if room(x) < width {
            return;
        }
        let place = part(area, x - area.x, 0, width, 1);
        match bar {
            Bar::Share(of) => bars::share(of, context, place, buffer),
            Bar::Change(of, scale) => bars::change(of, *scale, context, place, buffer),
        }
        x = place.right() + 2;
    }
    if room(x) >= 8 {
        let note = one_line(&line.note);
        put_clean(buffer, x, area.y, room(x), &fit(&note, usize::from(room(x)), context.ascii), style(Look::Dim));
    }
}

/// What was said, or how the evaluation that runs is getting on.
fn foot(state: &EvalState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if let Some(notice) = &state.notice {
        return notice.view(context, area, buffer);
    }
    match &state.board {
        Some(board) if state.runs() => job(board, context, area, buffer),
        _ if state.starting => {
            put(buffer, area.x, area.y, area.width, "Starting ...", style(Look::Info));
        }
        _ => {
            let working = state.asked.len();
            if working > 0 {
                put(buffer, area.x, area.y, area.width, "scores are being worked out ...", style(Look::Dim));
            }
        }
    }
}

fn job(board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let (word, look) = match board.state {
        LiveState::Starting => ("Starting", Look::Info),
        LiveState::Running => ("Evaluating", Look::Good),
        LiveState::Paused => ("Paused", Look::Warn),
        LiveState::Waiting => ("Waiting", Look::Warn),
        LiveState::Stopping => ("Stopping", Look::Warn),
        LiveState::Done => ("Done", Look::Good),
        LiveState::Failed => ("Failed", Look::Bad),
    };
    let totals = &board.totals;
    let done = totals.existing + totals.finished;
    let mut text = format!("  {}/{} answers", compact(done), compact(totals.samples_wanted));
    if board.state == LiveState::Starting || !board.message.is_empty() {
        text = format!("  {}", one_line(&board.message));
    } else {
        text.push_str(&format!("  {:.0} tok/s", totals.tokens_per_second.max(0.0)));
        text.push_str(&totals.eta_seconds.map_or(String::new(), |eta| format!("  {} left", duration(eta))));
    }
    let spans = [(word.to_owned(), style(look)), (text, style(Look::Text))];
    let x = put_spans(buffer, area, &spans, context.ascii) + 2;
    let room = area.right().saturating_sub(x);
    if room >= 14 {
        meter(
            totals.existing,
            totals.finished,
            totals.samples_wanted,
            context,
            Rect { x, width: room, ..area },
            buffer,
        );
    }
}

fn form(state: &EvalState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let rest = "a model answers problems that are held out";
    put_spans(
        buffer,
        row(0),
        &[("New evaluation  ".into(), style(Look::Title)), (rest.into(), style(Look::Dim))],
        context.ascii,
    );
    let fields = &state.form.fields;
    let room = area.height.saturating_sub(5).min(fields.height(area.width));
    fields.view(context, part(area, 0, 2, area.width, room), buffer);
    let foot = area.height.saturating_sub(3);
    let selected = state.form.field() == Field::Start;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let x = put_clean(buffer, area.x, area.y + foot, area.width, cursor, style(Look::Key));
    let look = if selected { Look::Selection } else { Look::Title };
    put_clean(buffer, x, area.y + foot, area.right().saturating_sub(x), "[ Start ]", style(look));
    let mut help = state.form.help().to_owned();
    if fields.editing() {
        help.push_str("  Enter done, Tab next, Esc as before");
    }
    let help = fit(&help, usize::from(area.width), context.ascii).into_owned();
    put(buffer, area.x, area.y + foot + 1, area.width, &help, style(Look::Dim));
    if let Some(notice) = &state.notice {
        notice.view(context, row(area.height.saturating_sub(1)), buffer);
    }
}
