//! What actions, keys, the mouse and messages do to the pane, and what they ask of the outside.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Rect;

use super::action::TrainAction;
use super::curves;
use super::form::{Field, Form};
use super::layout::Layout;
use super::learnt;
use super::preview::Tokens;
use super::state::{Ask, Asked, Screen, Tab, TrainState};
use crate::jobs::{ExternalOrder, Steer};
use crate::records::{Heavy, LiveState, TRAINING};
use crate::train::runs::follow::Reading;
use crate::tui::effect::{Effect, Message, PreviewOf};
use crate::tui::panes::another_jobs;
use crate::tui::widgets::Input;
use crate::tui::widgets::plot::{Turn, step_at};

/// Does what an action says.
pub fn update(state: &mut TrainState, action: TrainAction) -> Vec<Effect> {
    let mut effects = act(state, action);
    effects.extend(learnt::ask(state));
    effects
}

fn act(state: &mut TrainState, action: TrainAction) -> Vec<Effect> {
    state.notice = None;
    match action {
        TrainAction::Next => step(state, 1),
        TrainAction::Previous => step(state, -1),
        TrainAction::Activate => return activate(state),
        TrainAction::New => set_up_new(state),
        TrainAction::Start => return start(state),
        TrainAction::Preview => return preview(state),
        TrainAction::Back => back(state),
        TrainAction::NextTab => turn(state, 1),
        TrainAction::PreviousTab => turn(state, -1),
        TrainAction::NextProblem => problem(state, 1),
        TrainAction::PreviousProblem => problem(state, -1),
        TrainAction::ScrollDown => scroll(state, |_| 1),
        TrainAction::ScrollUp => scroll(state, |_| -1),
        TrainAction::PageDown => scroll(state, |page| page),
        TrainAction::PageUp => scroll(state, |page| -page),
        TrainAction::Borders => {
            if let (Screen::Tokens { .. }, Some(tokens)) = (state.screen, &mut state.tokens) {
                tokens.toggle_borders();
            }
        }
        TrainAction::Pause => {
            let paused = state.board.as_ref().is_some_and(|board| board.state == LiveState::Paused);
            return steer(state, job(if paused { Steer::Resume } else { Steer::Pause }));
        }
        TrainAction::Stop => return steer(state, job(Steer::Stop)),
        TrainAction::Checkpoint => return steer(state, training("checkpoint", serde_json::Value::Null)),
        TrainAction::Slower => return steer(state, choice("lower_rate")),
        TrainAction::Skip => return steer(state, choice("skip")),
        TrainAction::RollBack => return steer(state, choice("roll_back")),
        TrainAction::Rate => ask_rate(state),
        TrainAction::Rename => ask_name(state),
        TrainAction::Archive => return archive(state),
        TrainAction::Restore => return restore(state),
        plotted => curve(state, plotted),
    }
    Vec::new()
}

/// What is done to the plot; nothing where none is seen.
fn curve(state: &mut TrainState, action: TrainAction) {
    if state.screen != Screen::Runs {
        return;
    }
    match action {
        TrainAction::Overlay => {
            if let Some(name) = state.selected().map(|run| run.name.clone())
                && !state.overlaid.remove(&name)
            {
                state.overlaid.insert(name);
            }
        }
        TrainAction::Quantity => state.quantity = state.quantity.next(),
        TrainAction::Plot(Turn::CursorLeft) if state.tab == Tab::Samples => look(state, -1),
        TrainAction::Plot(Turn::CursorRight) if state.tab == Tab::Samples => look(state, 1),
        TrainAction::Plot(turn) => {
            state.hand.turn(turn, state.reach());
            if turn == Turn::Smooth {
                let weight = state.hand.weight();
                state.runs.iter_mut().for_each(|run| run.loss.set_weight(weight));
            }
        }
        _ => {}
    }
}

fn step(state: &mut TrainState, by: isize) {
    match state.screen {
        Screen::Runs => state.choose(by),
        Screen::Setup => state.form.fields.select(by),
        Screen::Tokens { .. } => {
            if let Some(tokens) = &mut state.tokens {
                tokens.step(by);
            }
        }
    }
}

/// To the next tab; in the form to the next field.
fn turn(state: &mut TrainState, by: isize) {
    if state.screen != Screen::Runs {
        return step(state, by);
    }
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or_default() as isize;
    state.tab = Tab::ALL[(at + by).rem_euclid(Tab::ALL.len() as isize) as usize];
    state.show();
}

fn problem(state: &mut TrainState, by: isize) {
    let problems = state.selected().map_or(0, |run| run.looks.problems.len());
    state.problem = state.problem.saturating_add_signed(by).min(problems.saturating_sub(1));
    state.before.to_top();
    state.after.to_top();
    state.show();
}

/// Goes to the look before or after the one that is shown.
fn look(state: &mut TrainState, by: isize) {
    let Some(steps) = state.selected().map(|run| run.looks.steps()) else { return };
    let at = state.look().and_then(|look| steps.iter().position(|step| *step == look)).unwrap_or_default();
    let to = at.saturating_add_signed(by).min(steps.len().saturating_sub(1));
    // At the newest it stays at the newest.
    state.looked = steps.get(to).copied().filter(|_| to + 1 < steps.len());
    state.show();
}

fn scroll(state: &mut TrainState, by: impl Fn(isize) -> isize) {
    match (state.screen, state.tab) {
        (Screen::Setup, _) => state.form.fields.select(by(5)),
        (Screen::Tokens { .. }, _) => {
            if let Some(tokens) = &mut state.tokens {
                tokens.text.scroll(by(tokens.text.page()), false);
            }
        }
        (Screen::Runs, Tab::Samples) => {
            for text in [&mut state.before, &mut state.after] {
                text.scroll(by(text.page()), false);
            }
        }
        (Screen::Runs, Tab::Events) => state.events.scroll(by(state.events.page()), true),
        (Screen::Runs, Tab::Curves) => {}
    }
}

fn back(state: &mut TrainState) {
    match state.screen {
        Screen::Tokens { of_form } => state.screen = if of_form { Screen::Setup } else { Screen::Runs },
        Screen::Setup => state.screen = Screen::Runs,
        Screen::Runs => state.hand.view.whole(),
    }
}

fn set_up_new(state: &mut TrainState) {
    if state.screen == Screen::Runs && may_change(state, "set up") {
        let name = state.free_name();
        state.form.set(Field::Run, &name);
        state.counted = None;
        state.form.fields.clear_errors();
        state.form.fields.go_to(0);
        state.screen = Screen::Setup;
    }
}

fn activate(state: &mut TrainState) -> Vec<Effect> {
    match state.screen {
        Screen::Runs => {
            let Some(name) = state.selected().map(|run| run.name.clone()) else {
                set_up_new(state);
                return Vec::new();
            };
            if may_change(state, "set up") { vec![Effect::LoadRunSettings(name)] } else { Vec::new() }
        }
        Screen::Setup => match state.form.field() {
            Field::Start => start(state),
            Field::Preview => preview(state),
            _ => {
                if !state.form.fields.next_choice() {
                    state.form.fields.begin_edit();
                }
                Vec::new()
            }
        },
        Screen::Tokens { .. } => Vec::new(),
    }
}

/// Whether the session is one that a training can be started or changed in; says why not.
fn may_change(state: &mut TrainState, what: &str) -> bool {
    match (&state.read_only, state.opened) {
        (_, false) => state.refuse(format!("not {what}: no session is open")),
        (Some(reason), _) => {
            let line = format!("not {what}: the session is open for viewing only: {reason}");
            state.refuse(line);
        }
        (None, true) => return true,
    }
    false
}

fn start(state: &mut TrainState) -> Vec<Effect> {
    if state.screen != Screen::Setup || !may_change(state, "started") {
        return Vec::new();
    }
    if state.starting {
        state.refuse("it is being started already");
        return Vec::new();
    }
    let Some(order) = order(state, "not started") else { return Vec::new() };
    if state.running() && state.board.as_ref().is_some_and(|board| board.run == order.run) {
        state.refuse(format!("{} is in training already", order.run));
        return Vec::new();
    }
    state.starting = true;
    state.screen = Screen::Runs;
    state.tab = Tab::Curves;
    state.say(format!("{}: opening the model and the chains", order.run));
    vec![match state.form.external() {
        None => Effect::StartTrain(Box::new(order)),
        Some(external) => Effect::StartExternal(Box::new(ExternalOrder { train: order, external })),
    }]
}

/// The order that the form makes; says what is wrong with it.
fn order(state: &mut TrainState, not: &str) -> Option<crate::pipeline::TrainOrder> {
    let order = state.form.submit();
    if order.is_none() {
        let wrong = state.form.fields.wrong();
        state.refuse(format!("{not}: {wrong} field{} to put right", if wrong == 1 { "" } else { "s" }));
    }
    order
}

fn preview(state: &mut TrainState) -> Vec<Effect> {
    let of = match state.screen {
        Screen::Runs => state.selected().map(|run| PreviewOf::Run(run.name.clone())),
        Screen::Setup => order(state, "not shown").map(|order| PreviewOf::Order(Box::new(order))),
        Screen::Tokens { .. } => None,
    };
    let Some(of) = of else { return Vec::new() };
    state.waiting = true;
    state.say("opening the model's tokenizer and the chains");
    vec![Effect::PreviewTraining(of)]
}

fn ask_rate(state: &mut TrainState) {
    if state.screen != Screen::Runs {
        return;
    }
    if !state.running() {
        return state.refuse("no training runs");
    }
    // The schedule goes on under it: what it is at now would be the wrong thing to begin with.
    state.ask = Some(Ask { what: Asked::Rate, input: Input::default(), error: None });
}

fn ask_name(state: &mut TrainState) {
    let Some(name) = state.selected().map(|run| run.name.clone()).filter(|_| state.screen == Screen::Runs) else {
        return;
    };
    if may_change(state, "renamed") {
        state.ask = Some(Ask { what: Asked::Rename(name.clone()), input: Input::new(name), error: None });
    }
}

fn archive(state: &mut TrainState) -> Vec<Effect> {
    let name = state.selected().map(|run| run.name.clone()).filter(|_| state.screen == Screen::Runs);
    match name {
        Some(name) if may_change(state, "put away") => vec![Effect::ArchiveRun(name)],
        _ => Vec::new(),
    }
}

fn restore(state: &mut TrainState) -> Vec<Effect> {
    match state.archived.last() {
        Some(name) => vec![Effect::RestoreRun(name.clone())],
        None => {
            state.say("no run was put away here");
            Vec::new()
        }
    }
}

fn training(verb: &'static str, arguments: serde_json::Value) -> Effect {
    Effect::SteerTraining { verb, arguments }
}

fn choice(to: &str) -> Effect {
    training("choose", serde_json::json!({ "to": to }))
}

fn job(steer: Steer) -> Effect {
    Effect::SteerJob { steer, of: Heavy::Training }
}

/// Asked of the training that runs; nothing is asked where none does.
fn steer(state: &mut TrainState, effect: Effect) -> Vec<Effect> {
    if state.running() {
        return vec![effect];
    }
    state.say("no training runs");
    Vec::new()
}

/// Takes a key while [`TrainState::capturing`].
pub fn key(state: &mut TrainState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let Some(ask) = &mut state.ask else {
        state.form.key(key);
        return learnt::ask(state);
    };
    match key.code {
        KeyCode::Esc => state.ask = None,
        KeyCode::Enter => return answered(state),
        _ => {
            ask.input.key(key);
        }
    }
    Vec::new()
}

/// Does what was asked for, or says what is wrong with the answer.
fn answered(state: &mut TrainState) -> Vec<Effect> {
    let Some(mut ask) = state.ask.take() else { return Vec::new() };
    let text = ask.input.text().trim().to_owned();
    let effect = match &ask.what {
        Asked::Rate => match text.parse::<f64>() {
            Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(training("rate", serde_json::json!({ "to": rate }))),
            Ok(_) | Err(_) => Err("a number above 0, to 1"),
        },
        Asked::Rename(from) if *from == text => return Vec::new(),
        Asked::Rename(_) if !crate::train::runs::is_run_name(&text) => Err("letters, digits, - _ . are possible"),
        Asked::Rename(_) if state.runs.iter().any(|run| run.name == text) => Err("another run is called so"),
        Asked::Rename(from) => Ok(Effect::RenameRun { from: from.clone(), to: text }),
    };
    match effect {
        Ok(effect) => vec![effect],
        Err(error) => {
            ask.error = Some(error.to_owned());
            state.ask = Some(ask);
            Vec::new()
        }
    }
}

/// Takes a paste; it goes nowhere but into a field that is edited.
pub fn paste(state: &mut TrainState, text: &str) -> Vec<Effect> {
    match &mut state.ask {
        Some(ask) => ask.input.insert(text),
        None => state.form.fields.paste(text),
    }
    Vec::new()
}

/// Takes the mouse, at a place of the pane: the crosshair goes where it is, the wheel zooms there, the right
/// button puts it away.
pub fn mouse(state: &mut TrainState, event: MouseEvent) -> Vec<Effect> {
    if state.screen != Screen::Runs || state.tab != Tab::Curves || state.ask.is_some() {
        return Vec::new();
    }
    let body = Layout::of(Rect::new(0, 0, state.size.0, state.size.1), state.runs.len()).body;
    let inside = body.contains((event.column, event.row).into());
    let place = step_at(&curves::lines(state), &state.hand.view, body, event.column);
    let (Some(step), true) = (place, inside) else { return Vec::new() };
    state.hand.mouse(event.kind, step, state.reach());
    Vec::new()
}

/// Takes what the outside tells.
pub fn receive(state: &mut TrainState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Opened { read_only, .. } => {
            state.form.set(Field::Selection, "");
            *state = TrainState {
                window: state.window,
                form: std::mem::take(&mut state.form),
                ascii: state.ascii,
                hand: state.hand.afresh(),
                size: state.size,
                opened: true,
                read_only: read_only.clone(),
                ..TrainState::default()
            };
            state.show();
        }
        Message::Runs(runs) => {
            let before = state.selected().map(|run| run.name.clone());
            runs.iter().for_each(|news| state.take_news(news));
            state.read = true;
            let other = state.selected().map(|run| &run.name) != before.as_ref();
            let only_steps = |reading: &Reading| matches!(reading, Reading::Step { .. });
            let texts = |news: &crate::train::runs::follow::RunNews| {
                news.gone || news.afresh || !news.looks.is_empty() || !news.readings.iter().all(only_steps)
            };
            if other || runs.iter().any(texts) {
                state.show();
            }
        }
        Message::Live(board) if board.job != TRAINING => {
            another_jobs(&mut state.board, board);
            state.hand.view.set_grows(state.running());
        }
        Message::Live(board) => {
            if std::mem::take(&mut state.starting) {
                state.notice = None;
            }
            state.board = Some(board.clone());
            state.hand.view.set_grows(state.running());
        }
        Message::Previews { previews, of } => {
            state.waiting = false;
            state.notice = None;
            state.tokens = Some(Tokens::new(previews.clone(), *of, state.ascii, state.size));
            state.screen = Screen::Tokens { of_form: state.screen == Screen::Setup };
        }
        Message::RunSettings { run, settings } => {
            let (settings, external) = (**settings).clone();
            state.form.fill(settings);
            state.form.fill_external(external);
            state.form.set(Field::Run, run);
            state.counted = None;
            state.form.fields.go_to(Field::Start as usize);
            state.screen = Screen::Setup;
        }
        Message::RunRenamed { from, to } if state.overlaid.remove(from) => {
            state.overlaid.insert(to.clone());
        }
        // A name may stand for other chains from now on.
        Message::SelectionStored(_) => state.counted = None,
        Message::Chains { selection, chains } => learnt::take(state, selection, chains),
        Message::RunArchived(run) => state.archived.push(run.clone()),
        Message::RunRestored(run) => state.archived.retain(|archived| archived != run),
        Message::Line { .. } if std::mem::take(&mut state.starting) => state.notice = None,
        Message::Error(error) => {
            if state.starting {
                state.screen = Screen::Setup;
                state.refuse(format!("not started: {error}"));
            } else if state.waiting {
                state.refuse(format!("not shown: {error}"));
            }
            (state.starting, state.waiting) = (false, false);
        }
        _ => {}
    }
    learnt::ask(state)
}

/// Tells the pane the size that it will be drawn in.
pub fn resize(state: &mut TrainState, width: u16, height: u16) {
    state.size = (width, height);
    state.lay_out();
}

/// The model that the form begins with where it has none.
pub fn offer_model(state: &mut TrainState, model: &str) {
    let form: &mut Form = &mut state.form;
    if form.text(Field::Model).is_empty() && !model.is_empty() {
        form.set(Field::Model, model);
    }
}

/// Names of the actions for the footer.
pub fn hints(state: &TrainState) -> Vec<&'static str> {
    let mut hints = Vec::new();
    match state.screen {
        Screen::Setup => {
            return vec![
                "train.activate",
                "app.models",
                "train.preview",
                "train.start",
                "train.back",
                "train.next",
                "train.previous",
            ];
        }
        Screen::Tokens { .. } => {
            return vec!["train.back", "train.next", "train.previous", "train.page_down", "train.borders"];
        }
        Screen::Runs => {}
    }
    if state.running() {
        hints.extend(["train.pause", "train.stop", "train.checkpoint", "train.rate"]);
    } else {
        hints.push("train.new");
        if !state.runs.is_empty() {
            hints.push("train.activate");
        }
    }
    if !state.runs.is_empty() {
        hints.push("train.next_tab");
        match state.tab {
            Tab::Curves => {
                hints.extend([
                    "train.quantity",
                    "train.zoom_in",
                    "train.cursor_left",
                    "train.overlay",
                    "train.preview",
                ]);
            }
            Tab::Samples => hints.extend(["train.next_problem", "train.cursor_left", "train.page_down"]),
            Tab::Events => hints.push("train.page_up"),
        }
    }
    hints
}
