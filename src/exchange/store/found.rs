//! What a file of samples holds, as it is told before anything is stored.

use serde_json::{Value, json};

use crate::exchange::formats::SampleFormat;
use crate::exchange::table::Container;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub container: Container,
    pub format: SampleFormat,
    pub samples: usize,
    pub problems: usize,
    /// Samples with a right answer to compare with.
    pub with_gold: usize,
    /// Samples that the file says are wanted, and those that it says are not.
    pub chosen: usize,
    pub rejected: usize,
}

/// A line on what a file holds.
impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Found { container, format, samples, problems, with_gold, chosen, rejected } = self;
        write!(
            f,
            "{samples} samples of {problems} problems, read as {format} from {container}, {with_gold} with an answer"
        )?;
        if chosen + rejected > 0 {
            write!(f, ", {chosen} chosen and {rejected} rejected")?;
        }
        Ok(())
    }
}

impl Found {
    /// As `--json` prints it.
    pub fn json(&self) -> Value {
        json!({
            "container": self.container.to_string(), "format": self.format.to_string(), "samples": self.samples,
            "problems": self.problems, "with_gold": self.with_gold, "chosen": self.chosen, "not_chosen": self.rejected,
        })
    }
}
