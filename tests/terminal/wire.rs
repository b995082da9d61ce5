//! What is written to the terminal: all of it meant for the screen, little while samples stream, nothing when nothing
//! happens, and at the end what gives the terminal back.

use std::process::Stdio;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use crate::pty::{Home, Shown, blank, cells, gsm8k, ticks};

#[test]
fn it_starts_follows_the_size_and_gives_the_terminal_back() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&[]), 80, 24);
    // The tour is what there is to look at on a new machine.
    shown.until("[3 Review]");
    shown.until(" tour ");
    shown.send("0");
    shown.until("No sessions yet.");
    shown.send("n");
    shown.until("name of the new session");
    shown.send("demo\r");
    shown.until("[2 Generate]");
    shown.resize(160, 48);
    shown.until("[2 Generate]");
    shown.resize(20, 6);
    shown.until("too small");
    shown.resize(80, 24);
    shown.until("[2 Generate]");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    shown.was_given_back();
}

/// What was recorded is what was shown, and a file that is there is left as it is.
#[test]
fn a_recording_shows_what_was_shown() {
    let home = Home::new();
    let file = home.path("shown.cast");
    let arguments = ["--record", file.to_str().unwrap()];
    let mut shown = Shown::start(home.cribble(&arguments), 100, 30);
    shown.until("[3 Review]");
    shown.resize(120, 40);
    shown.until("[3 Review]");
    shown.send("2");
    shown.until("[2 Generate]");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let recorded = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["version"] == 2 && lines[0]["width"] == 100 && lines[0]["height"] == 30, "{}", lines[0]);
    assert!(lines.iter().any(|line| line[1] == "r" && line[2] == "120x40"), "{recorded}");
    let mut parser = blank((100, 30));
    for line in &lines[1..] {
        let text = line[2].as_str().unwrap();
        match text.split_once('x').filter(|_| line[1] == "r") {
            Some((columns, rows)) => parser.set_size(cells(rows.parse().unwrap()), cells(columns.parse().unwrap())),
            None => parser.process(text.as_bytes()),
        }
    }
    let screen = parser.screen().contents();
    assert!(screen.contains("[2 Generate]") && screen.contains("max tokens"), "{screen}");
    let mut again = Shown::start(home.cribble(&arguments), 100, 30);
    again.until("is there already");
    assert_eq!(again.wait(), 2);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), recorded);
}

/// Where one side of it is a pipe there is nothing to draw on, or nobody to ask.
#[test]
fn half_a_terminal_is_refused_in_one_line() {
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_cribble");
    for script in [
        format!("'{program}' | cat; echo code ${{PIPESTATUS[0]}}"),
        format!("true | '{program}'; echo code ${{PIPESTATUS[1]}}"),
    ] {
        let mut shell = CommandBuilder::new("bash");
        shell.args(["-c", &script]);
        home.environment(&mut shell);
        let mut shown = Shown::start(shell, 200, 10);
        let screen = shown.until("code 2");
        assert_eq!(shown.wait(), 0, "of the shell");
        let lines: Vec<&str> = screen.lines().collect();
        assert!(lines.len() == 2 && lines[0].contains("needs a terminal"), "{script}:\n{screen}");
        assert!(!shown.bytes().contains(&0x1b), "{script}: the terminal was taken over");
    }
}

#[test]
fn hostile_text_reaches_the_terminal_as_marks_only() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 120, 40);
    shown.until("What is 2+2?");
    // What each pane makes of it, and what lies over panes.
    for keys in
        ["\tc", "v", "1", "2", "4", "5", "6", "7", "8", "0", "3", ":pwned", "\u{1b}", "?pwned", "\u{1b}", "\u{1b}"]
    {
        shown.send(keys);
        std::thread::sleep(Duration::from_millis(150));
    }
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let wrote = shown.bytes();
    let text = String::from_utf8_lossy(&wrote);
    // Before the screen is taken over the terminal is asked for its ground.
    let text = &text[text.find("\u{1b}[?1049h").expect("the screen is taken over")..];
    for forbidden in ["\u{1b}]", "\u{7}", "\u{1b}[2J\u{9b}", "\u{202e}", "\u{9b}"] {
        assert!(!text.contains(forbidden), "{forbidden:?} reached the terminal");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn idle_it_writes_nothing_and_takes_no_time() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 80, 24);
    shown.until("undecided");
    std::thread::sleep(Duration::from_secs(1));
    let pid = shown.child.process_id().unwrap();
    let (bytes, before) = (shown.bytes().len(), ticks(pid));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(shown.bytes().len(), bytes, "something was drawn");
    assert!(ticks(pid) - before <= 8, "{} ticks in 4 s", ticks(pid) - before);
    shown.send("q");
    shown.wait();
}

fn bytes_a_second(shown: &Shown, time: Duration) -> f64 {
    let (bytes, begun) = (shown.bytes().len(), Instant::now());
    std::thread::sleep(time);
    (shown.bytes().len() - bytes) as f64 / begun.elapsed().as_secs_f64()
}

/// What a slow link has to carry: little while samples stream on a large screen, nothing when nothing happens.
#[cfg(target_os = "linux")]
#[test]
fn streaming_stays_within_what_a_slow_link_carries() {
    let home = Home::new();
    home.generate("wire", &gsm8k(), "1", "4");
    let mut job = home.command(&["generate", "--session", "wire", "--model", "micro", "--problems", "micro"]);
    job.args(["--samples", "400", "--turns", "2", "--slots", "16"]);
    let mut job = job.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut shown = Shown::start(home.cribble(&["open", "wire", "--fps", "10"]), 160, 48);
    shown.until("undecided");
    shown.send("2");
    shown.until("writing");
    std::thread::sleep(Duration::from_secs(1));
    let rate = bytes_a_second(&shown, Duration::from_secs(4));
    assert!(rate > 100.0, "{rate:.0} bytes a second: nothing streams");
    assert!(rate < 20_000.0, "{rate:.0} bytes a second");
    job.kill().unwrap();
    job.wait().unwrap();
    shown.send("q");
    shown.wait();
}

#[test]
fn a_training_costs_a_slow_link_little() {
    let home = Home::new();
    let mut shown = crate::signals::training(&home, 160, 48);
    shown.send("4");
    std::thread::sleep(Duration::from_secs(2));
    let rate = bytes_a_second(&shown, Duration::from_secs(5));
    assert!(rate > 20.0, "{rate:.0} bytes a second: nothing is told");
    assert!(rate < 4_000.0, "{rate:.0} bytes a second");
    shown.send("qy");
    shown.wait();
}
