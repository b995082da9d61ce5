//! What is asked about the evaluations of the open session.

use std::time::{Duration, Instant};

use color_eyre::Result;

use super::super::super::effect::Message;
use super::{Told, Work};
use crate::jobs::ScoreReader;
use crate::pipeline::eval::{ScoreRequest, list};

/// Between two readings of the list: a session that grows asks for it again and again.
const BETWEEN: Duration = Duration::from_secs(1);

impl Work {
    /// Tells the list of evaluations, if it is asked for and was not told just now.
    pub(super) fn evals(&mut self) -> Result<()> {
        if !self.evals_due || self.evals_read.is_some_and(|at| at.elapsed() < BETWEEN) {
            return Ok(());
        }
        self.evals_due = false;
        self.evals_read = Some(Instant::now());
        let listed = list(&self.open_session()?.session)?;
        self.say(Message::Evals(listed));
        Ok(())
    }

    /// Asks the thread that works scores out, which begins with the first question.
    pub(super) fn read_scores(&mut self, request: ScoreRequest) -> Result<()> {
        let dir = self.open_session()?.session.dir().to_path_buf();
        let reader = match self.scores.take() {
            Some(reader) => reader,
            None => {
                let told = self.told.clone();
                ScoreReader::start(dir, move |asked, answer| {
                    let answer = answer.map_err(|error| format!("{error:#}"));
                    let _ = told.send(Told::Message(Message::Scores { asked, answer }));
                })?
            }
        };
        reader.ask(request);
        self.scores = Some(reader);
        Ok(())
    }
}
