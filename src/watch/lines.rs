//! Records of one JSON object a line: our own `metrics.jsonl`, and LLaMA-Factory's `trainer_log.jsonl`.
//!
//! Any number in a line is a point with its name as the tag. A line that is not whole waits for the next look; one that is no
//! object is passed over. In our own record `null` stands for what is not a number.

use std::io;
use std::path::PathBuf;

use super::gathered::Gathered;
use super::json::{self, Fields, Scalar};
use super::tail::{PIECE, Piece, Tail, Taken};

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Cribble,
    LlamaFactory,
}

/// One record that is followed.
#[derive(Debug)]
pub(super) struct Lines {
    tail: Tail,
    dialect: Dialect,
    /// Inside a line that is too long to be one.
    in_long_line: bool,
}

impl Lines {
    pub fn new(file: PathBuf, dialect: Dialect) -> Self {
        Self { tail: Tail::new(file), dialect, in_long_line: false }
    }

    /// # Errors
    /// Of the file system.
    pub fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        let Some(mut grown) = self.tail.grown()? else { return Ok(false) };
        if grown.afresh {
            self.in_long_line = false;
            gathered.restart();
        }
        let (dialect, in_long_line) = (self.dialect, &mut self.in_long_line);
        self.tail
            .follow(&mut grown, budget, |piece| take_lines(piece, in_long_line, |line| dialect.read(line, gathered)))
    }
}

/// Hands over the whole lines of a piece.
fn take_lines(piece: &Piece<'_>, in_long_line: &mut bool, mut each: impl FnMut(&[u8])) -> Taken {
    let Some(last) = piece.bytes.iter().rposition(|byte| *byte == b'\n') else {
        let all = piece.bytes.len();
        if *in_long_line || all >= PIECE {
            *in_long_line = true;
            return Taken { bytes: all, skip: 0 };
        }
        return Taken::default();
    };
    for line in piece.bytes[..last].split(|byte| *byte == b'\n') {
        if !std::mem::take(in_long_line) {
            each(line);
        }
    }
    Taken { bytes: last + 1, skip: 0 }
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
