//! What a person can do in the Generate pane.

use crate::tui::action::{ActionSpec, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerateAction {
    Next,
    Previous,
    Activate,
    Start,
    Form,
    Pause,
    Stop,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
    Top,
    Follow,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(GenerateAction, ActionSpec)] = &[
    (GenerateAction::Next, spec("generate.next", "next", "Go to the next field, or watch the next sample.")),
    (GenerateAction::Previous, spec("generate.previous", "previous", "Go to the field, or sample, before.")),
    (GenerateAction::Activate, spec("generate.activate", "edit", "Edit the field; on the Start button, start.")),
    (GenerateAction::Start, spec("generate.start", "start", "Check the form and start generating.")),
    (GenerateAction::Form, spec("generate.form", "form/live", "Switch between the form and the running job.")),
    (GenerateAction::Pause, spec("generate.pause", "pause/resume", "Pause the job, or let it go on.")),
    (
        GenerateAction::Stop,
        spec("generate.stop", "stop", "Stop the job; what servers are writing is ended first, unless asked again."),
    ),
    (GenerateAction::ScrollDown, spec("generate.scroll_down", "down", "Scroll the text a line down.")),
    (GenerateAction::ScrollUp, spec("generate.scroll_up", "up", "Scroll the text a line up.")),
    (GenerateAction::PageDown, spec("generate.page_down", "page down", "Scroll the text a page down.")),
    (GenerateAction::PageUp, spec("generate.page_up", "page up", "Scroll the text a page up.")),
    (GenerateAction::Top, spec("generate.top", "top", "Go to the beginning of the text.")),
    (GenerateAction::Follow, spec("generate.follow", "follow", "Follow the end, and whichever sample is written.")),
];
