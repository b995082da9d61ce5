//! An evaluation as a job: draws the answers that are missing, then keeps the score.

use std::path::{Path, PathBuf};

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::generate::{Drawn, drawn};
use super::{Job, JobContext};
use crate::eval::Score;
use crate::pipeline::eval::{EvalOrder, keep};
use crate::pipeline::{GenerateOrder, GenerateOutcome};
use crate::records::{EVALUATION, LiveBoard, LiveState};
use crate::session::Session;

/// A running or finished evaluation.
pub type EvalJob = Job<EvalOutcome>;

/// What an evaluation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalOutcome {
    pub drawn: GenerateOutcome,
    /// As the order names it, else as its servers do.
    pub model: String,
    /// `None` where samples are missing: it was stopped, or some failed. Then nothing is kept.
    pub score: Option<Score>,
}

/// Starts an evaluation in a session, which is made if it is missing and the order is sound.
///
/// # Errors
/// If no thread can be started.
pub fn start_eval(dir: PathBuf, order: EvalOrder) -> Result<EvalJob> {
    Job::start(EVALUATION, move |context| run(&dir, &order, context))
}

fn run(dir: &Path, order: &EvalOrder, context: &mut JobContext) -> Result<EvalOutcome> {
    order.check()?;
    let generate = &order.generate;
    let Drawn { session, problems, outcome } = drawn(dir, generate, EVALUATION, context)?;
    let model = answered_by(&session, generate, &outcome.settings)?;
    if outcome.stopped || outcome.failed > 0 || outcome.postponed > 0 {
        let message = match outcome.failed {
            0 => format!("stopped; {} answers are kept, the same order goes on from there", outcome.samples),
            failed => format!("not scored: {failed} answers failed; the same order tries them again"),
        };
        end(context, message);
        return Ok(EvalOutcome { drawn: outcome, model, score: None });
    }
    let mut board = LiveBoard::clone(&context.watch().borrow());
    board.message = "working out the scores".into();
    context.publish(board);
    let name = order.called(&model);
    let score = keep(&session, (name, model.as_str()), &outcome.settings, &problems, generate.samples)?;
    let score = score.ok_or_else(|| eyre!("there is no problem to be scored on"))?;
    end(context, format!("{name}: pass@1 {}", score.pass_at_1.percent()));
    Ok(EvalOutcome { drawn: outcome, model, score: Some(score) })
}

/// The model of an order; where it leaves that to its servers, the one that they were found to serve.
fn answered_by(session: &Session, order: &GenerateOrder, settings: &str) -> Result<String> {
    if !order.model.is_empty() {
        return Ok(order.model.clone());
    }
    Ok(session.settings(settings)?.map(|made| made.model.name).unwrap_or_default())
}

fn end(context: &mut JobContext, message: String) {
    let board = LiveBoard::clone(&context.watch().borrow());
    context.publish(LiveBoard { state: LiveState::Done, message, running: Vec::new(), ..board });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MICRO;
    use crate::pipeline::eval::list;
    use crate::records::Sampling;

    #[test]
    fn answers_are_drawn_and_the_score_is_kept_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("s");
        let generate = GenerateOrder {
            model: MICRO.into(),
            problems: Some("micro-test".into()),
            samples: 4,
            sampling: Sampling { temperature: 0.0, max_tokens: 60, ..Sampling::default() },
            limit: Some(3),
            ..GenerateOrder::default()
        };
        let order = EvalOrder::new(Some("mine".into()), generate);
        let job = start_eval(dir.clone(), order.clone()).unwrap();
        let watch = job.watch();
        let outcome = job.join().unwrap();
        let score = outcome.score.unwrap();
        assert_eq!((outcome.drawn.samples, score.problems, score.n), (3, 3, 1), "greedy answers are drawn once");
        let board = watch.borrow().clone();
        assert_eq!((board.job.as_str(), board.state), (EVALUATION, LiveState::Done));
        assert!(board.message.starts_with("mine: pass@1 "), "{}", board.message);
        let listed = list(&Session::open(&dir).unwrap()).unwrap();
        assert_eq!((listed.len(), listed[0].eval.name.as_str(), listed[0].greedy()), (1, "mine", true));
        assert_eq!(listed[0].score, score);
        // Where none is given it is called as the model; the answers are there.
        let unnamed = start_eval(dir.clone(), EvalOrder { name: None, ..order.clone() }).unwrap().join().unwrap();
        assert_eq!((unnamed.drawn.samples, unnamed.drawn.existing, unnamed.model.as_str()), (0, 3, MICRO));
        let names = list(&Session::open(&dir).unwrap()).unwrap().into_iter().map(|listed| listed.eval.name);
        assert_eq!(names.collect::<Vec<_>>(), ["mine", MICRO]);
        let nameless = EvalOrder { name: Some(" ".into()), ..order };
        assert!(start_eval(dir, nameless).unwrap().join().unwrap_err().to_string().contains("name"));
    }
}
