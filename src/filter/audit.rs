//! Spot-checking the filter: which samples to show a person, and what their decisions say of the rules.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Judgement, RuleId, Settings};
use crate::stats::wilson;

/// A share with its Wilson interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Share {
    pub hits: usize,
    pub of: usize,
    pub low: f64,
    pub high: f64,
}

impl Share {
    pub fn of(hits: usize, of: usize) -> Self {
        let (low, high) = wilson(hits as f64, of as f64);
        Self { hits, of, low, high }
    }

    /// `None` of nothing.
    pub fn rate(&self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }
}

/// How often filter and person said what, for one rule or over all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Agreement {
    /// Filter accepts, person accepts.
    pub both_accept: usize,
    /// Filter rejects, person rejects.
    pub both_reject: usize,
    /// Filter accepts, person rejects: let through.
    pub let_through: usize,
    /// Filter rejects, person accepts: lost.
    pub lost: usize,
}

impl Agreement {
    pub fn count(&mut self, filter_accepts: bool, person_accepts: bool) {
        *match (filter_accepts, person_accepts) {
            (true, true) => &mut self.both_accept,
            (false, false) => &mut self.both_reject,
            (true, false) => &mut self.let_through,
            (false, true) => &mut self.lost,
        } += 1;
    }

    pub fn checked(&self) -> usize {
        self.both_accept + self.both_reject + self.let_through + self.lost
    }

    pub fn agreement(&self) -> Share {
        Share::of(self.both_accept + self.both_reject, self.checked())
    }

    /// Of what the filter accepts, how much the person does.
    pub fn precision(&self) -> Share {
        Share::of(self.both_accept, self.both_accept + self.let_through)
    }

    /// Of what the person accepts, how much the filter does.
    pub fn recall(&self) -> Share {
        Share::of(self.both_accept, self.both_accept + self.lost)
    }

    /// Cohen's kappa: agreement beyond chance; `None` where chance alone would agree always.
    pub fn kappa(&self) -> Option<f64> {
        let n = self.checked() as f64;
        if n == 0.0 {
            return None;
        }
        let observed = (self.both_accept + self.both_reject) as f64 / n;
        let filter = (self.both_accept + self.let_through) as f64 / n;
        let person = (self.both_accept + self.lost) as f64 / n;
        let chance = filter * person + (1.0 - filter) * (1.0 - person);
        (chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
    }
}

/// One part of the samples of a stratified check: those that pass, or those that fail one rule first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stratum {
    /// Whether the filter accepts its samples.
    pub passes: bool,
    /// Samples in it, looked at or not.
    pub size: usize,
    pub checked: usize,
    /// Of those looked at, how many the person accepts.
    pub accepted: usize,
}

/// A rate over all samples, estimated from strata, with an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub rate: f64,
    pub low: f64,
    pub high: f64,
}

/// What a stratified check says of all samples that it was drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    pub agreement: Estimate,
    /// `None` where the person would accept nothing.
    pub recall: Option<Estimate>,
}

/// Weighs each stratum by its size: a check that takes one of each in turn sees rare ones too often. `None` while a stratum
/// was not looked at, since nothing is known of it.
///
/// Intervals are Wilson's at the effective number of checks n = r(1-r)/v, with v the variance of the weighted rate r (by the
/// delta method for recall, a ratio), in which each stratum's share counts as (hits + 1/2)/(checked + 1).
pub fn estimates(strata: &[Stratum]) -> Option<Estimates> {
    let strata: Vec<&Stratum> = strata.iter().filter(|stratum| stratum.size > 0).collect();
    if strata.is_empty() || strata.iter().any(|stratum| stratum.checked == 0) {
        return None;
    }
    let all: f64 = strata.iter().map(|stratum| stratum.size as f64).sum();
    let (mut agree, mut agree_variance) = (0.0, 0.0);
    // Samples that the person would accept, and the variance of their number: with the filter, and against it.
    let (mut kept, mut lost) = ((0.0, 0.0), (0.0, 0.0));
    let (mut smooth_kept, mut smooth_lost) = (0.0, 0.0);
    for stratum in strata {
        let (size, checked) = (stratum.size as f64, stratum.checked as f64);
        let share = stratum.accepted as f64 / checked;
        let smooth = (stratum.accepted as f64 + 0.5) / (checked + 1.0);
        // All of a stratum looked at leaves nothing to guess.
        let unseen = ((size - checked) / size).max(0.0);
        let variance = size * size * smooth * (1.0 - smooth) / checked * unseen;
        agree += size * if stratum.passes { share } else { 1.0 - share };
        agree_variance += variance;
        let (side, smooth_side) =
            if stratum.passes { (&mut kept, &mut smooth_kept) } else { (&mut lost, &mut smooth_lost) };
        side.0 += size * share;
        side.1 += variance;
        *smooth_side += size * smooth;
    }
    let agreement = estimate(agree / all, agree_variance / (all * all));
    let (smooth_all, accepted) = (smooth_kept + smooth_lost, kept.0 + lost.0);
    let recall = (accepted > 0.0).then(|| {
        // d(k/(k+l)) = (l dk - k dl)/(k+l)^2
        let variance = (smooth_lost * smooth_lost * kept.1 + smooth_kept * smooth_kept * lost.1) / smooth_all.powi(4);
        estimate(kept.0 / accepted, variance)
    });
    Some(Estimates { agreement, recall })
}

fn estimate(rate: f64, variance: f64) -> Estimate {
    if variance <= 0.0 {
        return Estimate { rate, low: rate, high: rate };
    }
    // A rate of 0 or 1 has no spread of its own: it is taken a little inside.
    let inside = rate.clamp(0.01, 0.99);
    let checks = inside * (1.0 - inside) / variance;
    let (low, high) = wilson(rate * checks, checks);
    Estimate { rate, low, high }
}

/// How many more checks narrow the interval of a share to this full width, if the share stays what it is. 0 when it is
/// that narrow.
pub fn more_checks(share: Share, width: f64) -> usize {
    // An unseen share is taken as the widest there is.
    let rate = share.rate().unwrap_or(0.5);
    let narrow = |n: usize| {
        let (low, high) = wilson(rate * n as f64, n as f64);
        high - low <= width
    };
    let (mut low, mut high) = (share.of.max(1), share.of.max(1));
    if width <= 0.0 {
        return usize::MAX;
    }
    while !narrow(high) && high < 1 << 40 {
        (low, high) = (high, high * 2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if narrow(middle) { high = middle } else { low = middle + 1 }
    }
    high - share.of.min(high)
}

/// How an audit chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// At random, from each stratum in turn: samples that fail one rule, and those that pass.
    #[default]
    Stratified,
    /// Nearest to a threshold first.
    Uncertain,
}

/// The keys of samples in the order in which a person should look at them. The same seed, the same order.
pub fn plan(judgements: &[Judgement], settings: &Settings, order: Order, seed: u64) -> Vec<i64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    match order {
        Order::Stratified => {
            let mut strata: Vec<Vec<i64>> = vec![Vec::new(); RuleId::ALL.len() + 1];
            for judgement in judgements {
                strata[stratum(judgement, settings)].push(judgement.key);
            }
            for stratum in &mut strata {
                stratum.shuffle(&mut random);
            }
            // One of each in turn: a rare rule is looked at as soon as a common one.
            let longest = strata.iter().map(Vec::len).max().unwrap_or(0);
            (0..longest).flat_map(|at| strata.iter().filter_map(move |stratum| stratum.get(at).copied())).collect()
        }
        Order::Uncertain => {
            let mut keys: Vec<&Judgement> = judgements.iter().collect();
            keys.shuffle(&mut random);
            keys.sort_by(|one, other| margin(one, settings).total_cmp(&margin(other, settings)));
            keys.into_iter().map(|judgement| judgement.key).collect()
        }
    }
}

/// The first rule that a sample fails; past the last one when it passes.
pub fn stratum(judgement: &Judgement, settings: &Settings) -> usize {
    let failed = judgement.verdicts.iter().find(|verdict| !verdict.pass && settings.enabled(verdict.rule));
    failed.and_then(|verdict| RuleId::ALL.iter().position(|rule| *rule == verdict.rule)).unwrap_or(RuleId::ALL.len())
}

/// How near the nearest value is to its threshold, relative to the threshold.
fn margin(judgement: &Judgement, settings: &Settings) -> f64 {
    let near = judgement.verdicts.iter().filter(|verdict| settings.enabled(verdict.rule)).filter_map(|verdict| {
        let threshold = verdict.threshold.filter(|threshold| *threshold > 0.0)?;
        // The others count or tell one of two things: nothing lies near their threshold but what lies on it.
        let graded = matches!(verdict.rule, RuleId::Length | RuleId::Loops | RuleId::Language | RuleId::Duplicate);
        graded.then(|| (verdict.value - threshold).abs() / threshold)
    });
    near.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_a_share_is_anything() {
        assert_eq!((Share::of(0, 0).low, Share::of(0, 0).high, Share::of(0, 0).rate()), (0.0, 1.0, None));
    }

    #[test]
    fn agreement_precision_recall_and_kappa() {
        // Cohen's own kind of table: 20 and 15 agree, 5 and 10 do not.
        let table = Agreement { both_accept: 20, both_reject: 15, let_through: 5, lost: 10 };
        assert_eq!(table.agreement().rate(), Some(0.7));
        assert_eq!(table.precision().rate(), Some(0.8));
        assert_eq!(table.recall().rate(), Some(20.0 / 30.0));
        assert!((table.kappa().unwrap() - 0.4).abs() < 1e-12);
        let mut counted = Agreement::default();
        counted.count(true, true);
        assert_eq!((counted.checked(), counted.kappa()), (1, None));
    }

    #[test]
    fn strata_count_by_their_size() {
        let passing = Stratum { passes: true, size: 900, checked: 10, accepted: 10 };
        let failing = Stratum { passes: false, size: 100, checked: 10, accepted: 5 };
        let told = estimates(&[passing, failing, Stratum::default()]).unwrap();
        // Ten of each agree in 15 of 20; by size it is 950 of 1,000, and 900 of 950 that the person wants are kept.
        assert!((told.agreement.rate - 0.95).abs() < 1e-12);
        let recall = told.recall.unwrap();
        assert!((recall.rate - 900.0 / 950.0).abs() < 1e-12);
        for estimate in [told.agreement, recall] {
            assert!(estimate.low < estimate.rate && estimate.rate < estimate.high && estimate.high <= 1.0);
        }
        assert_eq!(estimates(&[passing, Stratum { checked: 0, accepted: 0, ..failing }]), None);
        // Everything looked at: nothing is guessed.
        let whole = Stratum { passes: true, size: 4, checked: 4, accepted: 3 };
        let told = estimates(&[whole]).unwrap();
        assert_eq!((told.agreement.low, told.agreement.high), (0.75, 0.75));
        assert_eq!(estimates(&[Stratum { passes: false, accepted: 0, ..whole }]).unwrap().recall, None);
    }

    #[test]
    fn strata_of_one_kind_are_a_plain_sample() {
        // One large stratum: the interval is nearly Wilson's own.
        let one = Stratum { passes: true, size: 1_000_000, checked: 100, accepted: 80 };
        let (told, plain) = (estimates(&[one]).unwrap().agreement, Share::of(80, 100));
        assert!((told.low - plain.low).abs() < 0.005 && (told.high - plain.high).abs() < 0.005, "{told:?} {plain:?}");
    }

    #[test]
    fn more_checks_are_just_enough() {
        let share = Share::of(9, 10);
        let more = more_checks(share, 0.1);
        let at = |n: usize| {
            let (low, high) = wilson(0.9 * n as f64, n as f64);
            high - low
        };
        assert!(at(10 + more) <= 0.1 && at(10 + more - 1) > 0.1, "{more}");
        assert_eq!(more_checks(Share::of(900, 1000), 0.1), 0);
        assert!(more_checks(Share::of(0, 0), 0.2) > 80);
    }
}
