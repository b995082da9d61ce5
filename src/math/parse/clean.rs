//! An answer as typed, before it is read: Unicode signs become LaTeX, Markdown and sentence ends go, doubled
//! backslashes of a badly escaped string become single ones.

/// Signs that stand for a command. A space goes behind the command, so that what follows is not glued to it.
const SIGNS: &[(char, &str)] = &[
    ('\u{2212}', "-"),
    ('\u{2013}', "-"),
    ('\u{2014}', "-"),
    ('\u{2010}', "-"),
    ('\u{2011}', "-"),
    ('\u{fe63}', "-"),
    ('\u{ff0d}', "-"),
    ('×', "\\times "),
    ('÷', "\\div "),
    ('⋅', "\\cdot "),
    ('·', "\\cdot "),
    ('∙', "\\cdot "),
    ('•', "\\cdot "),
    ('∗', "*"),
    ('±', "\\pm "),
    ('∓', "\\mp "),
    ('≤', "\\le "),
    ('⩽', "\\le "),
    ('≥', "\\ge "),
    ('⩾', "\\ge "),
    ('≠', "\\ne "),
    ('≈', "\\approx "),
    ('≡', "\\equiv "),
    ('∞', "\\infty "),
    ('π', "\\pi "),
    ('α', "\\alpha "),
    ('β', "\\beta "),
    ('γ', "\\gamma "),
    ('δ', "\\delta "),
    ('ε', "\\epsilon "),
    ('θ', "\\theta "),
    ('λ', "\\lambda "),
    ('μ', "\\mu "),
    ('ρ', "\\rho "),
    ('σ', "\\sigma "),
    ('τ', "\\tau "),
    ('φ', "\\phi "),
    ('ϕ', "\\phi "),
    ('ω', "\\omega "),
    ('Δ', "\\Delta "),
    ('Σ', "\\Sigma "),
    ('Ω', "\\Omega "),
    ('∪', "\\cup "),
    ('∩', "\\cap "),
    ('∖', "\\setminus "),
    ('∈', "\\in "),
    ('∉', "\\notin "),
    ('∅', "\\emptyset "),
    ('ℝ', "\\mathbb{R}"),
    ('ℤ', "\\mathbb{Z}"),
    ('ℕ', "\\mathbb{N}"),
    ('ℚ', "\\mathbb{Q}"),
    ('ℂ', "\\mathbb{C}"),
    ('°', "^\\circ "),
    ('º', "^\\circ "),
    ('′', "'"),
    ('’', "'"),
    ('∶', ":"),
    ('：', ":"),
    ('，', ","),
    ('、', ","),
    ('；', ";"),
    ('（', "("),
    ('）', ")"),
    ('［', "["),
    ('］', "]"),
    ('｛', "\\{"),
    ('｝', "\\}"),
    ('＝', "="),
    ('＋', "+"),
    ('⟨', "\\langle "),
    ('⟩', "\\rangle "),
    ('⌊', "\\lfloor "),
    ('⌋', "\\rfloor "),
    ('⌈', "\\lceil "),
    ('⌉', "\\rceil "),
    ('½', " \\frac{1}{2} "),
    ('⅓', " \\frac{1}{3} "),
    ('⅔', " \\frac{2}{3} "),
    ('¼', " \\frac{1}{4} "),
    ('¾', " \\frac{3}{4} "),
    ('⅕', " \\frac{1}{5} "),
    ('⅙', " \\frac{1}{6} "),
    ('⅛', " \\frac{1}{8} "),
    ('∑', "\\sum "),
    ('∫', "\\int "),
    ('…', "\\ldots "),
    ('→', "\\to "),
    ('↦', "\\to "),
    ('€', "\\$"),
    ('£', "\\$"),
    ('¥', "\\$"),
    ('¢', "\\text{ cents}"),
    ('％', "%"),
    ('∣', "|"),
    ('⁄', "/"),
    ('∕', "/"),
];

const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ";
const RAISED_PLAIN: &str = "0123456789+-n";
const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉";

/// The answer in one spelling, still LaTeX or plain text.
pub fn clean(answer: &str) -> String {
    let answer = ascii(answer);
    let answer = unescaped(&answer);
    let answer = answer.replace("**", "\u{1}");
    // Bold marks come in pairs around the answer; a pair of stars between operands is a power.
    let bold = answer.trim();
    let answer = match bold.strip_prefix('\u{1}') {
        Some(rest) => rest.replace('\u{1}', ""),
        None => match bold.strip_suffix('\u{1}') {
            Some(rest) => rest.replace('\u{1}', ""),
            None => bold.replace('\u{1}', "^"),
        },
    };
    let mut answer = answer.trim().trim_matches('`').trim();
    // Quotation marks around the whole, perhaps escaped.
    for (open, close) in [("\\\"", "\\\""), ("\"", "\""), ("“", "”")] {
        if let Some(inner) = answer.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            answer = inner.trim();
        }
    }
    while let Some(rest) = answer.strip_suffix(['.', ',', ';']) {
        // Dots that mean "and so on" stay.
        if answer.ends_with("..") && !answer.ends_with(". .") {
            break;
        }
        // A thin space is a command.
        if rest.ends_with('\\') {
            break;
        }
        answer = rest.trim_end();
    }
    answer.to_owned()
}

fn ascii(answer: &str) -> String {
    if answer.is_ascii() {
        return answer.to_owned();
    }
    let mut out = String::with_capacity(answer.len() + 16);
    let mut letters = answer.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii() {
            out.push(letter);
        } else if let Some(first) = plain(RAISED, RAISED_PLAIN, letter) {
            out.push_str("^{");
            out.push(first);
            while let Some(next) = letters.peek().and_then(|next| plain(RAISED, RAISED_PLAIN, *next)) {
                out.push(next);
                letters.next();
            }
            out.push('}');
        } else if let Some(first) = plain(LOWERED, RAISED_PLAIN, letter) {
            out.push_str("_{");
            out.push(first);
            while let Some(next) = letters.peek().and_then(|next| plain(LOWERED, RAISED_PLAIN, *next)) {
                out.push(next);
                letters.next();
            }
            out.push('}');
        } else if letter == '√' || letter == '∛' {
            out.push_str(if letter == '√' { "\\sqrt " } else { "\\sqrt[3] " });
            // The number under a bare root sign is taken whole.
            let mut digits = String::new();
            while let Some(digit) = letters.peek().filter(|next| next.is_ascii_digit()) {
                digits.push(*digit);
                letters.next();
            }
            if !digits.is_empty() {
                out.push('{');
                out.push_str(&digits);
                out.push('}');
            }
        } else if let Some((_, name)) = SIGNS.iter().find(|(sign, _)| *sign == letter) {
            out.push_str(name);
        } else if letter.is_whitespace() || ('\u{200b}'..='\u{200f}').contains(&letter) || letter == '\u{2061}' {
            out.push(' ');
        } else {
            out.push(letter);
        }
    }
    out
}

fn plain(from: &str, to: &str, letter: char) -> Option<char> {
    from.chars().position(|known| known == letter).and_then(|at| to.chars().nth(at))
}

/// `\\frac` where `\frac` is meant: a string that was escaped twice. A line break of a matrix stays.
fn unescaped(answer: &str) -> String {
    if !answer.contains("\\\\") || answer.contains("\\begin{") && !answer.contains("\\\\begin{") {
        return answer.to_owned();
    }
    const NAMES: &[&str] = &[
        "boxed", "fbox", "frac", "dfrac", "tfrac", "sqrt", "text", "left", "right", "le", "ge", "ne", "pi", "cdot",
        "times", "pm", "infty", "cup", "cap", "in", "begin", "end", "{", "}", "[", "]", "(", ")", "circ", "theta", "%",
        "$",
    ];
    let mut out = String::with_capacity(answer.len());
    let mut rest = answer;
    while let Some(at) = rest.find("\\\\") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let named = NAMES.iter().any(|name| after.starts_with(name));
        out.push_str(if named { "\\" } else { "\\\\" });
        rest = after;
    }
    out.push_str(rest);
    out
}
