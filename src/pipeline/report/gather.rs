//! Brings together what a session knows of its pass.

use std::collections::{BTreeMap, HashMap};

use color_eyre::Result;

use super::{BinRow, Chains, DifficultyOf, Report, StepTime, Trained};
use crate::difficulty::{Bin, TENTHS, Tally};
use crate::model::ops;
use crate::pipeline::difficulty::tallies;
use crate::pipeline::recipe::Recipe;
use crate::pipeline::run::{Made, ModelScores, ablations, came, outcome, plan};
use crate::pipeline::sample::SampleOutcome;
use crate::session::{SampleRow, Session};
use crate::train::{metrics, runs};

/// Chains that are shown, before and after.
const SHOWN: usize = 10;
/// What the paper leaves open and the recipe fills in.
const OURS: [&str; 6] = [
    "The wording of the dialogue's guidance and of the phrases that join its turns.",
    "The filter's rules and all their thresholds.",
    "How many samples are drawn, at what temperature, and when a problem is given up.",
    "The definition of difficulty (1 - pass rate) and the target distribution over it.",
    "Which tokens of a corrected chain have a loss, and every value of the training.",
    "Whether the second stage goes on from pi_sft or from the base model.",
];

pub fn report(session: &Session, recipe: &Recipe) -> Result<Option<Report>> {
    let Some(scores) = outcome(session, recipe)? else { return Ok(None) };
    let rows = session.sample_rows()?;
    let (mut steps, mut funnels, mut training, mut difficulty) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for planned in plan(recipe, Some(session))? {
        let Some(step) = session.step(&planned.name)? else { continue };
        let name = planned.name.as_str();
        if let Some(stage) = name.strip_suffix(" filter") {
            funnels.push((stage.to_owned(), serde_json::from_str(&step.outcome)?));
        } else if let Some(stage) = name.strip_suffix(" select") {
            if let Some(drawn) = session.step(&format!("{stage} samples"))? {
                let drawn: SampleOutcome = serde_json::from_str(&drawn.outcome)?;
                difficulty.push(of_stage(session, recipe, &rows, stage, &drawn)?);
            }
        } else if let Some(run) = name.strip_prefix("train ") {
            training.push(trained(session, run, &serde_json::from_str(&step.outcome)?, step.seconds)?);
        }
        let came = came(session, recipe, &step)?;
        steps.push(StepTime { step: planned.name, seconds: step.seconds, came });
    }
    let chains = match (scores.models.first(), scores.models.last()) {
        (Some(first), Some(last)) if scores.models.len() > 1 => chains(session, &rows, first, last)?,
        _ => Vec::new(),
    };
    let lengths = scores.models.iter().map(|model| {
        let tokens = model.answered.iter().flat_map(|answered| answered.samples.iter().map(|sample| sample.tokens));
        (model.name.clone(), tokens.collect())
    });
    Ok(Some(Report {
        recipe: recipe.name.clone(),
        about: recipe.about.clone(),
        seed: recipe.seed,
        settings: recipe.to_toml(),
        program: format!("cribble {}", env!("CARGO_PKG_VERSION")),
        machine: format!(
            "{}, {} threads, {} kernels",
            std::env::consts::ARCH,
            std::thread::available_parallelism().map_or(1, usize::from),
            ops::instruction_set()
        ),
        steps,
        funnels,
        training,
        difficulty,
        outcome: scores.json(),
        paired: scores.paired.clone(),
        lengths: lengths.collect(),
        ablations: ablations(session)?,
        chains,
        reconstruction: OURS.to_vec(),
        scores,
    }))
}

fn trained(session: &Session, run: &str, made: &Made, seconds: f64) -> Result<Trained> {
    let Made { elsewhere, outcome, .. } = made;
    let lines = metrics::read(&runs::place(session.dir()).join(run), outcome.step)?;
    let points = |key: &str| -> Vec<(u64, f64)> {
        lines.iter().filter_map(|line| Some((line["step"].as_u64()?, line.get(key)?.as_f64()?))).collect()
    };
    let from = match elsewhere {
        Some(elsewhere) => elsewhere.from.clone(),
        None => runs::settings(&runs::place(session.dir()), run)?.0.model,
    };
    Ok(Trained {
        run: run.to_owned(),
        from,
        trainer: elsewhere.as_ref().map(|elsewhere| elsewhere.trainer.to_string()),
        chains: (outcome.chains, outcome.held_out, outcome.too_long),
        steps: outcome.step,
        tokens: lines.iter().filter_map(|line| line.get("tokens")?.as_u64()).max().unwrap_or_default(),
        validation_loss: outcome.validation_loss,
        seconds,
        loss: points("loss"),
        validation: points("validation_loss"),
    })
}

fn of_stage(
    session: &Session,
    recipe: &Recipe,
    rows: &[SampleRow],
    stage: &str,
    drawn: &SampleOutcome,
) -> Result<DifficultyOf> {
    let mine: Vec<&SampleRow> = rows
        .iter()
        .filter(|row| row.settings == drawn.settings)
        .filter(|row| row.draw < drawn.wanted.get(&row.problem_id).copied().unwrap_or(0))
        .collect();
    let tallies = tallies(mine.iter().copied(), |_| u32::MAX);
    let selected = match session.selection(stage)? {
        Some(selection) => session.selected(&selection)?,
        None => HashMap::new(),
    };
    let mut bins: BTreeMap<Bin, BinRow> = Bin::ALL
        .into_iter()
        .map(|bin| (bin, BinRow { bin, problems: 0, drawn: 0, accepted: 0, selected: 0 }))
        .collect();
    let mut histogram = [0; TENTHS];
    let mut levels: BTreeMap<i64, (usize, Tally)> = BTreeMap::new();
    let level: HashMap<&str, i64> = mine.iter().filter_map(|row| Some((row.problem_id.as_str(), row.level?))).collect();
    for (problem, (tally, _)) in &tallies {
        if let Some(row) = recipe.bins.of(tally).and_then(|bin| bins.get_mut(&bin)) {
            row.problems += 1;
        }
        histogram[tally.tenth()] += 1;
        if let Some(level) = level.get(problem) {
            let (problems, sum) = levels.entry(*level).or_default();
            *problems += 1;
            sum.samples += tally.samples;
            sum.correct += tally.correct;
        }
    }
    for row in &mine {
        let tally = &tallies[row.problem_id.as_str()].0;
        if let Some(of) = recipe.bins.of(tally).and_then(|bin| bins.get_mut(&bin)) {
            of.drawn += 1;
            of.accepted += u64::from(row.trained_on());
            of.selected += u64::from(selected.contains_key(&row.id));
        }
    }
    let mut unsolved: Vec<String> =
        tallies.iter().filter(|(_, (tally, _))| tally.correct == 0).map(|(id, _)| (*id).to_owned()).collect();
    unsolved.sort_unstable();
    Ok(DifficultyOf {
        stage: stage.to_owned(),
        settings: drawn.settings.clone(),
        bins: bins.into_values().collect(),
        histogram,
        unsolved,
        levels: levels.into_iter().map(|(level, (problems, tally))| (level, problems, tally)).collect(),
    })
}

/// The first sample of both models, for problems evenly over the test set: what is shown is not chosen by how well it looks.
fn chains(session: &Session, rows: &[SampleRow], first: &ModelScores, last: &ModelScores) -> Result<Vec<Chains>> {
    let of = |model: &ModelScores| -> Result<HashMap<&str, i64>> {
        let settings = session.eval(&model.name)?.map(|eval| eval.settings).unwrap_or_default();
        let mine = rows.iter().filter(|row| row.settings == settings && row.draw == 0);
        Ok(mine.map(|row| (row.problem_id.as_str(), row.id)).collect())
    };
    let (before, after) = (of(first)?, of(last)?);
    let all = &first.answered;
    let step = (all.len() / SHOWN).max(1);
    let mut chains = Vec::new();
    for answered in all.iter().step_by(step).take(SHOWN) {
        let id = answered.problem.as_str();
        let (Some(one), Some(other)) = (before.get(id), after.get(id)) else { continue };
        let (Some(one), Some(other)) = (session.sample(*one)?, session.sample(*other)?) else { continue };
        let Some(problem) = session.problem(id)? else { continue };
        chains.push(Chains {
            problem: problem.text,
            gold: problem.answer,
            before: one.chain.text,
            before_right: one.correct == Some(true),
            after: other.chain.text,
            after_right: other.correct == Some(true),
        });
    }
    Ok(chains)
}
