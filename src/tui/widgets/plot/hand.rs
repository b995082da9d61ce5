//! What a person has made of a pane's plots: which part is seen, what they are drawn with, how much they are smoothed. The lines and the
//! keys are the pane's.

use crossterm::event::{MouseButton, MouseEventKind};

use super::{Dots, PlotView, Scale};

/// Weights of the exponential mean that smoothing goes through; 0 shows the points alone.
const WEIGHTS: [f32; 3] = [0.9, 0.98, 0.0];
/// How far a key moves the crosshair, as a share of the window.
const STEP: f64 = 0.02;

/// Done to plots by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Log,
    Smooth,
    Dots,
    CursorLeft,
    CursorRight,
    ZoomIn,
    ZoomOut,
    PanLeft,
    PanRight,
    Whole,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hand {
    pub view: PlotView,
    /// What plots are drawn with, if not what the terminal has.
    dots: Option<Dots>,
    /// What the terminal has.
    usual: Dots,
    /// Place in [`WEIGHTS`].
    smoothing: usize,
}

impl Hand {
    /// Tells what the terminal has.
    pub fn set_usual(&mut self, dots: Dots) {
        self.usual = dots;
    }

    /// The same for other lines: all of them is seen.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self { view: PlotView::default(), ..self.clone() }
    }

    /// What to draw with where the terminal has this.
    pub fn dots(&self, usual: Dots) -> Dots {
        self.dots.unwrap_or(usual)
    }

    /// Weight of the mean; whoever has the lines smooths them.
    pub fn weight(&self) -> f32 {
        WEIGHTS[self.smoothing % WEIGHTS.len()]
    }

    /// Does what a key says, to lines from `first` to `last`.
    pub fn turn(&mut self, turn: Turn, (first, last): (f64, f64)) {
        let view = &mut self.view;
        match turn {
            Turn::Log => view.scale = if view.scale == Scale::Log { Scale::Linear } else { Scale::Log },
            Turn::Smooth => self.smoothing += 1,
            Turn::Dots => self.dots = Some(self.dots.unwrap_or(self.usual).next()),
            Turn::CursorLeft => view.move_cursor(-STEP, first, last),
            Turn::CursorRight => view.move_cursor(STEP, first, last),
            Turn::ZoomIn => view.zoom(true, first, last),
            Turn::ZoomOut => view.zoom(false, first, last),
            Turn::PanLeft => view.pan(false, first, last),
            Turn::PanRight => view.pan(true, first, last),
            Turn::Whole => view.whole(),
        }
    }

    /// The mouse at a place of the plot: the crosshair goes there, the wheel zooms there, the right button puts it away.
    pub fn mouse(&mut self, kind: MouseEventKind, at: f64, (first, last): (f64, f64)) {
        self.view.put_cursor(at, first, last);
        match kind {
            MouseEventKind::ScrollUp => self.view.zoom(true, first, last),
            MouseEventKind::ScrollDown => self.view.zoom(false, first, last),
            MouseEventKind::Down(MouseButton::Right) => self.view.drop_cursor(),
            _ => {}
        }
    }

    /// How plots are drawn, for the foot of a pane; whether they are smoothed, the pane knows.
    pub fn words(&self, smoothed: bool) -> String {
        let log = if self.view.scale == Scale::Log { ", log axis" } else { "" };
        let mean = match self.weight() {
            weight if weight > 0.0 && smoothed => format!(", mean {weight}"),
            _ => String::new(),
        };
        let follows = if self.view.follows() { "" } else { ", earlier steps" };
        format!("{log}{mean}{follows}")
    }
}
