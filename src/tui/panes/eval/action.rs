//! What a person can do in the Eval pane.

use crate::tui::action::{ActionSpec, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalAction {
    Next,
    Previous,
    Activate,
    Back,
    NextTab,
    PreviousTab,
    NextLine,
    PreviousLine,
    PageDown,
    PageUp,
    Against,
    Swap,
    Talk,
    New,
    Start,
    Pause,
    Stop,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(EvalAction, ActionSpec)] = &[
    (EvalAction::Next, spec("eval.next", "next", "Go to the next evaluation, line or field.")),
    (EvalAction::Previous, spec("eval.previous", "previous", "Go to the evaluation, line or field before.")),
    (
        EvalAction::Activate,
        spec("eval.activate", "lines, open", "Go in; open a line's samples in Review; edit a field."),
    ),
    (EvalAction::Back, spec("eval.back", "back", "Leave the lines or the form; take the mark away.")),
    (EvalAction::NextTab, spec("eval.next_tab", "tabs", "Go on to levels, chains, the other model, second turns.")),
    (EvalAction::PreviousTab, spec("eval.previous_tab", "tab back", "Go to the tab before.")),
    (EvalAction::NextLine, spec("eval.next_line", "line", "Go to the next line that has samples.")),
    (EvalAction::PreviousLine, spec("eval.previous_line", "line before", "Go to the line with samples before.")),
    (EvalAction::PageDown, spec("eval.page_down", "page down", "Go a page of lines down.")),
    (EvalAction::PageUp, spec("eval.page_up", "page up", "Go a page of lines up.")),
    (EvalAction::Against, spec("eval.against", "compare with", "Mark the evaluation that others are compared with.")),
    (EvalAction::Swap, spec("eval.swap", "swap", "Compare the other way round.")),
    (EvalAction::Talk, spec("eval.talk", "chat", "Talk with the model, or with both that are compared.")),
    (EvalAction::New, spec("eval.new", "new", "Set up a new evaluation.")),
    (EvalAction::Start, spec("eval.start", "start", "Check the form and start the evaluation.")),
    (EvalAction::Pause, spec("eval.pause", "pause/resume", "Pause the evaluation, or let it go on.")),
    (EvalAction::Stop, spec("eval.stop", "stop", "Stop the evaluation; answers that are written are kept.")),
];
