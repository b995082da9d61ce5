//! Where tokens come from: a [`Backend`] takes turns to write and gives back text as it is written.
//!
//! Nothing above this room knows whether a turn is decoded in this process or by a server. What the turns ask for is
//! `dialogue`'s business; what becomes of the answers is `pipeline`'s.

mod backend;
pub mod bench;
pub mod http;
pub mod local;
pub mod random;
pub mod sampling;

pub use backend::{Backend, Event, Request, RequestId, StreamKey};
