//! What holds for every answer: it equals itself, the order of the two does not matter, clothes do not matter.

use proptest::prelude::*;

use super::fuzz::{Random, corpus, formula};
use super::*;

/// The same answer in other clothes.
fn dressed(answer: &str, random: &mut Random) -> String {
    let mut answer = answer.to_owned();
    if random.below(2) == 0 {
        answer = answer.replace("\\frac", "\\dfrac");
    }
    let balanced = answer.matches('(').count() == answer.matches(')').count()
        && !answer.contains(['[', ']'])
        && !answer.contains("\\left")
        && !answer.contains(".(");
    if random.below(2) == 0 && balanced {
        answer = answer.replace('(', "\\left(").replace(')', "\\right)");
    }
    let relation = [">=", "<=", "!=", "**"].iter().any(|sign| answer.contains(sign));
    if random.below(2) == 0 && answer.contains('\\') && !relation {
        answer = answer.replace('+', "\\,+\\;").replace('=', " =\\ ");
    }
    if random.below(2) == 0 && !relation {
        answer = answer.replace('+', "  + ").replace('=', " = ");
    }
    if random.below(2) == 0 {
        answer = format!("  {answer}\n");
    }
    if random.below(3) == 0 && !answer.contains('$') {
        answer = format!("${answer}$");
    }
    answer
}

/// A single value: braces around it print nothing.
fn is_value(answer: &str) -> bool {
    matches!(parse::parse(answer).as_ref().map(answer::Form::of), Ok(answer::Form::Value(_, None)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_taken(one in "\\PC{0,200}", other in "\\PC{0,60}") {
        check(&one, &other);
        candidates(&one);
        if let Some(found) = extract(&one) {
            prop_assert!(one.get(found.span.0..found.span.1).is_some());
        }
    }

    #[test]
    fn pieces_of_answers_are_taken(parts in prop::collection::vec(
        prop::sample::select(vec!["\\boxed", "{", "}", "####", "answer is", "<think>", "</think>", "\\text{", "1,", "-", ".", "$", "数", "\\frac", "(", "]", "|", "^", "_8", "\\pm"]), 0..40)
    ) {
        let text = parts.concat();
        check(&text, &text);
        candidates(&text);
        grade(&text, "1");
    }

    #[test]
    fn an_answer_equals_itself_and_order_does_not_matter(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let (one, other) = (formula(&mut random, 3), formula(&mut random, 2));
        prop_assert_eq!(grade(&one, &one).equal, Some(true));
        if !one.contains("boxed") && !other.contains("boxed") {
            prop_assert_eq!(grade(&one, &other).equal, grade(&other, &one).equal, "{} and {}", one, other);
        }
    }

    #[test]
    fn equal_answers_stay_equal_in_other_clothes(at in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let equal: Vec<_> = pairs().into_iter().filter(|(equal, ..)| *equal).collect();
        let (_, gold, prediction) = &equal[at.index(equal.len())];
        // Sentences, prices and Markdown wear no LaTeX.
        let plain = |text: &str| text.contains(['*', '`', '$', '#']) || text.contains("swer") || text.contains("boxed") || text.contains(". ") || text.contains(" is ") || text.ends_with(" m");
        prop_assume!(!plain(gold) && !plain(prediction));
        let mut random = Random::new(seed);
        let (gold, mut other) = (dressed(gold, &mut random), dressed(prediction, &mut random));
        if is_value(prediction) && !prediction.contains(',') {
            other = format!("{{{}}}", other.trim().trim_matches('$'));
        }
        prop_assert_eq!(grade(&gold, &other).equal, Some(true), "{} and {}", gold, other);
    }

    #[test]
    fn answers_of_the_fixtures_equal_themselves_in_other_clothes(at in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let rows = rows(MATH_500);
        let gold = text(&rows[at.index(rows.len())], "answer").to_owned();
        let other = dressed(&gold, &mut Random::new(seed));
        prop_assert_eq!(grade(&gold, &other).equal, Some(true), "{} and {}", gold, other);
    }
}

#[test]
fn the_corpus_is_there() {
    assert!(corpus().len() > 2000);
}
