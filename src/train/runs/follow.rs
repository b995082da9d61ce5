//! Follows the records of runs from outside: what was appended since the last look, by whatever process.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Deserializer};

use super::super::metrics::{LOOKS, METRICS};
use super::super::steer::Drawn;
use super::is_run_name;
use crate::watch::tail::LineTail;

/// Bytes that are read at one time: enough lines for several threads.
const PIECE: usize = 8 << 20;
/// Lines that one thread reads at least.
const LINES: usize = 8192;

/// One line of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    Step {
        step: u64,
        loss: f64,
        lr: f64,
        grad_norm: f64,
        tokens_per_second: f64,
        epoch: f64,
        tokens: u64,
    },
    Validation {
        step: u64,
        loss: f64,
    },
    /// Something else that was worth a line.
    Event {
        step: u64,
        what: String,
    },
}

/// What is new of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunNews {
    pub name: String,
    /// What was told of it before is void: its record was made anew.
    pub afresh: bool,
    pub total_steps: Option<u64>,
    pub readings: Vec<Reading>,
    /// Answers that were drawn from the model in training.
    pub looks: Vec<LookedAt>,
    /// It is not there any more: renamed, put away or removed.
    pub gone: bool,
}

/// An answer that the model in training gave.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LookedAt {
    /// After so many steps; at 0 it is the model's that the training began with.
    pub step: u64,
    #[serde(flatten)]
    pub drawn: Drawn,
}

/// The files of a run.
#[derive(Debug, Default)]
struct Files {
    metrics: Option<LineTail>,
    looks: Option<LineTail>,
}

/// How far each record has been read.
#[derive(Debug, Default)]
pub struct Follower {
    runs: BTreeMap<String, Files>,
}

impl Follower {
    /// What was written since the last look. A line that is not whole yet is left for the next one; a record that was made
    /// anew (it is shorter, or begins otherwise) is read from its beginning. What cannot be read is passed over: the run's own
    /// process tells of it.
    pub fn look(&mut self, runs: &Path) -> Vec<RunNews> {
        let mut news = Vec::new();
        let mut there = BTreeSet::new();
        for entry in std::fs::read_dir(runs).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !is_run_name(&name) || !entry.path().join(METRICS).exists() {
                continue;
            }
            if let Some(found) = self.look_at(&name, &entry.path()) {
                news.push(found);
            }
            there.insert(name);
        }
        let gone: Vec<String> = self.runs.keys().filter(|name| !there.contains(*name)).cloned().collect();
        for name in gone {
            self.runs.remove(&name);
            news.push(RunNews { name, gone: true, ..RunNews::default() });
        }
        news.sort_by(|a, b| a.name.cmp(&b.name));
        news
    }

    fn look_at(&mut self, name: &str, run: &Path) -> Option<RunNews> {
        let files = self.runs.entry(name.to_owned()).or_default();
        let mut news = RunNews { name: name.to_owned(), ..RunNews::default() };
        let readings = appended(&mut files.metrics, &run.join(METRICS), |lines| {
            let parts: Vec<_> = lines.par_chunks(LINES).map(read_lines).collect();
            for (total_steps, readings) in parts {
                news.total_steps = total_steps.or(news.total_steps);
                news.readings.extend(readings);
            }
        });
        let afresh = matches!(readings, Ok(Some(Appended { afresh: true })));
        if afresh {
            // The answers belong to the record, and an answer that comes again replaces the one before.
            files.looks = None;
        }
        let looks = appended(&mut files.looks, &run.join(LOOKS), |lines| {
            news.looks.extend(lines.iter().filter_map(|line| serde_json::from_slice::<LookedAt>(line).ok()));
        });
        news.afresh = afresh;
        let any = matches!(readings, Ok(Some(_))) || matches!(looks, Ok(Some(_)));
        any.then_some(news)
    }
}

/// That a file has grown, or was made anew.
struct Appended {
    afresh: bool,
}

/// Hands over the whole lines that were appended to a file; `None` where nothing was.
fn appended(known: &mut Option<LineTail>, path: &Path, each: impl FnMut(&[&[u8]])) -> io::Result<Option<Appended>> {
    let is_new = known.is_none();
    let tail = known.get_or_insert_with(|| LineTail::in_pieces(path.to_path_buf(), PIECE));
    let Some(mut grown) = tail.grown()? else { return Ok(None) };
    let (afresh, before) = (grown.afresh, tail.read());
    // All of it at once, however long it is. Where reading ends early the next look goes on, and what came counts.
    let mut budget = u64::MAX;
    let _ = tail.follow(&mut grown, &mut budget, each);
    Ok((is_new || afresh || tail.read() > before).then_some(Appended { afresh }))
}

/// The steps in all, if a line tells them, and what the lines say.
fn read_lines(lines: &[&[u8]]) -> (Option<u64>, Vec<Reading>) {
    let mut total_steps = None;
    let mut readings = Vec::with_capacity(lines.len());
    for line in lines {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(line) else { continue };
        total_steps = record.total_steps.or(total_steps);
        readings.extend(record.reading());
    }
    (total_steps, readings)
}

/// A line, whichever it is. JSON has no word for what is not a number, and null stands for it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    step: Option<u64>,
    #[serde(deserialize_with = "number")]
    loss: Option<f64>,
    #[serde(deserialize_with = "number")]
    validation_loss: Option<f64>,
    lr: Option<f64>,
    grad_norm: Option<f64>,
    tokens_per_second: Option<f64>,
    epoch: Option<f64>,
    tokens: Option<u64>,
    total_steps: Option<u64>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(Some(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN)))
}

impl Record<'_> {
    fn reading(self) -> Option<Reading> {
        let step = self.step?;
        if let Some(loss) = self.validation_loss {
            return Some(Reading::Validation { step, loss });
        }
        let or_none = |value: Option<f64>| value.unwrap_or(f64::NAN);
        if let Some(loss) = self.loss {
            return Some(Reading::Step {
                step,
                loss,
                lr: or_none(self.lr),
                grad_norm: or_none(self.grad_norm),
                tokens_per_second: or_none(self.tokens_per_second),
                epoch: or_none(self.epoch),
                tokens: self.tokens.unwrap_or_default(),
            });
        }
        let event = self.event?.replace('_', " ");
        let reason = self.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        Some(Reading::Event { step, what: event + &reason })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_appended_comes_once_and_a_torn_line_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("sft");
        std::fs::create_dir_all(&run).unwrap();
        std::fs::create_dir_all(dir.path().join("no record")).unwrap();
        let path = run.join(METRICS);
        let append = |text: &str| {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        let mut follower = Follower::default();
        assert!(follower.look(dir.path()).is_empty());
        append(
            "{\"step\":0,\"event\":\"started\",\"total_steps\":9}\n{\"step\":1,\"loss\":2.5,\"lr\":1e-5,\"grad_norm\":1.0,\"tokens_per_second\":80.0,\"epoch\":0.1,\"tokens\":512}\nnonsense\n{\"step\":2,\"lo",
        );
        let news = follower.look(dir.path());
        assert_eq!(
            (news.len(), news[0].name.as_str(), news[0].total_steps, news[0].afresh),
            (1, "sft", Some(9), false)
        );
        assert_eq!(news[0].readings.len(), 2);
        assert!(matches!(news[0].readings[1], Reading::Step { step: 1, loss: 2.5, tokens: 512, .. }));
        append("ss\":null}\n{\"step\":2,\"validation_loss\":1.5}\n");
        let news = follower.look(dir.path());
        assert!(matches!(news[0].readings[0], Reading::Step { step: 2, loss, .. } if loss.is_nan()));
        assert_eq!(news[0].readings[1], Reading::Validation { step: 2, loss: 1.5 });
        assert!(follower.look(dir.path()).is_empty());
        std::fs::write(&path, "{\"step\":1,\"event\":\"left_out\",\"reason\":\"spike\"}\n").unwrap();
        let news = follower.look(dir.path());
        assert!(news[0].afresh);
        // So is one that was cut and has grown again.
        let cut = "{\"step\":1,\"event\":\"left_out\",\"reason\":\"spike\"}\n";
        append("{\"step\":2,\"event\":\"a\"}\n");
        assert_eq!(follower.look(dir.path())[0].readings.len(), 1);
        std::fs::write(&path, format!("{cut}{{\"step\":2,\"event\":\"b\"}}\n{{\"step\":3,\"event\":\"c\"}}\n"))
            .unwrap();
        let again = follower.look(dir.path());
        assert!(again[0].afresh && again[0].readings.len() == 3);
        // A longer one in its place is another one too.
        let long = "{\"step\":0,\"event\":\"started\",\"t\":9}\n".repeat(9);
        std::fs::write(&path, &long).unwrap();
        let again = follower.look(dir.path());
        assert!(again[0].afresh && again[0].readings.len() == 9);
        assert_eq!(news[0].readings, [Reading::Event { step: 1, what: "left out (spike)".into() }]);
    }

    #[test]
    fn answers_come_with_their_step_and_a_run_that_goes_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("sft");
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join(METRICS), "{\"step\":0,\"event\":\"started\"}\n").unwrap();
        let mut follower = Follower::default();
        follower.look(dir.path());
        let line = "{\"problem_id\":\"p\",\"text\":\"4\",\"tokens\":1,\"correct\":true,\"step\":0}\n";
        std::fs::write(run.join(LOOKS), format!("{line}{{\"problem_id\"")).unwrap();
        let news = follower.look(dir.path());
        assert_eq!((news[0].looks.len(), news[0].readings.len()), (1, 0));
        assert_eq!((news[0].looks[0].step, news[0].looks[0].drawn.correct), (0, Some(true)));
        assert!(follower.look(dir.path()).is_empty());
        std::fs::rename(&run, dir.path().join("other")).unwrap();
        let news = follower.look(dir.path());
        assert_eq!(
            news.iter().map(|news| (news.name.as_str(), news.gone)).collect::<Vec<_>>(),
            [("other", false), ("sft", true)]
        );
        assert_eq!(news[0].looks.len(), 1);
    }
}
