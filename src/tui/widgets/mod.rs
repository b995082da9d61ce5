//! Pieces of screen that panes share: transcript, list window, finder, meter, plot, text fields, and careful painting.
//!
//! Rendering is pure: it reads plain values and writes into a buffer. The values themselves hold no ratatui type, but for
//! the text area in an editor. What a piece means and which key moves it belong to the panes; what a look is belongs to
//! `theme`.

pub mod editor;
pub mod fields;
pub mod finder;
pub mod frame;
pub mod input;
pub mod interval;
pub mod list;
pub mod meter;
pub mod notice;
pub mod paint;
pub mod plot;
pub mod rate;
pub mod tabs;
pub mod transcript;
pub mod wrap;

pub use editor::Editor;
pub use fields::{Edited, FieldReader, FieldSpec, Fields};
pub use finder::{Finder, Pressed};
pub use input::Input;
pub use list::ListWindow;
pub use transcript::{Gutter, Piece, Transcript};
