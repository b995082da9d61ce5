//! The pane over made-up evaluations.

use std::sync::Arc;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::eval::{Answered, Comparison, Flip, Graded, Moves, Score, pass_at_k};
use crate::filter::Transition;
use crate::filter::behaviours::Behaviour;
use crate::jobs::Steer;
use crate::pipeline::eval::{Detail, Dialogues, EvalKey, Flipped, Group, Listed, Paired, ScoreRequest, Scores};
use crate::records::{Heavy, LiveBoard, LiveState, LiveTotals, ModelIdentity, SampleSettings, Sampling};
use crate::session::{Counts, StoredEval};
use crate::stats::Interval;
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

const PROBLEMS: usize = 40;

/// Of 8 answers to each problem, a share grows with `skill`; levels go from 1 to 5.
fn answered(skill: usize) -> Vec<Answered> {
    let problem = |at: usize| {
        let right = (at * skill / 10).min(8);
        let sample = |draw: usize| Graded {
            correct: draw < right,
            answer: Some(if draw < right { "1".into() } else { "2".into() }),
            tokens: 40 + 10 * draw,
            truncated: draw == 7 && right < 4,
            transition: Some(if draw >= right {
                Transition::FalseOther
            } else if draw.is_multiple_of(2) {
                Transition::TrueTrue
            } else {
                Transition::FalseTrue
            }),
            behaviours: if draw.is_multiple_of(3) { vec![Behaviour::Verification] } else { Vec::new() },
            verdict: Some((draw.is_multiple_of(2), true)),
        };
        let samples = (0..8).map(sample).collect();
        Answered { problem: format!("micro/{at}"), gold: "1".into(), level: Some(1 + at as i64 % 5), samples }
    };
    (0..PROBLEMS).map(problem).collect()
}

fn listed(name: &str, model: &str, skill: usize, temperature: f32) -> Listed {
    let mut answers = answered(skill);
    let samples = if temperature == 0.0 { 1 } else { 8 };
    answers.iter_mut().for_each(|one| one.samples.truncate(samples));
    let score = Score::of(&answers).unwrap();
    let made = SampleSettings {
        model: ModelIdentity {
            name: model.into(),
            content: model.into(),
            template: "t".into(),
            compute: "q8".into(),
            context_length: 512,
        },
        turns: 1,
        sampling: Sampling { temperature, top_p: 1.0, max_tokens: 500, ..Sampling::default() },
        seed: 0,
        dialogue: serde_json::json!({ "prompt": "Solve: {{ problem }}" }),
    };
    Listed {
        eval: StoredEval {
            name: name.into(),
            model: model.into(),
            settings: format!("{model}{temperature}"),
            samples: samples as u32,
            problems: answers.iter().map(|one| one.problem.clone()).collect(),
            summary: serde_json::to_string(&score).unwrap(),
        },
        made: Some(made),
        score,
        source: "micro-test".into(),
    }
}

fn all() -> Vec<Listed> {
    vec![
        listed("base", "micro", 1, 0.8),
        listed("base greedy", "micro", 1, 0.0),
        listed("pi_sft", "/s/runs/pi_sft/checkpoint-225", 4, 0.8),
        listed("pi_sft greedy", "/s/runs/pi_sft/checkpoint-225", 4, 0.0),
        listed("pi_rej\u{1b}[31m", "/s/runs/pi_rej/checkpoint-240", 3, 0.8),
    ]
}

fn interval(value: f64) -> Interval {
    Interval { value, low: (value - 0.04).max(-1.0), high: (value + 0.05).min(1.0) }
}

fn detail(of: &Listed, skill: usize) -> Detail {
    let answers = answered(skill);
    let passes = |k: u32| {
        let pass = |one: &Answered| {
            let right = one.samples.iter().filter(|sample| sample.correct).count();
            pass_at_k(one.samples.len() as u32, right as u32, k)
        };
        interval(answers.iter().map(pass).sum::<f64>() / PROBLEMS as f64)
    };
    let mut groups: BTreeMap<Group, Vec<i64>> = BTreeMap::new();
    groups.insert(Group::All, (1..=320).collect());
    groups.insert(Group::Right, vec![5, 7]);
    (1..=5).for_each(|level| drop(groups.insert(Group::Level(level), vec![10 * level, 10 * level + 1])));
    groups.insert(Group::Moved(Transition::FalseTrue), vec![3, 9]);
    let transitions: Vec<Vec<Option<Transition>>> =
        answers.iter().map(|one| one.samples.iter().map(|sample| sample.transition).collect()).collect();
    Detail {
        key: of.key(),
        score: of.score.clone(),
        missing: 0,
        pass_at_k: [1, 2, 4, 8].map(|k| (k, passes(k))).into(),
        behaviours: Behaviour::ALL.into_iter().map(|behaviour| (behaviour, interval(0.3))).collect(),
        truncated: interval(0.04),
        moves: Moves::of(&transitions).unwrap(),
        tokens_per_right: Some(67.3),
        groups,
    }
}

fn paired(first: EvalKey, second: EvalKey) -> Paired {
    let flip = |problem: &str, before, after| Flipped {
        problem: problem.into(),
        text: "Ann has 16 eggs, eats three\nand sells the rest\u{7} at $2 each. How much does she make?".into(),
        before,
        after,
        samples: vec![21, 22, 11, 12],
        beside: Some(12),
    };
    let to = |flips: &[Flipped]| -> Vec<Flip> {
        let rate = |(right, of): (usize, usize)| right as f64 / of as f64;
        flips
            .iter()
            .map(|one| Flip { problem: one.problem.clone(), before: rate(one.before), after: rate(one.after) })
            .collect()
    };
    let gained: Vec<Flipped> = (0..9).map(|at| flip(&format!("micro/{at}"), (1, 8), (7, 8))).collect();
    let lost = vec![flip("micro/a-very-long-name-of-a-problem-17", (8, 8), (0, 8))];
    Paired {
        first,
        second,
        only_first: 0,
        only_second: 3,
        comparison: Some(Comparison {
            problems: PROBLEMS,
            delta: Interval { value: 0.264, low: 0.224, high: 0.305 },
            length_ratio: Some(6.01),
            length_ratio_both_right: Some(5.87),
            gained: to(&gained),
            lost: to(&lost),
        }),
        gained,
        lost,
    }
}

fn told(state: &mut EvalState, answer: Scores) {
    let asked = match &answer {
        Scores::Detail(detail) => ScoreRequest::Detail(detail.key.clone()),
        Scores::Paired(paired) => ScoreRequest::Paired { first: paired.first.clone(), second: paired.second.clone() },
        Scores::Dialogues(_) => ScoreRequest::Dialogues,
    };
    assert_eq!(receive(state, &Message::Scores { asked, answer: Ok(answer) }), []);
}

fn empty(size: (u16, u16)) -> EvalState {
    let mut state = EvalState::default();
    resize(&mut state, size.0, size.1);
    let counts = Counts::default();
    receive(&mut state, &Message::Opened { dir: "s".into(), read_only: None, counts, rows: Vec::new(), problems: 40 });
    state
}

/// pi_sft is selected, its details and its comparison with base are there.
fn filled(size: (u16, u16)) -> EvalState {
    let mut state = empty(size);
    assert_eq!(enter(&mut state), [Effect::LoadEvals]);
    let all = all();
    receive(&mut state, &Message::Evals(all.clone()));
    update(&mut state, EvalAction::Previous);
    let wanted = update(&mut state, EvalAction::Previous);
    let (base, sft) = (all[0].key(), all[2].key());
    assert_eq!(
        wanted,
        [
            Effect::ReadScores(ScoreRequest::Detail(sft.clone())),
            Effect::ReadScores(ScoreRequest::Paired { first: base.clone(), second: sft.clone() })
        ]
    );
    told(&mut state, Scores::Detail(Box::new(detail(&all[2], 4))));
    told(&mut state, Scores::Paired(Box::new(paired(base, sft))));
    state
}

fn dialogues() -> Vec<Dialogues> {
    use Transition::{FalseSame, FalseTrue, TrueFalse, TrueTrue};
    let moves = |count: usize| {
        let of = |at: usize| vec![[Some(TrueTrue), Some(FalseTrue), Some(FalseSame), Some(TrueFalse), None][at % 5]];
        Moves::of(&(0..count).map(of).collect::<Vec<_>>()).unwrap()
    };
    let rows = BTreeMap::from([(Some(FalseTrue), vec![71, 72]), (None, vec![79])]);
    vec![Dialogues {
        settings: "f4c6".into(),
        made: all()[0].made.clone().map(|made| SampleSettings { turns: 2, ..made }),
        left_out: 12,
        moves: moves(100),
        by_strategy: vec![("verification".into(), moves(60)), ("backtracking".into(), moves(40))],
        rows,
    }]
}

fn drawn(state: &EvalState, (width, height): (u16, u16), ascii: bool) -> String {
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

const SMALL: (u16, u16) = (80, 21);
const LARGE: (u16, u16) = (160, 45);

#[test]
fn what_it_looks_like() {
    let mut state = filled(SMALL);
    insta::assert_snapshot!("score_80x21", drawn(&state, SMALL, false));
    update(&mut state, EvalAction::NextTab);
    update(&mut state, EvalAction::NextTab);
    insta::assert_snapshot!("chains_80x21", drawn(&state, SMALL, false));
    update(&mut state, EvalAction::NextTab);
    update(&mut state, EvalAction::Activate);
    insta::assert_snapshot!("against_ascii_80x21", drawn(&state, SMALL, true));
    assert_eq!(update(&mut state, EvalAction::NextTab), [Effect::ReadScores(ScoreRequest::Dialogues)]);
    told(&mut state, Scores::Dialogues(dialogues()));
    insta::assert_snapshot!("turns_80x21", drawn(&state, SMALL, false));
    let mut state = filled(LARGE);
    insta::assert_snapshot!("scores_160x45", drawn(&state, LARGE, false));
    update(&mut state, EvalAction::New);
    insta::assert_snapshot!("form_80x21", drawn(&state, SMALL, false));
    resize(&mut state, 60, 13);
    update(&mut state, EvalAction::Back);
    insta::assert_snapshot!("score_60x13", drawn(&state, (60, 13), true));
    insta::assert_snapshot!(
        "nothing_80x21",
        drawn(
            &{
                let mut state = empty(SMALL);
                receive(&mut state, &Message::Evals(Vec::new()));
                state
            },
            SMALL,
            false
        )
    );
}

#[test]
fn the_newest_model_is_compared_with_the_one_before_it() {
    let mut state = empty(LARGE);
    let all = all();
    let wanted = receive(&mut state, &Message::Evals(all.clone()));
    let pair = ScoreRequest::Paired { first: all[2].key(), second: all[4].key() };
    assert_eq!(wanted, [Effect::ReadScores(ScoreRequest::Detail(all[4].key())), Effect::ReadScores(pair)]);
    // Greedy answers are compared with greedy ones.
    update(&mut state, EvalAction::Previous);
    assert_eq!(state.against().map(|against| against.eval.name.as_str()), Some("base greedy"));
    // A mark says otherwise, and what is unfair is said and not worked out.
    for _ in 0..9 {
        update(&mut state, EvalAction::Previous);
    }
    update(&mut state, EvalAction::Against);
    update(&mut state, EvalAction::Next);
    // The comparison was asked for on the way up, and nobody has asked for another one since.
    let wanted = update(&mut state, EvalAction::Next);
    assert_eq!(wanted, [Effect::ReadScores(ScoreRequest::Detail(all[2].key()))]);
    assert!(state.asked.contains(&ScoreRequest::Paired { first: all[0].key(), second: all[2].key() }));
    let wanted = update(&mut state, EvalAction::Next);
    assert!(matches!(&wanted[..], [Effect::ReadScores(ScoreRequest::Detail(_))]), "{wanted:?}");
    let text = drawn(&state, LARGE, false);
    assert!(text.contains("Not compared: the settings differ") && text.contains("0.8 | 0"), "{text}");
    update(&mut state, EvalAction::Previous);
    update(&mut state, EvalAction::Swap);
    assert_eq!((state.selected().unwrap().eval.name.as_str(), state.mark.clone()), ("base", Some(all[2].key())));
}

#[test]
fn a_flipped_problem_opens_a_sample_of_both() {
    let mut state = filled(SMALL);
    for _ in 0..3 {
        update(&mut state, EvalAction::NextTab);
    }
    update(&mut state, EvalAction::Activate);
    let effects = update(&mut state, EvalAction::Activate);
    let what = "micro/0 gained: base and pi_sft".into();
    assert_eq!(effects, [Effect::Show { samples: vec![21, 22, 11, 12], beside: Some(12), what }]);
    for _ in 0..9 {
        update(&mut state, EvalAction::Next);
    }
    let effects = update(&mut state, EvalAction::Activate);
    assert!(matches!(&effects[..], [Effect::Show { what, .. }] if what.contains("-17 lost")), "{effects:?}");
    let models = vec!["micro".to_owned(), "/s/runs/pi_sft/checkpoint-225".to_owned()];
    assert_eq!(update(&mut state, EvalAction::Talk), [Effect::TalkWith(models)]);
    update(&mut state, EvalAction::PreviousTab);
    let models = vec!["/s/runs/pi_sft/checkpoint-225".to_owned()];
    assert_eq!(update(&mut state, EvalAction::Talk), [Effect::TalkWith(models)]);
}

#[test]
fn lines_open_the_samples_that_they_count() {
    for size in [SMALL, LARGE] {
        let mut state = filled(size);
        update(&mut state, EvalAction::NextTab);
        update(&mut state, EvalAction::Activate);
        update(&mut state, EvalAction::Next);
        let effects = update(&mut state, EvalAction::Activate);
        let what = "pi_sft: level 2".into();
        assert_eq!(effects, [Effect::Show { samples: vec![20, 21], beside: None, what }], "{size:?}");
        update(&mut state, EvalAction::Back);
        assert!(!state.inside);
    }
    let mut state = filled(SMALL);
    update(&mut state, EvalAction::PreviousTab);
    told(&mut state, Scores::Dialogues(dialogues()));
    update(&mut state, EvalAction::Activate);
    let effects = update(&mut state, EvalAction::Activate);
    assert!(matches!(&effects[..], [Effect::Show { samples, .. }] if samples.len() == 3), "{effects:?}");
    for _ in 0..3 {
        update(&mut state, EvalAction::Next);
    }
    let effects = update(&mut state, EvalAction::Activate);
    let what = "dialogues: F>T".into();
    assert_eq!(effects, [Effect::Show { samples: vec![71, 72], beside: None, what }]);
    update(&mut state, EvalAction::Previous);
    assert_eq!(update(&mut state, EvalAction::Activate), [], "nothing is counted there");
    assert!(state.notice.is_some());
}

#[test]
fn a_list_that_changed_is_read_again_and_its_scores_with_it() {
    let mut state = filled(SMALL);
    assert_eq!(refresh(&mut state), []);
    receive(&mut state, &Message::Rows { counts: Counts::default(), rows: Vec::new() });
    assert_eq!(refresh(&mut state), [Effect::LoadEvals]);
    assert_eq!(refresh(&mut state), [], "asked once");
    let mut all = all();
    assert_eq!(receive(&mut state, &Message::Evals(all.clone())), [], "nothing new");
    // One that is kept anew is worked out anew.
    all[2].score.pass_at_1.value = 0.5;
    all[2].eval.summary = serde_json::to_string(&all[2].score).unwrap();
    assert_eq!(receive(&mut state, &Message::Evals(all.clone())).len(), 2);
    // What could not be read is said, and is not asked for again and again.
    let asked = ScoreRequest::Detail(all[2].key());
    receive(&mut state, &Message::Scores { asked, answer: Err("the disk is gone".into()) });
    assert!(drawn(&state, SMALL, false).contains("Not worked out: the disk is gone"));
    assert_eq!(receive(&mut state, &Message::Evals(all.clone())), []);
    // A new one is gone to.
    all.push(listed("later", "later", 2, 0.8));
    receive(&mut state, &Message::Evals(all));
    assert_eq!(state.selected().unwrap().eval.name, "later");
    let text = drawn(&state, SMALL, false);
    assert!(text.contains("Working it out"), "{text}");
    // Another session has nothing of this one.
    let counts = Counts::default();
    receive(&mut state, &Message::Opened { dir: "t".into(), read_only: None, counts, rows: Vec::new(), problems: 0 });
    assert!(state.listed.is_empty() && state.details.is_empty() && !state.read);
}

fn board(state: LiveState, message: &str) -> Message {
    let totals = LiveTotals {
        samples_wanted: 320,
        finished: 80,
        tokens_per_second: 455.0,
        eta_seconds: Some(90.0),
        ..LiveTotals::default()
    };
    Message::Live(Arc::new(LiveBoard {
        job: "eval".into(),
        state,
        message: message.into(),
        totals,
        ..LiveBoard::default()
    }))
}

#[test]
fn an_evaluation_is_set_up_started_and_steered() {
    let mut state = filled(SMALL);
    assert_eq!(update(&mut state, EvalAction::Pause), []);
    update(&mut state, EvalAction::New);
    assert!(!state.capturing());
    update(&mut state, EvalAction::Activate);
    assert!(state.capturing());
    paste(&mut state, "/models/own");
    key(&mut state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert!(!state.capturing());
    let effects = update(&mut state, EvalAction::Start);
    let [Effect::StartEval(order)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((order.name.as_deref(), order.generate.samples), (Some("/models/own"), 8));
    assert_eq!(
        (order.generate.sampling.max_tokens, order.generate.sampling.top_p),
        (500, 1.0),
        "like the selected one"
    );
    assert_eq!(update(&mut state, EvalAction::Start), [], "one at a time");
    receive(&mut state, &board(LiveState::Running, ""));
    update(&mut state, EvalAction::Back);
    let text = drawn(&state, SMALL, true);
    assert!(text.contains("Evaluating  80/320 answers  455 tok/s  1m30s left"), "{text}");
    assert_eq!(update(&mut state, EvalAction::Pause), [Effect::SteerJob { steer: Steer::Pause, of: Heavy::Sampling }]);
    receive(&mut state, &board(LiveState::Paused, ""));
    assert_eq!(update(&mut state, EvalAction::Pause), [Effect::SteerJob { steer: Steer::Resume, of: Heavy::Sampling }]);
    assert_eq!(update(&mut state, EvalAction::Stop), [Effect::SteerJob { steer: Steer::Stop, of: Heavy::Sampling }]);
    receive(&mut state, &board(LiveState::Done, "own: pass@1 50.0% [40.0, 60.0]"));
    assert!(drawn(&state, SMALL, true).contains("own: pass@1 50.0% [40.0, 60.0]"));
    assert_eq!(update(&mut state, EvalAction::Stop), []);
    // What cannot be started comes back to the form.
    update(&mut state, EvalAction::New);
    assert_eq!(update(&mut state, EvalAction::Start).len(), 1);
    receive(&mut state, &Message::Error("generate runs here already".into()));
    assert!(drawn(&state, SMALL, true).contains("not started: generate runs here already"));
}

#[test]
fn servers_that_answered_are_nobody_to_talk_with_here() {
    let mut state = filled(SMALL);
    let mut all = all();
    for made in all.iter_mut().filter_map(|listed| listed.made.as_mut()) {
        made.model.compute = "http".into();
    }
    receive(&mut state, &Message::Evals(all));
    assert_eq!(update(&mut state, EvalAction::Talk), []);
    assert!(drawn(&state, SMALL, true).contains("servers gave the answers of pi_sft"));
}

/// Whatever is pressed at whatever size, nothing breaks and nothing hostile reaches a cell.
#[test]
fn every_action_at_every_size() {
    for size in [(60, 13), (80, 21), (120, 30), (160, 45), (200, 57), (1, 1)] {
        for mut state in [empty(size), filled(size)] {
            if !state.listed.is_empty() {
                update(&mut state, EvalAction::PreviousTab);
                told(&mut state, Scores::Dialogues(dialogues()));
            }
            for _ in 0..3 {
                for (action, _) in ACTIONS {
                    update(&mut state, *action);
                    let text = drawn(&state, size, size.0.is_multiple_of(3));
                    assert!(!text.contains(['\u{1b}', '\u{7}']));
                }
                update(&mut state, EvalAction::Back);
            }
        }
    }
}

#[test]
fn what_was_asked_of_the_tour_is_asked_of_the_copy() {
    let mut state = filled(SMALL);
    let asked = update(&mut state, EvalAction::PreviousTab);
    assert_eq!(asked, [Effect::ReadScores(ScoreRequest::Dialogues)]);
    assert_eq!(receive(&mut state, &Message::Adopted("/s/tour".into())), asked);
}
