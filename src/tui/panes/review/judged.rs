//! What the filter says of a sample: the table of verdicts, and the places in the text that show them.

use crate::filter::behaviours::{Behaviour, per_thousand};
use crate::filter::{AnswerCandidate, Measured, RuleId, Verdict};
use crate::tui::effect::Judged;
use crate::tui::theme::Look;
use crate::tui::widgets::Piece;
use crate::tui::widgets::paint::signs;

fn heading(text: &str) -> Piece {
    Piece { text: text.to_owned(), look: Some(Look::Dim), apart: true, heading: true, ..Piece::default() }
}

fn line(text: String, look: Look) -> Piece {
    Piece { text, look: Some(look), ..Piece::default() }
}

/// What can be said before any verdict: nothing was judged, or nothing may be told yet.
fn untold(judged: Option<&Judged>, blind: bool) -> Option<Vec<Piece>> {
    let said = match judged {
        None => "not judged yet: R runs the filter",
        Some(_) if blind => "hidden until you accept or reject",
        Some(_) => return None,
    };
    Some(vec![heading("filter"), line(said.into(), Look::Dim)])
}

fn outcome(judged: &Judged) -> Piece {
    match judged.verdicts.iter().filter(|(verdict, on)| fails(verdict, *on)).count() {
        0 => heading("filter: accepted"),
        failing => heading(&format!("filter: rejected by {failing}")),
    }
}

/// A rule that is switched off rejects nothing.
fn fails(verdict: &Verdict, on: bool) -> bool {
    on && !verdict.pass
}

fn verdict_line(verdict: &Verdict, on: bool, ascii: bool) -> Piece {
    let (sign, look) = match (on, verdict.pass) {
        (false, _) => ("o", Look::Dim),
        (true, true) => (signs(ascii).right, Look::Text),
        (true, false) => (signs(ascii).wrong, Look::Bad),
    };
    let off = if on { "" } else { " (off)" };
    line(format!("{sign} {}{off}: {}", verdict.rule.name(), verdict.reason), look)
}

/// The verdicts as lines: those that fail first, what is switched off last.
pub fn table(judged: Option<&Judged>, blind: bool, ascii: bool) -> Vec<Piece> {
    if let Some(said) = untold(judged, blind) {
        return said;
    }
    let Some(judged) = judged else { return Vec::new() };
    let mut verdicts: Vec<&(Verdict, bool)> = judged.verdicts.iter().collect();
    verdicts.sort_by_key(|(verdict, on)| (!on, verdict.pass));
    let mut pieces = vec![outcome(judged)];
    pieces.extend(verdicts.into_iter().map(|(verdict, on)| verdict_line(verdict, *on, ascii)));
    pieces.extend(traits(&judged.measured, ascii));
    pieces
}

/// The rules that fail, for a place where the table would hide what stands below it.
pub fn failing(judged: Option<&Judged>, blind: bool, ascii: bool) -> Vec<Piece> {
    if let Some(said) = untold(judged, blind) {
        return said;
    }
    let Some(judged) = judged else { return Vec::new() };
    let failing = judged.verdicts.iter().filter(|(verdict, on)| fails(verdict, *on));
    let mut pieces = vec![outcome(judged)];
    pieces.extend(failing.map(|(verdict, on)| verdict_line(verdict, *on, ascii)));
    pieces.extend(traits(&judged.measured, ascii));
    pieces
}

/// Behaviours, and the answers on the way.
fn traits(measured: &Measured, ascii: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
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

/// What is to be seen in a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Byte ranges of the chain and how they look.
    pub places: Vec<(usize, usize, Look)>,
    /// What is written into the text behind a place, in order: right and wrong must differ without colour too.
    pub signs: Vec<(usize, String, Look)>,
}

/// The places to be seen in the chain: behaviours, what failed rules point at, and each answer with its grade.
pub fn marks(judged: &Judged, ascii: bool) -> Marks {
    let mut places: Vec<(usize, usize, Look)> =
        judged.measured.hits.iter().map(|hit| (hit.begin, hit.end, Look::Behaviour)).collect();
    for (verdict, on) in &judged.verdicts {
        let look = match (verdict.rule, verdict.pass) {
            (RuleId::Answer, true) => Look::RightAnswer,
            // Its places are the hits themselves.
            (RuleId::Behaviour, _) => continue,
            // A false equation that was corrected is evidence as well. What a rule that is off points at is none.
            (RuleId::Arithmetic, _) | (_, false) if *on => Look::Fault,
            _ => continue,
        };
        places.extend(verdict.spans.iter().map(|(begin, end)| (*begin, *end, look)));
    }
    let mut written = Vec::new();
    for candidate in &judged.measured.candidates {
        let Some(correct) = candidate.correct else { continue };
        let look = if correct { Look::RightAnswer } else { Look::Fault };
        places.push((candidate.begin, candidate.end, look));
        let sign = if correct { signs(ascii).right } else { signs(ascii).wrong };
        written.push((candidate.end, if ascii { format!("[{sign}]") } else { sign.to_owned() }, look));
    }
    written.sort_by_key(|(at, _, _)| *at);
    written.dedup_by_key(|(at, _, _)| *at);
    Marks { places, signs: written }
}

impl Marks {
    /// A piece of the chain that begins at this byte, with the signs written into it, and the places in it counted from its
    /// beginning.
    pub fn within(&self, text: &str, begin: usize) -> (String, Vec<(usize, usize, Look)>) {
        let end = begin + text.len();
        let mut places: Vec<(usize, usize, Look)> = self
            .places
            .iter()
            .filter(|(from, to, _)| *from < end && *to > begin)
            .map(|(from, to, look)| (from.max(&begin) - begin, to.min(&end) - begin, *look))
            .collect();
        let mut text = text.to_owned();
        // From the end on, so that what is still to be written stays where it is.
        for (at, sign, look) in self.signs.iter().rev().filter(|(at, _, _)| *at > begin && *at <= end) {
            let at = at - begin;
            if !text.is_char_boundary(at) {
                continue;
            }
            text.insert_str(at, sign);
            for (from, to, _) in &mut places {
                *from += if *from >= at { sign.len() } else { 0 };
                *to += if *to > at { sign.len() } else { 0 };
            }
            places.push((at, at + sign.len(), *look));
        }
        (text, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pass: bool) -> Verdict {
        Verdict {
            rule: RuleId::Loops,
            pass,
            value: 0.5,
            threshold: Some(0.1),
            spans: vec![(0, 3)],
            reason: "50% of 20-grams are repeated".into(),
        }
    }

    fn shown(pieces: Vec<Piece>) -> String {
        pieces.into_iter().map(|piece| piece.text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn marks_are_cut_at_the_borders_of_a_piece() {
        let places = vec![(2, 6, Look::Fault), (8, 9, Look::Behaviour), (20, 30, Look::Fault)];
        let marks = Marks { places, signs: Vec::new() };
        assert_eq!(marks.within("56789", 4).1, [(0, 2, Look::Fault), (4, 5, Look::Behaviour)]);
        assert_eq!(marks.within("0123456789", 10).1, []);
    }

    #[test]
    fn signs_stand_behind_their_answers_and_move_what_follows() {
        let signs = vec![(2, "X".into(), Look::Fault), (9, "YY".into(), Look::RightAnswer)];
        let marks = Marks { places: vec![(0, 2, Look::Fault), (7, 9, Look::RightAnswer)], signs };
        let (text, places) = marks.within("17 and 13.", 0);
        assert_eq!(text, "17X and 13YY.");
        let words: Vec<_> = places.iter().map(|(begin, end, _)| &text[*begin..*end]).collect();
        assert_eq!(words, ["17", "13", "YY", "X"]);
        assert_eq!(
            marks.within(" 13.", 6),
            (" 13YY.".into(), vec![(1, 3, Look::RightAnswer), (3, 5, Look::RightAnswer)])
        );
    }

    #[test]
    fn a_blind_check_tells_nothing() {
        let judged = Judged { verdicts: vec![(verdict(false), true)], ..Judged::default() };
        for told in [table, failing] {
            assert!(shown(told(Some(&judged), false, true)).contains("loops: 50%"));
            assert!(!shown(told(Some(&judged), true, true)).contains("loops"));
            assert!(shown(told(None, false, true)).contains("not judged yet"));
        }
        assert_eq!(super::marks(&judged, true).places, [(0, 3, Look::Fault)]);
    }

    #[test]
    fn a_rule_that_is_off_rejects_nothing_and_marks_nothing() {
        let judged = Judged { verdicts: vec![(verdict(false), false)], ..Judged::default() };
        assert_eq!(super::marks(&judged, true), Marks::default());
        assert_eq!(shown(failing(Some(&judged), false, true)), "filter: accepted");
        assert!(shown(table(Some(&judged), false, true)).contains("o loops (off)"));
    }
}
