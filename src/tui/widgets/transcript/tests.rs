//! Drawing, following, searching and marking.

use super::*;
use crate::tui::theme::Theme;
use crate::tui::widgets::paint::testing::lines;

fn text(text: &str) -> Piece {
    Piece { text: text.into(), ..Piece::default() }
}

fn numbered(count: usize) -> String {
    (0..count).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n")
}

fn drawn(transcript: &Transcript, width: u16, height: u16) -> String {
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, false);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    transcript.view(&context, buffer.area, &mut buffer);
    lines(&buffer)
}

#[test]
fn pieces_are_drawn_with_gutters_and_space_between() {
    let mut transcript = Transcript::default();
    transcript.resize(12, 6);
    transcript.push(Piece { gutter: Gutter::User, ..text("what is it now") });
    transcript.push(Piece { apart: true, ..text("漢字\tok") });
    assert_eq!(drawn(&transcript, 12, 5), "▌ what is it\n▌ now\n\n  漢字    ok\n\n");
}

#[test]
fn marks_stay_on_their_words_when_the_text_is_cleaned() {
    let text = "a\u{1b}b\tMARK\u{7}ED end";
    let begin = text.find("MARK").unwrap();
    let marks = tidy_marks(text, &[(begin, begin + 7, Look::Good), (900, 901, Look::Bad)]);
    let tidied = tidy(text);
    assert_eq!(marks.len(), 1);
    assert_eq!(&tidied[marks[0].0..marks[0].1], "MARK\u{2407}ED");
}

#[test]
fn following_stays_at_the_end_until_scrolled_up_and_counts_what_comes() {
    let mut transcript = Transcript::following();
    transcript.resize(20, 4);
    let piece = transcript.push(text(&numbered(10)));
    assert_eq!((transcript.top(), transcript.unseen()), (6, 0));
    transcript.append(piece, "\nmore");
    assert_eq!((transcript.top(), transcript.unseen()), (7, 0));
    transcript.scroll(-3, true);
    transcript.append(piece, "\nand\nmore");
    assert_eq!((transcript.top(), transcript.unseen(), transcript.is_following()), (4, 2, false));
    transcript.scroll(2, true);
    assert!(!transcript.is_following(), "not at the end yet");
    transcript.scroll(100, true);
    assert_eq!((transcript.top(), transcript.unseen(), transcript.is_following()), (9, 0, true));
    transcript.to_top();
    transcript.append(piece, "\nx");
    assert_eq!((transcript.top(), transcript.unseen()), (0, 1));
    transcript.to_end(true);
    assert_eq!((transcript.unseen(), transcript.is_following()), (0, true));
}

#[test]
fn appended_pieces_look_as_if_pushed_whole() {
    let mut grown = Transcript::following();
    grown.resize(17, 9);
    let piece = grown.push(text(""));
    let whole = "some words that wrap, 漢字漢字漢字漢字, and\n\ttabs\u{1b}[0m";
    for letter in whole.chars() {
        grown.append(piece, letter.encode_utf8(&mut [0; 4]));
    }
    let mut pushed = Transcript::following();
    pushed.resize(17, 9);
    pushed.push(text(whole));
    assert_eq!(drawn(&grown, 17, 9), drawn(&pushed, 17, 9));
    assert!(!drawn(&grown, 17, 9).contains('\u{1b}'));
}

#[test]
fn search_counts_goes_round_and_finds_what_is_appended() {
    let mut transcript = Transcript::default();
    transcript.resize(20, 5);
    let piece = transcript.push(text(&format!("{}\nWait, no.\n{}", numbered(30), numbered(30))));
    transcript.push(text("wait again"));
    transcript.push(Piece { heading: true, ..text("a wait that is a heading") });
    transcript.search("wait");
    assert_eq!(transcript.hit(), (1, 2));
    assert!(drawn(&transcript, 20, 5).contains("Wait, no."));
    transcript.next_hit(1);
    assert_eq!(transcript.hit(), (2, 2));
    assert!(drawn(&transcript, 20, 5).contains("wait again"));
    transcript.next_hit(1);
    assert_eq!(transcript.hit(), (1, 2));
    transcript.next_hit(-1);
    assert_eq!(transcript.hit(), (2, 2));
    transcript.append(piece, "wa");
    transcript.append(piece, "it");
    assert_eq!(transcript.hit().1, 3, "a hit over the seam");
    transcript.search("nowhere");
    assert_eq!(transcript.hit(), (0, 0));
    transcript.next_hit(1);
    transcript.search("");
    assert_eq!(transcript.query(), "");
}

#[test]
fn a_new_width_keeps_the_text_at_the_top() {
    let mut transcript = Transcript::default();
    transcript.resize(30, 4);
    transcript.push(text(&"one two three four five six ".repeat(40)));
    transcript.push(Piece { apart: true, ..text(&format!("HERE\n{}", numbered(40))) });
    transcript.search("HERE");
    transcript.scroll(transcript.len() as isize, false);
    transcript.next_hit(1);
    let line = transcript.line_of(1, 0);
    transcript.top = line;
    transcript.resize(12, 4);
    assert!(drawn(&transcript, 12, 4).starts_with("  HERE"));
    transcript.resize(0, 0);
    transcript.resize(1, 1);
    drawn(&transcript, 1, 1);
}

#[test]
fn a_hundred_thousand_characters_draw_only_their_window() {
    let mut transcript = Transcript::default();
    transcript.resize(80, 20);
    transcript.push(text(&"word ".repeat(20_000)));
    transcript.to_end(false);
    assert!(transcript.len() > 1_000);
    assert_eq!(drawn(&transcript, 80, 20).lines().count(), 20);
}
