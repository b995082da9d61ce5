//! From a first answer to a last one, counted over samples: the table of transitions, with problems as units. The same table
//! serves answers inside one chain and turns of a dialogue.

use crate::filter::Transition;
use crate::stats::{Bootstrap, Interval};

/// The table. Shares are of all samples; those without any answer that can be graded are counted as such.
#[derive(Debug, Clone, PartialEq)]
pub struct Moves {
    pub problems: usize,
    pub samples: usize,
    /// Of each transition, in the order of [`Transition::ALL`].
    pub shares: [Interval; 5],
    pub no_answer: Interval,
    /// The first answer right, the last one right, and the second less the first.
    pub first: Interval,
    pub last: Interval,
    pub change: Interval,
    /// Of samples whose first answer is wrong, those whose last one is right; and of those whose first is right, those whose
    /// last is wrong. `None` of none.
    pub mended: Option<Interval>,
    pub broken: Option<Interval>,
}

impl Moves {
    /// Of the transitions of each problem's samples. `None` where there is no sample.
    pub fn of(problems: &[Vec<Option<Transition>>]) -> Option<Self> {
        use Transition::{FalseOther, FalseSame, FalseTrue, TrueFalse, TrueTrue};
        let problems: Vec<&Vec<Option<Transition>>> = problems.iter().filter(|samples| !samples.is_empty()).collect();
        let samples = problems.iter().map(|samples| samples.len()).sum();
        if samples == 0 {
            return None;
        }
        let count = |samples: &[Option<Transition>], wanted: &[Transition]| {
            samples.iter().flatten().filter(|transition| wanted.contains(transition)).count() as f64
        };
        // Of a condition only the problems that have it are units: a resampling without any would say nothing.
        let ratio = |hits: &[Transition], of: &[Transition]| {
            let unit = |samples: &&Vec<Option<Transition>>| (count(samples, hits), count(samples, of));
            let units: Vec<(f64, f64)> = problems.iter().map(unit).filter(|(_, of)| *of > 0.0).collect();
            (!units.is_empty()).then(|| Bootstrap::over(units.len()).ratio_or_wilson(&units))
        };
        let resample = Bootstrap::over(problems.len());
        let units = |hits: &dyn Fn(&[Option<Transition>]) -> f64| -> Vec<(f64, f64)> {
            problems.iter().map(|samples| (hits(samples), samples.len() as f64)).collect()
        };
        let share = |hits: &[Transition]| resample.ratio_or_wilson(&units(&|samples| count(samples, hits)));
        let changes = units(&|samples| count(samples, &[FalseTrue]) - count(samples, &[TrueFalse]));
        let missing = units(&|samples| samples.iter().filter(|one| one.is_none()).count() as f64);
        Some(Self {
            problems: problems.len(),
            samples,
            shares: Transition::ALL.map(|transition| share(&[transition])),
            no_answer: resample.ratio_or_wilson(&missing),
            first: share(&[TrueTrue, TrueFalse]),
            last: share(&[TrueTrue, FalseTrue]),
            change: resample.change(&changes),
            mended: ratio(&[FalseTrue], &[FalseTrue, FalseSame, FalseOther]),
            broken: ratio(&[TrueFalse], &[TrueTrue, TrueFalse]),
        })
    }

    /// The share of a transition.
    pub fn share(&self, transition: Transition) -> Interval {
        let at = Transition::ALL.iter().position(|one| *one == transition).unwrap_or_default();
        self.shares[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_samples_and_conditions_of_their_own() {
        use Transition::{FalseOther, FalseSame, FalseTrue, TrueFalse, TrueTrue};
        let problems = [
            vec![Some(TrueTrue), Some(TrueTrue), Some(TrueFalse), Some(FalseTrue)],
            vec![Some(FalseTrue), Some(FalseSame), Some(FalseOther), None],
            Vec::new(),
        ];
        let table = Moves::of(&problems).unwrap();
        assert_eq!((table.problems, table.samples), (2, 8));
        assert_eq!(table.shares.map(|share| share.value), [0.25, 0.125, 0.25, 0.125, 0.125]);
        assert_eq!(table.no_answer.value, 0.125);
        assert_eq!((table.first.value, table.last.value, table.change.value), (0.375, 0.5, 0.125));
        assert_eq!(table.mended.unwrap().value, 0.5, "two of the four whose first answer is wrong");
        assert!((table.broken.unwrap().value - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(table.share(FalseTrue), table.shares[2]);
        let all: f64 = table.shares.iter().map(|share| share.value).sum::<f64>() + table.no_answer.value;
        assert!((all - 1.0).abs() < 1e-12);
    }

    /// Problems are resampled, not samples: what differs between two problems alone has the widest interval.
    #[test]
    fn problems_are_the_units() {
        use Transition::{FalseTrue, TrueTrue};
        let table = Moves::of(&[vec![Some(TrueTrue); 50], vec![Some(FalseTrue); 50]]).unwrap();
        assert_eq!((table.first.value, table.first.low, table.first.high), (0.5, 0.0, 1.0));
        assert_eq!(table.broken.unwrap().value, 0.0);
        assert!(table.broken.unwrap().high > 0.7, "one problem says little: {:?}", table.broken);
        assert_eq!(Moves::of(&[Vec::new()]), None);
    }
}
