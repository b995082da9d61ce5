//! The evaluation step: reads the samples that a session holds under one setting, grades what happens inside their chains, and
//! scores them. The samples are made by the generation step, single turns each.

use std::collections::HashMap;

use color_eyre::Result;
use rayon::prelude::*;

use crate::eval::{Answered, Graded};
use crate::filter::transition;
use crate::records::{FinishReason, Problem};
use crate::session::Session;

/// The samples of these problems under the settings with this hash, the first `samples` draws of each, in order.
///
/// # Errors
/// If the session cannot be read.
pub fn answered(session: &Session, settings: &str, problems: &[Problem], samples: u32) -> Result<Vec<Answered>> {
    let places: HashMap<&str, usize> =
        problems.iter().enumerate().map(|(at, problem)| (problem.id.as_str(), at)).collect();
    let mut read = Vec::new();
    for row in session.sample_rows()? {
        if row.settings == settings
            && row.draw < samples
            && let Some(&at) = places.get(row.problem_id.as_str())
            && let Some(sample) = session.sample(row.id)?
        {
            read.push((at, row.draw, sample));
        }
    }
    // Order of arrival must not decide anything.
    read.sort_by_key(|(at, draw, _)| (*at, *draw));
    let graded: Vec<(usize, Graded)> = read
        .into_par_iter()
        .map(|(at, _, sample)| {
            let transition = transition(&sample.chain.text, &sample.chain.opened, &problems[at].answer);
            let truncated = matches!(sample.finish, FinishReason::Length | FinishReason::ContextFull);
            let graded = Graded {
                correct: sample.correct == Some(true),
                answer: sample.answer,
                tokens: sample.tokens,
                truncated,
                transition,
            };
            (at, graded)
        })
        .collect();
    let mut answered: Vec<Answered> = problems
        .iter()
        .map(|problem| Answered { problem: problem.id.clone(), gold: problem.answer.clone(), samples: Vec::new() })
        .collect();
    for (at, sample) in graded {
        answered[at].samples.push(sample);
    }
    Ok(answered)
}
