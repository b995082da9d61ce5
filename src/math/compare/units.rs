//! Units: left out by one side they say nothing; named by both they have to fit.

use std::collections::BTreeMap;

use super::super::parse::words::unit;

pub enum Relation {
    Same,
    /// The first value times this is comparable with the second.
    Scaled(f64),
    Different,
}

pub fn relate(one: Option<&str>, other: Option<&str>, optional: bool) -> Relation {
    let (Some(one), Some(other)) = (one, other) else {
        return if optional || one == other { Relation::Same } else { Relation::Different };
    };
    if one == other {
        return Relation::Same;
    }
    // A unit that is no unit of measure ("apples", "ways") only annotates.
    let (Some((dimensions, scale)), Some((other_dimensions, other_scale))) = (measure(one), measure(other)) else {
        return Relation::Same;
    };
    if dimensions.is_empty() || other_dimensions.is_empty() {
        return Relation::Same;
    }
    if dimensions != other_dimensions {
        return Relation::Different;
    }
    let factor = scale / other_scale;
    if (factor - 1.0).abs() < 1e-9 { Relation::Same } else { Relation::Scaled(factor) }
}

/// Powers of the base dimensions and the size in base units; `None` if a word is no unit.
fn measure(text: &str) -> Option<(BTreeMap<&'static str, i32>, f64)> {
    let mut dimensions = BTreeMap::new();
    let mut scale = 1.0;
    let mut sign = 1;
    let mut ahead = 1;
    let text = text.replace('/', " per ");
    for word in text.split(|c: char| c.is_whitespace() || c == '\\').filter(|word| !word.is_empty()) {
        let (name, power) = match word.split_once('^') {
            Some((name, power)) => (name, power.trim_matches(['{', '}']).parse::<i32>().ok()?),
            None => (word, 1),
        };
        let name = name.trim_matches(['.', ',', '(', ')']);
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "per" => {
                sign = -1;
                continue;
            }
            "square" | "sq" => {
                ahead = 2;
                continue;
            }
            "cubic" | "cu" => {
                ahead = 3;
                continue;
            }
            "of" | "the" | "a" => continue,
            "%" => return None,
            _ => {}
        }
        let (dimension, size) = unit(name).or_else(|| unit(&lower))?;
        let (dimension, own, size) = match dimension {
            "plain" => {
                ahead = 1;
                continue;
            }
            "area" => ("length", 2, size),
            "volume" => ("length", 3, size * 0.001),
            other => (other, 1, size),
        };
        if dimension == "speed" {
            *dimensions.entry("length").or_insert(0) += sign;
            *dimensions.entry("time").or_insert(0) -= sign;
            scale *= size.powi(sign);
            continue;
        }
        let times = sign * power.clamp(-9, 9) * ahead;
        *dimensions.entry(dimension).or_insert(0) += own * times;
        scale *= size.powi(times);
        ahead = 1;
    }
    dimensions.retain(|_, power| *power != 0);
    Some((dimensions, scale))
}
