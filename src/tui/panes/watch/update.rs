//! What actions, keys, the mouse and messages do to the pane, and what they ask of the outside.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};

use super::action::WatchAction;
use super::layout::{many, one};
use super::plots;
use super::state::{Tab, WatchState};
use crate::tui::effect::{Effect, Message};
use crate::tui::widgets::Input;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::plot::{Turn, reach, step_at};

/// Does what an action says.
pub fn update(state: &mut WatchState, action: WatchAction) -> Vec<Effect> {
    state.notice = None;
    match action {
        WatchAction::Next => choose(state, 1),
        WatchAction::Previous => choose(state, -1),
        WatchAction::Directory => {
            let before = state.roots.first().map_or_else(String::new, |root| root.display().to_string());
            let mut input = Input::new(before);
            input.mark_all();
            state.ask = Some(input);
        }
        WatchAction::Overlay => overlay(state),
        WatchAction::OverlayAll => {
            let all = state.runs.iter().all(|run| state.overlaid.contains(&run.name));
            state.overlaid.clear();
            if !all {
                state.overlaid.extend(state.runs.iter().map(|run| run.name.clone()));
            }
            state.show();
        }
        WatchAction::NextChart => turn_chart(state, 1),
        WatchAction::PreviousChart => turn_chart(state, -1),
        WatchAction::Grid => state.many = Some(!state.shows_many(state.charts().len())),
        WatchAction::Axis => {
            state.hours = !state.hours;
            // A window of steps is none of hours.
            state.hand.view.whole();
        }
        WatchAction::NextTab => turn_tab(state, 1),
        WatchAction::PreviousTab => turn_tab(state, -1),
        WatchAction::Differences => {
            state.differences = !state.differences;
            state.show();
        }
        WatchAction::ScrollDown => state.text.scroll(1, false),
        WatchAction::ScrollUp => state.text.scroll(-1, false),
        WatchAction::PageDown => state.text.scroll(state.text.page(), false),
        WatchAction::PageUp => state.text.scroll(-state.text.page(), false),
        WatchAction::Plot(to) => turn(state, to),
    }
    Vec::new()
}

/// What is done to the plots; they go along together.
fn turn(state: &mut WatchState, turn: Turn) {
    if state.tab != Tab::Curves {
        return;
    }
    state.hand.turn(turn, ends(state));
    if turn == Turn::Smooth {
        let weight = state.hand.weight();
        state.runs.iter_mut().for_each(|run| run.set_weight(weight));
    }
}

/// First and last place of what is plotted.
fn ends(state: &WatchState) -> (f64, f64) {
    let charts = state.charts();
    let lines = state.chart(&charts).map(|chart| plots::lines(state, chart));
    lines.and_then(|lines| reach(&lines)).unwrap_or((0.0, 1.0))
}

fn choose(state: &mut WatchState, by: isize) {
    state.window.step(by, state.runs.len());
    state.text.to_top();
    state.show();
}

fn overlay(state: &mut WatchState) {
    if let Some(name) = state.selected().map(|run| run.name.clone())
        && !state.overlaid.remove(&name)
    {
        state.overlaid.insert(name);
    }
    state.show();
}

fn turn_chart(state: &mut WatchState, by: isize) {
    let charts = state.charts();
    let Some(now) = state.chart(&charts) else { return };
    let at = charts.iter().position(|chart| *chart == now).unwrap_or_default() as isize;
    let to = charts[(at + by).rem_euclid(charts.len() as isize) as usize].clone();
    state.chart = Some(to);
}

fn turn_tab(state: &mut WatchState, by: isize) {
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or_default() as isize;
    state.tab = Tab::ALL[(at + by).rem_euclid(Tab::ALL.len() as isize) as usize];
    state.text.to_top();
    state.show();
}

/// Takes a key while [`WatchState::capturing`].
pub fn key(state: &mut WatchState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let Some(input) = &mut state.ask else { return Vec::new() };
    match key.code {
        KeyCode::Esc => state.ask = None,
        KeyCode::Enter => {
            let text = input.text().trim().to_owned();
            state.ask = None;
            if !text.is_empty() {
                return vec![Effect::Watch(vec![PathBuf::from(text)])];
            }
        }
        _ => {
            input.key(key);
        }
    }
    Vec::new()
}

/// Takes a paste; it goes nowhere but into a field that is edited.
pub fn paste(state: &mut WatchState, text: &str) -> Vec<Effect> {
    if let Some(input) = &mut state.ask {
        input.insert(text);
    }
    Vec::new()
}

/// Takes the mouse, at a place of the pane: the crosshair goes where it is, the wheel zooms there, the right button puts it away.
pub fn mouse(state: &mut WatchState, event: MouseEvent) -> Vec<Effect> {
    if state.tab != Tab::Curves || state.capturing() {
        return Vec::new();
    }
    let body = state.layout().body;
    let charts = state.charts();
    let (chart, room) = if state.shows_many(charts.len()) {
        let rooms = many(body, charts.len());
        let found = rooms.iter().position(|room| room.contains((event.column, event.row).into()));
        let Some(at) = found else { return Vec::new() };
        (charts.get(plots::page_begin(state, &charts, rooms.len()) + at).copied(), plots::inside(rooms[at]))
    } else {
        (state.chart(&charts), one(body).1)
    };
    let Some(chart) = chart.filter(|_| room.contains((event.column, event.row).into())) else { return Vec::new() };
    let lines = plots::lines(state, chart);
    let (Some(step), Some(ends)) = (step_at(&lines, &state.hand.view, room, event.column), reach(&lines)) else {
        return Vec::new();
    };
    let clicked = matches!(event.kind, MouseEventKind::Down(MouseButton::Left)).then(|| chart.clone());
    state.hand.mouse(event.kind, step, ends);
    state.chart = clicked.or_else(|| state.chart.take());
    Vec::new()
}

/// The pane has this size now.
pub fn resize(state: &mut WatchState, width: u16, height: u16) {
    state.size = (width, height);
    state.show();
}

/// Takes what the outside tells.
pub fn receive(state: &mut WatchState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Watching(roots) => {
            *state = WatchState {
                roots: roots.clone(),
                hand: state.hand.afresh(),
                hours: state.hours,
                many: state.many,
                size: state.size,
                ..WatchState::default()
            };
            state.show();
        }
        Message::Watched(look) => {
            let runs = state.runs.len();
            look.news.iter().for_each(|news| state.take_news(news));
            state.looked = true;
            if let Some(trouble) = look.troubles.last() {
                state.notice = Some(Notice::Refused(trouble.to_string()));
            }
            if state.tab != Tab::Curves || state.runs.len() != runs {
                state.show();
            }
        }
        _ => {}
    }
    Vec::new()
}
