//! What a reader should know of a data set: how much it is, what was left out and why, how hard its problems are, what wrote it,
//! and what a person decided. As a card in Markdown with the front matter that the Hugging Face Hub reads, and as JSON.
//!
//! Names of files are told without their folders: those are nobody's business.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::columns::Told;
use super::dataset::{DatasetOrder, DatasetReport, FileKind};
use super::formats::SampleFormat;
use super::front_matter;
use super::messages::ExportError;
use super::parquet::write::Shape;
use super::split::Split;
use super::store::IMPORTED;
use crate::records::{DecisionVerb, EDITED, SampleSettings};
use crate::session::{SampleRow, Session};
use crate::train::dataset::Dataset;

/// Pass rates, as far as each bin goes. The first is of problems that no sample solved, the last of those that all did.
const BINS: [&str; 6] = ["none right", "below 1/4", "below 1/2", "below 3/4", "below all", "all right"];

/// What holds the rows, where each column has a kind.
const PARQUET: &str = "parquet";

/// What is known of a data set.
#[derive(Debug, Clone, Default)]
pub struct Card {
    format: String,
    /// `parquet` or `jsonl`.
    kind: &'static str,
    dialogue: bool,
    /// Some samples came from files.
    imported: bool,
    seed: u64,
    samples: usize,
    problems: usize,
    held_out: usize,
    sources: BTreeMap<String, usize>,
    levels: BTreeMap<i64, usize>,
    /// What the last run of the filter said, as it was stored.
    filter: Option<Value>,
    /// Samples here that the rule on contamination does not pass.
    contaminated: usize,
    settings: Vec<Provenance>,
    person: Person,
    tokens: Option<Value>,
    /// The columns of the files and their kinds, as the Hub writes them.
    features: Option<String>,
    columns: Told,
}

/// What wrote some of the samples.
#[derive(Debug, Clone)]
struct Provenance {
    hash: String,
    settings: Option<SampleSettings>,
    samples: usize,
    /// Problems of the data set by how many of all their samples under these settings are right.
    rates: [usize; 6],
}

/// What a person decided.
#[derive(Debug, Clone, Default)]
struct Person {
    accepted: usize,
    rejected: usize,
    /// Taken though the filter rejected them.
    against_filter: usize,
    edited: usize,
}

impl Card {
    /// Of the samples that were taken, out of all that a session has.
    ///
    /// # Errors
    /// If the session cannot be read.
    pub fn of(session: &Session, all: &[SampleRow], taken: &[&SampleRow], split: &Split) -> Result<Self, ExportError> {
        let problems: BTreeSet<&str> = taken.iter().map(|row| row.problem_id.as_str()).collect();
        let mut card = Self {
            samples: taken.len(),
            problems: problems.len(),
            held_out: problems.iter().filter(|problem| split.holds_out(problem)).count(),
            filter: session.filtering()?.and_then(|filtering| serde_json::from_str(&filtering.summary).ok()),
            contaminated: taken.iter().filter(|row| row.failed.iter().any(|rule| rule == "contamination")).count(),
            person: Person {
                rejected: all.iter().filter(|row| row.standing.verb == Some(DecisionVerb::Reject)).count(),
                ..Person::default()
            },
            ..Self::default()
        };
        let mut by_settings: BTreeMap<&str, usize> = BTreeMap::new();
        for row in taken {
            *card.sources.entry(row.source.clone()).or_default() += 1;
            card.imported |= row.tags.iter().any(|tag| tag == IMPORTED);
            *by_settings.entry(&row.settings).or_default() += 1;
            if let Some(level) = row.level {
                *card.levels.entry(level).or_default() += 1;
            }
            let accepted = row.standing.verb == Some(DecisionVerb::Accept);
            card.person.accepted += usize::from(accepted);
            card.person.against_filter += usize::from(accepted && row.accepted == Some(false));
            card.person.edited += usize::from(row.tags.iter().any(|tag| tag == EDITED));
        }
        for (hash, samples) in by_settings {
            let rates = rates(all, hash, &problems);
            let settings = session.settings(hash)?;
            card.settings.push(Provenance { hash: hash.to_owned(), settings, samples, rates });
        }
        Ok(card)
    }

    /// How it was written.
    pub fn with_order(mut self, format: &str, order: &DatasetOrder) -> Self {
        self.kind = match order.kind {
            FileKind::Jsonl => "jsonl",
            FileKind::Parquet => PARQUET,
        };
        (self.format, self.dialogue, self.seed) = (format.to_owned(), order.wanted.dialogue, order.seed);
        self
    }

    /// What made tokens of the texts.
    pub fn with_tokens(mut self, model: &str, data: &Dataset) -> Self {
        let items = data.train.iter().chain(&data.validation);
        let (all, trained) =
            items.fold((0usize, 0usize), |(all, trained), item| (all + item.tokens.len(), trained + item.trained()));
        self.tokens = Some(json!({
            "model": file_name(model), "data": data.hash, "tokens": all, "tokens_with_a_loss": trained,
            "too_long": data.too_long,
        }));
        self
    }

    /// What kinds the columns are of, once it is known how the rows are written. Without it who loads the files guesses by the first
    /// rows, where a column may be empty.
    pub fn with_columns(mut self, shape: &Shape, format: SampleFormat) -> Self {
        let parquet = self.kind == PARQUET;
        self.features = shape.features(parquet);
        self.columns = Told::of(shape, format, parquet);
        self
    }

    /// As `cribble.json` has it.
    pub fn json(&self, report: &DatasetReport) -> Value {
        let settings: Vec<Value> = self.settings.iter().map(Provenance::json).collect();
        json!({
            "format": self.format, "file": self.kind, "dialogue": self.dialogue, "seed": self.seed,
            "rows": {"train": report.train, "validation": report.validation}, "samples": self.samples,
            "problems": {"all": self.problems, "validation": self.held_out}, "sources": self.sources,
            "levels": self.levels.iter().map(|(level, count)| json!([level, count])).collect::<Vec<_>>(),
            "filter": self.filter.as_ref().map(|filter| json!({
                "judged": filter["judged"], "accepted": filter["accepted"], "funnel": filter["funnel"],
                "settings": filter["settings"], "benchmarks": self.benchmarks(),
            })),
            "contaminated": self.contaminated, "settings": settings,
            "person": {
                "accepted": self.person.accepted, "rejected": self.person.rejected,
                "against_filter": self.person.against_filter, "edited": self.person.edited,
            },
            "tokens": self.tokens, "other_columns": self.columns.others, "json_columns": self.columns.texts,
        })
    }

    /// The card.
    pub fn markdown(&self, name: &str, report: &DatasetReport) -> String {
        let mut out = front_matter::of(&self.format, self.features.as_deref(), report);
        let _ = write!(out, "# {}\n\n", plain(name));
        self.contents(&mut out, report);
        self.filtering(&mut out);
        self.difficulty(&mut out);
        self.contamination(&mut out);
        self.provenance(&mut out);
        self.decisions(&mut out);
        out
    }

    fn contents(&self, out: &mut String, report: &DatasetReport) {
        let form = match (self.dialogue, self.imported && self.tokens.is_none()) {
            (true, _) => "the dialogues as they were held",
            (false, false) => "single-turn chains of thought",
            (false, true) => "single-turn chains of thought (imported chats of several questions are whole)",
        };
        let _ = write!(
            out,
            "{} samples of {} problems, {form}, written as `{}` in {} by cribble {}.\n\n| split | rows | problems |\n\
             |---|---:|---:|\n| train | {} | {} |\n",
            self.samples,
            self.problems,
            self.format,
            self.kind,
            env!("CARGO_PKG_VERSION"),
            report.train,
            self.problems - self.held_out.min(self.problems),
        );
        if report.validation > 0 {
            let _ = writeln!(out, "| validation | {} | {} |", report.validation, self.held_out);
            let _ = write!(out, "\nNo problem is in both splits (seed {}).\n", self.seed);
        }
        table(
            out,
            ["source of the problems", "samples"],
            self.sources.iter().map(|(name, count)| (plain(name), *count)),
        );
        self.columns.write(out);
        if let Some(tokens) = &self.tokens {
            let _ = write!(
                out,
                "\n{} tokens by the tokenizer and chat template of `{}`, {} of them with a loss; {} chains were longer than the \
                 limit and were left out. Labels of tokens without a loss are -100.\n",
                tokens["tokens"],
                plain(tokens["model"].as_str().unwrap_or_default()),
                tokens["tokens_with_a_loss"],
                tokens["too_long"],
            );
        }
    }

    fn filtering(&self, out: &mut String) {
        out.push_str("\n## What was left out\n");
        let Some(filter) = &self.filter else {
            out.push_str("\nThe samples were not judged by the filter.\n");
            return;
        };
        let _ = write!(
            out,
            "\nThe filter judged {} samples and accepted {} (settings `{}`). Each rule, in order, with how many samples came as far \
             as it and failed it, and how many fail no other rule:\n\n| rule | dropped | alone |\n|---|---:|---:|\n",
            number(&filter["judged"]),
            number(&filter["accepted"]),
            plain(filter["settings"].as_str().unwrap_or_default()),
        );
        for step in filter["funnel"].as_array().into_iter().flatten() {
            let rule = plain(step["rule"].as_str().unwrap_or_default());
            let _ = writeln!(out, "| {rule} | {} | {} |", number(&step["dropped"]), number(&step["sole"]));
        }
    }

    fn difficulty(&self, out: &mut String) {
        out.push_str("\n## Difficulty\n\nProblems of this set by how many of all their samples are right:\n");
        let _ = write!(out, "\n| settings | {} |\n|---|{}\n", BINS.join(" | "), "---:|".repeat(BINS.len()));
        for made in &self.settings {
            let rates: Vec<String> = made.rates.iter().map(usize::to_string).collect();
            let _ = writeln!(out, "| `{}` | {} |", plain(&made.hash), rates.join(" | "));
        }
        let levels = self.levels.iter().map(|(level, count)| (level.to_string(), *count));
        table(out, ["level by the source", "samples"], levels);
    }

    fn contamination(&self, out: &mut String) {
        out.push_str("\n## Contamination\n\n");
        let benchmarks = self.benchmarks();
        if benchmarks.is_empty() {
            out.push_str("The problems were not compared with benchmarks.\n");
            return;
        }
        let names: Vec<String> = benchmarks.iter().map(|name| plain(name)).collect();
        let _ = writeln!(
            out,
            "The problems were compared with {} by runs of words that they share. {} samples here are of problems that the rule \
             does not pass.",
            names.join(", "),
            self.contaminated,
        );
    }

    fn benchmarks(&self) -> Vec<String> {
        let files = self.filter.as_ref().and_then(|filter| filter["sources"]["benchmarks"].as_array());
        files.into_iter().flatten().filter_map(Value::as_str).map(file_name).collect()
    }

    fn provenance(&self, out: &mut String) {
        out.push_str("\n## What wrote it\n");
        for made in &self.settings {
            let _ = write!(out, "\n- settings `{}`, {} samples", plain(&made.hash), made.samples);
            let Some(settings) = &made.settings else { continue };
            let (model, sampling) = (&settings.model, &settings.sampling);
            let _ = write!(
                out,
                "\n  - model `{}`, content `{}`, chat template `{}`, computed in {}\n  - {} turns by the policy `{}`, seed {}\n  \
                 - temperature {}, top_p {}, top_k {}, min_p {}, repetition penalty {}, at most {} tokens a turn",
                plain(&file_name(&model.name)),
                plain(&model.content),
                plain(&model.template),
                plain(&model.compute),
                settings.turns,
                plain(policy(settings)),
                settings.seed,
                sampling.temperature,
                sampling.top_p,
                sampling.top_k,
                sampling.min_p,
                sampling.repetition_penalty,
                sampling.max_tokens,
            );
        }
        out.push('\n');
    }

    fn decisions(&self, out: &mut String) {
        let Person { accepted, rejected, against_filter, edited } = self.person;
        let _ = write!(
            out,
            "\n## What a person decided\n\nOf the {} samples here a person accepted {accepted}, {against_filter} of them though the \
             filter rejected them, and edited {edited}. {rejected} samples of the session were rejected by a person.\n",
            self.samples,
        );
    }
}

impl Provenance {
    fn json(&self) -> Value {
        let settings = self.settings.as_ref().map(|settings| {
            let model = &settings.model;
            json!({
                "model": {
                    "name": file_name(&model.name), "content": model.content, "template": model.template,
                    "compute": model.compute,
                },
                "turns": settings.turns, "sampling": settings.sampling, "seed": settings.seed, "policy": policy(settings),
            })
        });
        json!({"hash": self.hash, "samples": self.samples, "pass_rates": self.rates, "made_by": settings})
    }
}

/// Counts problems by the share of right ones among all their graded samples under some settings.
fn rates(all: &[SampleRow], settings: &str, problems: &BTreeSet<&str>) -> [usize; 6] {
    let mut tallies: HashMap<&str, (usize, usize)> = HashMap::new();
    let drawn = all.iter().filter(|row| row.settings == settings && problems.contains(row.problem_id.as_str()));
    for row in drawn {
        let (right, all) = tallies.entry(&row.problem_id).or_default();
        *right += usize::from(row.correct == Some(true));
        *all += 1;
    }
    let mut rates = [0; 6];
    for (right, all) in tallies.into_values() {
        rates[bin(right, all)] += 1;
    }
    rates
}

/// Which of the [`BINS`] so many right ones of all are in.
fn bin(right: usize, all: usize) -> usize {
    match right {
        0 => 0,
        right if right >= all => 5,
        right => 1 + right * 4 / all,
    }
}

fn policy(settings: &SampleSettings) -> &str {
    settings.dialogue.get("name").and_then(Value::as_str).unwrap_or("unnamed")
}

/// A path without its folders; a model's name on the Hub stays whole.
fn file_name(path: &str) -> String {
    if path.starts_with("hf:") {
        return path.to_owned();
    }
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A name that a card's markup cannot take for markup.
pub(super) fn plain(text: &str) -> String {
    let plain = text.chars().map(|letter| match letter {
        '`' | '|' | '<' | '>' | '[' | ']' => '_',
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    plain.collect()
}

/// A table of two columns; none where there is nothing to tell.
fn table(out: &mut String, [name, count]: [&str; 2], rows: impl Iterator<Item = (String, usize)>) {
    for (at, row) in rows.enumerate() {
        if at == 0 {
            let _ = write!(out, "\n| {name} | {count} |\n|---|---:|\n");
        }
        let _ = writeln!(out, "| {} | {} |", row.0, row.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_card() {
        assert_eq!(plain("a|b`\n<script>"), "a_b_ _script_");
        assert_eq!(file_name("/home/someone/models/m.gguf"), "m.gguf");
        assert_eq!(file_name("hf:org/name"), "hf:org/name");
    }

    #[test]
    fn pass_rates_fall_into_bins() {
        let named = [(0, 8), (1, 8), (2, 8), (4, 8), (6, 8), (7, 8), (8, 8)].map(|(right, all)| BINS[bin(right, all)]);
        let expected = ["none right", "below 1/4", "below 1/2", "below 3/4", "below all", "below all", "all right"];
        assert_eq!(named, expected);
    }
}
