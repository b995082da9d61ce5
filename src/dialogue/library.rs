//! Strategies and policies: those that come with the program, and the person's own, which win by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{DialogueError, template};

const STRATEGIES: &[(&str, &str)] = &[
    ("strategies/backtracking.toml", include_str!("../../assets/strategies/backtracking.toml")),
    ("strategies/backward.toml", include_str!("../../assets/strategies/backward.toml")),
    ("strategies/subgoal.toml", include_str!("../../assets/strategies/subgoal.toml")),
    ("strategies/verification.toml", include_str!("../../assets/strategies/verification.toml")),
];
const POLICIES: &[(&str, &str)] = &[
    ("policies/default.toml", include_str!("../../assets/policies/default.toml")),
    ("policies/gold-conditioned.toml", include_str!("../../assets/policies/gold-conditioned.toml")),
];

/// Characters of the longest text with which an answer is begun.
const LONGEST_BEGIN: usize = 2000;

/// What a guidance turn asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    pub name: String,
    pub title: String,
    pub description: String,
    /// Templates of the guidance; one is drawn for each turn.
    pub guidance: Vec<String>,
    /// Phrases that join two turns in the chain; one is drawn for each turn.
    pub bridge: Vec<String>,
    /// Beginnings of the revision, from which the model goes on; one is drawn for each turn, and an empty one leaves all of it
    /// to the model. They are no templates.
    #[serde(default)]
    pub begin: Vec<String>,
}

/// How a policy chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By weight alone.
    Blind,
    /// Backtracking after a wrong attempt, verification after a right one; tagged.
    GoldConditioned,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Blind => "blind",
            Mode::GoldConditioned => "gold_conditioned",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    name: String,
    description: String,
    mode: Mode,
    prompt: String,
    system: Option<String>,
    #[serde(default)]
    begin: String,
    weights: BTreeMap<String, f64>,
}

/// A policy with the strategies that it may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: String,
    pub description: String,
    pub mode: Mode,
    /// Template of the first user turn.
    pub prompt: String,
    pub system: Option<String>,
    /// The beginning of the attempt, from which the model goes on; empty where all of it is the model's.
    pub begin: String,
    /// Strategies with their weights, by name; all weights are above zero.
    pub choices: Vec<(Strategy, f64)>,
    /// A template reads the gold answer.
    pub shows_answer: bool,
}

impl Policy {
    /// With another first prompt.
    pub fn with_prompt(self, prompt: String) -> Result<Self, DialogueError> {
        let policy = Self { prompt, ..self };
        Ok(Self { shows_answer: policy.reads_answer()?, ..policy })
    }

    /// Everything that decides what is asked, for the settings hash. Beginnings are left out where there are none, so that a
    /// policy without them has the hash that it always had.
    pub fn record(&self) -> Value {
        let choice = |(strategy, weight): &(Strategy, f64)| {
            let Strategy { name, guidance, bridge, begin, .. } = strategy;
            let mut choice = json!({"name": name, "weight": weight, "guidance": guidance, "bridge": bridge});
            if !begin.is_empty() {
                choice["begin"] = json!(begin);
            }
            choice
        };
        let choices: Vec<Value> = self.choices.iter().map(choice).collect();
        let (name, mode, prompt, system) = (&self.name, self.mode.name(), &self.prompt, &self.system);
        let mut record = json!({"name": name, "mode": mode, "prompt": prompt, "system": system, "strategies": choices});
        if !self.begin.is_empty() {
            record["begin"] = json!(self.begin);
        }
        record
    }

    fn reads_answer(&self) -> Result<bool, DialogueError> {
        let mut reads = template::variables(&format!("policy {}, prompt", self.name), &self.prompt)?.contains("answer");
        if let Some(system) = &self.system {
            reads |= template::variables(&format!("policy {}, system", self.name), system)?.contains("answer");
        }
        for (strategy, _) in &self.choices {
            for guidance in &strategy.guidance {
                let what = format!("strategy {}, guidance", strategy.name);
                reads |= template::variables(&what, guidance)?.contains("answer");
            }
        }
        Ok(reads)
    }
}

/// All strategies and policies there are.
#[derive(Debug, Clone)]
pub struct Library {
    policies: BTreeMap<String, Policy>,
}

impl Library {
    /// Those that come with the program, and the person's `strategies/*.toml` and `policies/*.toml` under `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with any file, at once.
    pub fn load(directory: Option<&Path>) -> Result<Self, DialogueError> {
        let mut errors = Vec::new();
        let mut strategies = BTreeMap::new();
        for (file, text) in sources(STRATEGIES, directory, "strategies", &mut errors) {
            let Some(strategy) = parse::<Strategy>(&file, &text, &mut errors) else { continue };
            match check_strategy(&strategy) {
                Ok(()) => {
                    strategies.insert(strategy.name.clone(), strategy);
                }
                Err(message) => errors.push(format!("{file}: {message}")),
            }
        }
        let mut policies = BTreeMap::new();
        for (file, text) in sources(POLICIES, directory, "policies", &mut errors) {
            let Some(policy) = parse::<PolicyFile>(&file, &text, &mut errors) else { continue };
            match join(policy, &strategies) {
                Ok(policy) => {
                    policies.insert(policy.name.clone(), policy);
                }
                Err(message) => errors.push(format!("{file}: {message}")),
            }
        }
        if errors.is_empty() { Ok(Self { policies }) } else { Err(DialogueError::Files(errors)) }
    }

    /// The policy of this name; `None` is `default`.
    pub fn policy(&self, name: Option<&str>) -> Result<Policy, DialogueError> {
        let name = name.unwrap_or("default");
        self.policies
            .get(name)
            .cloned()
            .ok_or_else(|| DialogueError::NoPolicy { name: name.escape_debug().to_string(), nearest: self.names() })
    }

    pub fn names(&self) -> Vec<String> {
        self.policies.keys().cloned().collect()
    }
}

/// File names with their text: the embedded ones, then the person's own, so that those win.
fn sources(
    embedded: &[(&str, &str)],
    directory: Option<&Path>,
    folder: &str,
    errors: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> =
        embedded.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let Some(entries) = directory.and_then(|directory| std::fs::read_dir(directory.join(folder)).ok()) else {
        return found;
    };
    let mut own: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    own.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    own.sort();
    for path in own {
        match std::fs::read_to_string(&path) {
            Ok(text) => found.push((path.display().to_string(), text)),
            Err(error) => errors.push(format!("{}: {error}", path.display())),
        }
    }
    found
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, text: &str, errors: &mut Vec<String>) -> Option<T> {
    toml::from_str(text)
        .map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            errors.push(format!("{file}:{line}: {}", error.message().replace('\n', ", ")));
        })
        .ok()
}

fn check_strategy(strategy: &Strategy) -> Result<(), String> {
    if strategy.guidance.is_empty() || strategy.bridge.iter().all(|bridge| bridge.trim().is_empty()) {
        return Err("`guidance` and `bridge` each need at least one text".into());
    }
    for guidance in &strategy.guidance {
        template::variables("guidance", guidance).map_err(|error| error.to_string())?;
    }
    strategy.begin.iter().try_for_each(|begin| check_begin(begin))
}

/// Whether an answer can be begun with a text.
fn check_begin(begin: &str) -> Result<(), String> {
    if begin.chars().count() > LONGEST_BEGIN {
        return Err(format!("a text of `begin` has more than {LONGEST_BEGIN} characters; shorten it"));
    }
    if begin.contains('\0') {
        return Err("a text of `begin` has a NUL character; take it out".into());
    }
    if !begin.is_empty() && begin.trim().is_empty() {
        return Err("a text of `begin` is white space alone; give it words, or leave it empty for no beginning".into());
    }
    Ok(())
}

fn join(file: PolicyFile, strategies: &BTreeMap<String, Strategy>) -> Result<Policy, String> {
    let mut choices = Vec::new();
    for (name, weight) in file.weights {
        let Some(strategy) = strategies.get(&name) else {
            return Err(format!("no strategy `{name}`; {}", nearest(&name, strategies)));
        };
        if !weight.is_finite() || weight < 0.0 {
            return Err(format!("the weight of {name} is {weight}; give 0 or more"));
        }
        if weight > 0.0 {
            choices.push((strategy.clone(), weight));
        }
    }
    if choices.is_empty() {
        return Err("no strategy has a weight above 0".into());
    }
    if file.mode == Mode::GoldConditioned {
        for needed in ["verification", "backtracking"] {
            if !choices.iter().any(|(strategy, _)| strategy.name == needed) {
                return Err(format!("mode gold_conditioned needs a weight for {needed}"));
            }
        }
    }
    check_begin(&file.begin)?;
    let PolicyFile { name, description, mode, prompt, system, begin, .. } = file;
    let policy = Policy { name, description, mode, prompt, system, begin, choices, shows_answer: false };
    let shows_answer = policy.reads_answer().map_err(|error| error.to_string())?;
    Ok(Policy { shows_answer, ..policy })
}

/// The known name that shares most with this one, then all of them.
fn nearest(name: &str, strategies: &BTreeMap<String, Strategy>) -> String {
    let shared = |known: &str| known.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    let best = strategies.keys().max_by_key(|known| shared(known)).filter(|known| shared(known) >= 2);
    match best {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("there are {}", strategies.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}
