//! Random answers, from a grammar and from mutated real ones: no panic, no long time, the same verdict in both
//! directions.

use std::time::{Duration, Instant};

use super::*;

/// A generator that is the same in every run for one seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// An answer from a grammar that knows most of what the parser does, and does not always close what it opens.
pub fn formula(random: &mut Random, depth: usize) -> String {
    let leaf = [
        "1", "2", "37", "0", "0.5", ".25", "1,234", "x", "y", "n", "a_1", "\\pi", "e", "i", "\\theta", "\\infty",
        "52_8", "12", "1{,}000", "7!", "f(x)",
    ];
    if depth == 0 || random.below(5) == 0 {
        return random.pick(&leaf).to_owned();
    }
    let part = |random: &mut Random| formula(random, depth - 1);
    match random.below(31) {
        0 => format!("{}+{}", part(random), part(random)),
        1 => format!("{} - {}", part(random), part(random)),
        2 => format!("{} \\cdot {}", part(random), part(random)),
        3 => format!("{}{}", part(random), part(random)),
        4 => format!("\\frac{{{}}}{{{}}}", part(random), part(random)),
        5 => format!("{}/{}", part(random), part(random)),
        6 => format!("{}^{{{}}}", part(random), part(random)),
        7 => format!("{}^{}", part(random), part(random)),
        8 => format!("\\sqrt{{{}}}", part(random)),
        9 => format!("\\sqrt[{}]{{{}}}", part(random), part(random)),
        10 => format!("({})", part(random)),
        11 => format!("\\left({},{}\\right]", part(random), part(random)),
        12 => format!("[{}, {})", part(random), part(random)),
        13 => format!("\\{{{}, {}\\}}", part(random), part(random)),
        14 => format!("{}, {}", part(random), part(random)),
        15 => format!("{} \\text{{ or }} {}", part(random), part(random)),
        16 => format!("{} \\pm {}", part(random), part(random)),
        17 => format!("{}={}", part(random), part(random)),
        18 => format!(
            "{} {} {}",
            part(random),
            random.pick(&["<", "\\le", ">", "\\ge", "\\ne", "\\in", "\\approx"]),
            part(random)
        ),
        19 => format!(
            "{}({})",
            random.pick(&["\\sin", "\\cos^2", "\\tan^{-1}", "\\log_2", "\\ln", "exp", "\\gcd", "\\max", "f"]),
            part(random)
        ),
        20 => format!(
            "\\{} {}",
            random.pick(&["sin", "log", "sqrt", "lfloor", "overline", "lim", "int", "text"]),
            part(random)
        ),
        21 => format!("|{}|", part(random)),
        22 => format!("{}!", part(random)),
        23 => format!("\\binom{{{}}}{{{}}}", part(random), part(random)),
        24 => format!("\\sum_{{k={}}}^{{{}}} {}", part(random), part(random), part(random)),
        25 => format!(
            "\\begin{{pmatrix}} {} & {} \\\\ {} & {} \\end{{pmatrix}}",
            part(random),
            part(random),
            part(random),
            part(random)
        ),
        26 => format!("{} \\cup {}", part(random), part(random)),
        27 => format!("{}:{}", part(random), part(random)),
        28 => format!(
            "{}{}",
            part(random),
            random.pick(&["\\%", "^\\circ", "\\text{ cm}", " dollars", "\\pmod 7", ".", "\\ldots"])
        ),
        29 => format!("-{}", part(random)),
        _ => format!(
            "{}{}",
            random.pick(&["(", "\\{", "\\left[", "|", "{", "$", "\\frac{", "\\boxed{", "x = ", "\\$"]),
            part(random)
        ),
    }
}

/// A real answer with pieces cut out, doubled, swapped or put in.
pub fn mutated(random: &mut Random, corpus: &[String]) -> String {
    let mut letters: Vec<char> = corpus[random.below(corpus.len())].chars().take(400).collect();
    for _ in 0..random.below(4) {
        let at = random.below(letters.len() + 1);
        let end = (at + random.below(8)).min(letters.len());
        match random.below(5) {
            0 => {
                letters.drain(at..end);
            }
            1 => {
                let copy: Vec<char> = letters[at..end].to_vec();
                letters.splice(at..at, copy);
            }
            2 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.chars().count() + 1);
                let piece: Vec<char> = other.chars().skip(from).take(12).collect();
                letters.splice(at..end, piece);
            }
            3 if at < letters.len() => {
                let signs: Vec<char> = "0123456789+-*/^_(){}[]|\\,;:=<>!'&%$. xπ√²∞\u{0}\u{301}数".chars().collect();
                letters[at] = signs[random.below(signs.len())];
            }
            _ => {
                let piece = formula(random, 1);
                letters.splice(at..at, piece.chars());
            }
        }
    }
    letters.into_iter().collect()
}

/// Answers and completions of the fixtures.
pub fn corpus() -> Vec<String> {
    let mut corpus: Vec<String> = Vec::new();
    for row in rows(MATH_VERIFY) {
        corpus.push(text(&row, "gold").to_owned());
        corpus.push(text(&row, "prediction").to_owned());
    }
    corpus.extend(rows(LATEX).iter().map(|row| text(row, "latex").to_owned()));
    corpus.extend(rows(MATH_500).iter().map(|row| text(row, "answer").to_owned()));
    corpus.extend(pairs().into_iter().flat_map(|(_, gold, prediction)| [gold, prediction]));
    corpus
}

/// Whether the whole text is taken as the answer, so that the two sides mean the same to the grader.
fn is_bare(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !["boxed", "fbox", "answer", "####", "think"].iter().any(|mark| lower.contains(mark))
}

/// The slowest case. Panics with the input on a verdict that depends on the order of the two.
fn run(cases: usize, seed: u64, report: bool) -> Duration {
    let corpus = corpus();
    let mut random = Random::new(seed);
    let mut slowest = Duration::ZERO;
    let mut previous = "1".to_owned();
    let (mut equal, mut different, mut untold) = (0usize, 0usize, 0usize);
    for case in 0..cases {
        let answer = match random.below(3) {
            0 => {
                let depth = 1 + random.below(5);
                formula(&mut random, depth)
            }
            _ => mutated(&mut random, &corpus),
        };
        let other = match random.below(4) {
            0 => answer.clone(),
            1 => mutated(&mut random, std::slice::from_ref(&answer)),
            _ => previous.clone(),
        };
        let begin = Instant::now();
        let grade = grade(&answer, &other);
        let mut took = begin.elapsed();
        candidates(&answer);
        // On a busy machine a case may have waited for the processor: what is its own, it costs every time.
        for _ in 0..if took > Duration::from_millis(10) { 4 } else { 0 } {
            let again = Instant::now();
            super::grade(&answer, &other);
            took = took.min(again.elapsed());
        }
        if took > slowest {
            slowest = took;
            if report {
                println!("case {case}: {:.2} ms for {answer:?} and {other:?}", took.as_secs_f64() * 1e3);
            }
        }
        match grade.equal {
            Some(true) => equal += 1,
            Some(false) => different += 1,
            None => untold += 1,
        }
        if answer == other && !normalise(&answer).is_empty() && is_bare(&answer) {
            // Punctuation alone is no answer.
            let nothing = grade.equal.is_none() && grade.gold_form.is_empty();
            assert!(grade.equal == Some(true) || nothing, "{answer:?} is not itself: {grade:?}");
        }
        if is_bare(&answer) && is_bare(&other) {
            let back = super::grade(&other, &answer);
            assert_eq!(back.equal, grade.equal, "{answer:?} and {other:?}: {grade:?} and {back:?}");
        }
        previous = answer;
    }
    if report {
        println!("{cases} cases: {equal} equal, {different} different, {untold} not told");
    }
    slowest
}

#[test]
fn random_answers_do_no_harm() {
    // Debug builds on a busy machine are slow; the long run below measures the real bound.
    let slowest = run(4000, 1, false);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// `CRIBBLE_FUZZ_CASES=10000000 cargo test --release --lib math:: -- --ignored --nocapture long_run`
#[test]
#[ignore = "takes half an hour"]
fn long_run_of_random_answers() {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise);
    let slowest = run(number("CRIBBLE_FUZZ_CASES", 1_000_000) as usize, number("CRIBBLE_FUZZ_SEED", 2), true);
    assert!(slowest < Duration::from_millis(50), "{slowest:?}");
}

#[test]
fn hostile_answers_are_cheap() {
    let deep = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let hostile = [
        "9^{9^{9^9}}".to_owned(),
        "9^9^9^9^9^9^9^9".to_owned(),
        "1000000!".to_owned(),
        "((((10!)!)!)!)!".to_owned(),
        "\\binom{100000000}{50000000}".to_owned(),
        "\\binom{10^{100}}{10^{50}}".to_owned(),
        "1e999999999".to_owned(),
        "10^{-100000000}".to_owned(),
        "2^{-2^{200}}".to_owned(),
        format!("{}1", "1/".repeat(1500)),
        "9".repeat(4000),
        format!("0.{}", "3".repeat(4000)),
        format!("\\frac{{1}}{{{}}}", "7".repeat(2000)),
        deep("(", ")", 2000),
        deep("{", "}", 2000),
        deep("\\frac{", "}{2}", 500),
        deep("\\sqrt{", "}", 600),
        deep("|", "|", 1000),
        deep("f(", ")", 1000),
        deep("f(", "", 1000),
        deep("x^{", "}", 1000),
        deep("\\{", "\\}", 1000),
        deep("\\text{", "}", 500),
        "-".repeat(4000) + "1",
        "1\\pm ".repeat(300) + "1",
        "\\pm 1,".repeat(500),
        "1,".repeat(2000),
        "x=1,".repeat(900),
        "(1,2)\\cup".repeat(400) + "(1,2)",
        "\\sum_{k=1}^{2000}".repeat(6) + "k!",
        "\\sum_{k=1}^{\\infty}\\frac{1}{k^2}".to_owned(),
        "\\prod_{k=1}^{2000}\\sum_{j=1}^{2000}\\Gamma(j+k)!".to_owned(),
        "\\begin{pmatrix}".repeat(60) + "1" + &"\\end{pmatrix}".repeat(60),
        "1&".repeat(1500),
        "x+".repeat(1000) + "x",
        "sin(".repeat(500) + "x" + &")".repeat(500),
        (b'a'..=b'z').map(|letter| format!("{}_1+", letter as char)).collect::<String>() + "1",
        "||x||y||z||w||".to_owned(),
        "$".repeat(4000),
        "\\".repeat(4001),
        "\u{301}".repeat(1000),
        "\\boxed{".repeat(3000),
        "\\log_{\\log_{\\log_2 3} 4} 5".repeat(30),
    ];
    for one in &hostile {
        for other in ["1", "x", one.as_str(), "(1,2)", "{1,2}"] {
            println!("{one:.60} and {other:.60}");
            let begin = Instant::now();
            grade(one, other);
            grade(other, one);
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(4), "{took:?} for {:.60} and {:.60}", one, other);
        }
    }
    for huge in [
        "{".repeat(10_000_000),
        "\\boxed{".repeat(1_400_000),
        "answer is ".repeat(1_000_000),
        "$1".repeat(5_000_000),
        "= 1\n".repeat(2_500_000),
    ] {
        println!("{huge:.20}");
        let begin = Instant::now();
        grade("1", &huge);
        candidates(&huge);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?} for {:.20}", huge);
    }
}
