//! Signals while something is at work: after a hang-up a training goes on, or is saved, as the person wants it; asked
//! to end, or interrupted twice, the program ends with what is finished, and the terminal is as it was.

use std::time::Duration;

use cribble::session::{Session, tour};
use cribble::train::{checkpoint, metrics};
use rustix::process::Signal;
use serde_json::Value;

use crate::pty::{Home, Shown, wait_for};

const RUN: &str = "DATA/sessions/tour/runs/sft";

/// The workbench on a copy of the tour, whose accepted chains are being trained on: few a step, for longer than any
/// test takes.
pub fn training(home: &Home, columns: u16, rows: u16) -> Shown {
    tour::adopt(&home.path("DATA/sessions")).unwrap();
    home.fill_forms(&[("train.batch", "2"), ("train.epochs", "1000"), ("train.spike", "skip")]);
    let mut shown = Shown::start(home.cribble(&["open", "tour", "--fps", "10"]), columns, rows);
    shown.until("[3 Review]");
    shown.send("4");
    shown.until("No training yet.");
    shown.send("n");
    shown.until("New training");
    shown.send("\u{13}");
    shown.until("Running");
    shown
}

/// What the training has recorded of its steps.
fn record(home: &Home) -> Vec<Value> {
    metrics::read(&home.path(RUN), u64::MAX).unwrap()
}

/// Waits for two more steps.
fn it_goes_on(home: &Home) {
    let before = record(home).len();
    wait_for(|| match record(home).len() {
        now if now >= before + 2 => Ok(()),
        now => Err(format!("{before} steps, and then {now}")),
    });
}

#[test]
fn after_a_hang_up_a_training_goes_on_and_is_taken_up_from_another_terminal() {
    let home = Home::new();
    let mut shown = training(&home, 80, 24);
    shown.signal(Signal::HUP);
    it_goes_on(&home);
    // Another one changes nothing.
    shown.signal(Signal::HUP);
    it_goes_on(&home);
    assert!(shown.child.try_wait().unwrap().is_none(), "it ended with work left");
    let mut other = Shown::start(home.cribble(&["attach", "tour"]), 80, 24);
    other.until("tok/s");
    other.send("4");
    other.until("Running");
    let steered = home.command(&["steer", "--session", "tour", "stop"]).output().unwrap();
    assert!(steered.status.success(), "{}", String::from_utf8_lossy(&steered.stderr));
    shown.wait();
    assert!(checkpoint::newest(&home.path(RUN)).is_some(), "what it learnt is lost");
    // Who looks on from elsewhere sees an end, and not a failure.
    other.until("Done");
    other.send("q");
    assert_eq!(other.wait(), 0);
}

#[test]
fn a_hang_up_saves_a_training_and_ends_it_where_a_person_wants_that() {
    let home = Home::new();
    home.configure("[jobs]\non_hangup = \"checkpoint\"\n");
    let mut shown = training(&home, 80, 24);
    shown.signal(Signal::HUP);
    shown.wait();
    let run = home.path(RUN);
    let step = checkpoint::newest(&run).expect("a whole checkpoint is there");
    assert!(run.join(format!("checkpoint-{step}/manifest.json")).is_file());
    let last = record(&home).last().and_then(|line| line["step"].as_u64());
    assert!(last.is_some_and(|last| last <= step), "step {last:?} is recorded, and {step} is saved");
}

/// The workbench with a generation at work that has finished a few of its many samples; and how many.
fn generation(home: &Home) -> (Shown, usize) {
    let mut shown = Shown::start(home.cribble(&["new", "cut"]), 80, 24);
    shown.until("[2 Generate]");
    shown.generate(400);
    shown.until("writing");
    let finished = wait_for(|| match finished(home) {
        0..3 => Err(format!("hardly a sample is finished:\n{}", shown.screen())),
        some => Ok(some),
    });
    (shown, finished)
}

/// The samples that are stored.
fn finished(home: &Home) -> usize {
    Session::open(&home.path("DATA/sessions/cut")).unwrap().counts().unwrap().samples
}

/// Looks that the program ended well after all: the terminal as it was, the samples where they were.
fn ended(home: &Home, shown: &mut Shown, before: usize) {
    shown.wait();
    shown.was_given_back();
    let after = finished(home);
    assert!((before..8000).contains(&after), "{before} samples, and then {after}");
    Session::open(&home.path("DATA/sessions/cut")).unwrap().check().unwrap();
}

#[test]
fn asked_to_end_it_keeps_what_is_finished_and_gives_the_terminal_back() {
    let home = Home::new();
    let (mut shown, before) = generation(&home);
    shown.signal(Signal::TERM);
    ended(&home, &mut shown, before);
}

/// Ctrl-C is a key here; an interrupt comes from elsewhere.
#[test]
fn interrupted_twice_it_keeps_what_is_finished_and_gives_the_terminal_back() {
    let home = Home::new();
    let (mut shown, before) = generation(&home);
    shown.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    shown.signal(Signal::INT);
    ended(&home, &mut shown, before);
}
