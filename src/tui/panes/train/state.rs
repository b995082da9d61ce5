//! What the pane knows: runs with their records, which of them are shown, and what is set up or asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::layout::Rect;

use super::form::Form;
use super::layout::{Layout, LooksLayout};
use super::learnt::Counted;
use super::preview::Tokens;
use super::run::{Quantity, Run};
use crate::records::LiveBoard;
use crate::train::runs::follow::RunNews;
use crate::tui::learnt::Learnt;
use crate::tui::theme::Look;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::plot::{Dots, Hand};
use crate::tui::widgets::{Input, ListWindow, Piece, Transcript};

/// What fills the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Screen {
    #[default]
    Runs,
    Setup,
    /// Samples as tokens; whether the form is behind them.
    Tokens {
        of_form: bool,
    },
}

/// What of a run is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Curves,
    Samples,
    Events,
}

impl Tab {
    pub const ALL: [Tab; 3] = [Tab::Curves, Tab::Samples, Tab::Events];
}

/// One line that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub what: Asked,
    pub input: Input,
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Rate,
    /// The name of the run that is called so now.
    Rename(String),
}

#[derive(Debug, Clone, Default)]
pub struct TrainState {
    pub(super) runs: Vec<Run>,
    pub(super) window: ListWindow,
    /// Names of the runs that are laid over the selected one.
    pub(super) overlaid: BTreeSet<String>,
    pub(super) screen: Screen,
    pub(super) tab: Tab,
    pub(super) quantity: Quantity,
    pub(super) hand: Hand,
    /// The board of a training that runs.
    pub(super) board: Option<Arc<LiveBoard>>,
    pub(super) read: bool,
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    pub(super) form: Form,
    /// What there is to learn from without a selection, and what the named one holds.
    pub(super) learnt: Learnt,
    pub(super) counted: Option<Counted>,
    pub(super) tokens: Option<Tokens>,
    pub(super) ask: Option<Ask>,
    /// A training was asked for, and no board of it has come yet.
    pub(super) starting: bool,
    /// Tokens were asked for.
    pub(super) waiting: bool,
    pub(super) notice: Option<Notice>,
    /// Runs that were put away, newest last.
    pub(super) archived: Vec<String>,
    /// Which of the problems that the model is asked is looked at, and after how many steps; `None` is the newest look.
    pub(super) problem: usize,
    pub(super) looked: Option<u64>,
    pub(super) before: Transcript,
    pub(super) after: Transcript,
    pub(super) events: Transcript,
    pub(super) ascii: bool,
    pub(super) size: (u16, u16),
}

impl TrainState {
    /// Tells what plots are drawn with, and with it whether the screen has ASCII alone.
    pub fn set_dots(&mut self, dots: Dots) {
        self.hand.set_usual(dots);
        self.ascii = dots == Dots::Signs;
    }

    /// Whether a field takes the keys as they are.
    pub fn capturing(&self) -> bool {
        self.ask.is_some() || (self.screen == Screen::Setup && self.form.fields.editing())
    }

    /// The form's values by name, for keeping them over a restart. The names of a run and of a selection belong to their session.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        self.form.fields.values().filter(|(key, _)| !matches!(*key, "train.run" | "train.selection")).collect()
    }

    /// Takes a value that was kept; false where it is no field of this form.
    pub fn set_value(&mut self, key: &str, value: &str) -> bool {
        self.form.fields.set_by_key(key, value)
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }

    pub(super) fn selected(&self) -> Option<&Run> {
        self.runs.get(self.window.selected)
    }

    pub(super) fn running(&self) -> bool {
        self.board.as_ref().is_some_and(|board| !board.state.is_over())
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

    pub(super) fn reach(&self) -> (f64, f64) {
        let ends = self.shown().into_iter().filter_map(|run| {
            let series = run.series(self.quantity);
            Some((series.point(0)?.0, series.last()?.0))
        });
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, 1.0))
    }

    /// A name that no run has.
    pub(super) fn free_name(&self) -> String {
        let taken =
            |name: &str| self.runs.iter().any(|run| run.name == name) || self.archived.iter().any(|a| a == name);
        let names = std::iter::once("sft".to_owned()).chain((2..).map(|number| format!("sft-{number}")));
        names.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }

    /// The step whose answers are shown beside the first ones.
    pub(super) fn look(&self) -> Option<u64> {
        let steps = self.selected()?.looks.steps();
        self.looked.filter(|step| steps.contains(step)).or(steps.last().copied())
    }

    /// Goes to another run.
    pub(super) fn choose(&mut self, by: isize) {
        self.window.step(by, self.runs.len());
        (self.problem, self.looked) = (0, None);
        self.show();
    }

    /// Brings the texts up to what is selected.
    pub(super) fn show(&mut self) {
        let (mut before, mut after) = (Piece::default(), Piece::default());
        let look = self.look();
        self.events.clear();
        if let Some(run) = self.runs.get(self.window.selected) {
            for event in &run.events {
                self.events.push(Piece { text: event.clone(), look: Some(Look::Warn), ..Piece::default() });
            }
            let steps = run.looks.steps();
            if let (Some(problem), Some(first), Some(look)) =
                (run.looks.problems.get(self.problem), steps.first(), look)
            {
                let text = |step| run.looks.answer(step, problem).map_or("(not asked)".to_owned(), |d| d.text.clone());
                (before.text, after.text) = (text(*first), text(look));
            }
        }
        self.events.to_end(true);
        for (transcript, piece) in [(&mut self.before, before), (&mut self.after, after)] {
            let top = transcript.top();
            transcript.clear();
            transcript.push(piece);
            transcript.scroll(top as isize, false);
        }
        self.lay_out();
    }

    /// Gives the texts their sizes.
    pub(super) fn lay_out(&mut self) {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let layout = Layout::of(area, self.runs.len());
        let problems = self.selected().map_or(0, |run| run.looks.problems.len());
        let looks = LooksLayout::of(layout.body, problems);
        self.window.set_height(usize::from(layout.list.height), self.runs.len());
        self.before.resize(looks.before.width, looks.before.height);
        self.after.resize(looks.after.width, looks.after.height);
        self.events.resize(layout.body.width, layout.body.height);
        if let Some(tokens) = &mut self.tokens {
            tokens.resize(area.width, area.height);
        }
    }

    pub(super) fn take_news(&mut self, news: &RunNews) {
        let weight = self.hand.weight();
        let found = self.runs.iter().position(|run| run.name == news.name);
        if news.gone {
            if let Some(at) = found {
                self.runs.remove(at);
                let back = usize::from(at < self.window.selected);
                self.window.select(self.window.selected - back, self.runs.len());
            }
            return;
        }
        let at = found.unwrap_or_else(|| {
            let at = self.runs.partition_point(|run| run.name < news.name);
            self.runs.insert(at, Run::new(&news.name, weight));
            // A run that is new is the one to look at.
            self.window.select(at, self.runs.len());
            at
        });
        let run = &mut self.runs[at];
        if news.afresh {
            *run = Run::new(&news.name, weight);
        }
        run.total_steps = news.total_steps.or(run.total_steps);
        news.readings.iter().for_each(|reading| run.take(reading));
        news.looks.iter().for_each(|look| run.looks.take(look));
    }
}
