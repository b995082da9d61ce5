//! Follows the open session: rows and decisions of other processes, runs of the filter, and the boards of other processes'
//! jobs, to their ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::super::effect::Message;
use super::pass::PassSeen;
use super::{Told, Work};
use crate::filter::Settings;
use crate::pipeline::FilterOutcome;
use crate::records::{Heavy, LiveBoard, LiveState, Standing, UnixMillis, now_millis};
use crate::session::{Filtering, Holder, Session, SessionError};
use crate::train::runs::{self, follow::Follower};

const TOUCH: Duration = Duration::from_secs(1);
/// Between looks at the records of trainings: a curve that moves is half the screen, over a slow link too.
const LOOK_AT_RUNS: Duration = Duration::from_secs(1);
/// From so many standings on, all rows are read at once.
const MANY: usize = 500;

/// The open session and what of it was told already.
pub(super) struct Following {
    pub session: Session,
    /// It is the tour, which is not to be changed.
    pub tour: bool,
    pub version: i64,
    pub last_row: i64,
    pub last_decision: i64,
    /// The run of the filter whose verdicts are on the screen.
    pub filtering: i64,
    /// The settings of a run of the filter, read once for all samples that are looked at.
    pub settings: Option<(i64, Settings)>,
    /// The records of its trainings.
    pub runs: Follower,
    pub runs_read: Option<Instant>,
    /// When a process at work was told last that somebody watches.
    pub touched: Option<Instant>,
    /// What was told of its pass.
    pub pass: PassSeen,
}

/// A job of another process.
pub(super) struct Other {
    pub holder: Holder,
    /// What it mirrored last.
    last: Option<Arc<LiveBoard>>,
}

impl Work {
    /// Tells what changed in the session since the last look. Silent when nothing did.
    pub(super) fn follow(&mut self) -> Result<(), SessionError> {
        let Some(following) = &mut self.session else { return Ok(()) };
        let session = &following.session;
        let version = session.data_version()?;
        let changed = version != following.version;
        if changed {
            let counts = session.counts()?;
            let rows = session.sample_rows_after(following.last_row)?;
            let (last, decided) = session.decided_after(following.last_decision)?;
            let standings = standings(session, &decided)?;
            let filtering = session.filtering()?;
            let seq = filtering.as_ref().map_or(0, |filtering| filtering.seq);
            let judged = (seq != following.filtering).then(|| session.sample_rows()).transpose()?;
            // Only now: had a query failed, the next look would try again.
            following.last_decision = last;
            following.last_row = rows.last().map_or(following.last_row, |row| row.id);
            following.filtering = seq;
            following.version = version;
            let mut messages = vec![Message::Rows { counts, rows }];
            if !standings.is_empty() {
                messages.push(Message::Stood { standings, counts });
            }
            if let Some(rows) = judged {
                messages.push(Message::Judged { rows, outcome: outcome_of(filtering) });
            }
            for message in messages {
                let _ = self.told.send(Told::Message(message));
            }
        }
        if following.runs_read.is_none_or(|at| at.elapsed() >= LOOK_AT_RUNS) {
            let news = following.runs.look(&runs::place(session.dir()));
            // The first time even if there is nothing, so that the screen knows.
            if following.runs_read.is_none() || !news.is_empty() {
                let _ = self.told.send(Told::Message(Message::Runs(news)));
            }
            following.runs_read = Some(Instant::now());
        }
        self.follow_pass(changed)?;
        self.follow_others()
    }

    /// Follows the boards of jobs that other processes run in this session.
    fn follow_others(&mut self) -> Result<(), SessionError> {
        let Some(Following { session, touched, .. }) = &mut self.session else { return Ok(()) };
        let own = std::process::id();
        let mut holders = session.holders()?;
        holders.retain(|holder| holder.pid != own);
        for at in (0..self.others.len()).rev() {
            if holders.contains(&self.others[at].holder) {
                continue;
            }
            let mut other = self.others.remove(at);
            // Where another job has begun in its place, here or elsewhere, that is what the screen shows; and what is mirrored under the
            // same name may be the new one's.
            let heavy = Heavy::of(&other.holder.job);
            let own = self.jobs.iter().any(|begun| !begun.job.finished() && begun.job.heavy().excludes(heavy));
            if !own && !holders.iter().any(|holder| Heavy::of(&holder.job).excludes(heavy)) {
                mirror(session, &mut other, &self.told);
                tell_gone(&other, &self.told);
            }
        }
        for holder in holders {
            if !self.others.iter().any(|other| other.holder == holder) {
                self.others.push(Other { holder, last: None });
            }
        }
        if self.others.is_empty() {
            return Ok(());
        }
        if session.read_only().is_none() && touched.is_none_or(|at| at.elapsed() >= TOUCH) {
            session.touch_watch()?;
            *touched = Some(Instant::now());
        }
        for other in &mut self.others {
            mirror(session, other, &self.told);
        }
        Ok(())
    }
}

/// Where these samples stand. A whole list that was decided on at once is read at once.
fn standings(session: &Session, samples: &[i64]) -> Result<Vec<(i64, Standing)>, SessionError> {
    if samples.len() < MANY {
        return samples.iter().map(|sample| Ok((*sample, session.standing(*sample)?))).collect();
    }
    let wanted: HashSet<i64> = samples.iter().copied().collect();
    let rows = session.sample_rows()?.into_iter().filter(|row| wanted.contains(&row.id));
    Ok(rows.map(|row| (row.id, row.standing)).collect())
}

/// What a run of the filter came to, as it was stored.
pub(super) fn outcome_of(filtering: Option<Filtering>) -> Option<Box<FilterOutcome>> {
    serde_json::from_str(&filtering?.summary).ok().map(Box::new)
}

/// Tells the mirrored board if it is a new one.
fn mirror(session: &Session, other: &mut Other, told: &mpsc::UnboundedSender<Told>) {
    let Ok(Some(mut board)) = session.read_live(&other.holder.job) else { return };
    let known = other.last.as_ref().is_some_and(|last| last.version == board.version);
    // What was mirrored before it began is of another job.
    if known || board.updated_at < other.holder.since {
        return;
    }
    if board.message.is_empty() && board.state == LiveState::Running {
        board.message = format!("watching {} of process {}", other.holder.job, other.holder.pid);
    }
    let board = Arc::new(board);
    other.last = Some(board.clone());
    let _ = told.send(Told::Message(Message::Live(board)));
}

/// Nobody holds the job any more. Had it ended by itself its last board would say so: it was killed, or it failed in a way that
/// it could not tell.
fn tell_gone(other: &Other, told: &mpsc::UnboundedSender<Told>) {
    let Some(board) = other.last.as_deref().and_then(|last| gone(last, other.holder.pid, now_millis())) else { return };
    let _ = told.send(Told::Message(Message::Live(Arc::new(board))));
}

/// The board of a job whose process is gone; `None` where it had told its end.
fn gone(last: &LiveBoard, pid: u32, now: UnixMillis) -> Option<LiveBoard> {
    if last.state.is_over() {
        return None;
    }
    Some(LiveBoard {
        version: last.version + 1,
        state: LiveState::Failed,
        message: format!("the process that ran it (pid {pid}) is gone"),
        running: Vec::new(),
        updated_at: now,
        ..last.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_went_without_a_word_has_failed() {
        let last = LiveBoard { version: 7, state: LiveState::Running, job: "generate".into(), ..LiveBoard::default() };
        let board = gone(&LiveBoard { running: vec![Default::default()], ..last.clone() }, 42, 5).unwrap();
        assert_eq!((board.version, board.state, board.running.len()), (8, LiveState::Failed, 0));
        assert_eq!(board.message, "the process that ran it (pid 42) is gone");
        assert_eq!(gone(&LiveBoard { state: LiveState::Done, ..last }, 42, 5), None);
    }
}
