//! Pastes: whatever is in them and however long they are, they go into a field as text, or nowhere.

use crate::pty::{Home, Shown};

/// Keys that decide and leave, line ends of both kinds, and what would command a terminal: colours, the clipboard, the
/// bell, C1.
const LINE: &str =
    "A line\r\n\ta x q y \u{1b}[31m\u{1b}]52;c;cHduZWQ=\u{7}\u{9b}2J\u{0}\u{3}\u{4}\u{8}\u{1a}\u{1b}\u{7f}\n";

/// About a megabyte, as a terminal hands over what is pasted.
fn megabyte() -> String {
    format!("\u{1b}[200~{}\u{1b}[201~", LINE.repeat((1 << 20) / LINE.len()))
}

/// Looks that nothing was written from a place on but what draws.
fn only_drew(shown: &Shown, from: usize) {
    let bytes = shown.bytes();
    let wrote = String::from_utf8_lossy(&bytes[from..]);
    assert!(!wrote.contains("\u{1b}]"), "a command to the terminal came back");
    let other = wrote.chars().find(|letter| letter.is_control() && *letter != '\u{1b}');
    assert_eq!(other, None, "came back to the terminal");
}

#[test]
fn a_megabyte_pasted_into_a_field_is_text() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "pasted"]), 80, 24);
    shown.until("[2 Generate]");
    let from = shown.bytes().len();
    // The problem file of the Generate pane, which is one line, and a prompt in the Chat pane, which has many.
    for (into, out) in [("j\r", "\r"), ("8i", "\u{1b}")] {
        shown.send(into);
        shown.until("esc leaves the field");
        shown.send(&megabyte());
        shown.send(out);
        let screen = shown.until("q quit");
        assert!(screen.contains("A line"), "{screen}");
    }
    shown.send("2");
    shown.until("Generate samples");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    only_drew(&shown, from);
}

#[test]
fn a_megabyte_pasted_outside_of_a_field_decides_nothing() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&[]), 80, 24);
    shown.until("user: problem");
    shown.settle();
    let (from, before) = (shown.bytes().len(), shown.rows());
    shown.send(&megabyte());
    shown.send("?");
    shown.until("esc leaves");
    shown.send("\u{1b}");
    shown.until("user: problem");
    shown.settle();
    assert_eq!(shown.rows(), before);
    assert!(before[0].contains("you accept 0, reject 0"), "{before:?}");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    only_drew(&shown, from);
    // A decision would have made a session of the tour.
    assert!(!home.path("DATA/sessions").exists());
}
