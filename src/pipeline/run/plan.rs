//! The steps of a pass, in order, before any is done.

use color_eyre::Result;
use serde::Serialize;

use super::super::recipe::{Recipe, Review, Start};
use crate::difficulty::Rule;
use crate::session::Session;
use crate::train::TrainSettings;

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    pub name: String,
    /// What it does, in words.
    pub about: String,
    pub done: bool,
}

/// Names the recipe's model.
pub const BASE: &str = "base";

/// Names a model of the pass after so many rounds of its second stage; the last is what the pass makes.
pub(super) fn refined(recipe: &Recipe, round: u32) -> String {
    if recipe.stage2.rounds == round { "pi_rej".into() } else { format!("pi_rej-{round}") }
}

/// Names of the models of a pass, in the order in which they are made.
pub(super) fn models(recipe: &Recipe) -> Vec<String> {
    let mut names = vec![BASE.to_owned(), "pi_sft".to_owned()];
    names.extend((1..=recipe.stage2.rounds).map(|round| refined(recipe, round)));
    names
}

fn chooses(rule: &Rule) -> String {
    match rule.samples {
        0 => format!("{}, as many samples as there are", rule.shape.name()),
        most => format!("{}, at most {most} samples", rule.shape.name()),
    }
}

fn decides(review: Review) -> String {
    match review {
        Review::None => "nothing is waited for".into(),
        Review::Sample(count) => format!("a person decides on {count} of them, whichever they take"),
        Review::All => "a person decides on all of them".into(),
    }
}

/// All steps of a recipe; which of them are done in the session, if there is one.
///
/// # Errors
/// If the session cannot be read.
pub fn plan(recipe: &Recipe, session: Option<&Session>) -> Result<Vec<Planned>> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, about: String| steps.push((name.to_owned(), about));
    let written = recipe.servers.as_ref().map_or("", |_| ", by servers");
    let eval = |model: &str| {
        let (n, t) = (recipe.eval.samples, recipe.eval.sampling.temperature);
        let greedy = if recipe.eval.greedy { ", and greedily" } else { "" };
        format!("{model} answers the test problems {n} times each at temperature {t}{greedy}{written}")
    };
    let some = |count: usize| if count == 0 { "all".to_owned() } else { count.to_string() };
    let by = recipe.external.as_ref().map_or(String::new(), |external| format!(", by {}", external.trainer.name()));
    let (one, two) = (&recipe.stage1, &recipe.stage2);
    add("eval base", eval("the base model"));
    add(
        "stage 1 dialogues",
        format!(
            "{} dialogues of {} turns for {} problems of the pool{written}",
            one.samples,
            one.turns,
            some(one.problems)
        ),
    );
    add("stage 1 filter", "the rules judge each chain".into());
    if one.review != Review::None {
        add("stage 1 review", decides(one.review));
    }
    add("stage 1 select", chooses(&one.select));
    add("train pi_sft", format!("the base model, {} epochs{by}", one.train.epochs));
    add("eval pi_sft", eval("pi_sft"));
    for round in 1..=two.rounds {
        let (model, place) = (refined(recipe, round), round_of(recipe, round));
        let from = if round == 1 { "pi_sft".to_owned() } else { refined(recipe, round - 1) };
        let (first, most) = (two.budget.first, two.budget.most);
        add(
            &format!("{place} samples"),
            format!("{first} to {most} chains of {from} for {} problems of the pool{written}", some(two.problems)),
        );
        if two.retry > 0 {
            let about = format!(
                "{} dialogues of {} turns for each problem that none of them solves{written}",
                two.retry, one.turns
            );
            add(&format!("{place} retry"), about);
        }
        add(&format!("{place} filter"), "the rules judge each chain".into());
        if two.review != Review::None {
            add(&format!("{place} review"), decides(two.review));
        }
        add(&format!("{place} select"), chooses(&two.select));
        let start = match two.from {
            Start::Base => "the base model".to_owned(),
            Start::PiSft => from,
        };
        add(&format!("train {model}"), format!("{start}, {} epochs{by}", two.train.epochs));
        add(&format!("eval {model}"), eval(&model));
    }
    let done = |name: &str| session.map_or(Ok(false), |session| session.step(name).map(|step| step.is_some()));
    let planned = |(name, about): (String, String)| Ok(Planned { done: done(&name)?, name, about });
    steps.into_iter().map(planned).collect()
}

/// A training of a pass, done or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Training<'a> {
    pub run: String,
    /// The run whose model it goes on from; `None` begins with the recipe's.
    pub after: Option<String>,
    /// As the recipe has them: without model, seed of the pass, and selection.
    pub settings: &'a TrainSettings,
}

/// The trainings of a recipe, in order.
pub fn trainings(recipe: &Recipe) -> Vec<Training<'_>> {
    let mut trainings = vec![Training { run: "pi_sft".into(), after: None, settings: &recipe.stage1.train }];
    for round in 1..=recipe.stage2.rounds {
        let after = match recipe.stage2.from {
            Start::Base => None,
            Start::PiSft => trainings.last().map(|before| before.run.clone()),
        };
        trainings.push(Training { run: refined(recipe, round), after, settings: &recipe.stage2.train });
    }
    trainings
}

/// Begins the names of the steps of a round of the second stage.
pub(super) fn round_of(recipe: &Recipe, round: u32) -> String {
    if recipe.stage2.rounds == 1 { "stage 2".into() } else { format!("stage 2.{round}") }
}
