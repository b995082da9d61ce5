//! What a person can do in the Chat pane.

use crate::tui::action::{ActionSpec, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatAction {
    Write,
    Stop,
    Again,
    Continue,
    NextTry,
    PreviousTry,
    TakeBack,
    New,
    Clear,
    Problem,
    Model,
    Against,
    Settings,
    Copy,
    Side,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
    Top,
    Follow,
    Free,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(ChatAction, ActionSpec)] = &[
    (ChatAction::Write, spec("chat.write", "write", "Write a prompt; Enter sends it, Alt-Enter begins a new line.")),
    (ChatAction::Stop, spec("chat.stop", "stop", "Stop the answers; what is written of them stays.")),
    (ChatAction::Again, spec("chat.again", "again", "Ask the last turn once more with another seed, as another try.")),
    (
        ChatAction::Continue,
        spec("chat.continue", "go on", "Go on with an answer that was cut off at its most tokens, stopped, or failed."),
    ),
    (ChatAction::NextTry, spec("chat.next_try", "next try", "Show the next try of the last turn, and go on from it.")),
    (ChatAction::PreviousTry, spec("chat.previous_try", "try before", "Show the try before of the last turn.")),
    (ChatAction::TakeBack, spec("chat.take_back", "take back", "Take the last turn back and edit its prompt.")),
    (ChatAction::New, spec("chat.new", "new", "Begin a new conversation; taking back brings the one before again.")),
    (ChatAction::Clear, spec("chat.clear", "clear", "Clear the prompt that was not sent.")),
    (ChatAction::Problem, spec("chat.problem", "problem", "Ask a problem of the session and have the answers graded.")),
    (ChatAction::Model, spec("chat.model", "model", "Choose the model to talk with.")),
    (ChatAction::Against, spec("chat.against", "against", "Choose a model that is asked the same beside it, or none.")),
    (
        ChatAction::Settings,
        spec("chat.settings", "settings", "Set temperature, top-p, length, seed and system prompt."),
    ),
    (ChatAction::Copy, spec("chat.copy", "copy", "Copy the last answer of the model in focus.")),
    (ChatAction::Side, spec("chat.side", "other model", "Go to the other model's side.")),
    (ChatAction::ScrollDown, spec("chat.scroll_down", "down", "Scroll a line down.")),
    (ChatAction::ScrollUp, spec("chat.scroll_up", "up", "Scroll a line up.")),
    (ChatAction::PageDown, spec("chat.page_down", "page down", "Scroll a page down.")),
    (ChatAction::PageUp, spec("chat.page_up", "page up", "Scroll a page up.")),
    (ChatAction::Top, spec("chat.top", "top", "Go to the beginning of the conversation.")),
    (ChatAction::Follow, spec("chat.follow", "follow", "Go to the end and follow what is written.")),
    (
        ChatAction::Free,
        spec("chat.free", "free memory", "Let go of the models in memory; the next question loads them."),
    ),
];
