//! A recipe: every setting of a whole two-stage pass, in one TOML file.
//!
//! A file is taken whole or refused with its line: unknown keys, values out of range, contradictions between parts. What the
//! paper leaves open has a value here that a person can see and change; the whole is a reconstruction.

mod external;
mod place;
mod servers;
mod stored;
#[cfg(test)]
mod tests;
mod wanted;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::difficulty::{Bins, Budget, Rule};
use crate::filter;
use crate::filter::settings::SettingsError;
use crate::model::MICRO;
use crate::records::Sampling;
use crate::train::TrainSettings;
use crate::train::external::External;

use place::Place;
pub use servers::RecipeServers;
pub use wanted::Wanted;

/// Recipes that come with the program, by name.
const EMBEDDED: [(&str, &str); 3] = [
    ("micro", include_str!("../../../assets/recipes/micro.toml")),
    ("gsm8k-small", include_str!("../../../assets/recipes/gsm8k-small.toml")),
    ("dual-phase", include_str!("../../../assets/recipes/dual-phase.toml")),
];

/// What is wrong with a recipe, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    #[error("{file}:{line}: {message}")]
    Line { file: String, line: usize, message: String },
    #[error("{0}: {1}")]
    File(String, String),
}

/// Which samples a person is to look at before a step goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Review {
    #[default]
    None,
    /// So many of those that the filter judged, whichever the person takes.
    Sample(usize),
    All,
}

impl TryFrom<String> for Review {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("review = \"{text}\": none, all or sample(N) is needed, N at least 1");
        match text.as_str() {
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            other => {
                let count = other.strip_prefix("sample(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
                let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
                Ok(Self::Sample(count))
            }
        }
    }
}

impl From<Review> for String {
    fn from(review: Review) -> String {
        match review {
            Review::None => "none".into(),
            Review::All => "all".into(),
            Review::Sample(count) => format!("sample({count})"),
        }
    }
}

/// Which model a training begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The model of the recipe.
    Base,
    /// The model of the stage, or the round, before.
    #[default]
    PiSft,
}

/// The first stage: dialogues of several turns, stitched into chains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageOne {
    /// Problems drawn from the pool by the seed; 0 is all. Fewer are the first of more.
    pub problems: usize,
    /// Dialogues of each.
    pub samples: u32,
    /// Assistant turns of a dialogue.
    pub turns: usize,
    /// Policy that chooses the strategies; empty is the default one.
    pub policy: String,
    pub sampling: Sampling,
    pub review: Review,
    pub select: Rule,
    pub train: TrainSettings,
}

impl Default for StageOne {
    fn default() -> Self {
        Self {
            problems: 0,
            samples: 2,
            turns: 2,
            policy: String::new(),
            sampling: Sampling::default(),
            review: Review::None,
            select: Rule { shape: crate::difficulty::ShapeName::Uniform, most_confirming: 0.5, ..Rule::default() },
            train: TrainSettings::default(),
        }
    }
}

/// The second stage: rejection sampling from the model of the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageTwo {
    /// Problems drawn from the pool by the seed; 0 is all. Fewer are the first of more.
    pub problems: usize,
    /// How often the stage is done, each time with the model of the time before.
    pub rounds: u32,
    pub from: Start,
    pub sampling: Sampling,
    pub budget: Budget,
    /// Dialogues, of as many turns as the first stage's, for each problem that no sample solved; 0 is none. Their chains may be
    /// learnt from. They never count in a pass rate: another setting is another difficulty.
    pub retry: u32,
    pub review: Review,
    pub select: Rule,
    pub train: TrainSettings,
}

impl Default for StageTwo {
    fn default() -> Self {
        Self {
            problems: 0,
            rounds: 1,
            from: Start::PiSft,
            sampling: Sampling::default(),
            budget: Budget::default(),
            retry: 0,
            review: Review::None,
            select: Rule::default(),
            train: TrainSettings::default(),
        }
    }
}

/// How the models are scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalSettings {
    /// The first so many problems of the test set; 0 is all.
    pub problems: usize,
    pub samples: u32,
    pub sampling: Sampling,
    /// Whether a greedy answer to each problem is scored besides.
    pub greedy: bool,
}

impl Default for EvalSettings {
    fn default() -> Self {
        Self { problems: 0, samples: 8, sampling: Sampling { temperature: 0.8, ..Sampling::default() }, greedy: true }
    }
}

/// Every setting of a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// One line on what it is for.
    pub about: String,
    pub seed: u64,
    /// The base model: directory, `.gguf` file, or name.
    pub model: String,
    /// Number format: auto, f32, bf16, q8.
    pub compute: String,
    /// Problem file to learn from, and the one to be scored on.
    pub problems: PathBuf,
    pub test: PathBuf,
    pub stage1: StageOne,
    pub stage2: StageTwo,
    pub eval: EvalSettings,
    pub bins: Bins,
    /// Another program that does the trainings; left out, this one does. Its `directory` has `{run}` where the run's name stands.
    pub external: Option<External>,
    /// Servers that write the samples; left out, this process does.
    pub servers: Option<RecipeServers>,
    /// Thresholds and switches of the filter, over the defaults.
    pub filter: toml::Table,
    /// What it is called, by its name or its file's.
    #[serde(skip)]
    pub name: String,
    /// The filter's settings as text, as they are read.
    #[serde(skip)]
    filter_text: String,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            about: String::new(),
            seed: 0,
            model: String::new(),
            compute: "auto".into(),
            problems: PathBuf::new(),
            test: PathBuf::new(),
            stage1: StageOne::default(),
            stage2: StageTwo::default(),
            eval: EvalSettings::default(),
            bins: Bins::default(),
            external: None,
            servers: None,
            filter: toml::Table::new(),
            name: String::new(),
            filter_text: String::new(),
        }
    }
}

impl Recipe {
    /// Names of the recipes that come with the program.
    pub fn names() -> [&'static str; EMBEDDED.len()] {
        EMBEDDED.map(|(name, _)| name)
    }

    /// Those recipes, each with what it is for.
    pub fn known() -> &'static [(&'static str, String)] {
        static KNOWN: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
            let about = |name| Recipe::open(name).map(|recipe| recipe.about).unwrap_or_default();
            Recipe::names().into_iter().map(|name| (name, about(name))).collect()
        });
        &KNOWN
    }

    /// Reads a recipe that comes with the program, by name, or a file.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn open(spec: &str) -> Result<Self, RecipeError> {
        if let Some((name, text)) = EMBEDDED.iter().find(|(name, _)| *name == spec) {
            return Self::read(name, name, text);
        }
        let path = Path::new(spec);
        let text = std::fs::read_to_string(path).map_err(|error| {
            let names = Self::names().join(", ");
            RecipeError::File(spec.into(), format!("{error}; recipes that come with the program: {names}"))
        })?;
        let name = path.file_stem().map_or_else(|| spec.into(), |stem| stem.to_string_lossy().into_owned());
        let mut recipe = Self::read(&name, spec, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        recipe.resolve(folder).map_err(|error| RecipeError::File(spec.into(), error.to_string()))?;
        Ok(recipe)
    }

    /// What a file names by a relative path lies beside it, from wherever the program is called. What is not there is a name that
    /// comes with the program, or an error of whoever opens it.
    fn resolve(&mut self, folder: &Path) -> std::io::Result<()> {
        let beside = |path: &Path| -> std::io::Result<Option<PathBuf>> {
            let there = folder.join(path);
            let named = !path.as_os_str().is_empty() && path.is_relative() && there.exists();
            named.then(|| std::path::absolute(there)).transpose()
        };
        if self.model != MICRO
            && let Some(path) = beside(Path::new(&self.model))?
        {
            self.model = path.to_string_lossy().into_owned();
        }
        for path in [&mut self.problems, &mut self.test] {
            if let Some(there) = beside(path)?.filter(|there| there.is_file()) {
                *path = there;
            }
        }
        if let Some(external) = &mut self.external
            && external.python.contains('/')
            && let Some(python) = beside(Path::new(&external.python))?
        {
            external.python = python.to_string_lossy().into_owned();
        }
        if let Some(servers) = &mut self.servers
            && let Some(path) = &servers.key_file
            && let Some(there) = beside(path)?
        {
            servers.key_file = Some(there);
        }
        Ok(())
    }

    /// From a recipe's text; `file` is what errors call it.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn read(name: &str, file: &str, text: &str) -> Result<Self, RecipeError> {
        let at = Place { file, text };
        let recipe = Self::parse(name, &at)?;
        recipe.check(&at)?;
        Ok(recipe)
    }

    /// The same without a look at what it says: one that a session has was sound when its pass was begun.
    fn parse(name: &str, at: &Place<'_>) -> Result<Self, RecipeError> {
        let mut recipe: Recipe = toml::from_str(at.text)
            .map_err(|error| at.error(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        recipe.name = name.to_owned();
        recipe.filter_text = at.section("filter");
        if toml::from_str::<toml::Table>(&recipe.filter_text).ok().as_ref() != Some(&recipe.filter) {
            return Err(
                at.wrong("filter", "write the filter's settings as tables, [filter.rules.length] and so on".into())
            );
        }
        Ok(recipe)
    }

    fn check(&self, at: &Place<'_>) -> Result<(), RecipeError> {
        crate::model::ComputeChoice::from_str(&self.compute).map_err(|error| at.wrong("compute", error.to_string()))?;
        self.filter_settings().map_err(|SettingsError { line, message, .. }| RecipeError::Line {
            file: at.file.into(),
            line,
            message,
        })?;
        self.bins.validate().map_err(|error| at.wrong("bins.hard", error))?;
        for (key, sampling) in [
            ("stage1.sampling", &self.stage1.sampling),
            ("stage2.sampling", &self.stage2.sampling),
            ("eval.sampling", &self.eval.sampling),
        ] {
            sampling.validate().map_err(|error| at.wrong_in(key, error.replacen('-', "_", 1)))?;
        }
        for (key, rule) in [("stage1.select", &self.stage1.select), ("stage2.select", &self.stage2.select)] {
            rule.validate().map_err(|error| at.wrong_in(key, error))?;
        }
        self.stage2.budget.validate().map_err(|error| at.wrong_in("stage2.budget", error))?;
        for (key, train) in [("stage1.train", &self.stage1.train), ("stage2.train", &self.stage2.train)] {
            train.validate().map_err(|error| at.wrong_in(key, error.to_string()))?;
            if !train.model.is_empty() {
                let line = "the pass says which model is trained; set `model` at the top, and stage2.from".to_owned();
                return Err(at.wrong(&format!("{key}.model"), line));
            }
            if !train.data.selection.is_empty() {
                let line = "the pass says what is learnt from; set the rule in the stage's `select`".to_owned();
                return Err(at.wrong(&format!("{key}.data.selection"), line));
            }
        }
        let (one, two) = (&self.stage1, &self.stage2);
        let longest = two.sampling.max_tokens;
        let checks = [
            (one.samples >= 1, "stage1.samples", "must be 1 or more".to_owned()),
            ((1..=6).contains(&one.turns), "stage1.turns", "must be 1 to 6".to_owned()),
            (two.rounds >= 1, "stage2.rounds", "must be 1 or more".to_owned()),
            (
                two.retry == 0 || one.turns >= 2,
                "stage2.retry",
                "tries again in a dialogue: it needs stage1.turns of 2 or more".to_owned(),
            ),
            (self.eval.samples >= 1, "eval.samples", "must be 1 or more".to_owned()),
            (
                two.sampling.temperature > 0.0 || two.budget.most == 1,
                "stage2.sampling.temperature",
                "greedy samples of a problem are all the same: raise it above 0".to_owned(),
            ),
            (
                self.eval.sampling.temperature > 0.0 || self.eval.samples == 1,
                "eval.sampling.temperature",
                "greedy samples of a problem are all the same: raise it above 0, or take eval.samples = 1".to_owned(),
            ),
            (
                two.train.data.max_length >= longest,
                "stage2.train.data.max_length",
                format!("chains of up to {longest} tokens are sampled, longer than what is trained on: raise it"),
            ),
            (
                self.problems.as_os_str().is_empty() || self.problems != self.test,
                "test",
                "is the pool: a model cannot be scored on what it is trained on".to_owned(),
            ),
        ];
        match checks.into_iter().find(|(fine, _, _)| !fine) {
            Some((_, key, message)) => Err(at.wrong(key, format!("{key}: {message}"))),
            None => self.check_external(at).and_then(|()| self.check_servers(at)),
        }
    }

    /// The filter's settings: the defaults with the recipe's over them. A person's own file has no part in a pass, so that the
    /// same recipe does the same everywhere.
    ///
    /// # Errors
    /// If the recipe's table of them is wrong.
    pub fn filter_settings(&self) -> Result<filter::Settings, SettingsError> {
        filter::Settings::load(&[(self.name.as_str(), self.filter_text.as_str())])
    }

    /// # Errors
    /// Which of those that a call must give is missing (a recipe for files of the person's own leaves them open), or does not go
    /// with the rest.
    pub fn complete(&self) -> Result<(), RecipeError> {
        let missing = [
            (self.model.is_empty(), "model", "--model"),
            (self.problems.as_os_str().is_empty(), "problems", "--problems"),
            (self.test.as_os_str().is_empty(), "test", "--test"),
        ];
        match missing.into_iter().find(|(missing, _, _)| *missing) {
            Some((_, key, flag)) => {
                Err(RecipeError::File(self.name.clone(), format!("`{key}` is left open; give {flag}")))
            }
            None => self.trainer_opens_model(),
        }
    }

    /// All of it as TOML, for the record.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}
