//! What the filter says of the open sample: the table of verdicts, and the places in the text that show them.

use crate::filter::Verdict;
use crate::tui::effect::Judged;
use crate::tui::theme::Look;
use crate::tui::widgets::Piece;
use crate::tui::widgets::paint::signs;

/// The verdicts as lines: those that fail first, what is switched off last.
pub fn table(judged: Option<&Judged>, blind: bool, ascii: bool) -> Vec<Piece> {
    let heading = |text: &str| Piece {
        text: text.to_owned(),
        look: Some(Look::Dim),
        apart: true,
        heading: true,
        ..Piece::default()
    };
    let line = |text: String, look: Look| Piece { text, look: Some(look), ..Piece::default() };
    let Some(judged) = judged else {
        return vec![heading("filter"), line("not judged yet: R runs the filter".into(), Look::Dim)];
    };
    if blind {
        return vec![heading("filter"), line("hidden until you decide".into(), Look::Dim)];
    }
    let failing = judged.verdicts.iter().filter(|(verdict, on)| !verdict.pass && *on).count();
    let head = if failing == 0 { "filter: accepted".to_owned() } else { format!("filter: rejected by {failing}") };
    let mut pieces = vec![heading(&head)];
    let mut verdicts: Vec<&(Verdict, bool)> = judged.verdicts.iter().collect();
    verdicts.sort_by_key(|(verdict, on)| (!on, verdict.pass));
    for (verdict, on) in verdicts {
        let (sign, look) = match (on, verdict.pass) {
            (false, _) => ("o", Look::Dim),
            (true, true) => (signs(ascii).right, Look::Text),
            (true, false) => (signs(ascii).wrong, Look::Bad),
        };
        let off = if *on { "" } else { " (off)" };
        pieces.push(line(format!("{sign} {}{off}: {}", verdict.rule.name(), verdict.reason), look));
    }
    pieces
}

/// The places to be seen in the chain: behaviours, what failed rules point at, and the answer that was graded.
pub fn marks(judged: &Judged) -> Vec<(usize, usize, Look)> {
    let mut marks: Vec<(usize, usize, Look)> =
        judged.hits.iter().map(|hit| (hit.begin, hit.end, Look::Behaviour)).collect();
    for (verdict, _) in &judged.verdicts {
        let look = match (verdict.rule, verdict.pass) {
            (crate::filter::RuleId::Answer, true) => Look::RightAnswer,
            // Its places are the hits themselves.
            (crate::filter::RuleId::Behaviour, _) => continue,
            // A false equation that was corrected is evidence as well.
            (crate::filter::RuleId::Arithmetic, _) | (_, false) => Look::Fault,
            _ => continue,
        };
        marks.extend(verdict.spans.iter().map(|(begin, end)| (*begin, *end, look)));
    }
    marks
}

/// The marks that lie in one piece of the chain, counted from its beginning.
pub fn within(marks: &[(usize, usize, Look)], begin: usize, end: usize) -> Vec<(usize, usize, Look)> {
    marks
        .iter()
        .filter(|(from, to, _)| *from < end && *to > begin)
        .map(|(from, to, look)| (from.max(&begin) - begin, to.min(&end) - begin, *look))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_cut_at_the_borders_of_a_piece() {
        let marks = [(2, 6, Look::Fault), (8, 9, Look::Behaviour), (20, 30, Look::Fault)];
        assert_eq!(within(&marks, 4, 9), [(0, 2, Look::Fault), (4, 5, Look::Behaviour)]);
        assert_eq!(within(&marks, 10, 20), []);
    }

    #[test]
    fn a_blind_check_tells_nothing() {
        let shown = |pieces: Vec<Piece>| pieces.into_iter().map(|piece| piece.text).collect::<Vec<_>>().join("\n");
        let verdict = Verdict {
            rule: crate::filter::RuleId::Loops,
            pass: false,
            value: 0.5,
            threshold: Some(0.1),
            spans: vec![(0, 3)],
            reason: "50% of 20-grams are repeated".into(),
        };
        let judged = Judged { verdicts: vec![(verdict, true)], hits: Vec::new() };
        assert!(shown(table(Some(&judged), false, true)).contains("loops: 50%"));
        assert!(!shown(table(Some(&judged), true, true)).contains("loops"));
        assert!(shown(table(None, false, true)).contains("not judged yet"));
        assert_eq!(super::marks(&judged), [(0, 3, Look::Fault)]);
    }
}
