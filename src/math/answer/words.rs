//! Answers in words: one spelling for each.

/// Lower case, without markup, punctuation and articles.
pub fn normal(text: &str, any_case: bool) -> String {
    let mut bare = text.to_owned();
    for name in [
        "\\textbf",
        "\\textit",
        "\\textnormal",
        "\\textrm",
        "\\text",
        "\\mbox",
        "\\mathrm",
        "\\mathbf",
        "\\operatorname",
        "\\left",
        "\\right",
        "\\quad",
        "\\,",
        "\\ ",
        "\\!",
        "\\;",
    ] {
        bare = bare.replace(name, " ");
    }
    let bare = if any_case { bare.to_lowercase() } else { bare };
    let mut out: Vec<String> = Vec::new();
    let inner = |c: char| c.is_alphanumeric() || "+*/^=<>_\\|&%.:'-".contains(c);
    for word in bare.split(|c: char| !inner(c)) {
        let word = word.trim_matches(|c: char| ".:'-".contains(c) && word.len() > 1);
        let word = match word {
            "" | "." | ":" | "'" | "the" | "a" | "an" => continue,
            other => canonical(other),
        };
        out.push(word.to_owned());
    }
    // "October 30th" and "30 October"
    let ordinal = |word: &String| {
        ["th", "st", "nd", "rd"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .filter(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_owned)
    };
    let has_month = out.iter().any(|word| MONTHS.contains(&word.as_str()));
    if has_month {
        out.retain(|word| word != "of");
        out = out.iter().map(|word| ordinal(word).unwrap_or_else(|| word.clone())).collect();
        if out.len() == 2 && MONTHS.contains(&out[1].as_str()) {
            out.swap(0, 1);
        }
    }
    out.join(" ")
}

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn canonical(word: &str) -> &str {
    match word {
        "jan" => "january",
        "feb" => "february",
        "mar" => "march",
        "apr" => "april",
        "jun" => "june",
        "jul" => "july",
        "aug" => "august",
        "sep" | "sept" => "september",
        "oct" => "october",
        "nov" => "november",
        "dec" => "december",
        "mon" => "monday",
        "tue" | "tues" => "tuesday",
        "wed" => "wednesday",
        "thu" | "thur" | "thurs" => "thursday",
        "fri" => "friday",
        "sat" => "saturday",
        "sun" => "sunday",
        "dne" => "does not exist",
        other => other,
    }
}

/// Words for the empty set.
pub fn says_none(normal: &str) -> bool {
    matches!(
        normal,
        "no solution"
            | "no solutions"
            | "no real solution"
            | "no real solutions"
            | "empty set"
            | "there are no solutions"
            | "there is no solution"
    )
}

/// Words for the whole real line.
pub fn says_all(normal: &str) -> bool {
    matches!(
        normal,
        "all real numbers"
            | "all reals"
            | "all real x"
            | "real numbers"
            | "any real number"
            | "all real values"
            | "set of all real numbers"
    )
}
