//! How hard problems are for a model, how many samples they are worth, and which samples are learnt from.
//!
//! Pure: counts and candidates in, numbers and choices out. Counts of different models, prompts or sampling settings must not
//! be added up; who calls sees to it. The definitions are a reconstruction: the paper leaves them open.
//!
//! A [`Tally`] is what is known of a problem, its posterior what that is worth. A [`Target`] says how many right samples are wanted
//! of it, a [`Budget`] what to draw next, and [`select()`] which of what was drawn is learnt from:
//!
//! ```
//! use cribble::difficulty::{Budget, Candidate, Next, PoolProblem, Position, Rule, Shape, Tally, Target, chance, select};
//!
//! // Three problems of eight samples each: none right, two, all.
//! let tallies = [0, 2, 8].map(|correct| Tally { samples: 8, correct, ..Tally::default() });
//! let (low, high) = tallies[1].credible();
//! assert!(low < tallies[1].expected() && tallies[1].expected() < high);
//! // Whether it is worth going on with the first one: the chance that one of 24 more is right.
//! assert!((0.4..0.6).contains(&chance(&tallies[0], 24)));
//!
//! // DART-Math's target, in proportion to the fail rate; nothing of what was never solved.
//! let target = Target { shape: Shape::Prop2diff, k: 4.0, least: 1, most: 8 };
//! let wanted = tallies.map(|tally| target.of(&tally));
//! assert_eq!(wanted, [0, 3, 1]);
//!
//! let positions = [0, 1, 2].map(|at| Position { tally: tallies[at], wanted: wanted[at], tokens: 120.0 });
//! let plan = Budget { give_up: 0.2, ..Budget::default() }.plan(&positions, 0);
//! assert_eq!(plan, [Next::Draw(8), Next::Draw(8), Next::Filled]);
//!
//! let right = |draw| Candidate { sample: 0, draw, settings: "s".into(), tokens: 120, confirms: false, by_person: false };
//! let rule = Rule { k: 4.0, ..Rule::default() };
//! let pool = [0, 1, 2].map(|at| {
//!     let candidates = (0..tallies[at].correct).map(right).collect();
//!     PoolProblem::new(format!("p{at}"), tallies[at], candidates, &rule, |_, _| 0.0)
//! });
//! let chosen = select(&pool, &rule);
//! assert_eq!((chosen.wanted, chosen.chosen), (vec![0, 3, 1], vec![0, 2, 1]));
//! ```

pub mod bench;
pub mod bins;
pub mod budget;
pub mod rule;
pub mod select;
pub mod tally;
pub mod target;

pub use bins::{Bin, Bins};
pub use budget::{Budget, Next, Position, chance, expected_draws};
pub use rule::{Pick, Rule, ShapeName};
pub use select::{Candidate, Chosen, PoolProblem, Selection, select};
pub use tally::{Failures, Outcome, TENTHS, Tally};
pub use target::{Shape, Target};
