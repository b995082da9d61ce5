//! How fast the filter is: every rule over many made-up samples in a session, and judging again after one threshold
//! changed.

use std::time::Instant;

use color_eyre::Result;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::filter::{FilterSources, judge_session};
use crate::filter::contamination::Benchmarks;
use crate::filter::{RuleId, Settings};
use crate::records::{
    Chain, FinishReason, ModelIdentity, Problem, Sample, SampleSettings, Sampling, Turn, TurnKind, now_millis,
};
use crate::session::Session;

/// What was measured; printed by `bench filter --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterSpeed {
    pub samples: usize,
    /// Words of all chains.
    pub words: usize,
    pub threads: usize,
    /// Reading, measuring by all rules, judging and storing.
    pub all_rules_seconds: f64,
    /// The same session again after one threshold changed.
    pub rejudge_seconds: f64,
    pub samples_per_second: f64,
    /// Verdicts that the change turned.
    pub changed: usize,
}

/// Fills a session in a temporary directory and filters it twice. Eight samples a problem, about 400 tokens each.
pub fn bench(samples: usize, directory: &std::path::Path) -> Result<FilterSpeed> {
    let session = Session::create(directory)?;
    let words = fill(&session, samples)?;
    let mut settings = Settings::default();
    let mut benchmarks = Benchmarks::default();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for at in 0..1000 {
        benchmarks.add(&format!("benchmark/{at}"), &problem_text(&mut random));
    }
    let begun = Instant::now();
    judge_session(&session, &settings, &benchmarks, &FilterSources::default(), &mut |_, _| true)?;
    let all_rules_seconds = begun.elapsed().as_secs_f64();
    settings.set(RuleId::Length, "min_tokens", 420.0);
    let begun = Instant::now();
    let again = judge_session(&session, &settings, &benchmarks, &FilterSources::default(), &mut |_, _| true)?;
    Ok(FilterSpeed {
        samples,
        words,
        threads: rayon::current_num_threads(),
        all_rules_seconds,
        rejudge_seconds: begun.elapsed().as_secs_f64(),
        samples_per_second: samples as f64 / all_rules_seconds,
        changed: again.map_or(0, |outcome| outcome.changed),
    })
}

const NAMES: &[&str] = &["Ann", "Ben", "Carla", "Dev", "Ema", "Farid", "Gita", "Hugo"];
const THINGS: &[&str] = &["apples", "books", "coins", "pens", "tickets", "shells", "stamps", "cups"];
const REMARKS: &[&str] = &[
    "Let me check this step against the problem.",
    "Wait, I should look at that again.",
    "The next thing to find is how many are left.",
    "That agrees with what the problem says.",
    "Working backwards from the total gives the same value.",
    "Each of them has the same number, so we multiply.",
    "This is what the question asks for.",
    "The remaining part is simple.",
];

fn problem_text(random: &mut ChaCha8Rng) -> String {
    let (name, thing) = (pick(NAMES, random), pick(THINGS, random));
    let (a, b, c) = (random.random_range(2..90), random.random_range(2..20), random.random_range(2..90));
    format!(
        "{name} has {a} boxes with {b} {thing} in each and buys {c} more {thing} at the market before giving half of \
         them to a friend. How many {thing} does {name} have after that?"
    )
}

fn pick<'a>(list: &[&'a str], random: &mut ChaCha8Rng) -> &'a str {
    list.choose(random).copied().unwrap_or_default()
}

fn chain(random: &mut ChaCha8Rng) -> String {
    let mut text = String::new();
    while text.len() < 1600 {
        let (a, b): (u32, u32) = (random.random_range(2..900), random.random_range(2..90));
        let off = u32::from(random.random_bool(0.01));
        let (thing, remark) = (pick(THINGS, random), pick(REMARKS, random));
        let step = match random.random_range(0..3) {
            0 => format!("{a} + {b} = {} {thing}. {remark} ", a + b + off),
            1 => format!("There are \\({a} \\times {b} = {}\\) {thing}. {remark} ", a * b + off),
            _ => format!("{remark} So ${a} - {b} = {}$ {thing} are left.\n", a.abs_diff(b) + off),
        };
        text.push_str(&step);
    }
    text.push_str(&format!("The final answer is \\boxed{{{}}}.", random.random_range(0..4)));
    text
}

fn fill(session: &Session, samples: usize) -> Result<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let settings = SampleSettings {
        model: ModelIdentity {
            name: "made up".into(),
            content: String::new(),
            template: String::new(),
            compute: String::new(),
            context_length: 0,
        },
        turns: 1,
        sampling: Sampling::default(),
        seed: 0,
        dialogue: serde_json::Value::Null,
    };
    let hash = session.put_settings(&settings, &serde_json::Value::Null)?;
    let problems: Vec<Problem> = (0..samples.div_ceil(8))
        .map(|at| {
            let text = problem_text(&mut random);
            let answer = random.random_range(0..4).to_string();
            Problem {
                id: format!("made/{at}"),
                text,
                answer,
                source: "made".into(),
                split: None,
                level: None,
                subject: None,
                solution: None,
                extra: serde_json::Map::new(),
            }
        })
        .collect();
    session.add_problems(&problems)?;
    let mut words = 0;
    let mut batch = Vec::new();
    for at in 0..samples {
        let text = chain(&mut random);
        words += text.split_whitespace().count();
        let turn = Turn {
            kind: TurnKind::Problem,
            strategy: None,
            text: problems[at / 8].text.clone(),
            token_ids: Vec::new(),
            tokens: 0,
            finish: None,
            logprob: None,
        };
        batch.push(Sample {
            problem_id: problems[at / 8].id.clone(),
            draw: (at % 8) as u32,
            settings: hash.clone(),
            turns: vec![turn],
            chain: Chain { text, segments: Vec::new(), opened: Vec::new() },
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: None,
            correct: None,
            tokens: random.random_range(380..440),
            seconds: 0.0,
            created_at: now_millis(),
        });
        if batch.len() == 5000 || at + 1 == samples {
            session.add_samples(&batch)?;
            batch.clear();
        }
    }
    Ok(words)
}
