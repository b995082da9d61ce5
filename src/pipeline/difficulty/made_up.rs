//! A survey of problems that nobody asked, for measuring how fast one is drawn and chosen from.

use super::survey::groups;
use super::{Drawn, Lengths, Ranking, Ratio, Source, Stage, Survey, Surveyed};
use crate::difficulty::{Bins, Candidate, Outcome, PoolProblem, Rule, Tally};

const SUBJECTS: [&str; 4] = ["algebra", "counting", "geometry", "number theory"];

/// So many problems of `samples` samples each: pass rates spread evenly, of right samples four in five accepted, five levels of
/// rising difficulty, and lengths of three stages.
pub fn made_up(problems: usize, samples: u32) -> Survey {
    let rule = Rule::default();
    let settings = || Source {
        hash: "made up".into(),
        model: "/s/runs/pi_sft/checkpoint-225".into(),
        model_content: "trained".into(),
        turns: 1,
        temperature: 0.8,
        max_tokens: 500,
        samples: problems * samples as usize,
        problems,
        unjudged: 0,
        held_out: 0,
    };
    let base = Source {
        hash: "base".into(),
        model: "base-1b".into(),
        model_content: "base".into(),
        samples: 0,
        problems: 0,
        held_out: 100,
        ..settings()
    };
    let dialogues = Source { hash: "dialogues".into(), turns: 2, samples: 2 * problems, held_out: 0, ..base.clone() };
    let (mut pool, mut surveyed) = (Vec::new(), Vec::new());
    for at in 0..problems {
        let correct = (at as u64 * 7919 % (u64::from(samples) + 1)) as u32;
        let mut tally = Tally::default();
        let (mut drawn, mut candidates) = (Vec::new(), Vec::new());
        for draw in 0..samples {
            let outcome = match (draw < correct, draw % 8) {
                (true, _) => Outcome::Right,
                (false, 0) => Outcome::NoAnswer,
                (false, 1) => Outcome::Truncated,
                (false, _) => Outcome::Wrong,
            };
            tally.add(outcome);
            let accepted = outcome == Outcome::Right && !(at as u32 + draw).is_multiple_of(5);
            let id = (at * samples as usize) as i64 + i64::from(draw) + 1;
            drawn.push(Drawn { id, outcome, accepted });
            if accepted {
                candidates.push(Candidate {
                    sample: id,
                    draw,
                    settings: "made up".into(),
                    tokens: 100 + draw,
                    confirms: draw.is_multiple_of(3),
                    by_person: false,
                });
            }
        }
        pool.push(PoolProblem::new(format!("made-up/{at:05}"), tally, candidates, &rule, |_, _| 0.0));
        surveyed.push(Surveyed {
            level: Some(5 - i64::from(5 * correct / (samples + 1))),
            subject: Some(SUBJECTS[at % SUBJECTS.len()].into()),
            head: format!("What is {at} times {samples}?"),
            samples: drawn,
        });
    }
    let of = |stage, source, count: usize, longer: u32, ratio| {
        let length = |at: usize| 40 + longer + (at as u32 * 7919 % 97) * (at as u32 * 31 % 11) / 6;
        let mut samples: Vec<(u32, i64)> = (0..count).map(|at| (length(at), at as i64 + 1)).collect();
        samples.sort_unstable();
        let mean = samples.iter().map(|(tokens, _)| f64::from(*tokens)).sum::<f64>() / count.max(1) as f64;
        let median = samples.get(count / 2).map_or(0.0, |(tokens, _)| f64::from(*tokens));
        Lengths { stage, source, samples, mean, median, truncated: count / 50, ratio }
    };
    let ratio = |to_base, shared| Some(Ratio { to_base, shared });
    let lengths = vec![
        of(Stage::Base, 2, 100, 0, None),
        of(Stage::One, 1, 2 * problems, 90, ratio(1.6, 0)),
        of(Stage::Two, 0, problems * samples as usize, 60, ratio(1.4, 100)),
    ];
    Survey {
        sources: vec![settings(), dialogues, base],
        source: 0,
        groups: groups(&pool, &surveyed),
        pool,
        problems: surveyed,
        unsampled: 0,
        ranking: Ranking::of(&rule),
        rule,
        lengths,
        selections: Vec::new(),
        bins: Bins::default(),
    }
}
