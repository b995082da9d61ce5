//! Draws the set-up form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::form::Field;
use super::state::{GenerateState, Notice};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, fit, part, put, put_clean, put_spans, rule, signs, tint};

const LABEL: u16 = 13;
/// Fields that keep a whole line to themselves, however wide the pane is.
const LONG: usize = 2;

/// Rows of fields: two short fields share one where there is room.
fn rows(width: u16) -> Vec<&'static [Field]> {
    let (long, short) = Field::ALL[..Field::LINES].split_at(LONG);
    long.chunks(1).chain(short.chunks(if width >= 64 { 2 } else { 1 })).collect()
}

pub fn view(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let title = part(area, 0, 0, area.width, 1);
    let problems = match (state.opened, state.problems) {
        (false, _) => "no session is open".to_owned(),
        (true, count) => format!("the session has {count} problems"),
    };
    let spans = [("Generate samples  ".into(), style(Look::Title)), (problems, style(Look::Dim))];
    put_spans(buffer, title, &spans, context.ascii);

    let rows = rows(area.width);
    // Title, start, help, notice, and a prompt of at least its head and two lines.
    let room = area.height.saturating_sub(7).max(1).min(rows.len() as u16);
    let selected = rows.iter().position(|row| row.contains(&state.form.field())).unwrap_or(rows.len());
    let first = (selected + 1).saturating_sub(usize::from(room)).min(rows.len() - usize::from(room));
    for (line, row) in rows.iter().skip(first).take(usize::from(room)).enumerate() {
        let width = area.width / row.len().max(1) as u16;
        for (index, &field) in row.iter().enumerate() {
            let at = part(area, width * index as u16, 1 + line as u16, width, 1);
            one(state, field, context, at, buffer);
        }
    }
    let foot = area.height.saturating_sub(3);
    prompt(state, context, part(area, 0, 1 + room, area.width, foot.saturating_sub(1 + room)), buffer);
    button(state, context, part(area, 0, foot, area.width, 1), buffer);
    help(state, context, part(area, 0, foot + 1, area.width, 1), buffer);
    if let Some(notice) = &state.notice {
        let (text, look) = match notice {
            Notice::Said(text) => (text, Look::Info),
            Notice::Refused(text) => (text, Look::Bad),
        };
        put(buffer, area.x, area.bottom().saturating_sub(1), area.width, text, style(look));
    }
}

/// A field: label, value, and what is wrong with it.
fn one(state: &GenerateState, field: Field, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let selected = state.form.field() == field;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let x = put_clean(buffer, area.x, area.y, area.width, cursor, style(Look::Key));
    put_clean(buffer, x, area.y, LABEL, field.label(), style(if selected { Look::Title } else { Look::Dim }));
    let Some(input) = state.form.input(field) else { return };
    let error = state.form.error(field);
    let taken = error.map_or(0, |error| cells(error) as u16 + 2).min(area.width / 2);
    let value = part(area, 1 + LABEL, 0, area.width.saturating_sub(2 + LABEL + taken), 1);
    let editing = selected && state.form.editing.is_some();
    input.view(editing, context, value, buffer);
    if input.text().is_empty() && !editing {
        put_clean(buffer, value.x, value.y, value.width, placeholder(field), style(Look::Dim));
    } else if selected && !editing {
        let shown = part(value, 0, 0, (cells(input.text()) as u16).max(1), 1);
        tint(buffer, shown, style(Look::Selection));
    }
    if let Some(error) = error {
        put(buffer, value.right() + 1, area.y, taken, &format!("! {error}"), style(Look::Bad));
    }
}

fn placeholder(field: Field) -> &'static str {
    match field {
        Field::Problems => "(the session's)",
        Field::Limit => "(all)",
        Field::Slots => "(auto)",
        Field::Policy => "(default)",
        Field::Model => "(needed)",
        Field::Samples
        | Field::Turns
        | Field::MaxTokens
        | Field::Temperature
        | Field::TopP
        | Field::TopK
        | Field::MinP
        | Field::RepetitionPenalty
        | Field::Seed
        | Field::Prompt
        | Field::Start => "-",
    }
}

fn prompt(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let selected = state.form.field() == Field::Prompt;
    let error = state.form.error(Field::Prompt);
    let title = error.map_or("prompt".to_owned(), |error| format!("prompt  ! {error}"));
    let look = match (error, selected) {
        (Some(_), _) => Look::Bad,
        (None, true) => Look::Title,
        (None, false) => Look::Dim,
    };
    let border = context.theme.style(if selected { Look::BorderFocus } else { Look::Border });
    let line = part(area, 0, 0, area.width, 1);
    rule(buffer, line, &title, border, context.theme.style(look), context.ascii);
    if selected {
        put_clean(buffer, area.x, area.y, 1, signs(context.ascii).cursor, context.theme.style(Look::Key));
    }
    let inside = part(area, 2, 1, area.width.saturating_sub(2), area.height - 1);
    (&state.form.prompt).render(inside, buffer);
}

fn button(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let selected = state.form.field() == Field::Start;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let x = put_clean(buffer, area.x, area.y, area.width, cursor, context.theme.style(Look::Key));
    let look = if selected { Look::Selection } else { Look::Title };
    put_clean(buffer, x, area.y, area.right().saturating_sub(x), "[ Start ]", context.theme.style(look));
}

fn help(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let field = state.form.field();
    let mut text = field.help().to_owned();
    match field {
        Field::Prompt if state.form.editing.is_some() => {
            text.push_str("  Esc done, Ctrl-R default, Tab next");
        }
        Field::Policy if !state.form.policies().is_empty() => {
            text = format!("How strategies are chosen: {}.", state.form.policies().join(", "));
        }
        _ if state.form.editing.is_some() => text.push_str("  Enter done, Tab next, Esc as before"),
        _ => {}
    }
    let line = fit(&text, usize::from(area.width), context.ascii).into_owned();
    put(buffer, area.x, area.y, area.width, &line, context.theme.style(Look::Dim));
}
