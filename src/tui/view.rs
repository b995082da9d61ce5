//! What every view is given besides the state it shows. Time comes in from outside, so that a view is a function.

use super::theme::Theme;

#[derive(Debug, Clone, Copy)]
pub struct ViewContext<'a> {
    pub theme: &'a Theme,
    /// Whether this pane has the keys.
    pub focused: bool,
    /// Milliseconds since the Unix epoch.
    pub now: crate::records::UnixMillis,
    /// Draw with ASCII only.
    pub ascii: bool,
}
