//! What a rule comes to on a survey, counted once for all that is drawn: by bars of the histogram, by classes, by levels and
//! subjects. Pure; drawing only reads it.

use crate::difficulty::{Bin, Bins, Selection, Tally, budget, select};
use crate::pipeline::difficulty::Survey;
use crate::stats::wilson;

/// Up to so many samples of each problem a count has a bar of its own.
const WHOLE: u32 = 24;
/// Bars of equal width between none right and all right, where problems have different numbers of samples.
const SHARES: usize = 20;

/// What the bars of the histogram stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// 0 to n right samples, of n that every problem has.
    Whole(u32),
    /// None right; more than 0 to 5% and so on, the upper end in, all right left out; all right.
    Shares,
}

impl Axis {
    fn of(survey: &Survey) -> Self {
        let mut counts = survey.pool.iter().map(|problem| problem.tally().samples);
        match counts.next() {
            Some(first) if first <= WHOLE && counts.all(|count| count == first) => Self::Whole(first),
            _ => Self::Shares,
        }
    }

    pub fn bars(self) -> usize {
        match self {
            Self::Whole(samples) => samples as usize + 1,
            Self::Shares => SHARES + 2,
        }
    }

    fn bar(self, tally: &Tally) -> usize {
        match self {
            Self::Whole(_) => tally.correct as usize,
            Self::Shares if tally.correct == 0 => 0,
            Self::Shares if tally.correct >= tally.samples => SHARES + 1,
            Self::Shares => ((tally.pass_rate() * SHARES as f64 - 1e-9).ceil() as usize).clamp(1, SHARES),
        }
    }

    /// Pass rates of a bar, from and to.
    pub fn rates(self, bar: usize) -> (f64, f64) {
        match self {
            Self::Whole(samples) => {
                let rate = bar as f64 / f64::from(samples.max(1));
                (rate, rate)
            }
            Self::Shares if bar == 0 => (0.0, 0.0),
            Self::Shares if bar > SHARES => (1.0, 1.0),
            Self::Shares => ((bar - 1) as f64 / SHARES as f64, bar as f64 / SHARES as f64),
        }
    }

    /// The band that holds these bars and no other, both ends being left out of it. Of shares a problem exactly at an end is not in it.
    pub fn band(self, first: usize, last: usize) -> (f64, f64) {
        let (from, to) = match self {
            Self::Whole(samples) => {
                let half = 0.5 / f64::from(samples.max(1));
                (self.rates(first).0 - half, self.rates(last).1 + half)
            }
            Self::Shares => (self.rates(first).0, self.rates(last).1),
        };
        let tidy = |rate: f64| (rate.clamp(0.0, 1.0) * 1e4).round() / 1e4;
        (tidy(from), tidy(to))
    }

    /// Where a pass rate lies, in bars from the left edge of the first.
    pub fn place(self, rate: f64) -> f64 {
        match self {
            Self::Whole(samples) => rate * f64::from(samples) + 0.5,
            Self::Shares if rate <= 0.0 => 0.5,
            Self::Shares if rate >= 1.0 => SHARES as f64 + 1.5,
            Self::Shares => 1.0 + rate * SHARES as f64,
        }
    }

    /// How a bar is called.
    pub fn label(self, bar: usize) -> String {
        let (from, to) = self.rates(bar);
        match self {
            Self::Whole(samples) => format!("{bar}/{samples}"),
            Self::Shares if bar == 0 => "none right".into(),
            Self::Shares if bar > SHARES => "all right".into(),
            Self::Shares => format!("{:.0}-{:.0}%", 100.0 * from, 100.0 * to),
        }
    }

    /// The class that a bar is coloured by.
    pub fn class(self, bar: usize, bins: &Bins) -> Bin {
        let (from, to) = self.rates(bar);
        let rate = (from + to) / 2.0;
        match bar {
            0 => Bin::Unsolved,
            _ if bar + 1 >= self.bars() => Bin::Saturated,
            _ if rate <= bins.hard => Bin::Hard,
            _ if rate <= bins.medium => Bin::Medium,
            _ => Bin::Easy,
        }
    }
}

/// Sums over some problems.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub problems: u64,
    pub samples: u64,
    pub right: u64,
    pub accepted: u64,
    pub wanted: u64,
    pub selected: u64,
    /// Problems with an accepted and with a selected sample.
    pub with_accepted: u64,
    pub with_selected: u64,
    /// Sums of the pass rates, and of the ends of their intervals.
    rate: f64,
    low: f64,
    high: f64,
}

impl Counts {
    fn add(&mut self, survey: &Survey, selection: &Selection, at: usize) {
        let problem = &survey.pool[at];
        let (tally, accepted) = (problem.tally(), problem.candidates().len() as u64);
        let (wanted, selected) = (u64::from(selection.wanted[at]), u64::from(selection.chosen[at]));
        let (low, high) = wilson(f64::from(tally.correct), f64::from(tally.samples));
        self.problems += 1;
        self.samples += u64::from(tally.samples);
        self.right += u64::from(tally.correct);
        self.accepted += accepted;
        self.wanted += wanted;
        self.selected += selected;
        self.with_accepted += u64::from(accepted > 0);
        self.with_selected += u64::from(selected > 0);
        self.rate += tally.pass_rate();
        self.low += low;
        self.high += high;
    }

    /// Mean pass rate of the problems, and the mean ends of Wilson's interval of one.
    pub fn interval(&self) -> (f64, f64, f64) {
        let of = self.problems.max(1) as f64;
        (self.rate / of, self.low / of, self.high / of)
    }

    /// Selected over wanted; `None` where nothing is wanted.
    pub fn fill(&self) -> Option<f64> {
        (self.wanted > 0).then(|| self.selected as f64 / self.wanted as f64)
    }
}

/// How far the target is met by right samples, judged or not: as sampling in rounds sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Met {
    /// Share of the wanted samples that right ones would fill.
    pub share: f64,
    /// Draws until every problem has what is wanted of it, about.
    pub draws: f64,
}

/// A rule on a survey.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub axis: Axis,
    pub selection: Selection,
    pub bars: Vec<Counts>,
    /// Of [`Bin::ALL`].
    pub classes: [Counts; 5],
    pub all: Counts,
    /// Of the survey's groups.
    pub groups: Vec<Counts>,
    pub met: Met,
    /// What share of the wanted samples the first 1, 2, 4, ... samples of each problem give, before limits over all.
    pub budgets: Vec<(u32, f64)>,
    /// Kish's effective number of samples.
    pub effective: f64,
}

impl Plan {
    pub fn of(survey: &Survey, rule: &crate::difficulty::Rule) -> Self {
        let (axis, selection) = (Axis::of(survey), select(&survey.pool, rule));
        let (mut bars, mut classes) = (vec![Counts::default(); axis.bars()], [Counts::default(); 5]);
        let (mut all, mut met) = (Counts::default(), Met::default());
        for (at, problem) in survey.pool.iter().enumerate() {
            let tally = problem.tally();
            let class = survey.bins.of(&tally).unwrap_or(Bin::Unsolved) as usize;
            for counts in [&mut bars[axis.bar(&tally)], &mut classes[class], &mut all] {
                counts.add(survey, &selection, at);
            }
            let wanted = selection.wanted[at];
            met.share += f64::from(wanted.min(tally.correct));
            if wanted > tally.correct && tally.correct > 0 {
                met.draws += budget::expected_draws(&tally, wanted);
            }
        }
        met.share /= all.wanted.max(1) as f64;
        let groups = survey.groups.iter().map(|group| {
            let mut counts = Counts::default();
            group.problems.iter().for_each(|&at| counts.add(survey, &selection, at as usize));
            counts
        });
        let groups = groups.collect();
        let budgets = budgets(survey, &selection.wanted);
        let effective = selection.effective();
        Self { axis, bars, classes, all, groups, met, budgets, effective, selection }
    }

    /// The problems of a bar, in the order of the pool.
    pub fn in_bar<'a>(&'a self, survey: &'a Survey, bar: usize) -> impl Iterator<Item = usize> + 'a {
        (0..survey.pool.len()).filter(move |&at| self.axis.bar(&survey.pool[at].tally()) == bar)
    }

    /// The problems of a class, in the order of the pool.
    pub fn in_class(survey: &Survey, class: Bin) -> impl Iterator<Item = usize> + '_ {
        (0..survey.pool.len()).filter(move |&at| survey.bins.of(&survey.pool[at].tally()) == Some(class))
    }

    /// The samples of these problems: what is selected first, then what is accepted, then the others; inside as problems and draws
    /// stand. With `selected_only` the first of these alone.
    pub fn samples(&self, survey: &Survey, problems: impl Iterator<Item = usize>, selected_only: bool) -> Vec<i64> {
        let mut within = vec![false; survey.pool.len()];
        problems.for_each(|at| within[at] = true);
        let chosen = self.selection.samples.iter().filter(|chosen| within[chosen.problem]);
        let mut samples: Vec<i64> =
            chosen.map(|chosen| survey.pool[chosen.problem].candidates()[chosen.candidate].sample).collect();
        if selected_only {
            return samples;
        }
        let taken: std::collections::HashSet<i64> = samples.iter().copied().collect();
        let others = || {
            let of = survey.problems.iter().zip(&within).filter(|(_, within)| **within);
            of.flat_map(|(problem, _)| &problem.samples).filter(|drawn| !taken.contains(&drawn.id))
        };
        samples.extend(others().filter(|drawn| drawn.accepted).map(|drawn| drawn.id));
        samples.extend(others().filter(|drawn| !drawn.accepted).map(|drawn| drawn.id));
        samples
    }
}

fn budgets(survey: &Survey, wanted: &[u32]) -> Vec<(u32, f64)> {
    let most = survey.problems.iter().map(|problem| problem.samples.len()).max().unwrap_or_default();
    let sizes: Vec<usize> = (0..).map(|power| 1 << power).take_while(|size| *size <= most).collect();
    let all: u64 = wanted.iter().map(|wanted| u64::from(*wanted)).sum();
    let mut filled = vec![0u64; sizes.len()];
    for (problem, wanted) in survey.problems.iter().zip(wanted).filter(|(_, wanted)| **wanted > 0) {
        let (mut accepted, mut next) = (0, 0);
        for (filled, size) in filled.iter_mut().zip(&sizes) {
            let upto = (*size).min(problem.samples.len());
            accepted += problem.samples[next..upto].iter().filter(|drawn| drawn.accepted).count() as u64;
            next = upto;
            *filled += accepted.min(u64::from(*wanted));
        }
    }
    let share = |(size, filled): (usize, u64)| (size as u32, filled as f64 / all.max(1) as f64);
    sizes.into_iter().zip(filled).map(share).collect()
}
