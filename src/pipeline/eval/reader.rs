//! Reads evaluations for somebody who looks at them: keeps what was read of each, so that the next question about it is quick.

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::{Detail, Dialogues, EvalKey, Paired, dialogues, problems, read};
use crate::eval::Answered;
use crate::session::{Session, StoredEval};

/// Evaluations that are kept in memory, at most: those of a few models with a few samplings each.
const KEPT: usize = 12;

/// What is asked about the evaluations of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum ScoreRequest {
    Detail(EvalKey),
    Paired {
        first: EvalKey,
        second: EvalKey,
    },
    /// What second turns do in the session's dialogues.
    Dialogues,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    Detail(Box<Detail>),
    Paired(Box<Paired>),
    Dialogues(Vec<Dialogues>),
}

type Read = Vec<(Answered, Vec<i64>)>;

/// An open session with what of its evaluations was read.
pub struct Reader {
    session: Session,
    /// Each with the summary that it was kept with: another summary is another evaluation. Oldest first.
    read: Vec<(EvalKey, String, Read)>,
    /// The dialogues, and how many samples there were then.
    dialogues: Option<(usize, Vec<Dialogues>)>,
}

impl Reader {
    pub fn new(session: Session) -> Self {
        Self { session, read: Vec::new(), dialogues: None }
    }

    /// # Errors
    /// If the session cannot be read, or has no such evaluation.
    pub fn answer(&mut self, request: &ScoreRequest) -> Result<Scores> {
        match request {
            ScoreRequest::Detail(key) => {
                let eval = self.eval(key)?;
                self.load(&eval)?;
                let detail = Detail::of(key.clone(), eval.problems.len(), self.of(key));
                let none = || eyre!("{}: its samples are not in this session", key.name);
                Ok(Scores::Detail(Box::new(detail.ok_or_else(none)?)))
            }
            ScoreRequest::Paired { first, second } => {
                for key in [first, second] {
                    self.load(&self.eval(key)?)?;
                }
                let (one, other) = ((first.clone(), self.of(first)), (second.clone(), self.of(second)));
                Ok(Scores::Paired(Box::new(Paired::of(&self.session, one, other)?)))
            }
            ScoreRequest::Dialogues => {
                let samples = self.session.counts()?.samples;
                if self.dialogues.as_ref().is_none_or(|(of, _)| *of != samples) {
                    self.dialogues = Some((samples, dialogues(&self.session)?));
                }
                Ok(Scores::Dialogues(self.dialogues.iter().flat_map(|(_, found)| found.clone()).collect()))
            }
        }
    }

    fn eval(&self, key: &EvalKey) -> Result<StoredEval> {
        let found = self.session.evals()?.into_iter().find(|eval| EvalKey::of(eval) == *key);
        found.ok_or_else(|| eyre!("{}: no such evaluation in this session", key.name))
    }

    fn load(&mut self, eval: &StoredEval) -> Result<()> {
        let key = EvalKey::of(eval);
        if self.read.iter().any(|(of, summary, _)| *of == key && *summary == eval.summary) {
            return Ok(());
        }
        self.read.retain(|(of, _, _)| *of != key);
        if self.read.len() >= KEPT {
            self.read.remove(0);
        }
        let read = read(&self.session, &eval.settings, &problems(&self.session, eval)?, eval.samples)?;
        self.read.push((key, eval.summary.clone(), read));
        Ok(())
    }

    fn of(&self, key: &EvalKey) -> &[(Answered, Vec<i64>)] {
        self.read.iter().find(|(of, _, _)| of == key).map_or(&[], |(_, _, read)| read)
    }
}
