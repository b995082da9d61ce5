//! cribble: a terminal workbench in which a person makes a language model teach itself to reason.
//!
//! The library holds everything the binary does; the binary only parses arguments. `ARCHITECTURE.md` has the drawing:
//! arrows between these modules go down only.
//!
//! | layer | modules |
//! |---|---|
//! | faces | [`cli`], [`tui`] |
//! | work | [`pipeline`], [`exchange`], [`jobs`], [`micro`] |
//! | method | [`generate`], [`dialogue`], [`filter`], [`difficulty`], [`train`], [`eval`] |
//! | ground | [`session`], [`model`], [`math`], [`config`], [`records`], [`stats`], [`watch`], [`hub`], [`net`], [`launch`] |
//!
//! Other programs call the rooms of the method and the ground: answers are compared in [`math`], chains judged in [`filter`],
//! problems weighed in [`difficulty`], text drawn in [`generate`]; the head of each has an example.
//!
//! ```
//! use cribble::difficulty::{Budget, Next, Outcome, Position, Tally};
//! use cribble::math;
//!
//! // Whether each of three answers is the gold one, what that tells of the problem, and what to draw of it next.
//! let mut tally = Tally::default();
//! for answer in [r"so it is \boxed{\frac{3}{6}}", "The answer is 0.5", "I get 2"] {
//!     tally.add(match math::check("1/2", answer).correct {
//!         Some(true) => Outcome::Right,
//!         Some(false) => Outcome::Wrong,
//!         None => Outcome::NoAnswer,
//!     });
//! }
//! assert_eq!((tally.correct, tally.failures.wrong), (2, 1));
//! let (low, high) = tally.credible(); // the middle 90% of its pass rate's posterior
//! assert!(low < 0.5 && 0.9 < high);
//! let position = Position { tally, wanted: 4, tokens: 0.0 };
//! assert_eq!(Budget::default().plan(&[position], 0), [Next::Draw(5)]);
//! ```

pub mod cli;
pub mod config;
pub mod dialogue;
pub mod difficulty;
pub mod eval;
pub mod exchange;
pub mod filter;
pub mod generate;
pub mod hub;
pub mod jobs;
pub mod launch;
pub mod math;
pub mod micro;
pub mod model;
pub mod net;
pub mod pipeline;
pub mod records;
pub mod session;
pub mod stats;
pub mod train;
pub mod tui;
pub mod watch;
