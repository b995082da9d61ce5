//! Answers graded per second on one core: the figure behind `cribble bench grade`.

use std::time::Instant;

use super::grade;

/// Answers of all kinds that competition problems have, and what a model might write for them.
const BUILT_IN: &[(&str, &str)] = &[
    ("18", "18"),
    ("1200", "The total is \\boxed{1,200}."),
    ("\\frac{1}{2}", "0.5"),
    ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"),
    ("(3, \\frac{\\pi}{2})", "\\left( 3, \\frac{\\pi}{2} \\right)"),
    ("[-2,7]", "x \\in [-2,7]"),
    ("(-\\infty, 2) \\cup (3, \\infty)", "x < 2 \\text{ or } x > 3"),
    ("(a+5)(b+2)", "ab + 2a + 5b + 10"),
    ("2x+4y-3=0", "y=-\\frac{1}{2}x+\\frac{3}{4}"),
    ("1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"),
    ("\\begin{pmatrix} 1/5 \\\\ -18/5 \\end{pmatrix}", "\\begin{pmatrix} 0.2 \\\\ -3.6 \\end{pmatrix}"),
    ("52_8", "52"),
    ("\\text{Evelyn}", "Evelyn"),
    ("\\tan^2(y)+1", "\\sec^2(y)"),
    ("x^8 + x^7 + x^6 + x^5 + x^4 + x^3 + x^2 + x + 1", "\\frac{x^9-1}{x-1}"),
    ("-\\frac{3}{8}", "-\\frac{5}{8}"),
];

/// What was measured.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Speed {
    pub answers: usize,
    pub seconds: f64,
    pub answers_per_second: f64,
}

/// Grades pairs of gold and prediction over and over for about a second, on this thread; the built-in ones where none
/// are given.
pub fn bench(pairs: &[(String, String)]) -> Speed {
    let built_in: Vec<(String, String)> =
        BUILT_IN.iter().map(|(gold, said)| ((*gold).to_owned(), (*said).to_owned())).collect();
    let pairs = if pairs.is_empty() { &built_in } else { pairs };
    let begin = Instant::now();
    let mut answers = 0;
    let mut equal = 0usize;
    // Whole rounds, so that every answer counts as often.
    while answers == 0 || begin.elapsed().as_secs_f64() < 1.0 {
        for (gold, prediction) in pairs {
            equal += usize::from(grade(gold, prediction).equal == Some(true));
        }
        answers += pairs.len();
    }
    std::hint::black_box(equal);
    let seconds = begin.elapsed().as_secs_f64();
    Speed { answers, seconds, answers_per_second: answers as f64 / seconds }
}
