//! The switches of a running job, shared by the one who steers and the one who works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::train::SpikeAction;

/// What a person can ask of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    Pause,
    Resume,
    /// Begin nothing more, keep what is stored, end. Asked for while it stops already, it is [`Steer::StopNow`].
    Stop,
    /// The same, and leave what is under way.
    StopNow,
    /// Tell the dialogue with this number on the board as it is written.
    Look(u64),
}

/// What a person can ask of a training besides; each is taken once.
#[derive(Debug, Default)]
pub struct Wishes {
    /// A checkpoint now.
    pub checkpoint: Option<()>,
    /// Another learning rate.
    pub rate: Option<f64>,
    /// What to do about a step that is off.
    pub choice: Option<SpikeAction>,
}

/// Looked at, where nothing is.
const NOTHING: u64 = u64::MAX;

#[derive(Debug)]
struct LookedAt(AtomicU64);

impl Default for LookedAt {
    fn default() -> Self {
        Self(AtomicU64::new(NOTHING))
    }
}

#[derive(Debug, Default)]
struct Switches {
    stop: AtomicBool,
    now: AtomicBool,
    looked_at: LookedAt,
    wishes: Mutex<Wishes>,
    paused: Mutex<bool>,
    changed: Condvar,
}

/// Handle on a job's switches. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Control {
    switches: Arc<Switches>,
}

impl Control {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn steer(&self, steer: Steer) {
        match steer {
            Steer::Pause => *self.lock() = true,
            Steer::Resume => *self.lock() = false,
            Steer::Stop => {
                if self.switches.stop.swap(true, Ordering::AcqRel) {
                    self.switches.now.store(true, Ordering::Release);
                }
            }
            Steer::StopNow => {
                self.switches.now.store(true, Ordering::Release);
                self.switches.stop.store(true, Ordering::Release);
            }
            Steer::Look(dialogue) => self.switches.looked_at.0.store(dialogue, Ordering::Release),
        }
        self.switches.changed.notify_all();
    }

    /// Who looked at this dialogue is gone. Where somebody has looked at another one since, that stays.
    pub fn look_away(&self, dialogue: u64) {
        let looked_at = &self.switches.looked_at.0;
        let _ = looked_at.compare_exchange(dialogue, NOTHING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// What was asked for and not yet taken, to add to or to take from.
    pub fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.switches.wishes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn stopping(&self) -> bool {
        self.switches.stop.load(Ordering::Acquire)
    }

    /// Whether what is under way is to be left too.
    pub fn stopping_now(&self) -> bool {
        self.switches.now.load(Ordering::Acquire)
    }

    /// The dialogue that a person looked at last. In a pass it may be one of an earlier step, which says nothing of this one's.
    pub fn looked_at(&self) -> Option<u64> {
        Some(self.switches.looked_at.0.load(Ordering::Acquire)).filter(|dialogue| *dialogue != NOTHING)
    }

    pub fn paused(&self) -> bool {
        *self.lock()
    }

    /// Sleeps while paused and not stopping, at most `limit`. Returns whether the job may go on working.
    pub fn wait_while_paused(&self, limit: Duration) -> bool {
        let guard = self.lock();
        let waited = self.switches.changed.wait_timeout_while(guard, limit, |paused| *paused && !self.stopping());
        !*waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.switches.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_job_waits_and_a_stop_wakes_it() {
        let control = Control::new();
        assert!(control.wait_while_paused(Duration::ZERO));
        control.steer(Steer::Pause);
        assert!(!control.wait_while_paused(Duration::from_millis(1)));
        let other = control.clone();
        let waiter = std::thread::spawn(move || other.wait_while_paused(Duration::from_secs(30)));
        control.steer(Steer::Stop);
        assert!(!waiter.join().unwrap(), "still paused, but awake");
        assert!(control.stopping());
    }

    #[test]
    fn a_second_stop_is_one_at_once() {
        let control = Control::new();
        control.steer(Steer::Stop);
        assert!(control.stopping() && !control.stopping_now());
        control.clone().steer(Steer::Stop);
        assert!(control.stopping_now());
        let hurried = Control::new();
        hurried.steer(Steer::StopNow);
        assert!(hurried.stopping() && hurried.stopping_now());
    }

    #[test]
    fn what_is_looked_at_is_the_last_that_was_said() {
        let control = Control::new();
        assert_eq!(control.looked_at(), None);
        control.steer(Steer::Look(0));
        assert_eq!(control.looked_at(), Some(0));
        control.clone().steer(Steer::Look(7));
        assert_eq!((control.looked_at(), control.stopping()), (Some(7), false));
        control.look_away(0);
        assert_eq!(control.looked_at(), Some(7), "somebody else looks at it");
        control.look_away(7);
        assert_eq!(control.looked_at(), None);
    }
}
