//! How hard problems are for a model, how many samples they are worth, and which samples are learnt from.
//!
//! Pure: counts and candidates in, numbers and choices out. Counts of different models, prompts or sampling settings must not
//! be added up; who calls sees to it. The definitions are a reconstruction: the paper leaves them open.

pub mod bench;
pub mod bins;
pub mod budget;
pub mod rule;
pub mod select;
pub mod tally;
pub mod target;

pub use bins::{Bin, Bins};
pub use budget::Budget;
pub use rule::{Pick, Rule, ShapeName};
pub use select::{Candidate, Chosen, PoolProblem, Selection, select};
pub use tally::{Failures, Outcome, TENTHS, Tally};
pub use target::{Shape, Target};
