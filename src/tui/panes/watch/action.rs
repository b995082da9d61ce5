//! What a person can do in the Watch pane.

use super::state::{Tab, WatchState};
use crate::tui::action::{ActionSpec, spec};
use crate::tui::widgets::plot::Turn;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchAction {
    Plot(Turn),
    Next,
    Previous,
    Directory,
    Overlay,
    OverlayAll,
    NextChart,
    PreviousChart,
    Grid,
    Axis,
    NextTab,
    PreviousTab,
    Differences,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(WatchAction, ActionSpec)] = &[
    (WatchAction::Next, spec("watch.next", "next run", "Go to the next run.")),
    (WatchAction::Previous, spec("watch.previous", "run before", "Go to the run before.")),
    (WatchAction::Directory, spec("watch.directory", "watch a directory", "Follow the trainings under a directory.")),
    (WatchAction::Overlay, spec("watch.overlay", "overlay", "Lay the run over the others, or take it away.")),
    (WatchAction::OverlayAll, spec("watch.overlay_all", "overlay all", "Lay all runs over one another, or none.")),
    (WatchAction::NextChart, spec("watch.next_chart", "quantity", "Go to the next quantity.")),
    (WatchAction::PreviousChart, spec("watch.previous_chart", "quantity before", "Go to the quantity before.")),
    (WatchAction::Grid, spec("watch.grid", "one, many", "See one plot, or many beside one another.")),
    (WatchAction::Axis, spec("watch.axis", "steps, hours", "Plot along steps, or along the time since a run began.")),
    (WatchAction::NextTab, spec("watch.next_tab", "settings, notes", "Go on to settings, to notes, to curves.")),
    (WatchAction::PreviousTab, spec("watch.previous_tab", "tab back", "Go to the tab before.")),
    (
        WatchAction::Differences,
        spec("watch.differences", "differences", "Show only the settings in which the runs that are laid over differ."),
    ),
    (
        WatchAction::Plot(Turn::Log),
        spec("watch.log", "log axis", "Switch the upright axis between linear and logarithmic."),
    ),
    (WatchAction::Plot(Turn::Smooth), spec("watch.smooth", "smoothing", "Smooth more, most, or not at all.")),
    (WatchAction::Plot(Turn::Dots), spec("watch.dots", "dots", "Draw with fine dots, half blocks or plain signs.")),
    (WatchAction::Plot(Turn::CursorLeft), spec("watch.cursor_left", "crosshair", "Move the crosshair to the left.")),
    (
        WatchAction::Plot(Turn::CursorRight),
        spec("watch.cursor_right", "crosshair right", "Move the crosshair to the right."),
    ),
    (WatchAction::Plot(Turn::ZoomIn), spec("watch.zoom_in", "zoom", "See half as many steps, around the crosshair.")),
    (WatchAction::Plot(Turn::ZoomOut), spec("watch.zoom_out", "zoom out", "See twice as many steps.")),
    (WatchAction::Plot(Turn::PanLeft), spec("watch.pan_left", "pan left", "Move to earlier steps.")),
    (
        WatchAction::Plot(Turn::PanRight),
        spec("watch.pan_right", "pan right", "Move to later steps; at the end it follows."),
    ),
    (WatchAction::Plot(Turn::Whole), spec("watch.whole", "whole", "See all steps and put the crosshair away.")),
    (WatchAction::ScrollDown, spec("watch.scroll_down", "down", "Scroll a line down.")),
    (WatchAction::ScrollUp, spec("watch.scroll_up", "up", "Scroll a line up.")),
    (WatchAction::PageDown, spec("watch.page_down", "page down", "Scroll a page down.")),
    (WatchAction::PageUp, spec("watch.page_up", "page up", "Scroll a page up.")),
];

/// Names of the actions that the foot shows.
pub fn hints(state: &WatchState) -> Vec<&'static str> {
    match (state.runs.is_empty(), state.tab) {
        (true, _) => vec!["watch.directory"],
        (_, Tab::Curves) => vec![
            "watch.next",
            "watch.next_chart",
            "watch.grid",
            "watch.overlay",
            "watch.overlay_all",
            "watch.axis",
            "watch.next_tab",
            "watch.log",
            "watch.smooth",
            "watch.zoom_in",
            "watch.cursor_left",
        ],
        (_, Tab::Settings) => vec!["watch.next", "watch.next_tab", "watch.differences", "watch.overlay"],
        (_, Tab::Notes) => vec!["watch.next", "watch.next_tab", "watch.page_down"],
    }
}
