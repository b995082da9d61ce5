//! The model that comes with the program: what its problems are, what it was taught, and its files.
//!
//! Everything here is a pure function of a seed: problems ([`task`], [`story`], [`problem`]), the short answers of a single turn
//! ([`attempt`]), the long ones of a second turn ([`revision`]) and their mix ([`corpus`]). Training itself is `train`'s; the
//! recipe that puts both together is run by `examples/micro`. Not: anything that the method knows of a model; to the rest of the
//! program this one is a Hugging Face directory like any other.
//!
//! The idea: a short answer takes every operation *in one leap* (`978*5=4890.`), which a model this small is bad at. Asked
//! in a second turn, it has been shown to take the same operation *digit by digit*, where each step is a fact about single
//! digits. So the skill is in the model, but a single turn does not use it; that is what the method has to bring out.

pub mod attempt;
pub mod corpus;
pub mod digits;
pub mod problem;
pub mod recipe;
pub mod revision;
pub mod story;
pub mod task;
pub mod tokenizer;

pub use attempt::Attempt;
