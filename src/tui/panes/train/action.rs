//! What a person can do in the Train pane.

use crate::tui::action::ActionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainAction {
    Next,
    Previous,
    Overlay,
    Quantity,
    Log,
    Smooth,
    CursorLeft,
    CursorRight,
    ZoomIn,
    ZoomOut,
    PanLeft,
    PanRight,
    Whole,
    Pause,
    Stop,
    Checkpoint,
    Slower,
    Skip,
    RollBack,
}

const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(TrainAction, ActionSpec)] = &[
    (TrainAction::Next, spec("train.next", "next run", "Go to the next run.")),
    (TrainAction::Previous, spec("train.previous", "previous run", "Go to the run before.")),
    (TrainAction::Overlay, spec("train.overlay", "overlay", "Lay the run over the others, or take it away.")),
    (TrainAction::Quantity, spec("train.quantity", "quantity", "Plot loss, learning rate, gradient norm or speed.")),
    (TrainAction::Log, spec("train.log", "log axis", "Switch the upright axis between linear and logarithmic.")),
    (TrainAction::Smooth, spec("train.smooth", "smoothing", "Smooth more, most, or not at all.")),
    (TrainAction::CursorLeft, spec("train.cursor_left", "crosshair", "Move the crosshair to the left.")),
    (TrainAction::CursorRight, spec("train.cursor_right", "crosshair right", "Move the crosshair to the right.")),
    (TrainAction::ZoomIn, spec("train.zoom_in", "zoom", "See half as many steps, around the crosshair.")),
    (TrainAction::ZoomOut, spec("train.zoom_out", "zoom out", "See twice as many steps.")),
    (TrainAction::PanLeft, spec("train.pan_left", "pan left", "Move to earlier steps.")),
    (TrainAction::PanRight, spec("train.pan_right", "pan right", "Move to later steps; at the end it follows.")),
    (TrainAction::Whole, spec("train.whole", "whole", "See all steps and put the crosshair away.")),
    (TrainAction::Pause, spec("train.pause", "pause/resume", "Pause the training, or let it go on.")),
    (TrainAction::Stop, spec("train.stop", "stop", "Stop the training after this step, and save.")),
    (TrainAction::Checkpoint, spec("train.checkpoint", "checkpoint", "Save a checkpoint after this step.")),
    (TrainAction::Slower, spec("train.slower", "lower rate", "After a spike: halve the rate and leave the step out.")),
    (TrainAction::Skip, spec("train.skip", "skip step", "After a spike: leave the step's samples out.")),
    (TrainAction::RollBack, spec("train.roll_back", "roll back", "After a spike: go back to the last checkpoint.")),
];
