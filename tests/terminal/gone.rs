//! The terminal goes away, or the job that is watched does, or all of it is stopped for a while: work goes on where
//! there is some, and nothing spins.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cribble::session::Session;
use portable_pty::CommandBuilder;

use crate::pty::{Home, LIMIT, MODEL, Shown, gsm8k, ticks};

#[cfg(target_os = "linux")]
#[test]
fn without_a_terminal_and_without_work_it_ends() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 80, 24);
    shown.until("undecided");
    shown.close();
    shown.wait();
}

/// The connection drops while keys come and are being read: the hang-up is seen even then.
#[test]
fn a_terminal_that_goes_in_the_middle_of_typing_ends_it() {
    let home = Home::new();
    for _ in 0..25 {
        let mut shown = Shown::start(home.cribble(&[]), 80, 24);
        shown.until("[3 Review]");
        shown.send("??????");
        shown.close();
        shown.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_connection_leaves_the_work_running_and_nothing_spinning() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    shown.generate(2);
    shown.until("samples");
    shown.until("writing");
    let pid = shown.child.process_id().unwrap();
    shown.close();
    // It goes on to the end of its work: 20 problems, two samples each.
    let store = home.path("DATA/sessions/kept");
    let begun = Instant::now();
    loop {
        let session = Session::open(&store).unwrap();
        if session.counts().unwrap().samples == 40 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{:?}", session.counts());
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "it ended with work left");
        std::thread::sleep(Duration::from_millis(100));
    }
    shown.wait();
}

/// The reading thread of crossterm spins for ever on a closed terminal unless its input is taken away.
#[cfg(target_os = "linux")]
#[test]
fn a_paused_job_on_a_closed_terminal_takes_no_time() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    shown.generate(40);
    shown.until("writing");
    shown.send("p");
    shown.until("Paused");
    let pid = shown.child.process_id().unwrap();
    shown.close();
    std::thread::sleep(Duration::from_secs(1));
    let before = ticks(pid);
    std::thread::sleep(Duration::from_secs(5));
    let took = ticks(pid) - before;
    assert!(took <= 15, "{took} ticks in 5 s");
    assert!(home.command(&["steer", "--session", "kept", "stop"]).output().unwrap().status.success());
    shown.wait();
}

/// A watcher must not show a dead job as running for ever.
#[test]
fn a_job_of_another_process_that_is_killed_is_told() {
    let home = Home::new();
    home.generate("watched", &gsm8k(), "1", "4");
    let mut job = home.command(&["generate", "--session", "watched", "--model", MODEL, "--samples", "4000"]);
    job.args(["--max-tokens", "400", "--problems"]).arg(gsm8k());
    let mut job = job.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut shown = Shown::start(home.cribble(&["open", "watched"]), 100, 24);
    shown.until("undecided");
    shown.send("2");
    shown.until("writing");
    job.kill().unwrap();
    job.wait().unwrap();
    let screen = shown.until("is gone");
    assert!(screen.contains("Failed"), "{screen}");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
}

#[test]
fn stopped_by_ctrl_z_and_brought_back() {
    let home = Home::new();
    home.hostile_session();
    let mut shell = CommandBuilder::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "prompt> ");
    home.environment(&mut shell);
    let mut shown = Shown::start(shell, 80, 24);
    shown.until("prompt>");
    shown.send(&format!("{} open hostile\r", env!("CARGO_BIN_EXE_cribble")));
    shown.until("undecided");
    shown.send("\u{1a}");
    shown.until("Stopped");
    shown.send("fg\r");
    let screen = shown.until("undecided");
    assert!(!screen.contains("Stopped"), "{screen}");
    shown.send("q");
    shown.until("prompt>");
    shown.send("exit\r");
    shown.wait();
}
