//! False arithmetic. What counts is what the chain ends with: a chain that corrects itself holds a false equation by
//! construction, and that one is evidence only, unless its value is used again.

use super::super::measure::{Instruments, Measure, Subject};
use super::super::parts::announcements;
use super::expression::{Equation, equations};
use crate::records::SegmentKind;

/// Values: false equations that count, false ones before the last segment, equations looked at.
pub fn measure(instruments: &Instruments, subject: &Subject) -> Measure {
    let all = equations(subject.chain);
    let begin = last_part(instruments, subject, all.last().map_or(0, |last| last.begin));
    let holds = |equation: &Equation| equation.holds(instruments.tolerance);
    let (early, late): (Vec<&Equation>, Vec<&Equation>) = all.iter().partition(|equation| equation.begin < begin);
    let early_false: Vec<&Equation> = early.into_iter().filter(|equation| !holds(equation)).collect();
    let reused = |wrong: &&&Equation| used_again(wrong.right, &late, subject.problem, instruments.tolerance);
    let counts: Vec<&Equation> = early_false
        .iter()
        .filter(reused)
        .copied()
        .chain(late.iter().copied().filter(|equation| !holds(equation)))
        .collect();
    let note = counts.first().map_or(String::new(), |wrong| {
        let text: String = subject.chain[wrong.begin..wrong.end].split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{} (it is {})", text.chars().take(60).collect::<String>(), short(wrong.left))
    });
    let spans = counts.iter().chain(&early_false).map(|equation| (equation.begin, equation.end));
    let mut spans: Vec<(usize, usize)> = spans.collect();
    spans.sort_unstable();
    spans.dedup();
    Measure::of([counts.len() as f64, early_false.len() as f64, all.len() as f64]).at(spans).saying(note)
}

/// Where the part begins that the chain stands by: after its last bridge or retraction that an equation follows, of which
/// the last begins at `last`. A retraction after all equations takes none of them back in favour of another.
fn last_part(instruments: &Instruments, subject: &Subject, last: usize) -> usize {
    let bridge =
        subject.segments.iter().filter(|segment| segment.kind == SegmentKind::Bridge).map(|segment| segment.end);
    let retractions =
        instruments.retraction.iter().flat_map(|pattern| pattern.find_iter(subject.chain)).map(|found| found.end());
    // A chain of one turn has no bridge of ours: its own words tell where it begins anew.
    let stitched = subject.segments.iter().any(|segment| segment.kind == SegmentKind::Bridge);
    let bare = if stitched { Vec::new() } else { announcements(&instruments.detector, subject.chain) };
    bridge
        .chain(retractions)
        .chain(bare.into_iter().map(|announcement| announcement.end))
        .filter(|end| *end <= last)
        .max()
        .unwrap_or(0)
}

/// Whether a wrong value is computed with again: it is an operand later, and neither the problem nor a right equation of
/// the last part gives it.
fn used_again(value: f64, late: &[&Equation], problem: &str, tolerance: f64) -> bool {
    let same = |other: f64| (other - value).abs() <= 1e-9 * value.abs().max(1.0);
    let used = late.iter().any(|equation| equation.operands.iter().any(|operand| same(*operand)));
    let given = || late.iter().any(|equation| equation.holds(tolerance) && same(equation.right));
    used && !given() && !numbers(problem).any(same)
}

fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let words = text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == ','));
    words.filter_map(|word| word.trim_matches(['.', ',']).replace(',', "").parse().ok())
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::Settings;
    use super::*;
    use crate::records::{FinishReason, Segment};

    fn measured(chain: &str, bridge: Option<&str>) -> Measure {
        let segments: Vec<Segment> = bridge
            .and_then(|bridge| chain.find(bridge).map(|at| (at, at + bridge.len())))
            .map(|(begin, end)| Segment { kind: SegmentKind::Bridge, turn: 2, begin, end })
            .into_iter()
            .collect();
        over(chain, &segments)
    }

    /// As the store holds a chain that was written in one turn.
    fn as_one_turn(chain: &str) -> Measure {
        over(chain, &[Segment { kind: SegmentKind::Attempt, turn: 1, begin: 0, end: chain.len() }])
    }

    fn over(chain: &str, segments: &[Segment]) -> Measure {
        let subject = Subject {
            problem: "Ann has 3 boxes of 4 pens and 5 more.",
            gold: "17",
            chain,
            segments,
            opened: &[],
            finish: FinishReason::Stop,
            tokens: None,
            guidance: &[],
        };
        measure(&Instruments::new(&Settings::default()), &subject)
    }

    #[test]
    fn a_false_equation_at_the_end_counts() {
        let measure = measured("First 3 * 4 = 12. Then 12 + 5 = 18. \\boxed{18}", None);
        assert_eq!(measure.values, [1.0, 0.0, 2.0]);
        assert_eq!(measure.note, "12 + 5 = 18 (it is 17)");
        assert_eq!(measure.spans, [(23, 34)]);
    }

    #[test]
    fn a_corrected_one_is_evidence_only() {
        let chain = "3 * 4 = 13. 13 + 5 = 18.\n\nLet me check this.\n\n3 * 4 = 12, so 12 + 5 = 17. \\boxed{17}";
        let measure = measured(chain, Some("Let me check this."));
        assert_eq!(measure.values, [0.0, 1.0, 4.0]);
        assert_eq!(measure.spans.len(), 1);
        let retracted = measured("3 * 4 = 13. Wait, 3 * 4 = 12. 12 + 5 = 17.", None);
        assert_eq!(retracted.values[..2], [0.0, 1.0]);
    }

    #[test]
    fn a_retraction_after_all_equations_excuses_none() {
        let late = measured("3 * 4 = 12. 12 + 5 = 18. So the 16 was wrong. \\boxed{18}", None);
        assert_eq!(late.value(0), 1.0);
        let back = measured("12 + 5 = 18. Going back to the question, the answer is 18.", None);
        assert_eq!(back.value(0), 1.0);
    }

    #[test]
    fn a_short_paragraph_that_announces_a_check_is_a_bridge() {
        let chain = "3 * 4 = 13.\n\nLet me check this.\n\n3 * 4 = 12, so 12 + 5 = 17. \\boxed{17}";
        assert_eq!(measured(chain, None).values[..2], [0.0, 1.0]);
    }

    #[test]
    fn a_wrong_value_that_is_used_again_counts() {
        let chain = "3 * 4 = 13.\n\nLet me check this.\n\nNow 13 + 5 = 18. \\boxed{18}";
        assert_eq!(measured(chain, Some("Let me check this.")).values[..2], [1.0, 1.0]);
        // 5 stands in the problem: using it says nothing.
        let given = "3 + 4 = 5.\n\nLet me check this.\n\nNow 12 + 5 = 17. \\boxed{17}";
        assert_eq!(measured(given, Some("Let me check this.")).values[..2], [0.0, 1.0]);
    }

    #[test]
    fn a_chain_without_segments_announces_its_parts() {
        for announcement in ["I will take this one subgoal at a time.", "Let me see.", "Wait, is that so?"] {
            let chain = format!("3 * 4 = 11. 11 + 5 = 16.\n\n{announcement}\n\n3 * 4 = 12. 12 + 5 = 17. \\boxed{{17}}");
            assert_eq!(measured(&chain, None).values[..2], [0.0, 1.0], "{announcement}");
            assert_eq!(as_one_turn(&chain).values[..2], [0.0, 1.0], "{announcement}");
        }
        // A number or a sentence of the argument is no announcement.
        for sentence in ["Let me add 3 to it.", "The boxes are full."] {
            let chain = format!("3 * 4 = 11. 11 + 5 = 16.\n\n{sentence}\n\n3 * 4 = 12. 12 + 5 = 17. \\boxed{{17}}");
            assert_eq!(measured(&chain, None).values[0], 1.0, "{sentence}");
        }
    }
}
