//! Variants of a pass that tell what each part of it is worth, each with the training tokens of what it is compared with.
//!
//! They run after the pass, in its session, and are steps like its own: what is done is not done again.

use color_eyre::Result;
use serde::{Deserialize, Serialize};

use super::outcome::scores;
use super::plan::{BASE, refined, round_of};
use super::steps::{Made, first};
use super::{Pass, Planned};
use crate::difficulty::{Rule, ShapeName};
use crate::eval::{Ballot, compare, majority_at_k};
use crate::filter::RuleId;
use crate::pipeline::generate::{GenerateOutcome, generate};
use crate::pipeline::recipe::{Recipe, Review, Start};
use crate::pipeline::sample::SampleOutcome;
use crate::pipeline::select::SelectOutcome;
use crate::session::Session;
use crate::stats::{Bootstrap, Interval};

/// A variant and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    pub name: String,
    pub about: String,
    /// The model that it is compared with.
    pub against: String,
    pub pass_at_1: Interval,
    pub mean_tokens: f64,
    /// Of the model it is compared with, less its own: what the part is worth.
    pub delta: Interval,
    /// Training tokens of its selection, and of the other's; 0 where nothing is trained.
    pub tokens: (u64, u64),
}

/// Name, what it does, what it is compared with. `REFINED` stands for the model after the second stage.
const REFINED: &str = "pi_rej";
const VARIANTS: [(&str, &str, &str); 6] = [
    ("plain", "rejection sampling of the base model's own single-turn answers, without the first stage", REFINED),
    ("uniform", "as many samples of each problem instead of more of the hard ones", REFINED),
    ("no-behaviour", "the first stage without the rule that wants behaviours shown", "pi_sft"),
    ("other-start", "the second stage's data, trained on from the other model", REFINED),
    (
        "more-stage1",
        "pi_sft trained on with as many tokens of fresh first-stage chains instead of the second stage",
        REFINED,
    ),
    ("majority", "majority vote of the base model's answers at the last model's cost in tokens", REFINED),
];

/// The steps of all variants.
pub(super) fn planned(session: &Session) -> Result<Vec<Planned>> {
    let step = |(name, about, _): (&str, &str, &str)| {
        let name = format!("ablation {name}");
        Ok(Planned { done: session.step(&name)?.is_some(), name, about: about.to_owned() })
    };
    VARIANTS.into_iter().map(step).collect()
}

/// What the variants came to, as far as they are done.
///
/// # Errors
/// If the session cannot be read.
pub fn ablations(session: &Session) -> Result<Vec<Ablation>> {
    let mut done = Vec::new();
    for (name, _, _) in VARIANTS {
        if let Some(step) = session.step(&format!("ablation {name}"))? {
            done.push(serde_json::from_str(&step.outcome)?);
        }
    }
    Ok(done)
}

impl Pass<'_> {
    pub(super) fn ablations(&mut self) -> Result<()> {
        self.planned.extend(planned(self.session)?);
        for (name, about, against) in VARIANTS {
            let step = format!("ablation {name}");
            let against = if against == REFINED { last(self.recipe()) } else { against.to_owned() };
            self.step(&step, |pass| match name {
                "plain" => pass.plain(about, &against),
                "uniform" => pass.uniform(about, &against),
                "no-behaviour" => pass.no_behaviour(about, &against),
                "other-start" => pass.other_start(about, &against),
                "more-stage1" => pass.more_of_stage_one(about, &against),
                _ => pass.majority(about, &against),
            })?;
        }
        Ok(())
    }

    fn plain(&mut self, about: &str, against: &str) -> Result<Ablation> {
        let stage = self.recipe().stage2.clone();
        let base = self.recipe().model.clone();
        let drawn = self.step("plain samples", |pass| {
            let problems = first(&pass.pool, stage.problems).to_vec();
            let mut backend = pass.backend("plain samples", (BASE, &base))?;
            let sampling = stage.sampling.clone();
            // Many short answers are the same, and are learnt from once.
            pass.single_turns("plain samples", &mut *backend, &problems, stage.budget.most, sampling)
        })?;
        // Short answers show no behaviour: the rule would leave nothing.
        let mut rules = self.recipe().filter_settings()?;
        rules.set(RuleId::Behaviour, "enabled", 0.0);
        rules.set(RuleId::Length, "enabled", 0.0);
        rules.set(RuleId::Empty, "enabled", 0.0);
        self.step("plain filter", |pass| pass.filter("plain filter", std::slice::from_ref(&drawn.settings), &rules))?;
        let other = self.selected(&refined_stage(self.recipe()))?;
        let rule = Rule { tokens: other.tokens, samples: 0, k: 0.0, ..stage.select };
        let made = self.step("plain select", |pass| pass.select("plain", &rule, &drawn.settings, None))?;
        let model = self.train("plain", &base, "plain", &stage.train)?;
        self.score("plain", &model)?;
        self.compared("plain", about, against, (made.tokens, other.tokens))
    }

    fn uniform(&mut self, about: &str, against: &str) -> Result<Ablation> {
        let stage = self.recipe().stage2.clone();
        let place = refined_stage(self.recipe());
        let other = self.selected(&place)?;
        let drawn: SampleOutcome = self.done(&format!("{place} samples"))?;
        let rule = Rule { shape: ShapeName::Uniform, tokens: other.tokens, samples: 0, k: 0.0, ..stage.select };
        let made = self.step("uniform select", |pass| {
            let also = pass.retried(&place)?;
            pass.select_from("uniform", &rule, &drawn.settings, also, Some(drawn.wanted.clone()))
        })?;
        let start = self.start_of_stage_two()?;
        let model = self.train("uniform", &start, "uniform", &stage.train)?;
        self.score("uniform", &model)?;
        self.compared("uniform", about, against, (made.tokens, other.tokens))
    }

    /// Settings of the second tries of a round, if there were any.
    fn retried(&self, place: &str) -> Result<Vec<String>> {
        if self.recipe().stage2.retry == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![self.done::<GenerateOutcome>(&format!("{place} retry"))?.settings])
    }

    fn no_behaviour(&mut self, about: &str, against: &str) -> Result<Ablation> {
        let stage = self.recipe().stage1.clone();
        let base = self.recipe().model.clone();
        let other = self.selected("stage 1")?;
        let made = self.step("no-behaviour select", |pass| {
            let as_before = pass.recipe().filter_settings()?;
            let mut rules = as_before.clone();
            rules.set(RuleId::Behaviour, "enabled", 0.0);
            pass.filter("no-behaviour select", std::slice::from_ref(&other.settings), &rules)?;
            let rule = Rule { tokens: other.tokens, samples: 0, k: 0.0, ..stage.select };
            let made = pass.select("no-behaviour", &rule, &other.settings, None);
            // The verdicts that the session shows are those of its recipe.
            pass.filter("no-behaviour select", std::slice::from_ref(&other.settings), &as_before)?;
            made
        })?;
        let model = self.train("no-behaviour", &base, "no-behaviour", &stage.train)?;
        self.score("no-behaviour", &model)?;
        self.compared("no-behaviour", about, against, (made.tokens, other.tokens))
    }

    fn other_start(&mut self, about: &str, against: &str) -> Result<Ablation> {
        let stage = self.recipe().stage2.clone();
        let place = refined_stage(self.recipe());
        let other = self.selected(&place)?;
        let start = match stage.from {
            Start::Base => self.before_last()?,
            Start::PiSft => self.recipe().model.clone(),
        };
        let model = self.train("other-start", &start, &place, &stage.train)?;
        self.score("other-start", &model)?;
        self.compared("other-start", about, against, (other.tokens, other.tokens))
    }

    fn more_of_stage_one(&mut self, about: &str, against: &str) -> Result<Ablation> {
        /// Far from the seeds of other passes.
        const FRESH: u64 = 1 << 32;
        let (one, two) = (self.recipe().stage1.clone(), self.recipe().stage2.clone());
        let base = self.recipe().model.clone();
        let other = self.selected(&refined_stage(self.recipe()))?;
        let wanted = self.dialogues_for(other.tokens)?;
        let drawn = self.step("more-stage1 dialogues", |pass| {
            let problems = pass.pool.clone();
            let samples = wanted.div_ceil(problems.len().max(1)) as u32;
            let mut order = pass.generation(samples.max(one.samples), one.turns, one.sampling.clone());
            order.seed = order.seed.wrapping_add(FRESH);
            let mut backend = pass.backend("more-stage1 dialogues", (BASE, &base))?;
            let outcome = generate(pass.session, &mut *backend, &problems, &pass.policies.0, &order, pass.host)?;
            pass.whole("more-stage1 dialogues", outcome)
        })?;
        self.judge("more-stage1", std::slice::from_ref(&drawn.settings), Review::None)?;
        let rule = Rule { tokens: other.tokens, samples: 0, k: 0.0, ..one.select };
        let made = self.step("more-stage1 select", |pass| pass.select("more-stage1", &rule, &drawn.settings, None))?;
        let start = self.model_of("pi_sft")?;
        let model = self.train("more-stage1", &start, "more-stage1", &two.train)?;
        self.score("more-stage1", &model)?;
        self.compared("more-stage1", about, against, (made.tokens, other.tokens))
    }

    /// Dialogues that bring so many tokens to learn from, and a few more, by what the first stage's brought.
    fn dialogues_for(&self, tokens: u64) -> Result<usize> {
        /// What is accepted differs from draw to draw.
        const MORE: f64 = 1.15;
        let drawn: GenerateOutcome = self.done("stage 1 dialogues")?;
        let learnt = self.selected("stage 1")?;
        let each = learnt.tokens as f64 / learnt.samples.max(1) as f64;
        let accepted = learnt.accepted as f64 / (drawn.samples + drawn.existing).max(1) as f64;
        Ok((MORE * tokens as f64 / (each * accepted).max(1.0)).ceil() as usize)
    }

    /// So many votes as cost what one answer of the last model does, as far as there are so many samples.
    fn majority(&mut self, about: &str, against: &str) -> Result<Ablation> {
        let missing = || crate::pipeline::OrderError("a model that is compared was not scored".into());
        let base = scores(self.session, BASE)?.ok_or_else(missing)?;
        let other = scores(self.session, against)?.ok_or_else(missing)?;
        let ratio = other.score.mean_tokens / base.score.mean_tokens.max(1.0);
        let votes = (ratio.round() as usize).clamp(1, base.score.n);
        let credit: Vec<f64> = base
            .answered
            .iter()
            .map(|answered| {
                let answers: Vec<Option<&str>> =
                    answered.samples.iter().map(|sample| sample.answer.as_deref()).collect();
                majority_at_k(&Ballot::new(&answered.gold, &answers), votes, 0)
            })
            .collect();
        let deltas: Vec<f64> =
            other.answered.iter().zip(&credit).map(|(answered, credit)| answered.pass_rate() - credit).collect();
        let resample = Bootstrap::over(credit.len());
        let mean = |drawn: &[usize]| drawn.iter().map(|unit| deltas[*unit]).sum::<f64>() / drawn.len().max(1) as f64;
        Ok(Ablation {
            name: "majority".into(),
            about: format!("{about}: {votes} votes"),
            against: against.to_owned(),
            pass_at_1: resample.proportion(&credit),
            mean_tokens: base.score.mean_tokens * votes as f64,
            delta: resample.interval(mean),
            tokens: (0, 0),
        })
    }

    fn compared(&self, name: &str, about: &str, against: &str, tokens: (u64, u64)) -> Result<Ablation> {
        let missing = || crate::pipeline::OrderError(format!("{name} or {against} was not scored"));
        let own = scores(self.session, name)?.ok_or_else(missing)?;
        let other = scores(self.session, against)?.ok_or_else(missing)?;
        let comparison = compare(&own.answered, &other.answered).ok_or_else(missing)?;
        Ok(Ablation {
            name: name.to_owned(),
            about: about.to_owned(),
            against: against.to_owned(),
            pass_at_1: own.score.pass_at_1,
            mean_tokens: own.score.mean_tokens,
            delta: comparison.delta,
            tokens,
        })
    }

    fn selected(&self, place: &str) -> Result<SelectOutcome> {
        self.done(&format!("{place} select"))
    }

    /// What a step came to that must be done.
    fn done<T: serde::de::DeserializeOwned>(&self, step: &str) -> Result<T> {
        let stored = self.session.step(step)?;
        let stored = stored.ok_or_else(|| crate::pipeline::OrderError(format!("step {step} is not done")))?;
        Ok(serde_json::from_str(&stored.outcome)?)
    }

    fn model_of(&self, run: &str) -> Result<String> {
        let made: Made = self.done(&format!("train {run}"))?;
        Ok(made.model.to_string_lossy().into_owned())
    }

    /// What the last round of the second stage drew from.
    fn before_last(&self) -> Result<String> {
        match self.recipe().stage2.rounds {
            1 => self.model_of("pi_sft"),
            rounds => self.model_of(&refined(self.recipe(), rounds - 1)),
        }
    }

    fn start_of_stage_two(&self) -> Result<String> {
        match self.recipe().stage2.from {
            Start::Base => Ok(self.recipe().model.clone()),
            Start::PiSft => self.before_last(),
        }
    }
}

/// The model that a pass ends with.
fn last(recipe: &Recipe) -> String {
    refined(recipe, recipe.stage2.rounds)
}

/// The last round of the second stage.
fn refined_stage(recipe: &Recipe) -> String {
    round_of(recipe, recipe.stage2.rounds)
}
