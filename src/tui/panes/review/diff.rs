//! What a revision changed of the attempt before it, word by word. `[-…-]` and `{+…+}` say it without colour.

use similar::{ChangeTag, TextDiff};

use crate::records::{Sample, TurnKind};
use crate::tui::theme::Look;
use crate::tui::widgets::Piece;

/// The attempt and the last revision as one text; a word when there is no revision.
pub fn revision(sample: &Sample) -> Vec<Piece> {
    let written = |kind| sample.turns.iter().filter(move |turn| turn.kind == kind);
    let attempt = written(TurnKind::Attempt).next();
    match (attempt, written(TurnKind::Revision).next_back()) {
        (Some(attempt), Some(revision)) => words("attempt to last revision", &attempt.text, &revision.text),
        _ => vec![Piece {
            text: "there is no revision to compare with".into(),
            look: Some(Look::Dim),
            ..Piece::default()
        }],
    }
}

/// Two texts as one.
pub fn words(title: &str, before: &str, after: &str) -> Vec<Piece> {
    let diff = TextDiff::configure().timeout(std::time::Duration::from_millis(200)).diff_words(before, after);
    let mut text = String::new();
    let mut marks = Vec::new();
    let mut run: Option<(ChangeTag, usize)> = None;
    let close = |text: &mut String, run: Option<(ChangeTag, usize)>, marks: &mut Vec<(usize, usize, Look)>| {
        let Some((tag, begin)) = run else { return };
        let (sign, look) = match tag {
            ChangeTag::Delete => ("-]", Look::Removed),
            ChangeTag::Insert => ("+}", Look::Added),
            ChangeTag::Equal => return,
        };
        text.push_str(sign);
        marks.push((begin, text.len(), look));
    };
    for change in diff.iter_all_changes() {
        let tag = change.tag();
        if run.is_none_or(|(running, _)| running != tag) {
            close(&mut text, run, &mut marks);
            run = Some((tag, text.len()));
            match tag {
                ChangeTag::Delete => text.push_str("[-"),
                ChangeTag::Insert => text.push_str("{+"),
                ChangeTag::Equal => {}
            }
        }
        text.push_str(change.value());
    }
    close(&mut text, run, &mut marks);
    let head =
        Piece { text: title.to_owned(), look: Some(Look::TurnHead), apart: true, heading: true, ..Piece::default() };
    vec![head, Piece { text, look: Some(Look::Text), marks, ..Piece::default() }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_bracketed_and_marked() {
        let pieces = words("t", "so 3 and 4 are 8", "so 3 and 4 are 7 indeed");
        assert_eq!(pieces[1].text, "so 3 and 4 are [-8-]{+7 indeed+}");
        let marks: Vec<_> = pieces[1].marks.iter().map(|(begin, end, _)| &pieces[1].text[*begin..*end]).collect();
        assert_eq!(marks, ["[-8-]", "{+7 indeed+}"]);
        assert_eq!(words("t", "same", "same")[1].marks, []);
    }
}
