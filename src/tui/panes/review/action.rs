//! What a person can do in the Review pane.

use crate::tui::action::ActionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewAction {
    Next,
    Previous,
    ListPageDown,
    ListPageUp,
    First,
    Last,
    NextUndecided,
    Accept,
    Reject,
    Skip,
    Flag,
    Note,
    Undo,
    Advance,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Chain,
    Search,
    NextHit,
    PreviousHit,
    Filter,
    ClearFilter,
    Sort,
    Copy,
}

const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(ReviewAction, ActionSpec)] = &[
    (ReviewAction::Accept, spec("review.accept", "accept", "Accept the sample for training.")),
    (ReviewAction::Reject, spec("review.reject", "reject", "Reject the sample; a reason may be chosen.")),
    (ReviewAction::Skip, spec("review.skip", "skip", "Leave the sample undecided on purpose.")),
    (ReviewAction::Flag, spec("review.flag", "flag", "Flag the sample, or take its flag away.")),
    (ReviewAction::Note, spec("review.note", "note", "Write a note on the sample.")),
    (ReviewAction::Undo, spec("review.undo", "undo", "Take back your last decision; again for the one before.")),
    (ReviewAction::NextUndecided, spec("review.next_undecided", "undecided", "Go to the next undecided sample.")),
    (ReviewAction::Advance, spec("review.advance", "auto-next", "Switch moving on by itself after a decision.")),
    (ReviewAction::Next, spec("review.next", "next", "Go to the next sample in the list.")),
    (ReviewAction::Previous, spec("review.previous", "previous", "Go to the previous sample in the list.")),
    (ReviewAction::ListPageDown, spec("review.list_page_down", "list down", "Go a page down in the list.")),
    (ReviewAction::ListPageUp, spec("review.list_page_up", "list up", "Go a page up in the list.")),
    (ReviewAction::First, spec("review.first", "first", "Go to the first sample in the list.")),
    (ReviewAction::Last, spec("review.last", "last", "Go to the last sample in the list.")),
    (ReviewAction::ScrollDown, spec("review.scroll_down", "down", "Scroll the transcript a line down.")),
    (ReviewAction::ScrollUp, spec("review.scroll_up", "up", "Scroll the transcript a line up.")),
    (ReviewAction::PageDown, spec("review.page_down", "page down", "Scroll the transcript a page down.")),
    (ReviewAction::PageUp, spec("review.page_up", "page up", "Scroll the transcript a page up.")),
    (ReviewAction::Top, spec("review.top", "top", "Go to the beginning of the transcript.")),
    (ReviewAction::Bottom, spec("review.bottom", "end", "Go to the end of the transcript.")),
    (ReviewAction::Chain, spec("review.chain", "chain", "Switch between the dialogue and the stitched chain.")),
    (ReviewAction::Search, spec("review.search", "search", "Search in the transcript.")),
    (ReviewAction::NextHit, spec("review.next_hit", "next hit", "Go to the next hit of the search.")),
    (ReviewAction::PreviousHit, spec("review.previous_hit", "hit before", "Go to the previous hit of the search.")),
    (ReviewAction::Filter, spec("review.filter", "filter", "Filter the list by words such as decision:none.")),
    (ReviewAction::ClearFilter, spec("review.clear_filter", "all", "Show all samples again.")),
    (ReviewAction::Sort, spec("review.sort", "sort", "Change the order of the list.")),
    (ReviewAction::Copy, spec("review.copy", "copy", "Copy the stitched chain to the clipboard.")),
];
