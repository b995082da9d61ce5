//! How many more samples to draw of each problem, and when to give one up.

use serde::{Deserialize, Serialize};
use statrs::function::beta::ln_beta;

use super::Tally;

/// A plan of drawing in rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Samples that every problem gets: they measure its difficulty, and are used again.
    pub first: u32,
    /// Samples of one further round.
    pub round: u32,
    /// Most samples of a problem.
    pub most: u32,
    /// A problem is given up when its chance of another right sample, in all that may still be drawn of it, is below this.
    pub give_up: f64,
    /// Most new tokens of all; 0 is no limit.
    pub tokens: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { first: 8, round: 8, most: 32, give_up: 0.2, tokens: 0 }
    }
}

/// Where a problem stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// What was drawn of it so far, under the settings that go on to be drawn under.
    pub tally: Tally,
    /// Right samples wanted.
    pub wanted: u32,
    /// Tokens of one sample, in the mean; 0 where that is not known, and then it is taken from the others.
    pub tokens: f64,
}

/// What becomes of a problem in the next round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// So many further samples.
    Draw(u32),
    /// It has what is wanted.
    Filled,
    /// It has its most samples.
    Spent,
    /// Another right sample is too unlikely.
    GivenUp,
    /// The budget of tokens is used up by others that promise more.
    NoTokens,
}

/// The chance of at least one right sample in `more` draws, under the posterior with Jeffreys' prior:
/// 1 - B(a, b + m)/B(a, b), a = 1/2 + c, b = 1/2 + n - c.
pub fn chance(tally: &Tally, more: u32) -> f64 {
    let (a, b) = posterior(tally);
    1.0 - (ln_beta(a, b + f64::from(more)) - ln_beta(a, b)).exp()
}

/// Draws until `wanted` samples are right, about: (t - c)(a + b - 1)/(a - 1). Unbounded where none was right.
pub fn expected_draws(tally: &Tally, wanted: u32) -> f64 {
    let (a, b) = posterior(tally);
    let missing = f64::from(wanted.saturating_sub(tally.correct));
    if a <= 1.0 { f64::INFINITY } else { missing * (a + b - 1.0) / (a - 1.0) }
}

fn posterior(tally: &Tally) -> (f64, f64) {
    (f64::from(tally.correct) + 0.5, f64::from(tally.samples.saturating_sub(tally.correct)) + 0.5)
}

impl Budget {
    /// # Errors
    /// Which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), String> {
        let checks = [
            (self.first >= 1, "first", "1 or more"),
            (self.round >= 1, "round", "1 or more"),
            (self.most >= self.first, "most", "as many as `first`, or more"),
            ((0.0..1.0).contains(&self.give_up), "give_up", "0 (never) to below 1"),
        ];
        match checks.into_iter().find(|(fine, _, _)| !fine) {
            Some((_, name, range)) => Err(format!("{name}: must be {range}")),
            None => Ok(()),
        }
    }

    /// What to draw next of each problem, when `spent` tokens are used. Looks at counts only, so that it does not matter in
    /// which order samples came. Tokens go where they promise most: unmet share of the target times the expected pass rate, over
    /// tokens; equals in the order given.
    pub fn plan(&self, problems: &[Position], spent: u64) -> Vec<Next> {
        let mut plan: Vec<Next> = problems.iter().map(|problem| self.next(problem)).collect();
        if self.tokens == 0 {
            return plan;
        }
        let known = problems.iter().map(|problem| problem.tokens).filter(|tokens| *tokens > 0.0);
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), tokens| (sum + tokens, count + 1.0));
        let usual = if count > 0.0 { sum / count } else { 1.0 };
        let cost = |problem: &Position| if problem.tokens > 0.0 { problem.tokens } else { usual };
        let promise = |problem: &Position| {
            if problem.tally.samples < self.first {
                return f64::INFINITY;
            }
            let unmet = 1.0 - f64::from(problem.tally.correct) / f64::from(problem.wanted.max(1));
            unmet * problem.tally.expected() / cost(problem)
        };
        let mut order: Vec<usize> = (0..problems.len()).collect();
        order.sort_by(|&a, &b| promise(&problems[b]).total_cmp(&promise(&problems[a])).then(a.cmp(&b)));
        let mut left = self.tokens.saturating_sub(spent) as f64;
        for at in order {
            if let Next::Draw(draws) = plan[at] {
                let each = cost(&problems[at]);
                let affordable = (left / each).floor().min(f64::from(draws)) as u32;
                plan[at] = if affordable == 0 { Next::NoTokens } else { Next::Draw(affordable) };
                left -= f64::from(affordable) * each;
            }
        }
        plan
    }

    fn next(&self, problem: &Position) -> Next {
        let Tally { samples, correct, .. } = problem.tally;
        if samples < self.first {
            return Next::Draw(self.first - samples);
        }
        let left = self.most.saturating_sub(samples);
        // A target that needs a right sample first is at least one.
        if correct > 0 && correct >= problem.wanted {
            Next::Filled
        } else if left == 0 {
            Next::Spent
        } else if chance(&problem.tally, left) < self.give_up {
            Next::GivenUp
        } else {
            Next::Draw(self.round.min(left))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(correct: u32, samples: u32) -> Tally {
        Tally { samples, correct, ..Tally::default() }
    }

    #[test]
    fn the_chance_of_one_more_as_computed_elsewhere() {
        for (correct, samples, chance_of_32) in
            [(0, 8, 0.547), (0, 16, 0.420), (0, 32, 0.292), (0, 64, 0.183), (0, 128, 0.105), (1, 8, 0.914)]
        {
            let found = chance(&of(correct, samples), 32);
            assert!((found - chance_of_32).abs() < 5e-4, "{correct}/{samples}: {found}");
        }
        assert_eq!(chance(&of(1, 8), 0), 0.0);
    }

    #[test]
    fn draws_to_a_target() {
        // a = 2.5, b = 6.5: (4 - 2) * 8 / 1.5
        assert!((expected_draws(&of(2, 8), 4) - 2.0 * 8.0 / 1.5).abs() < 1e-12);
        assert_eq!(expected_draws(&of(0, 8), 4), f64::INFINITY);
        assert_eq!(expected_draws(&of(4, 8), 4), 0.0);
    }

    #[test]
    fn problems_end_in_one_of_four_ways() {
        let budget = Budget { first: 8, round: 8, most: 32, give_up: 0.4, tokens: 0 };
        let at = |correct, samples, wanted| Position { tally: of(correct, samples), wanted, tokens: 10.0 };
        let plan = budget.plan(&[at(0, 0, 0), at(3, 8, 2), at(1, 8, 4), at(16, 30, 20), at(1, 32, 4), at(0, 24, 1)], 0);
        let wanted = [Next::Draw(8), Next::Filled, Next::Draw(8), Next::Draw(2), Next::Spent, Next::GivenUp];
        assert_eq!(plan, wanted);
    }

    #[test]
    fn tokens_go_where_they_promise_most() {
        let budget = Budget { tokens: 200, give_up: 0.0, ..Budget::default() };
        let at = |correct, tokens| Position { tally: of(correct, 8), wanted: 8, tokens };
        let plan = budget.plan(&[at(1, 20.0), at(4, 20.0), at(4, 200.0)], 0);
        assert_eq!(plan, [Next::Draw(2), Next::Draw(8), Next::NoTokens]);
        assert_eq!(budget.plan(&[at(4, 20.0)], 200), [Next::NoTokens]);
        assert_eq!(budget.plan(&[at(4, 20.0)], 135), [Next::Draw(3)], "what is left is used");
        // One that was never drawn costs what the others do.
        let fresh = Position { tally: Tally::default(), wanted: 0, tokens: 0.0 };
        assert_eq!(budget.plan(&[fresh, at(4, 40.0)], 0), [Next::Draw(5), Next::NoTokens]);
    }

    #[test]
    fn by_default_the_hopeless_are_given_up_before_the_end() {
        let at = |samples| Position { tally: of(0, samples), wanted: 4, tokens: 10.0 };
        assert_eq!(Budget::default().plan(&[at(16), at(24)], 0), [Next::Draw(8), Next::GivenUp]);
    }
}
