//! The random stream of one assistant turn.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::StreamKey;

/// Draws of one turn, by index: the n-th token takes the n-th draw, so nothing else decides what it is.
#[derive(Debug, Clone)]
pub struct TokenRandom {
    stream: ChaCha8Rng,
}

impl TokenRandom {
    pub fn new(key: &StreamKey) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"cribble token stream 1");
        hash.update(key.seed.to_le_bytes());
        hash.update((key.problem_id.len() as u64).to_le_bytes());
        hash.update(key.problem_id.as_bytes());
        hash.update(key.draw.to_le_bytes());
        hash.update(key.turn.to_le_bytes());
        Self { stream: ChaCha8Rng::from_seed(hash.finalize().into()) }
    }

    /// The draw of token `index`: uniform in [0, 1).
    pub fn draw(&mut self, index: usize) -> f64 {
        self.stream.set_word_pos(2 * index as u128);
        (self.stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64, problem_id: &str, draw: u32, turn: u32) -> StreamKey {
        StreamKey { seed, problem_id: problem_id.into(), draw, turn }
    }

    #[test]
    fn a_draw_depends_on_key_and_index_alone() {
        let mut one = TokenRandom::new(&key(1, "p", 2, 0));
        let forward: Vec<f64> = (0..5).map(|index| one.draw(index)).collect();
        let mut two = TokenRandom::new(&key(1, "p", 2, 0));
        let backward: Vec<f64> = (0..5).rev().map(|index| two.draw(index)).collect();
        assert_eq!(forward, backward.into_iter().rev().collect::<Vec<_>>());
        for other in [key(2, "p", 2, 0), key(1, "q", 2, 0), key(1, "p", 3, 0), key(1, "p", 2, 1)] {
            assert_ne!(forward[0], TokenRandom::new(&other).draw(0), "{other:?}");
        }
        assert!(forward.iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
