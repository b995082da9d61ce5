//! What a person can do in the Run pane.

use crate::tui::action::{ActionSpec, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    Next,
    Previous,
    Activate,
    Choose,
    New,
    Start,
    Forecast,
    Pause,
    Stop,
    Review,
    GoOn,
    NextView,
    PreviousView,
    Report,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
    Back,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(RunAction, ActionSpec)] = &[
    (RunAction::Next, spec("run.next", "next", "Go to the next step, field or line.")),
    (RunAction::Previous, spec("run.previous", "previous", "Go to the step, field or line before.")),
    (RunAction::New, spec("run.new", "set up", "Choose a recipe and what of it is to be otherwise.")),
    (RunAction::Activate, spec("run.activate", "edit, plan", "Edit a field; show the plan; start what it shows.")),
    (RunAction::Choose, spec("run.choose", "choose", "Take the next recipe that comes with the program, or choice.")),
    (RunAction::Start, spec("run.start", "start, go on", "Show the plan and start it; let a stopped pass go on.")),
    (RunAction::Forecast, spec("run.forecast", "forecast", "Measure on a few samples what each step will take.")),
    (RunAction::Pause, spec("run.pause", "pause/resume", "Pause the pass, or let it go on.")),
    (RunAction::Stop, spec("run.stop", "stop", "Stop the pass; what is done is kept, and it can go on.")),
    (RunAction::Review, spec("run.review", "to decide", "List the samples in Review that the pass waits for.")),
    (RunAction::GoOn, spec("run.go_on", "go on", "Let a pass that waits go on; asks first if some are undecided.")),
    (RunAction::NextView, spec("run.next_view", "views", "See writing, filter, difficulty, loss, scores in turn.")),
    (RunAction::PreviousView, spec("run.previous_view", "view back", "Go to the view before.")),
    (RunAction::Report, spec("run.report", "report", "Read the report of the pass.")),
    (RunAction::ScrollDown, spec("run.scroll_down", "down", "Scroll a line down.")),
    (RunAction::ScrollUp, spec("run.scroll_up", "up", "Scroll a line up.")),
    (RunAction::PageDown, spec("run.page_down", "page down", "Scroll a page down.")),
    (RunAction::PageUp, spec("run.page_up", "page up", "Scroll a page up.")),
    (RunAction::Back, spec("run.back", "back", "Leave the form, the plan or the report; follow the pass again.")),
];
