//! Whether somebody looks at the screen, and how they are told of the end of a job when nobody does: by the bell, or by a message that
//! the terminal hands to the desktop.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::config::settings::Notify;
use crate::records::{Heavy, LiveBoard, LiveState};
use crate::tui::text::clean;

/// Of a terminal that does not tell whether its window is in front: after so long without a key nobody is there.
const AWAY: Duration = Duration::from_secs(30);
/// Characters of a message.
const LONGEST: usize = 120;

pub struct Attention {
    /// What the terminal told last; some never tell.
    pub focused: Option<bool>,
    pub last_key: Instant,
    /// The states of the jobs that were at work when they were told of last.
    at_work: Vec<(Heavy, LiveState)>,
}

impl Attention {
    pub fn new(now: Instant) -> Self {
        Self { focused: None, last_key: now, at_work: Vec::new() }
    }

    fn away(&self) -> bool {
        self.focused.map_or(self.last_key.elapsed() >= AWAY, |focused| !focused)
    }

    /// Takes a board; tells the person of an end, or of something that waits for them, if they look elsewhere. That it cannot be told is
    /// no reason to end anything.
    pub fn heed(&mut self, board: &LiveBoard, how: Notify) {
        let words = self.news(board).filter(|_| self.away());
        if let Some(bytes) = words.and_then(|words| message(&words, how, std::env::var_os("TMUX").is_some())) {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
        }
    }

    /// What is worth a message on a board: that a job ended which was seen at work, or waits.
    fn news(&mut self, board: &LiveBoard) -> Option<String> {
        let heavy = board.heavy();
        let same = self.at_work.iter().position(|(of, _)| *of == heavy);
        let before = same.map(|at| self.at_work.swap_remove(at).1);
        if !board.state.is_over() {
            self.at_work.push((heavy, board.state));
        }
        let before = before?;
        let words = match board.state {
            LiveState::Waiting if before != LiveState::Waiting => "waits for you".to_owned(),
            LiveState::Failed => format!("failed: {}", board.message),
            // The next step of a pass begins at once.
            LiveState::Done if board.pass.as_ref().is_none_or(|pass| pass.at == pass.of) => "is done".to_owned(),
            _ => return None,
        };
        Some(format!("cribble: {} {words}", board.job))
    }
}

/// The bytes that tell it; through tmux to the terminal outside where there is one.
fn message(words: &str, how: Notify, tmux: bool) -> Option<Vec<u8>> {
    let words: String = clean(words).chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    match how {
        Notify::Off => None,
        Notify::Bell => Some(b"\x07".to_vec()),
        Notify::Osc9 if tmux => Some(format!("\x1bPtmux;\x1b\x1b]9;{words}\x07\x1b\\\x07").into_bytes()),
        Notify::Osc9 => Some(format!("\x1b]9;{words}\x07\x07").into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::PassPlace;

    fn board(state: LiveState, at: Option<usize>) -> LiveBoard {
        let pass = at.map(|at| PassPlace { step: "x".into(), at, of: 3, since: 0 });
        LiveBoard { job: "train".into(), state, pass, message: "no\x1b[31m disk".into(), ..LiveBoard::default() }
    }

    #[test]
    fn an_end_and_a_wait_are_news_once() {
        let mut attention = Attention::new(Instant::now());
        let mut news = |state, at| attention.news(&board(state, at));
        assert_eq!(news(LiveState::Done, None), None, "it was never seen at work");
        assert_eq!(news(LiveState::Running, None), None);
        assert_eq!(news(LiveState::Done, None).as_deref(), Some("cribble: train is done"));
        assert_eq!(news(LiveState::Done, None), None);
        news(LiveState::Running, Some(1));
        assert!(news(LiveState::Waiting, Some(2)).is_some());
        assert_eq!(news(LiveState::Waiting, Some(2)), None);
        assert_eq!(news(LiveState::Done, Some(2)), None, "a step of a pass");
        news(LiveState::Running, Some(3));
        assert!(news(LiveState::Done, Some(3)).is_some());
    }

    #[test]
    fn a_message_cannot_carry_an_escape() {
        let bytes = message("failed: no\x1b]0;x\x07 disk", Notify::Osc9, false).unwrap();
        assert_eq!(bytes.iter().filter(|byte| **byte == 0x1b).count(), 1);
        assert_eq!(message("x", Notify::Bell, true).unwrap(), b"\x07");
        assert_eq!(message("x", Notify::Off, false), None);
        assert!(message("x", Notify::Osc9, true).unwrap().starts_with(b"\x1bPtmux;"));
    }

    #[test]
    fn nobody_is_told_who_looks() {
        let mut attention = Attention::new(Instant::now());
        assert!(!attention.away());
        attention.focused = Some(false);
        assert!(attention.away());
    }
}
