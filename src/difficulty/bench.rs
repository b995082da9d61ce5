//! How fast a changed target is planned anew: the figure behind `cribble bench select`.

use std::time::Instant;

use serde::Serialize;

use super::{Candidate, PoolProblem, Rule, ShapeName, Tally, select};

/// What was measured: medians.
#[derive(Debug, Clone, Serialize)]
pub struct Speed {
    pub problems: usize,
    pub samples: usize,
    /// Milliseconds to choose anew after the target changed, with K given and with K to be found.
    pub given_ms: f64,
    pub found_ms: f64,
    /// Milliseconds to rank the samples of every problem, once.
    pub rank_ms: f64,
    /// Chosen with the K that was found.
    pub chosen: usize,
}

/// Chooses over and over from made-up problems, whose pass rates are spread evenly, with `samples` each.
pub fn bench(problems: usize, samples: u32) -> Speed {
    let began = Instant::now();
    let pool: Vec<PoolProblem> = (0..problems)
        .map(|at| {
            let correct = (at as u64 * 7919 % (u64::from(samples) + 1)) as u32;
            let candidate = |draw: u32| Candidate {
                sample: i64::from(draw),
                draw,
                settings: "made up".into(),
                tokens: 100 + draw,
                confirms: draw.is_multiple_of(3),
                by_person: false,
            };
            let tally = Tally { samples, correct, ..Tally::default() };
            PoolProblem::new(
                format!("p{at}"),
                tally,
                (0..correct).map(candidate).collect(),
                &Rule::default(),
                |_, _| 0.0,
            )
        })
        .collect();
    let rank_ms = began.elapsed().as_secs_f64() * 1e3;
    let mut chosen = 0;
    let mut time = |rules: &dyn Fn(usize) -> Rule| {
        let mut times: Vec<f64> = (0..9)
            .map(|round| {
                let began = Instant::now();
                chosen = select(&pool, &rules(round)).samples.len();
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let given_ms = time(&|round| Rule { k: 4.0 + round as f64, ..Rule::default() });
    let found_ms = time(&|round| Rule {
        shape: ShapeName::ALL[round % 3],
        samples: (problems as u32).saturating_mul(8),
        most_confirming: 0.3,
        ..Rule::default()
    });
    Speed { problems, samples: samples as usize, given_ms, found_ms, rank_ms, chosen }
}
