//! What a pass will cost, from a probe: a few dialogues and answers of the base model under the recipe's settings, and a few steps
//! of training over them, in a session that is thrown away.
//!
//! What only the trained models could tell (how long their chains are, how many are right) is taken from the probe's chains:
//! that is what they are trained to write. How long another program trains is not forecast. Nor is anything where servers write: how
//! fast they are, and what there will be to learn from, only their samples tell.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use color_eyre::Result;
use serde::Serialize;

use super::pace::{Pace, Timed};
use super::plan::{Planned, plan, refined, round_of};
use super::{Halt, Host, RunOrder, problems, steps};
use crate::dialogue::Policy;
use crate::generate::local::{LocalBackend, LocalOptions};
use crate::model::{ComputeChoice, ModelFiles};
use crate::pipeline::filter::{FilterSources, judge_session};
use crate::pipeline::generate::{GenerateOutcome, generate};
use crate::pipeline::recipe::Recipe;
use crate::pipeline::train::{TrainOrder, examples, prepare};
use crate::pipeline::{GenerateOrder, OrderError};
use crate::records::{DecisionVerb, FinishReason, LiveBoard, LiveState, Problem, Sampling};
use crate::session::{SampleRow, Session};
use crate::train::steer::{Event, Steering};
use crate::train::{TrainSettings, dataset};

/// Steps of training that are timed, after one that is not.
const STEPS: u64 = 3;
/// Accepted chains whose lengths say enough of those to come.
const ENOUGH: usize = 16;
/// Problems that the base model answers at least.
const PROBLEMS: usize = 16;

/// A step with what it will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    #[serde(flatten)]
    pub step: Planned,
    /// Tokens that are written or trained on.
    pub tokens: f64,
    /// `None` where another program trains or writes, whose pace is not known.
    pub seconds: Option<f64>,
}

/// What the probe measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Probe {
    /// Seconds until the model is loaded.
    pub load: f64,
    /// Tokens of a single-turn answer, of a dialogue, and of a chain of the first stage that is learnt from, prompt included.
    pub answer: f64,
    pub dialogue: f64,
    pub chain: f64,
    /// Tokens of a chain that the trained models write in an evaluation and in the second stage: as long as those that they are
    /// taught, or cut off where they may not be.
    pub scored: f64,
    pub sampled: f64,
    /// Tokens of such a chain of the second stage that is whole and learnt from, prompt included.
    pub refined: f64,
    /// How fast single turns and dialogues are written.
    pub answers: Pace,
    pub dialogues: Pace,
    /// Share of dialogues that are accepted.
    pub accepted: f64,
    /// Trained on a second, and seconds before the first step; 0 where another program trains.
    pub trained_per_second: f64,
    pub prepare: f64,
}

/// Probes and forecasts each step. Where servers write nothing is measured.
///
/// # Errors
/// If the recipe cannot be run, or nothing of the probe is fit to train on.
pub fn forecast(order: &RunOrder, policies: &(Policy, Policy), host: &mut dyn Host) -> Result<(Probe, Vec<Forecast>)> {
    let (pool, test) = problems(&order.recipe)?;
    let probe = match order.recipe.servers {
        Some(_) => Probe::default(),
        None => {
            let directory = Scratch::new()?;
            let session = Session::create(&directory.0)?;
            let probe = probe(&session, order, policies, host);
            // Before the directory goes.
            drop(session);
            probe?
        }
    };
    let sizes = (pool.len(), test.len());
    let planned = plan(&order.recipe, None)?;
    Ok((probe, planned.into_iter().map(|step| cost(order, &probe, sizes, step)).collect()))
}

/// A directory that is removed with all in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let name = format!("cribble-probe-{}-{}", std::process::id(), crate::records::now_millis());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is in a place that the system clears.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn probe(session: &Session, order: &RunOrder, policies: &(Policy, Policy), host: &mut dyn Host) -> Result<Probe> {
    let recipe = &order.recipe;
    let (pool, test) = problems(recipe)?;
    session.add_problems(&pool)?;
    session.hold_out(&test)?;
    let compute: ComputeChoice =
        recipe.compute.parse().map_err(|error: crate::model::DecoderError| OrderError(error.to_string()))?;
    let mut probe = Probe::default();
    let began = Instant::now();
    let options = LocalOptions { compute, slots: order.slots, ..LocalOptions::default() };
    let mut backend = LocalBackend::load(&recipe.model, options)?;
    probe.load = began.elapsed().as_secs_f64();
    let slots = crate::generate::Backend::slots(&backend);
    let generation = |turns: usize, sampling: &Sampling| order.generation(compute, 1, turns, sampling.clone());
    let spread = |of: &[Problem], some: usize| -> Vec<Problem> {
        let some = some.min(of.len()).max(1);
        of.iter().step_by((of.len() / some).max(1)).take(some).cloned().collect()
    };
    let run = |problems: &[Problem],
               policy: &Policy,
               of: &GenerateOrder,
               backend: &mut LocalBackend,
               host: &mut dyn Host|
     -> Result<(GenerateOutcome, Pace)> {
        let mut timed = Timed::new(host);
        let made = generate(session, backend, problems, policy, of, &mut timed)?;
        if made.stopped {
            return Err(Halt::Stopped { step: "probe".into() }.into());
        }
        let pace = timed.pace(&made);
        Ok((made, pace))
    };
    let each = |made: &GenerateOutcome| made.tokens as f64 / made.samples.max(1) as f64;
    // So many of each problem as the evaluation has: they share its prompt, and so what it takes to read it.
    let samples = recipe.eval.samples.max(1);
    let problems = spread(&test, (2 * slots).div_ceil(samples as usize).max(PROBLEMS));
    let answers = GenerateOrder { samples, ..generation(1, &recipe.eval.sampling) };
    let (made, pace) = run(&problems, &policies.1, &answers, &mut backend, host)?;
    (probe.answer, probe.answers) = (each(&made), pace);
    let stage = &recipe.stage1;
    // Two rounds of the slots, each problem once.
    let problems = spread(steps::first(&pool, stage.problems), 2 * slots);
    let (made, pace) = run(&problems, &policies.0, &generation(stage.turns, &stage.sampling), &mut backend, host)?;
    (probe.dialogue, probe.dialogues) = (each(&made), pace);
    drop(backend);
    let sources = FilterSources { only: vec![made.settings.clone()], ..FilterSources::default() };
    let benchmarks = crate::pipeline::filter::benchmarks(std::slice::from_ref(&recipe.test))?;
    let judged = judge_session(session, &recipe.filter_settings()?, &benchmarks, &sources, &mut |_, _| true)?;
    probe.accepted = judged.map_or(0.0, |judged| judged.accepted as f64 / judged.judged.max(1) as f64);
    let dialogues = || -> Result<Vec<SampleRow>> {
        let rows = session.sample_rows()?.into_iter();
        Ok(rows.filter(|row| row.settings == made.settings).collect())
    };
    let judged = dialogues()?;
    let lengths = usual_tokens(&judged);
    if probe.accepted == 0.0 {
        // So few may all be rejected; what training takes is measured all the same.
        let all: Vec<i64> = judged.iter().map(|row| row.id).collect();
        session.decide_all(&all, DecisionVerb::Accept, Some("probe"))?;
    }
    let learnt = mean(dialogues()?.iter().filter(|row| row.trained_on()).map(|row| row.tokens)).unwrap_or_default();
    let chain = match recipe.external {
        Some(_) => chain_tokens(session, recipe)?,
        None => train_a_little(session, order, compute, &mut probe, host)?,
    };
    let prompt = chain.map_or(0.0, |chain| (chain - learnt).max(0.0));
    let or_dialogue = |mean: Option<f64>| mean.unwrap_or(probe.dialogue);
    let cut_at = |most: usize| or_dialogue(mean(lengths.iter().map(|tokens| *tokens.min(&most))));
    let whole_within = |most: usize| {
        let whole = mean(lengths.iter().copied().filter(|tokens| *tokens < most));
        whole.unwrap_or_else(|| cut_at(most))
    };
    let two = &recipe.stage2.sampling;
    Ok(Probe {
        chain: or_dialogue(mean(lengths.iter().copied())) + prompt,
        refined: whole_within(two.max_tokens) + prompt,
        scored: cut_at(recipe.eval.sampling.max_tokens),
        sampled: cut_at(two.max_tokens),
        ..probe
    })
}

/// Times a few steps of training. Returns the tokens of a chain as it is trained on, prompt included.
fn train_a_little(
    session: &Session,
    order: &RunOrder,
    compute: ComputeChoice,
    probe: &mut Probe,
    host: &mut dyn Host,
) -> Result<Option<f64>> {
    let (recipe, stage) = (&order.recipe, &order.recipe.stage1.train);
    // Of few chains a step may hold all: then they come again, in as many epochs as it takes.
    let settings = TrainSettings {
        model: recipe.model.clone(),
        max_steps: STEPS + 1,
        epochs: STEPS + 1,
        wandb: false,
        ..stage.clone()
    };
    let order = TrainOrder { run: "probe".into(), settings, compute };
    let began = Instant::now();
    let message = "a few steps of training".to_owned();
    host.publish(LiveBoard { state: LiveState::Running, message, ..LiveBoard::default() });
    let mut prepared = prepare(session, &order)?;
    probe.prepare = began.elapsed().as_secs_f64();
    let mut seen: Vec<(Instant, u64)> = Vec::new();
    prepared.trainer.run(&Stoppable(&*host), &mut |event: &Event| {
        if let Event::Step(step) = event {
            seen.push((Instant::now(), step.tokens));
        }
    })?;
    if host.stopping() {
        return Err(Halt::Stopped { step: "probe".into() }.into());
    }
    let (Some((first, before)), Some((last, after))) = (seen.first(), seen.last()) else { return Ok(None) };
    probe.trained_per_second = (after - before) as f64 / last.duration_since(*first).as_secs_f64().max(1e-9);
    Ok(Some(*after as f64 / chains_of(seen.len(), prepared.chains, stage.batch_size).max(1) as f64))
}

/// The same tokens where another program trains: how fast cannot be told from here, how much can.
fn chain_tokens(session: &Session, recipe: &Recipe) -> Result<Option<f64>> {
    let TrainSettings { data, seed, .. } = &recipe.stage1.train;
    let files = ModelFiles::open(&recipe.model)?;
    let data = dataset::build(&examples(session, data)?, &files.tokenizer, &files.template, data, *seed)?;
    let tokens: usize = data.train.iter().map(|item| item.tokens.len()).sum();
    Ok(Some(tokens as f64 / data.train.len().max(1) as f64))
}

/// Tokens of chains such as will be learnt from: of those accepted, of those with a right answer where few are, or of all that
/// ended. A handful tells little.
fn usual_tokens(dialogues: &[SampleRow]) -> Vec<usize> {
    let of = |wanted: &dyn Fn(&&SampleRow) -> bool| -> Vec<usize> {
        dialogues.iter().filter(wanted).map(|row| row.tokens).collect()
    };
    let accepted = of(&|row| row.trained_on());
    if accepted.len() >= ENOUGH {
        return accepted;
    }
    let ended = |row: &&SampleRow| row.finish == FinishReason::Stop;
    let right = of(&|row| ended(row) && row.correct == Some(true));
    if right.is_empty() { of(&ended) } else { right }
}

fn mean(tokens: impl Iterator<Item = usize>) -> Option<f64> {
    let (count, sum) = tokens.fold((0usize, 0usize), |(count, sum), tokens| (count + 1, sum + tokens));
    (count > 0).then(|| sum as f64 / count as f64)
}

/// The few steps of a probe, which can be ended and no more.
struct Stoppable<'a>(&'a dyn Host);

impl Steering for Stoppable<'_> {
    fn stopping(&self) -> bool {
        self.0.stopping()
    }

    fn paused(&self) -> bool {
        false
    }

    fn pause(&self) {}

    fn wait_while_paused(&self, _limit: Duration) {}
}

/// Chains in the first so many steps: the last step of an epoch holds what is left.
fn chains_of(steps: usize, chains: usize, batch: usize) -> usize {
    let an_epoch = chains.div_ceil(batch).max(1);
    (0..steps).map(|step| if step % an_epoch == an_epoch - 1 { chains - (an_epoch - 1) * batch } else { batch }).sum()
}

/// Whether a step takes its time with a model.
fn writes_or_trains(step: &str) -> bool {
    ["eval ", "train "].iter().any(|begin| step.starts_with(begin))
        || [" dialogues", " samples", " retry"].iter().any(|end| step.ends_with(end))
}

/// What one step takes, by what the probe measured.
fn cost(order: &RunOrder, probe: &Probe, (pool, test): (usize, usize), step: Planned) -> Forecast {
    let recipe = &order.recipe;
    if recipe.servers.is_some() {
        return Forecast { tokens: 0.0, seconds: (!writes_or_trains(&step.name)).then_some(1.0), step };
    }
    let (one, two, eval) = (&recipe.stage1, &recipe.stage2, &recipe.eval);
    let some = |count: usize, of: usize| if count == 0 { of as f64 } else { count.min(of) as f64 };
    let answers = f64::from(eval.samples + u32::from(eval.greedy)) * some(eval.problems, test);
    let chosen = |most: u32, there: f64| if most == 0 { there } else { f64::from(most).min(there) };
    let dialogues = f64::from(one.samples) * some(one.problems, pool);
    let draws = some(two.problems, pool) * f64::from(two.budget.first + two.budget.most) / 2.0;
    // In so many goes, each of which ends with its last samples alone.
    let written_in =
        |goes: f64, tokens: f64, pace: &Pace| (tokens, Some(probe.load + goes * pace.seconds(tokens / goes)));
    let write = |count: f64, each: f64, pace: &Pace| written_in(1.0, count * each, pace);
    let train = |samples: f64, chain: f64, settings: &TrainSettings| {
        let tokens = samples * chain * settings.epochs as f64;
        let here = recipe.external.is_none();
        (tokens, here.then(|| probe.prepare + tokens / probe.trained_per_second.max(1e-9)))
    };
    let refined_train = (1..=two.rounds).any(|round| step.name == format!("train {}", refined(recipe, round)));
    let sampling = (1..=two.rounds).any(|round| step.name == format!("{} samples", round_of(recipe, round)));
    let retrying = (1..=two.rounds).any(|round| step.name == format!("{} retry", round_of(recipe, round)));
    let (tokens, seconds) = match step.name.as_str() {
        "eval base" => write(answers, probe.answer, &probe.answers),
        "stage 1 dialogues" => write(dialogues, probe.dialogue, &probe.dialogues),
        "train pi_sft" => train(chosen(one.select.samples, dialogues * probe.accepted), probe.chain, &one.train),
        name if name.starts_with("eval ") => write(answers, probe.scored, &probe.answers),
        _ if sampling => {
            let most = if two.budget.tokens == 0 { f64::INFINITY } else { two.budget.tokens as f64 };
            let more = two.budget.most.saturating_sub(two.budget.first);
            let goes = 1.0 + f64::from(more.div_ceil(two.budget.round.max(1)));
            written_in(goes, (draws * probe.sampled).min(most), &probe.answers)
        }
        _ if retrying => {
            // As if each draw were as likely to be right as a dialogue of the probe: what is unsolved is the least likely part.
            let unsolved = some(two.problems, pool) * (1.0 - probe.accepted).powi(two.budget.first as i32);
            write(unsolved * f64::from(two.retry), 2.0 * probe.sampled, &probe.dialogues)
        }
        _ if refined_train => train(chosen(two.select.samples, draws * probe.accepted), probe.refined, &two.train),
        _ => (0.0, Some(1.0)),
    };
    Forecast { step, tokens, seconds }
}
