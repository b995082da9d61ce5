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
    /// A place that shows a behaviour.
    Behaviour,
    /// A place that a failed rule points at, or a wrong answer.
    Fault,
    /// A right answer.
    RightAnswer,
    /// What a diff takes out, and what it puts in.
    Removed,
    Added,
    /// A token that has a loss.
    Trained,
}

/// Whether the person wants no colours (no-color.org).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// A complete mapping of looks to styles.
#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
    colours: bool,
}

/// A theme that there is none of.
#[derive(Debug, thiserror::Error)]
#[error("no theme `{0}`; there are terminal and mono")]
pub struct NoTheme(String);

impl Theme {
    /// The default: the terminal's own 16 colours.
    pub fn terminal() -> Self {
        Self { name: "terminal".into(), colours: true }
    }

    /// By name.
    pub fn named(name: &str) -> Result<Self, NoTheme> {
        match name {
            "terminal" => Ok(Self::terminal()),
            "mono" => Ok(Self { name: "mono".into(), colours: false }),
            _ => Err(NoTheme(name.escape_debug().to_string())),
        }
    }

    /// The same with modifiers only, as NO_COLOR asks.
    pub fn without_colours(self) -> Self {
        Self { colours: false, ..self }
    }

    pub fn style(&self, look: Look) -> Style {
        let style = Self::in_colour(look);
        if self.colours {
            return style;
        }
        let emphasis = match look {
            Look::Bad | Look::Warn | Look::Key | Look::BorderFocus => Modifier::BOLD,
            Look::Bridge => Modifier::ITALIC,
            // A behaviour is underlined, a fault is that and bold, a right answer is bold alone.
            Look::RightAnswer => return Style::new().add_modifier(Modifier::BOLD),
            _ => Modifier::empty(),
        };
        Style { fg: None, bg: None, ..style }.add_modifier(emphasis)
    }

    fn in_colour(look: Look) -> Style {
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
            Look::Behaviour => plain.fg(Color::Cyan).add_modifier(Modifier::UNDERLINED),
            Look::Fault => plain.fg(Color::Red).add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
            Look::RightAnswer => plain.fg(Color::Green).add_modifier(Modifier::UNDERLINED),
            Look::Removed => plain.fg(Color::Red).add_modifier(Modifier::CROSSED_OUT),
            Look::Added | Look::Trained => plain.fg(Color::Green).add_modifier(Modifier::UNDERLINED),
            Look::Match => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_there_is_no_colour_and_what_matters_still_stands_out() {
        let mono = Theme::terminal().without_colours();
        for look in [Look::Good, Look::Bad, Look::Warn, Look::Marker, Look::Selection, Look::Key, Look::Match] {
            let style = mono.style(look);
            assert_eq!((style.fg, style.bg), (None, None));
        }
        for look in [Look::Bad, Look::Selection, Look::Key, Look::Match, Look::Marker] {
            assert_ne!(mono.style(look), mono.style(Look::Text), "{look:?}");
        }
        assert!(Theme::named("neon").is_err());
    }

    #[test]
    fn what_is_marked_in_a_chain_differs_without_colours() {
        let mono = Theme::terminal().without_colours();
        let looks = [Look::Text, Look::Behaviour, Look::Fault, Look::RightAnswer, Look::Removed, Look::Match];
        for (at, one) in looks.iter().enumerate() {
            for other in &looks[at + 1..] {
                assert_ne!(mono.style(*one), mono.style(*other), "{one:?} {other:?}");
            }
        }
    }
}
