//! What a session knows to talk with, and how it poses a problem.

use std::path::Path;
use std::time::SystemTime;

use color_eyre::Result;
use color_eyre::eyre::eyre;

use crate::dialogue::{Dialogue, Library, Policy, Step};
use crate::model::MICRO;
use crate::records::{Problem, Role, SampleSettings};
use crate::session::Session;
use crate::train::checkpoint;
use crate::train::runs::{is_run_name, place};

/// Characters of a problem that is found.
const BEGINNING: usize = 300;

/// A model that can be talked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Directory, `.gguf` file, or name, as it is opened.
    pub model: String,
    /// Where it comes from, in a few words.
    pub what: String,
    /// Why it cannot be opened as it is.
    pub unfit: Option<&'static str>,
}

/// The models of a session: those of its runs, the last one trained first and of a run its last checkpoint first; then those
/// that wrote its samples, newest first, as far as they are still there; then the one that comes with the program.
///
/// # Errors
/// If the session cannot be read.
pub fn known(session: &Session) -> Result<Vec<Known>> {
    let mut found = of_runs(&place(session.dir()));
    for settings in session.all_settings()? {
        let model = settings.model.name;
        if Path::new(&model).exists() || crate::hub::is_hub_name(&model) {
            add(&mut found, Known { model, what: "wrote samples of this session".into(), unfit: None });
        }
    }
    add(&mut found, Known { model: MICRO.into(), what: "comes with the program".into(), unfit: None });
    Ok(found)
}

/// Unless it is there already, under whatever spelling of its path.
fn add(found: &mut Vec<Known>, one: Known) {
    let same = |known: &Known| {
        known.model == one.model
            || (one.model != MICRO
                && std::fs::canonicalize(&known.model)
                    .is_ok_and(|path| std::fs::canonicalize(&one.model).is_ok_and(|other| path == other)))
    };
    if !found.iter().any(same) {
        found.push(one);
    }
}

fn of_runs(runs: &Path) -> Vec<Known> {
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_run_name(name));
    names.sort();
    let mut read: Vec<(SystemTime, Vec<Known>)> = names.iter().map(|name| of_run(name, &runs.join(name))).collect();
    read.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    read.into_iter().flat_map(|(_, models)| models).collect()
}

/// The models of a run, and when the newest of them was made.
fn of_run(name: &str, run: &Path) -> (SystemTime, Vec<Known>) {
    // Of adapters that are merged the whole model goes before its checkpoints.
    let merged = (run.join(checkpoint::MERGED), format!("run {name}, adapters merged"));
    let steps = checkpoint::steps(run).into_iter();
    let steps = steps.map(|step| (checkpoint::place(run, step), format!("run {name}, step {step}")));
    let (mut newest, mut models) = (SystemTime::UNIX_EPOCH, Vec::new());
    for (path, what) in std::iter::once(merged).chain(steps) {
        let whole = path.join("config.json").is_file();
        if !whole && !path.join("adapter_config.json").is_file() {
            continue;
        }
        let unfit = (!whole).then_some("adapters alone: they are no model until they are merged into one");
        let changed = std::fs::metadata(&path).and_then(|data| data.modified());
        newest = changed.map_or(newest, |changed| newest.max(changed));
        models.push(Known { model: path.display().to_string(), what, unfit });
    }
    (newest, models)
}

/// A problem that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    /// Its beginning.
    pub text: String,
    /// Models are scored on it.
    pub held_out: bool,
}

/// The first problems with these words in their id or text, at most so many; those that models are scored on go first.
///
/// # Errors
/// If the session cannot be read.
pub fn find(session: &Session, words: &str, most: usize) -> Result<Vec<Found>> {
    let found = session.find_problems(words, most)?.into_iter();
    let begin = |(problem, held_out): (Problem, bool)| {
        let text = problem.text.chars().take(BEGINNING).collect();
        Found { id: problem.id, text, held_out }
    };
    Ok(found.map(begin).collect())
}

/// A problem as it is put to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Posed {
    pub id: String,
    pub gold: String,
    pub system: Option<String>,
    pub text: String,
    /// With what the answer is begun for the model; mostly with nothing.
    pub begin: String,
    /// After what it is posed so, in a few words.
    pub like: String,
}

/// Poses a problem as the session's newest evaluation did; where there is none as its newest samples were asked for, else as
/// the default policy says.
///
/// # Errors
/// If there is no such problem, the session cannot be read, or the prompt is none.
pub fn pose(session: &Session, config: &Path, id: &str) -> Result<Posed> {
    let problem = session.problem(id)?.ok_or_else(|| eyre!("no problem `{id}` in this session"))?;
    let evaluation = session.evals()?.pop();
    let settings = match &evaluation {
        Some(eval) => session.settings(&eval.settings)?,
        None => session.all_settings()?.into_iter().next(),
    };
    let default = Library::load(Some(config))?.policy(None)?;
    let (policy, like) = match settings.as_ref().and_then(|settings| prompt(settings, &default)) {
        Some(policy) => {
            let like = evaluation.map_or("with the prompt of its samples".into(), |eval| {
                format!("with the prompt of evaluation {}", eval.name)
            });
            (policy, like)
        }
        None => (default, "with the default prompt".into()),
    };
    let Step::Ask { messages, begin, .. } = Dialogue::new(&problem, &policy, 1, 0, 0)?.next_step()? else {
        return Err(eyre!("the prompt asks nothing"));
    };
    let system = messages.iter().find(|message| message.role == Role::System).map(|message| message.content.clone());
    let asked = messages.into_iter().rfind(|message| message.role == Role::User);
    let text = asked.map(|message| message.content).unwrap_or_default();
    Ok(Posed { id: problem.id, gold: problem.answer, system, text, begin, like })
}

/// The first prompt that these settings tell of, in a policy of which nothing else counts for one turn.
fn prompt(settings: &SampleSettings, default: &Policy) -> Option<Policy> {
    let said = |name: &str| settings.dialogue.get(name)?.as_str().map(str::to_owned);
    let begin = said("begin").unwrap_or_default();
    Some(Policy { prompt: said("prompt")?, system: said("system"), begin, ..default.clone() })
}
