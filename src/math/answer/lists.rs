//! Lists of answers: roots, named values, systems, conditions behind a formula.

use super::Form;
use super::form::of as form;
use super::region::Region;
use super::signs;
use crate::math::expr::{Comparison, Expr, Separator, Space};
use crate::math::limits;

/// Items with their plus-or-minus signs unfolded.
pub(super) fn flat(items: &[Expr], depth: usize) -> Vec<Form> {
    let mut out = Vec::new();
    for item in items {
        match form(item, depth + 1) {
            Form::List(values) if signs::has(item) => out.extend(values),
            one => out.push(one),
        }
        if out.len() > limits::ITEMS * 2 {
            break;
        }
    }
    out
}

pub(super) fn of(separator: Separator, items: &[Expr], depth: usize) -> Form {
    let mut parameter = None;
    let mut kept = Vec::new();
    for item in items {
        match condition(item) {
            Some(name) => parameter = parameter.or(Some(name)),
            None => kept.push(item.clone()),
        }
    }
    if let (Some(parameter), false) = (parameter, kept.is_empty()) {
        return family(&kept, &parameter, depth);
    }
    if kept.len() == 1 {
        return form(&kept[0], depth + 1);
    }
    if kept.is_empty() {
        return Form::Other(Expr::List(separator, items.to_vec()));
    }
    if let Some(joined) = regions(&kept) {
        return joined;
    }
    let forms = flat(&kept, depth);
    joined(forms)
}

/// Named values become a record, values of one name a list.
fn joined(forms: Vec<Form>) -> Form {
    let first = match &forms[0] {
        Form::Named(name, _) => name.clone(),
        Form::Record(_) => return records(forms),
        _ => return Form::List(forms),
    };
    let mut entries = Vec::new();
    let mut values = Vec::new();
    let mut all_named = true;
    for part in forms {
        match part {
            Form::Named(name, value) => {
                entries.push((name, (*value).clone()));
                match *value {
                    Form::List(several) => values.extend(several),
                    one => values.push(one),
                }
            }
            other => {
                all_named = false;
                values.push(other);
            }
        }
    }
    let same = entries.iter().all(|(name, _)| *name == first);
    let distinct =
        entries.iter().enumerate().all(|(at, (name, _))| entries[..at].iter().all(|(other, _)| other != name));
    if same {
        Form::Named(first, Box::new(Form::List(values)))
    } else if all_named && distinct {
        Form::Record(entries)
    } else {
        let part = |(name, value): (String, Form)| Form::Named(name, Box::new(value));
        let plain = if all_named { entries.into_iter().map(part).collect() } else { values };
        Form::List(plain)
    }
}

/// `(x,y) = (5,8) and (8,5)`: what follows a record is one of the same names.
fn records(forms: Vec<Form>) -> Form {
    let Some(Form::Record(first)) = forms.first().cloned() else { return Form::List(forms) };
    let named = |part: Form| match part {
        Form::Tuple('(', values, ')') if values.len() == first.len() => {
            Form::Record(first.iter().map(|(name, _)| name.clone()).zip(values).collect())
        }
        other => other,
    };
    Form::List(forms.into_iter().map(named).collect())
}

/// The name in a condition that only says what it ranges over: n in Z.
fn condition(item: &Expr) -> Option<String> {
    let Expr::Relation(first, rest) = item else { return None };
    match (&**first, rest.as_slice()) {
        (Expr::Symbol(name), [(Comparison::Element, Expr::Space(Space::Integers | Space::Naturals))]) => {
            Some(name.clone())
        }
        _ => None,
    }
}

fn family(items: &[Expr], parameter: &str, depth: usize) -> Form {
    if let [one] = items {
        let (name, value) = match form(one, depth + 1) {
            Form::Named(name, value) => (Some(name), *value),
            other => (None, other),
        };
        if let Form::Value(expr, _) = &value
            && expr.variables().iter().any(|variable| variable == parameter)
        {
            let family = Form::Family(expr.clone(), parameter.to_owned());
            return match name {
                Some(name) => Form::Named(name, Box::new(family)),
                None => family,
            };
        }
        return match name {
            Some(name) => Form::Named(name, Box::new(value)),
            None => value,
        };
    }
    let forms: Vec<Form> = items.iter().map(|item| family(std::slice::from_ref(item), parameter, depth + 1)).collect();
    joined(forms)
}

/// Conditions on one variable: what satisfies all of them, or, where nothing can, any of them.
fn regions(items: &[Expr]) -> Option<Form> {
    let mut found: Vec<(Option<String>, Region)> = Vec::new();
    for item in items {
        let Expr::Relation(_, rest) = item else { return None };
        if rest.iter().all(|(comparison, _)| {
            matches!(comparison, Comparison::Equal | Comparison::Approximately | Comparison::Element)
        }) {
            return None;
        }
        let (variable, region) = Region::of_relation(item)?;
        found.push((Some(variable), region));
    }
    let variable = found[0].0.clone();
    if found.iter().any(|(other, _)| *other != variable) {
        return None;
    }
    let both = found.iter().skip(1).try_fold(found[0].1.clone(), |all, (_, next)| all.intersection(next))?;
    let region = if both.is_empty() {
        found.iter().skip(1).try_fold(found[0].1.clone(), |all, (_, next)| all.union(next))?
    } else {
        both
    };
    Some(Form::Region(variable, region))
}
