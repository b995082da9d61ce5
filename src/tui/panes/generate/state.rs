//! What the Generate pane knows.

use ratatui::layout::Rect;
use std::sync::Arc;

use super::form::{Field, Form};
use super::layout::Layout;
use super::live::Live;
use crate::jobs::Steer;
use crate::records::{LiveBoard, UnixMillis};
use crate::tui::widgets::notice::Notice;

/// The whole state of the Generate pane.
#[derive(Debug, Clone, Default)]
pub struct GenerateState {
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    /// Problems in the session.
    pub(super) problems: usize,
    pub(super) form: Form,
    pub(super) live: Live,
    /// The live view is chosen over the form.
    pub(super) watching: bool,
    /// Started here, and no board of it has come yet.
    pub(super) starting: bool,
    /// Asked of the job, and its board does not show it yet.
    pub(super) asked: Option<Steer>,
    /// The board of the job before the one that was started: it may be told once more, and is not the new one's.
    pub(super) stale: Option<Arc<LiveBoard>>,
    pub(super) notice: Option<Notice>,
    width: u16,
    height: u16,
}

/// Tells the pane the size that it will be drawn in.
pub fn resize(state: &mut GenerateState, width: u16, height: u16) {
    if (state.width, state.height) == (width, height) {
        return;
    }
    (state.width, state.height) = (width, height);
    lay_out(state);
}

/// Gives the parts of the live view their sizes.
pub(super) fn lay_out(state: &mut GenerateState) {
    let servers = state.live.board.as_ref().map_or(0, |board| board.servers.len());
    let layout = Layout::of(Rect::new(0, 0, state.width, state.height), servers);
    let rows = state.live.rows();
    state.live.stream.resize(layout.stream.width, layout.stream.height);
    state.live.outcome.resize(layout.rows.width, layout.rows.height);
    state.live.window.set_height(usize::from(layout.rows.height), rows);
}

impl GenerateState {
    /// Whether a field takes the keys as they are.
    pub fn capturing(&self) -> bool {
        self.shows_form() && self.form.editing()
    }

    /// The prompt of the default policy, with which the form begins.
    pub fn set_default_prompt(&mut self, prompt: &str) {
        self.form.set_default_prompt(prompt);
    }

    /// Names of the policies that there are; the form checks and offers them.
    pub fn set_policies(&mut self, names: Vec<String>) {
        self.form.set_policies(names);
    }

    /// The model that the form names; nothing where it is one that servers have.
    pub fn model(&self) -> &str {
        if self.form.asks_servers() { "" } else { self.form.text(Field::Model) }
    }

    /// The form's values by name, for keeping them over a restart.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        self.form.values()
    }

    /// Takes a value that was kept; a name that is not known is passed over.
    pub fn set_value(&mut self, key: &str, value: &str) {
        self.form.set_value(key, value);
    }

    /// Whether the job in sight has told nothing for so long that the screen says so.
    pub fn is_silent(&self, now: UnixMillis) -> bool {
        self.watching && self.live.silence(now).is_some()
    }

    /// When what is said of its silence changes next.
    pub fn silence_changes(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.live.silence_changes(now).filter(|_| self.watching)
    }

    pub(super) fn shows_form(&self) -> bool {
        !self.watching
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }
}
