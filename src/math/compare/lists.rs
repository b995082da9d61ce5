//! Several answers: in order (tuples, systems) or in any order (lists, sets).

use super::super::answer::Form;
use super::super::limits;
use super::{Comparer, Verdict};

/// Levels that a step into brackets counts for: what stands inside is not the whole answer.
pub(super) const INNER: usize = 3;

impl Comparer<'_> {
    /// Items in order.
    pub(super) fn row(&self, one: &[Form], other: &[Form], depth: usize) -> Verdict {
        if one.len() != other.len() {
            return Verdict::structure(false);
        }
        self.all(one.iter().zip(other).map(|(one, other)| self.at_depth(one, other, depth + INNER)))
    }

    /// Items in any order. Numbers count as often as they are listed (a double root is listed twice), tuples once.
    pub(super) fn lists(&self, one: &[Form], other: &[Form], depth: usize) -> Verdict {
        let compound = |items: &[Form]| items.iter().all(|item| matches!(item, Form::Tuple(..) | Form::Record(_)));
        if compound(one) && compound(other) {
            return self.sets(one, other, depth);
        }
        if one.len() != other.len() {
            return Verdict::structure(false);
        }
        self.matched(one, other, depth)
    }

    /// Sets: what is in one is in the other.
    pub(super) fn sets(&self, one: &[Form], other: &[Form], depth: usize) -> Verdict {
        if one.len().max(other.len()) > limits::ITEMS * 2 {
            return Verdict::structure(None);
        }
        let (one, other) = (self.distinct(one, depth), self.distinct(other, depth));
        if one.len() != other.len() {
            return Verdict::structure(false);
        }
        self.matched(&one, &other, depth)
    }

    pub(super) fn distinct(&self, items: &[Form], depth: usize) -> Vec<Form> {
        let mut kept: Vec<Form> = Vec::new();
        for item in items {
            if !kept.iter().any(|known| self.at_depth(known, item, depth + 1).is_true()) {
                kept.push(item.clone());
            }
        }
        kept
    }

    /// A partner for every item. Equality is transitive, so the first one free will do.
    fn matched(&self, one: &[Form], other: &[Form], depth: usize) -> Verdict {
        if one.len() > limits::ITEMS * 2 {
            return Verdict::structure(None);
        }
        let mut free: Vec<&Form> = other.iter().collect();
        let mut unsure = false;
        for item in one {
            let mut found = None;
            for (at, partner) in free.iter().enumerate() {
                match self.at_depth(item, partner, depth + INNER).equal {
                    Some(true) => {
                        found = Some(at);
                        break;
                    }
                    Some(false) => {}
                    None => unsure = true,
                }
            }
            match found {
                Some(at) => {
                    free.remove(at);
                }
                None => return Verdict::structure(if unsure { None } else { Some(false) }),
            }
        }
        Verdict::structure(true)
    }

    /// `x = 1, y = 2` with another record by its names, with a tuple or list in its order.
    pub(super) fn records(&self, one: &Form, other: &Form, depth: usize) -> Verdict {
        let Form::Record(entries) = one else { return Verdict::structure(false) };
        let values: Vec<Form> = entries.iter().map(|(_, value)| value.clone()).collect();
        match other {
            Form::Record(others) => {
                if entries.len() != others.len() {
                    return Verdict::structure(false);
                }
                let mut verdicts = Vec::new();
                for (name, value) in entries {
                    match others.iter().find(|(other, _)| other == name) {
                        Some((_, partner)) => verdicts.push(self.at_depth(value, partner, depth + 1)),
                        None => return Verdict::structure(false),
                    }
                }
                self.all(verdicts.into_iter())
            }
            Form::Tuple('(', others, ')') | Form::Tuple('{', others, '}') => self.row(&values, others, depth),
            Form::List(others) => {
                let in_order = self.row(&values, others, depth);
                // x_1 and x_2 are two roots, in any order.
                let stem = |name: &str| name.split_once('_').map(|(stem, _)| stem.to_owned());
                let first = entries.first().and_then(|(name, _)| stem(name));
                let roots = first.is_some() && entries.iter().all(|(name, _)| stem(name) == first);
                if in_order.is_true() || !roots { in_order } else { self.lists(&values, others, depth) }
            }
            _ => Verdict::structure(false),
        }
    }
}
