//! What servers may be paid for a session: the price of tokens, and the count or the cost at which nothing more is begun.
//!
//! Pure: who counts is the backend, who remembers is the session.

use std::str::FromStr;

use crate::records::Spent;

/// Tokens that a price is of.
const MILLION: f64 = 1e6;

/// What is wrong with a price or a budget, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    #[error(
        "price `{0}`: give USD for a million tokens of prompts and of answers, such as 0.15,0.60; one number is for both"
    )]
    Price(String),
    #[error("a most cost of {0} USD: must be a number above 0")]
    Cost(String),
    #[error("a most cost needs a price too: USD for a million tokens of prompts and of answers, such as 0.15,0.60")]
    NoPrice,
    #[error("a budget of 0 tokens leaves nothing to do; give at least 1")]
    NoTokens,
}

impl BudgetError {
    /// The setting that it is about, as a recipe names it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Price(_) => "price",
            Self::Cost(_) | Self::NoPrice => "max_cost",
            Self::NoTokens => "max_total_tokens",
        }
    }
}

/// USD for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub prompt: f64,
    pub completion: f64,
}

impl Price {
    /// USD.
    pub fn cost(&self, spent: &Spent) -> f64 {
        (spent.prompt_tokens as f64 * self.prompt + spent.completion_tokens as f64 * self.completion) / MILLION
    }

    fn is_sound(&self) -> bool {
        [self.prompt, self.completion].iter().all(|price| price.is_finite() && *price >= 0.0)
    }
}

impl FromStr for Price {
    type Err = BudgetError;

    /// Reads `0.15,0.60`, or one number for both.
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let wrong = || BudgetError::Price(text.chars().take(40).collect());
        let (prompt, completion) = text.split_once(',').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        let price = Self { prompt: number(prompt)?, completion: number(completion)? };
        if price.is_sound() { Ok(price) } else { Err(wrong()) }
    }
}

/// What a session may use, all calls together. Dialogues that are under way when it is used up are ended: up to as many as are worked
/// on at once go beyond it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// Most tokens, prompts and answers.
    pub tokens: Option<u64>,
    /// Most USD; needs a price.
    pub cost: Option<f64>,
    pub price: Option<Price>,
}

impl Budget {
    /// Whether it can be kept to.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), BudgetError> {
        if let Some(price) = self.price.filter(|price| !price.is_sound()) {
            return Err(BudgetError::Price(format!("{},{}", price.prompt, price.completion)));
        }
        match self.cost {
            Some(cost) if !(cost.is_finite() && cost > 0.0) => return Err(BudgetError::Cost(cost.to_string())),
            Some(_) if self.price.is_none() => return Err(BudgetError::NoPrice),
            _ => {}
        }
        if self.tokens == Some(0) { Err(BudgetError::NoTokens) } else { Ok(()) }
    }

    /// USD, where a price was given.
    pub fn cost_of(&self, spent: &Spent) -> Option<f64> {
        self.price.map(|price| price.cost(spent))
    }

    /// Why nothing more is begun once a session has used so much, for so much USD; `None` while there is something left.
    pub fn used_up(&self, spent: &Spent, cost: Option<f64>) -> Option<UsedUp> {
        let tokens = self.tokens.filter(|most| spent.tokens() >= *most);
        let (most, raise) = match (tokens, self.cost.zip(cost)) {
            (Some(most), _) => (format!("{most} tokens"), "max_total_tokens"),
            (None, Some((most, cost))) if cost >= most => (money(most), "max_cost"),
            _ => return None,
        };
        let cost = cost.map_or_else(String::new, |cost| format!(" ({})", money(cost)));
        Some(UsedUp { most, used: format!("{} tokens{cost}", spent.tokens()), raise })
    }
}

/// A budget is used up before all was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget of {most} is used up: {used} were counted in this session; what was written is stored; to go on raise --{} \
     (of a recipe servers.{raise})", raise.replace('_', "-")
)]
pub struct UsedUp {
    most: String,
    used: String,
    /// The setting to raise, as a recipe has it.
    raise: &'static str,
}

/// USD as a person reads them: small amounts to a hundredth of a cent.
pub fn money(dollars: f64) -> String {
    if dollars < 1.0 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPENT: Spent = Spent { calls: 3, prompt_tokens: 2_000_000, completion_tokens: 500_000 };

    #[test]
    fn a_price_is_read_and_applied() {
        let price: Price = "0.15, 0.60".parse().unwrap();
        assert_eq!(price, Price { prompt: 0.15, completion: 0.6 });
        assert!((price.cost(&SPENT) - 0.6).abs() < 1e-12);
        assert_eq!("2".parse::<Price>(), Ok(Price { prompt: 2.0, completion: 2.0 }));
        for wrong in ["", "a", "1,", ",1", "1,2,3", "-1", "NaN", "inf,1"] {
            let error = wrong.parse::<Price>().unwrap_err().to_string();
            assert!(error.contains("0.15,0.60") && !error.contains('\n'), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_kept_to_is_refused() {
        let price = Some(Price { prompt: 1.0, completion: 1.0 });
        assert_eq!(Budget::default().check(), Ok(()));
        assert_eq!(Budget { cost: Some(0.5), price, tokens: Some(1) }.check(), Ok(()));
        assert_eq!(Budget { cost: Some(0.5), ..Budget::default() }.check(), Err(BudgetError::NoPrice));
        for cost in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
            let refused = Budget { cost: Some(cost), price, tokens: None }.check();
            assert!(matches!(refused, Err(BudgetError::Cost(_))), "{cost}");
        }
        assert_eq!(Budget { tokens: Some(0), ..Budget::default() }.check(), Err(BudgetError::NoTokens));
        let unsound = Some(Price { prompt: f64::NAN, completion: 1.0 });
        assert!(Budget { price: unsound, ..Budget::default() }.check().is_err());
    }

    #[test]
    fn it_is_used_up_at_its_limit_and_says_what_to_raise() {
        let price = Some(Price { prompt: 0.15, completion: 0.6 });
        let of = |tokens, cost, price| Budget { tokens, cost, price };
        let cost = Some(0.6);
        assert_eq!(of(Some(2_500_001), None, None).used_up(&SPENT, None), None);
        assert_eq!(of(None, Some(0.61), price).used_up(&SPENT, cost), None);
        assert_eq!(of(None, None, price).used_up(&SPENT, cost), None, "a price alone limits nothing");
        let tokens = of(Some(2_500_000), None, None).used_up(&SPENT, None).unwrap().to_string();
        assert_eq!(
            tokens,
            "the budget of 2500000 tokens is used up: 2500000 tokens were counted in this session; what was written is \
             stored; to go on raise --max-total-tokens (of a recipe servers.max_total_tokens)"
        );
        let cost = of(None, Some(0.5), price).used_up(&SPENT, cost).unwrap().to_string();
        assert!(cost.starts_with("the budget of $0.5000 is used up: 2500000 tokens ($0.6000) "), "{cost}");
        assert!(cost.ends_with("to go on raise --max-cost (of a recipe servers.max_cost)"), "{cost}");
    }

    #[test]
    fn money_is_shown_as_finely_as_it_is_small() {
        assert_eq!([money(0.0), money(0.01234), money(1.0), money(12.345)], ["$0.0000", "$0.0123", "$1.00", "$12.35"]);
    }
}
