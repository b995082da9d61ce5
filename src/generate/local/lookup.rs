//! Prompt lookup: guesses at a sequence's next tokens, taken from what it says already.
//!
//! A revision repeats much of the attempt. Where the last tokens were seen before, those that followed them are the guess, and
//! the decoder looks at all of it in one step. Each token is still chosen from its own logits by its own draw, and the guess
//! holds only as far as it says the same: what is written does not depend on the guesses, only how many steps it takes. How
//! often guesses hold and what a row more costs are measured while decoding; a guess that would not pay is left alone.

use std::collections::HashMap;

/// Tokens that have to be the same for what followed them to be a guess.
const GRAM: usize = 3;
/// Tokens that are guessed at once at most.
const MOST: usize = 15;
/// What a new observation counts against all earlier ones.
const NEWS: f64 = 0.05;

/// What one sequence says, prompt included.
#[derive(Debug, Default)]
pub(super) struct Said {
    tokens: Vec<u32>,
    /// Where what follows some tokens begins, of the latest time that they came.
    after: HashMap<[u32; GRAM], usize>,
    /// Where what the latest guess expects next lies, as long as it holds, and whether its last token held.
    expected: Option<usize>,
    held: bool,
}

impl Said {
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn say(&mut self, tokens: &[u32]) {
        for &token in tokens {
            // A place counts only when something follows it.
            if let Some(gram) = self.tokens.last_chunk() {
                self.after.insert(*gram, self.tokens.len());
            }
            self.tokens.push(token);
        }
    }

    /// What may follow: at most `most` tokens.
    pub(super) fn guess(&mut self, most: usize) -> &[u32] {
        self.expected = self.tokens.last_chunk().and_then(|gram| self.after.get(gram)).copied();
        let guess = self.expected.map_or(&[][..], |from| &self.tokens[from..]);
        &guess[..guess.len().min(most).min(MOST)]
    }

    /// Whether the latest guess held.
    pub(super) fn held(&self) -> bool {
        self.held
    }
}

/// How guesses fared of late, and what steps cost.
#[derive(Debug)]
pub(super) struct Record {
    /// How often a guess held after one that did, and after one that did not.
    after_hit: f64,
    after_miss: f64,
    /// Means of rows, seconds, and their products, of steps that held no prompt.
    rows: f64,
    seconds: f64,
    squares: f64,
    products: f64,
}

impl Default for Record {
    fn default() -> Self {
        Self { after_hit: 0.5, after_miss: 0.2, rows: 0.0, seconds: 0.0, squares: 0.0, products: 0.0 }
    }
}

/// Rows whose cost is that of a step without any, before it was measured.
const ROWS_OF_A_STEP: f64 = 8.0;

impl Record {
    /// Takes note of a token that came, before it is said, where `said` had a guess: of every token, looked at or not.
    pub(super) fn came(&mut self, said: &mut Said, token: u32) {
        let Some((at, guess)) = said.expected.and_then(|at| Some((at, *said.tokens.get(at)?))) else {
            (said.expected, said.held) = (None, false);
            return;
        };
        let hit = guess == token;
        said.expected = hit.then_some(at + 1);
        let rate = if said.held { &mut self.after_hit } else { &mut self.after_miss };
        *rate += NEWS * (f64::from(u8::from(hit)) - *rate);
        said.held = hit;
    }

    /// Takes note of a step that held no prompt.
    pub(super) fn took(&mut self, rows: usize, seconds: f64) {
        let rows = rows as f64;
        let news = if self.seconds == 0.0 { 1.0 } else { NEWS };
        for (mean, new) in [
            (&mut self.rows, rows),
            (&mut self.seconds, seconds),
            (&mut self.squares, rows * rows),
            (&mut self.products, rows * seconds),
        ] {
            *mean += news * (new - *mean);
        }
    }

    /// Seconds of a step of `rows`, and of each row more.
    fn cost(&self, rows: f64) -> (f64, f64) {
        // The line through what was measured, held by an assumption as heavy as one row of spread.
        let assumed = self.seconds / (self.rows + ROWS_OF_A_STEP);
        let spread = (self.squares - self.rows * self.rows).max(0.0);
        let slope = (self.products - self.rows * self.seconds + assumed) / (spread + 1.0);
        let slope = slope.clamp(0.0, self.seconds / self.rows.max(1.0));
        ((self.seconds + slope * (rows - self.rows)).max(slope), slope)
    }

    /// One that takes every guess.
    #[cfg(test)]
    pub(super) fn eager() -> Self {
        Self { seconds: 1.0, after_hit: 1.0, after_miss: 1.0, rows: 1.0, squares: 1.0, products: 0.0 }
    }

    /// How many tokens of each guess to look at, given the guesses' lengths: as many as make more tokens a second. `rows` are in
    /// the step without them, `tokens` come of it.
    pub(super) fn worth(&self, guesses: &[(bool, usize)], rows: usize, tokens: usize) -> Vec<usize> {
        let mut taken = vec![0; guesses.len()];
        if self.seconds == 0.0 {
            return taken;
        }
        let (mut seconds, slope) = self.cost(rows as f64);
        let mut tokens = tokens as f64;
        // The chance that a guess holds as far as the next token not yet taken.
        let first = |held: bool| if held { self.after_hit } else { self.after_miss };
        let mut chances: Vec<f64> = guesses.iter().map(|(held, _)| first(*held)).collect();
        loop {
            let open = (0..guesses.len()).filter(|&at| taken[at] < guesses[at].1);
            let Some(best) = open.max_by(|&a, &b| chances[a].total_cmp(&chances[b])) else { return taken };
            if chances[best] * seconds <= slope * tokens {
                return taken;
            }
            tokens += chances[best];
            seconds += slope;
            taken[best] += 1;
            chances[best] *= self.after_hit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tokens: &[u32]) -> Said {
        let mut said = Said::default();
        said.say(tokens);
        said
    }

    #[test]
    fn guesses_what_followed_the_same_tokens_last() {
        assert!(said(&[1, 2]).guess(9).is_empty());
        let mut one = said(&[1, 2, 3, 4, 5, 6, 1, 2, 3]);
        assert_eq!(one.guess(9), [4, 5, 6, 1, 2, 3]);
        assert_eq!(one.guess(2), [4, 5]);
        one.say(&[7, 8, 1, 2, 3]);
        assert_eq!(one.guess(9), [7, 8, 1, 2, 3], "the latest time");
        one.say(&[9]);
        assert!(one.guess(9).is_empty());
        assert_eq!(said(&[4; 40]).guess(99), [4], "what follows is there only as far as it was written");
    }

    #[test]
    fn rows_are_added_while_they_pay() {
        let mut record = Record::default();
        assert_eq!(record.worth(&[(true, 9)], 1, 1), [0], "nothing was measured yet");
        let mut said = said(&[1, 2, 3, 4, 5, 6, 7, 1, 2, 3]);
        let seconds = |rows: usize| 0.008 + 0.001 * rows as f64;
        for step in 0..400 {
            let rows = 1 + step % 5;
            record.took(rows, seconds(rows));
            // Nine of ten hold, four tokens a step.
            said.guess(9);
            for token in [4, 5, 6, if step % 10 < 4 { 0 } else { 7 }] {
                record.came(&mut said, token);
            }
        }
        assert!((record.after_hit - 0.87).abs() < 0.1, "{}", record.after_hit);
        let (step, slope) = record.cost(1.0);
        assert!((step - 0.009).abs() < 1e-3 && (slope - 0.001).abs() < 3e-4, "{step} {slope}");
        let alone = record.worth(&[(true, 15)], 1, 1)[0];
        assert!((6..=15).contains(&alone), "{alone}");
        let crowd = record.worth(&[(true, 15); 32], 32, 32);
        assert!(crowd.iter().all(|taken| *taken <= 2), "in a crowd every row costs as much as it gives: {crowd:?}");
        for _ in 0..400 {
            said.guess(1);
            record.came(&mut said, 0);
        }
        assert_eq!(record.worth(&[(false, 15)], 1, 1), [0], "guesses that never hold are left alone");
    }
}
