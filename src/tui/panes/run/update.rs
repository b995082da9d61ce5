//! What keys and messages do to the pane.

use std::sync::Arc;

use crossterm::event::{KeyEvent, KeyEventKind};

use super::RunAction;
use super::form::Field;
use super::plan::Plan;
use super::state::{RunState, Screen, Tab};
use crate::jobs::Steer;
use crate::pipeline::run::{RunOrder, Waiting};
use crate::records::{FORECAST, Heavy, LiveBoard, LiveState, PASS};
use crate::tui::effect::{Effect, Message};
use crate::tui::panes::another_jobs;
use crate::tui::widgets::{ListWindow, Piece};

pub fn resize(state: &mut RunState, width: u16, height: u16) {
    state.size = (width, height);
    state.lay_out();
}

/// The pane comes to the front.
pub fn enter(state: &mut RunState) -> Vec<Effect> {
    state.notice = None;
    state.lay_out();
    Vec::new()
}

/// Does what an action says.
pub fn update(state: &mut RunState, action: RunAction) -> Vec<Effect> {
    state.notice = None;
    let confirming = std::mem::take(&mut state.confirming);
    match action {
        RunAction::Next => step(state, 1),
        RunAction::Previous => step(state, -1),
        RunAction::ScrollDown => scroll(state, |_| 1),
        RunAction::ScrollUp => scroll(state, |_| -1),
        RunAction::PageDown => scroll(state, |page| page),
        RunAction::PageUp => scroll(state, |page| -page),
        RunAction::Activate => return activate(state),
        RunAction::Choose => {
            if state.shown() == Screen::Setup {
                state.form.choose();
            }
        }
        RunAction::New => state.begin_set_up(),
        RunAction::Start => return start(state),
        RunAction::Forecast => return forecast(state),
        RunAction::Pause => return pause(state),
        RunAction::Stop => return stop(state),
        RunAction::Review => return review(state),
        RunAction::GoOn => return go_on(state, confirming),
        RunAction::NextView => turn(state, 1),
        RunAction::PreviousView => turn(state, -1),
        RunAction::Report => {
            if state.progress.as_ref().is_some_and(|progress| progress.report.is_some()) {
                return vec![Effect::ReadReport];
            }
            state.say("the report is written when the last step is done");
        }
        RunAction::Back => back(state),
    }
    Vec::new()
}

fn step(state: &mut RunState, by: isize) {
    match state.shown() {
        Screen::Setup => state.form.fields.select(by),
        Screen::Plan => {
            if let Some(plan) = &mut state.plan {
                plan.window.step(by, plan.pass.steps.len());
            }
        }
        Screen::Report => state.report.scroll(by, false),
        Screen::Pass => {
            let steps = state.progress.as_ref().map_or(0, |progress| progress.steps.len());
            state.roaming = true;
            state.window.step(by, steps);
        }
    }
}

fn scroll(state: &mut RunState, by: impl Fn(isize) -> isize) {
    match state.shown() {
        Screen::Report => state.report.scroll(by(state.report.page()), false),
        Screen::Pass => state.writing.text.scroll(by(state.writing.text.page()), true),
        Screen::Setup | Screen::Plan => step(state, by(5)),
    }
}

/// To the next view; in the form to the next field.
fn turn(state: &mut RunState, by: isize) {
    if state.shown() != Screen::Pass {
        return step(state, by);
    }
    if state.lies_in_grid() {
        // The other three are seen anyway.
        state.tab = Some(if state.first_view() == Tab::Writing { Tab::Scores } else { Tab::Writing });
        return;
    }
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab()).unwrap_or_default() as isize;
    state.tab = Some(Tab::ALL[(at + by).rem_euclid(Tab::ALL.len() as isize) as usize]);
}

fn back(state: &mut RunState) {
    match state.shown() {
        Screen::Plan => state.screen = Screen::Setup,
        Screen::Setup | Screen::Report => state.screen = Screen::Pass,
        Screen::Pass => (state.roaming, state.tab) = (false, None),
    }
    state.lay_out();
}

fn activate(state: &mut RunState) -> Vec<Effect> {
    match state.shown() {
        Screen::Setup if state.form.field() == Field::Plan => ask_plan(state),
        Screen::Setup => {
            if !state.form.fields.next_choice() {
                state.form.fields.begin_edit();
            }
            Vec::new()
        }
        Screen::Plan => start(state),
        Screen::Pass if state.waiting().is_some() => review(state),
        Screen::Pass if state.whole() => update(state, RunAction::Report),
        Screen::Pass | Screen::Report => Vec::new(),
    }
}

fn ask_plan(state: &mut RunState) -> Vec<Effect> {
    if !state.opened {
        state.refuse("no session is open: open or make one in the Start pane");
        return Vec::new();
    }
    let Some(wanted) = state.form.submit() else {
        let wrong = state.form.fields.wrong();
        state.refuse(format!("no plan: {wrong} field{} to put right", if wrong == 1 { "" } else { "s" }));
        return Vec::new();
    };
    state.planning = true;
    state.say("reading the recipe and the problems");
    vec![Effect::PlanPass(Box::new(wanted))]
}

/// Whether a pass can be begun now; says why not.
fn may_start(state: &mut RunState) -> bool {
    if let Some(reason) = state.read_only.clone() {
        state.refuse(format!("not started: the session is open for viewing only: {reason}"));
    } else if state.active() || state.starting {
        state.refuse("a pass is at work already");
    } else if state.measuring().is_some() {
        state.refuse("the forecast is being measured: let it end, or stop it");
    } else {
        return true;
    }
    false
}

/// Asks for the plan, starts what it shows, or lets the session's pass go on.
fn start(state: &mut RunState) -> Vec<Effect> {
    let order = match state.shown() {
        Screen::Setup => return ask_plan(state),
        Screen::Report => return Vec::new(),
        Screen::Plan => state.plan.as_ref().map(|plan| RunOrder {
            recipe: plan.pass.recipe.clone(),
            slots: state.form.slots(),
            wait: true,
            ablations: state.form.ablations(),
        }),
        Screen::Pass if state.whole() && !state.form.ablations() => {
            state.say("all steps are done; with ablations on in the form, its variants follow");
            return Vec::new();
        }
        Screen::Pass => state.order(),
    };
    let Some(order) = order.filter(|_| may_start(state)) else { return Vec::new() };
    begin(state);
    vec![Effect::StartRun(Box::new(order))]
}

fn begin(state: &mut RunState) {
    (state.starting, state.screen) = (true, Screen::Pass);
    (state.roaming, state.tab, state.board) = (false, None, None);
    state.writing.forget();
    state.say("starting: reading the problems, taking the session");
}

fn forecast(state: &mut RunState) -> Vec<Effect> {
    let order = match (state.shown(), &state.plan) {
        (Screen::Plan, Some(plan)) => {
            let recipe = plan.pass.recipe.clone();
            RunOrder { recipe, slots: state.form.slots(), wait: false, ablations: false }
        }
        _ => {
            state.say("the forecast is made where the plan is shown");
            return Vec::new();
        }
    };
    if state.active() || state.measuring().is_some() {
        state.refuse("something is at work already: what would be measured beside it says nothing");
        return Vec::new();
    }
    state.say("measuring: some answers, some dialogues, a few steps of training");
    vec![Effect::ForecastPass(Box::new(order))]
}

/// What can be steered: the pass, or a forecast.
fn at_work(state: &RunState) -> Option<LiveState> {
    let pass = state.board.as_deref().filter(|_| state.active());
    pass.or(state.measuring()).map(|board| board.state)
}

fn steer(steer: Steer) -> Effect {
    Effect::SteerJob { steer, of: Heavy::Both }
}

fn pause(state: &mut RunState) -> Vec<Effect> {
    match at_work(state) {
        Some(LiveState::Paused) => return vec![steer(Steer::Resume)],
        Some(LiveState::Starting | LiveState::Running) => return vec![steer(Steer::Pause)],
        Some(LiveState::Waiting) => state.say("it waits for you already"),
        Some(_) => state.say("it is stopping"),
        None => state.say("no pass runs"),
    }
    Vec::new()
}

fn stop(state: &mut RunState) -> Vec<Effect> {
    if at_work(state).is_some() || state.starting {
        state.say("stopping: what is done is kept, and it can go on from there");
        return vec![steer(Steer::Stop)];
    }
    state.say("no pass runs");
    Vec::new()
}

/// Lists what the pass waits for.
fn review(state: &mut RunState) -> Vec<Effect> {
    let Some(Waiting { step, samples, .. }) = state.waiting() else {
        state.say("the pass does not wait for decisions");
        return Vec::new();
    };
    vec![Effect::Show { samples: samples.clone(), beside: None, what: step.clone() }]
}

/// Lets a pass that waits go on, wherever it runs; begins it where none does.
fn go_on(state: &mut RunState, confirmed: bool) -> Vec<Effect> {
    let Some((over, left)) = state.waiting().map(|waiting| (waiting.over(), waiting.wanted - waiting.decided)) else {
        if state.active() || state.whole() || state.progress.is_none() {
            state.say("the pass does not wait for decisions");
            return Vec::new();
        }
        return start(state);
    };
    if let Some(reason) = state.read_only.clone() {
        state.refuse(format!("it stays: the session is open for viewing only: {reason}"));
        return Vec::new();
    }
    if !over && !confirmed {
        state.confirming = true;
        state.say(format!("{left} are not decided: the rules' word stands for them. The same key again goes on"));
        return Vec::new();
    }
    let mut effects = Vec::new();
    if !over {
        effects.push(Effect::ReleaseReview);
    }
    if !state.active()
        && let Some(order) = state.order()
        && may_start(state)
    {
        begin(state);
        effects.push(Effect::StartRun(Box::new(order)));
    }
    effects
}

/// Takes what the outside tells.
pub fn receive(state: &mut RunState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Opened { read_only, counts, rows, .. } => {
            let (size, form) = (state.size, std::mem::take(&mut state.form));
            let mut fresh = RunState { size, form, opened: true, read_only: read_only.clone(), ..RunState::default() };
            fresh.counts = *counts;
            fresh.hardness.take(rows);
            *state = fresh;
        }
        Message::Rows { counts, rows } => {
            state.counts = *counts;
            state.hardness.take(rows);
        }
        Message::Stood { counts, .. } => state.counts = *counts,
        // The filter grades anew: all rows come again.
        Message::Judged { rows, .. } if !rows.is_empty() => {
            state.hardness.clear();
            state.hardness.take(rows);
        }
        Message::Runs(news) => news.iter().for_each(|news| state.losses.take(news)),
        Message::Pass(progress) => {
            if progress.waiting.is_none() && std::mem::take(&mut state.confirming) {
                state.notice = None;
            }
            state.progress = Some(progress.clone());
            state.lay_out();
        }
        Message::Plan(Ok(pass)) if std::mem::take(&mut state.planning) => {
            state.plan = Some(Plan { pass: (**pass).clone(), forecast: None, window: ListWindow::default() });
            (state.screen, state.notice) = (Screen::Plan, None);
            state.lay_out();
        }
        Message::Plan(Err(error)) if std::mem::take(&mut state.planning) => {
            state.screen = Screen::Setup;
            state.form.wrong = Some(error.clone());
            state.form.fields.go_to(Field::Recipe as usize);
            state.refuse("no plan: the recipe cannot be run");
        }
        Message::Forecast(made) => {
            (state.notice, state.forecast) = (None, None);
            match (made, &mut state.plan) {
                (Ok(made), Some(plan)) => plan.forecast = Some((**made).clone()),
                (Ok(_), None) => {}
                (Err(error), _) => state.refuse(format!("no forecast: {error}")),
            }
        }
        Message::Live(board) if board.job == FORECAST => state.forecast = Some(board.clone()),
        Message::Live(board) if board.pass.is_some() || board.job == PASS => live(state, board),
        Message::Live(board) => another_jobs(&mut state.board, board),
        Message::Report(text) => {
            state.report.clear();
            state.report.push(Piece { text: text.clone(), ..Piece::default() });
            state.report.to_top();
            state.screen = Screen::Report;
            state.lay_out();
        }
        Message::Line { .. } if std::mem::take(&mut state.starting) => state.notice = None,
        Message::Error(error) if state.starting => {
            state.starting = false;
            state.screen = if state.plan.is_some() { Screen::Plan } else { Screen::Pass };
            state.refuse(format!("not started: {error}"));
        }
        _ => {}
    }
    Vec::new()
}

fn live(state: &mut RunState, board: &Arc<LiveBoard>) {
    if std::mem::take(&mut state.starting) {
        state.notice = None;
    }
    let step = |board: &LiveBoard| (board.state, board.pass.as_ref().map(|pass| pass.at));
    let moved = state.board.as_deref().map(step) != Some(step(board));
    state.writing.take(board);
    state.board = Some(Arc::clone(board));
    if moved {
        state.lay_out();
    }
}

/// A key while a field is being written in.
pub fn key(state: &mut RunState, key: KeyEvent) -> Vec<Effect> {
    if key.kind != KeyEventKind::Release {
        state.form.key(key);
    }
    Vec::new()
}

pub fn paste(state: &mut RunState, text: &str) -> Vec<Effect> {
    state.form.fields.paste(text);
    Vec::new()
}

/// Names of the actions worth a hint at the foot, the most useful first.
pub fn hints(state: &RunState) -> Vec<&'static str> {
    match state.shown() {
        Screen::Setup => {
            let mut hints = vec!["run.activate", "run.choose", "app.models", "run.start", "run.next"];
            if state.progress.is_some() || state.board.is_some() {
                hints.push("run.back");
            }
            return hints;
        }
        Screen::Plan if state.measuring().is_some() => return vec!["run.stop", "run.next", "run.back"],
        Screen::Plan => return vec!["run.start", "run.forecast", "run.next", "run.back"],
        Screen::Report => return vec!["run.back", "run.page_down", "run.page_up", "run.scroll_down"],
        Screen::Pass => {}
    }
    let mut hints = Vec::new();
    if state.waiting().is_some() {
        hints.extend(["run.review", "run.go_on"]);
    }
    if state.active() {
        hints.extend(["run.pause", "run.stop"]);
    } else if !state.whole() && state.waiting().is_none() {
        hints.push("run.start");
    }
    if state.progress.as_ref().is_some_and(|progress| progress.report.is_some()) {
        hints.push("run.report");
    }
    hints.extend(["run.next_view", "run.next", "run.new"]);
    hints
}
