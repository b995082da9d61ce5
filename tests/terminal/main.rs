//! The workbench in a real pseudo-terminal: what a person sees of it, what reaches the terminal, and what happens when
//! the terminal stops, changes or goes.
//!
//! | module | holds |
//! |---|---|
//! | `pty` | a program in a pseudo-terminal, and a home for it |
//! | `walk` | a person's way through, from the screen alone |
//! | `wire` | what is written, and how much of it |
//! | `size` | the terminal changes its size |
//! | `paste` | pastes of any size and content |
//! | `outside` | the person's own editor |
//! | `gone` | the terminal or a job goes, or is stopped for a while |
//! | `signals` | hang-ups, terminations and interrupts while something is at work |

mod gone;
mod outside;
mod paste;
mod pty;
mod signals;
mod size;
mod walk;
mod wire;
