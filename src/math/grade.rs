//! The verdict on one answer, with both normal forms, so that a screen can show why.

use super::answer::Form;
use super::compare::{Comparer, Tier};
use super::limits;
use super::normal::normalise;
use super::policy::Policy;
use super::reading::{Reading, readings};

/// Changes whenever a verdict may: it is stored with every score.
pub const GRADER_VERSION: u32 = 2;

/// Bytes of a normal form that is handed on.
const FORM_BYTES: usize = 400;

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// `None` if it cannot be told: there is no answer, or no value to compare.
    pub equal: Option<bool>,
    /// What decided; `None` where nothing did.
    pub tier: Option<Tier>,
    /// What the gold answer was read as.
    pub gold_form: String,
    /// What the prediction was read as.
    pub prediction_form: String,
}

/// Grades a prediction, a bare answer or a completion that states one, against the gold answer. Symmetric for bare
/// answers.
pub fn grade(gold: &str, prediction: &str) -> Grade {
    grade_with(&Policy::default(), gold, prediction)
}

/// The same, with other switches of what mathematics leaves open.
pub fn grade_with(policy: &Policy, gold: &str, prediction: &str) -> Grade {
    let (golds, predictions) = (readings(gold), readings(prediction));
    let form = |readings: &[Reading]| readings.first().map(|reading| shown(&reading.forms[0])).unwrap_or_default();
    let (Some(first_gold), Some(first_prediction)) = (golds.first(), predictions.first()) else {
        return Grade { equal: None, tier: None, gold_form: form(&golds), prediction_form: form(&predictions) };
    };
    let short = prediction.len() <= limits::TEXT_BYTES && gold.len() <= limits::TEXT_BYTES;
    let whole = if short { normalise(prediction) } else { String::new() };
    let same_text = !first_gold.text.is_empty()
        && (first_gold.text == first_prediction.text
            || short && (first_gold.text == whole || normalise(gold) == whole));
    if same_text {
        return Grade {
            equal: Some(true),
            tier: Some(Tier::String),
            gold_form: form(&golds),
            prediction_form: form(&predictions),
        };
    }
    // The smaller text goes first, whichever it is: the verdict cannot depend on the order.
    if first_gold.text <= first_prediction.text {
        compared(policy, &golds, &predictions)
    } else {
        let grade = compared(policy, &predictions, &golds);
        Grade { gold_form: grade.prediction_form, prediction_form: grade.gold_form, ..grade }
    }
}

/// The first two readings that are equal; else what the likeliest two came to.
fn compared(policy: &Policy, golds: &[Reading], predictions: &[Reading]) -> Grade {
    let comparer = Comparer::new(policy);
    let mut different: Option<Grade> = None;
    let mut untold = None;
    for gold in golds {
        for prediction in predictions {
            if gold.weak && prediction.weak {
                continue;
            }
            for gold_form in &gold.forms {
                for prediction_form in &prediction.forms {
                    // What was joined over words is a list only if the other side is one.
                    if (prediction.joined && !several(gold_form)) || (gold.joined && !several(prediction_form)) {
                        continue;
                    }
                    let verdict = comparer.compare(gold_form, prediction_form);
                    let grade = || Grade {
                        equal: verdict.equal,
                        tier: verdict.equal.map(|_| verdict.tier),
                        gold_form: shown(gold_form),
                        prediction_form: shown(prediction_form),
                    };
                    match verdict.equal {
                        Some(true) => return grade(),
                        Some(false) if different.is_none() => different = Some(grade()),
                        None if untold.is_none() => untold = Some(grade()),
                        _ => {}
                    }
                }
            }
        }
    }
    // One comparison that could not be made leaves the whole open.
    let nothing = || Grade { equal: None, tier: None, gold_form: String::new(), prediction_form: String::new() };
    untold.or(different).unwrap_or_else(nothing)
}

fn several(form: &Form) -> bool {
    match form {
        Form::List(_) | Form::Set(_) | Form::Record(_) | Form::Tuple('{', ..) => true,
        Form::Named(_, value) => several(value),
        _ => false,
    }
}

fn shown(form: &Form) -> String {
    let mut text = form.to_string();
    if text.len() > FORM_BYTES {
        let mut end = FORM_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
