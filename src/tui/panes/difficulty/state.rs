//! What the pane knows: the survey of the session, the rule that is being changed and what it comes to, and what is looked at.

use std::path::PathBuf;
use std::sync::Arc;

use ratatui::layout::Rect;

use super::layout::Layout;
use super::parameters::{Found, Parameter};
use super::plan::Plan;
use super::problems::{Order, Problems};
use super::{lengths, strip};
use crate::difficulty::{Bin, Rule};
use crate::pipeline::difficulty::{Ranking, Survey};
use crate::records::LiveBoard;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::plot::Scale;
use crate::tui::widgets::{Input, ListWindow};

/// What of the survey is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Histogram,
    Bins,
    Lengths,
    Levels,
    Problems,
    Unsolved,
}

impl Tab {
    pub const ALL: [Tab; 6] = [Tab::Histogram, Tab::Bins, Tab::Lengths, Tab::Levels, Tab::Problems, Tab::Unsolved];
}

/// What bars count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Unit {
    #[default]
    Samples,
    Problems,
}

/// One line that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub what: Asked,
    pub input: Input,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Value(Parameter),
    /// What the selection is to be called.
    Name,
}

/// A mouse button that is held down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub on: super::mouse::Place,
    /// What it is on was selected before.
    pub again: bool,
    /// Column where the last step of a drag was.
    pub column: u16,
    pub dragged: bool,
}

#[derive(Debug, Clone, Default)]
pub struct DifficultyState {
    pub(super) dir: PathBuf,
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    pub(super) survey: Option<Arc<Survey>>,
    /// It was read, and there is nothing to learn from.
    pub(super) empty: bool,
    /// Settings that the person went to; `None` follows the usual ones.
    pub(super) wanted: Option<String>,
    pub(super) rule: Rule,
    /// The rule is one that was stored or changed, and not merely the default before anything was read.
    pub(super) ruled: bool,
    pub(super) plan: Option<Arc<Plan>>,
    /// The session changed since the survey was asked for.
    pub(super) dirty: bool,
    pub(super) tab: Tab,
    pub(super) unit: Unit,
    /// How counts are drawn, if not as suits them.
    pub(super) scale: Option<Scale>,
    pub(super) bar: usize,
    pub(super) parameter: usize,
    pub(super) class: usize,
    pub(super) groups: ListWindow,
    pub(super) problems: Problems,
    /// Problems of the pool that were never solved, most samples first.
    pub(super) unsolved: Vec<usize>,
    pub(super) unsolved_window: ListWindow,
    /// Which of the lengths is looked at, and its bar.
    pub(super) stage: usize,
    pub(super) length_bar: usize,
    pub(super) board: Option<Arc<LiveBoard>>,
    pub(super) ask: Option<Ask>,
    pub(super) notice: Option<Notice>,
    pub(super) held: Option<Held>,
    pub(super) size: (u16, u16),
}

impl DifficultyState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        self.ask.is_some()
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }

    /// The survey and what the rule comes to on it.
    pub(super) fn known(&self) -> Option<(&Survey, &Plan)> {
        Some((self.survey.as_deref()?, self.plan.as_deref()?))
    }

    pub(super) fn parameters(&self) -> Vec<Parameter> {
        Parameter::of(&self.rule)
    }

    pub(super) fn selected_parameter(&self) -> Parameter {
        let all = self.parameters();
        all[self.parameter.min(all.len() - 1)]
    }

    /// The rule that is stored, or the default.
    pub(super) fn base(&self) -> Rule {
        let stored = self.survey.as_deref().and_then(Survey::stored);
        stored.map_or_else(Rule::default, |stored| stored.rule)
    }

    /// Whether the pool stands in the order that the rule asks for.
    pub(super) fn ranked(&self) -> bool {
        self.survey.as_ref().is_none_or(|survey| survey.ranking == Ranking::of(&self.rule))
    }

    /// What keys that change the rule go out from.
    pub(super) fn found(&self) -> Found {
        let Some((survey, plan)) = self.known() else { return Found::default() };
        Found {
            k: plan.selection.k,
            samples: plan.all.selected,
            tokens: plan.selection.tokens,
            most: survey.pool.iter().map(|problem| problem.candidates().len() as u32).max().unwrap_or_default(),
        }
    }

    /// Works out anew what the rule comes to.
    pub(super) fn replan(&mut self) {
        self.plan = self.survey.as_deref().map(|survey| Arc::new(Plan::of(survey, &self.rule)));
        let bars = self.plan.as_ref().map_or(0, |plan| plan.axis.bars());
        self.bar = self.bar.min(bars.saturating_sub(1));
        self.parameter = self.parameter.min(self.parameters().len() - 1);
        if self.problems.order == Order::MostSelected {
            self.list_problems(self.problems.selected());
        }
    }

    /// Puts the list of problems in order; this one of the pool stays selected.
    pub(super) fn list_problems(&mut self, kept: Option<usize>) {
        if let (Some(survey), Some(plan)) = (&self.survey, &self.plan) {
            self.problems.arrange(survey, plan, kept);
        }
    }

    pub(super) fn take_survey(&mut self, survey: Arc<Survey>) {
        let mut unsolved: Vec<usize> =
            (0..survey.pool.len()).filter(|&at| survey.pool[at].tally().correct == 0).collect();
        unsolved.sort_by_key(|&at| std::cmp::Reverse(survey.pool[at].tally().samples));
        self.unsolved = unsolved;
        let first = self.survey.is_none();
        // With more problems in the pool the selected one has another index there.
        let looked_at = self.survey.as_ref().zip(self.problems.selected()).map(|(before, at)| before.pool[at].id());
        let kept = looked_at.and_then(|id| survey.pool.iter().position(|problem| problem.id() == id));
        self.survey = Some(survey);
        self.replan();
        self.list_problems(kept);
        if let (true, Some((survey, plan))) = (first, self.known()) {
            // Where most is selected, and where most was written, is the bar to begin at.
            let bar = (0..plan.bars.len()).max_by_key(|&at| plan.bars[at].selected).unwrap_or_default();
            let width = self.layout().body.width;
            (self.bar, self.length_bar) = (bar, lengths::fullest(survey, width));
        }
        self.lay_out();
    }

    /// Rows that scroll are given their heights.
    pub(super) fn lay_out(&mut self) {
        let body = self.layout().body;
        let rows = usize::from(body.height.saturating_sub(1));
        let groups = self.survey.as_ref().map_or(0, |survey| survey.groups.len());
        self.groups.set_height(rows, groups);
        self.problems.set_height(rows);
        self.unsolved_window.set_height(rows, self.unsolved.len());
        let stages = self.survey.as_ref().map_or(0, |survey| survey.lengths.len());
        self.stage = self.stage.min(stages.saturating_sub(1));
        self.length_bar = self.length_bar.min(lengths::bars(body.width).saturating_sub(1));
        self.class = self.class.min(Bin::ALL.len() - 1);
    }

    /// Where things are, in an area of the pane's size at the origin.
    pub(super) fn layout(&self) -> Layout {
        self.layout_in(Rect::new(0, 0, self.size.0, self.size.1))
    }

    pub(super) fn layout_in(&self, area: Rect) -> Layout {
        let rows = strip::rows(&strip::items(self), area.width).len() as u16;
        Layout::of(area, self.board.is_some(), rows)
    }

    /// Counts as they are drawn: logarithmic where the smallest would not be seen beside the largest.
    pub(super) fn scale(&self) -> Scale {
        let Some(plan) = &self.plan else { return Scale::Linear };
        let counts = plan.bars.iter().map(|bar| match self.unit {
            Unit::Samples => bar.samples,
            Unit::Problems => bar.problems,
        });
        let (least, most) = counts
            .filter(|count| *count > 0)
            .fold((u64::MAX, 0), |(least, most), count| (least.min(count), most.max(count)));
        let suits = if most / least.max(1) >= 100 { Scale::Log } else { Scale::Linear };
        self.scale.unwrap_or(suits)
    }
}
