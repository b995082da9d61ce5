//! What the pane knows: runs with their lines, which of them are shown, and how.

use std::collections::BTreeSet;

use super::action::TrainAction;
use crate::records::{LiveBoard, LiveState};
use crate::train::follow::{Reading, RunNews};
use crate::tui::effect::{Effect, Message};
use crate::tui::widgets::ListWindow;
use crate::tui::widgets::plot::{PlotView, Scale, Series, Smoothed};

/// Weights of the exponential mean that `Smooth` goes through; 0 shows the points alone.
const WEIGHTS: [f32; 3] = [0.9, 0.98, 0.0];

/// What is plotted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quantity {
    #[default]
    Loss,
    Rate,
    Norm,
    Speed,
}

impl Quantity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Rate => "learning rate",
            Self::Norm => "gradient norm",
            Self::Speed => "tokens/s",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Loss => Self::Rate,
            Self::Rate => Self::Norm,
            Self::Norm => Self::Speed,
            Self::Speed => Self::Loss,
        }
    }
}

/// A run as its record says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Run {
    pub name: String,
    pub total_steps: Option<u64>,
    pub loss: Smoothed,
    pub validation: Series,
    pub rate: Series,
    pub norm: Series,
    pub speed: Series,
    pub epoch: f64,
    pub tokens: u64,
    /// What happened besides steps, newest last.
    pub events: Vec<String>,
}

/// Events that are kept of a run.
const EVENTS: usize = 200;

impl Run {
    fn new(name: &str, weight: f32) -> Self {
        Self { name: name.to_owned(), loss: Smoothed::new(weight), ..Self::default() }
    }

    fn take(&mut self, reading: &Reading) {
        match reading {
            Reading::Step { step, loss, lr, grad_norm, tokens_per_second, epoch, tokens } => {
                let x = *step as f64;
                self.loss.push(x, *loss as f32);
                self.rate.push(x, *lr as f32);
                self.norm.push(x, *grad_norm as f32);
                self.speed.push(x, *tokens_per_second as f32);
                (self.epoch, self.tokens) = (*epoch, *tokens);
                if !loss.is_finite() {
                    self.note(format!("step {step}: the loss is no number"));
                }
            }
            Reading::Validation { step, loss } => self.validation.push(*step as f64, *loss as f32),
            // That a run began is seen by its points.
            Reading::Event { what, .. } if what == "started" => {}
            Reading::Event { step, what } => self.note(format!("step {step}: {what}")),
        }
    }

    fn note(&mut self, line: String) {
        self.events.push(line);
        if self.events.len() > EVENTS {
            self.events.remove(0);
        }
    }

    pub fn series(&self, quantity: Quantity) -> &Series {
        match quantity {
            Quantity::Loss => &self.loss.points,
            Quantity::Rate => &self.rate,
            Quantity::Norm => &self.norm,
            Quantity::Speed => &self.speed,
        }
    }

    pub fn step(&self) -> u64 {
        self.loss.points.last().map_or(0, |(x, _)| x as u64)
    }
}

#[derive(Debug, Clone, Default)]
pub struct TrainState {
    pub(super) runs: Vec<Run>,
    pub(super) window: ListWindow,
    /// Names of the runs that are laid over the selected one.
    pub(super) overlaid: BTreeSet<String>,
    pub(super) quantity: Quantity,
    pub(super) view: PlotView,
    /// Place in [`WEIGHTS`].
    smoothing: usize,
    /// The board of a training that runs.
    pub(super) board: Option<Box<LiveBoard>>,
    pub(super) read: bool,
}

impl TrainState {
    pub(super) fn selected(&self) -> Option<&Run> {
        self.runs.get(self.window.selected)
    }

    pub(super) fn weight(&self) -> f32 {
        WEIGHTS[self.smoothing % WEIGHTS.len()]
    }

    pub(super) fn running(&self) -> bool {
        let over = |board: &LiveBoard| matches!(board.state, LiveState::Done | LiveState::Failed);
        self.board.as_ref().is_some_and(|board| !over(board))
    }

    /// The board of the training that runs, if it is this run's.
    pub(super) fn board_of(&self, run: &Run) -> Option<&LiveBoard> {
        self.board.as_deref().filter(|board| board.run == run.name)
    }

    /// The selected run and what is laid over it.
    pub(super) fn shown(&self) -> Vec<&Run> {
        let selected = self.selected();
        let over = self.runs.iter().filter(|run| {
            self.overlaid.contains(&run.name) && selected.is_none_or(|selected| selected.name != run.name)
        });
        over.chain(selected).collect()
    }

    fn reach(&self) -> (f64, f64) {
        let ends = self.shown().into_iter().filter_map(|run| {
            let series = run.series(self.quantity);
            Some((series.point(0)?.0, series.last()?.0))
        });
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, 1.0))
    }

    fn news(&mut self, news: &RunNews) {
        let weight = self.weight();
        let at = match self.runs.iter().position(|run| run.name == news.name) {
            Some(at) => at,
            None => {
                let at = self.runs.partition_point(|run| run.name < news.name);
                self.runs.insert(at, Run::new(&news.name, weight));
                // A run that is new is the one to look at.
                self.window.select(at, self.runs.len());
                at
            }
        };
        let run = &mut self.runs[at];
        if news.afresh {
            *run = Run::new(&news.name, weight);
        }
        run.total_steps = news.total_steps.or(run.total_steps);
        news.readings.iter().for_each(|reading| run.take(reading));
    }
}

pub fn update(state: &mut TrainState, action: TrainAction) -> Vec<Effect> {
    let (first, last) = state.reach();
    let len = state.runs.len();
    match action {
        TrainAction::Next => state.window.step(1, len),
        TrainAction::Previous => state.window.step(-1, len),
        TrainAction::Overlay => {
            if let Some(name) = state.selected().map(|run| run.name.clone())
                && !state.overlaid.remove(&name)
            {
                state.overlaid.insert(name);
            }
        }
        TrainAction::Quantity => state.quantity = state.quantity.next(),
        TrainAction::Log => {
            state.view.scale = if state.view.scale == Scale::Log { Scale::Linear } else { Scale::Log };
        }
        TrainAction::Smooth => {
            state.smoothing += 1;
            let weight = state.weight();
            state.runs.iter_mut().for_each(|run| run.loss.set_weight(weight));
        }
        TrainAction::CursorLeft => state.view.move_cursor(-0.02, first, last),
        TrainAction::CursorRight => state.view.move_cursor(0.02, first, last),
        TrainAction::ZoomIn => state.view.zoom(true, first, last),
        TrainAction::ZoomOut => state.view.zoom(false, first, last),
        TrainAction::PanLeft => state.view.pan(false, first, last),
        TrainAction::PanRight => state.view.pan(true, first, last),
        TrainAction::Whole => state.view.whole(),
        TrainAction::Pause => {
            let paused = state.board.as_ref().is_some_and(|board| board.state == LiveState::Paused);
            return steer(state, if paused { Effect::ResumeJob } else { Effect::PauseJob });
        }
        TrainAction::Stop => return steer(state, Effect::StopJob),
        TrainAction::Checkpoint => return steer(state, training("checkpoint", serde_json::Value::Null)),
        TrainAction::Slower => return steer(state, choice("lower_rate")),
        TrainAction::Skip => return steer(state, choice("skip")),
        TrainAction::RollBack => return steer(state, choice("roll_back")),
    }
    Vec::new()
}

fn training(verb: &'static str, arguments: serde_json::Value) -> Effect {
    Effect::SteerTraining { verb, arguments }
}

fn choice(to: &str) -> Effect {
    training("choose", serde_json::json!({ "to": to }))
}

/// Asked of the training that runs; nothing is asked where none does.
fn steer(state: &TrainState, effect: Effect) -> Vec<Effect> {
    if state.running() { vec![effect] } else { Vec::new() }
}

pub fn receive(state: &mut TrainState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Opened { .. } => *state = TrainState { window: state.window, ..TrainState::default() },
        Message::Runs(runs) => {
            runs.iter().for_each(|news| state.news(news));
            state.read = true;
        }
        Message::Live(board) if board.job == crate::jobs::TRAINING => state.board = Some(board.clone()),
        _ => {}
    }
    Vec::new()
}
