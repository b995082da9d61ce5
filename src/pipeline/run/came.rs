//! What came of a step, in one line.

use color_eyre::Result;

use super::ablations::Ablation;
use super::plan::models;
use super::steps::Made;
use crate::eval::Score;
use crate::pipeline::filter::FilterOutcome;
use crate::pipeline::generate::GenerateOutcome;
use crate::pipeline::recipe::Recipe;
use crate::pipeline::sample::SampleOutcome;
use crate::pipeline::select::SelectOutcome;
use crate::session::{Session, StoredStep};
use crate::train::{metrics, runs};

/// One line on what came of a step that is done.
///
/// # Errors
/// If the session or the record of a training cannot be read.
pub fn came(session: &Session, recipe: &Recipe, step: &StoredStep) -> Result<String> {
    let name = step.name.as_str();
    Ok(if let Some(model) = name.strip_prefix("eval ") {
        scored(session, recipe, model)?
    } else if let Some(run) = name.strip_prefix("train ") {
        trained(session, run, &serde_json::from_str(&step.outcome)?)?
    } else if name.starts_with("ablation ") {
        let Ablation { pass_at_1, delta, .. } = serde_json::from_str(&step.outcome)?;
        format!("pass@1 {}; the pass is better by {} points", pass_at_1.percent(), delta.points())
    } else if name.ends_with(" dialogues") || name.ends_with(" retry") {
        // From the samples: a call that went on with another's counts only its own.
        let drawn: GenerateOutcome = serde_json::from_str(&step.outcome)?;
        let (samples, right, tokens) = session.drawn(&drawn.settings)?;
        format!("{samples} dialogues, {right} right ({}), {tokens} tokens", share(right, samples))
    } else if name.ends_with(" samples") {
        let drawn: SampleOutcome = serde_json::from_str(&step.outcome)?;
        format!(
            "{} chains in {} rounds, {} of {} problems solved, {} given up, {} tokens",
            drawn.draws + drawn.existing,
            drawn.rounds,
            drawn.solved,
            drawn.problems,
            drawn.given_up,
            drawn.tokens
        )
    } else if name.ends_with(" filter") {
        let judged: FilterOutcome = serde_json::from_str(&step.outcome)?;
        format!("accepted {} of {} ({})", judged.accepted, judged.judged, share(judged.accepted, judged.judged))
    } else if name.ends_with(" review") {
        let decided: usize = serde_json::from_str(&step.outcome)?;
        format!("{decided} decided by a person")
    } else if name.ends_with(" select") {
        let made: SelectOutcome = serde_json::from_str(&step.outcome)?;
        format!("{} samples of {} problems, {}, hash {}", made.samples, made.problems, made.target, made.hash)
    } else {
        String::new()
    })
}

/// A model's score, and the one of the model before.
fn scored(session: &Session, recipe: &Recipe, model: &str) -> Result<String> {
    let score = |name: &str| -> Result<Option<Score>> {
        session.eval(name)?.map(|eval| Ok(serde_json::from_str(&eval.summary)?)).transpose()
    };
    let names = models(recipe);
    let before = names.iter().position(|name| name == model).and_then(|at| names.get(at.checked_sub(1)?));
    let Some(own) = score(model)? else { return Ok(String::new()) };
    let before = before.map(|name| score(name)).transpose()?.flatten();
    let from = before.map_or(String::new(), |score| format!("{:.1}% -> ", 100.0 * score.pass_at_1.value));
    Ok(format!("pass@1 {from}{}, {:.0} tokens a chain", own.pass_at_1.percent(), own.mean_tokens))
}

/// How the loss fell: a step alone says little, so that means of the first and the last steps are compared.
fn trained(session: &Session, run: &str, Made { elsewhere, outcome, .. }: &Made) -> Result<String> {
    /// At most so many steps at either end, a tenth of short trainings.
    const ENDS: usize = 20;
    let lines = metrics::read(&runs::place(session.dir()).join(run), outcome.step)?;
    let losses: Vec<f64> = lines.iter().filter_map(|line| line.get("loss")?.as_f64()).collect();
    let some = (losses.len() / 10).clamp(1, ENDS).min(losses.len());
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let fell = match losses.len() {
        0 => String::new(),
        all => format!("loss {:.3} -> {:.3}, ", mean(&losses[..some]), mean(&losses[all - some..])),
    };
    let validation = outcome.validation_loss.map_or(String::new(), |loss| format!(", validation {loss:.3}"));
    let by = elsewhere.as_ref().map_or(String::new(), |elsewhere| format!(", by {}", elsewhere.trainer.name()));
    Ok(format!("{fell}{} steps over {} chains{validation}{by}", outcome.step, outcome.chains))
}

fn share(part: usize, of: usize) -> String {
    if of == 0 { "-".into() } else { format!("{:.0}%", 100.0 * part as f64 / of as f64) }
}
