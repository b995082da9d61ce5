//! The pane over a made-up pass.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::Field;
use super::state::{Screen, Tab};
use super::*;
use crate::filter::{RuleId, Step};
use crate::jobs::Steer;
use crate::pipeline::FilterOutcome;
use crate::pipeline::recipe::Recipe;
use crate::pipeline::run::{Flow, Forecast, Pace, Planned, Probe, Progress, Scored, StepSeen, Waiting, plan};
use crate::records::{
    FinishReason, Heavy, LiveBoard, LiveSample, LiveServer, LiveState, LiveTotals, LiveTurn, PassPlace, ServerState,
    Standing,
};
use crate::session::{Counts, SampleRow};
use crate::stats::Interval;
use crate::train::runs::follow::{Reading, RunNews};
use crate::tui::effect::{Effect, Message, PassPlan};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

const NOW: i64 = 1_800_000_000_000;
const SMALL: (u16, u16) = (80, 21);
const LARGE: (u16, u16) = (160, 45);

fn recipe() -> Recipe {
    let text = "about = \"a pass for a test\"\nmodel = \"micro\"\nproblems = \"micro\"\ntest = \"micro-test\"\n\
                [stage1]\nreview = \"sample(20)\"\n";
    Recipe::read("small", "small.toml", text).unwrap()
}

fn interval(value: f64) -> Interval {
    Interval { value, low: value - 0.04, high: value + 0.04 }
}

fn judged() -> FilterOutcome {
    let step = |rule, dropped, sole| Step { rule, dropped, sole, failed: dropped };
    FilterOutcome {
        judged: 3200,
        accepted: 2883,
        rejected: 317,
        funnel: vec![
            step(RuleId::Truncated, 12, 0),
            step(RuleId::Arithmetic, 136, 68),
            step(RuleId::Answer, 106, 106),
            step(RuleId::Duplicate, 62, 62),
            step(RuleId::Language, 0, 0),
        ],
        measured: 3200,
        changed: 3200,
        to_review: Vec::new(),
        overruled: [0, 0],
        settings: "h".into(),
        sources: Default::default(),
    }
}

/// A pass of which so many steps are done.
fn progress(done: usize) -> Progress {
    let recipe = recipe();
    let steps = plan(&recipe, None).unwrap().into_iter().enumerate().map(|(at, Planned { name, about, .. })| {
        let came = format!("what came of {name}");
        StepSeen { name, about, done: (at < done).then_some((7.0 * at as f64, came)) }
    });
    let steps: Vec<StepSeen> = steps.collect();
    let waiting = (done == 3).then(|| Waiting {
        step: "stage 1 review".into(),
        decided: 3,
        wanted: 20,
        samples: vec![11, 5, 8],
        ..Waiting::default()
    });
    let count = |from: usize, count: usize| (done > from).then_some(count);
    let flow = Flow {
        stage: "stage 1".into(),
        run: "pi_sft".into(),
        settings: (done > 1).then(|| "dialogues".into()),
        drawn: count(1, 3200),
        accepted: count(2, 2883),
        chosen: count(4, 1822),
        trained: count(5, 1784),
    };
    let scored = |name: &str, value| Scored {
        name: name.into(),
        pass_at_1: interval(value),
        maj_at_k: interval(value + 0.03),
        greedy: Some(value + 0.05),
        mean_tokens: 240.04,
        problems: 400,
        samples: 8,
    };
    let whole = done >= steps.len();
    let scores = [(0, scored("base", 0.596)), (6, scored("pi_sft", 0.86)), (steps.len() - 1, scored("pi_rej", 0.766))];
    let paired = [("pi_sft", "base", 0.264), ("pi_rej", "pi_sft", -0.094), ("pi_rej", "base", 0.02)];
    Progress {
        flow: vec![flow, Flow { stage: "stage 2".into(), run: "pi_rej".into(), ..Flow::default() }],
        funnels: if done > 2 { vec![("stage 1".into(), judged())] } else { Vec::new() },
        scores: scores.into_iter().filter(|(at, _)| *at < done).map(|(_, score)| score).collect(),
        paired: paired
            .into_iter()
            .filter(|_| whole)
            .map(|(later, earlier, delta)| (later.into(), earlier.into(), interval(delta)))
            .collect(),
        waiting,
        report: whole.then(|| "/home/me/sessions/small-0/report/report.md".into()),
        recipe,
        steps,
    }
}

/// The board of the step at a place (from 1).
fn board(job: &str, at: usize, state: LiveState) -> LiveBoard {
    let steps = plan(&recipe(), None).unwrap();
    let step = steps[at - 1].name.clone();
    LiveBoard {
        job: job.into(),
        state,
        message: format!("step {at} of {}, {step}", steps.len()),
        pass: Some(PassPlace { step, at, of: steps.len(), since: NOW - 34_000 }),
        ..LiveBoard::default()
    }
}

fn training() -> LiveBoard {
    let totals = LiveTotals {
        samples_wanted: 225,
        finished: 120,
        tokens: 739_000,
        tokens_per_second: 15_700.0,
        eta_seconds: Some(41.0),
        ..LiveTotals::default()
    };
    let board = board("train", 6, LiveState::Running);
    LiveBoard { totals, run: "pi_sft".into(), message: "step 120/225, loss 0.0312".into(), ..board }
}

fn writing(text: &str, key: u64) -> LiveBoard {
    let turn = |text: &str, finished| LiveTurn {
        label: "attempt".into(),
        prompt: "How many?".into(),
        text: text.into(),
        tokens: 40,
        finished,
    };
    let sample = LiveSample {
        key,
        problem_id: "micro-pool-0042".into(),
        draw: 1,
        turns: vec![turn(text, false)],
        turns_wanted: 2,
        tokens: 40,
        tokens_per_second: 14.2,
    };
    let totals = LiveTotals {
        samples_wanted: 3200,
        existing: 100,
        finished: 700,
        correct: 490,
        tokens: 160_000,
        tokens_per_second: 20_858.0,
        eta_seconds: Some(25.0),
        ..LiveTotals::default()
    };
    LiveBoard { running: vec![sample], totals, ..board("generate", 2, LiveState::Running) }
}

fn row(id: i64, right: bool) -> SampleRow {
    SampleRow {
        id,
        problem_id: format!("p{}", id / 8),
        source: "own".into(),
        held_out: false,
        level: None,
        subject: None,
        draw: (id % 8) as u32,
        settings: "s".into(),
        strategies: Vec::new(),
        tags: Vec::new(),
        answer: None,
        correct: Some(right),
        finish: FinishReason::Stop,
        tokens: 100,
        seconds: 1.0,
        created_at: 0,
        standing: Standing::default(),
        accepted: None,
        failed: Vec::new(),
        traits: Vec::new(),
    }
}

fn opened(read_only: Option<&str>) -> RunState {
    let mut state = RunState::default();
    resize(&mut state, SMALL.0, SMALL.1);
    let rows = (0..800).map(|id| row(id, id % 8 <= id / 100)).collect();
    let message = Message::Opened {
        dir: "/s/small".into(),
        read_only: read_only.map(str::to_owned),
        counts: Counts { accepted: 2, rejected: 1, ..Counts::default() },
        rows,
        problems: 100,
    };
    tell(&mut state, message);
    let step = |step: u64| Reading::Step {
        step,
        loss: 1.0 / (step as f64).sqrt(),
        lr: 1e-3,
        grad_norm: 1.0,
        tokens_per_second: 900.0,
        epoch: 0.1,
        tokens: step * 500,
    };
    let readings = (1..=120).map(step).chain([Reading::Validation { step: 75, loss: 0.2 }]).collect();
    let news = RunNews { name: "pi_sft".into(), total_steps: Some(225), readings, ..RunNews::default() };
    tell(&mut state, Message::Runs(vec![news]));
    state
}

fn tell(state: &mut RunState, message: Message) {
    assert_eq!(receive(state, &message), []);
}

fn live(state: &mut RunState, board: LiveBoard) {
    tell(state, Message::Live(Arc::new(board)));
}

fn at(done: usize) -> RunState {
    let mut state = opened(None);
    tell(&mut state, Message::Pass(Box::new(progress(done))));
    state
}

fn drawn(state: &mut RunState, size: (u16, u16), ascii: bool) -> String {
    resize(state, size.0, size.1);
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, NOW, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

fn press(state: &mut RunState, code: KeyCode) {
    assert_eq!(key(state, KeyEvent::new(code, KeyModifiers::NONE)), []);
}

fn planned(state: &mut RunState) {
    update(state, RunAction::New);
    let asked = update(state, RunAction::Start);
    assert!(matches!(&asked[..], [Effect::PlanPass(wanted)] if wanted.recipe == "micro"), "{asked:?}");
    let pass = PassPlan { steps: plan(&recipe(), None).unwrap(), recipe: recipe(), pool: 2000, test: 400 };
    tell(state, Message::Plan(Ok(Box::new(pass))));
}

fn measured() -> (Probe, Vec<Forecast>) {
    let each = |step: Planned| Forecast { step, tokens: 640_000.0, seconds: Some(30.0) };
    let pace = |tokens_per_second| Pace { tokens_per_second, ..Pace::default() };
    let probe = Probe { answers: pace(14_000.0), dialogues: pace(20_000.0), ..Probe::default() };
    (probe, plan(&recipe(), None).unwrap().into_iter().map(each).collect())
}

#[test]
fn the_form_and_what_is_wrong_with_a_recipe() {
    let mut state = opened(None);
    insta::assert_snapshot!("form_80x21", drawn(&mut state, SMALL, false));
    update(&mut state, RunAction::Choose);
    assert_eq!(state.form.text(Field::Recipe), "gsm8k-small");
    update(&mut state, RunAction::Activate);
    assert!(state.capturing());
    for letter in "./my.toml".chars() {
        press(&mut state, KeyCode::Char(letter));
    }
    press(&mut state, KeyCode::Enter);
    assert!(!state.capturing());
    state.form.set(Field::Seed, "-1");
    assert_eq!(update(&mut state, RunAction::Start), [], "a wrong field is put right first");
    assert!(drawn(&mut state, SMALL, true).contains("! 0 or more"));
    state.form.set(Field::Seed, "7");
    let asked = update(&mut state, RunAction::Start);
    let [Effect::PlanPass(wanted)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((wanted.recipe.as_str(), wanted.seed, &wanted.model), ("./my.toml", Some(7), &None));
    let wrong =
        "./my.toml:12: stage2.budget.most: must be no less than `first`, and the line tells where to look for it";
    tell(&mut state, Message::Plan(Err(wrong.into())));
    insta::assert_snapshot!("form_wrong_80x21", drawn(&mut state, SMALL, true));
    // An answer to nothing that was asked changes nothing.
    tell(&mut state, Message::Plan(Err("late".into())));
    assert_eq!(state.form.wrong.as_deref(), Some(wrong));
}

#[test]
fn a_plan_is_shown_measured_and_started() {
    let mut state = opened(None);
    planned(&mut state);
    insta::assert_snapshot!("plan_80x21", drawn(&mut state, SMALL, false));
    let asked = update(&mut state, RunAction::Forecast);
    assert!(matches!(&asked[..], [Effect::ForecastPass(order)] if !order.ablations));
    let measuring = LiveBoard { job: "forecast".into(), state: LiveState::Running, ..LiveBoard::default() };
    live(&mut state, measuring.clone());
    assert_eq!(update(&mut state, RunAction::Start), [], "what is measured is not disturbed");
    assert_eq!(update(&mut state, RunAction::Stop), [Effect::SteerJob { steer: Steer::Stop, of: Heavy::Both }]);
    tell(&mut state, Message::Forecast(Err("stopped in step probe".into())));
    assert!(drawn(&mut state, SMALL, true).contains("no forecast: stopped"));
    tell(&mut state, Message::Forecast(Ok(Box::new(measured()))));
    insta::assert_snapshot!("plan_measured_80x21", drawn(&mut state, SMALL, true));
    insta::assert_snapshot!("plan_measured_160x45", drawn(&mut state, LARGE, false));
    state.form.set(Field::Slots, "4");
    state.form.set(Field::Ablations, "on");
    let asked = update(&mut state, RunAction::Start);
    let [Effect::StartRun(order)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((order.slots, order.wait, order.ablations, order.recipe.name.as_str()), (Some(4), true, true, "small"));
    assert_eq!(update(&mut state, RunAction::Start), [], "not twice");
    tell(&mut state, Message::Error("generate runs here already".into()));
    assert_eq!(state.shown(), Screen::Plan);
    assert!(drawn(&mut state, SMALL, true).contains("not started: generate runs here already"));
}

#[test]
fn the_steps_and_the_training_at_work() {
    let mut state = at(5);
    live(&mut state, training());
    insta::assert_snapshot!("training_80x21", drawn(&mut state, SMALL, false));
    insta::assert_snapshot!("training_160x45", drawn(&mut state, LARGE, false));
    insta::assert_snapshot!("training_ascii_60x13", drawn(&mut state, (60, 13), true));
    assert_eq!(update(&mut state, RunAction::Pause), [Effect::SteerJob { steer: Steer::Pause, of: Heavy::Both }]);
    live(&mut state, LiveBoard { state: LiveState::Paused, ..training() });
    assert_eq!(update(&mut state, RunAction::Pause), [Effect::SteerJob { steer: Steer::Resume, of: Heavy::Both }]);
    assert_eq!(update(&mut state, RunAction::Stop), [Effect::SteerJob { steer: Steer::Stop, of: Heavy::Both }]);
    assert_eq!(update(&mut state, RunAction::Start), [], "one at a time");
    let halted = "stopped in step train pi_sft; the same command goes on from there";
    live(&mut state, LiveBoard { state: LiveState::Done, message: halted.into(), ..training() });
    assert!(drawn(&mut state, SMALL, true).contains("Stopped"));
    let asked = update(&mut state, RunAction::Start);
    assert!(matches!(&asked[..], [Effect::StartRun(order)] if order.wait && order.recipe == recipe()), "{asked:?}");
    live(&mut state, LiveBoard { state: LiveState::Failed, message: "no space left on device".into(), ..training() });
    assert!(drawn(&mut state, SMALL, true).contains("Failed: no space left on device"));
}

#[test]
fn what_is_written_is_followed_to_its_end() {
    let mut state = at(1);
    live(&mut state, writing("First I add 3 and 4.", 7));
    insta::assert_snapshot!("writing_80x21", drawn(&mut state, SMALL, false));
    live(&mut state, writing("First I add 3 and 4. That is 7.\u{1b}[31m", 7));
    let shown = drawn(&mut state, SMALL, true);
    assert!(shown.contains("3 and 4. That is 7.") && !shown.contains('\u{1b}'), "{shown}");
    let mut two = writing("Another one.", 8);
    two.running.insert(0, writing("First I add 3 and 4. That is 7. So", 7).running.remove(0));
    live(&mut state, two);
    assert!(drawn(&mut state, SMALL, true).contains("That is 7. So"), "it stays with the one that it began with");
    live(&mut state, writing("Another one.", 8));
    assert!(drawn(&mut state, SMALL, true).contains("Another one."));
    live(&mut state, board("run", 3, LiveState::Running));
    assert_eq!(state.tab(), Tab::Filter);
    update(&mut state, RunAction::PreviousView);
    assert!(drawn(&mut state, SMALL, true).contains("Nothing is being written."));
    // A job that is no pass is of no concern.
    live(&mut state, LiveBoard { pass: None, ..writing("Elsewhere.", 9) });
    assert!(!drawn(&mut state, SMALL, true).contains("Elsewhere."));
}

/// Of servers most dialogues come whole.
#[test]
fn one_that_is_told_is_followed_before_those_that_come_whole() {
    let served = |told: &[(u64, &str)], ended: Vec<LiveSample>| {
        let sample = |(key, text): &(u64, &str)| {
            let mut sample = writing(text, *key).running.remove(0);
            sample.turns[0].tokens = text.len();
            sample
        };
        let servers = vec![LiveServer {
            url: "http://one:8000/v1".into(),
            state: ServerState::Healthy,
            in_flight: 2,
            allowed: 2,
            done: 1,
            failed: 0,
            retried: 0,
            tokens_per_second: 9.0,
            last_error: None,
        }];
        LiveBoard { running: told.iter().map(sample).collect(), ended, servers, ..writing("", 1) }
    };
    let mut state = at(1);
    let mut shows = |board: LiveBoard, text: &str| {
        live(&mut state, board);
        let shown = drawn(&mut state, SMALL, true);
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    };
    shows(served(&[(7, "Seven begins"), (8, ""), (9, "")], Vec::new()), "Seven begins");
    let whole = writing("Seven begins and ends.", 7).running;
    shows(served(&[(8, "Eight begins"), (9, "")], whole), "Seven begins and ends.");
    shows(served(&[(8, "Eight begins"), (9, "")], Vec::new()), "Eight begins");
    shows(served(&[(8, ""), (9, "Nine begins")], Vec::new()), "Nine begins");
}

#[test]
fn a_person_is_waited_for_and_lets_it_go_on() {
    let mut state = at(3);
    live(&mut state, board("run", 4, LiveState::Waiting));
    insta::assert_snapshot!("waiting_80x21", drawn(&mut state, SMALL, false));
    let listed = Effect::Show { samples: vec![11, 5, 8], beside: None, what: "stage 1 review".into() };
    assert_eq!(update(&mut state, RunAction::Review), [listed]);
    assert_eq!(update(&mut state, RunAction::GoOn), [], "17 are not decided: it asks");
    assert!(drawn(&mut state, SMALL, true).contains("17 are not decided"));
    assert_eq!(update(&mut state, RunAction::Next), []);
    assert_eq!(update(&mut state, RunAction::GoOn), [], "another key between is no answer");
    assert_eq!(update(&mut state, RunAction::GoOn), [Effect::ReleaseReview]);
    tell(&mut state, Message::Pass(Box::new(progress(4))));
    assert_eq!(update(&mut state, RunAction::GoOn), [], "it does not wait any more");
    assert_eq!(update(&mut state, RunAction::Review), []);

    // Nothing runs: the word is given, and the pass begun here.
    let mut state = at(3);
    update(&mut state, RunAction::GoOn);
    let asked = update(&mut state, RunAction::GoOn);
    assert!(matches!(&asked[..], [Effect::ReleaseReview, Effect::StartRun(_)]), "{asked:?}");
    let mut state = opened(Some("no right to write"));
    tell(&mut state, Message::Pass(Box::new(progress(3))));
    update(&mut state, RunAction::GoOn);
    assert_eq!(update(&mut state, RunAction::GoOn), []);
    assert_eq!(update(&mut state, RunAction::Start), []);
    assert!(drawn(&mut state, SMALL, true).contains("viewing only: no right to write"));
}

#[test]
fn at_its_end_it_tells_the_scores_and_shows_the_report() {
    let all = progress(0).steps.len();
    let mut state = at(all);
    insta::assert_snapshot!("done_80x21", drawn(&mut state, SMALL, false));
    insta::assert_snapshot!("done_160x45", drawn(&mut state, LARGE, false));
    assert_eq!(update(&mut state, RunAction::Start), [], "nothing is left to do");
    assert_eq!(update(&mut state, RunAction::Report), [Effect::ReadReport]);
    let text: String = (0..60).map(|line| format!("line {line}\n")).collect();
    tell(&mut state, Message::Report(format!("# Recipe small\n\n{text}")));
    let shown = drawn(&mut state, SMALL, true);
    assert!(shown.contains("# Recipe small") && shown.contains("report  1-20/"), "{shown}");
    update(&mut state, RunAction::PageDown);
    assert!(!drawn(&mut state, SMALL, true).contains("# Recipe small"));
    update(&mut state, RunAction::Back);
    assert_eq!(state.shown(), Screen::Pass);
    state.form.set(Field::Ablations, "on");
    let asked = update(&mut state, RunAction::Start);
    assert!(matches!(&asked[..], [Effect::StartRun(order)] if order.ablations), "variants may follow: {asked:?}");
}

#[test]
fn hardness_is_of_the_samples_that_are_drawn_and_then_of_the_stage() {
    let mut state = at(1);
    live(&mut state, board("generate", 2, LiveState::Running));
    assert_eq!(state.drawn_under(), None, "the newest");
    let mut state = at(2);
    live(&mut state, board("run", 3, LiveState::Running));
    assert_eq!(state.drawn_under(), Some("dialogues"));
}

#[test]
fn views_go_round_and_every_size_is_drawn() {
    let mut state = at(5);
    live(&mut state, training());
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(state.tab());
        update(&mut state, RunAction::NextView);
    }
    assert_eq!(seen, [Tab::Loss, Tab::Scores, Tab::Writing, Tab::Filter, Tab::Difficulty]);
    update(&mut state, RunAction::Back);
    assert_eq!(state.tab, None);
    resize(&mut state, LARGE.0, LARGE.1);
    update(&mut state, RunAction::NextView);
    assert_eq!(state.first_view(), Tab::Scores, "of four views the first one changes");
    for screen in [Screen::Pass, Screen::Setup, Screen::Plan, Screen::Report] {
        state.screen = screen;
        for width in [0, 1, 30, 60, 79, 139, 200] {
            for height in [0, 1, 3, 9, 13, 37, 60] {
                drawn(&mut state, (width, height), width % 2 == 0);
            }
        }
    }
}

#[test]
fn another_session_begins_anew_but_for_the_form() {
    let mut state = at(5);
    live(&mut state, training());
    state.form.set(Field::Seed, "7");
    tell(
        &mut state,
        Message::Opened {
            dir: "/s/other".into(),
            read_only: None,
            counts: Counts::default(),
            rows: Vec::new(),
            problems: 0,
        },
    );
    assert!(state.progress.is_none() && state.board.is_none());
    assert_eq!((state.form.text(Field::Seed), state.shown()), ("7", Screen::Setup));
}
