//! What every view is given besides the state it shows. Time comes in from outside, so that a view is a function.

use super::theme::Theme;
use super::widgets::plot::Dots;

#[derive(Debug, Clone, Copy)]
pub struct ViewContext<'a> {
    pub theme: &'a Theme,
    /// Whether this pane has the keys.
    pub focused: bool,
    /// Milliseconds since the Unix epoch.
    pub now: crate::records::UnixMillis,
    /// Draw with ASCII only.
    pub ascii: bool,
    /// What plots are drawn with.
    pub dots: Dots,
}

impl<'a> ViewContext<'a> {
    /// In focus, with the finest signs there are, or with ASCII only.
    pub fn plain(theme: &'a Theme, now: crate::records::UnixMillis, ascii: bool) -> Self {
        Self { theme, focused: true, now, ascii, dots: Dots::of(ascii) }
    }
}
