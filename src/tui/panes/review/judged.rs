//! What the filter says of the open sample: the table of verdicts, and the places in the text that show them.

use crate::filter::behaviours::{Behaviour, per_thousand};
use crate::filter::{AnswerCandidate, Measured, Verdict};
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
    let measured = &judged.measured;
    let shown: Vec<String> = Behaviour::ALL.into_iter().filter_map(|kind| behaviour(measured, kind)).collect();
    if !shown.is_empty() {
        pieces.push(heading("behaviours, per 1,000 tokens"));
        pieces.extend(shown.into_iter().map(|text| line(text, Look::Behaviour)));
    }
    if let Some(transition) = measured.transition {
        let signs = signs(ascii);
        let sign = |candidate: &AnswerCandidate| match candidate.correct {
            Some(true) => signs.right,
            Some(false) => signs.wrong,
            None => "?",
        };
        let marks: Vec<&str> = measured.candidates.iter().map(sign).collect();
        pieces.push(heading("answers in the chain, in order"));
        pieces.push(line(format!("{}  ({})", marks.join(" "), transition.name()), Look::Text));
    }
    pieces
}

/// "verification 2 (4.1)", or nothing where there is none.
fn behaviour(measured: &Measured, kind: Behaviour) -> Option<String> {
    let count = measured.hits.iter().filter(|hit| hit.behaviour == kind).count();
    let rate = per_thousand(count, measured.tokens);
    (count > 0).then(|| format!("{} {count} ({rate:.1})", kind.name()))
}

/// The places to be seen in the chain: behaviours, what failed rules point at, and the answer that was graded.
pub fn marks(judged: &Judged) -> Vec<(usize, usize, Look)> {
    let mut marks: Vec<(usize, usize, Look)> =
        judged.measured.hits.iter().map(|hit| (hit.begin, hit.end, Look::Behaviour)).collect();
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
    marks.extend(judged.measured.candidates.iter().filter_map(|candidate| {
        let look = if candidate.correct? { Look::RightAnswer } else { Look::Fault };
        Some((candidate.begin, candidate.end, look))
    }));
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
        let judged = Judged { verdicts: vec![(verdict, true)], ..Judged::default() };
        assert!(shown(table(Some(&judged), false, true)).contains("loops: 50%"));
        assert!(!shown(table(Some(&judged), true, true)).contains("loops"));
        assert!(shown(table(None, false, true)).contains("not judged yet"));
        assert_eq!(super::marks(&judged), [(0, 3, Look::Fault)]);
    }
}
