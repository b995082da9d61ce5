//! Which samples the list shows, and in which order: a small language of words, and a sort.

use crate::filter::RuleId;
use crate::filter::behaviours::Behaviour;
use crate::records::{DecisionVerb, EDITED};
use crate::session::SampleRow;

/// What a word asks of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Decision(Option<DecisionVerb>),
    Decided,
    Correct(Option<bool>),
    Truncated(bool),
    Flag(bool),
    Note(bool),
    Strategy(String),
    Source(String),
    Subject(String),
    Problem(String),
    Tag(String),
    Level(i64),
    MoreTokens(usize),
    FewerTokens(usize),
    Verdict(Option<bool>),
    Rule(String),
    /// The first rule that a sample fails: it drops the sample in the funnel.
    Dropped(String),
    /// The only rule that it fails.
    Alone(String),
    Trait(String),
    Traits(bool),
    Overruled(bool),
    Edited(bool),
    Text(String),
    /// One of these samples, in order of their numbers.
    These(Vec<i64>),
}

const KEYS: &str = "decision verdict rule dropped alone overruled behaviour answers correct truncated flag note edited strategy source subject problem tag level tokens";

/// What may follow a key, for completion.
const VALUES: &[(&str, &[&str])] = &[
    ("decision", &["none", "any", "accepted", "rejected", "skipped"]),
    ("verdict", &["accepted", "rejected", "none"]),
    ("overruled", &["yes", "no"]),
    ("behaviour", &["verification", "backtracking", "subgoal", "backward", "none"]),
    ("answers", &["tt", "tf", "ft", "ff"]),
    ("correct", &["yes", "no", "unknown"]),
    ("truncated", &["yes", "no"]),
    ("flag", &["yes", "no"]),
    ("note", &["yes", "no"]),
    ("edited", &["yes", "no"]),
    ("strategy", &["verification", "backtracking", "subgoal", "backward"]),
    ("tokens", &[">", "<"]),
];

/// What the last word of a filter may become: itself completed as far as it is sure, and the choices that are left.
pub fn complete(text: &str) -> (String, Vec<String>) {
    let begin = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (head, word) = text.split_at(begin);
    let (minus, word) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let choices: Vec<String> = match word.split_once(':') {
        Some((key, typed)) => {
            let rules = || RuleId::ALL.iter().map(|rule| rule.name()).collect::<Vec<_>>();
            let values = match key {
                "rule" | "dropped" | "alone" => rules(),
                _ => VALUES.iter().find(|(name, _)| *name == key).map_or(Vec::new(), |(_, values)| values.to_vec()),
            };
            values.into_iter().filter(|value| value.starts_with(typed)).map(|value| format!("{key}:{value}")).collect()
        }
        None => KEYS.split(' ').filter(|key| key.starts_with(word)).map(|key| format!("{key}:")).collect(),
    };
    let Some(first) = choices.first() else { return (text.to_owned(), choices) };
    let common = choices.iter().fold(first.len(), |length, choice| {
        first.bytes().zip(choice.bytes()).take(length).take_while(|(a, b)| a == b).count()
    });
    let word = if common > word.len() { &first[..common] } else { word };
    (format!("{head}{minus}{word}"), choices)
}

/// A filter: all its words must hold. A word with `-` before it must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
    words: Vec<(bool, Test)>,
}

impl Filter {
    /// Reads words such as `decision:none correct:yes strategy:verification -flag:yes gsm8k`.
    ///
    /// # Errors
    /// One line that says which word is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text
            .split_whitespace()
            .map(|word| match word.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => Ok((false, parse_word(rest)?)),
                _ => Ok((true, parse_word(word)?)),
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), words })
    }

    /// Of these samples alone, headed by what they have in common. It is no text that could be typed.
    pub fn these(samples: &[i64], what: &str) -> Self {
        let mut samples = samples.to_vec();
        samples.sort_unstable();
        Self { text: what.to_owned(), words: vec![(true, Test::These(samples))] }
    }

    /// What it lists, for a heading.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The words that a person typed, to be changed.
    pub fn typed(&self) -> &str {
        if self.words.iter().any(|(_, test)| matches!(test, Test::These(_))) { "" } else { &self.text }
    }

    /// The first word that asks what a blind check hides.
    pub fn reveals(&self) -> Option<&str> {
        let hidden = |test: &Test| match test {
            Test::Verdict(_)
            | Test::Rule(_)
            | Test::Dropped(_)
            | Test::Alone(_)
            | Test::Trait(_)
            | Test::Traits(_)
            | Test::Correct(_)
            | Test::Overruled(_) => true,
            Test::Decision(_)
            | Test::Decided
            | Test::Truncated(_)
            | Test::Flag(_)
            | Test::Note(_)
            | Test::Strategy(_)
            | Test::Source(_)
            | Test::Subject(_)
            | Test::Problem(_)
            | Test::Tag(_)
            | Test::Level(_)
            | Test::MoreTokens(_)
            | Test::FewerTokens(_)
            | Test::Edited(_)
            | Test::Text(_)
            | Test::These(_) => false,
        };
        self.text.split(' ').zip(&self.words).find(|(_, (_, test))| hidden(test)).map(|(word, _)| word)
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn admits(&self, row: &SampleRow) -> bool {
        self.words.iter().all(|(wanted, test)| holds(test, row) == *wanted)
    }
}

fn parse_word(word: &str) -> Result<Test, String> {
    let Some((key, value)) = word.split_once(':') else { return Ok(Test::Text(word.to_ascii_lowercase())) };
    let name = value.to_ascii_lowercase();
    match key {
        "decision" => match name.as_str() {
            "none" | "undecided" => Ok(Test::Decision(None)),
            "any" | "decided" => Ok(Test::Decided),
            "accept" | "accepted" => Ok(Test::Decision(Some(DecisionVerb::Accept))),
            "reject" | "rejected" => Ok(Test::Decision(Some(DecisionVerb::Reject))),
            "skip" | "skipped" => Ok(Test::Decision(Some(DecisionVerb::Skip))),
            _ => Err(wrong(word, "decision:none, any, accepted, rejected or skipped")),
        },
        "correct" => match name.as_str() {
            "unknown" => Ok(Test::Correct(None)),
            _ => yes(&name).map(|yes| Test::Correct(Some(yes))).ok_or(wrong(word, "correct:yes, no or unknown")),
        },
        "verdict" => match name.as_str() {
            "accepted" | "pass" => Ok(Test::Verdict(Some(true))),
            "rejected" | "fail" => Ok(Test::Verdict(Some(false))),
            "none" => Ok(Test::Verdict(None)),
            _ => Err(wrong(word, "verdict:accepted, rejected or none")),
        },
        "rule" => rule(word, key, &name).map(Test::Rule),
        "dropped" => rule(word, key, &name).map(Test::Dropped),
        "alone" => rule(word, key, &name).map(Test::Alone),
        "behaviour" => match name.as_str() {
            "none" => Ok(Test::Traits(false)),
            "any" => Ok(Test::Traits(true)),
            _ => match Behaviour::named(&name) {
                Some(behaviour) => Ok(Test::Trait(behaviour.name().to_owned())),
                None => Err(wrong(word, "behaviour:verification, backtracking, subgoal, backward, any or none")),
            },
        },
        "answers" => match name.as_str() {
            "tt" | "tf" | "ft" | "ff" => Ok(Test::Trait(name)),
            _ => Err(wrong(word, "answers:tt, tf, ft or ff (right or wrong at first, then at the end)")),
        },
        "overruled" => yes(&name).map(Test::Overruled).ok_or(wrong(word, "overruled:yes or no")),
        "edited" => yes(&name).map(Test::Edited).ok_or(wrong(word, "edited:yes or no")),
        "truncated" => yes(&name).map(Test::Truncated).ok_or(wrong(word, "truncated:yes or no")),
        "flag" => yes(&name).map(Test::Flag).ok_or(wrong(word, "flag:yes or no")),
        "note" => yes(&name).map(Test::Note).ok_or(wrong(word, "note:yes or no")),
        "level" => name.parse().map(Test::Level).map_err(|_| wrong(word, "level:3")),
        "tokens" => parse_tokens(&name).ok_or(wrong(word, "tokens:>500 or tokens:<500")),
        "strategy" | "source" | "subject" | "problem" | "tag" if name.is_empty() => {
            Err(format!("{word}: a value is missing after the colon"))
        }
        "strategy" => Ok(Test::Strategy(name)),
        "source" => Ok(Test::Source(name)),
        "subject" => Ok(Test::Subject(name)),
        "problem" => Ok(Test::Problem(name)),
        "tag" => Ok(Test::Tag(name)),
        _ => Err(format!("{word}: no such key; there are: {KEYS}")),
    }
}

fn rule(word: &str, key: &str, name: &str) -> Result<String, String> {
    RuleId::named(name).map(|rule| rule.name().to_owned()).ok_or_else(|| {
        let rules: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.name()).collect();
        wrong(word, &format!("{key}: and one of {}", rules.join(" ")))
    })
}

fn parse_tokens(value: &str) -> Option<Test> {
    match value.strip_prefix('>') {
        Some(number) => number.parse().ok().map(Test::MoreTokens),
        None => value.strip_prefix('<').and_then(|number| number.parse().ok()).map(Test::FewerTokens),
    }
}

fn yes(value: &str) -> Option<bool> {
    match value {
        "yes" | "y" | "true" => Some(true),
        "no" | "n" | "false" => Some(false),
        _ => None,
    }
}

fn wrong(word: &str, right: &str) -> String {
    format!("{word}: write {right}")
}

fn holds(test: &Test, row: &SampleRow) -> bool {
    match test {
        Test::Decision(verb) => row.standing.verb == *verb,
        Test::Decided => row.standing.verb.is_some(),
        Test::Correct(correct) => row.correct == *correct,
        Test::Verdict(accepted) => row.accepted == *accepted,
        Test::Rule(rule) => row.failed.contains(rule),
        // In the order of the rules, those in force only.
        Test::Dropped(rule) => row.failed.first() == Some(rule),
        Test::Alone(rule) => row.failed == [rule.as_str()],
        Test::Trait(wanted) => row.traits.contains(wanted),
        Test::Traits(any) => row.traits.iter().any(|shown| Behaviour::named(shown).is_some()) == *any,
        Test::Overruled(overruled) => row.overruled() == *overruled,
        Test::Edited(edited) => row.tags.iter().any(|tag| tag == EDITED) == *edited,
        Test::Truncated(truncated) => row.finish.is_cut() == *truncated,
        Test::Flag(flag) => row.standing.flagged == *flag,
        Test::Note(note) => row.standing.note.is_some() == *note,
        Test::Strategy(text) => row.strategies.iter().any(|strategy| contains(strategy, text)),
        Test::Source(text) => contains(&row.source, text),
        Test::Subject(text) => row.subject.as_deref().is_some_and(|subject| contains(subject, text)),
        Test::Problem(text) => contains(&row.problem_id, text),
        // A word of a note that begins with # is a tag of the person's own.
        Test::Tag(text) => {
            let own = row
                .standing
                .note
                .iter()
                .flat_map(|note| note.split_whitespace())
                .filter_map(|word| word.strip_prefix('#'));
            row.tags.iter().map(String::as_str).chain(own).any(|tag| contains(tag, text))
        }
        Test::Level(level) => row.level == Some(*level),
        Test::MoreTokens(tokens) => row.tokens > *tokens,
        Test::FewerTokens(tokens) => row.tokens < *tokens,
        Test::These(samples) => samples.binary_search(&row.id).is_ok(),
        Test::Text(text) => {
            let fields = [Some(&row.problem_id), Some(&row.source), row.subject.as_ref(), row.answer.as_ref()];
            let standing = [row.standing.note.as_ref(), row.standing.reason.as_ref()];
            fields.into_iter().chain(standing).flatten().any(|field| contains(field, text))
        }
    }
}

/// Whether `text`, in lower case, is in `field`; case of ASCII letters aside.
fn contains(field: &str, text: &str) -> bool {
    let (field, text) = (field.as_bytes(), text.as_bytes());
    text.is_empty() || field.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

/// The order of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Added,
    Problem,
    Longest,
    UndecidedFirst,
}

impl Sort {
    pub fn next(self) -> Self {
        match self {
            Sort::Added => Sort::Problem,
            Sort::Problem => Sort::Longest,
            Sort::Longest => Sort::UndecidedFirst,
            Sort::UndecidedFirst => Sort::Added,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Sort::Added => "as added",
            Sort::Problem => "by problem",
            Sort::Longest => "longest first",
            Sort::UndecidedFirst => "undecided first",
        }
    }
}

/// The positions in `rows` of what the filter admits, in order.
pub fn arrange(rows: &[SampleRow], filter: &Filter, sort: Sort) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..rows.len()).filter(|&at| filter.admits(&rows[at])).collect();
    match sort {
        Sort::Added => {}
        Sort::Problem => {
            shown.sort_by(|&a, &b| (&rows[a].problem_id, rows[a].draw, a).cmp(&(&rows[b].problem_id, rows[b].draw, b)));
        }
        Sort::Longest => shown.sort_by_key(|&at| (std::cmp::Reverse(rows[at].tokens), at)),
        Sort::UndecidedFirst => shown.sort_by_key(|&at| (rows[at].standing.verb.is_some(), at)),
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;
    use crate::records::FinishReason;

    fn admitted(text: &str, rows: &[SampleRow]) -> Vec<i64> {
        let filter = Filter::parse(text).unwrap();
        arrange(rows, &filter, Sort::Added).into_iter().map(|at| rows[at].id).collect()
    }

    fn rows() -> Vec<SampleRow> {
        let mut rows: Vec<_> = (1..=4).map(row).collect();
        rows[0].standing.verb = Some(DecisionVerb::Accept);
        rows[0].source = "GSM8K".into();
        rows[1].correct = Some(false);
        rows[1].standing.flagged = true;
        rows[1].strategies = vec!["backtracking".into()];
        rows[2].correct = None;
        rows[2].finish = FinishReason::Length;
        rows[2].tokens = 9_000;
        rows[3].standing.note = Some("see Page 3".into());
        rows[3].level = Some(5);
        rows
    }

    #[test]
    fn words_choose_rows() {
        let rows = rows();
        assert_eq!(admitted("", &rows), [1, 2, 3, 4]);
        assert_eq!(admitted("decision:none", &rows), [2, 3, 4]);
        assert_eq!(admitted("decision:accepted", &rows), [1]);
        assert_eq!(admitted("-decision:accepted flag:no", &rows), [3, 4]);
        assert_eq!(admitted("correct:no", &rows), [2]);
        assert_eq!(admitted("correct:unknown truncated:yes", &rows), [3]);
        assert_eq!(admitted("strategy:back", &rows), [1, 2, 3], "backtracking and backward reasoning");
        assert_eq!(admitted("strategy:Backtracking flag:yes", &rows), [2]);
        assert_eq!(admitted("source:GSM8K -source:gsm8k", &rows), Vec::<i64>::new());
        assert_eq!(admitted("tokens:>8999", &rows), [3]);
        assert_eq!(admitted("page", &rows), [4]);
        assert_eq!(admitted("level:5 note:yes", &rows), [4]);
        assert_eq!(admitted("漢", &rows), Vec::<i64>::new());
    }

    #[test]
    fn words_about_the_filter_choose_rows() {
        let mut rows = rows();
        (rows[0].accepted, rows[1].accepted, rows[2].accepted) = (Some(false), Some(true), Some(false));
        rows[0].failed = vec!["loops".into(), "answer".into()];
        rows[1].standing.verb = Some(DecisionVerb::Reject);
        rows[0].traits = vec!["backtracking".into(), "ft".into()];
        rows[2].traits = vec!["tt".into()];
        rows[2].tags = vec!["edited".into()];
        rows[3].standing.note = Some("see #Hard ones".into());
        assert_eq!(admitted("verdict:accepted", &rows), [2]);
        assert_eq!(admitted("verdict:none", &rows), [4]);
        assert_eq!(admitted("rule:loops", &rows), [1]);
        assert_eq!(admitted("rule:answer", &rows), [1]);
        assert_eq!(admitted("dropped:loops", &rows), [1]);
        assert_eq!(admitted("dropped:answer", &rows), Vec::<i64>::new());
        assert_eq!(admitted("alone:loops", &rows), Vec::<i64>::new());
        rows[0].failed.pop();
        assert_eq!(admitted("alone:loops", &rows), [1]);
        assert_eq!(admitted("overruled:yes", &rows), [1, 2]);
        assert_eq!(admitted("behaviour:backtracking", &rows), [1]);
        assert_eq!(admitted("behaviour:none", &rows), [2, 3, 4]);
        assert_eq!(admitted("answers:ft", &rows), [1]);
        assert_eq!(admitted("-answers:ft behaviour:any", &rows), Vec::<i64>::new());
        assert_eq!(admitted("edited:yes", &rows), [3]);
        assert_eq!(admitted("tag:hard", &rows), [4]);
        assert!(Filter::parse("rule:lops").unwrap_err().contains("loops"));
    }

    #[test]
    fn words_that_a_blind_check_hides_are_known() {
        for word in [
            "verdict:none",
            "rule:loops",
            "dropped:loops",
            "alone:loops",
            "behaviour:any",
            "answers:ft",
            "correct:yes",
            "-correct:yes",
            "overruled:no",
        ] {
            let filter = Filter::parse(&format!("gsm8k  {word} flag:no")).unwrap();
            assert_eq!(filter.reveals(), Some(word));
        }
        assert_eq!(Filter::parse("gsm8k decision:none tag:hard tokens:>9").unwrap().reveals(), None);
    }

    #[test]
    fn words_are_completed_as_far_as_they_are_sure() {
        assert_eq!(complete("dec").0, "decision:");
        assert_eq!(complete("correct:yes -ru").0, "correct:yes -rule:");
        assert_eq!(complete("rule:lo").0, "rule:loops");
        let (text, choices) = complete("rule:la");
        assert_eq!((text.as_str(), choices), ("rule:language", vec!["rule:language".to_owned()]));
        let (text, choices) = complete("t");
        assert_eq!((text.as_str(), choices.len()), ("t", 3));
        assert_eq!(complete("nothing:x"), ("nothing:x".to_owned(), Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(Filter::parse("colour:red").unwrap_err().contains("colour:red: no such key"));
        assert!(Filter::parse("decision:maybe").unwrap_err().contains("accepted"));
        assert!(Filter::parse("tokens:many").unwrap_err().contains("tokens:>500"));
        assert!(Filter::parse("behaviour:singing").unwrap_err().contains("verification"));
        assert!(Filter::parse("answers:yes").unwrap_err().contains("ft"));
        assert!(Filter::parse("strategy:").unwrap_err().contains("missing"));
    }

    #[test]
    fn orders() {
        let mut rows = rows();
        rows[0].problem_id = "z".into();
        let order = |sort| arrange(&rows, &Filter::default(), sort).iter().map(|&at| rows[at].id).collect::<Vec<_>>();
        assert_eq!(order(Sort::Problem), [2, 3, 4, 1]);
        assert_eq!(order(Sort::Longest)[0], 3);
        assert_eq!(order(Sort::UndecidedFirst), [2, 3, 4, 1]);
        let mut sort = Sort::Added;
        for _ in 0..4 {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::Added);
    }
}
