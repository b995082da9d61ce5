//! A server's state over a made-up clock.

use super::*;
use crate::records::ServerState;

struct Clock(Instant);

impl Clock {
    fn forward(&mut self, seconds: f64) -> Instant {
        self.0 += Duration::from_secs_f64(seconds);
        self.0
    }
}

fn state(most: usize) -> (EndpointState, Clock) {
    let mut state = EndpointState::new("http://h/v1", Some(most), &Pace::default());
    let clock = Clock(Instant::now());
    state.looked(clock.0, Ok(()));
    (state, clock)
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, format!("{kind:?}"))
}

/// Fills the server, and gets all answers after so many seconds, ten tokens each.
fn round(state: &mut EndpointState, clock: &mut Clock, seconds: f64) {
    let mut tickets = Vec::new();
    while state.can_take(clock.0) {
        tickets.push(state.begin(clock.0));
    }
    let now = clock.forward(seconds);
    for ticket in tickets {
        state.succeeded(ticket, now, 10);
    }
}

/// Fails one call a second.
fn fail(state: &mut EndpointState, clock: &mut Clock, kind: FailureKind, times: usize) {
    for _ in 0..times {
        assert!(state.can_take(clock.0));
        let ticket = state.begin(clock.0);
        let now = clock.forward(1.0);
        state.failed(ticket, now, &failure(kind));
    }
}

#[test]
fn what_is_allowed_doubles_each_window_up_to_the_most() {
    let (mut state, mut clock) = state(9);
    assert_eq!(state.allowed(), 4);
    round(&mut state, &mut clock, 1.0);
    assert_eq!(state.allowed(), 8);
    round(&mut state, &mut clock, 1.0);
    assert_eq!(state.allowed(), 9);
    assert_eq!(EndpointState::new("u", Some(2), &Pace::default()).allowed(), 2);
}

#[test]
fn a_server_with_slots_gets_as_many_and_never_more() {
    let (mut state, mut clock) = state(64);
    state.has_slots(Some(8));
    for _ in 0..3 {
        round(&mut state, &mut clock, 1.0);
        assert_eq!(state.allowed(), 8);
    }
    state.has_slots(Some(2));
    assert_eq!(state.allowed(), 2, "it was started anew with fewer");
    state.has_slots(Some(1000));
    assert_eq!(state.allowed(), 64);
    let ticket = state.begin(clock.0);
    state.failed(ticket, clock.forward(1.0), &failure(FailureKind::Unavailable));
    state.has_slots(Some(1000));
    assert_eq!(state.allowed(), 32, "it says so again, and it was too much nevertheless");
    state.has_slots(Some(0));
    assert_eq!(state.allowed(), 32, "which says nothing");
    let mut free = EndpointState::new("u", None, &Pace::default());
    free.has_slots(Some(128));
    assert_eq!(free.allowed(), 128);
    free.has_slots(Some(usize::MAX));
    assert_eq!(free.allowed(), 4096);
}

#[test]
fn it_does_not_grow_unfilled_or_when_tokens_take_much_longer() {
    let (mut idle, mut clock) = state(64);
    for _ in 0..20 {
        let ticket = idle.begin(clock.0);
        let now = clock.forward(1.0);
        idle.succeeded(ticket, now, 10);
    }
    assert_eq!(idle.allowed(), 4);
    let (mut state, mut clock) = state(64);
    round(&mut state, &mut clock, 1.0);
    let before = state.allowed();
    for _ in 0..5 {
        round(&mut state, &mut clock, 3.0);
    }
    assert_eq!(state.allowed(), before);
    assert_eq!(state.health(clock.0).state, ServerState::Slow);
}

#[test]
fn it_is_halved_once_for_all_calls_of_the_time_and_grows_by_one_then() {
    let (mut state, mut clock) = state(64);
    while state.allowed() < 16 {
        round(&mut state, &mut clock, 1.0);
    }
    let tickets: Vec<_> = (0..state.allowed()).map(|_| state.begin(clock.0)).collect();
    let limit = Failure { retry_after: Some(Duration::from_secs(7)), ..failure(FailureKind::Limited) };
    let now = clock.forward(1.0);
    let before = state.allowed();
    tickets.iter().for_each(|ticket| state.failed(*ticket, now, &limit));
    assert_eq!(state.allowed(), before / 2);
    assert!(!state.can_take(clock.forward(6.9)), "it asked for quiet");
    assert!(state.can_take(clock.forward(0.2)));
    assert!(!state.is_resting(), "too many requests are no illness");
    let allowed = state.allowed();
    round(&mut state, &mut clock, 1.0);
    assert_eq!(state.allowed(), allowed + 1, "one a window, which is as long as what is allowed");
    for _ in 0..9 {
        let ticket = state.begin(clock.0);
        state.failed(ticket, clock.forward(1.0), &failure(FailureKind::TimedOut));
        state.recover();
    }
    assert_eq!(state.allowed(), 1);
}

#[test]
fn after_five_failures_it_rests_longer_and_longer_and_one_call_probes() {
    let (mut state, mut clock) = state(64);
    fail(&mut state, &mut clock, FailureKind::Broken, 4);
    round(&mut state, &mut clock, 1.0);
    assert!(!state.is_resting(), "an answer between ends the row");
    fail(&mut state, &mut clock, FailureKind::Broken, 5);
    for rest in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        assert!(state.is_resting());
        assert!(!state.can_take(clock.forward(rest - 0.1)), "{rest}");
        let now = clock.forward(0.2);
        assert!(state.can_take(now));
        let ticket = state.begin(now);
        assert!(ticket.probe && !state.can_take(now), "one at a time");
        state.failed(ticket, now, &failure(FailureKind::Broken));
    }
    assert_eq!(state.health(clock.0).state, ServerState::Sick);
    let now = clock.forward(61.0);
    let ticket = state.begin(now);
    state.succeeded(ticket, now, 1);
    assert!(!state.is_resting() && state.can_take(now) && state.sick_for(now).is_none());
    assert_eq!(state.health(now).state, ServerState::Healthy);
}

#[test]
fn late_failures_do_not_lengthen_a_rest_and_a_probe_taken_back_leaves_room_for_another() {
    let (mut state, clock) = state(64);
    let tickets: Vec<_> = (0..8).map(|_| state.begin(clock.0)).collect();
    tickets.iter().for_each(|ticket| state.failed(*ticket, clock.0, &failure(FailureKind::Broken)));
    let later = clock.0 + Duration::from_millis(1100);
    assert!(state.can_take(later), "the first rest is one second");
    let probe = state.begin(later);
    state.withdrawn(probe);
    assert!(state.can_take(later));
    assert_eq!(state.health(later).in_flight, 0);
}

#[test]
fn a_refused_request_is_no_illness_and_a_refused_key_is() {
    let (mut state, mut clock) = state(64);
    fail(&mut state, &mut clock, FailureKind::Rejected, 20);
    assert!(!state.is_resting());
    fail(&mut state, &mut clock, FailureKind::Misplaced, 5);
    assert!(state.is_resting());
    assert_eq!(state.health(clock.0).failed, 25);
    assert_eq!(state.health(clock.0).last_error.as_deref(), Some("Misplaced"));
}

#[test]
fn sickness_is_counted_from_its_beginning_and_not_over_pauses() {
    let (mut state, mut clock) = state(64);
    assert_eq!(state.sick_for(clock.0), None);
    fail(&mut state, &mut clock, FailureKind::Broken, 5);
    let now = clock.forward(100.0);
    assert_eq!(state.sick_for(now), Some(Duration::from_secs(100)));
    let probe = state.begin(now);
    assert_eq!(state.sick_for(now), Some(Duration::from_secs(100)), "a probe changes nothing yet");
    state.withdrawn(probe);
    state.pardon(now);
    assert_eq!(state.sick_for(clock.forward(1.0)), Some(Duration::from_secs(1)));
}

#[test]
fn one_that_did_not_answer_is_looked_at_before_it_gets_work() {
    let clock = Clock(Instant::now());
    let mut state = EndpointState::new("u", Some(8), &Pace::default());
    assert!(!state.can_take(clock.0) && state.wants_a_look(clock.0));
    state.begin_look();
    assert!(!state.wants_a_look(clock.0), "one look at a time");
    state.looked(clock.0, Err("gone".into()));
    assert!(!state.wants_a_look(clock.0));
    let later = clock.0 + Duration::from_secs(2);
    assert!(state.wants_a_look(later) && !state.can_take(later));
    state.looked(later, Ok(()));
    assert!(state.can_take(later) && !state.wants_a_look(later));
    state.refuse(later, "another model".into());
    assert!(!state.can_take(later) && !state.wants_a_look(later));
    assert_eq!((state.health(later).state, state.sick_for(later)), (ServerState::Sick, Some(Duration::MAX)));
}

#[test]
fn the_speed_is_that_of_the_last_half_minute_or_since_the_first_request() {
    let (mut state, mut clock) = state(64);
    for second in 1..=60 {
        let ticket = state.begin(clock.0);
        let now = clock.forward(1.0);
        state.succeeded(ticket, now, 50);
        if second == 6 {
            assert_eq!(state.health(clock.0).tokens_per_second, 50.0);
        }
    }
    let speed = state.health(clock.0).tokens_per_second;
    assert!((speed - 50.0).abs() < 2.0, "{speed}");
    assert_eq!(state.health(clock.forward(60.0)).tokens_per_second, 0.0);
}
