//! The curves of the selected run and of those laid over it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::run::Quantity;
use super::state::TrainState;
use crate::tui::view::ViewContext;
use crate::tui::widgets::plot::{Line, OfRun, plot};

/// What is plotted.
pub(super) fn lines(state: &TrainState) -> Vec<Line<'_>> {
    let shown = state.shown();
    let of = shown.len();
    let mut lines = Vec::new();
    for (at, run) in shown.into_iter().enumerate() {
        let own = OfRun { at, of, name: &run.name, quantity: state.quantity.name() };
        if state.quantity != Quantity::Loss {
            lines.push(own.line(run.series(state.quantity)));
            continue;
        }
        lines.extend(own.smoothed(&run.loss));
        if own.selected() && !run.validation.is_empty() {
            lines.push(OfRun::marks(&run.validation, "validation"));
        }
    }
    lines
}

pub(super) fn view(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    plot(&lines(state), &state.hand.view, state.hand.dots(context.dots), context, area, buffer);
}
