//! The step with a backend that writes what it is told to.

mod servers;

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use color_eyre::Result;
use serde_json::{Value, json};

use super::super::{GenerateOrder, Watcher};
use super::{GenerateOutcome, generate};
use crate::dialogue::{Library, Policy};
use crate::generate::batch::{BatchBackend, BatchOptions};
use crate::generate::{Backend, Event, Request, RequestId};
use crate::records::{FinishReason, LiveBoard, LiveSample, LiveState, Message, ModelIdentity, Problem};
use crate::session::Session;

/// Writes each turn in two deltas, three tokens each; what a turn comes to is asked of `plan`.
struct Scripted<'a> {
    identity: ModelIdentity,
    waiting: VecDeque<(Request, usize)>,
    plan: Box<dyn FnMut(&Request) -> Outcome + Send + 'a>,
    cancelled: Vec<RequestId>,
    as_one: fn(bool) -> bool,
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
        Self { identity, waiting: VecDeque::new(), plan: Box::new(plan), cancelled: Vec::new(), as_one: |_| true }
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
                events.push(Event::Finished { id, text, token_ids: vec![1; 6], tokens: 6, logprob: None, reason });
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

    fn fails_as_one(&self, resumed: bool) -> bool {
        (self.as_one)(resumed)
    }

    fn render(&self, _messages: &[Message]) -> Result<String> {
        Ok(String::new())
    }
}

/// Keeps every board; stops, leaves what is under way, pauses for good and looks elsewhere after so many of them.
#[derive(Default)]
struct Boards {
    seen: Vec<LiveBoard>,
    stop_after: Option<usize>,
    leave_after: Option<usize>,
    pause_after: Option<usize>,
    looks: Vec<(usize, u64)>,
    pauses: Cell<usize>,
}

impl Boards {
    fn past(&self, limit: Option<usize>) -> bool {
        limit.is_some_and(|limit| self.seen.len() >= limit)
    }
}

impl Watcher for Boards {
    fn stopping(&self) -> bool {
        self.past(self.stop_after)
    }

    fn stopping_now(&self) -> bool {
        self.past(self.leave_after)
    }

    fn looked_at(&self) -> Option<u64> {
        self.looks.iter().rev().find(|(after, _)| self.past(Some(*after))).map(|(_, dialogue)| *dialogue)
    }

    fn paused(&self) -> bool {
        self.pauses.get() > 0 || self.past(self.pause_after)
    }

    fn wait_while_paused(&self, _limit: Duration) {
        assert!(!self.stopping(), "what stops is not paused");
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
        let order = GenerateOrder { model: "scripted".into(), samples, ..GenerateOrder::default() };
        let policy = Library::load(None).unwrap().policy(None).unwrap();
        Self { _dir: dir, session, problems, policy, order }
    }

    fn run(&self, backend: &mut dyn Backend, boards: &mut Boards) -> Result<GenerateOutcome> {
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
fn the_backend_says_what_failures_mean_and_is_told_whether_some_is_written_already() {
    let mut bench = Bench::new(3, 5);
    let failing = |as_one: fn(bool) -> bool| Scripted { as_one, ..Scripted::new(|_| Outcome::Fails("too long")) };
    let outcome = bench.run(&mut failing(|resumed| resumed), &mut Boards::default()).unwrap();
    assert_eq!(outcome.failed, 15);
    bench.order.samples = 1;
    bench.run(&mut Scripted::new(right), &mut Boards::default()).unwrap();
    bench.order.samples = 5;
    let error = bench.run(&mut failing(|resumed| resumed), &mut Boards::default()).unwrap_err();
    assert!(error.to_string().starts_with("10 dialogues failed in a row"), "{error}");
    assert!(bench.run(&mut failing(|resumed| !resumed), &mut Boards::default()).is_ok());
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

/// What a batch runner would write of each request of a file: a right answer, or an error for those that `fails` says.
fn answered(requests: &Path, fails: impl Fn(usize) -> bool) -> Vec<String> {
    let text = std::fs::read_to_string(requests).unwrap();
    let answer = |(at, line): (usize, &str)| {
        let asked: Value = serde_json::from_str(line).unwrap();
        let message = json!({"role": "assistant", "content": "It is \\boxed{4}"});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        let body = json!({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 6}});
        let (status, body, error) =
            if fails(at) { (500, Value::Null, json!("out of memory")) } else { (200, body, Value::Null) };
        let response = json!({"status_code": status, "request_id": "r", "body": body});
        json!({"id": "x", "custom_id": asked["custom_id"], "response": response, "error": error}).to_string() + "\n"
    };
    text.lines().enumerate().map(answer).collect()
}

/// The names of all requests in a directory; panics where one was written twice.
fn asked(directory: &Path) -> HashSet<String> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("requests-") {
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(names.insert(line["custom_id"].as_str().unwrap().to_owned()), "{line}");
            }
        }
    }
    names
}

#[test]
fn batches_walk_through_the_turns_to_the_exact_samples() {
    let bench = Bench::new(2, 3);
    let place = tempfile::tempdir().unwrap();
    let call = || {
        let mut backend = BatchBackend::open(place.path(), BatchOptions::for_model("m")).unwrap();
        let mut boards = Boards::default();
        let outcome = bench.run(&mut backend, &mut boards).unwrap();
        (outcome, boards.seen.pop().unwrap().message)
    };
    let file = |name: &str| place.path().join(name);
    let shown = |name: &str| Some(file(name).display().to_string());

    let (first, words) = call();
    assert_eq!((first.samples, first.failed, first.postponed, first.requests), (0, 0, 6, 6));
    assert_eq!((first.requests_file, first.last_error, first.stopped), (shown("requests-001.jsonl"), None, false));
    assert!(words.starts_with("done: 0 samples stored; 6 put off, 6 requests written to "), "{words}");
    let (unanswered, words) = call();
    assert_eq!((unanswered.postponed, unanswered.requests_file), (6, None));
    assert_eq!(words, "done: 0 samples stored; 6 put off until their requests are answered");

    // One answer is an error, and the answers lie in two files, not in the order of the requests.
    let mut lines = answered(&file("requests-001.jsonl"), |at| at == 2);
    lines.reverse();
    std::fs::write(file("results-001-a.jsonl"), lines[..2].concat()).unwrap();
    std::fs::write(file("results-001-b.jsonl"), lines[2..].concat()).unwrap();
    let (second, words) = call();
    assert_eq!((second.samples, second.failed, second.postponed, second.requests), (0, 0, 6, 6));
    assert!(words.contains("asked again after: ") && words.ends_with(":2: 500: out of memory"), "{words}");

    std::fs::write(file("results-002.jsonl"), answered(&file("requests-002.jsonl"), |_| false).concat()).unwrap();
    let (third, _) = call();
    assert_eq!((third.samples, third.correct, third.postponed, third.requests), (5, 5, 1, 1));
    assert_eq!((third.tokens, third.requests_file), (5 * 2 * 6, shown("requests-003.jsonl")));

    std::fs::write(file("results-003.jsonl"), answered(&file("requests-003.jsonl"), |_| false).concat()).unwrap();
    let (last, words) = call();
    assert_eq!((last.samples, last.existing, last.postponed, last.requests), (1, 5, 0, 0));
    assert_eq!(words, "done: 1 samples stored");
    // Two turns of six dialogues, and the one that was asked again.
    assert_eq!(asked(place.path()).len(), 2 * 6 + 1);
    let rows = bench.session.sample_rows().unwrap();
    let draws: HashSet<_> = rows.iter().map(|row| (row.problem_id.clone(), row.draw)).collect();
    assert_eq!((rows.len(), draws.len()), (6, 6));
    assert!(!call().0.stopped && call().0.existing == 6);
}

#[test]
fn a_batch_that_is_stopped_half_way_asks_nothing_and_one_whose_answers_are_wrong_goes_on() {
    let bench = Bench::new(10, 8);
    let place = tempfile::tempdir().unwrap();
    let call = |stop_after| {
        let mut backend = BatchBackend::open(place.path(), BatchOptions::for_model("m")).unwrap();
        bench.run(&mut backend, &mut Boards { stop_after, ..Boards::default() }).unwrap()
    };
    let stopped = call(Some(1));
    assert!(stopped.stopped && stopped.postponed < 80 && stopped.requests_file.is_none(), "{stopped:?}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    for attempt in 1..=3 {
        let outcome = call(None);
        assert_eq!((outcome.postponed, outcome.requests, outcome.failed), (80, 80, 0));
        let requests = place.path().join(format!("requests-00{attempt}.jsonl"));
        // All are wrong but the first of the last attempt.
        let lines = answered(&requests, |at| attempt < 3 || at > 0);
        std::fs::write(place.path().join(format!("results-00{attempt}.jsonl")), lines.concat()).unwrap();
    }
    let outcome = call(None);
    assert_eq!((outcome.postponed, outcome.requests, outcome.failed, outcome.samples), (1, 1, 79, 0));
}

#[test]
fn a_dialogue_is_told_to_its_end() {
    let bench = Bench::new(20, 1);
    let mut boards = Boards::default();
    bench.run(&mut Scripted::new(right), &mut boards).unwrap();
    for key in 0..20 {
        let is_it = |sample: &&LiveSample| sample.key == key;
        let at = boards.seen.iter().position(|board| board.ended.iter().any(|sample| sample.key == key)).unwrap();
        assert!(!boards.seen[at].running.iter().any(|sample| sample.key == key), "it is in work no more");
        let ended = boards.seen[at].ended.iter().find(is_it).unwrap();
        assert_eq!(ended.turns.len(), ended.turns_wanted);
        assert!(ended.turns.iter().all(|turn| turn.finished && turn.tokens == 6), "{ended:?}");
    }
    assert_eq!(boards.seen.last().unwrap().ended.last().unwrap().key, 19);
}
