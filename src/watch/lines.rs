//! Records of one JSON object a line: our own `metrics.jsonl`, and LLaMA-Factory's `trainer_log.jsonl`.
//!
//! Any number in a line is a point with its name as the tag. A line that is not whole waits for the next look; one that is no
//! object is passed over. In our own record `null` stands for what is not a number.

use std::io;
use std::path::PathBuf;

use super::gathered::Gathered;
use super::json::{self, Fields, Scalar};
use super::tail::LineTail;

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Cribble,
    LlamaFactory,
}

/// One record that is followed.
#[derive(Debug)]
pub(super) struct Lines {
    tail: LineTail,
    dialect: Dialect,
}

impl Lines {
    pub fn new(file: PathBuf, dialect: Dialect) -> Self {
        Self { tail: LineTail::new(file), dialect }
    }

    /// # Errors
    /// Of the file system.
    pub fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        let Some(mut grown) = self.tail.grown()? else { return Ok(false) };
        if grown.afresh {
            gathered.restart();
        }
        let dialect = self.dialect;
        self.tail.follow(&mut grown, budget, |lines| lines.iter().for_each(|line| dialect.read(line, gathered)))
    }
}

impl Dialect {
    fn read(self, line: &[u8], gathered: &mut Gathered) {
        let Ok(fields) = json::parse::<Fields>(line) else { return };
        match self {
            Dialect::Cribble => read_ours(&fields, gathered),
            Dialect::LlamaFactory => read_llama_factory(&fields, gathered),
        }
    }
}

fn read_ours(fields: &Fields, gathered: &mut Gathered) {
    let Some(step) = fields.count("step") else { return };
    let time = fields.number("t");
    gathered.total_steps = fields.count("total_steps").or(gathered.total_steps);
    if let Some(event) = fields.text("event") {
        let reason = fields.text("reason").map_or(String::new(), |reason| format!(" ({reason})"));
        gathered.note(Some(step), &(event.replace('_', " ") + &reason));
        return;
    }
    for (tag, value) in &fields.0 {
        match value {
            _ if matches!(tag.as_str(), "step" | "t" | "total_steps") => {}
            Scalar::Number(number) => gathered.point(tag, step, *number, time),
            Scalar::Null => gathered.point(tag, step, f64::NAN, time),
            Scalar::Text(_) | Scalar::Other => {}
        }
    }
}

fn read_llama_factory(fields: &Fields, gathered: &mut Gathered) {
    let Some(step) = fields.count("current_steps") else { return };
    if let Some(total) = fields.count("total_steps").filter(|total| *total > 0) {
        gathered.total_steps = Some(total);
        if step >= total {
            gathered.finished = Some(true);
        }
    }
    for (tag, value) in &fields.0 {
        if let Scalar::Number(number) = value
            && !matches!(tag.as_str(), "current_steps" | "total_steps" | "percentage")
        {
            gathered.point(tag, step, *number, None);
        }
    }
}
