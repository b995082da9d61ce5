//! What each step of a pass does.

use std::collections::HashMap;
use std::path::PathBuf;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};
use serde::{Deserialize, Serialize};

use super::plan::{BASE, refined, round_of};
use super::{Halt, Pass, Served};
use crate::difficulty::Rule;
use crate::generate::Backend;
use crate::generate::local::{LocalBackend, LocalOptions};
use crate::model::ComputeChoice;
use crate::pipeline::difficulty::tallies;
use crate::pipeline::filter::{FilterOutcome, FilterSources, benchmarks, judge_session};
use crate::pipeline::generate::{GenerateOutcome, generate};
use crate::pipeline::recipe::{Review, Start};
use crate::pipeline::sample::{SampleOrder, SampleOutcome, sample};
use crate::pipeline::select::{SelectOrder, SelectOutcome, choose};
use crate::pipeline::train::{TrainOrder, TrainOutcome, prepare};
use crate::pipeline::{GenerateOrder, eval};
use crate::records::{Problem, Sampling};
use crate::train::TrainSettings;
use crate::train::dataset::DataSettings;
use crate::train::external::{External, Trainer};

/// What a model was scored by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Hashes of the settings of the samples, and of the greedy ones.
    pub settings: String,
    pub greedy: Option<String>,
    pub compute: String,
}

/// A model that was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::pipeline) struct Made {
    /// A directory that opens as a model.
    pub model: PathBuf,
    /// Of a training by another program, whose record does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    #[serde(flatten)]
    pub outcome: TrainOutcome,
}

/// Who trained in the place of this program, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::pipeline) struct Elsewhere {
    pub trainer: Trainer,
    /// The model that it began with.
    pub from: String,
}

impl Pass<'_> {
    pub(super) fn both_stages(&mut self) -> Result<()> {
        let base = self.recipe().model.clone();
        self.score(BASE, &base)?;
        let sft = self.stage_one(&base)?;
        self.score("pi_sft", &sft)?;
        let (mut name, mut model) = ("pi_sft".to_owned(), sft);
        for round in 1..=self.recipe().stage2.rounds {
            model = self.stage_two(round, &base, (&name, &model))?;
            name = refined(self.recipe(), round);
            self.score(&name, &model)?;
        }
        Ok(())
    }

    /// Dialogues, filter, selection, training. Returns the model that it made.
    fn stage_one(&mut self, base: &str) -> Result<String> {
        let stage = self.recipe().stage1.clone();
        let drawn = self.step("stage 1 dialogues", |pass| pass.dialogues("stage 1 dialogues", base))?;
        self.judge("stage 1", std::slice::from_ref(&drawn.settings), stage.review)?;
        self.step("stage 1 select", |pass| pass.select("stage 1", &stage.select, &drawn.settings, None))?;
        self.train("pi_sft", base, "stage 1", &stage.train)
    }

    /// Samples in rounds, filter, selection, training. `by`: the model that writes, by its name in the pass and its place. Returns
    /// the model that it made.
    fn stage_two(&mut self, round: u32, base: &str, by: (&str, &str)) -> Result<String> {
        let stage = self.recipe().stage2.clone();
        let (place, trained) = (round_of(self.recipe(), round), refined(self.recipe(), round));
        let samples = format!("{place} samples");
        let drawn = self.step(&samples, |pass| pass.samples(&samples, by))?;
        let mut settings = vec![drawn.settings.clone()];
        if stage.retry > 0 {
            let retry = format!("{place} retry");
            settings.push(self.step(&retry, |pass| pass.retry(&retry, by, &drawn))?.settings);
        }
        self.judge(&place, &settings, stage.review)?;
        self.step(&format!("{place} select"), |pass| {
            let also = settings[1..].to_vec();
            pass.select_from(&place, &stage.select, &drawn.settings, also, Some(drawn.wanted))
        })?;
        let start = match stage.from {
            Start::Base => base,
            Start::PiSft => by.1,
        };
        self.train(&trained, start, &place, &stage.train)
    }

    /// The samples of the test set, many and greedy, and what they score.
    pub(super) fn score(&mut self, name: &str, model: &str) -> Result<Scored> {
        let step = format!("eval {name}");
        self.step(&step, |pass| {
            let settings = pass.recipe().eval.clone();
            let test = pass.test.clone();
            let mut backend = pass.backend(&step, (name, model))?;
            let kept = |pass: &Pass, name: &str, hash: &str, samples| -> Result<()> {
                eval::keep(pass.session, (name, model), hash, &test, samples).map(|_| ())
            };
            let drawn = pass.single_turns(&step, &mut *backend, &test, settings.samples, settings.sampling.clone())?;
            kept(pass, name, &drawn.settings, settings.samples)?;
            let mut scored = Scored { settings: drawn.settings, greedy: None, compute: drawn.compute };
            if settings.greedy && settings.sampling.temperature > 0.0 {
                let sampling = Sampling { temperature: 0.0, ..settings.sampling };
                let greedy = pass.single_turns(&step, &mut *backend, &test, 1, sampling)?;
                kept(pass, &format!("{name} greedy"), &greedy.settings, 1)?;
                scored.greedy = Some(greedy.settings);
            }
            Ok(scored)
        })
    }

    pub(super) fn single_turns(
        &mut self,
        step: &str,
        backend: &mut dyn Backend,
        problems: &[Problem],
        samples: u32,
        sampling: Sampling,
    ) -> Result<GenerateOutcome> {
        let order = self.generation(samples, 1, sampling);
        let outcome = generate(self.session, backend, problems, &self.policies.1, &order, self.host)?;
        self.whole(step, outcome)
    }

    fn dialogues(&mut self, step: &str, base: &str) -> Result<GenerateOutcome> {
        let stage = self.recipe().stage1.clone();
        let order = self.generation(stage.samples, stage.turns, stage.sampling);
        let mut backend = self.backend(step, (BASE, base))?;
        let problems = first(&self.pool, stage.problems);
        let outcome = generate(self.session, &mut *backend, problems, &self.policies.0, &order, self.host)?;
        self.whole(step, outcome)
    }

    fn samples(&mut self, step: &str, by: (&str, &str)) -> Result<SampleOutcome> {
        let stage = self.recipe().stage2.clone();
        let order = SampleOrder {
            generate: self.generation(stage.budget.first, 1, stage.sampling),
            budget: stage.budget,
            rule: stage.select,
        };
        let mut backend = self.backend(step, by)?;
        let problems = first(&self.pool, stage.problems);
        let outcome = sample(self.session, &mut *backend, problems, &self.policies.1, &order, self.host)?;
        self.unless_stopped(step, outcome.stopped)?;
        Ok(outcome)
    }

    /// Dialogues for the problems that no sample solved.
    fn retry(&mut self, step: &str, by: (&str, &str), drawn: &SampleOutcome) -> Result<GenerateOutcome> {
        let (stage, turns) = (self.recipe().stage2.clone(), self.recipe().stage1.turns);
        let rows = self.session.sample_rows()?;
        let of = rows.iter().filter(|row| row.settings == drawn.settings);
        let tallies = tallies(of, |problem| drawn.wanted.get(problem).copied().unwrap_or(0));
        let unsolved =
            |problem: &&Problem| tallies.get(problem.id.as_str()).is_none_or(|(tally, _)| tally.correct == 0);
        let problems: Vec<Problem> = first(&self.pool, stage.problems).iter().filter(unsolved).cloned().collect();
        let order = self.generation(stage.retry, turns, stage.sampling);
        let mut backend = self.backend(step, by)?;
        let outcome = generate(self.session, &mut *backend, &problems, &self.policies.0, &order, self.host)?;
        self.whole(step, outcome)
    }

    /// The rules, and where the recipe says so a person, over the samples of these settings.
    pub(super) fn judge(&mut self, place: &str, settings: &[String], review: Review) -> Result<FilterOutcome> {
        let step = format!("{place} filter");
        let judged = self.step(&step, |pass| pass.filter(&step, settings, &pass.recipe().filter_settings()?))?;
        if review != Review::None {
            let step = format!("{place} review");
            self.step(&step, |pass| pass.review(&step, settings, review))?;
        }
        Ok(judged)
    }

    pub(super) fn filter(
        &mut self,
        step: &str,
        settings: &[String],
        rules: &crate::filter::Settings,
    ) -> Result<FilterOutcome> {
        let file = self.session.dir().join("filter.toml");
        std::fs::write(&file, rules.to_toml()).wrap_err_with(|| file.display().to_string())?;
        let test = self.recipe().test.clone();
        let sources = FilterSources { settings: Some(file), benchmarks: vec![test], only: settings.to_vec() };
        let known = benchmarks(&sources.benchmarks)?;
        let host = &mut *self.host;
        let outcome = judge_session(self.session, rules, &known, &sources, &mut |_, _| !host.stopping())?;
        outcome.ok_or_else(|| Halt::Stopped { step: step.to_owned() }.into())
    }

    pub(super) fn select(
        &mut self,
        name: &str,
        rule: &Rule,
        settings: &str,
        draws: Option<HashMap<String, u32>>,
    ) -> Result<SelectOutcome> {
        self.select_from(name, rule, settings, Vec::new(), draws)
    }

    /// `also`: settings whose samples may be chosen, and say nothing of difficulty.
    pub(super) fn select_from(
        &mut self,
        name: &str,
        rule: &Rule,
        settings: &str,
        also: Vec<String>,
        draws: Option<HashMap<String, u32>>,
    ) -> Result<SelectOutcome> {
        let order = SelectOrder { name: name.to_owned(), rule: *rule, settings: settings.to_owned(), also, draws };
        choose(self.session, &order)
    }

    /// Trains on a selection and returns the model that came of it.
    pub(super) fn train(
        &mut self,
        run: &str,
        model: &str,
        selection: &str,
        settings: &TrainSettings,
    ) -> Result<String> {
        let step = format!("train {run}");
        let made: Made = self.step(&step, |pass| {
            let seed = settings.seed.wrapping_add(pass.recipe().seed);
            let data = DataSettings { selection: selection.to_owned(), ..settings.data.clone() };
            let order = TrainOrder {
                run: run.to_owned(),
                settings: TrainSettings { model: model.to_owned(), seed, data, ..settings.clone() },
                // Eight bits are for decoding; what is trained has its own formats.
                compute: if pass.compute == ComputeChoice::Q8 { ComputeChoice::Auto } else { pass.compute },
            };
            order.check()?;
            // It holds the memory that a training needs.
            pass.end_servers()?;
            match pass.recipe().trainer_of(run) {
                Some(external) => pass.trained_elsewhere(&step, &order, &external),
                None => pass.trained_here(&step, &order),
            }
        })?;
        Ok(made.model.to_string_lossy().into_owned())
    }

    fn trained_here(&mut self, step: &str, order: &TrainOrder) -> Result<Made> {
        let mut prepared = prepare(self.session, order)?;
        let outcome = self.host.train(order, &mut prepared)?;
        if let Some(off) = &outcome.off {
            return Err(eyre!(
                "{step}: {off}; the steps before it are saved; `spike` in the recipe's training says what else to do"
            ));
        }
        self.unless_stopped(step, !outcome.done)?;
        Ok(Made { model: prepared.model(&outcome)?, elsewhere: None, outcome })
    }

    fn trained_elsewhere(&mut self, step: &str, order: &TrainOrder, external: &External) -> Result<Made> {
        let outcome = self.host.train_elsewhere(self.session, order, external)?;
        self.unless_stopped(step, !outcome.done)?;
        let elsewhere = Elsewhere { trainer: external.trainer.clone(), from: order.settings.model.clone() };
        Ok(Made { model: outcome.checkpoint.clone(), elsewhere: Some(elsewhere), outcome })
    }

    /// What writes with a model of the pass: its name there, and its place.
    pub(super) fn backend(&mut self, step: &str, (name, model): (&str, &str)) -> Result<Box<dyn Backend>> {
        if let Some(servers) = &self.order.recipe.servers {
            let name = self.served_name(name);
            let backend = self.host.serve(self.session, &Served { servers, model, name: &name })?;
            return backend.ok_or_else(|| Halt::Stopped { step: step.to_owned() }.into());
        }
        let options = LocalOptions { compute: self.compute, slots: self.order.slots, ..LocalOptions::default() };
        Ok(Box::new(LocalBackend::load(model, options)?))
    }

    /// What a model of the pass is called where it is served. The base is the same for every pass; those that are made are not.
    fn served_name(&self, name: &str) -> String {
        if name == BASE { name.to_owned() } else { format!("{name}-{}", self.mark) }
    }

    pub(super) fn generation(&self, samples: u32, turns: usize, sampling: Sampling) -> GenerateOrder {
        self.order.generation(self.compute, samples, turns, sampling)
    }

    /// # Errors
    /// If samples are missing: it was stopped, or some failed.
    pub(super) fn whole(&self, step: &str, outcome: GenerateOutcome) -> Result<GenerateOutcome> {
        self.unless_stopped(step, outcome.stopped)?;
        match outcome.failure() {
            None => Ok(outcome),
            Some(failure) => Err(eyre!("{step}: {failure}")),
        }
    }
}

/// The first so many; all for 0.
pub(super) fn first(problems: &[Problem], count: usize) -> &[Problem] {
    match count {
        0 => problems,
        count => &problems[..count.min(problems.len())],
    }
}
