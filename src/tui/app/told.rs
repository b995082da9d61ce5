//! What the screen itself makes of what it is told: which session is open, which job runs, what is said at its foot. What panes make of
//! it is theirs.

use super::super::effect::Message;
use super::{App, OpenSession, Overlay, Pane};
use crate::pipeline::select::SelectOutcome;
use crate::records::{LiveBoard, LiveState, PASS, UnixMillis};

impl App {
    pub(super) fn note(&mut self, message: &Message, now: UnixMillis) {
        match message {
            Message::Opened { dir, read_only, counts, .. } => {
                self.session = Some(OpenSession { dir: dir.clone(), read_only: read_only.clone(), counts: *counts });
                self.boards.clear();
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
                let waited = self.boards.at_work().any(|before| before.state == LiveState::Waiting);
                if board.state == LiveState::Waiting && !waited {
                    self.notices.say("the pass waits for your decisions; the Run pane says on what", false, now);
                }
                if let Some((words, error)) = happened(self.boards.of(board.heavy()), board) {
                    self.notices.keep(words, error, now);
                }
                self.boards.take(board);
            }
            Message::RunRenamed { from, to } => self.notices.say(format!("{from} is called {to} now"), false, now),
            Message::RunArchived(run) => {
                self.notices.say(format!("{run} is put away; u brings it back"), false, now);
            }
            Message::RunRestored(run) => self.notices.say(format!("{run} is back"), false, now),
            Message::Line { jobs, held } => {
                if let Some(last) = jobs.last().filter(|_| jobs.len() > self.line.len()) {
                    self.notices.say(format!("{last} is in line: it begins when there is room for it"), false, now);
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
            Message::Log { line, error: true } => self.notices.say(line, true, now),
            Message::Log { line, error: false } => self.notices.keep(line.clone(), false, now),
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
            Message::Watching(_) => self.pane = Pane::Watch,
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
            | Message::Chains { .. }
            | Message::RunSettings { .. }
            | Message::Sample { .. }
            | Message::Judged { .. }
            | Message::Audit(_)
            | Message::Evals(_)
            | Message::Scores { .. }
            | Message::EditedOutside(_)
            | Message::Watched(_)
            | Message::Chat(_) => {}
        }
    }
}

/// What a board tells that the one before it did not, if that is worth a line in the log, and whether it is an error.
fn happened(before: Option<&LiveBoard>, board: &LiveBoard) -> Option<(String, bool)> {
    let step = |board: &LiveBoard| board.pass.as_ref().map(|pass| pass.at);
    let was_at_work = before.is_some_and(|before| !before.state.is_over());
    let name = match (&board.pass, board.run.as_str()) {
        // A board of a step tells of the pass, whatever the step does.
        (Some(_), _) => PASS.to_owned(),
        (None, "") => board.job.clone(),
        (None, run) => format!("{} {run}", board.job),
    };
    match board.state {
        LiveState::Done | LiveState::Failed if !was_at_work => None,
        LiveState::Failed => Some((format!("{name} failed: {}", board.message), true)),
        LiveState::Done if board.message.is_empty() => Some((format!("{name} is done"), false)),
        LiveState::Done => Some((format!("{name} is done: {}", board.message), false)),
        _ if was_at_work && step(board) == before.and_then(step) => None,
        _ => Some(match &board.pass {
            Some(pass) => (format!("step {} of {} begins: {}", pass.at, pass.of, pass.step), false),
            None if board.state == LiveState::Starting => (format!("{name} begins"), false),
            None => (format!("{name} is at work"), false),
        }),
    }
}
