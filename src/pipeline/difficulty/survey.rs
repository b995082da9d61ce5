//! What a session tells of difficulty under one setting, gathered once: the pool that rules choose from, its problems and samples,
//! levels and subjects, lengths. Choosing is `difficulty::select`'s business, over and over, on what was gathered here.

use std::collections::{BTreeMap, HashMap, HashSet};

use color_eyre::Result;

use super::lengths::{Lengths, lengths};
use super::{outcome, usual_settings};
use crate::difficulty::{Bins, Outcome, Pick, PoolProblem, Rule};
use crate::pipeline::recipe::Recipe;
use crate::pipeline::select::{SelectOrder, SelectOutcome, pool};
use crate::session::{SampleRow, Session};
use crate::stats::{Bootstrap, Interval};

/// Bytes of a problem's text that are kept, to know it by.
const HEAD: usize = 160;

/// Settings that there are samples of. Samples of two of them are never added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub hash: String,
    /// The model, as it was named, and what it is.
    pub model: String,
    pub model_content: String,
    /// Assistant turns.
    pub turns: usize,
    pub temperature: f32,
    /// Most tokens of a turn.
    pub max_tokens: usize,
    /// Samples of problems to be learnt from; those problems; samples that the filter has not judged.
    pub samples: usize,
    pub problems: usize,
    pub unjudged: usize,
    /// Samples of problems that models are scored on.
    pub held_out: usize,
}

/// What of a rule decides the order inside problems. Rules that agree here choose from the same pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranking {
    pick: Pick,
    length: Option<(u32, u32)>,
    mending_first: bool,
}

impl Ranking {
    pub fn of(rule: &Rule) -> Self {
        Self {
            pick: rule.pick,
            length: (rule.pick == Pick::Length).then_some(rule.length),
            mending_first: rule.most_confirming < 1.0,
        }
    }
}

/// A sample of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Its row.
    pub id: i64,
    pub outcome: Outcome,
    /// It is trained on if it is chosen.
    pub accepted: bool,
}

/// A problem of the pool, beside its [`PoolProblem`].
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    pub level: Option<i64>,
    pub subject: Option<String>,
    /// How its text begins.
    pub head: String,
    /// Its samples by draw.
    pub samples: Vec<Drawn>,
}

/// What problems have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grouped {
    Level(i64),
    Subject(String),
    /// Neither level nor subject is known.
    Unmarked,
}

/// The problems of a level or a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub of: Grouped,
    /// Indices into the pool.
    pub problems: Vec<u32>,
    /// Mean pass rate of its problems, each counting once, with the interval over problems.
    pub rate: Interval,
}

/// A selection that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub name: String,
    pub rule: Rule,
    /// Settings that it was chosen under, where that is known.
    pub settings: String,
}

/// Everything of one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Newest first.
    pub sources: Vec<Source>,
    /// The one that all but the lengths are of.
    pub source: usize,
    /// Problems with a sample, in the order of ids, and beside them what else is known of them.
    pub pool: Vec<PoolProblem>,
    pub problems: Vec<Surveyed>,
    /// Problems to be learnt from without a sample under this setting.
    pub unsampled: usize,
    /// By the order that this rule gives, which is also the one to begin with where none was given.
    pub ranking: Ranking,
    pub rule: Rule,
    /// Levels, then subjects, in order.
    pub groups: Vec<Group>,
    pub lengths: Vec<Lengths>,
    /// Oldest first.
    pub selections: Vec<Stored>,
    /// The recipe's, if the session is of one.
    pub bins: Bins,
}

impl Survey {
    /// The selection to begin from: the newest that was chosen under this setting, else the newest of all.
    pub fn stored(&self) -> Option<&Stored> {
        stored(&self.selections, &self.sources[self.source].hash)
    }
}

fn stored<'a>(selections: &'a [Stored], settings: &str) -> Option<&'a Stored> {
    selections.iter().rev().find(|stored| stored.settings == settings).or(selections.last())
}

/// Gathers what the session holds under these settings, or under the usual ones where they are `None` or have no samples. Without a
/// rule it is that of [`Survey::stored`], else the default. `None` without any sample to learn from.
///
/// # Errors
/// If the session cannot be read.
pub fn survey(session: &Session, settings: Option<&str>, rule: Option<&Rule>) -> Result<Option<Survey>> {
    let rows = session.sample_rows()?;
    let sources = sources(session, &rows)?;
    let given = settings.and_then(|hash| sources.iter().position(|source| source.hash == hash && source.samples > 0));
    let source = match given {
        Some(at) => Some(at),
        None => usual_settings(session, &rows)?.and_then(|hash| sources.iter().position(|source| source.hash == hash)),
    };
    let Some(source) = source else { return Ok(None) };
    let hash = sources[source].hash.clone();
    let selections = selections(session)?;
    let rule = rule.copied().or(stored(&selections, &hash).map(|stored| stored.rule)).unwrap_or_default();
    let order = SelectOrder { name: String::new(), rule, settings: hash.clone(), also: Vec::new(), draws: None };
    let pool = pool(session, &rows, &order)?;
    let (problems, all) = problems(session, &rows, &pool, &hash)?;
    let groups = groups(&pool, &problems);
    Ok(Some(Survey {
        lengths: lengths(&rows, &sources, source),
        unsampled: all.saturating_sub(pool.len()),
        ranking: Ranking::of(&rule),
        bins: Recipe::of_session(session).ok().flatten().map(|recipe| recipe.bins).unwrap_or_default(),
        sources,
        source,
        pool,
        problems,
        rule,
        groups,
        selections,
    }))
}

/// Settings with samples, newest first.
fn sources(session: &Session, rows: &[SampleRow]) -> Result<Vec<Source>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut sources: Vec<Source> = Vec::new();
    let mut problems: HashSet<(usize, &str)> = HashSet::new();
    for row in rows.iter().rev() {
        let at = match places.get(row.settings.as_str()) {
            Some(at) => *at,
            None => {
                let made = session.settings(&row.settings)?;
                let made = made.as_ref();
                sources.push(Source {
                    hash: row.settings.clone(),
                    model: made.map_or_else(String::new, |made| made.model.name.clone()),
                    model_content: made.map_or_else(String::new, |made| made.model.content.clone()),
                    turns: made.map_or(0, |made| made.turns),
                    temperature: made.map_or(0.0, |made| made.sampling.temperature),
                    max_tokens: made.map_or(0, |made| made.sampling.max_tokens),
                    samples: 0,
                    problems: 0,
                    unjudged: 0,
                    held_out: 0,
                });
                places.insert(&row.settings, sources.len() - 1);
                sources.len() - 1
            }
        };
        let source = &mut sources[at];
        if row.held_out {
            source.held_out += 1;
        } else {
            source.samples += 1;
            source.unjudged += usize::from(row.accepted.is_none());
            source.problems += usize::from(problems.insert((at, &row.problem_id)));
        }
    }
    Ok(sources)
}

fn selections(session: &Session) -> Result<Vec<Stored>> {
    let read = |stored: crate::session::StoredSelection| {
        let settings = serde_json::from_str::<SelectOutcome>(&stored.summary).map(|outcome| outcome.settings);
        // A rule of a later version is no rule to begin from.
        let rule = serde_json::from_str(&stored.rule).ok()?;
        Some(Stored { name: stored.name, rule, settings: settings.unwrap_or_default() })
    };
    Ok(session.selections()?.into_iter().filter_map(read).collect())
}

/// What is known of each problem of the pool, and how many problems there are to be learnt from.
fn problems(
    session: &Session,
    rows: &[SampleRow],
    pool: &[PoolProblem],
    settings: &str,
) -> Result<(Vec<Surveyed>, usize)> {
    let places: HashMap<&str, usize> = pool.iter().enumerate().map(|(at, problem)| (problem.id(), at)).collect();
    let empty = || Surveyed { level: None, subject: None, head: String::new(), samples: Vec::new() };
    let mut problems: Vec<Surveyed> = pool.iter().map(|_| empty()).collect();
    let all = session.pool()?;
    let count = all.len();
    for problem in all {
        if let Some(at) = places.get(problem.id.as_str()) {
            let known = &mut problems[*at];
            (known.level, known.subject) = (problem.level, problem.subject);
            known.head = head(&problem.text);
        }
    }
    let mut draws: Vec<Vec<(u32, Drawn)>> = vec![Vec::new(); pool.len()];
    for row in rows.iter().filter(|row| row.settings == settings && !row.held_out) {
        if let Some(at) = places.get(row.problem_id.as_str()) {
            let drawn = Drawn { id: row.id, outcome: outcome(row), accepted: row.trained_on() };
            draws[*at].push((row.draw, drawn));
        }
    }
    for (problem, mut draws) in problems.iter_mut().zip(draws) {
        draws.sort_unstable_by_key(|(draw, drawn)| (*draw, drawn.id));
        problem.samples = draws.into_iter().map(|(_, drawn)| drawn).collect();
    }
    Ok((problems, count))
}

fn head(text: &str) -> String {
    let mut end = text.len().min(HEAD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Levels and subjects with their problems. One that has neither is with those that have neither.
pub(super) fn groups(pool: &[PoolProblem], problems: &[Surveyed]) -> Vec<Group> {
    let mut groups: BTreeMap<Grouped, Vec<u32>> = BTreeMap::new();
    for (at, problem) in problems.iter().enumerate() {
        let mut add = |of| groups.entry(of).or_default().push(at as u32);
        if let Some(level) = problem.level {
            add(Grouped::Level(level));
        }
        if let Some(subject) = &problem.subject {
            add(Grouped::Subject(subject.clone()));
        }
        if problem.level.is_none() && problem.subject.is_none() {
            add(Grouped::Unmarked);
        }
    }
    let rate = |problems: &[u32]| {
        let rates: Vec<f64> = problems.iter().map(|&at| pool[at as usize].tally().pass_rate()).collect();
        Bootstrap::over(rates.len()).proportion(&rates)
    };
    groups.into_iter().map(|(of, problems)| Group { rate: rate(&problems), of, problems }).collect()
}
