//! The step with servers: they count what they write, and what is under way there is worth waiting for.

use super::*;
use crate::pipeline::budget::{Budget, Price};
use crate::pipeline::{Servers, Writer};
use crate::records::Spent;

/// Of each dialogue of two turns: two calls, and in each a prompt of 5 tokens and an answer of 6.
const A_DIALOGUE: u64 = 22;

struct Paid<'a> {
    scripted: Scripted<'a>,
    spent: Spent,
    looked_at: Vec<Option<u64>>,
    /// Steps until it is broken.
    steps_left: usize,
}

impl Paid<'_> {
    fn new() -> Self {
        Self { scripted: Scripted::new(right), spent: Spent::default(), looked_at: Vec::new(), steps_left: usize::MAX }
    }
}

impl Backend for Paid<'_> {
    fn identity(&self) -> &ModelIdentity {
        self.scripted.identity()
    }

    fn slots(&self) -> usize {
        self.scripted.slots()
    }

    fn submit(&mut self, request: Request) -> Result<()> {
        self.scripted.submit(request)
    }

    fn step(&mut self, events: &mut Vec<Event>) -> Result<()> {
        color_eyre::eyre::ensure!(self.steps_left > 0, "no server is well");
        self.steps_left -= 1;
        let before = events.len();
        self.scripted.step(events)?;
        let finished = events[before..].iter().filter(|event| matches!(event, Event::Finished { .. })).count() as u64;
        self.spent =
            self.spent.plus(Spent { calls: finished, prompt_tokens: 5 * finished, completion_tokens: 6 * finished });
        Ok(())
    }

    fn cancel(&mut self, id: RequestId) {
        self.scripted.cancel(id);
    }

    fn close_dialogue(&mut self, dialogue: u64) {
        self.scripted.close_dialogue(dialogue);
    }

    fn in_flight(&self) -> usize {
        self.scripted.in_flight()
    }

    fn render(&self, messages: &[Message]) -> Result<String> {
        self.scripted.render(messages)
    }

    fn look_at(&mut self, dialogue: Option<u64>) {
        self.looked_at.push(dialogue);
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn drains(&self) -> bool {
        true
    }
}

/// Four problems, two samples of each, written by servers within a budget.
fn bench(budget: Budget) -> Bench {
    let mut bench = Bench::new(4, 2);
    bench.order.writer = Writer::Servers(Servers { budget, ..Servers::named("http://x", None).unwrap() });
    bench
}

fn stored(bench: &Bench) -> usize {
    bench.session.sample_rows().unwrap().len()
}

#[test]
fn asked_to_stop_it_ends_what_is_under_way_and_begins_nothing() {
    let bench = bench(Budget::default());
    let mut backend = Paid::new();
    let mut boards = Boards { stop_after: Some(4), ..Boards::default() };
    let outcome = bench.run(&mut backend, &mut boards).unwrap();
    assert_eq!((outcome.samples, outcome.stopped, stored(&bench)), (3, true, 3));
    assert_eq!((backend.scripted.cancelled.len(), backend.in_flight()), (0, 0));
    let board = boards.seen.iter().find(|board| board.state == LiveState::Stopping).unwrap();
    assert_eq!(board.message, "ending 3 dialogues that are under way; stop again to leave them");
    let one = boards.seen.iter().find(|board| board.running.len() == 1).unwrap();
    assert_eq!(one.message, "ending 1 dialogue that is under way; stop again to leave it");
    assert!(boards.seen.last().unwrap().message.starts_with("stopped: 3 samples stored"));
    let again = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap();
    assert_eq!((again.samples, again.existing, again.stopped), (5, 3, false));
}

#[test]
fn asked_a_second_time_it_leaves_what_is_under_way() {
    let bench = bench(Budget::default());
    let mut backend = Paid::new();
    let mut boards = Boards { stop_after: Some(4), leave_after: Some(6), ..Boards::default() };
    let outcome = bench.run(&mut backend, &mut boards).unwrap();
    assert_eq!((outcome.samples, outcome.stopped, stored(&bench)), (0, true, 0));
    assert_eq!((backend.scripted.cancelled.len(), backend.in_flight()), (3, 0));
}

#[test]
fn a_stop_ends_what_is_under_way_in_a_pause_too() {
    let bench = bench(Budget::default());
    let mut boards = Boards { stop_after: Some(4), pause_after: Some(4), ..Boards::default() };
    let outcome = bench.run(&mut Paid::new(), &mut boards).unwrap();
    assert_eq!((outcome.samples, outcome.stopped), (3, true));
}

#[test]
fn a_budget_of_tokens_is_one_of_all_calls() {
    let mut bench = bench(Budget { tokens: Some(60), ..Budget::default() });
    let mut backend = Paid::new();
    let error = bench.run(&mut backend, &mut Boards::default()).unwrap_err().to_string();
    // Two more are begun by the time that the first three have used it up; they are ended too.
    assert_eq!((stored(&bench), backend.spent.tokens()), (5, 5 * A_DIALOGUE));
    assert!(error.starts_with("the budget of 60 tokens is used up: 110 tokens were counted"), "{error}");
    assert!(error.contains("to go on raise --max-total-tokens"), "{error}");
    assert_eq!(bench.session.spent(Some("scripted at http://x")).unwrap(), (backend.spent, 0.0));

    let mut backend = Paid::new();
    let again = bench.run(&mut backend, &mut Boards::default()).unwrap_err().to_string();
    assert_eq!((again, stored(&bench), backend.spent), (error, 5, Spent::default()), "nothing was begun");

    bench.order.writer = Writer::Servers(Servers::named("http://x http://y", None).unwrap());
    let rest = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap();
    assert_eq!((rest.samples, rest.spent.map(Spent::tokens)), (3, Some(3 * A_DIALOGUE)));
    assert_eq!(bench.session.spent(None).unwrap().0, Spent { calls: 16, prompt_tokens: 80, completion_tokens: 96 });
    bench.order.writer = Writer::Servers(Servers {
        budget: Budget { tokens: Some(1), ..Budget::default() },
        ..Servers::named("http://x", None).unwrap()
    });
    let all_there = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap();
    assert_eq!((all_there.samples, all_there.existing), (0, 8), "what is there costs nothing");
}

#[test]
fn a_budget_of_money_is_kept_and_shown() {
    let price = Some(Price { prompt: 1000.0, completion: 1000.0 });
    let mut bench = bench(Budget { cost: Some(0.06), price, tokens: None });
    let error = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap_err().to_string();
    assert!(error.starts_with("the budget of $0.0600 is used up: 110 tokens ($0.1100) "), "{error}");
    assert!(error.contains("to go on raise --max-cost"), "{error}");
    let budget = Budget { price, ..Budget::default() };
    bench.order.writer = Writer::Servers(Servers { budget, ..Servers::named("http://x", None).unwrap() });
    let mut boards = Boards::default();
    let outcome = bench.run(&mut Paid::new(), &mut boards).unwrap();
    assert!((outcome.cost.unwrap() - 0.066).abs() < 1e-9, "of this call: {outcome:?}");
    let totals = &boards.seen.last().unwrap().totals;
    assert_eq!(totals.spent.tokens(), 8 * A_DIALOGUE);
    assert!((totals.cost.unwrap() - 0.176).abs() < 1e-9, "of the session: {totals:?}");
}

#[test]
fn what_was_written_before_costs_what_it_cost_then() {
    let mut bench = bench(Budget::default());
    let for_nothing = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap();
    assert_eq!((for_nothing.samples, for_nothing.cost), (8, None));
    // A dialogue is 0.022 USD by now; of those that were for nothing no money is used.
    let price = Some(Price { prompt: 1000.0, completion: 1000.0 });
    let of = |budget| Writer::Servers(Servers { budget, ..Servers::named("http://x", None).unwrap() });
    bench.order.samples = 3;
    bench.order.writer = of(Budget { cost: Some(0.1), price, tokens: None });
    let mut boards = Boards::default();
    let outcome = bench.run(&mut Paid::new(), &mut boards).unwrap();
    let totals = &boards.seen.last().unwrap().totals;
    assert_eq!((outcome.samples, totals.spent.tokens()), (4, 12 * A_DIALOGUE));
    assert!((totals.cost.unwrap() - 0.088).abs() < 1e-9, "{totals:?}");
    // And what was dear stays so where tokens are cheap now.
    let cheap = Some(Price { prompt: 0.0, completion: 0.0 });
    bench.order.samples = 4;
    bench.order.writer = of(Budget { cost: Some(0.08), price: cheap, tokens: None });
    let error = bench.run(&mut Paid::new(), &mut Boards::default()).unwrap_err().to_string();
    assert!(error.starts_with("the budget of $0.0800 is used up: 264 tokens ($0.0880) "), "{error}");
    // The tokens of all are counted.
    bench.order.writer = of(Budget { cost: None, price, tokens: Some(264) });
    assert!(bench.run(&mut Paid::new(), &mut Boards::default()).is_err());
    assert!((bench.session.spent(None).unwrap().1 - 0.088).abs() < 1e-9);
}

#[test]
fn what_was_counted_is_kept_where_the_work_breaks_off() {
    let bench = bench(Budget::default());
    // Its last step is the end of the first turn.
    let mut backend = Paid { steps_left: 7, ..Paid::new() };
    let error = bench.run(&mut backend, &mut Boards::default()).unwrap_err().to_string();
    assert_eq!(error, "no server is well");
    let (kept, _) = bench.session.spent(None).unwrap();
    assert_eq!((kept, stored(&bench)), (Spent { calls: 1, prompt_tokens: 5, completion_tokens: 6 }, 0));
}

#[test]
fn where_nobody_counts_nothing_is_said() {
    let bench = Bench::new(1, 1);
    let outcome = bench.run(&mut Scripted::new(right), &mut Boards::default()).unwrap();
    assert_eq!((outcome.spent, outcome.cost), (None, None));
    assert_eq!(bench.session.spent(None).unwrap(), (Spent::default(), 0.0));
}

#[test]
fn the_backend_is_told_what_a_person_looks_at_when_that_changes() {
    let bench = bench(Budget::default());
    let mut backend = Paid::new();
    let mut boards = Boards { looks: vec![(2, 0), (5, 2)], ..Boards::default() };
    bench.run(&mut backend, &mut boards).unwrap();
    assert_eq!(backend.looked_at, [Some(0), Some(2)]);
}
