//! From what was measured to a verdict: the comparison with a threshold, and the line that says it.

use super::super::measure::{Measure, Measured};
use super::super::{RuleId, Settings, Verdict};

/// The verdicts of the rules that look at one sample alone, in order.
pub fn within(measured: &Measured, settings: &Settings) -> Vec<Verdict> {
    RuleId::ALL.into_iter().filter_map(|rule| Some(decide(rule, measured.of(rule)?, settings))).collect()
}

fn decide(rule: RuleId, measure: &Measure, settings: &Settings) -> Verdict {
    let number = |name| settings.number(rule, name);
    let at_most = |value: f64, limit: f64| (value <= limit, value, Some(limit));
    let at_least = |value: f64, limit: f64| (value >= limit, value, Some(limit));
    let first = measure.value(0);
    let ((pass, value, threshold), reason) = match rule {
        RuleId::Empty => (at_least(first, number("min_words")), format!("{first} words")),
        RuleId::Truncated => {
            let said = if measure.note.is_empty() { "ended by itself" } else { &measure.note };
            ((first == 0.0, first, None), said.to_owned())
        }
        RuleId::Format => format(measure, number("max_boxes"), number("max_after")),
        RuleId::Length => {
            let (least, most) = (number("min_tokens"), number("max_tokens"));
            // The bound that it breaks, else the one it is nearer to.
            let low =
                first < least || (first <= most && (first - least) / least.max(1.0) < (most - first) / most.max(1.0));
            let compared = if low { at_least(first, least) } else { at_most(first, most) };
            let how = if measure.note.is_empty() { String::new() } else { format!(", {}", measure.note) };
            (compared, format!("{first} tokens{how}; {least} to {most} are wanted"))
        }
        RuleId::Loops => loops(measure, settings),
        RuleId::Language => {
            (at_most(first, number("max_share")), format!("{:.1}% of letters in another script", first * 100.0))
        }
        RuleId::MetaReference => {
            let said = if first == 0.0 {
                "does not speak of the dialogue".into()
            } else {
                format!("speaks of the dialogue: \"{}\"", measure.note)
            };
            (at_most(first, 0.0), said)
        }
        RuleId::TemplateLeak => {
            let said = if first == 0.0 {
                "no marks of a chat template".into()
            } else {
                format!("mark of a chat template: \"{}\"", measure.note)
            };
            (at_most(first, 0.0), said)
        }
        RuleId::Arithmetic => {
            let said = match (first > 0.0, measure.value(1)) {
                (true, _) => format!("false: {}", measure.note),
                (false, early) if early > 0.0 => format!("{early} false before the last part, corrected"),
                _ => format!("{} equations hold", measure.value(2)),
            };
            (at_most(first, 0.0), said)
        }
        RuleId::Answer => answer(measure, settings.switch(rule, "allow_weak")),
        _ => behaviour(measure, number("min_checks"), number("min_kinds")),
    };
    Verdict { rule, pass, value, threshold, spans: measure.spans.clone(), reason }
}

type Decided = ((bool, f64, Option<f64>), String);

fn format(measure: &Measure, max_boxes: f64, max_after: f64) -> Decided {
    let (boxes, after, empty) = (measure.value(0), measure.value(1), measure.value(2) > 0.0);
    if boxes == 0.0 {
        ((false, 0.0, Some(1.0)), "no \\boxed{} answer".into())
    } else if empty {
        ((false, boxes, Some(max_boxes)), "the last \\boxed{} is empty".into())
    } else if boxes > max_boxes {
        ((false, boxes, Some(max_boxes)), format!("{boxes} boxes, {max_boxes} at most"))
    } else if after > max_after {
        ((false, after, Some(max_after)), format!("{after} characters follow the box, {max_after} at most"))
    } else {
        ((true, boxes, Some(max_boxes)), "one final box".into())
    }
}

fn loops(measure: &Measure, settings: &Settings) -> Decided {
    let number = |name| settings.number(RuleId::Loops, name);
    let (ten, twenty, repeats) = (measure.value(0), measure.value(1), measure.value(2));
    if twenty > number("share_20") {
        ((false, twenty, Some(number("share_20"))), format!("{:.0}% of 20-grams are repeated", twenty * 100.0))
    } else if ten > number("share_10") {
        ((false, ten, Some(number("share_10"))), format!("{:.0}% of 10-grams are repeated", ten * 100.0))
    } else if repeats >= number("tail_repeats") {
        let period = measure.value(3);
        ((false, repeats, Some(number("tail_repeats"))), format!("ends with {period} words said {repeats} times"))
    } else {
        let shares = [(twenty, number("share_20")), (ten, number("share_10")), (repeats, number("tail_repeats"))];
        let nearest = shares.into_iter().max_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (value, threshold) = nearest.unwrap_or((twenty, number("share_20")));
        ((true, value, Some(threshold)), "no loop".into())
    }
}

fn answer(measure: &Measure, allow_weak: bool) -> Decided {
    let (graded, weak) = (measure.value(0), measure.value(1) > 0.0);
    let found = &measure.note;
    let said = match graded {
        value if value < 0.0 => "no answer that can be graded".into(),
        value if value > 0.0 && weak && !allow_weak => format!("{found} is right but only the last number of the text"),
        value if value > 0.0 => format!("{found} is right"),
        _ => format!("{found} is wrong"),
    };
    ((graded > 0.0 && (allow_weak || !weak), graded.max(0.0), Some(1.0)), said)
}

fn behaviour(measure: &Measure, min_checks: f64, min_kinds: f64) -> Decided {
    let checks = measure.value(0) + measure.value(1);
    let kinds = measure.values.iter().filter(|count| **count > 0.0).count() as f64;
    let said = format!(
        "verification {}, backtracking {}, subgoal {}, backward {}",
        measure.value(0),
        measure.value(1),
        measure.value(2),
        measure.value(3)
    );
    if checks < min_checks {
        ((false, checks, Some(min_checks)), format!("{said}: too few checks"))
    } else if kinds < min_kinds {
        ((false, kinds, Some(min_kinds)), format!("{said}: too few kinds"))
    } else {
        ((true, kinds, Some(min_kinds)), said)
    }
}
