//! The steps of the method over a session: each reads it, works, and writes it, and can be interrupted anywhere.

mod order;

pub use order::GenerateOrder;
