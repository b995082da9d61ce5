//! How many samples there are to learn from, and how many of them are trained on: counted where the rows are known, and said by
//! every pane that has something to say of it. Not: what is chosen of them.

use crate::session::SampleRow;

/// Of the samples of problems to learn from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Learnt {
    pub samples: usize,
    /// Not judged yet.
    pub waiting: usize,
    /// The rules accept so many.
    pub by_rules: usize,
    /// Trained on where no selection is named: what the rules accept, unless a person decided otherwise.
    pub to_train_on: usize,
}

impl Learnt {
    pub fn of(rows: &[SampleRow]) -> Self {
        let mut learnt = Self::default();
        for row in rows.iter().filter(|row| !row.held_out) {
            learnt.samples += 1;
            learnt.waiting += usize::from(row.accepted.is_none());
            learnt.by_rules += usize::from(row.accepted == Some(true));
            learnt.to_train_on += usize::from(row.trained_on());
        }
        learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{DecisionVerb, Standing};
    use crate::tui::panes::review::tests::row;

    #[test]
    fn a_persons_decision_goes_before_the_rules() {
        let decided =
            |id, accepted, verb| SampleRow { accepted, standing: Standing { verb, ..Standing::default() }, ..row(id) };
        let (accept, reject) = (Some(DecisionVerb::Accept), Some(DecisionVerb::Reject));
        let mut rows = vec![
            decided(1, Some(true), None),
            decided(2, Some(true), reject),
            decided(3, Some(false), accept),
            decided(4, None, accept),
            decided(5, None, None),
            decided(6, Some(false), None),
        ];
        rows.push(SampleRow { held_out: true, ..decided(7, Some(true), accept) });
        assert_eq!(Learnt::of(&rows), Learnt { samples: 6, waiting: 2, by_rules: 2, to_train_on: 3 });
    }
}
