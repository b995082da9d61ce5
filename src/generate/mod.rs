//! Where tokens come from: a [`Backend`] takes turns to write and gives back text as it is written.
//!
//! Nothing above this room knows whether a turn is decoded in this process or by a server. What the turns ask for is
//! `dialogue`'s business; what becomes of the answers is `pipeline`'s.
//!
//! Four answers of the model that comes with the program. [`Sampling`](crate::records::Sampling) says how tokens are chosen, a
//! [`StreamKey`] by which random numbers: the same key writes the same text, whatever is written beside it.
//!
//! ```
//! use cribble::generate::local::{LocalBackend, LocalOptions};
//! use cribble::generate::{Backend, Event, Request, StreamKey};
//! use cribble::model::{ComputeChoice, MICRO};
//! use cribble::records::{Message, Role, Sampling};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = LocalOptions { compute: ComputeChoice::F32, slots: Some(4), ..LocalOptions::default() };
//! let mut backend = LocalBackend::load(MICRO, options)?;
//! let question = "Jon puts 24 keys into 3 baskets, the same number in each. How many are in each?";
//! for draw in 0..4 {
//!     backend.submit(Request {
//!         id: u64::from(draw),
//!         messages: vec![Message::new(Role::User, question)],
//!         sampling: Sampling { temperature: 0.8, max_tokens: 40, ..Sampling::default() },
//!         stream: StreamKey { seed: 7, problem_id: "keys".into(), draw, turn: 0 },
//!         dialogue: u64::from(draw),
//!     })?;
//! }
//! let (mut answers, mut events) = (Vec::new(), Vec::new());
//! while backend.in_flight() > 0 {
//!     backend.step(&mut events)?;
//!     for event in events.drain(..) {
//!         match event {
//!             Event::Finished { id, text, .. } => {
//!                 backend.close_dialogue(id);
//!                 answers.push(text);
//!             }
//!             Event::Failed { error, .. } => return Err(error.into()),
//!             // It began, or wrote some more.
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(answers.len(), 4);
//! assert!(answers.iter().all(|answer| !answer.is_empty()));
//! # Ok(())
//! # }
//! ```

mod backend;
pub mod batch;
pub mod bench;
pub mod http;
pub mod local;
pub mod random;
mod rate;
pub mod sampling;

pub use backend::{Backend, Event, Handover, Request, RequestId, StreamKey};
pub(crate) use rate::Rate;
