//! What the pane knows: the evaluations, what was worked out of their samples, what is selected and marked.

use ratatui::layout::Rect;
use std::sync::Arc;

use super::content;
use super::form::Form;
use super::layout::{Layout, wide};
use super::lines::Panel;
use crate::pipeline::eval::{Detail, Dialogues, EvalKey, Listed, Paired, ScoreRequest, differences};
use crate::records::LiveBoard;
use crate::tui::effect::Effect;
use crate::tui::widgets::ListWindow;
use crate::tui::widgets::notice::Notice;

/// What of an evaluation is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Score,
    Levels,
    Chains,
    Against,
    Turns,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Score, Tab::Levels, Tab::Chains, Tab::Against, Tab::Turns];

    /// Whether it stands on the right of a wide screen.
    pub fn right(self) -> bool {
        matches!(self, Tab::Against | Tab::Turns)
    }
}

/// What fills the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Screen {
    #[default]
    Evals,
    Setup,
}

#[derive(Debug, Clone, Default)]
pub struct EvalState {
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    /// The list was told.
    pub(super) read: bool,
    /// The session has changed since the list was asked for.
    pub(super) stale: bool,
    pub(super) listed: Vec<Listed>,
    pub(super) window: ListWindow,
    /// The one that others are compared with, as the person marked it.
    pub(super) mark: Option<EvalKey>,
    pub(super) tab: Tab,
    /// Keys go to the lines and not to the list.
    pub(super) inside: bool,
    pub(super) details: Vec<Detail>,
    pub(super) paired: Option<Box<Paired>>,
    pub(super) dialogues: Option<Vec<Dialogues>>,
    /// Dialogues may have come since.
    pub(super) dialogues_stale: bool,
    /// What is being worked out: one of a kind.
    pub(super) asked: Vec<ScoreRequest>,
    /// What could not be, and why.
    pub(super) failed: Vec<(ScoreRequest, String)>,
    /// Lines of the tab in front; on a wide screen of scores, and of the comparison or second turns.
    pub(super) panels: [Panel; 2],
    pub(super) screen: Screen,
    pub(super) form: Form,
    /// The board of an evaluation that runs, or of the last one.
    pub(super) board: Option<Arc<LiveBoard>>,
    /// Started here, and no board of it has come yet.
    pub(super) starting: bool,
    pub(super) notice: Option<Notice>,
    pub(super) size: (u16, u16),
}

impl EvalState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        self.screen == Screen::Setup && self.form.fields.editing()
    }

    /// The form's values by name, for keeping them over a restart. A name belongs to its session.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        self.form.fields.values().filter(|(key, _)| *key != "eval.name").collect()
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

    pub(super) fn selected(&self) -> Option<&Listed> {
        self.listed.get(self.window.selected)
    }

    pub(super) fn find(&self, key: &EvalKey) -> Option<&Listed> {
        self.listed.iter().find(|listed| listed.key() == *key)
    }

    pub(super) fn detail(&self, key: &EvalKey) -> Option<&Detail> {
        self.details.iter().find(|detail| detail.key == *key)
    }

    /// The evaluation that the selected one is compared with: the marked one, else the newest one before it of another model on
    /// the same problems with the same sampling.
    pub(super) fn against(&self) -> Option<&Listed> {
        let selected = self.selected()?;
        if let Some(marked) = self.mark.as_ref().and_then(|mark| self.find(mark)) {
            return Some(marked).filter(|marked| marked.key() != selected.key());
        }
        let fits = |other: &&Listed| {
            !other.same_model(selected)
                && other.eval.problems == selected.eval.problems
                && differences(other, selected).is_empty()
        };
        self.listed[..self.window.selected.min(self.listed.len())].iter().rev().find(fits)
    }

    /// The comparison of the selected evaluation, if it was worked out.
    pub(super) fn comparison(&self) -> Option<&Paired> {
        let (first, second) = (self.against()?.key(), self.selected()?.key());
        self.paired.as_deref().filter(|paired| paired.first == first && paired.second == second)
    }

    /// The greedy answers of the selected evaluation's model to the same problems.
    pub(super) fn greedy(&self) -> Option<&Listed> {
        let selected = self.selected().filter(|selected| !selected.greedy())?;
        let fits = |other: &&Listed| {
            other.greedy() && other.same_model(selected) && other.eval.problems == selected.eval.problems
        };
        self.listed.iter().rev().find(fits)
    }

    pub(super) fn runs(&self) -> bool {
        self.board.as_ref().is_some_and(|board| !board.state.is_over())
    }

    pub(super) fn wide(&self) -> bool {
        wide(self.size.0)
    }

    /// The panel that the tab in front is in.
    pub(super) fn panel(&mut self) -> &mut Panel {
        let right = self.wide() && self.tab.right();
        &mut self.panels[usize::from(right)]
    }

    /// What is to be worked out for what is selected, and neither is there nor on its way.
    pub(super) fn wanted(&mut self) -> Vec<Effect> {
        let mut wanted = Vec::new();
        if let Some(key) = self.selected().map(Listed::key) {
            if self.detail(&key).is_none() {
                wanted.push(ScoreRequest::Detail(key.clone()));
            }
            let fair = |first: &Listed, second: &Listed| differences(first, second).iter().all(|one| !one.unfair);
            if let (Some(against), Some(selected), None) = (self.against(), self.selected(), self.comparison())
                && fair(against, selected)
            {
                wanted.push(ScoreRequest::Paired { first: against.key(), second: key });
            }
        }
        if self.tab == Tab::Turns && (self.dialogues.is_none() || self.dialogues_stale) {
            wanted.push(ScoreRequest::Dialogues);
        }
        wanted
            .retain(|request| !self.asked.contains(request) && self.failed.iter().all(|(failed, _)| failed != request));
        for request in &wanted {
            if *request == ScoreRequest::Dialogues {
                // What comes from here on is not in the answer.
                self.dialogues_stale = false;
            }
            // Only the newest of a kind is answered.
            self.asked.retain(|older| std::mem::discriminant(older) != std::mem::discriminant(request));
            self.asked.push(request.clone());
        }
        wanted.into_iter().map(Effect::ReadScores).collect()
    }

    /// Brings the lines up to what is known and selected.
    pub(super) fn rebuild(&mut self) {
        let layout = Layout::of(Rect::new(0, 0, self.size.0, self.size.1), self.listed.len());
        self.window.set_height(usize::from(layout.list.height), self.listed.len());
        let [left, right] = content::panels(self);
        self.panels[0].set(left, layout.left.height);
        self.panels[1].set(right, layout.right.height);
    }

    /// Forgets what belongs to another session.
    pub(super) fn forget(&mut self) {
        let Self { form, size, .. } = std::mem::take(self);
        (self.form, self.size) = (form, size);
        self.form.forget();
    }
}
