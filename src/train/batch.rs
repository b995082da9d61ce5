//! What one pass of the network works on: packed sequences and the rows that have a loss.

use std::ops::Range;

/// Sequences one after the other; attention and positions are each one's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    pub tokens: Vec<u32>,
    /// The rows of each sequence, in order and without gaps.
    pub spans: Vec<Range<usize>>,
    /// Rows with a loss, rising; row r says the token after r.
    pub rows: Vec<usize>,
    /// The right next token of each of `rows`.
    pub targets: Vec<u32>,
    /// How much each of `rows` counts.
    pub weights: Vec<f32>,
    /// Of what is random in the pass (dropout).
    pub seed: u64,
}

impl Batch {
    /// Adds a sequence. `weights[i]` is how much the loss of predicting `tokens[i]` counts; the first cannot be predicted.
    ///
    /// # Panics
    /// If there are not as many weights as tokens.
    pub fn push(&mut self, tokens: &[u32], weights: &[f32]) {
        assert_eq!(tokens.len(), weights.len(), "a weight for each token");
        let begin = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.spans.push(begin..self.tokens.len());
        for at in 1..tokens.len() {
            if weights[at] != 0.0 {
                self.rows.push(begin + at - 1);
                self.targets.push(tokens[at]);
                self.weights.push(weights[at]);
            }
        }
    }

    /// The sum of the weights.
    pub fn weight(&self) -> f64 {
        self.weights.iter().map(|weight| f64::from(*weight)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_the_next_token_of_its_own_sequence() {
        let mut batch = Batch::default();
        batch.push(&[5, 6, 7], &[1.0, 0.0, 1.0]);
        batch.push(&[8, 9], &[1.0, 0.5]);
        assert_eq!(batch.spans, [0..3, 3..5]);
        assert_eq!(batch.rows, [1, 3]);
        assert_eq!(batch.targets, [7, 9]);
        assert_eq!(batch.weight(), 1.5);
    }
}
