//! The running job as it is watched: its board, the sample in focus, and that sample's text as a transcript that grows.

use crate::records::{LiveBoard, LiveSample, LiveState, LiveTurn, UnixMillis};
use crate::tui::theme::Look;
use crate::tui::widgets::{Gutter, ListWindow, Piece, Transcript};
use std::sync::Arc;

/// A turn of the sample in focus, as far as it is in the transcript.
#[derive(Debug, Clone)]
struct Shown {
    head: usize,
    text: usize,
    /// As it came, to see what was added.
    raw: String,
}

/// The sample in focus; kept when it has left the board, so that its end can be read.
#[derive(Debug, Clone)]
pub struct Focus {
    pub sample: LiveSample,
    pub finished: bool,
    shown: Vec<Shown>,
}

/// What is watched.
#[derive(Debug, Clone)]
pub struct Live {
    pub board: Option<Arc<LiveBoard>>,
    pub focus: Option<Focus>,
    /// Goes on to another sample when the one in focus is finished, or has nothing to show and another one has.
    pub roaming: bool,
    pub stream: Transcript,
    pub outcome: Transcript,
    pub window: ListWindow,
    /// The sample that the job was told is looked at, and the time of the board then.
    told: Option<(u64, UnixMillis)>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            board: None,
            focus: None,
            roaming: true,
            stream: Transcript::following(),
            outcome: Transcript::default(),
            window: ListWindow::default(),
            told: None,
        }
    }
}

/// Whether nothing of a sample has been told yet.
fn is_blank(sample: &LiveSample) -> bool {
    sample.turns.iter().all(|turn| turn.tokens == 0)
}

/// Milliseconds without news after which a job at work is said to be silent.
const SILENT: UnixMillis = 15_000;

/// Milliseconds between two words to the job of what is looked at: in another process each is a write to the session.
const BETWEEN_LOOKS: UnixMillis = 1000;

/// Whether news of this job are to be expected.
fn speaks(board: &LiveBoard) -> bool {
    !board.state.is_over() && !matches!(board.state, LiveState::Paused | LiveState::Waiting)
}

impl Live {
    pub fn state(&self) -> Option<LiveState> {
        self.board.as_ref().map(|board| board.state)
    }

    /// Milliseconds without news of a job at work, once they are many.
    pub fn silence(&self, now: UnixMillis) -> Option<UnixMillis> {
        let board = self.board.as_ref().filter(|board| speaks(board))?;
        Some(now.saturating_sub(board.updated_at)).filter(|silent| *silent > SILENT)
    }

    /// When that changes next: it is counted in seconds.
    pub fn silence_changes(&self, now: UnixMillis) -> Option<UnixMillis> {
        let board = self.board.as_ref().filter(|board| speaks(board))?;
        let silent = now.saturating_sub(board.updated_at).max(SILENT);
        Some(board.updated_at.saturating_add(silent - silent % 1000 + if silent == SILENT { 1 } else { 1000 }))
    }

    pub fn active(&self) -> bool {
        self.state().is_some_and(|state| !state.is_over())
    }

    /// Takes a board. False when nothing changed.
    pub fn take(&mut self, board: &Arc<LiveBoard>) -> bool {
        let same_job = self.board.as_ref().is_some_and(|old| old.job == board.job);
        if same_job && self.board.as_ref() == Some(board) {
            return false;
        }
        // A count that starts again is another job under the same name.
        if !same_job || self.board.as_ref().is_some_and(|old| board.version < old.version) {
            self.forget_focus();
            self.roaming = true;
            self.told = None;
        }
        self.board = Some(Arc::clone(board));
        self.refocus();
        self.tell_outcome();
        true
    }

    fn forget_focus(&mut self) {
        self.focus = None;
        self.stream.clear();
        self.stream.to_end(true);
    }

    /// Brings the sample in focus up to date, or moves on from one that is finished or has nothing to show.
    fn refocus(&mut self) {
        let Some(board) = self.board.clone() else { return };
        if let Some(focus) = &self.focus {
            let is_it = |sample: &&LiveSample| sample.key == focus.sample.key;
            match board.running.iter().find(is_it).cloned() {
                Some(sample) => self.sync(sample),
                None => {
                    let ended = board.ended.iter().find(is_it).cloned();
                    self.end_focus(ended);
                }
            }
        }
        let moves_on = self.roaming && self.stream.is_following();
        let growing = self.growing();
        // One whose end has just been told is to be seen first.
        let is_new = |focus: &Focus| board.ended.iter().any(|sample| sample.key == focus.sample.key);
        let is_over = |focus: &Focus| match focus.finished {
            true => !is_new(focus),
            false => growing.is_some() && is_blank(&focus.sample),
        };
        if self.focus.as_ref().is_none_or(|focus| moves_on && is_over(focus)) {
            self.focus_running(growing.unwrap_or(self.window.selected));
        }
        self.place_window();
    }

    /// The place of a running sample that is told as it is written, the selected one first: of servers most come whole.
    fn growing(&self) -> Option<usize> {
        let running = &self.board.as_ref()?.running;
        let is_told =
            |at: &usize| running.get(*at).and_then(|sample| sample.turns.last()).is_some_and(LiveTurn::is_growing);
        std::iter::once(self.window.selected).chain(0..running.len()).find(is_told)
    }

    /// The sample in focus is not in work any more: its last turn is not written on. `ended`: all of it, where that is told.
    fn end_focus(&mut self, ended: Option<LiveSample>) {
        if let Some(ended) = ended {
            self.sync(ended);
        }
        let Some(focus) = &mut self.focus else { return };
        focus.finished = true;
        if let (Some(turn), Some(shown)) = (focus.sample.turns.last_mut(), focus.shown.last()) {
            turn.finished = true;
            let head = head(focus.shown.len() - 1, turn, focus.sample.turns_wanted);
            self.stream.replace(shown.head, &head);
        }
    }

    /// Samples in the list: those that run, then the one in focus if it is finished.
    pub fn rows(&self) -> usize {
        let finished = self.focus.as_ref().is_some_and(|focus| focus.finished);
        self.board.as_ref().map_or(0, |board| board.running.len()) + usize::from(finished)
    }

    /// A row of the list, and whether it is finished.
    pub fn row(&self, at: usize) -> Option<(&LiveSample, bool)> {
        let running = self.board.as_ref().map(|board| board.running.as_slice()).unwrap_or(&[]);
        running.get(at).map(|sample| (sample, false)).or_else(|| {
            let focus = self.focus.as_ref().filter(|focus| focus.finished && at == running.len())?;
            Some((&focus.sample, true))
        })
    }

    fn place_window(&mut self) {
        let rows = self.rows();
        let at = self.focus.as_ref().and_then(|focus| {
            (0..rows).find(|&at| self.row(at).is_some_and(|(sample, _)| sample.key == focus.sample.key))
        });
        self.window.select(at.unwrap_or(0), rows);
    }

    /// Puts the running sample at this place of the list into focus.
    fn focus_running(&mut self, at: usize) {
        let Some(board) = &self.board else { return };
        let Some(sample) = board.running.get(at).or(board.running.last()).cloned() else { return };
        self.forget_focus();
        self.focus = Some(Focus { sample: sample.clone(), finished: false, shown: Vec::new() });
        self.sync(sample);
    }

    /// The person chooses a sample; from now on it stays in focus.
    pub fn choose(&mut self, by: isize) {
        let running = self.board.as_ref().map_or(0, |board| board.running.len());
        let at = self.window.selected.saturating_add_signed(by).min(self.rows().saturating_sub(1));
        self.roaming = false;
        if at != self.window.selected && at < running {
            self.focus_running(at);
            self.place_window();
        }
    }

    /// Goes to the end and follows, this sample and those after it.
    pub fn follow(&mut self) {
        self.roaming = true;
        self.stream.to_end(true);
        // Nobody waits for the next one who asks for it.
        let others = self.board.as_ref().is_some_and(|board| !board.running.is_empty());
        if others && self.focus.as_ref().is_some_and(|focus| focus.finished) {
            self.forget_focus();
        }
        self.refocus();
    }

    /// Brings the transcript up to date with a sample whose turns only grow.
    fn sync(&mut self, sample: LiveSample) {
        let Some(focus) = &mut self.focus else { return };
        for (index, turn) in sample.turns.iter().enumerate() {
            let head = head(index, turn, sample.turns_wanted);
            match focus.shown.get_mut(index) {
                Some(shown) => {
                    self.stream.replace(shown.head, &head);
                    match turn.text.strip_prefix(shown.raw.as_str()) {
                        Some("") => {}
                        Some(more) => self.stream.append(shown.text, more),
                        // A mirror that carries only the tail of a long text.
                        None => self.stream.replace(shown.text, &turn.text),
                    }
                    shown.raw.clone_from(&turn.text);
                }
                None => {
                    let apart = !self.stream.is_empty();
                    let who = if index == 0 { "user: problem" } else { "user: guidance" };
                    let piece = |text: &str, look| Piece { text: text.into(), look: Some(look), ..Piece::default() };
                    self.stream.push(Piece { apart, heading: true, ..piece(who, Look::Info) });
                    self.stream.push(Piece { gutter: Gutter::User, ..piece(&turn.prompt, Look::UserTurn) });
                    let head = self.stream.push(Piece { apart: true, heading: true, ..piece(&head, Look::TurnHead) });
                    let text = self.stream.push(piece(&turn.text, Look::Text));
                    focus.shown.push(Shown { head, text, raw: turn.text.clone() });
                }
            }
        }
        focus.sample = sample;
        focus.finished = false;
    }

    /// The sample that the job is to be told is looked at now; none where it knows, or nobody but this machine writes.
    pub fn look(&mut self) -> Option<u64> {
        let board = self.board.as_ref().filter(|board| speaks(board) && !board.servers.is_empty())?;
        let key = self.focus.as_ref().filter(|focus| !focus.finished)?.sample.key;
        let now = board.updated_at;
        let soon = |at: UnixMillis| now.saturating_sub(at).saturating_abs() < BETWEEN_LOOKS;
        if self.told.is_some_and(|(told, at)| told == key || soon(at)) {
            return None;
        }
        self.told = Some((key, now));
        Some(key)
    }

    fn tell_outcome(&mut self) {
        self.outcome.clear();
        let Some(board) = &self.board else { return };
        let text = |text: String, look| Piece { text, look: Some(look), ..Piece::default() };
        match board.state {
            LiveState::Starting | LiveState::Running | LiveState::Paused | LiveState::Waiting | LiveState::Stopping => {
            }
            LiveState::Done => {
                self.outcome.push(text(said(&board.message, "done"), Look::Good));
                let totals = &board.totals;
                let new = match totals.finished {
                    0 => "No new samples.".to_owned(),
                    new => format!("{new} new samples: decide on them in the Review pane."),
                };
                self.outcome.push(text(new, Look::Text));
                if totals.existing + totals.finished < totals.samples_wanted {
                    self.outcome.push(text("Start again to make those that are missing.".into(), Look::Text));
                }
            }
            LiveState::Failed => {
                self.outcome.push(text(said(&board.message, "failed, and did not say why"), Look::Bad));
                let next = "What was finished is kept. Start again to go on from there.";
                self.outcome.push(text(next.into(), Look::Text));
            }
        }
    }
}

fn said(message: &str, otherwise: &str) -> String {
    if message.trim().is_empty() { otherwise.to_owned() } else { message.to_owned() }
}

fn head(index: usize, turn: &LiveTurn, wanted: usize) -> String {
    // It waits for room, its prompt is read, or a server writes it and sends it whole.
    let end = match turn {
        turn if turn.finished => "",
        turn if turn.is_growing() => ", writing",
        _ => ", asked for",
    };
    format!("model: turn {}/{}, {}, {} tokens{end}", index + 1, wanted.max(index + 1), turn.label, turn.tokens)
}
