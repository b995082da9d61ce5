//! Draws the set-up form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::Field;
use super::learnt;
use super::state::TrainState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{fit, one_line, part, put, put_clean, put_spans, signs};

pub(super) fn view(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let (head, (rest, look)) = title(state);
    put_spans(buffer, row(0), &[(head, style(Look::Title)), (rest, style(look))], context.ascii);
    // Title, buttons, help and notice.
    let room = area.height.saturating_sub(4).min(state.form.fields.height(area.width));
    state.form.fields.view(context, part(area, 0, 1, area.width, room), buffer);
    let foot = area.height.saturating_sub(3);
    let x = button(state, Field::Preview, "[ Preview the tokens ]", context, row(foot), buffer);
    button(state, Field::Start, "[ Start ]", context, part(row(foot), x - area.x + 2, 0, area.width, 1), buffer);
    let mut help = state.form.field().help().to_owned();
    if state.form.fields.editing() {
        help.push_str("  Enter done, Tab next, Esc as before");
    }
    let help = fit(&help, usize::from(area.width), context.ascii).into_owned();
    put(buffer, area.x, area.y + foot + 1, area.width, &help, style(Look::Dim));
    if let Some(notice) = &state.notice {
        notice.view(context, row(area.height.saturating_sub(1)), buffer);
    }
}

/// What the form is about: a new run and what it would learn from, or one that goes on.
fn title(state: &TrainState) -> (String, (String, Look)) {
    let name = state.form.text(Field::Run);
    match state.runs.iter().find(|run| run.name == name) {
        Some(run) => {
            let of = run.total_steps.map_or(String::new(), |total| format!(" of {total}"));
            let rest = format!("it is at step {}{of}; another name begins anew", run.step());
            (format!("Go on with {}  ", one_line(name)), (rest, Look::Dim))
        }
        None => ("New training  ".into(), learnt::words(state)),
    }
}

fn button(state: &TrainState, field: Field, text: &str, context: &ViewContext, area: Rect, buffer: &mut Buffer) -> u16 {
    let selected = state.form.field() == field;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let x = put_clean(buffer, area.x, area.y, area.width, cursor, context.theme.style(Look::Key));
    let look = if selected { Look::Selection } else { Look::Title };
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), text, context.theme.style(look))
}
