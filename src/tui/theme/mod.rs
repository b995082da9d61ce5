//! From a scope (what a piece of screen *is*) to a style (how it looks). The only place that names colours.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    Text,
    /// Secondary text: labels, units, hints.
    Dim,
    Title,
    Border,
    BorderFocus,
    /// The row or button under the cursor.
    Selection,
    /// A key in a hint.
    Key,
    Good,
    Bad,
    Warn,
    Info,
    /// A character that stands for a control character of hostile text.
    Marker,
    /// A hit of a search.
    Match,
    /// What the user side says in a dialogue.
    UserTurn,
    /// Heads of an attempt and of a revision.
    TurnHead,
    /// Text of a bridge in a chain.
    Bridge,
}

/// A complete mapping of looks to styles.
#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
}

impl Theme {
    /// The default: the terminal's own 16 colours.
    pub fn terminal() -> Self {
        Self { name: "terminal".into() }
    }

    pub fn style(&self, look: Look) -> Style {
        let plain = Style::new();
        match look {
            Look::Text | Look::UserTurn | Look::Border => plain,
            Look::Dim => plain.add_modifier(Modifier::DIM),
            Look::Title | Look::TurnHead => plain.add_modifier(Modifier::BOLD),
            Look::BorderFocus | Look::Info | Look::Key => plain.fg(Color::Cyan),
            Look::Selection => plain.add_modifier(Modifier::REVERSED),
            Look::Good => plain.fg(Color::Green),
            Look::Bad => plain.fg(Color::Red),
            Look::Warn | Look::Bridge => plain.fg(Color::Yellow),
            Look::Marker => plain.fg(Color::Magenta).add_modifier(Modifier::REVERSED),
            Look::Match => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }
}
