//! The evaluation step: draws single-turn samples for problems that are held out, grades what happens inside their chains, and
//! keeps what the model scores. Beside it, what of the kept evaluations a person looks at: a list, one in detail, two against
//! each other, and what the session's dialogues say of second turns.

mod detail;
mod dialogues;
mod listed;
mod order;
mod paired;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use detail::{Detail, Group};
pub use dialogues::{Dialogues, dialogues};
pub use listed::{Difference, EvalKey, Listed, differences, list};
pub use order::EvalOrder;
pub use paired::{Flipped, Paired};
pub use reader::{Reader, ScoreRequest, Scores};

use color_eyre::Result;
use rayon::prelude::*;

use crate::eval::{Answered, Graded, Score};
use crate::filter::behaviours::{Behaviour, Detector};
use crate::filter::{Appraisal, Settings, appraisal, candidates};
use crate::records::{Problem, Sample};
use crate::session::{Session, StoredEval};

/// The samples of these problems under the settings with this hash, the first `samples` draws of each, in order.
///
/// # Errors
/// If the session cannot be read.
pub fn answered(session: &Session, settings: &str, problems: &[Problem], samples: u32) -> Result<Vec<Answered>> {
    Ok(read(session, settings, problems, samples)?.into_iter().map(|(answered, _)| answered).collect())
}

/// The same, each with the rows of its samples.
fn read(session: &Session, settings: &str, problems: &[Problem], samples: u32) -> Result<Vec<(Answered, Vec<i64>)>> {
    let places: HashMap<&str, usize> =
        problems.iter().enumerate().map(|(at, problem)| (problem.id.as_str(), at)).collect();
    let mut read = Vec::new();
    for row in session.sample_rows()? {
        if row.settings == settings
            && row.draw < samples
            && let Some(&at) = places.get(row.problem_id.as_str())
            && let Some(sample) = session.sample(row.id)?
        {
            read.push((at, row.draw, row.id, sample));
        }
    }
    // Order of arrival must not decide anything.
    read.sort_by_key(|(at, draw, _, _)| (*at, *draw));
    let detector = Detector::new(&Settings::default());
    let graded: Vec<(usize, i64, Graded)> =
        read.into_par_iter().map(|(at, _, row, sample)| (at, row, grade(&detector, &problems[at], sample))).collect();
    let mut answered: Vec<(Answered, Vec<i64>)> = problems
        .iter()
        .map(|problem| {
            let (gold, level) = (problem.answer.clone(), problem.level);
            (Answered { problem: problem.id.clone(), gold, level, samples: Vec::new() }, Vec::new())
        })
        .collect();
    for (at, row, sample) in graded {
        answered[at].0.samples.push(sample);
        answered[at].1.push(row);
    }
    Ok(answered)
}

fn grade(detector: &Detector, problem: &Problem, sample: Sample) -> Graded {
    let chain = &sample.chain;
    let (found, transition) = candidates(&chain.text, &chain.opened, &problem.answer);
    let first = found.iter().find_map(|candidate| Some((candidate.end, candidate.correct?)));
    let verdict = first.and_then(|(end, right)| {
        let said = appraisal(chain.text.get(end..)?)?;
        Some((right, said == Appraisal::Right))
    });
    let hits = detector.hits(&chain.text, &problem.text);
    let shown = |behaviour: &Behaviour| hits.iter().any(|hit| hit.behaviour == *behaviour);
    let truncated = sample.finish.is_cut();
    Graded {
        correct: sample.correct == Some(true) && !truncated,
        answer: sample.answer,
        tokens: sample.tokens,
        truncated,
        transition,
        behaviours: Behaviour::ALL.into_iter().filter(shown).collect(),
        verdict,
    }
}

/// Scores what is there and keeps it under a name; `None` where there is no sample.
///
/// # Errors
/// If the session cannot be read or written.
pub fn keep(
    session: &Session,
    (name, model): (&str, &str),
    settings: &str,
    problems: &[Problem],
    samples: u32,
) -> Result<Option<Score>> {
    let Some(score) = Score::of(&answered(session, settings, problems, samples)?) else { return Ok(None) };
    session.put_eval(&StoredEval {
        name: name.to_owned(),
        model: model.to_owned(),
        settings: settings.to_owned(),
        samples,
        problems: problems.iter().map(|problem| problem.id.clone()).collect(),
        summary: serde_json::to_string(&score)?,
    })?;
    Ok(Some(score))
}

/// The graded samples of an evaluation that was kept.
///
/// # Errors
/// If the session cannot be read.
pub fn kept(session: &Session, eval: &StoredEval) -> Result<Vec<Answered>> {
    answered(session, &eval.settings, &problems(session, eval)?, eval.samples)
}

/// The problems of an evaluation, in order.
fn problems(session: &Session, eval: &StoredEval) -> Result<Vec<Problem>> {
    let mut problems = Vec::with_capacity(eval.problems.len());
    for id in &eval.problems {
        problems.extend(session.problem(id)?);
    }
    Ok(problems)
}

/// A score as it is printed: one object of plain values.
pub fn summary(model: &str, compute: &str, score: &Score) -> serde_json::Value {
    let behaviours: std::collections::BTreeMap<&str, f64> =
        score.behaviours.iter().map(|(behaviour, share)| (behaviour.name(), *share)).collect();
    serde_json::json!({
        "model": model, "compute": compute, "problems": score.problems, "n": score.n, "pass_at_1": score.pass_at_1.value,
        "ci95": [score.pass_at_1.low, score.pass_at_1.high], "maj_at_k": score.maj_at_k.value,
        "maj_ci95": [score.maj_at_k.low, score.maj_at_k.high], "pass_at_k": score.pass_at_k,
        "mean_tokens": score.mean_tokens, "mean_tokens_ended": score.mean_tokens_ended, "truncated": score.truncated,
        "f_to_t": score.f_to_t, "t_to_f": score.t_to_f, "first_right": score.first_right, "behaviours": behaviours,
        "verdicts": score.verdicts, "verdict_agreement": score.verdicts.balanced(),
    })
}
