//! Which samples are learnt from: of each problem as many as its target says, if it has them.
//!
//! Order never decides: problems go by id, samples of a problem by the rule of choice and then by draw.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Tally, Target};

/// A sample that could be chosen: right, and accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Row of the sample where it is stored.
    pub sample: i64,
    pub draw: u32,
    /// Settings that it was drawn under, by hash.
    pub settings: String,
    pub tokens: u32,
}

/// Which samples of a problem go before others. Never the longest: that would reward loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "pick", deny_unknown_fields)]
pub enum Pick {
    /// As they were drawn; without bias.
    #[default]
    First,
    /// Each the one least like those before it.
    MostDiverse,
    /// Those of so many tokens first, as they were drawn.
    Length { low: u32, high: u32 },
}

/// What happens where a problem has fewer samples than its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "shortfall", deny_unknown_fields)]
pub enum Shortfall {
    /// It stays short.
    #[default]
    Leave,
    /// Its samples count for more, up to so many times.
    Weight { most: f32 },
}

/// A problem with what could be chosen of it, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolProblem {
    pub id: String,
    pub tally: Tally,
    /// As [`rank`] puts them.
    pub candidates: Vec<Candidate>,
}

/// Puts the candidates of a problem in the order in which they are chosen. `likeness` of two, by index, is 0 to 1; it is asked
/// for only where the rule needs it.
pub fn rank(candidates: &mut Vec<Candidate>, pick: Pick, likeness: impl Fn(usize, usize) -> f64) {
    match pick {
        Pick::First => candidates.sort_by(by_draw),
        Pick::Length { low, high } => {
            let outside = |candidate: &Candidate| !(low..=high).contains(&candidate.tokens);
            candidates.sort_by(|a, b| outside(a).cmp(&outside(b)).then_with(|| by_draw(a, b)));
        }
        Pick::MostDiverse => {
            let order = farthest_first(candidates, likeness);
            *candidates = order.into_iter().map(|at| candidates[at].clone()).collect();
        }
    }
}

fn by_draw(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    (a.draw, &a.settings).cmp(&(b.draw, &b.settings))
}

/// Begins with the first draw; then always the one whose nearest neighbour among the chosen is farthest (ties: first draw).
fn farthest_first(candidates: &[Candidate], likeness: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    left.sort_by(|&a, &b| by_draw(&candidates[a], &candidates[b]));
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
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// Index of its problem.
    pub problem: usize,
    /// Index among the problem's candidates.
    pub candidate: usize,
    pub weight: f32,
}

/// What a target comes to on a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    pub samples: Vec<Selected>,
    /// Wanted of each problem, and chosen.
    pub wanted: Vec<u32>,
    pub chosen: Vec<u32>,
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
pub fn select(pool: &[PoolProblem], target: &Target, shortfall: Shortfall) -> Selection {
    let mut selection = Selection { samples: Vec::new(), wanted: vec![0; pool.len()], chosen: vec![0; pool.len()] };
    for (index, problem) in pool.iter().enumerate() {
        let wanted = target.of(&problem.tally);
        let chosen = (problem.candidates.len() as u32).min(wanted);
        (selection.wanted[index], selection.chosen[index]) = (wanted, chosen);
        let weight = match shortfall {
            Shortfall::Weight { most } if chosen > 0 => (wanted as f32 / chosen as f32).clamp(1.0, most.max(1.0)),
            _ => 1.0,
        };
        let picked = (0..chosen as usize).map(|candidate| Selected { problem: index, candidate, weight });
        selection.samples.extend(picked);
    }
    selection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difficulty::Shape;

    fn candidate(draw: u32, tokens: u32) -> Candidate {
        Candidate { sample: i64::from(draw), draw, settings: "s".into(), tokens }
    }

    fn pool() -> Vec<PoolProblem> {
        (0..=8)
            .map(|correct| PoolProblem {
                id: format!("p{correct}"),
                tally: Tally { samples: 8, correct, ..Tally::default() },
                candidates: (0..correct).map(|draw| candidate(draw, 10 * draw)).collect(),
            })
            .collect()
    }

    #[test]
    fn what_is_wanted_is_chosen_as_far_as_it_is_there() {
        let pool = pool();
        let target = Target { shape: Shape::Prop2diff, k: 4.0, least: 1, most: 8 };
        let found = select(&pool, &target, Shortfall::Leave);
        assert_eq!(found.wanted, [0, 4, 3, 3, 2, 2, 1, 1, 1]);
        assert_eq!(found.chosen, [0, 1, 2, 3, 2, 2, 1, 1, 1]);
        assert_eq!((found.samples.len(), found.problems()), (13, 8));
        assert!((found.fill_rate() - 13.0 / 17.0).abs() < 1e-12);
        assert_eq!(found.effective(), 13.0);
        let weighted = select(&pool, &target, Shortfall::Weight { most: 3.0 });
        assert_eq!(weighted.samples[0].weight, 3.0, "4 wanted, 1 there, 3 at most");
        assert!(weighted.effective() < 13.0);
        assert_ne!(weighted.hash(&pool), found.hash(&pool));
        assert_eq!(found.hash(&pool), select(&pool, &target, Shortfall::Leave).hash(&pool));
    }

    #[test]
    fn the_order_of_choice() {
        let draws = |pick, likeness: fn(usize, usize) -> f64| {
            let mut candidates = vec![candidate(2, 30), candidate(0, 90), candidate(1, 31), candidate(3, 500)];
            rank(&mut candidates, pick, likeness);
            candidates.iter().map(|candidate| candidate.draw).collect::<Vec<_>>()
        };
        assert_eq!(draws(Pick::First, |_, _| unreachable!()), [0, 1, 2, 3]);
        assert_eq!(draws(Pick::Length { low: 20, high: 40 }, |_, _| unreachable!()), [1, 2, 0, 3]);
        // By index: draw 0 is index 1. It is like index 2 (draw 1), unlike index 3 (draw 3).
        let likeness = |a: usize, b: usize| match (a.min(b), a.max(b)) {
            (1, 2) => 0.9,
            (1, 3) => 0.1,
            (0, 1) => 0.5,
            _ => 0.3,
        };
        assert_eq!(draws(Pick::MostDiverse, likeness), [0, 3, 2, 1]);
    }
}
