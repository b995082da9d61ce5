//! What can be set: every rule in the order in which the funnel shows it, its parameters and their ranges.

use super::super::RuleId;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Switch,
    /// From, to.
    Number(f64, f64),
    /// From, to.
    Whole(u64, u64),
    /// Regular expressions, matched without regard to case.
    Patterns,
}

/// A parameter of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// As a file of settings writes it.
    pub name: &'static str,
    pub kind: Kind,
}

const fn whole(name: &'static str, from: u64, to: u64) -> Parameter {
    Parameter { name, kind: Kind::Whole(from, to) }
}

const fn number(name: &'static str, from: f64, to: f64) -> Parameter {
    Parameter { name, kind: Kind::Number(from, to) }
}

const PATTERNS: Parameter = Parameter { name: "patterns", kind: Kind::Patterns };

/// The parameters of a rule beside `enabled`, which all have.
pub fn parameters(rule: RuleId) -> &'static [Parameter] {
    const EMPTY: &[Parameter] = &[whole("min_words", 0, 1_000_000)];
    const FORMAT: &[Parameter] = &[whole("max_boxes", 1, 1000), whole("max_after", 0, 1_000_000)];
    const LENGTH: &[Parameter] = &[whole("min_tokens", 0, 10_000_000), whole("max_tokens", 1, 10_000_000)];
    const LOOPS: &[Parameter] = &[
        number("share_10", 0.0, 1.0),
        number("share_20", 0.0, 1.0),
        whole("tail_words", 10, 10_000),
        whole("tail_period", 1, 1000),
        whole("tail_repeats", 2, 1000),
    ];
    const LANGUAGE: &[Parameter] = &[number("max_share", 0.0, 1.0)];
    const META: &[Parameter] = &[whole("guidance_words", 3, 100), PATTERNS];
    const LEAK: &[Parameter] = &[PATTERNS];
    const ARITHMETIC: &[Parameter] = &[number("tolerance", 0.0, 0.1)];
    const ANSWER: &[Parameter] = &[Parameter { name: "allow_weak", kind: Kind::Switch }];
    const BEHAVIOUR: &[Parameter] = &[whole("min_checks", 0, 1000), whole("min_kinds", 0, 4)];
    const DUPLICATE: &[Parameter] = &[number("max_similarity", 0.5, 1.0)];
    const CONTAMINATION: &[Parameter] = &[whole("max_hits", 0, 1_000_000)];
    const CAP: &[Parameter] = &[whole("max_per_problem", 1, 1_000_000)];
    match rule {
        RuleId::Empty => EMPTY,
        RuleId::Truncated => &[],
        RuleId::Format => FORMAT,
        RuleId::Length => LENGTH,
        RuleId::Loops => LOOPS,
        RuleId::Language => LANGUAGE,
        RuleId::MetaReference => META,
        RuleId::TemplateLeak => LEAK,
        RuleId::Arithmetic => ARITHMETIC,
        RuleId::Answer => ANSWER,
        RuleId::Behaviour => BEHAVIOUR,
        RuleId::Duplicate => DUPLICATE,
        RuleId::Contamination => CONTAMINATION,
        RuleId::Cap => CAP,
    }
}
