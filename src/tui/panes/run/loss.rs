//! The loss of the training that runs, or of the last one of the pass.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::train::runs::follow::{Reading, RunNews};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::plot::{Draw, Line, PlotView, Series, Smoothed, plot};

/// Weight of the exponential mean over the points.
const WEIGHT: f32 = 0.9;

#[derive(Debug, Clone)]
struct Curve {
    loss: Smoothed,
    validation: Series,
}

impl Default for Curve {
    fn default() -> Self {
        Self { loss: Smoothed::new(WEIGHT), validation: Series::default() }
    }
}

/// The curves of the session's trainings, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses(BTreeMap<String, Curve>);

impl Losses {
    pub fn take(&mut self, news: &RunNews) {
        if news.gone {
            self.0.remove(&news.name);
            return;
        }
        if news.afresh {
            self.0.remove(&news.name);
        }
        let curve = self.0.entry(news.name.clone()).or_default();
        for reading in &news.readings {
            match reading {
                Reading::Step { step, loss, .. } => curve.loss.push(*step as f64, *loss as f32),
                Reading::Validation { step, loss } => curve.validation.push(*step as f64, *loss as f32),
                Reading::Event { .. } => {}
            }
        }
    }

    /// The first of these runs that has a curve.
    pub fn first<'a>(&self, runs: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        runs.into_iter().find(|run| self.0.get(*run).is_some_and(|curve| !curve.loss.points.is_empty()))
    }

    pub fn view(&self, run: Option<&str>, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let Some((run, curve)) = run.and_then(|run| self.0.get_key_value(run)) else {
            let line = "No training of the pass has begun.";
            crate::tui::widgets::paint::put(
                buffer,
                area.x + 1,
                area.y,
                area.width,
                line,
                context.theme.style(Look::Dim),
            );
            return;
        };
        let line = |series, look, draw, sign, label| Line { series, look, draw, sign, label };
        let mut lines = vec![
            // The points themselves are pale behind their mean.
            line(&curve.loss.points, Look::Dim, Draw::Line, '.', "loss"),
            line(&curve.loss.mean, Look::Good, Draw::Line, '*', run.as_str()),
        ];
        if !curve.validation.is_empty() {
            lines.push(line(&curve.validation, Look::Key, Draw::Marks, 'o', "validation"));
        }
        plot(&lines, &PlotView::default(), context.dots, context, area, buffer);
    }
}
