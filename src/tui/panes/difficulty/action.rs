//! What a person can do in the Difficulty pane.

use crate::tui::action::{ActionSpec, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifficultyAction {
    Right,
    Left,
    Next,
    Previous,
    NextParameter,
    PreviousParameter,
    Raise,
    Lower,
    RaiseMore,
    LowerMore,
    Edit,
    Shape,
    Open,
    OpenSelected,
    NextTab,
    PreviousTab,
    Unit,
    Log,
    Problems,
    Order,
    NextSettings,
    PreviousSettings,
    Stored,
    Store,
    PageDown,
    PageUp,
    First,
    Last,
    Back,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(DifficultyAction, ActionSpec)] = &[
    (DifficultyAction::Left, spec("difficulty.left", "bar", "Go to the bar before.")),
    (DifficultyAction::Right, spec("difficulty.right", "bar right", "Go to the next bar.")),
    (DifficultyAction::Next, spec("difficulty.next", "next", "Go to the next number of the rule, or to the next row.")),
    (DifficultyAction::Previous, spec("difficulty.previous", "previous", "Go to the number or the row before.")),
    (DifficultyAction::Open, spec("difficulty.open", "samples", "List the samples of the bar or row in Review.")),
    (
        DifficultyAction::OpenSelected,
        spec("difficulty.open_selected", "selected", "List those samples of the bar or row that the rule selects."),
    ),
    (
        DifficultyAction::Raise,
        spec("difficulty.raise", "raise", "Raise the number of the rule, or take the next word."),
    ),
    (
        DifficultyAction::Lower,
        spec("difficulty.lower", "lower", "Lower the number of the rule, or take the word before."),
    ),
    (DifficultyAction::RaiseMore, spec("difficulty.raise_more", "raise more", "Raise it by five steps.")),
    (DifficultyAction::LowerMore, spec("difficulty.lower_more", "lower more", "Lower it by five steps.")),
    (
        DifficultyAction::Edit,
        spec("difficulty.edit", "type", "Type the number of the rule; nothing is auto or no limit."),
    ),
    (
        DifficultyAction::NextParameter,
        spec("difficulty.next_parameter", "next number", "Go to the next number of the rule."),
    ),
    (
        DifficultyAction::PreviousParameter,
        spec("difficulty.previous_parameter", "number before", "Go to the number of the rule before."),
    ),
    (DifficultyAction::Shape, spec("difficulty.shape", "shape", "Take the next shape of the target.")),
    (DifficultyAction::Stored, spec("difficulty.stored", "stored rule", "Go back to the rule that was stored last.")),
    (DifficultyAction::Store, spec("difficulty.store", "store", "Store the selection under a name, to train on it.")),
    (
        DifficultyAction::NextTab,
        spec("difficulty.next_tab", "bins, lengths", "Go on to bins, lengths, levels, problems, those never solved."),
    ),
    (DifficultyAction::PreviousTab, spec("difficulty.previous_tab", "tab back", "Go to the tab before.")),
    (
        DifficultyAction::Problems,
        spec("difficulty.problems", "problems", "List the problems one by one, with what the rule selects of each."),
    ),
    (
        DifficultyAction::Order,
        spec("difficulty.order", "order", "List the problems hardest, easiest or most selected first."),
    ),
    (DifficultyAction::Unit, spec("difficulty.unit", "unit", "Count samples, or problems.")),
    (DifficultyAction::Log, spec("difficulty.log", "log counts", "Switch counts between linear and logarithmic.")),
    (
        DifficultyAction::NextSettings,
        spec("difficulty.next_settings", "settings", "Go on to samples of other settings; they are never added up."),
    ),
    (
        DifficultyAction::PreviousSettings,
        spec("difficulty.previous_settings", "settings back", "Go to the settings before."),
    ),
    (DifficultyAction::PageDown, spec("difficulty.page_down", "page down", "Go a page down.")),
    (DifficultyAction::PageUp, spec("difficulty.page_up", "page up", "Go a page up.")),
    (DifficultyAction::First, spec("difficulty.first", "first", "Go to the first bar or row.")),
    (DifficultyAction::Last, spec("difficulty.last", "last", "Go to the last bar or row.")),
    (DifficultyAction::Back, spec("difficulty.back", "back", "Go back to the histogram.")),
];
