//! Names that answers use: functions, constants, relations, units, and the English that is no product of letters.

use crate::math::expr::{Comparison, Function, Space};

pub fn function(name: &str) -> Option<Function> {
    Some(match name {
        "sin" => Function::Sin,
        "cos" => Function::Cos,
        "tan" | "tg" => Function::Tan,
        "cot" | "ctg" => Function::Cot,
        "sec" => Function::Sec,
        "csc" | "cosec" => Function::Csc,
        "arcsin" | "asin" => Function::Asin,
        "arccos" | "acos" => Function::Acos,
        "arctan" | "atan" | "arctg" => Function::Atan,
        "arccot" | "acot" => Function::Acot,
        "arcsec" | "asec" => Function::Asec,
        "arccsc" | "acsc" => Function::Acsc,
        "sinh" => Function::Sinh,
        "cosh" => Function::Cosh,
        "tanh" => Function::Tanh,
        "coth" => Function::Coth,
        "sech" => Function::Sech,
        "csch" => Function::Csch,
        "arcsinh" | "arsinh" | "asinh" => Function::Asinh,
        "arccosh" | "arcosh" | "acosh" => Function::Acosh,
        "arctanh" | "artanh" | "atanh" => Function::Atanh,
        "exp" => Function::Exp,
        "ln" => Function::Ln,
        "log" | "lg" => Function::Log,
        "sqrt" => Function::Root,
        "abs" => Function::Abs,
        "floor" => Function::Floor,
        "ceil" | "ceiling" => Function::Ceiling,
        "gcd" => Function::Gcd,
        "lcm" => Function::Lcm,
        "min" => Function::Min,
        "max" => Function::Max,
        "det" => Function::Determinant,
        "arg" => Function::Arg,
        _ => return None,
    })
}

/// Functions that are recognised without a backslash. `det` and `arg` could be products.
pub fn is_plain_function(name: &str) -> bool {
    !matches!(name, "det" | "arg" | "tg" | "lg")
}

/// The inverse of a function, as `\sin^{-1}` means it.
pub fn inverse(function: Function) -> Option<Function> {
    Some(match function {
        Function::Sin => Function::Asin,
        Function::Cos => Function::Acos,
        Function::Tan => Function::Atan,
        Function::Cot => Function::Acot,
        Function::Sec => Function::Asec,
        Function::Csc => Function::Acsc,
        Function::Sinh => Function::Asinh,
        Function::Cosh => Function::Acosh,
        Function::Tanh => Function::Atanh,
        _ => return None,
    })
}

/// Constants and operators in plain text, under their LaTeX name.
pub fn constant(word: &str) -> Option<&'static str> {
    Some(match word {
        "pi" | "Pi" | "PI" => "pi",
        "infinity" | "Infinity" | "infty" | "inf" | "oo" => "infty",
        "theta" => "theta",
        "alpha" => "alpha",
        "beta" => "beta",
        "gamma" => "gamma",
        "lambda" => "lambda",
        "phi" => "phi",
        "mod" => "mod",
        "pm" => "pm",
        "union" => "cup",
        _ => return None,
    })
}

pub fn relation(name: &str) -> Option<Comparison> {
    Some(match name {
        "eq" => Comparison::Equal,
        "ne" | "neq" | "not" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "le" | "leq" | "leqslant" | "leqq" => Comparison::LessEqual,
        "gt" => Comparison::Greater,
        "ge" | "geq" | "geqslant" | "geqq" => Comparison::GreaterEqual,
        "approx" | "sim" | "simeq" | "doteq" | "approxeq" => Comparison::Approximately,
        "equiv" | "cong" => Comparison::Congruent,
        "in" => Comparison::Element,
        _ => return None,
    })
}

pub fn space(letter: &str) -> Option<Space> {
    Some(match letter {
        "R" => Space::Reals,
        "Z" => Space::Integers,
        "N" => Space::Naturals,
        "Q" => Space::Rationals,
        "C" => Space::Complexes,
        _ => return None,
    })
}

pub fn percent(word: &str) -> bool {
    matches!(word, "percent" | "percents" | "pct" | "percentage" | "per cent" | "%")
}

/// Whether letters in a row are a word: a known short one, a unit, or four letters and more with a vowel.
pub fn is_word(run: &str) -> bool {
    const SHORT: &[&str] = &[
        "yes", "no", "odd", "one", "two", "six", "ten", "red", "may", "all", "any", "dne", "none", "the", "not",
        "true", "even", "east", "west", "sun", "mon", "tue", "wed", "thu", "fri", "sat", "jan", "feb", "mar", "apr",
        "jun", "jul", "aug", "sep", "oct", "nov", "dec", "of", "if", "is", "are", "for", "per", "by", "cat", "dog",
        "boy", "blue", "sum", "both", "each", "base", "am", "pm", "pct", "to", "but", "a.m", "from", "with", "at",
        "than", "when", "where", "let",
    ];
    let lower = run.to_ascii_lowercase();
    if SHORT.contains(&lower.as_str()) {
        return true;
    }
    if run.len() >= 2 && unit(&lower).is_some() {
        return run.bytes().skip(1).all(|byte| byte.is_ascii_lowercase()) || run.len() > 3;
    }
    let vowel = lower.bytes().any(|byte| b"aeiouy".contains(&byte));
    run.len() >= 4 && vowel && run.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// A unit's dimension, and its size in the first unit of that dimension. Lengths, areas and volumes are one dimension
/// each with the exponent apart.
pub fn unit(word: &str) -> Option<(&'static str, f64)> {
    let word = word.trim_end_matches('.');
    Some(match word {
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => ("length", 0.001),
        "cm" | "cms" | "centimeter" | "centimeters" | "centimetre" | "centimetres" => ("length", 0.01),
        "dm" | "decimeter" | "decimeters" => ("length", 0.1),
        "m" | "meter" | "meters" | "metre" | "metres" => ("length", 1.0),
        "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => ("length", 1000.0),
        "in" | "inch" | "inches" => ("length", 0.0254),
        "ft" | "foot" | "feet" => ("length", 0.3048),
        "yd" | "yard" | "yards" => ("length", 0.9144),
        "mi" | "mile" | "miles" => ("length", 1609.344),
        "mg" | "milligram" | "milligrams" => ("mass", 0.001),
        "g" | "gram" | "grams" => ("mass", 1.0),
        "kg" | "kgs" | "kilogram" | "kilograms" => ("mass", 1000.0),
        "ton" | "tons" | "tonne" | "tonnes" => ("mass", 1_000_000.0),
        "lb" | "lbs" | "pound" | "pounds" => ("mass", 453.592_37),
        "oz" | "ounce" | "ounces" => ("mass", 28.349_523_125),
        "ml" | "milliliter" | "milliliters" => ("volume", 0.001),
        "l" | "L" | "liter" | "liters" | "litre" | "litres" => ("volume", 1.0),
        "gallon" | "gallons" => ("volume", 3.785_411_784),
        "quart" | "quarts" => ("volume", 0.946_352_946),
        "pint" | "pints" => ("volume", 0.473_176_473),
        "cup" | "cups" => ("volume", 0.236_588_236_5),
        "s" | "sec" | "secs" | "second" | "seconds" => ("time", 1.0),
        "min" | "mins" | "minute" | "minutes" => ("time", 60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => ("time", 3600.0),
        "day" | "days" => ("time", 86_400.0),
        "week" | "weeks" => ("time", 604_800.0),
        "month" | "months" => ("time", 2_629_746.0),
        "year" | "years" | "yr" | "yrs" => ("time", 31_556_952.0),
        "dollar" | "dollars" | "usd" | "USD" | "bucks" | "euro" | "euros" | "yuan" | "rupees" => ("money", 1.0),
        "cent" | "cents" => ("money", 0.01),
        "degree" | "degrees" | "deg" => ("angle", 1.0),
        "radian" | "radians" | "rad" | "rads" => ("angle", 57.295_779_513_082_32),
        "acre" | "acres" => ("area", 4_046.856_422_4),
        "hectare" | "hectares" => ("area", 10_000.0),
        "mph" => ("speed", 0.447_04),
        "kph" | "kmh" => ("speed", 0.277_777_777_8),
        "unit" | "units" | "sq" | "square" | "cubic" | "cu" => ("plain", 1.0),
        _ => return None,
    })
}

/// Words behind a number that change what it says: not to be ignored as a unit would be.
pub fn changes_meaning(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "or",
        "more",
        "less",
        "than",
        "least",
        "most",
        "not",
        "no",
        "except",
        "between",
        "if",
        "when",
        "where",
        "plus",
        "minus",
        "times",
        "and",
        "over",
        "under",
        "about",
        "approximately",
        "to",
        "through",
        "up",
        "for",
        "is",
        "are",
        "but",
        "million",
        "billion",
        "thousand",
        "hundred",
        "dozen",
        "half",
        "squared",
        "cubed",
        "mod",
        "modulo",
        "base",
        "remainder",
        "negative",
        "divided",
        "multiplied",
        "equals",
        "only",
        "without",
        "excluding",
        "factorial",
        "choose",
        "undefined",
        "otherwise",
        "all",
        "any",
        "true",
        "false",
    ];
    text.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word.to_ascii_lowercase().as_str()))
}

/// Small numbers in words, for answers such as "four".
pub fn number(word: &str) -> Option<u32> {
    const NAMES: &[&str] = &[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    NAMES.iter().position(|name| *name == word).map(|at| at as u32)
}

/// Words behind a number that multiply it.
pub fn magnitude(word: &str) -> Option<i64> {
    Some(match word {
        "dozen" => 12,
        "hundred" => 100,
        "thousand" => 1000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        _ => return None,
    })
}
