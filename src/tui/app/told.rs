//! What the screen itself makes of what it is told: which session is open, which job runs, what is said at its foot. What panes make of
//! it is theirs.

use super::super::effect::Message;
use super::{App, OpenSession, Overlay, Pane};
use crate::pipeline::select::SelectOutcome;
use crate::records::{LiveState, UnixMillis};

impl App {
    pub(super) fn note(&mut self, message: &Message, now: UnixMillis) {
        match message {
            Message::Opened { dir, read_only, counts, .. } => {
                self.session = Some(OpenSession { dir: dir.clone(), read_only: read_only.clone(), counts: *counts });
                self.live = None;
                self.overlay = Overlay::None;
                self.opening = false;
                let first = if counts.samples > 0 { Pane::Review } else { Pane::Generate };
                // A name that is being typed must not become keys of another pane.
                if !(self.pane == Pane::Start && self.start.capturing()) {
                    self.pane = self.wanted.take().unwrap_or(first);
                }
            }
            Message::Adopted(dir) => {
                if let Some(session) = &mut self.session {
                    session.dir.clone_from(dir);
                }
            }
            Message::Rows { counts, .. } | Message::Stood { counts, .. } => {
                if let Some(session) = &mut self.session {
                    session.counts = *counts;
                }
            }
            Message::Judging { .. } => self.filtering = true,
            Message::JudgingOver { .. } => self.filtering = false,
            Message::Undone { what, .. } => self.notices.say(format!("undone: {what}"), false, now),
            Message::Live(board) => {
                let waited = self.live.as_ref().is_some_and(|before| before.state == LiveState::Waiting);
                if board.state == LiveState::Waiting && !waited {
                    self.notices.say("the pass waits for your decisions; the Run pane says on what", false, now);
                }
                self.live = Some(board.clone());
            }
            Message::RunRenamed { from, to } => self.notices.say(format!("{from} is called {to} now"), false, now),
            Message::RunArchived(run) => {
                self.notices.say(format!("{run} is put away; u brings it back"), false, now);
            }
            Message::RunRestored(run) => self.notices.say(format!("{run} is back"), false, now),
            Message::Line { jobs, held } => {
                if let Some(last) = jobs.last().filter(|_| jobs.len() > self.line.len()) {
                    self.notices.say(
                        format!("{last} is in line: it begins when the job at work has ended"),
                        false,
                        now,
                    );
                }
                if *held && !self.held {
                    let key = |name| self.keymap.key_of(name).unwrap_or_default();
                    let (on, off) = (key("app.line_on"), key("app.unqueue"));
                    let line =
                        format!("{} in line wait for you: {on} lets them go on, {off} takes one out", jobs.len());
                    self.notices.say(line, true, now);
                }
                self.line.clone_from(jobs);
                self.held = *held;
            }
            Message::Machine(load) => self.machine = Some(load.clone()),
            Message::Note(text) => self.notices.say(text, false, now),
            Message::Error(text) => {
                (self.opening, self.wanted) = (false, None);
                self.notices.say(text, true, now);
            }
            Message::Edited { draw, .. } => {
                let text = format!("stored as a new sample, #{draw} of this problem; it is being judged");
                self.notices.say(text, false, now);
            }
            Message::SelectionStored(outcome) => {
                let SelectOutcome { name, samples, problems, .. } = &**outcome;
                let text =
                    format!("{name}: {samples} samples of {problems} problems; a training takes them by that name");
                self.notices.say(text, false, now);
            }
            Message::Selected(_)
            | Message::Problems(_)
            | Message::Sessions(_)
            | Message::Difficulty { .. }
            | Message::Runs(_)
            | Message::Pass(_)
            | Message::Plan(_)
            | Message::Forecast(_)
            | Message::Report(_)
            | Message::Previews { .. }
            | Message::RunSettings { .. }
            | Message::Sample { .. }
            | Message::Judged { .. }
            | Message::Audit(_)
            | Message::Evals(_)
            | Message::Scores { .. }
            | Message::Chat(_) => {}
        }
    }
}
