//! One line at the foot of the screen for a few seconds, and a memory of those before and of what jobs did.

use std::collections::VecDeque;

use crate::records::UnixMillis;

const SHOWN: UnixMillis = 5_000;
/// Errors stay longer: they have to be read.
const SHOWN_ERROR: UnixMillis = 15_000;
const KEPT: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub error: bool,
    pub at: UnixMillis,
}

#[derive(Debug, Clone, Default)]
pub struct Notices {
    past: VecDeque<Notice>,
    shown: Option<Notice>,
    until: Option<UnixMillis>,
}

impl Notices {
    pub fn say(&mut self, text: impl Into<String>, error: bool, now: UnixMillis) {
        self.shown = Some(Notice { text: text.into(), error, at: now });
        self.until = Some(now + if error { SHOWN_ERROR } else { SHOWN });
        self.past.extend(self.shown.clone());
        self.forget();
    }

    /// Remembers what nobody has to be told now.
    pub fn keep(&mut self, text: String, error: bool, now: UnixMillis) {
        self.past.push_back(Notice { text, error, at: now });
        self.forget();
    }

    fn forget(&mut self) {
        while self.past.len() > KEPT {
            self.past.pop_front();
        }
    }

    /// The line to show, if its time is not over.
    pub fn shown(&self, now: UnixMillis) -> Option<&Notice> {
        self.until.filter(|until| now < *until).and(self.shown.as_ref())
    }

    /// When the line goes.
    pub fn until(&self) -> Option<UnixMillis> {
        self.until
    }

    /// Takes away a line whose time is over; whether there was one.
    pub fn expire(&mut self, now: UnixMillis) -> bool {
        let over = self.until.is_some_and(|until| until <= now);
        if over {
            self.until = None;
        }
        over
    }

    /// Newest first.
    pub fn history(&self) -> impl Iterator<Item = &Notice> {
        self.past.iter().rev()
    }
}
