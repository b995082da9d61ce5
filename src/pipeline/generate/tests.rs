//! The step with a backend that writes what it is told to.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use color_eyre::Result;
use serde_json::json;

use super::super::{GenerateOrder, Watcher};
use super::{GenerateOutcome, generate};
use crate::dialogue::{Library, Policy};
use crate::generate::{Backend, Event, Request, RequestId};
use crate::model::ComputeChoice;
use crate::records::{FinishReason, LiveBoard, LiveState, Message, ModelIdentity, Problem, Sampling};
use crate::session::Session;

/// Writes each turn in two deltas, three tokens each; what a turn comes to is asked of `plan`.
struct Scripted<'a> {
    identity: ModelIdentity,
    waiting: VecDeque<(Request, usize)>,
    plan: Box<dyn FnMut(&Request) -> Outcome + Send + 'a>,
    cancelled: Vec<RequestId>,
}

enum Outcome {
    Says(&'static str),
    ContextFull,
    Fails(&'static str),
}

impl<'a> Scripted<'a> {
    fn new(plan: impl FnMut(&Request) -> Outcome + Send + 'a) -> Self {
        let identity = ModelIdentity {
            name: "scripted".into(),
            content: "c".into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 64,
        };
        Self { identity, waiting: VecDeque::new(), plan: Box::new(plan), cancelled: Vec::new() }
    }
}

impl Backend for Scripted<'_> {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn slots(&self) -> usize {
        3
    }

    fn submit(&mut self, request: Request) -> Result<()> {
        self.waiting.push_back((request, 0));
        Ok(())
    }

    fn step(&mut self, events: &mut Vec<Event>) -> Result<()> {
        let Some((request, step)) = self.waiting.pop_front() else { return Ok(()) };
        let id = request.id;
        match step {
            0 => events.push(Event::Started { id, prompt_tokens: 5 }),
            1 => events.push(Event::Text { id, delta: "It is ".into(), tokens: 3 }),
            _ => {
                let (text, reason) = match (self.plan)(&request) {
                    Outcome::Says(text) => (text, FinishReason::Stop),
                    Outcome::ContextFull => ("", FinishReason::ContextFull),
                    Outcome::Fails(error) => {
                        events.push(Event::Failed { id, error: error.into() });
                        return Ok(());
                    }
                };
                events.push(Event::Text { id, delta: text.into(), tokens: 6 });
                let text = format!("It is {text}");
                events.push(Event::Finished { id, text, token_ids: vec![1; 6], tokens: 6, reason });
                return Ok(());
            }
        }
        self.waiting.push_back((request, step + 1));
        Ok(())
    }

    fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|(request, _)| request.id != id);
        self.cancelled.push(id);
    }

    fn close_dialogue(&mut self, _dialogue: u64) {}

    fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    fn render(&self, _messages: &[Message]) -> Result<String> {
        Ok(String::new())
    }
}

/// Keeps every board; stops after so many of them.
#[derive(Default)]
struct Boards {
    seen: Vec<LiveBoard>,
    stop_after: Option<usize>,
    pauses: Cell<usize>,
}

impl Watcher for Boards {
    fn stopping(&self) -> bool {
        self.stop_after.is_some_and(|limit| self.seen.len() >= limit)
    }

    fn paused(&self) -> bool {
        self.pauses.get() > 0
    }

    fn wait_while_paused(&self, _limit: Duration) {
        self.pauses.set(self.pauses.get() - 1);
    }

    fn due(&self, _state: LiveState) -> bool {
        true
    }

    fn publish(&mut self, board: LiveBoard) {
        self.seen.push(board);
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    session: Session,
    problems: Vec<Problem>,
    policy: Policy,
    order: GenerateOrder,
}

impl Bench {
    fn new(problems: usize, samples: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let problems: Vec<Problem> = (0..problems)
            .map(|at| {
                serde_json::from_value(json!({"id": format!("p{at}"), "problem": "2+2?", "answer": "4"})).unwrap()
            })
            .collect();
        session.add_problems(&problems).unwrap();
        let order = GenerateOrder {
            model: "scripted".into(),
            held_out: false,
            problems: None,
            samples,
            turns: 2,
            sampling: Sampling::default(),
            limit: None,
            seed: 0,
            prompt: None,
            policy: None,
            slots: None,
            compute: ComputeChoice::Auto,
            lookup: true,
            servers: None,
        };
        let policy = Library::load(None).unwrap().policy(None).unwrap();
        Self { _dir: dir, session, problems, policy, order }
    }

    fn run(&self, backend: &mut Scripted, boards: &mut Boards) -> Result<GenerateOutcome> {
        generate(&self.session, backend, &self.problems, &self.policy, &self.order, boards)
    }
}

fn right(_: &Request) -> Outcome {
    Outcome::Says("\\boxed{4}")
}

#[test]
fn every_sample_is_made_once_and_the_board_counts_each_token_once() {
    let bench = Bench::new(3, 2);
    let mut boards = Boards::default();
    let outcome = bench.run(&mut Scripted::new(right), &mut boards).unwrap();
    assert_eq!((outcome.samples, outcome.existing, outcome.correct, outcome.tokens), (6, 0, 6, 6 * 2 * 6));
    let most = boards.seen.iter().map(|board| board.totals.tokens).max();
    assert_eq!(most, Some(72));
    for board in &boards.seen {
        for sample in &board.running {
            assert_eq!(sample.tokens, sample.turns.iter().map(|turn| turn.tokens).sum::<usize>());
            assert!(sample.tokens <= 12, "{sample:?}");
        }
    }
    let again = bench.run(&mut Scripted::new(right), &mut Boards::default()).unwrap();
    assert_eq!((again.samples, again.existing), (0, 6));
}

#[test]
fn a_failed_call_is_no_result_and_is_tried_again() {
    let bench = Bench::new(2, 2);
    let mut first = true;
    let mut backend = Scripted::new(move |request| {
        let fails = std::mem::take(&mut first);
        if fails { Outcome::Fails("the server said \u{1b}[31mno") } else { right(request) }
    });
    let mut boards = Boards::default();
    let outcome = bench.run(&mut backend, &mut boards).unwrap();
    assert_eq!((outcome.samples, outcome.failed), (3, 1));
    assert!(boards.seen.last().unwrap().message.contains("1 failed"), "{:?}", boards.seen.last());
    let again = bench.run(&mut Scripted::new(right), &mut Boards::default()).unwrap();
    assert_eq!((again.samples, again.existing, again.failed), (1, 3, 0));
}

#[test]
fn ten_failures_in_a_row_end_the_run_and_a_success_between_them_does_not() {
    let bench = Bench::new(8, 3);
    let error = bench.run(&mut Scripted::new(|_| Outcome::Fails("down")), &mut Boards::default()).unwrap_err();
    assert!(error.to_string().contains("10 dialogues failed in a row, the last with: down"), "{error}");
    let mut turn = 0;
    let mut backend = Scripted::new(|request| {
        turn += 1;
        if turn % 9 == 0 { right(request) } else { Outcome::Fails("now and then") }
    });
    let outcome = bench.run(&mut backend, &mut Boards::default()).unwrap();
    assert!(outcome.failed > 10);
}

#[test]
fn a_turn_without_room_ends_its_dialogue_and_is_counted() {
    let bench = Bench::new(1, 2);
    let mut backend =
        Scripted::new(|request| if request.stream.turn == 1 { Outcome::ContextFull } else { right(request) });
    let mut boards = Boards::default();
    let outcome = bench.run(&mut backend, &mut boards).unwrap();
    assert_eq!(outcome.samples, 2);
    assert_eq!(boards.seen.last().unwrap().totals.truncated, 2);
    let rows = bench.session.sample_rows().unwrap();
    assert!(rows.iter().all(|row| row.finish == FinishReason::ContextFull), "{rows:?}");
}

#[test]
fn stopping_gives_up_what_is_in_flight_and_keeps_what_is_done() {
    let bench = Bench::new(4, 2);
    let mut backend = Scripted::new(right);
    let mut boards = Boards { stop_after: Some(25), ..Boards::default() };
    let outcome = bench.run(&mut backend, &mut boards).unwrap();
    assert!(outcome.stopped && outcome.samples > 0 && outcome.samples < 8, "{outcome:?}");
    assert!(!backend.cancelled.is_empty() && backend.in_flight() == 0);
    let again = bench.run(&mut Scripted::new(right), &mut Boards::default()).unwrap();
    assert_eq!(again.samples + again.existing, 8);
}

#[test]
fn a_pause_is_shown_and_then_the_work_goes_on() {
    let bench = Bench::new(1, 1);
    let mut boards = Boards { pauses: Cell::new(3), ..Boards::default() };
    let outcome = bench.run(&mut Scripted::new(right), &mut boards).unwrap();
    assert_eq!(outcome.samples, 1);
    assert_eq!(boards.seen.iter().filter(|board| board.state == LiveState::Paused).count(), 3);
}
