//! What actions, keys and messages do to the pane, and what they ask of the outside.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::action::DifficultyAction;
use super::plan::Plan;
use super::state::{Ask, Asked, DifficultyState, Tab, Unit};
use super::{lengths, parameters};
use crate::difficulty::{Bin, Rule};
use crate::pipeline::difficulty::{Grouped, Survey};
use crate::records::{GENERATION, LiveBoard};
use crate::tui::effect::{Effect, Message};
use crate::tui::widgets::Input;
use crate::tui::widgets::paint::one_line;
use crate::tui::widgets::plot::Scale;

/// Steps of a key that goes further.
const FAR: i32 = 5;
/// What a selection is called that has no name yet, as `cribble select` does.
const NAME: &str = "selection";

pub fn resize(state: &mut DifficultyState, width: u16, height: u16) {
    state.size = (width, height);
    state.lay_out();
}

/// The pane comes to the front.
pub fn enter(state: &mut DifficultyState) -> Vec<Effect> {
    refresh(state)
}

/// Asks for what is new, while the pane is in front.
pub fn refresh(state: &mut DifficultyState) -> Vec<Effect> {
    if !state.opened || !std::mem::take(&mut state.dirty) {
        return Vec::new();
    }
    vec![load(state)]
}

fn load(state: &DifficultyState) -> Effect {
    Effect::LoadDifficulty { settings: state.wanted.clone(), rule: state.ruled.then_some(state.rule) }
}

/// Does what an action says.
pub fn update(state: &mut DifficultyState, action: DifficultyAction) -> Vec<Effect> {
    use DifficultyAction as A;
    state.notice = None;
    if state.plan.is_none() {
        return Vec::new();
    }
    match action {
        A::Right => sideways(state, 1),
        A::Left => sideways(state, -1),
        A::Next => step(state, 1),
        A::Previous => step(state, -1),
        A::NextParameter => parameter(state, 1),
        A::PreviousParameter => parameter(state, -1),
        A::Raise => return change(state, 1),
        A::Lower => return change(state, -1),
        A::RaiseMore => return change(state, FAR),
        A::LowerMore => return change(state, -FAR),
        A::Edit => return edit(state),
        A::Shape => {
            state.parameter = 0;
            return change(state, 1);
        }
        A::Open => return open(state, false),
        A::OpenSelected => return open(state, true),
        A::NextTab => tab(state, 1),
        A::PreviousTab => tab(state, -1),
        A::Unit => state.unit = if state.unit == Unit::Samples { Unit::Problems } else { Unit::Samples },
        A::Problems => state.tab = Tab::Problems,
        A::Order => order(state),
        A::Log => state.scale = Some(if state.scale() == Scale::Log { Scale::Linear } else { Scale::Log }),
        A::NextSettings => return settings(state, 1),
        A::PreviousSettings => return settings(state, -1),
        A::Stored => {
            let base = state.base();
            return set_rule(state, base);
        }
        A::Store => ask_name(state),
        A::PageDown => page(state, 1),
        A::PageUp => page(state, -1),
        A::First => to_end(state, false),
        A::Last => to_end(state, true),
        A::Back => state.tab = Tab::Histogram,
    }
    Vec::new()
}

fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

/// To another bar.
fn sideways(state: &mut DifficultyState, by: isize) {
    match state.tab {
        Tab::Histogram => {
            let bars = state.plan.as_ref().map_or(0, |plan| plan.bars.len());
            state.bar = moved(state.bar, by, bars);
        }
        Tab::Lengths => state.length_bar = moved(state.length_bar, by, lengths::bars(state.layout().body.width)),
        Tab::Bins | Tab::Levels | Tab::Problems | Tab::Unsolved => {}
    }
}

/// To another row; with the histogram, to another number of the rule.
pub(super) fn step(state: &mut DifficultyState, by: isize) {
    let (groups, stages) = state.survey.as_ref().map_or((0, 0), |survey| (survey.groups.len(), survey.lengths.len()));
    match state.tab {
        Tab::Histogram => parameter(state, by),
        Tab::Bins => state.class = moved(state.class, by, Bin::ALL.len()),
        Tab::Lengths => state.stage = moved(state.stage, by, stages),
        Tab::Levels => state.groups.step(by, groups),
        Tab::Problems => state.problems.step(by),
        Tab::Unsolved => state.unsolved_window.step(by, state.unsolved.len()),
    }
}

fn page(state: &mut DifficultyState, by: isize) {
    let page = match state.tab {
        Tab::Levels => state.groups.page(),
        Tab::Problems => state.problems.window.page(),
        Tab::Unsolved => state.unsolved_window.page(),
        Tab::Histogram | Tab::Bins | Tab::Lengths => 1,
    };
    step(state, by * page);
}

fn to_end(state: &mut DifficultyState, last: bool) {
    let by = if last { isize::MAX } else { isize::MIN };
    match state.tab {
        Tab::Histogram | Tab::Lengths => sideways(state, by),
        Tab::Bins | Tab::Levels | Tab::Problems | Tab::Unsolved => step(state, by),
    }
}

/// Lists the problems in the next order, from its beginning.
fn order(state: &mut DifficultyState) {
    if state.tab != Tab::Problems {
        return state.say("only the list of problems has an order");
    }
    state.problems.order = state.problems.order.next();
    state.list_problems(None);
}

fn parameter(state: &mut DifficultyState, by: isize) {
    state.parameter = moved(state.parameter, by, state.parameters().len());
}

fn tab(state: &mut DifficultyState, by: isize) {
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or_default() as isize;
    state.tab = Tab::ALL[(at + by).rem_euclid(Tab::ALL.len() as isize) as usize];
}

/// Moves the selected number of the rule.
pub(super) fn change(state: &mut DifficultyState, steps: i32) -> Vec<Effect> {
    let rule = state.selected_parameter().moved(&state.rule, steps, &state.found());
    set_rule(state, rule)
}

/// Takes a rule if it means something, and works out what it comes to. Where it wants the samples in another order they are asked
/// for in that order.
pub(super) fn set_rule(state: &mut DifficultyState, rule: Rule) -> Vec<Effect> {
    if let Err(error) = rule.validate() {
        state.refuse(error);
        return Vec::new();
    }
    let before = state.ranked();
    let ranking = crate::pipeline::difficulty::Ranking::of(&state.rule);
    (state.rule, state.ruled) = (rule, true);
    state.replan();
    let ordered_otherwise = crate::pipeline::difficulty::Ranking::of(&rule) != ranking;
    if ordered_otherwise && !(before && state.ranked()) { vec![load(state)] } else { Vec::new() }
}

fn edit(state: &mut DifficultyState) -> Vec<Effect> {
    let parameter = state.selected_parameter();
    if parameter.chosen() {
        return change(state, 1);
    }
    let mut input = Input::new(parameter.value(&state.rule, None));
    input.mark_all();
    state.ask = Some(Ask { what: Asked::Value(parameter), input, error: None });
    Vec::new()
}

fn ask_name(state: &mut DifficultyState) {
    if let Some(reason) = &state.read_only {
        let line = format!("not stored: the session is open for viewing only: {reason}");
        return state.refuse(line);
    }
    if state.plan.as_ref().is_none_or(|plan| plan.all.selected == 0) {
        return state.refuse("not stored: the rule selects nothing");
    }
    let name = state.survey.as_deref().and_then(Survey::stored).map_or(NAME, |stored| stored.name.as_str());
    let mut input = Input::new(one_line(name));
    input.mark_all();
    state.ask = Some(Ask { what: Asked::Name, input, error: None });
}

/// Goes to the samples of other settings.
fn settings(state: &mut DifficultyState, by: isize) -> Vec<Effect> {
    let Some(survey) = state.survey.clone() else { return Vec::new() };
    let with: Vec<usize> = (0..survey.sources.len()).filter(|&at| survey.sources[at].samples > 0).collect();
    // Those that were asked for last, which may not be here yet.
    let now = state.wanted.as_ref().and_then(|wanted| survey.sources.iter().position(|source| source.hash == *wanted));
    let now = with.iter().position(|&at| at == now.unwrap_or(survey.source)).unwrap_or_default() as isize;
    if with.len() < 2 {
        state.say("there are no samples of other settings to learn from");
        return Vec::new();
    }
    let next = with[(now + by).rem_euclid(with.len() as isize) as usize];
    state.wanted = Some(survey.sources[next].hash.clone());
    // A rule that was not changed gives way to the one that was stored for those.
    state.ruled &= state.rule != state.base();
    vec![load(state)]
}

/// Lists the samples of what is looked at in Review.
pub(super) fn open(state: &mut DifficultyState, selected_only: bool) -> Vec<Effect> {
    let Some((samples, what)) = looked_at(state, selected_only) else { return Vec::new() };
    if samples.is_empty() {
        state.say(if selected_only { "the rule selects none of these" } else { "there are no samples here" });
        return Vec::new();
    }
    let selected = if selected_only { ", selected" } else { "" };
    vec![Effect::Show { samples, beside: None, what: format!("{what}{selected}") }]
}

fn looked_at(state: &DifficultyState, selected_only: bool) -> Option<(Vec<i64>, String)> {
    let (survey, plan) = state.known()?;
    let of = |problems: &mut dyn Iterator<Item = usize>| plan.samples(survey, problems, selected_only);
    Some(match state.tab {
        Tab::Histogram => {
            (of(&mut plan.in_bar(survey, state.bar)), format!("pass rate {}", plan.axis.label(state.bar)))
        }
        Tab::Bins => {
            let class = Bin::ALL[state.class];
            (of(&mut Plan::in_class(survey, class)), format!("{} problems", class.name()))
        }
        Tab::Lengths => {
            let lengths = survey.lengths.get(state.stage)?;
            let width = state.layout().body.width;
            let (from, to, samples) = lengths::of_bar(survey, lengths, state.length_bar, width);
            let chosen: std::collections::HashSet<i64> =
                if selected_only { of(&mut (0..survey.pool.len())).into_iter().collect() } else { Default::default() };
            let samples = samples.iter().map(|(_, id)| *id).filter(|id| !selected_only || chosen.contains(id));
            (samples.collect(), format!("{}, {from}-{to} tokens", lengths.stage.name()))
        }
        Tab::Levels => {
            let group = survey.groups.get(state.groups.selected)?;
            let name = match &group.of {
                Grouped::Level(level) => format!("level {level}"),
                Grouped::Subject(subject) => one_line(subject),
                Grouped::Unmarked => "neither level nor subject".into(),
            };
            (of(&mut group.problems.iter().map(|at| *at as usize)), name)
        }
        Tab::Problems => {
            let at = state.problems.selected()?;
            let (problem, tally) = (&survey.pool[at], survey.pool[at].tally());
            let what = format!("{}, {}/{} right", one_line(problem.id()), tally.correct, tally.samples);
            (of(&mut std::iter::once(at)), what)
        }
        Tab::Unsolved => {
            let at = *state.unsolved.get(state.unsolved_window.selected)?;
            (of(&mut std::iter::once(at)), format!("{}, never solved", one_line(survey.pool[at].id())))
        }
    })
}

/// Takes a key while [`DifficultyState::capturing`].
pub fn key(state: &mut DifficultyState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let Some(ask) = &mut state.ask else { return Vec::new() };
    match key.code {
        KeyCode::Esc => state.ask = None,
        KeyCode::Enter => return answered(state),
        _ => {
            ask.input.key(key);
        }
    }
    Vec::new()
}

pub fn paste(state: &mut DifficultyState, text: &str) -> Vec<Effect> {
    if let Some(ask) = &mut state.ask {
        ask.input.insert(text);
    }
    Vec::new()
}

/// Does what was asked for, or says what is wrong with the answer.
fn answered(state: &mut DifficultyState) -> Vec<Effect> {
    let Some(mut ask) = state.ask.take() else { return Vec::new() };
    let text = ask.input.text().trim().to_owned();
    let done = match ask.what {
        Asked::Value(parameter) => {
            parameters::Parameter::typed(parameter, &state.rule, &text).map(|rule| set_rule(state, rule))
        }
        Asked::Name if text.is_empty() => Err("a name is needed".to_owned()),
        Asked::Name => store(state, &text),
    };
    done.unwrap_or_else(|error| {
        ask.error = Some(error);
        state.ask = Some(ask);
        Vec::new()
    })
}

fn store(state: &mut DifficultyState, name: &str) -> Result<Vec<Effect>, String> {
    let survey = state.survey.as_ref().ok_or("nothing is read yet")?;
    let settings = survey.sources[survey.source].hash.clone();
    let effect = Effect::StoreSelection { name: name.to_owned(), rule: state.rule, settings };
    state.say(format!("choosing and storing `{name}`"));
    Ok(vec![effect])
}

/// Takes what the outside tells.
pub fn receive(state: &mut DifficultyState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Opened { dir, read_only, .. } => {
            *state = DifficultyState {
                dir: dir.clone(),
                read_only: read_only.clone(),
                opened: true,
                dirty: true,
                tab: state.tab,
                unit: state.unit,
                size: state.size,
                ..DifficultyState::default()
            };
        }
        // What was told of it before it was copied is told again.
        Message::Adopted(dir) => {
            state.dir.clone_from(dir);
            state.dirty = true;
        }
        Message::Rows { .. } | Message::Stood { .. } | Message::Judged { .. } => state.dirty = true,
        Message::Difficulty { dir, settings, survey } if *dir == state.dir && *settings == state.wanted => {
            take(state, survey.clone());
        }
        Message::SelectionStored(_) => {
            state.notice = None;
            state.dirty = true;
        }
        // A training beside a generation leaves its board where it is.
        Message::Live(board) if state.board.as_ref().is_none_or(|old| old.heavy().excludes(board.heavy())) => {
            let (before, samples) = (state.board.is_some(), samples(board));
            state.board = samples.then(|| board.clone());
            if before != samples {
                state.lay_out();
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Whether samples to learn from are being drawn: answers to test problems and a probe are none.
fn samples(board: &LiveBoard) -> bool {
    let scores = board.pass.as_ref().is_some_and(|pass| pass.step.starts_with("eval "));
    board.job == GENERATION && !scores && !board.state.is_over()
}

fn take(state: &mut DifficultyState, survey: Option<std::sync::Arc<Survey>>) {
    let Some(survey) = survey else {
        (state.survey, state.plan, state.empty) = (None, None, true);
        return;
    };
    let source = |survey: &Survey| survey.sources[survey.source].hash.clone();
    let moved = state.survey.as_deref().is_some_and(|before| source(before) != source(&survey));
    // The usual settings may be others by now: a rule that was not changed is that of the new ones.
    let follows = moved && state.rule == state.base();
    state.empty = false;
    if !state.ruled {
        (state.rule, state.ruled) = (survey.rule, true);
    } else if follows {
        state.rule = survey.stored().map_or_else(Rule::default, |stored| stored.rule);
    }
    state.take_survey(survey);
    state.dirty |= !state.ranked();
}

/// Actions worth a hint at the foot.
pub fn hints(state: &DifficultyState) -> Vec<&'static str> {
    if state.plan.is_none() {
        return Vec::new();
    }
    let mut hints = match state.tab {
        Tab::Histogram => vec!["difficulty.left", "difficulty.open", "difficulty.problems", "difficulty.next"],
        Tab::Lengths => vec!["difficulty.left", "difficulty.next", "difficulty.open"],
        Tab::Problems => vec!["difficulty.next", "difficulty.open", "difficulty.order", "difficulty.back"],
        Tab::Bins | Tab::Levels | Tab::Unsolved => vec!["difficulty.next", "difficulty.open"],
    };
    hints.extend(["difficulty.raise", "difficulty.lower", "difficulty.edit", "difficulty.shape"]);
    hints.extend(["difficulty.next_tab", "difficulty.store", "difficulty.unit", "difficulty.next_settings"]);
    hints
}
