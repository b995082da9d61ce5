//! LaTeX as far as it can be read on a line of a terminal: fractions, powers, roots, Greek letters, signs. For the eye only: what is
//! graded, trained on and copied is the text itself, and what is not known here stays as it is written.

/// Groups nested deeper than this stay as they are.
const DEEPEST: usize = 12;
/// Bytes of a group, at most: a brace that is never closed must not cost more.
const LONGEST_GROUP: usize = 600;
/// And of a formula between signs that open and close it.
const LONGEST_FORMULA: usize = 2000;

/// A text for the eye, and where its parts come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readable {
    pub text: String,
    /// Places in `text` and in the source that belong together, both rising; between two of them the bytes are the same.
    places: Vec<(usize, usize)>,
}

impl Readable {
    /// Where a byte of the source is to be seen.
    pub fn place_of(&self, source: usize) -> usize {
        let next = self.places.partition_point(|(_, from)| *from <= source);
        let Some((shown, from)) = next.checked_sub(1).map(|at| self.places[at]) else { return 0 };
        let end = self.places.get(next).map_or(self.text.len(), |(shown, _)| *shown);
        (shown + (source - from)).min(end)
    }
}

/// The text as it is read.
pub fn readable(source: &str) -> Readable {
    let mut writer = Writer { source, out: Readable::default() };
    writer.run(0, source.len(), false, 0);
    writer.out
}

struct Writer<'a> {
    source: &'a str,
    out: Readable,
}

impl Writer<'_> {
    /// What is written next comes from this byte of the source.
    fn from(&mut self, source: usize) {
        let here = (self.out.text.len(), source);
        if self.out.places.last() != Some(&here) {
            self.out.places.push(here);
        }
    }

    fn copy(&mut self, begin: usize, end: usize) {
        self.from(begin);
        self.out.text.push_str(&self.source[begin..end]);
    }

    fn put(&mut self, at: usize, text: &str) {
        self.from(at);
        self.out.text.push_str(text);
    }

    /// Writes a part of the source. `math`: between signs that open and close mathematics.
    fn run(&mut self, mut at: usize, end: usize, math: bool, depth: usize) {
        while at < end {
            let rest = &self.source[at..end];
            let Some(first) = rest.chars().next() else { return };
            let next = match first {
                '\\' => self.command(at, end, math, depth),
                '$' if !math => self.dollars(at, end, depth),
                '^' => self.raised(at, end, math, depth),
                '_' if math => self.lowered(at, end),
                // A comma between digits.
                '{' if math && rest.starts_with("{,}") => {
                    self.put(at, ",");
                    self.from(at + 3);
                    Some(at + 3)
                }
                _ => None,
            };
            at = next.unwrap_or_else(|| {
                // Up to the next sign that may mean something; a doubled backslash is one sign.
                let skip = if rest.starts_with("\\\\") { 2 } else { 1 };
                let plain = rest.char_indices().skip(skip).find(|(_, c)| matches!(c, '\\' | '$' | '^' | '_' | '{'));
                let stop = plain.map_or(end, |(offset, _)| at + offset);
                self.copy(at, stop);
                stop
            });
        }
    }

    /// The inside of a group that begins at `at`, and the place after it.
    fn group(&self, at: usize, end: usize) -> Option<((usize, usize), usize)> {
        let inside = self.source.as_bytes().get(at..end)?;
        if inside.first() != Some(&b'{') {
            return None;
        }
        let mut open = 0usize;
        for (offset, byte) in inside.iter().enumerate().take(LONGEST_GROUP) {
            match byte {
                b'{' => open += 1,
                b'}' => {
                    open -= 1;
                    if open == 0 {
                        return Some(((at + 1, at + offset), at + offset + 1));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// An argument: a group, or one letter or digit.
    fn argument(&self, at: usize, end: usize) -> Option<((usize, usize), usize)> {
        self.group(at, end).or_else(|| {
            let first = self.source[at..end].chars().next()?;
            first.is_ascii_alphanumeric().then_some(((at, at + 1), at + 1))
        })
    }

    /// Whether the source goes on at `at` with something that would run into a number or a name before it.
    fn touches(&self, at: usize, end: usize) -> bool {
        let rest = &self.source[at..end];
        if let Some(named) = rest.strip_prefix('\\') {
            let letters = named.bytes().take_while(u8::is_ascii_alphabetic).count();
            let name = &named[..letters];
            let sign = SIGNS.iter().find(|(known, _)| *known == name).map_or("", |(_, sign)| *sign);
            return name.ends_with("frac")
                || matches!(name, "sqrt" | "left" | "binom")
                || sign.starts_with(char::is_alphabetic);
        }
        rest.chars().next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '^' | '_' | '{' | '('))
    }

    /// Writes an argument, in brackets unless it is one number or one name that nothing runs into.
    fn bracketed(&mut self, (begin, end): (usize, usize), touched: bool, depth: usize) {
        let inside = &self.source[begin..end];
        let number = !inside.is_empty() && inside.chars().all(|c| c.is_ascii_digit() || c == '.');
        let letter = inside.chars().count() == 1 && inside.chars().all(char::is_alphabetic);
        let name = inside.strip_prefix('\\').is_some_and(|name| SIGNS.iter().any(|(known, _)| *known == name));
        if (number || letter || name) && !touched {
            self.run(begin, end, true, depth + 1);
        } else {
            self.put(begin, "(");
            self.run(begin, end, true, depth + 1);
            self.put(end, ")");
        }
    }

    fn command(&mut self, at: usize, end: usize, math: bool, depth: usize) -> Option<usize> {
        let rest = &self.source[at + 1..end];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters == 0 {
            let sign = rest.chars().next()?;
            let after = at + 1 + sign.len_utf8();
            match sign {
                '%' | '$' | '#' | '&' | '{' | '}' | '_' => self.put(at, &sign.to_string()),
                ',' | ';' | ':' | ' ' => self.put(at, " "),
                '!' => {}
                '(' if !math => return self.formula(after, end, "\\)", depth),
                '[' if !math => return self.formula(after, end, "\\]", depth),
                _ => return None,
            }
            self.from(after);
            return Some(after);
        }
        let name = &rest[..letters];
        let after = at + 1 + letters;
        if depth >= DEEPEST {
            return None;
        }
        match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" => {
                let (above, middle) = self.argument(after, end)?;
                let (below, after) = self.argument(middle, end)?;
                let before = self.out.text.chars().next_back();
                // A mixed number, or a factor: what stands beside a fraction is no part of it.
                let whole = before.is_some_and(char::is_alphanumeric) || self.touches(after, end);
                if whole {
                    self.put(at, "(");
                }
                self.bracketed(above, false, depth);
                self.put(middle, "/");
                self.bracketed(below, false, depth);
                if whole {
                    self.put(after, ")");
                }
                self.from(after);
                Some(after)
            }
            "sqrt" => {
                let root = self.root(after, end);
                let begin = after + root.map_or(0, |root| root.len() + 2);
                let sign = match root {
                    None => "√".to_owned(),
                    Some("3") => "∛".to_owned(),
                    Some("4") => "∜".to_owned(),
                    Some(root) => format!("{}√", script(root, SUPERSCRIPTS)?),
                };
                let (inside, after) = self.argument(begin, end)?;
                self.put(at, &sign);
                self.bracketed(inside, self.touches(after, end), depth);
                self.from(after);
                Some(after)
            }
            "text" | "textbf" | "textit" | "textrm" | "mathrm" | "mathbf" | "mathit" | "mathsf" | "operatorname"
            | "mbox" | "emph" => {
                let ((begin, inside), after) = self.group(after, end)?;
                self.from(begin);
                self.run(begin, inside, math, depth + 1);
                self.from(after);
                Some(after)
            }
            "mathbb" => {
                let ((begin, inside), after) = self.group(after, end)?;
                let letter = match &self.source[begin..inside] {
                    "R" => "ℝ",
                    "N" => "ℕ",
                    "Z" => "ℤ",
                    "Q" => "ℚ",
                    "C" => "ℂ",
                    "P" => "ℙ",
                    _ => return None,
                };
                self.put(at, letter);
                self.from(after);
                Some(after)
            }
            "left" | "right" | "big" | "Big" | "bigg" | "Bigg" => {
                // An invisible bracket is written as a dot.
                let dot = matches!(name, "left" | "right") && self.source[after..end].starts_with('.');
                let after = after + usize::from(dot);
                self.from(after);
                Some(after)
            }
            _ => {
                let sign = SIGNS.iter().find(|(known, _)| *known == name)?.1;
                self.put(at, sign);
                // The space after a name ends it and is no space of the text, but a reader wants one.
                self.from(after);
                Some(after)
            }
        }
    }

    /// The `3` of `\sqrt[3]`.
    fn root(&self, at: usize, end: usize) -> Option<&str> {
        const LONGEST: usize = 8;
        let inside = self.source.get(at..end)?.strip_prefix('[')?;
        let close = inside.bytes().take(LONGEST).position(|byte| byte == b']')?;
        inside.get(..close)
    }

    /// Mathematics from `begin` up to a sign that closes it.
    fn formula(&mut self, begin: usize, end: usize, close: &str, depth: usize) -> Option<usize> {
        let length = cut(&self.source[begin..end]).find(close).filter(|length| *length > 0)?;
        self.from(begin);
        self.run(begin, begin + length, true, depth);
        let after = begin + length + close.len();
        self.from(after);
        Some(after)
    }

    /// `$...$` and `$$...$$`, where what is between them is mathematics and not money.
    fn dollars(&mut self, at: usize, end: usize, depth: usize) -> Option<usize> {
        if self.source[at..end].starts_with("$$") {
            return self.formula(at + 2, end, "$$", depth);
        }
        let begin = at + 1;
        let inside = cut(&self.source[begin..end]);
        // As Pandoc tells them apart: no space after the first, none before the last, and no digit after it.
        let mut closes = inside.match_indices('$').map(|(close, _)| close);
        let close = closes.find(|close| {
            let before = inside[..*close].chars().next_back();
            let after = self.source[begin + close + 1..end].chars().next();
            !before.is_none_or(|c| c.is_whitespace() || c == '\\') && !after.is_some_and(|c| c.is_ascii_digit())
        })?;
        let formula = &inside[..close];
        let marked = formula.contains(['\\', '^', '_', '{']);
        // Without a sign of its own a formula is a letter, or letters one by one; two words between two prices are none.
        let letters = formula.starts_with(|c: char| c.is_ascii_alphabetic())
            && !formula.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic));
        if formula.starts_with(char::is_whitespace) || formula.contains("\n\n") || !(marked || letters) {
            return None;
        }
        self.from(begin);
        self.run(begin, begin + close, true, depth);
        let after = begin + close + 1;
        self.from(after);
        Some(after)
    }

    fn raised(&mut self, at: usize, end: usize, math: bool, depth: usize) -> Option<usize> {
        // Degrees.
        for circle in ["^\\circ", "^{\\circ}"] {
            if self.source[at..end].starts_with(circle) {
                self.put(at, "°");
                self.from(at + circle.len());
                return Some(at + circle.len());
            }
        }
        let ((begin, inside), after) = self.group(at + 1, end).or_else(|| {
            let digits = self.source[at + 1..end].bytes().take_while(u8::is_ascii_digit).count();
            match (digits, math) {
                // In TeX one digit is raised; in plain text people mean the number.
                (0, true) => self.argument(at + 1, end),
                (0, false) => None,
                (_, true) => Some(((at + 1, at + 2), at + 2)),
                (digits, false) => Some(((at + 1, at + 1 + digits), at + 1 + digits)),
            }
        })?;
        match script(&self.source[begin..inside], SUPERSCRIPTS) {
            Some(raised) => self.put(at, &raised),
            None if depth < DEEPEST => {
                self.put(at, "^");
                self.bracketed((begin, inside), self.touches(after, end), depth);
            }
            None => return None,
        }
        self.from(after);
        Some(after)
    }

    fn lowered(&mut self, at: usize, end: usize) -> Option<usize> {
        let ((begin, inside), after) = self.argument(at + 1, end)?;
        let lowered = script(&self.source[begin..inside], SUBSCRIPTS)?;
        self.put(at, &lowered);
        self.from(after);
        Some(after)
    }
}

/// The beginning of a text in which the end of a formula is looked for.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_FORMULA);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

const SUPERSCRIPTS: &[(char, char)] = &[
    ('0', '⁰'),
    ('1', '¹'),
    ('2', '²'),
    ('3', '³'),
    ('4', '⁴'),
    ('5', '⁵'),
    ('6', '⁶'),
    ('7', '⁷'),
    ('8', '⁸'),
    ('9', '⁹'),
    ('+', '⁺'),
    ('-', '⁻'),
    ('n', 'ⁿ'),
    ('i', 'ⁱ'),
];
const SUBSCRIPTS: &[(char, char)] = &[
    ('0', '₀'),
    ('1', '₁'),
    ('2', '₂'),
    ('3', '₃'),
    ('4', '₄'),
    ('5', '₅'),
    ('6', '₆'),
    ('7', '₇'),
    ('8', '₈'),
    ('9', '₉'),
    ('+', '₊'),
    ('-', '₋'),
    ('i', 'ᵢ'),
    ('j', 'ⱼ'),
    ('n', 'ₙ'),
    ('k', 'ₖ'),
];

/// A short text in small signs, if there are such for all of it.
fn script(text: &str, signs: &[(char, char)]) -> Option<String> {
    let small = |c: char| signs.iter().find(|(from, _)| *from == c).map(|(_, to)| *to);
    (!text.is_empty() && text.len() <= 6).then(|| text.chars().map(small).collect())?
}

const SIGNS: &[(&str, &str)] = &[
    ("cdot", "·"),
    ("times", "×"),
    ("div", "÷"),
    ("pm", "±"),
    ("mp", "∓"),
    ("le", "≤"),
    ("leq", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("ne", "≠"),
    ("neq", "≠"),
    ("approx", "≈"),
    ("equiv", "≡"),
    ("sim", "~"),
    ("to", "→"),
    ("rightarrow", "→"),
    ("Rightarrow", "⇒"),
    ("implies", "⇒"),
    ("iff", "⇔"),
    ("infty", "∞"),
    ("ldots", "…"),
    ("dots", "…"),
    ("cdots", "⋯"),
    ("angle", "∠"),
    ("circ", "∘"),
    ("degree", "°"),
    ("triangle", "△"),
    ("parallel", "∥"),
    ("perp", "⊥"),
    ("in", "∈"),
    ("notin", "∉"),
    ("subset", "⊂"),
    ("subseteq", "⊆"),
    ("cup", "∪"),
    ("cap", "∩"),
    ("emptyset", "∅"),
    ("forall", "∀"),
    ("exists", "∃"),
    ("sum", "∑"),
    ("prod", "∏"),
    ("int", "∫"),
    ("partial", "∂"),
    ("nabla", "∇"),
    ("lfloor", "⌊"),
    ("rfloor", "⌋"),
    ("lceil", "⌈"),
    ("rceil", "⌉"),
    ("langle", "⟨"),
    ("rangle", "⟩"),
    ("mid", "|"),
    ("quad", "  "),
    ("qquad", "    "),
    ("therefore", "∴"),
    ("because", "∵"),
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("varepsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("varphi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
    ("sin", "sin"),
    ("cos", "cos"),
    ("tan", "tan"),
    ("log", "log"),
    ("ln", "ln"),
    ("gcd", "gcd"),
    ("lcm", "lcm"),
    ("min", "min"),
    ("max", "max"),
    ("lim", "lim"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(source: &str) -> String {
        readable(source).text
    }

    #[test]
    fn formulas_are_read() {
        for (source, shown) in [
            (r"\frac{1}{2}", "1/2"),
            (r"\dfrac{x+1}{2y}", "(x+1)/(2y)"),
            (r"\frac12", "1/2"),
            (r"\frac{\pi}{4}", "π/4"),
            (r"$x^2 + y^{10} = z_1$", "x² + y¹⁰ = z₁"),
            (r"\sqrt{2}", "√2"),
            (r"\sqrt[3]{a+b}", "∛(a+b)"),
            (r"\(3 \times 4 \le 12\)", "3 × 4 ≤ 12"),
            (r"\[x_1^2 = 10{,}000\]", "x₁² = 10,000"),
            (r"90^\circ", "90°"),
            (r"\left(\frac{a}{b}\right)^2", "(a/b)²"),
            (r"$2^{n+1}$", "2ⁿ⁺¹"),
            (r"$e^{i\pi}$", "e^(iπ)"),
            (r"5\%", "5%"),
            (r"\text{so} x \in \mathbb{R}", "so x ∈ ℝ"),
            (r"\boxed{\frac{3}{4}}", r"\boxed{3/4}"),
            ("Let $n$ be even.", "Let n be even."),
            (r"$\$5 + \$3$", "$5 + $3"),
        ] {
            assert_eq!(read(source), shown, "{source}");
        }
    }

    /// Where people decide what is right, two formulas must not look the same.
    #[test]
    fn different_formulas_look_different() {
        for (one, other) in [
            (r"2\frac{1}{2}", r"\frac{21}{2}"),
            (r"\frac{1}{2}x", r"\frac{1}{2x}"),
            (r"$a^{bc}$", r"$a^{b}c$"),
            (r"\sqrt{x}y", r"\sqrt{xy}"),
            (r"\frac{\binom{5}{2}}{10}", r"\frac{\binom52}{10}"),
            (r"\frac{a}{b}c", r"\frac{a}{bc}"),
            (r"\frac{1}{2}^3", r"\frac{1}{2^3}"),
        ] {
            assert_ne!(read(one), read(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_formula_stays() {
        for text in [
            "It costs $5 and then $7.",
            "She pays $5*3=$15",
            "$20 - $5 = $15",
            "between $US and CA$ in all",
            "a_b and snake_case",
            r"\unknown{x}",
            r"\frac{1}",
            r"a \\ b",
            "2 ^ 3",
            "a{b}c",
            "$$$$",
            "数学",
            "",
        ] {
            assert_eq!(read(text), text);
        }
        let nested = r"\sqrt{".repeat(40) + "x" + &"}".repeat(40);
        assert!(read(&nested).contains('x'));
    }

    /// A megabyte of what is opened and never closed; a search to the end for each would take minutes.
    #[test]
    fn what_is_never_closed_costs_little() {
        for opened in [r"\frac{", r"\sqrt[", "$x_", r"\(", "^{", "$$"] {
            let text = opened.repeat((1 << 20) / opened.len());
            let begun = std::time::Instant::now();
            assert!(!read(&text).is_empty());
            assert!(begun.elapsed().as_secs() < 20, "{opened}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn places_are_found_again() {
        let source = r"So $\frac{1}{2}$ is right.";
        let shown = readable(source);
        assert_eq!(shown.text, "So 1/2 is right.");
        let begin = source.find("right").unwrap();
        assert_eq!(&shown.text[shown.place_of(begin)..shown.place_of(begin + 5)], "right");
        assert_eq!(&shown.text[shown.place_of(3)..shown.place_of(16)], "1/2");
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_places_rise(text in r"[\\$^_{}a-z0-9\[\]() .é]{0,60}") {
            let shown = readable(&text);
            let mut last = 0;
            for (at, _) in text.char_indices() {
                let place = shown.place_of(at);
                prop_assert!(place >= last && place <= shown.text.len(), "{} {}", text, shown.text);
                last = place;
            }
        }
    }
}
