//! The curves of the selected run and of those laid over it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::run::Quantity;
use super::state::TrainState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::plot::{Draw, Line, plot};

/// Signs of overlaid runs, in their order.
const SIGNS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
const LOOKS: [Look; 4] = [Look::Warn, Look::Info, Look::Marker, Look::Bad];

/// What is plotted.
pub(super) fn lines(state: &TrainState) -> Vec<Line<'_>> {
    let shown = state.shown();
    let alone = shown.len() == 1;
    let count = shown.len();
    let mut lines = Vec::new();
    for (at, run) in shown.into_iter().enumerate() {
        let selected = at + 1 == count;
        let look = if selected { Look::Good } else { LOOKS[at % LOOKS.len()] };
        let sign = if alone { '*' } else { SIGNS[at % SIGNS.len()] };
        let own = if alone { Draw::Line } else { Draw::Signed };
        let line = |series, look, draw, sign, label| Line { series, look, draw, sign, label };
        if state.quantity == Quantity::Loss && !run.loss.mean.is_empty() {
            // The points themselves are pale behind their mean.
            lines.push(line(&run.loss.points, Look::Dim, Draw::Line, '.', if selected { "loss" } else { "" }));
            lines.push(line(&run.loss.mean, look, own, sign, if alone { "mean" } else { &run.name }));
        } else {
            let label = if alone { state.quantity.name() } else { &run.name };
            lines.push(line(run.series(state.quantity), look, own, sign, label));
        }
        if state.quantity == Quantity::Loss && selected && !run.validation.is_empty() {
            lines.push(line(&run.validation, Look::Key, Draw::Marks, 'o', "validation"));
        }
    }
    lines
}

pub(super) fn view(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let dots = state.dots.unwrap_or(context.dots);
    plot(&lines(state), &state.view, dots, context, area, buffer);
}
