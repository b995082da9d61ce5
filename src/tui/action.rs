//! Everything a person can do on the screen, as one list of named actions.

/// A named action with a line of help. The keymap binds keys to names; help, footer and palette read the descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSpec {
    /// `scope.verb`, such as `review.accept`.
    pub name: &'static str,
    /// Two or three words for the footer.
    pub hint: &'static str,
    /// A sentence for the help.
    pub desc: &'static str,
}

/// Which keys apply: the pane in focus, or everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Global,
    Start,
    Generate,
    Review,
}
