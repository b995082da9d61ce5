//! The person's own editor: it has the terminal and its keys to itself, and what it leaves comes back.

use std::os::unix::fs::PermissionsExt;

use crate::pty::{Home, Shown};

#[test]
fn a_chain_is_edited_outside_and_the_keys_are_the_editors_meanwhile() {
    let home = Home::new();
    let editor = home.path("editor");
    std::fs::write(&editor, "#!/bin/sh\nread line < /dev/tty\nprintf '%s' \"$line\" > \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = home.cribble(&[]);
    command.env("EDITOR", &editor);
    command.env_remove("VISUAL");
    let mut shown = Shown::start(command, 80, 24);
    shown.until("user: problem");
    shown.send("e");
    shown.until("Alt-E your editor");
    shown.send("\u{1b}e");
    shown.was_given_back();
    // These are pane keys here, and letters there.
    shown.send("5q typed by hand\n");
    shown.until("5q typed by hand");
    shown.until("Alt-E your editor");
    // An editor that fails changes nothing, and the screen comes back.
    std::fs::write(&editor, "#!/bin/sh\nexit 3\n").unwrap();
    shown.send("\u{1b}e");
    shown.until("ended with 3: nothing is changed");
    shown.send("\u{13}");
    // It is one more in a session of the person's own, and is judged at once.
    shown.until("121 undecided");
    shown.settle();
    shown.send("q");
    assert_eq!(shown.wait(), 0);
}
