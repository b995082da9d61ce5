//! What the pane knows: the pass as the session keeps it, the board of what is at work, and what is being set up or read.

use ratatui::layout::Rect;
use std::sync::Arc;

use super::form::{Field, Form};
use super::hardness::Hardness;
use super::layout::Layout;
use super::loss::Losses;
use super::plan::{self, Plan};
use super::steps::At;
use super::writing::Writing;
use crate::pipeline::run::{Progress, RunOrder, Waiting};
use crate::records::{LiveBoard, LiveState};
use crate::session::Counts;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::{ListWindow, Transcript};

/// What fills the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Screen {
    #[default]
    Pass,
    Setup,
    Plan,
    Report,
}

/// What is seen beside the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Writing,
    Filter,
    Difficulty,
    Loss,
    Scores,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Writing, Tab::Filter, Tab::Difficulty, Tab::Loss, Tab::Scores];

    pub fn title(self) -> &'static str {
        match self {
            Tab::Writing => "Writing",
            Tab::Filter => "Filter",
            Tab::Difficulty => "Difficulty",
            Tab::Loss => "Loss",
            Tab::Scores => "Scores",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct RunState {
    pub(super) size: (u16, u16),
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    pub(super) counts: Counts,
    pub(super) screen: Screen,
    pub(super) form: Form,
    pub(super) plan: Option<Plan>,
    /// A plan was asked for and has not come yet.
    pub(super) planning: bool,
    /// A pass was asked for, and no board of it has come yet.
    pub(super) starting: bool,
    pub(super) progress: Option<Box<Progress>>,
    /// Of the pass that runs, or ran last.
    pub(super) board: Option<Arc<LiveBoard>>,
    /// Of a forecast.
    pub(super) forecast: Option<Arc<LiveBoard>>,
    /// The steps in sight.
    pub(super) window: ListWindow,
    /// The person went through the steps; else the one at work is in sight.
    pub(super) roaming: bool,
    /// The view that the person chose; else the one that shows most of the step at work.
    pub(super) tab: Option<Tab>,
    pub(super) writing: Writing,
    pub(super) hardness: Hardness,
    pub(super) losses: Losses,
    pub(super) report: Transcript,
    /// The person was told what they go past, and may say so once more.
    pub(super) confirming: bool,
    pub(super) notice: Option<Notice>,
}

impl RunState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        self.shown() == Screen::Setup && self.form.fields.editing()
    }

    /// The form's values by name, for keeping them over a restart.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        self.form.fields.values().collect()
    }

    /// Takes a value that was kept; false where no field has that name.
    pub fn set_value(&mut self, key: &str, value: &str) -> bool {
        self.form.fields.set_by_key(key, value)
    }

    /// The form stands where there is no pass to be seen.
    pub(super) fn shown(&self) -> Screen {
        match self.screen {
            Screen::Pass if self.progress.is_none() && self.board.is_none() && !self.starting => Screen::Setup,
            Screen::Plan if self.plan.is_none() => Screen::Setup,
            screen => screen,
        }
    }

    /// Whether a pass is at work, here or in another process.
    pub(super) fn active(&self) -> bool {
        self.board.as_deref().is_some_and(|board| !board.state.is_over())
    }

    /// The board of a forecast that is at work.
    pub(super) fn measuring(&self) -> Option<&LiveBoard> {
        self.forecast.as_deref().filter(|board| !board.state.is_over())
    }

    pub(super) fn whole(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.whole())
    }

    pub(super) fn waiting(&self) -> Option<&Waiting> {
        self.progress.as_ref()?.waiting.as_ref()
    }

    /// What a person is waited for.
    pub(super) fn waits_for(&self) -> Option<String> {
        let Waiting { decided, wanted, .. } = self.waiting()?;
        Some(format!("for you: {decided} of {wanted} decided"))
    }

    /// What the step at this place is at.
    pub(super) fn at(&self, place: usize) -> At {
        let step = self.progress.as_ref().and_then(|progress| progress.steps.get(place));
        let Some(step) = step.filter(|step| step.done.is_none()) else { return At::Done };
        if self.waiting().is_some_and(|waiting| waiting.step == step.name) {
            return At::Waiting;
        }
        let board = self.board.as_ref().filter(|board| !board.state.is_over());
        match board.and_then(|board| board.pass.as_ref()) {
            Some(pass) if pass.step == step.name => At::Running,
            _ => At::ToCome,
        }
    }

    /// What the step at work says of itself, without its own name.
    pub(super) fn doing(&self) -> String {
        let Some(board) = &self.board else { return String::new() };
        let Some(pass) = &board.pass else { return board.message.clone() };
        let name = format!("step {} of {}, {}", pass.at, pass.of, pass.step);
        let said = board.message.strip_prefix(&name).unwrap_or(&board.message);
        said.strip_prefix(": ").unwrap_or(said).to_owned()
    }

    /// The view that is seen where there is room for one.
    pub(super) fn tab(&self) -> Tab {
        if let Some(tab) = self.tab {
            return tab;
        }
        match self.board.as_deref().filter(|board| !board.state.is_over()) {
            Some(board) if board.job == crate::records::TRAINING => Tab::Loss,
            Some(board) if board.state == LiveState::Waiting => Tab::Filter,
            Some(board) if !board.running.is_empty() => Tab::Writing,
            Some(_) => Tab::Filter,
            None if self.whole() => Tab::Scores,
            None => Tab::Filter,
        }
    }

    /// Of four views the first: what is being written, or where nothing is what the models score.
    pub(super) fn first_view(&self) -> Tab {
        match self.tab {
            Some(tab @ (Tab::Writing | Tab::Scores)) => tab,
            _ if self.writing.is_idle() && self.whole() => Tab::Scores,
            _ => Tab::Writing,
        }
    }

    pub(super) fn lies_in_grid(&self) -> bool {
        self.layout(Rect::new(0, 0, self.size.0, self.size.1)).grid
    }

    /// Of which training the loss is shown: the one at work, else the last one of the pass.
    pub(super) fn trained(&self) -> Option<&str> {
        let now = self.board.as_ref().map(|board| board.run.as_str()).filter(|run| !run.is_empty());
        let flow = self.progress.iter().flat_map(|progress| progress.flow.iter().rev());
        self.losses.first(now.into_iter().chain(flow.map(|flow| flow.run.as_str())))
    }

    /// Settings whose samples tell how hard the problems are: those being drawn (`None`, they are the newest), else those of the
    /// last stage that has drawn all of its own. A second try at unsolved problems tells nothing of the kind.
    pub(super) fn drawn_under(&self) -> Option<&str> {
        let board = self.board.as_ref().filter(|board| !board.state.is_over());
        let step = board.and_then(|board| board.pass.as_ref()).map_or("", |pass| pass.step.as_str());
        if step.ends_with("dialogues") || step.ends_with("samples") {
            return None;
        }
        self.progress.as_ref()?.flow.iter().rev().find_map(|flow| flow.settings.as_deref())
    }

    /// What lets the pass of the session go on.
    pub(super) fn order(&self) -> Option<RunOrder> {
        let progress = self.progress.as_ref()?;
        let begun = progress.steps.iter().any(|step| step.name.starts_with("ablation "));
        let ablations = begun || self.form.ablations();
        Some(RunOrder { recipe: progress.recipe.clone(), slots: self.form.slots(), wait: true, ablations })
    }

    pub(super) fn layout(&self, area: Rect) -> Layout {
        Layout::of(area, self.progress.as_ref().map_or(0, |progress| progress.steps.len()), self.whole())
    }

    /// Gives the texts their sizes, and keeps the step at work in sight.
    pub(super) fn lay_out(&mut self) {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let layout = self.layout(area);
        self.writing.resize(layout.views[0].1);
        self.report.resize(area.width, area.height.saturating_sub(1));
        if let Some(plan) = &mut self.plan {
            plan.window.set_height(plan::rows(area.height), plan.pass.steps.len());
        }
        let steps = self.progress.as_ref().map_or(0, |progress| progress.steps.len());
        self.window.set_height(usize::from(layout.steps.height), steps);
        if !self.roaming {
            let now = (0..steps).find(|at| self.at(*at) != At::Done).unwrap_or(steps.saturating_sub(1));
            // A step or two that are done stay in sight, and the next ones.
            self.window.select((now + 2).min(steps.saturating_sub(1)), steps);
            self.window.select(now.saturating_sub(1), steps);
            self.window.select(now, steps);
        }
    }

    /// Shows the form, its first field selected.
    pub(super) fn begin_set_up(&mut self) {
        self.form.fields.clear_errors();
        self.form.wrong = None;
        self.form.fields.go_to(Field::Recipe as usize);
        self.screen = Screen::Setup;
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }
}
