//! The terminal changes its size: often, in the middle of a frame or of typing, and back at once.

use std::time::Duration;

use crate::pty::{Home, Shown, wait_for};

/// Sixty sizes in quick succession, from far too small to four panes side by side, with a key here and there; at last
/// the usual one.
fn storm(shown: &mut Shown) {
    for step in 0..60 {
        shown.resize(20 + step * 67 % 181, 6 + step * 29 % 55);
        if step % 7 == 3 {
            // To the top, where it is.
            shown.send("g");
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    shown.resize(80, 24);
}

/// Waits until the screen is right, and nothing else stands on a terminal that has seen all sizes.
fn until_whole(shown: &Shown, right: impl Fn(&[String]) -> bool) -> Vec<String> {
    wait_for(|| {
        let (drawn, kept) = shown.drawn_and_kept();
        if right(&drawn) && drawn == kept {
            return Ok(drawn);
        }
        Err(format!("drawn since the last change:\n{}\n\non the terminal:\n{}", drawn.join("\n"), kept.join("\n")))
    })
}

/// The tour in its first pane, at rest.
fn tour(home: &Home) -> (Shown, Vec<String>) {
    let shown = Shown::start(home.cribble(&[]), 80, 24);
    shown.until("user: problem");
    shown.settle();
    let rows = until_whole(&shown, |rows| rows[1].contains("[3 Review]") && rows[23].contains("q quit"));
    (shown, rows)
}

#[test]
fn a_storm_of_sizes_leaves_the_screen_as_it_was() {
    let home = Home::new();
    let (mut shown, before) = tour(&home);
    storm(&mut shown);
    until_whole(&shown, |rows| rows == before);
    shown.send("2");
    until_whole(&shown, |rows| rows[1].contains("[2 Generate]") && rows[2].contains("Generate samples"));
    shown.send("q");
    assert_eq!(shown.wait(), 0);
}

#[test]
fn a_storm_of_sizes_while_samples_stream_leaves_a_whole_screen() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "storm"]), 80, 24);
    shown.until("[2 Generate]");
    shown.generate(400);
    shown.until("writing");
    storm(&mut shown);
    until_whole(&shown, |rows| {
        rows[1].contains("[2 Generate]") && rows[2].starts_with("Running") && rows[23].contains("q quit")
    });
    shown.send("3");
    until_whole(&shown, |rows| rows[1].contains("[3 Review]") && rows[2].contains("undecided"));
    shown.send("q");
    shown.until("A generation runs here");
    shown.send("y");
    assert_eq!(shown.wait(), 0);
}

/// A window that is small for less than a frame: its terminal has cut what stood there, though the size is the same as
/// before.
#[test]
fn a_size_that_is_back_before_anything_was_drawn_is_drawn_anew() {
    let home = Home::new();
    let (mut shown, before) = tour(&home);
    for _ in 0..10 {
        shown.resize(20, 6);
        shown.resize(80, 24);
        until_whole(&shown, |rows| rows == before);
    }
    shown.send("q");
    assert_eq!(shown.wait(), 0);
}
