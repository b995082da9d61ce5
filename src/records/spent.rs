//! What servers were asked for and gave, in the unit that they are paid in.

use serde::{Deserialize, Serialize};

/// Tokens used, as who writes counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Calls that were answered and counted.
    pub calls: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl Spent {
    /// Of prompts and answers together.
    pub fn tokens(self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    pub fn plus(self, more: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(more.calls),
            prompt_tokens: self.prompt_tokens.saturating_add(more.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(more.completion_tokens),
        }
    }

    /// What has come since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            prompt_tokens: self.prompt_tokens.saturating_sub(earlier.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_sub(earlier.completion_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_never_wrap() {
        let spent = Spent { calls: 2, prompt_tokens: 30, completion_tokens: 5 };
        let most = Spent { calls: u64::MAX, prompt_tokens: u64::MAX, completion_tokens: 1 };
        assert_eq!((spent.tokens(), most.tokens()), (35, u64::MAX));
        assert_eq!(spent.plus(spent).since(spent), spent);
        assert_eq!(spent.plus(most), Spent { calls: u64::MAX, prompt_tokens: u64::MAX, completion_tokens: 6 });
        assert_eq!(spent.since(most), Spent { completion_tokens: 4, ..Spent::default() });
    }
}
