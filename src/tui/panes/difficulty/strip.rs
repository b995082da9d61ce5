//! The numbers of the rule in as many rows as they need, the selected one marked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::{Asked, DifficultyState};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, part, put_clean, signs, tint};

/// A number with its name: how they read.
pub(super) struct Item {
    label: &'static str,
    value: String,
}

impl Item {
    /// A mark, the name, the value, and room to the next.
    fn cells(&self) -> u16 {
        (1 + cells(self.label) + 1 + cells(&self.value) + 1) as u16
    }
}

pub(super) fn items(state: &DifficultyState) -> Vec<Item> {
    let k = state.plan.as_ref().map(|plan| plan.selection.k);
    let of = |parameter: super::parameters::Parameter| Item {
        label: parameter.label(),
        value: parameter.value(&state.rule, k),
    };
    state.parameters().into_iter().map(of).collect()
}

/// Rows of items: the index of each, where it begins, and its width.
pub(super) fn rows(items: &[Item], width: u16) -> Vec<Vec<(usize, u16, u16)>> {
    let mut rows: Vec<Vec<(usize, u16, u16)>> = vec![Vec::new()];
    let mut x = 0;
    for (at, item) in items.iter().enumerate() {
        let wide = item.cells();
        if x > 0 && x + wide > width {
            rows.push(Vec::new());
            x = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((at, x, wide));
        }
        x += wide + 1;
    }
    rows
}

/// The row that is drawn first where not all have room: the selected number is in sight.
pub(super) fn first_row(rows: &[Vec<(usize, u16, u16)>], selected: usize, height: u16) -> usize {
    let row = rows.iter().position(|row| row.iter().any(|(at, _, _)| *at == selected)).unwrap_or_default();
    (row + 1).saturating_sub(usize::from(height))
}

pub(super) fn view(state: &DifficultyState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let items = items(state);
    let rows = rows(&items, area.width);
    let first = first_row(&rows, state.parameter, area.height);
    let edited = matches!(&state.ask, Some(ask) if ask.what != Asked::Name);
    for (y, row) in rows.iter().skip(first).take(usize::from(area.height)).enumerate() {
        for &(at, x, wide) in row {
            let place = part(area, x, y as u16, wide, 1);
            let selected = at == state.parameter;
            let mark = if selected { signs(context.ascii).cursor } else { " " };
            let x = put_clean(buffer, place.x, place.y, place.width, mark, style(Look::Key));
            let room = |x: u16| place.right().saturating_sub(x);
            let label = style(if selected { Look::Title } else { Look::Dim });
            let x = put_clean(buffer, x, place.y, room(x), items[at].label, label) + 1;
            let end = put_clean(buffer, x, place.y, room(x), &items[at].value, style(Look::Text));
            if selected && !edited {
                tint(buffer, Rect { x, y: place.y, width: end.saturating_sub(x), height: 1 }, style(Look::Selection));
            }
        }
    }
}
