//! Draws the set-up form.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::Field;
use super::state::GenerateState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{fit, part, put, put_clean, put_spans, rule, signs};

pub fn view(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let title = part(area, 0, 0, area.width, 1);
    let problems = match (state.opened, state.problems) {
        (false, _) => "no session is open".to_owned(),
        (true, count) => format!("the session has {count} problems"),
    };
    let unused = if state.form.asks_servers() { "  not used: slots, compute" } else { "" };
    let spans = [
        ("Generate samples  ".into(), style(Look::Title)),
        (problems, style(Look::Dim)),
        (unused.into(), style(Look::Dim)),
    ];
    put_spans(buffer, title, &spans, context.ascii);

    // Title, start, help, notice, and a prompt of at least its head and two lines.
    let room = area.height.saturating_sub(7).max(1).min(state.form.fields.height(area.width));
    state.form.fields.view(context, part(area, 0, 1, area.width, room), buffer);
    let foot = area.height.saturating_sub(3);
    prompt(state, context, part(area, 0, 1 + room, area.width, foot.saturating_sub(1 + room)), buffer);
    button(state, context, part(area, 0, foot, area.width, 1), buffer);
    help(state, context, part(area, 0, foot + 1, area.width, 1), buffer);
    if let Some(notice) = &state.notice {
        notice.view(context, part(area, 0, area.height.saturating_sub(1), area.width, 1), buffer);
    }
}

fn prompt(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let selected = state.form.field() == Field::Prompt;
    let error = state.form.prompt_error.as_deref();
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
    state.form.prompt.view(inside, buffer);
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
    let mut text = state.form.help().to_owned();
    match field {
        Field::Prompt if state.form.editing() => {
            text.push_str("  Esc done, Ctrl-R default, Tab next");
        }
        Field::Policy if !state.form.policies().is_empty() => {
            text = format!("How strategies are chosen: {}.", state.form.policies().join(", "));
        }
        _ if state.form.editing() => text.push_str("  Enter done, Tab next, Esc as before"),
        _ => {}
    }
    let line = fit(&text, usize::from(area.width), context.ascii).into_owned();
    put(buffer, area.x, area.y, area.width, &line, context.theme.style(Look::Dim));
}
