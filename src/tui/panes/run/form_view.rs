//! Draws the set-up form, the recipes that there are, and what is wrong with the one that was asked for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::Field;
use super::state::RunState;
use crate::pipeline::recipe::Recipe;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{fit, part, put, put_clean, put_lines, put_spans, signs};

pub(super) fn view(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
    let rest = match &state.progress {
        Some(_) => "this session has its pass already: another recipe needs another session",
        None => "a whole pass in this session; what is here stays",
    };
    let head = [("Set up a pass  ".to_owned(), style(Look::Title)), (rest.to_owned(), style(Look::Dim))];
    put_spans(buffer, row(0, 1), &head, context.ascii);
    // Title, button, help and notice.
    let fields = area.height.saturating_sub(4).min(state.form.fields.height(area.width));
    state.form.fields.view(context, row(1, fields), buffer);
    let button = fields + 1;
    let selected = state.form.field() == Field::Plan;
    let cursor = if selected { signs(context.ascii).cursor } else { " " };
    let x = put_clean(buffer, area.x, area.y + button, area.width, cursor, style(Look::Key));
    let look = if selected { Look::Selection } else { Look::Title };
    put_clean(buffer, x, area.y + button, area.width.saturating_sub(1), "[ Show the plan ]", style(look));
    let mut help = state.form.field().help().to_owned();
    if state.form.fields.editing() {
        help.push_str("  Enter done, Tab next, Esc as before");
    }
    let help = fit(&help, usize::from(area.width), context.ascii).into_owned();
    put(buffer, area.x, area.y + button + 1, area.width, &help, style(Look::Dim));
    let below = row(button + 3, area.height.saturating_sub(button + 4));
    match &state.form.wrong {
        Some(wrong) => put_lines(buffer, below, &format!("! {wrong}"), style(Look::Bad)),
        None => recipes(state, context, below, buffer),
    };
    if let Some(notice) = &state.notice {
        notice.view(context, row(area.height.saturating_sub(1), 1), buffer);
    }
}

/// The recipes that come with the program.
fn recipes(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let widest = Recipe::known().iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (y, (name, about)) in (0..area.height).zip(Recipe::known()) {
        let chosen = *name == state.form.text(Field::Recipe);
        let mark = if chosen { signs(context.ascii).dot } else { " " };
        let line = [
            (format!(" {mark} {name:<widest$}  "), context.theme.style(if chosen { Look::Title } else { Look::Text })),
            (about.clone(), context.theme.style(Look::Dim)),
        ];
        put_spans(buffer, part(area, 0, y, area.width, 1), &line, context.ascii);
    }
}
