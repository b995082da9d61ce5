//! Lines of several runs over one another: what tells them apart.

use super::{Draw, Line, Series, Smoothed};
use crate::tui::theme::Look;

/// Signs of runs, in their order.
const SIGNS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
const LOOKS: [Look; 4] = [Look::Warn, Look::Info, Look::Marker, Look::Bad];

/// One of the runs in a plot; the last one is that which is selected.
#[derive(Debug, Clone, Copy)]
pub struct OfRun<'a> {
    pub at: usize,
    pub of: usize,
    pub name: &'a str,
    /// What is plotted: the name of a run that is alone goes without saying.
    pub quantity: &'a str,
}

impl<'a> OfRun<'a> {
    pub fn selected(self) -> bool {
        self.at + 1 == self.of
    }

    pub fn line(self, series: &'a Series) -> Line<'a> {
        let alone = self.of == 1;
        Line {
            series,
            look: if self.selected() { Look::Good } else { LOOKS[self.at % LOOKS.len()] },
            draw: if alone { Draw::Line } else { Draw::Signed },
            sign: if alone { '*' } else { SIGNS[self.at % SIGNS.len()] },
            label: if alone { self.quantity } else { self.name },
        }
    }

    /// The mean, and the points themselves pale behind it; the points alone where there is no mean.
    pub fn smoothed(self, curve: &'a Smoothed) -> Vec<Line<'a>> {
        if curve.mean.is_empty() {
            return vec![self.line(&curve.points)];
        }
        let label = if self.selected() { self.quantity } else { "" };
        let points = Line { series: &curve.points, look: Look::Dim, draw: Draw::Line, sign: '.', label };
        let mean = self.line(&curve.mean);
        let label = if self.of == 1 { "mean" } else { mean.label };
        vec![points, Line { label, ..mean }]
    }

    /// A few points that belong to a line, such as those of validation.
    pub fn marks(series: &'a Series, label: &'a str) -> Line<'a> {
        Line { series, look: Look::Key, draw: Draw::Marks, sign: 'o', label }
    }
}
