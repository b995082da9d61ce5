//! What lies over the pane: a list to choose from, and the settings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::picker_rows;
use super::picker::{Pick, Picker};
use super::settings::SettingsForm;
use super::state::{ChatState, Mode};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::frame::{FRAME_CELLS, frame};
use crate::tui::widgets::paint::{cells, fit, one_line, part, put, put_clean, put_spans, tint};

/// Columns of the boxes at most.
const WIDEST: u16 = 110;
/// Cells of a name in the list at most.
const NAME: usize = 28;

pub fn view(state: &ChatState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match &state.mode {
        Mode::Browse | Mode::Writing => {}
        Mode::Pick(picker) => list(picker, state.two(), context, area, buffer),
        Mode::Settings(form) => settings(form, context, area, buffer),
    }
}

fn list(picker: &Picker, two: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let width = area.width.saturating_sub(FRAME_CELLS).min(WIDEST);
    // Models are few; of problems there are mostly more than fit, and a box that changes its size with every letter is restless.
    let rows = match picker.what {
        Pick::Model(_) => picker_rows(area.height).min((picker.rows.len() as u16).max(4)),
        Pick::Problem => picker_rows(area.height),
    };
    let inside = frame(width, rows + 2, picker.title(two), context, area, buffer);
    let label = match picker.what {
        Pick::Model(_) => "words or a path ",
        Pick::Problem => "words or an id ",
    };
    let x = put(buffer, inside.x, inside.y, inside.width, label, style(Look::Dim));
    let field = Rect { x, width: inside.right().saturating_sub(x), height: 1, ..inside };
    picker.input.view(true, context, field, buffer);
    let rows = part(inside, 0, 1, inside.width, inside.height.saturating_sub(2));
    if picker.rows.is_empty() {
        let line = match (picker.what, picker.waiting) {
            (_, true) => "looking...",
            (Pick::Problem, false) => "no problem of the session has these words",
            (Pick::Model(_), false) => "none",
        };
        put(buffer, rows.x, rows.y, rows.width, line, style(Look::Dim));
    }
    let names = picker.rows.iter().map(|row| cells(&one_line(&row.name))).max().unwrap_or(0).min(NAME);
    for (line, at) in picker.window.rows(picker.rows.len()).enumerate().take(usize::from(rows.height)) {
        let row = &picker.rows[at];
        let place = part(rows, 0, line as u16, rows.width, 1);
        let name = one_line(&row.name);
        let name = fit(&name, names, context.ascii);
        put_clean(buffer, place.x, place.y, place.width, &name, style(Look::Text));
        let more = part(place, names as u16 + 2, 0, place.width.saturating_sub(names as u16 + 2), 1);
        put_spans(buffer, more, &[(row.more.clone(), style(Look::Dim))], context.ascii);
        if at == picker.window.selected {
            tint(buffer, place, style(Look::Selection));
        }
    }
    let foot = part(inside, 0, inside.height.saturating_sub(1), inside.width, 1);
    let of = if picker.rows.is_empty() { 0 } else { picker.window.selected + 1 };
    let keys = format!("Enter chooses  Up, Down move  Esc leaves  {of}/{}", picker.rows.len());
    put_spans(buffer, foot, &[(keys, style(Look::Dim))], context.ascii);
}

fn settings(form: &SettingsForm, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let width = area.width.saturating_sub(FRAME_CELLS).min(76);
    let fields = form.fields.height(width);
    let inside = frame(width, fields + 2, "How they answer", context, area, buffer);
    form.fields.view(context, part(inside, 0, 0, inside.width, inside.height.saturating_sub(2)), buffer);
    let help = form.fields.help().unwrap_or_default();
    for (row, line) in [help, "Enter sets all  Tab next  Esc leaves it as it was"].into_iter().enumerate() {
        let place = part(inside, 0, inside.height.saturating_sub(2) + row as u16, inside.width, 1);
        put_spans(buffer, place, &[(line.to_owned(), style(Look::Dim))], context.ascii);
    }
}
