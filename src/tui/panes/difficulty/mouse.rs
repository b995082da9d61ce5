//! The mouse: a click selects a bar, a row or a number, a click on what is selected opens its samples; the wheel and a drag change
//! numbers. It is never needed.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::layout::Overview;
use super::state::{DifficultyState, Held, Tab};
use super::{histogram, lengths, strip, update};
use crate::difficulty::{Bin, Rule, ShapeName};
use crate::tui::effect::Effect;

/// What a place of the pane holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Bar(usize),
    /// Of the lengths: which of them, and its bar.
    Length(usize, usize),
    /// Row of the table that is looked at.
    Row(usize),
    Parameter(usize),
}

/// Columns of a drag that move a number by a step.
const STEP: u16 = 2;

pub fn mouse(state: &mut DifficultyState, event: MouseEvent) -> Vec<Effect> {
    if state.ask.is_some() {
        return Vec::new();
    }
    let place = place(state, event.column, event.row);
    match (event.kind, place) {
        (MouseEventKind::Down(MouseButton::Left), Some(place)) => {
            state.notice = None;
            let again = selected(state) == Some(place) && !matches!(place, Place::Parameter(_));
            state.held = Some(Held { on: place, again, column: event.column, dragged: false });
            select(state, place);
        }
        // A press on an empty place holds nothing.
        (MouseEventKind::Down(MouseButton::Left), None) => state.held = None,
        (MouseEventKind::Drag(MouseButton::Left), _) => return drag(state, place, event.column),
        (MouseEventKind::Up(MouseButton::Left), _) => {
            let held = state.held.take();
            if held.is_some_and(|held| held.again && !held.dragged && place == Some(held.on)) {
                return update::open(state, false);
            }
        }
        (MouseEventKind::ScrollUp, Some(Place::Parameter(at))) => return turn(state, at, 1),
        (MouseEventKind::ScrollDown, Some(Place::Parameter(at))) => return turn(state, at, -1),
        (MouseEventKind::ScrollUp, _) => update::step(state, -1),
        (MouseEventKind::ScrollDown, _) => update::step(state, 1),
        _ => {}
    }
    Vec::new()
}

fn turn(state: &mut DifficultyState, parameter: usize, by: i32) -> Vec<Effect> {
    state.notice = None;
    state.parameter = parameter;
    update::change(state, by)
}

/// A number follows the hand; of a band, the bars that the hand goes over are its pass rates.
fn drag(state: &mut DifficultyState, place: Option<Place>, column: u16) -> Vec<Effect> {
    let Some(mut held) = state.held else { return Vec::new() };
    let mut effects = Vec::new();
    match (held.on, place) {
        (Place::Parameter(at), _) => {
            let moved = i32::from(column) - i32::from(held.column);
            let steps = moved / i32::from(STEP);
            if steps != 0 {
                held.column = column;
                held.dragged = true;
                effects = turn(state, at, steps);
            }
        }
        (Place::Bar(from), Some(Place::Bar(to))) if from != to => {
            held.dragged = true;
            select(state, Place::Bar(to));
            if let (ShapeName::Band, Some(plan)) = (state.rule.shape, &state.plan) {
                let (low, high) = plan.axis.band(from.min(to), from.max(to));
                effects = update::set_rule(state, Rule { low, high, ..state.rule });
            }
        }
        _ => {}
    }
    state.held = Some(held);
    effects
}

fn selected(state: &DifficultyState) -> Option<Place> {
    Some(match state.tab {
        Tab::Histogram => Place::Bar(state.bar),
        Tab::Bins => Place::Row(state.class),
        Tab::Lengths => Place::Length(state.stage, state.length_bar),
        Tab::Levels => Place::Row(state.groups.selected),
        Tab::Problems => Place::Row(state.problems.window.selected),
        Tab::Unsolved => Place::Row(state.unsolved_window.selected),
    })
}

fn select(state: &mut DifficultyState, place: Place) {
    let groups = state.survey.as_ref().map_or(0, |survey| survey.groups.len());
    match (place, state.tab) {
        (Place::Bar(bar), _) => state.bar = bar,
        (Place::Parameter(at), _) => state.parameter = at,
        (Place::Length(stage, bar), _) => (state.stage, state.length_bar) = (stage, bar),
        (Place::Row(row), Tab::Bins) => state.class = row,
        (Place::Row(row), Tab::Levels) => state.groups.select(row, groups),
        (Place::Row(row), Tab::Problems) => state.problems.select(row),
        (Place::Row(row), Tab::Unsolved) => state.unsolved_window.select(row, state.unsolved.len()),
        (Place::Row(_), Tab::Histogram | Tab::Lengths) => {}
    }
}

/// What is at a place of the pane.
fn place(state: &DifficultyState, column: u16, row: u16) -> Option<Place> {
    let (survey, plan) = state.known()?;
    let layout = state.layout();
    let at = (column, row).into();
    if layout.strip.contains(at) {
        let rows = strip::rows(&strip::items(state), layout.strip.width);
        let first = strip::first_row(&rows, state.parameter, layout.strip.height);
        let items = rows.get(first + usize::from(row - layout.strip.y))?;
        let item = items.iter().find(|(_, x, wide)| (*x..x + wide).contains(&column))?;
        return Some(Place::Parameter(item.0));
    }
    if !layout.body.contains(at) {
        return None;
    }
    let line = usize::from(row - layout.body.y).checked_sub(1);
    let in_list = |window: &crate::tui::widgets::ListWindow, len: usize| {
        let at = window.top + line?;
        (at < len).then_some(Place::Row(at))
    };
    match state.tab {
        Tab::Histogram => {
            let area = Overview::of(layout.body).histogram;
            let bar = histogram::Place::of(area, plan.axis).bar_at(column)?;
            area.contains(at).then_some(Place::Bar(bar))
        }
        Tab::Bins => line.filter(|line| *line < Bin::ALL.len()).map(Place::Row),
        Tab::Lengths => lengths::at(survey, layout.body, column, row).map(|(stage, bar)| Place::Length(stage, bar)),
        Tab::Levels => in_list(&state.groups, survey.groups.len()),
        Tab::Problems => in_list(&state.problems.window, state.problems.len()),
        Tab::Unsolved => in_list(&state.unsolved_window, state.unsolved.len()),
    }
}
