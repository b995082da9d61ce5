//! Which samples are learnt from: of each problem as many as its target says, if it has them, within limits over all.
//!
//! Order of arrival never decides. Inside a problem the rule of choice ranks, then the draw. What limits over all leave out is
//! of the highest rank first, so that no problem is emptied before others are thinned, and among equals by a hash of the
//! problem. What a person accepted is always in.

use sha2::{Digest, Sha256};

use super::target::{Target, smallest};
use super::{Pick, Rule, Tally};

/// A sample that could be chosen: right and accepted by the filter, or accepted by a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Row of the sample where it is stored.
    pub sample: i64,
    /// Index among the samples of its problem under its settings, from 0.
    pub draw: u32,
    /// Settings that it was drawn under, by hash.
    pub settings: String,
    /// Tokens of its chain.
    pub tokens: u32,
    /// Its first answer was right already.
    pub confirms: bool,
    /// A person accepted it.
    pub by_person: bool,
}

/// A problem with what could be chosen of it, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolProblem {
    id: String,
    tally: Tally,
    candidates: Vec<Candidate>,
    /// Decides between problems where nothing else does.
    lot: u64,
    /// Of the first so many candidates: tokens, and chains that only confirm.
    tokens: Vec<u64>,
    confirming: Vec<u32>,
}

impl PoolProblem {
    /// Ranks the candidates. `likeness` of two, by index, is 0 to 1; it is asked for only where the rule needs it.
    pub fn new(
        id: String,
        tally: Tally,
        mut candidates: Vec<Candidate>,
        rule: &Rule,
        likeness: impl Fn(usize, usize) -> f64,
    ) -> Self {
        rank(&mut candidates, rule, likeness);
        let digest = Sha256::digest(id.as_bytes());
        let lot = digest.iter().take(8).fold(0, |lot, byte| lot << 8 | u64::from(*byte));
        let (mut tokens, mut confirming) = (vec![0], vec![0]);
        for (at, candidate) in candidates.iter().enumerate() {
            tokens.push(tokens[at] + u64::from(candidate.tokens));
            confirming.push(confirming[at] + u32::from(candidate.confirms));
        }
        Self { id, tally, candidates, lot, tokens, confirming }
    }

    /// Names it; lots are drawn by it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How hard it is.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// As they are chosen.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// What a person accepted stands first.
    fn by_person(&self) -> usize {
        self.candidates.iter().take_while(|candidate| candidate.by_person).count()
    }

    /// Wanted of it, and what of that is there.
    fn filled(&self, target: &Target) -> (u32, u32) {
        let wanted = target.of(&self.tally).max(self.by_person() as u32);
        (wanted, wanted.min(self.candidates.len() as u32))
    }
}

fn rank(candidates: &mut Vec<Candidate>, rule: &Rule, likeness: impl Fn(usize, usize) -> f64) {
    let order = match rule.pick {
        Pick::MostDiverse => farthest_first(candidates, likeness),
        Pick::First | Pick::Length => {
            let outside = |candidate: &Candidate| {
                rule.pick == Pick::Length && !(rule.length.0..=rule.length.1).contains(&candidate.tokens)
            };
            let mut order: Vec<usize> = (0..candidates.len()).collect();
            order.sort_by_key(|&at| (outside(&candidates[at]), place(&candidates[at])));
            order
        }
    };
    let mut ranked: Vec<Candidate> = order.into_iter().map(|at| candidates[at].clone()).collect();
    // Where those that only confirm have a limit, a place of the target goes to one that mends if there is one.
    ranked.sort_by_key(|candidate| (!candidate.by_person, rule.most_confirming < 1.0 && candidate.confirms));
    *candidates = ranked;
}

fn place(candidate: &Candidate) -> (u32, &str) {
    (candidate.draw, &candidate.settings)
}

/// Begins with the first draw; then always the one whose nearest neighbour among the chosen is farthest (ties: first draw).
fn farthest_first(candidates: &[Candidate], likeness: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    left.sort_by_key(|&at| place(&candidates[at]));
    let mut nearest = vec![f64::NEG_INFINITY; candidates.len()];
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let at = (0..left.len()).fold(0, |best, at| if nearest[left[at]] < nearest[left[best]] { at } else { best });
        let chosen = left.remove(at);
        for &other in &left {
            nearest[other] = nearest[other].max(likeness(chosen, other));
        }
        order.push(chosen);
    }
    order
}

/// A sample that was chosen, and how much its loss counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Index of its problem.
    pub problem: usize,
    /// Index among the problem's candidates.
    pub candidate: usize,
    /// How much its loss counts: 1, or up to [`Rule::most_weight`] where its problem falls short of the target.
    pub weight: f32,
}

/// What a rule comes to on a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// K of the target.
    pub k: f64,
    /// By problem, in the order of the pool.
    pub samples: Vec<Chosen>,
    /// Wanted of each problem, and chosen.
    pub wanted: Vec<u32>,
    pub chosen: Vec<u32>,
    /// Tokens of all that was chosen.
    pub tokens: u64,
}

impl Selection {
    /// Chosen over wanted; 1 where nothing is wanted.
    pub fn fill_rate(&self) -> f64 {
        let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
        if sum(&self.wanted) > 0.0 { sum(&self.chosen) / sum(&self.wanted) } else { 1.0 }
    }

    /// Problems with at least one sample.
    pub fn problems(&self) -> usize {
        self.chosen.iter().filter(|count| **count > 0).count()
    }

    /// Kish's effective number of samples, (sum w)² / sum w².
    pub fn effective(&self) -> f64 {
        let (sum, squares) = self.samples.iter().fold((0.0, 0.0), |(sum, squares), sample| {
            let weight = f64::from(sample.weight);
            (sum + weight, squares + weight * weight)
        });
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    /// Names what was chosen, whatever the order of arrival: 16 hexadecimal digits.
    pub fn hash(&self, pool: &[PoolProblem]) -> String {
        let mut lines: Vec<String> = self
            .samples
            .iter()
            .map(|sample| {
                let problem = &pool[sample.problem];
                let candidate = &problem.candidates[sample.candidate];
                format!("{}\0{}\0{}\0{}\n", problem.id, candidate.draw, candidate.settings, sample.weight)
            })
            .collect();
        lines.sort_unstable();
        let digest = Sha256::digest(lines.concat());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Chooses. `pool` holds each problem once.
pub fn select(pool: &[PoolProblem], rule: &Rule) -> Selection {
    let k = k_of(pool, rule);
    let target = rule.target(k);
    let (wanted, taken): (Vec<u32>, Vec<u32>) = pool.iter().map(|problem| problem.filled(&target)).unzip();
    let mut kept: Vec<Vec<usize>> = taken.iter().map(|count| (0..*count as usize).collect()).collect();
    spare_confirming(pool, rule, &mut kept);
    cut(pool, rule, &mut kept);
    let mut selection = Selection { k, samples: Vec::new(), wanted, chosen: Vec::new(), tokens: 0 };
    for (index, kept) in kept.into_iter().enumerate() {
        let short = selection.wanted[index] as f32 / kept.len().max(1) as f32;
        let weight = short.clamp(1.0, rule.most_weight.max(1.0));
        selection.chosen.push(kept.len() as u32);
        for candidate in kept {
            selection.tokens += u64::from(pool[index].candidates[candidate].tokens);
            selection.samples.push(Chosen { problem: index, candidate, weight });
        }
    }
    selection
}

/// The rule's K, or the smallest with which its limits are reached.
fn k_of(pool: &[PoolProblem], rule: &Rule) -> f64 {
    if rule.k > 0.0 {
        return rule.k;
    }
    let most = pool.iter().map(|problem| problem.candidates.len() as u32).max().unwrap_or_default();
    let tallies = pool.iter().map(|problem| problem.tally);
    let all = Target::saturating(rule.target(1.0).shape, tallies, most);
    if rule.samples == 0 && rule.tokens == 0 {
        return all;
    }
    smallest(all, |k| {
        let target = rule.target(k);
        let (mut samples, mut tokens, mut confirming) = (0u64, 0u64, 0u64);
        for problem in pool {
            let (_, taken) = problem.filled(&target);
            samples += u64::from(taken);
            // What no limit asks for is not looked up: this is done for every K that is tried.
            if rule.tokens > 0 {
                tokens += problem.tokens[taken as usize];
            }
            if rule.most_confirming < 1.0 {
                confirming += u64::from(problem.confirming[taken as usize]);
            }
        }
        // The share that only confirms is thinned out afterwards, with tokens like the others' in the mean.
        let spared = confirming.saturating_sub(allowed(samples - confirming, rule.most_confirming));
        let part = if samples > 0 { (samples - spared) as f64 / samples as f64 } else { 0.0 };
        (rule.samples > 0 && samples - spared >= u64::from(rule.samples))
            || (rule.tokens > 0 && tokens as f64 * part >= rule.tokens as f64)
    })
}

/// How many chains that only confirm may stand beside so many others.
fn allowed(others: u64, share: f64) -> u64 {
    if share >= 1.0 { u64::MAX } else { (others as f64 * share / (1.0 - share)).floor() as u64 }
}

/// Leaves out chains that only confirm, down to their share.
fn spare_confirming(pool: &[PoolProblem], rule: &Rule, kept: &mut [Vec<usize>]) {
    let confirms = |problem: usize, candidate: usize| pool[problem].candidates[candidate].confirms;
    let all: u64 = kept.iter().map(|kept| kept.len() as u64).sum();
    let confirming =
        kept.iter().enumerate().map(|(at, kept)| kept.iter().filter(|one| confirms(at, **one)).count() as u64).sum();
    let mut surplus = u64::saturating_sub(confirming, allowed(all - confirming, rule.most_confirming));
    drop_last(pool, kept, |problem, candidate| {
        confirms(problem, candidate) && surplus > 0 && {
            surplus -= 1;
            true
        }
    });
}

/// Leaves out what is beyond the limits over all.
fn cut(pool: &[PoolProblem], rule: &Rule, kept: &mut [Vec<usize>]) {
    let mut samples: u64 = kept.iter().map(|kept| kept.len() as u64).sum();
    let tokens = |problem: usize, candidate: usize| u64::from(pool[problem].candidates[candidate].tokens);
    let mut of_tokens: u64 =
        kept.iter().enumerate().flat_map(|(at, kept)| kept.iter().map(move |one| tokens(at, *one))).sum();
    let beyond = |samples: u64, of_tokens: u64| {
        (rule.samples > 0 && samples > u64::from(rule.samples)) || (rule.tokens > 0 && of_tokens > rule.tokens)
    };
    if !beyond(samples, of_tokens) {
        return;
    }
    drop_last(pool, kept, |problem, candidate| {
        beyond(samples, of_tokens) && {
            samples -= 1;
            of_tokens -= tokens(problem, candidate);
            true
        }
    });
}

/// Goes through what is kept from the highest rank down, in the order of lots, and drops what `drops` says; never what a
/// person accepted.
fn drop_last(pool: &[PoolProblem], kept: &mut [Vec<usize>], mut drops: impl FnMut(usize, usize) -> bool) {
    let ranks = kept.iter().map(Vec::len).max().unwrap_or_default();
    for rank in (0..ranks).rev() {
        let mut problems: Vec<usize> = (0..kept.len()).filter(|&at| kept[at].len() > rank).collect();
        problems.sort_unstable_by_key(|&at| (pool[at].lot, at));
        for at in problems {
            let candidate = kept[at][rank];
            if !pool[at].candidates[candidate].by_person && drops(at, candidate) {
                kept[at].remove(rank);
            }
        }
    }
}

#[cfg(test)]
mod tests;
