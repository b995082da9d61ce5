//! The filter step: measures what is new in a session, judges all of it, stores what changed.
//!
//! A changed threshold measures nothing anew. Verdicts across samples follow (problem, draw), never the order of arrival.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::exchange::problems;
use crate::filter::audit::{Agreement, Order, plan};
use crate::filter::contamination::{Benchmarks, Contaminated};
use crate::filter::settings::SettingsError;
use crate::filter::{
    Candidate, Funnel, Instruments, Judgement, Measured, RuleId, Settings, Step, Subject, Verdict, alike, funnel,
    judge, within,
};
use crate::records::Problem;
use crate::session::{FilterInput, SampleRow, Session, StoredMeasure, StoredVerdict};

/// Samples measured between two transactions.
const CHUNK: usize = 2000;
/// The verdicts from here on look across samples.
const ACROSS: [RuleId; 3] = [RuleId::Duplicate, RuleId::Contamination, RuleId::Cap];

/// Where a run of the filter takes its rules from, beside the defaults and the person's own file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSources {
    /// Thresholds and switches of this piece of work (TOML).
    #[serde(default)]
    pub settings: Option<PathBuf>,
    /// Problem files that must not be trained on.
    #[serde(default)]
    pub benchmarks: Vec<PathBuf>,
    /// Settings whose samples are judged, among themselves; empty is all. A step of a recipe names its own: what is alike in an
    /// earlier stage then drops nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

impl FilterSources {
    fn judges(&self, settings: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == settings)
    }

    /// What is not named is as it was when the session was judged last, so that judging again forgets nothing.
    pub fn or_as_before(self, session: &Session) -> Result<Self> {
        let Some(filtering) = session.filtering()? else { return Ok(self) };
        let before: FilterOutcome = serde_json::from_str(&filtering.summary).wrap_err("the last run of the filter")?;
        let benchmarks = if self.benchmarks.is_empty() { before.sources.benchmarks } else { self.benchmarks };
        Ok(Self { settings: self.settings.or(before.sources.settings), benchmarks, only: self.only })
    }

    /// Everything named, read. `config`: where the person's own `filter.toml` lies.
    ///
    /// # Errors
    /// What is wrong in which file, in one line.
    pub fn read(&self, config: &Path) -> Result<(Settings, Benchmarks)> {
        Ok((filter_settings(self.settings.as_deref(), config)?, benchmarks(&self.benchmarks)?))
    }
}

/// The problems of these files, to be looked for in others.
pub fn benchmarks(files: &[PathBuf]) -> Result<Benchmarks> {
    let mut benchmarks = Benchmarks::default();
    for file in files {
        for problem in problems::read_questions(file)? {
            benchmarks.add(&problem.id, &problem.text);
        }
    }
    Ok(benchmarks)
}

/// What a run of the filter came to; printed by `filter --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilterOutcome {
    pub judged: usize,
    pub accepted: usize,
    pub rejected: usize,
    /// Rules in force, in order.
    pub funnel: Vec<Step>,
    /// Samples measured by this run; the others were known.
    pub measured: usize,
    /// Samples of which the verdict changed.
    pub changed: usize,
    /// Problems that share shorter runs of words with a benchmark and deserve a look.
    pub to_review: Vec<String>,
    /// Samples that the person decided otherwise than the filter: [accepted though rejected, rejected though accepted].
    pub overruled: [usize; 2],
    /// Names the settings in force.
    pub settings: String,
    /// What was named for this run; the next one takes it up.
    #[serde(default)]
    pub sources: FilterSources,
}

/// The settings in force: the defaults, over them a file that was named, over both the person's own `filter.toml`.
pub fn filter_settings(file: Option<&Path>, config: &Path) -> Result<Settings> {
    let own = config.join("filter.toml");
    let mut layers = Vec::new();
    for (path, needed) in file.map(|file| (file, true)).into_iter().chain([(own.as_path(), false)]) {
        match std::fs::read_to_string(path) {
            Ok(text) => layers.push((path.display().to_string(), text)),
            Err(error) if !needed && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let (file, message) = (path.display().to_string(), error.to_string());
                return Err(SettingsError { file, line: 1, message }.into());
            }
        }
    }
    let layers: Vec<(&str, &str)> = layers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(Settings::load(&layers)?)
}

/// Runs the filter over a session. `progress` is told samples measured and to be measured; it returns false to stop.
pub fn filter(
    session: &Session,
    sources: &FilterSources,
    config: &Path,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<FilterOutcome>> {
    let (settings, benchmarks) = sources.read(config)?;
    judge_session(session, &settings, &benchmarks, sources, progress)
}

/// As [`filter`], by settings and benchmarks that are there already.
pub fn judge_session(
    session: &Session,
    settings: &Settings,
    benchmarks: &Benchmarks,
    sources: &FilterSources,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<FilterOutcome>> {
    let _lock = session.lock_filter()?;
    let problems: HashMap<String, Problem> =
        session.problems()?.into_iter().map(|problem| (problem.id.clone(), problem)).collect();
    let Some(measured) = measure_new(session, settings, sources, &problems, progress)? else { return Ok(None) };
    let contaminated: HashMap<&str, Contaminated> = if benchmarks.is_empty() {
        HashMap::new()
    } else {
        problems.par_iter().map(|(id, problem)| (id.as_str(), benchmarks.look_up(&problem.text))).collect()
    };
    let groups = all_measures(session, sources)?;
    let candidates: Vec<Vec<Candidate>> = groups
        .iter()
        .map(|(problem, samples)| {
            let contaminated = contaminated.get(problem.as_str());
            samples.iter().map(|(key, measured)| Candidate { key: *key, measured, contaminated }).collect()
        })
        .collect();
    let judged = judge(&candidates, settings);
    let judgements: Vec<&Judgement> = judged.iter().flatten().collect();
    let Funnel { judged: count, accepted, steps } = funnel(judgements.iter().copied(), settings);
    let changed = changes(session, &judgements, settings)?;
    let mut to_review: Vec<String> = contaminated
        .iter()
        .filter(|(_, found)| found.hits() == 0 && found.review > 0)
        .map(|(problem, _)| (*problem).to_owned())
        .collect();
    to_review.sort_unstable();
    let outcome = FilterOutcome {
        judged: count,
        accepted,
        rejected: count - accepted,
        funnel: steps,
        measured,
        changed: changed.len(),
        to_review,
        overruled: overruled(session, &judgements)?,
        settings: settings.hash(),
        sources: sources.clone(),
    };
    session.put_filtering(&outcome.settings, &settings.to_toml(), &serde_json::to_string(&outcome)?, &changed)?;
    Ok(Some(outcome))
}

/// The settings under which the session was judged last.
pub fn settings_in_force(session: &Session) -> Result<Option<Settings>> {
    let Some(filtering) = session.filtering()? else { return Ok(None) };
    Ok(Some(Settings::load(&[("the settings stored in the session", &filtering.settings)])?))
}

/// The judged samples in the order in which a person should look at them; those decided on already are left out.
pub fn audit_plan(session: &Session, settings: &Settings, order: Order, seed: u64) -> Result<Vec<i64>> {
    let decided: HashSet<i64> =
        session.sample_rows()?.iter().filter(|row| row.standing.verb.is_some()).map(|row| row.id).collect();
    let stored: HashMap<i64, StoredVerdict> =
        session.verdicts()?.into_iter().map(|stored| (stored.id, stored)).collect();
    let measures = session.measures()?;
    let judgements: Vec<Judgement> = measures
        .par_iter()
        .filter(|(id, _)| !decided.contains(id))
        .filter_map(|(id, json)| Some((id, json, stored.get(id)?)))
        .map(|(id, json, stored)| {
            let measured: Measured = serde_json::from_str(json).wrap_err("stored measures")?;
            let mut verdicts = within(&measured, settings);
            verdicts.extend(serde_json::from_str::<Vec<Verdict>>(&stored.across).wrap_err("stored verdicts")?);
            Ok(Judgement { key: *id, accepted: stored.accepted, verdicts })
        })
        .collect::<Result<_>>()?;
    Ok(plan(&judgements, settings, order, seed))
}

/// What a person's decisions say of the filter: over all of it, and of each rule that fails anything that was looked at.
pub fn agreement<'a>(rows: impl IntoIterator<Item = &'a SampleRow>) -> (Agreement, Vec<(RuleId, Agreement)>) {
    use crate::records::DecisionVerb::{Accept, Reject};
    let mut whole = Agreement::default();
    let mut rules: Vec<(RuleId, Agreement)> =
        RuleId::ALL.into_iter().map(|rule| (rule, Agreement::default())).collect();
    for row in rows {
        let (Some(accepted), Some(verb @ (Accept | Reject))) = (row.accepted, row.standing.verb) else { continue };
        let person = verb == Accept;
        whole.count(accepted, person);
        for (rule, counts) in &mut rules {
            counts.count(!row.failed.iter().any(|failed| failed == rule.name()), person);
        }
    }
    rules.retain(|(_, counts)| counts.both_reject + counts.lost > 0);
    (whole, rules)
}

/// All verdicts on one stored sample under the settings in force; nothing when it was not judged.
pub fn verdicts(session: &Session, sample: i64, settings: &Settings) -> Result<Option<(Measured, Vec<Verdict>)>> {
    let (Some(measured), Some(stored)) = (session.measure_of(sample)?, session.verdict_of(sample)?) else {
        return Ok(None);
    };
    let measured: Measured = serde_json::from_str(&measured).wrap_err("stored measures")?;
    let mut verdicts = within(&measured, settings);
    verdicts.extend(serde_json::from_str::<Vec<Verdict>>(&stored.across).wrap_err("stored verdicts")?);
    Ok(Some((measured, verdicts)))
}

/// Measures samples that are new or were measured otherwise. Returns how many; `None` when it was stopped.
fn measure_new(
    session: &Session,
    settings: &Settings,
    sources: &FilterSources,
    problems: &HashMap<String, Problem>,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<usize>> {
    let measuring = settings.measuring_hash();
    let instruments = Instruments::new(settings);
    let mut places = session.filter_places()?;
    places.retain(|place| sources.judges(&place.settings));
    let known = |measured: &Option<String>| measured.as_deref() == Some(measuring.as_str());
    // A problem with one new sample is compared anew as a whole: the new one may stand before known ones.
    let groups: Vec<Vec<(i64, bool)>> = places
        .chunk_by(|one, other| one.problem_id == other.problem_id)
        .filter(|group| group.iter().any(|place| !known(&place.measuring)))
        .map(|group| group.iter().map(|place| (place.id, known(&place.measuring))).collect())
        .collect();
    let ids: HashMap<i64, &str> = places.iter().map(|place| (place.id, place.problem_id.as_str())).collect();
    let all: usize = groups.iter().flatten().filter(|(_, known)| !known).count();
    let mut done = 0;
    let mut rest = groups.as_slice();
    while !rest.is_empty() {
        if !progress(done, all) {
            return Ok(None);
        }
        let mut taken = 0;
        let end = rest.iter().position(|group| {
            taken += group.len();
            taken > CHUNK
        });
        let (now, later) = rest.split_at(end.unwrap_or(rest.len()).max(1));
        rest = later;
        let mut work = Vec::with_capacity(now.len());
        for group in now {
            let mut samples = Vec::with_capacity(group.len());
            for (id, known) in group {
                let measures = if *known { session.measure_of(*id)? } else { None };
                samples.push((session.filter_input(*id)?, measures));
            }
            let problem = group.first().and_then(|(id, _)| problems.get(*ids.get(id)?));
            work.push((problem, samples));
        }
        let measured: Vec<StoredMeasure> = work
            .par_iter()
            .map(|(problem, samples)| measure_problem(&instruments, *problem, samples))
            .collect::<Result<Vec<_>>>()?
            .concat();
        session.put_measures(&measuring, &measured)?;
        done += now.iter().flatten().filter(|(_, known)| !known).count();
    }
    progress(done, all);
    Ok(Some(done))
}

fn measure_problem(
    instruments: &Instruments,
    problem: Option<&Problem>,
    samples: &[(FilterInput, Option<String>)],
) -> Result<Vec<StoredMeasure>> {
    let chains: Vec<(i64, &str)> = samples.iter().map(|(input, _)| (input.id, input.chain.text.as_str())).collect();
    let likeness = alike(&chains);
    samples
        .iter()
        .zip(likeness)
        .map(|((input, known), alike)| {
            let mut measured = match known {
                Some(json) => serde_json::from_str(json).wrap_err("stored measures")?,
                None => {
                    let guidance: Vec<&str> = input.guidance.iter().map(String::as_str).collect();
                    instruments.measure(&Subject {
                        problem: problem.map_or("", |problem| &problem.text),
                        gold: problem.map_or("", |problem| &problem.answer),
                        chain: &input.chain.text,
                        segments: &input.chain.segments,
                        opened: &input.chain.opened,
                        finish: input.finish,
                        tokens: Some(input.tokens),
                        guidance: &guidance,
                    })
                }
            };
            measured.alike = alike;
            Ok(StoredMeasure {
                id: input.id,
                answer: measured.answer.clone(),
                correct: measured.correct,
                traits: serde_json::to_string(&measured.traits())?,
                json: serde_json::to_string(&measured)?,
            })
        })
        .collect()
}

type Group = (String, Vec<(i64, Measured)>);

/// Every measured sample under its problem, in order of draw.
fn all_measures(session: &Session, sources: &FilterSources) -> Result<Vec<Group>> {
    let mut places = session.filter_places()?;
    places.retain(|place| sources.judges(&place.settings));
    let json: HashMap<i64, String> = session.measures()?.into_iter().collect();
    let parsed: Vec<Option<(i64, Measured)>> = places
        .par_iter()
        .map(|place| {
            json.get(&place.id)
                .map(|json| serde_json::from_str(json).map(|measured| (place.id, measured)).wrap_err("stored measures"))
                .transpose()
        })
        .collect::<Result<_>>()?;
    let mut groups: Vec<Group> = Vec::new();
    for (place, measured) in places.into_iter().zip(parsed) {
        let Some(measured) = measured else { continue };
        match groups.last_mut() {
            Some((problem, samples)) if *problem == place.problem_id => samples.push(measured),
            _ => groups.push((place.problem_id, vec![measured])),
        }
    }
    Ok(groups)
}

/// The verdicts that are not stored as they are now.
fn changes(session: &Session, judgements: &[&Judgement], settings: &Settings) -> Result<Vec<StoredVerdict>> {
    let known: HashMap<i64, StoredVerdict> =
        session.verdicts()?.into_iter().map(|stored| (stored.id, stored)).collect();
    let now: Vec<StoredVerdict> = judgements
        .par_iter()
        .map(|judgement| {
            let fails = |verdict: &&Verdict| !verdict.pass && settings.enabled(verdict.rule);
            let failed: Vec<RuleId> = judgement.verdicts.iter().filter(fails).map(|verdict| verdict.rule).collect();
            let across: Vec<&Verdict> =
                judgement.verdicts.iter().filter(|verdict| ACROSS.contains(&verdict.rule)).collect();
            Ok(StoredVerdict {
                id: judgement.key,
                accepted: judgement.accepted,
                failed: serde_json::to_string(&failed)?,
                across: serde_json::to_string(&across)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(now.into_iter().filter(|verdict| known.get(&verdict.id) != Some(verdict)).collect())
}

fn overruled(session: &Session, judgements: &[&Judgement]) -> Result<[usize; 2]> {
    use crate::records::DecisionVerb::{Accept, Reject};
    let accepted: HashMap<i64, bool> = judgements.iter().map(|judgement| (judgement.key, judgement.accepted)).collect();
    let mut counts = [0, 0];
    for row in session.sample_rows()? {
        match (row.standing.verb, accepted.get(&row.id)) {
            (Some(Accept), Some(false)) => counts[0] += 1,
            (Some(Reject), Some(true)) => counts[1] += 1,
            _ => {}
        }
    }
    Ok(counts)
}
