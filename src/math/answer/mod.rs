//! What kind of answer a tree is: a value, a tuple, a list, an interval, an equation, words. Names, units and signs
//! that are only ways of writing are set apart here, so that the comparison sees mathematics.

pub mod form;
mod lists;
pub mod matrix;
pub mod region;
pub mod signs;
pub mod words;

pub use form::Form;
