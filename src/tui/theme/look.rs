//! The scopes: what a piece of the screen is.

macro_rules! looks {
    ($($(#[doc = $about:literal])+ $look:ident = $name:literal,)+) => {
        /// What a piece of the screen is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Look {
            $($(#[doc = $about])+ $look,)+
        }

        impl Look {
            pub const ALL: &'static [Look] = &[$(Look::$look,)+];

            /// As a theme file names it. What a file leaves out looks as what its name begins with: `chain.fault` as `chain`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Look::$look => $name,)+
                }
            }

            /// What it is, in a line.
            pub fn about(self) -> &'static str {
                match self {
                    $(Look::$look => concat!($($about),+).trim_ascii(),)+
                }
            }
        }
    };
}

looks! {
    /// Text.
    Text = "text",
    /// Labels, units, hints.
    Dim = "dim",
    /// Titles.
    Title = "title",
    /// Lines between parts of the screen.
    Border = "border",
    /// The line around what has the keys.
    BorderFocus = "border.focus",
    /// The row or button under the cursor.
    Selection = "selection",
    /// A hit of a search.
    Match = "match",
    /// A key in a hint.
    Key = "key",
    /// What went well.
    Good = "good",
    /// What went wrong.
    Bad = "bad",
    /// What needs a look.
    Warn = "warn",
    /// What is at work.
    Info = "info",
    /// Stands for a control character of hostile text.
    Marker = "marker",
    /// What the user side says in a dialogue.
    UserTurn = "turn.user",
    /// Head of an attempt and of a revision.
    TurnHead = "turn.head",
    /// Text of a bridge in a chain.
    Bridge = "chain.bridge",
    /// A place that shows a behaviour.
    Behaviour = "chain.behaviour",
    /// A place that a failed rule points at, or a wrong answer.
    Fault = "chain.fault",
    /// A right answer.
    RightAnswer = "chain.right",
    /// What a diff takes out.
    Removed = "diff.removed",
    /// What a diff puts in.
    Added = "diff.added",
    /// A token that has a loss.
    Trained = "trained",
}

impl Look {
    /// Whether a scope of a theme file stands for it: by its whole name, or by what that begins with.
    pub fn is_under(self, scope: &str) -> bool {
        self.name().strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Every scope that a theme file may have, also those that stand for several.
    pub fn scopes() -> Vec<&'static str> {
        let mut scopes = Vec::new();
        for look in Look::ALL {
            let name = look.name();
            for scope in name.match_indices('.').map(|(at, _)| &name[..at]).chain([name]) {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_stand_for_what_begins_so() {
        assert!(Look::Fault.is_under("chain") && Look::Fault.is_under("chain.fault") && Look::Text.is_under("text"));
        assert!(!Look::Fault.is_under("cha") && !Look::Fault.is_under("chain.") && !Look::Text.is_under(""));
        let scopes = Look::scopes();
        assert!(["text", "border", "border.focus", "chain", "diff"].iter().all(|scope| scopes.contains(scope)));
        assert!(scopes.iter().all(|scope| Look::ALL.iter().any(|look| look.is_under(scope))));
        assert_eq!(scopes.iter().filter(|scope| **scope == "chain").count(), 1);
    }
}
