//! The pane over made-up surveys.

mod problems;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::Tab;
use super::*;
use crate::difficulty::{Bin, Pick, Rule, ShapeName, select};
use crate::pipeline::difficulty::{Stored, Survey, made_up};
use crate::pipeline::select::SelectOutcome;
use crate::records::{LiveBoard, LiveState, LiveTotals};
use crate::session::Counts;
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

fn drawn(state: &DifficultyState, (width, height): (u16, u16), ascii: bool) -> String {
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

fn opened(size: (u16, u16)) -> DifficultyState {
    let mut state = DifficultyState::default();
    resize(&mut state, size.0, size.1);
    let message =
        Message::Opened { dir: "/s".into(), read_only: None, counts: Counts::default(), rows: Vec::new(), problems: 3 };
    receive(&mut state, &message);
    state
}

fn told(survey: Survey, settings: Option<&str>) -> Message {
    Message::Difficulty { dir: "/s".into(), settings: settings.map(str::to_owned), survey: Some(Arc::new(survey)) }
}

/// With problems that have different numbers of samples, so that the bars are shares.
fn uneven() -> Survey {
    let (mut survey, more) = (made_up(300, 8), made_up(300, 40));
    for at in (0..300).step_by(3) {
        survey.pool[at] = more.pool[at].clone();
        survey.problems[at].samples.clone_from(&more.problems[at].samples);
    }
    survey
}

fn watched(survey: Survey, size: (u16, u16)) -> DifficultyState {
    let mut state = opened(size);
    assert_eq!(enter(&mut state), [Effect::LoadDifficulty { settings: None, rule: None }]);
    receive(&mut state, &told(survey, None));
    assert_eq!(refresh(&mut state), [], "nothing has changed since");
    state
}

fn press(state: &mut DifficultyState, code: KeyCode) -> Vec<Effect> {
    assert!(state.capturing());
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

fn typed(state: &mut DifficultyState, text: &str) -> Vec<Effect> {
    press(state, KeyCode::Backspace);
    for letter in text.chars() {
        press(state, KeyCode::Char(letter));
    }
    press(state, KeyCode::Enter)
}

fn goto(state: &mut DifficultyState, label: &str) {
    update(state, DifficultyAction::First);
    for _ in 0..20 {
        update(state, DifficultyAction::PreviousParameter);
    }
    while state.selected_parameter().label() != label {
        let before = state.parameter;
        update(state, DifficultyAction::NextParameter);
        assert_ne!(state.parameter, before, "there is no {label}");
    }
}

#[test]
fn histogram_and_tables() {
    let mut state = watched(made_up(300, 8), (80, 21));
    insta::assert_snapshot!("histogram_80x21", drawn(&state, (80, 21), false));
    let mut names = vec!["bins", "lengths", "levels", "problems", "unsolved"].into_iter();
    for name in names.by_ref() {
        update(&mut state, DifficultyAction::NextTab);
        insta::assert_snapshot!(format!("{name}_80x21"), drawn(&state, (80, 21), false));
    }
    update(&mut state, DifficultyAction::NextTab);
    assert!(state.tab == Tab::Histogram);
    resize(&mut state, 60, 13);
    insta::assert_snapshot!("histogram_ascii_60x13", drawn(&state, (60, 13), true));
    let mut state = watched(uneven(), (160, 45));
    insta::assert_snapshot!("histogram_160x45", drawn(&state, (160, 45), false));
    update(&mut state, DifficultyAction::Problems);
    insta::assert_snapshot!("problems_160x45", drawn(&state, (160, 45), false));
    update(&mut state, DifficultyAction::Back);
    resize(&mut state, 80, 21);
    update(&mut state, DifficultyAction::Log);
    update(&mut state, DifficultyAction::Unit);
    insta::assert_snapshot!("shares_ascii_80x21", drawn(&state, (80, 21), true));
    insta::assert_snapshot!("nothing", drawn(&DifficultyState::default(), (80, 21), true));
}

/// What stands on the screen is what choosing comes to, before and after a number is changed.
#[test]
fn numbers_are_those_of_the_selection() {
    let survey = uneven();
    let mut state = watched(survey.clone(), (80, 21));
    let check = |state: &DifficultyState, rule: &Rule| {
        let chosen = select(&survey.pool, rule);
        let text = drawn(state, (80, 21), true);
        let accepted: usize = survey.pool.iter().map(|problem| problem.candidates().len()).sum();
        let line = format!("selects {} of {accepted} accepted, {} problems", chosen.samples.len(), chosen.problems());
        assert!(text.contains(&line), "{line}\n{text}");
        assert!(text.contains(&format!("fill {:.1}%", 100.0 * chosen.fill_rate())), "{text}");
        let bars: u64 = state.plan.as_ref().unwrap().bars.iter().map(|bar| bar.selected).sum();
        assert_eq!(bars as usize, chosen.samples.len());
    };
    check(&state, &Rule::default());
    goto(&mut state, "samples");
    update(&mut state, DifficultyAction::Edit);
    assert_eq!(typed(&mut state, "200"), []);
    check(&state, &Rule { samples: 200, ..Rule::default() });
    update(&mut state, DifficultyAction::Shape);
    update(&mut state, DifficultyAction::Shape);
    let band = Rule { samples: 200, shape: ShapeName::Band, ..Rule::default() };
    check(&state, &band);
    goto(&mut state, "low");
    update(&mut state, DifficultyAction::RaiseMore);
    check(&state, &Rule { low: 0.25, ..band });
    // Nothing that means nothing is taken.
    goto(&mut state, "high");
    update(&mut state, DifficultyAction::Edit);
    assert_eq!(typed(&mut state, "0.1"), []);
    assert!(drawn(&state, (80, 21), true).contains("! low, high: must be"), "{}", drawn(&state, (80, 21), true));
    press(&mut state, KeyCode::Esc);
    check(&state, &Rule { low: 0.25, ..band });
    update(&mut state, DifficultyAction::Stored);
    check(&state, &Rule::default());
}

#[test]
fn what_is_not_judged_is_said() {
    let mut survey = made_up(10, 8);
    survey.sources[0].unjudged = 80;
    for problem in &mut survey.pool {
        let (id, tally) = (problem.id().to_owned(), problem.tally());
        *problem = crate::difficulty::PoolProblem::new(id, tally, Vec::new(), &Rule::default(), |_, _| 0.0);
    }
    let state = watched(survey, (80, 21));
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("80 not judged") && text.contains("R in Review judges them"), "{text}");
}

/// With 8 samples of each problem, what the first 8 fill is what is filled; fewer fill less.
#[test]
fn fewer_samples_fill_less() {
    let mut state = watched(made_up(300, 8), (80, 21));
    let of = |state: &DifficultyState| state.plan.as_ref().unwrap().budgets.clone();
    let sizes: Vec<u32> = of(&state).iter().map(|(size, _)| *size).collect();
    assert_eq!(sizes, [1, 2, 4, 8]);
    let fill = state.plan.as_ref().unwrap().all.fill().unwrap();
    assert!((of(&state)[3].1 - fill).abs() < 1e-12);
    assert!(of(&state).windows(2).all(|pair| pair[0].1 < pair[1].1));
    // One of each: the second sample fills only where the first was not accepted.
    set(&mut state, Rule { most: 1, ..Rule::default() });
    let first = made_up(300, 8).problems.iter().filter(|problem| problem.samples[0].accepted).count();
    let wanted = state.plan.as_ref().unwrap().all.wanted;
    assert!((of(&state)[0].1 - first as f64 / wanted as f64).abs() < 1e-12);
}

#[test]
fn a_bar_or_row_opens_its_samples_with_the_selected_ones_first() {
    let survey = made_up(60, 8);
    let mut state = watched(survey.clone(), (80, 21));
    goto(&mut state, "K");
    update(&mut state, DifficultyAction::Edit);
    typed(&mut state, "2");
    // The bar of 6 of 8.
    state.bar = 6;
    let opened = update(&mut state, DifficultyAction::Open);
    let [Effect::Show { samples, beside: None, what }] = opened.as_slice() else { panic!("{opened:?}") };
    assert_eq!(what, "pass rate 6/8");
    let of: Vec<usize> = (0..60).filter(|&at| survey.pool[at].tally().correct == 6).collect();
    let mut all: Vec<i64> = of.iter().flat_map(|&at| &survey.problems[at].samples).map(|drawn| drawn.id).collect();
    all.sort_unstable();
    let mut sorted = samples.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, all, "each once");
    let chosen = select(&survey.pool, &state.rule);
    let selected: usize = of.iter().map(|&at| chosen.chosen[at] as usize).sum();
    let accepted: usize = of.iter().map(|&at| survey.pool[at].candidates().len()).sum();
    assert!(selected > 0 && selected < accepted && accepted < all.len());
    let drawn_of = |id: &i64| survey.problems.iter().flat_map(|problem| &problem.samples).find(|drawn| drawn.id == *id);
    assert!(samples[..accepted].iter().all(|id| drawn_of(id).unwrap().accepted));
    assert!(samples[accepted..].iter().all(|id| !drawn_of(id).unwrap().accepted));
    let only = update(&mut state, DifficultyAction::OpenSelected);
    assert_eq!(
        only,
        [Effect::Show { samples: samples[..selected].to_vec(), beside: None, what: "pass rate 6/8, selected".into() }]
    );
    // A bar without selected ones.
    update(&mut state, DifficultyAction::First);
    assert_eq!(update(&mut state, DifficultyAction::OpenSelected), []);
    assert!(drawn(&state, (80, 21), true).contains("selects none of these"));
    // Each tab opens something of its own.
    let of_tabs = [
        "unsolved problems",
        "base, 40-49 tokens",
        "level 1",
        "made-up/00000, 0/8 right",
        "made-up/00000, never solved",
    ];
    for what in of_tabs {
        update(&mut state, DifficultyAction::NextTab);
        let opened = update(&mut state, DifficultyAction::Open);
        let [Effect::Show { what: shown, .. }] = opened.as_slice() else { panic!("{opened:?}") };
        assert_eq!(shown, what);
    }
    state.tab = Tab::Lengths;
    state.stage = 2;
    update(&mut state, DifficultyAction::Last);
    assert_eq!(update(&mut state, DifficultyAction::Open), [], "nothing is so long");
    assert!(drawn(&state, (80, 21), true).contains("there are no samples here"));
}

#[test]
fn another_order_of_samples_is_asked_for() {
    let mut state = watched(made_up(60, 8), (80, 21));
    goto(&mut state, "pick");
    let rule = Rule { pick: Pick::MostDiverse, ..Rule::default() };
    let asked = update(&mut state, DifficultyAction::Raise);
    assert_eq!(asked, [Effect::LoadDifficulty { settings: None, rule: Some(rule) }]);
    assert!(drawn(&state, (80, 21), true).contains("being ranked anew"));
    // An answer in the old order does not do; the order that was asked for does.
    receive(&mut state, &told(made_up(60, 8), None));
    assert_eq!(refresh(&mut state), [Effect::LoadDifficulty { settings: None, rule: Some(rule) }]);
    let ranked = Survey { ranking: crate::pipeline::difficulty::Ranking::of(&rule), rule, ..made_up(60, 8) };
    receive(&mut state, &told(ranked, None));
    assert_eq!(refresh(&mut state), []);
    assert!(!drawn(&state, (80, 21), true).contains("ranked anew"));
    // A number that changes no order asks for nothing.
    goto(&mut state, "least");
    assert_eq!(update(&mut state, DifficultyAction::Raise), []);
}

/// A survey of two settings with a selection stored for each.
fn two_settings(source: usize) -> Survey {
    let mut survey = made_up(60, 8);
    let stored = |name: &str, settings: &str, k| Stored {
        name: name.into(),
        rule: Rule { k, ..Rule::default() },
        settings: settings.into(),
    };
    survey.selections = vec![stored("stage 1", "dialogues", 2.0), stored("stage 2", "made up", 3.0)];
    survey.source = source;
    survey.rule = survey.stored().unwrap().rule;
    survey
}

#[test]
fn settings_are_gone_through_and_an_unchanged_rule_gives_way() {
    let mut state = watched(two_settings(0), (80, 21));
    assert_eq!(state.rule.k, 3.0);
    assert!(drawn(&state, (80, 21), true).contains("as `stage 2`"));
    let asked = update(&mut state, DifficultyAction::NextSettings);
    assert_eq!(asked, [Effect::LoadDifficulty { settings: Some("dialogues".into()), rule: None }]);
    // What was on its way before is not what was asked for.
    receive(&mut state, &told(two_settings(0), None));
    assert_eq!(state.survey.as_ref().unwrap().source, 0);
    receive(&mut state, &told(two_settings(1), Some("dialogues")));
    assert_eq!((state.rule.k, state.survey.as_ref().unwrap().source), (2.0, 1));
    goto(&mut state, "K");
    update(&mut state, DifficultyAction::Raise);
    assert!(drawn(&state, (80, 21), true).contains("changed from `stage 1`"));
    let rule = state.rule;
    // Those of held-out problems alone are passed over.
    let asked = update(&mut state, DifficultyAction::NextSettings);
    assert_eq!(asked, [Effect::LoadDifficulty { settings: Some("made up".into()), rule: Some(rule) }]);
    receive(&mut state, &told(two_settings(0), Some("made up")));
    assert_eq!(state.rule, rule, "a changed one stays");
    update(&mut state, DifficultyAction::Stored);
    assert_eq!(state.rule.k, 3.0);
    // Another session's survey is not this one's.
    let other = Message::Difficulty { dir: "/t".into(), settings: Some("made up".into()), survey: None };
    receive(&mut state, &other);
    assert!(state.survey.is_some());
}

#[test]
fn a_selection_is_named_and_stored() {
    let mut state = watched(two_settings(0), (80, 21));
    update(&mut state, DifficultyAction::Store);
    assert!(state.capturing() && drawn(&state, (80, 21), true).contains("to be called: stage 2"));
    assert_eq!(typed(&mut state, " "), []);
    assert!(drawn(&state, (80, 21), true).contains("! a name is needed"));
    let stored = typed(&mut state, "hard ones");
    let effect = Effect::StoreSelection { name: "hard ones".into(), rule: state.rule, settings: "made up".into() };
    assert_eq!(stored, std::slice::from_ref(&effect));
    assert!(effect.changes_session());
    let outcome = SelectOutcome {
        name: "hard ones".into(),
        hash: "h".into(),
        samples: 1,
        problems: 1,
        target: "band".into(),
        k: 1.0,
        fill_rate: 1.0,
        accepted: 1,
        tokens: 1,
        effective: 1.0,
        settings: "made up".into(),
    };
    receive(&mut state, &Message::SelectionStored(Box::new(outcome)));
    assert_eq!(refresh(&mut state).len(), 1, "it is stored: read again");
    // Where nothing is selected, or nothing can be written, nothing is asked.
    state.read_only = Some("it is in use by process 7".into());
    update(&mut state, DifficultyAction::Store);
    assert!(!state.capturing() && drawn(&state, (80, 21), true).contains("viewing only: it is in use by process 7"));
    state.read_only = None;
    let (rule, low, high) = (state.rule, 0.3, 0.31);
    set(&mut state, Rule { shape: ShapeName::Band, low, high, ..rule });
    update(&mut state, DifficultyAction::Store);
    assert!(!state.capturing() && drawn(&state, (80, 21), true).contains("the rule selects nothing"));
}

fn set(state: &mut DifficultyState, rule: Rule) {
    update::set_rule(state, rule);
}

#[test]
fn it_reads_again_only_when_the_session_changed() {
    let mut state = watched(made_up(60, 8), (80, 21));
    let counts = Counts::default();
    for message in [
        Message::Rows { counts, rows: Vec::new() },
        Message::Stood { standings: Vec::new(), counts },
        Message::Judged { rows: Vec::new(), outcome: None },
    ] {
        receive(&mut state, &message);
        let asked = Effect::LoadDifficulty { settings: None, rule: Some(state.rule) };
        assert_eq!((refresh(&mut state), refresh(&mut state)), (vec![asked], Vec::new()));
    }
    receive(&mut state, &Message::Note("x".into()));
    assert_eq!(refresh(&mut state), []);
}

#[test]
fn a_sampling_is_followed_to_its_end() {
    let mut state = watched(uneven(), (80, 21));
    let before = drawn(&state, (80, 21), true);
    let totals = LiveTotals {
        samples_wanted: 2000,
        existing: 200,
        finished: 300,
        elapsed_seconds: 60.0,
        eta_seconds: Some(300.0),
        ..LiveTotals::default()
    };
    let board = |job: &str, state| {
        Message::Live(Arc::new(LiveBoard { job: job.into(), state, totals: totals.clone(), ..LiveBoard::default() }))
    };
    receive(&mut state, &board("train", LiveState::Running));
    assert_eq!(drawn(&state, (80, 21), true), before, "a training samples nothing");
    let scores = LiveBoard {
        job: "generate".into(),
        state: LiveState::Running,
        pass: Some(crate::records::PassPlace { step: "eval base".into(), ..Default::default() }),
        ..LiveBoard::default()
    };
    receive(&mut state, &Message::Live(Arc::new(scores)));
    assert_eq!(drawn(&state, (80, 21), true), before, "answers to test problems are none to learn from");
    receive(&mut state, &board("generate", LiveState::Running));
    let text = drawn(&state, (160, 21), true);
    assert!(text.contains("sampling 500 of 2000 drawn, 25%  5m00s left  right ones fill "), "{text}");
    receive(&mut state, &board("train", LiveState::Running));
    assert_eq!(drawn(&state, (160, 21), true), text, "a training may run beside it");
    // Every problem wants more than it has: the draws to the target take their time at five a second.
    let met = state.plan.as_ref().unwrap().met;
    let time = crate::tui::widgets::paint::duration(met.draws / 5.0);
    assert!(met.draws > 100.0 && text.contains(&format!("draws, {time} to the target")), "{text}");
    let right: u64 = state.plan.as_ref().unwrap().all.right;
    assert!(met.share > 0.0 && met.share <= right as f64 / state.plan.as_ref().unwrap().all.wanted as f64);
    receive(&mut state, &board("generate", LiveState::Done));
    assert_eq!(drawn(&state, (80, 21), true), before);
}

fn at(state: &mut DifficultyState, column: u16, row: u16, kind: MouseEventKind) -> Vec<Effect> {
    mouse(state, MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

#[test]
fn the_mouse_selects_opens_and_drags() {
    let mut state = watched(made_up(60, 8), (80, 21));
    let (down, up) = (MouseEventKind::Down(MouseButton::Left), MouseEventKind::Up(MouseButton::Left));
    let drag = MouseEventKind::Drag(MouseButton::Left);
    let place = super::histogram::Place::of(state.layout().body, state.plan.as_ref().unwrap().axis);
    let x = |bar: u16| place.bars.x + bar * place.step + 1;
    let y = place.bars.y + 2;
    assert_eq!((at(&mut state, x(2), y, down), at(&mut state, x(2), y, up)), (vec![], vec![]));
    assert_eq!(state.bar, 2);
    at(&mut state, x(2), y, down);
    assert!(matches!(&at(&mut state, x(2), y, up)[..], [Effect::Show { .. }]), "once more opens it");
    // A band is dragged over bars.
    let rule = state.rule;
    set(&mut state, Rule { shape: ShapeName::Band, ..rule });
    at(&mut state, x(3), y, down);
    at(&mut state, x(5), y, drag);
    assert_eq!(at(&mut state, x(5), y, up), []);
    let classes = state.plan.as_ref().unwrap();
    let with: Vec<usize> = (0..9).filter(|&bar| classes.bars[bar].selected > 0).collect();
    assert_eq!((with, state.bar), (vec![3, 4, 5], 5));
    // Numbers follow the wheel and the hand.
    let strip = state.layout().strip;
    let text = drawn(&state, (80, 21), true);
    let line = text.lines().nth(usize::from(strip.y)).unwrap();
    let column = line.find("least").unwrap() as u16;
    at(&mut state, column, strip.y, MouseEventKind::ScrollUp);
    assert_eq!(state.rule.least, 2);
    at(&mut state, column, strip.y, down);
    at(&mut state, column + 6, strip.y, drag);
    assert_eq!(state.rule.least, 5);
    // Rows of a table.
    update(&mut state, DifficultyAction::NextTab);
    let body = state.layout().body;
    at(&mut state, 5, body.y + 3, down);
    assert_eq!(Bin::ALL[state.class], Bin::Medium);
    assert_eq!(at(&mut state, 5, body.y + 10, down), [], "there is nothing");
}

/// No key and no size makes it draw outside its place or fall over, and nothing hostile reaches the screen.
#[test]
fn every_key_at_every_size() {
    let mut hostile = uneven();
    hostile.problems[0].head = "\u{1b}[2Jhead".into();
    hostile.sources[0].model = "\u{1b}]0;title\u{7}/x".into();
    for size in [(60, 13), (80, 21), (100, 30), (160, 45), (200, 57)] {
        let mut state = watched(hostile.clone(), size);
        for _ in Tab::ALL {
            for action in ACTIONS.iter().map(|(action, _)| *action) {
                update(&mut state, action);
                if state.capturing() {
                    drawn(&state, size, true);
                    press(&mut state, KeyCode::Esc);
                }
                for ascii in [true, false] {
                    let text = drawn(&state, size, ascii);
                    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
                    assert!(!ascii || text.is_ascii() || text.contains('\u{241b}'), "{text}");
                }
            }
            update(&mut state, DifficultyAction::NextTab);
        }
    }
    // Without problems, samples or any right answer.
    for (problems, samples) in [(1, 1), (3, 0), (0, 8)] {
        let mut state = watched(made_up(problems, samples), (80, 21));
        for action in ACTIONS.iter().map(|(action, _)| *action) {
            update(&mut state, action);
            drawn(&state, (80, 21), false);
        }
    }
}
