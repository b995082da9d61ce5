//! The points of one line, and the extremes of any stretch of them in a time that does not grow with its length.

use std::ops::Range;

/// Points, or extremes of the level below, that one extreme stands for.
const FAN: usize = 16;

/// What a stretch reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// Smallest number; infinity where there is none.
    pub low: f32,
    /// Largest number; minus infinity where there is none.
    pub high: f32,
    /// Smallest number above 0, for a logarithmic axis; infinity where there is none.
    pub above: f32,
    /// Something in it is no number.
    pub gap: bool,
}

impl Extremes {
    const NOTHING: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, above: f32::INFINITY, gap: false };

    fn of(y: f32) -> Self {
        if !y.is_finite() {
            return Self { gap: true, ..Self::NOTHING };
        }
        Self { low: y, high: y, above: if y > 0.0 { y } else { f32::INFINITY }, gap: false }
    }

    fn joined(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            above: self.above.min(other.above),
            gap: self.gap || other.gap,
        }
    }

    /// Smallest and largest number; `None` where there is none.
    pub fn numbers(self) -> Option<(f32, f32)> {
        (self.low <= self.high).then_some((self.low, self.high))
    }
}

/// Points with rising x. What is not a number is kept: it is a gap in the line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    xs: Vec<f64>,
    ys: Vec<f32>,
    /// Each level over the one below, [`FAN`] to one; the last of a level may stand for fewer.
    levels: Vec<Vec<Extremes>>,
}

impl Series {
    /// Adds a point at the end. A point that is not behind the last one takes the place of those that it is not behind: a
    /// run that went back writes its steps again.
    pub fn push(&mut self, x: f64, y: f32) {
        if self.xs.last().is_some_and(|last| x <= *last) {
            self.truncate(self.xs.partition_point(|have| *have < x));
        }
        let at = self.xs.len();
        self.xs.push(x);
        self.ys.push(y);
        self.raise(at, Extremes::of(y));
    }

    /// Takes a new last point into the levels; a level begins when the one below it has more than one extreme.
    fn raise(&mut self, at: usize, value: Extremes) {
        let mut place = at / FAN;
        for level in 0.. {
            if level == self.levels.len() {
                let first = match level.checked_sub(1) {
                    Some(below) => self.levels[below].iter().copied().fold(Extremes::NOTHING, Extremes::joined),
                    None => value,
                };
                self.levels.push(vec![first]);
                return;
            }
            match self.levels[level].get_mut(place) {
                Some(extremes) => *extremes = extremes.joined(value),
                None => self.levels[level].push(value),
            }
            if self.levels[level].len() == 1 {
                return;
            }
            place /= FAN;
        }
    }

    /// Forgets all but the first points. Only the last extreme of each level changes.
    fn truncate(&mut self, keep: usize) {
        self.xs.truncate(keep);
        self.ys.truncate(keep);
        let mut len = keep;
        for level in 0..self.levels.len() {
            let begin = (len.div_ceil(FAN).max(1) - 1) * FAN;
            let last = (begin..len).map(|at| self.at(level, at)).fold(Extremes::NOTHING, Extremes::joined);
            len = len.div_ceil(FAN);
            self.levels[level].truncate(len);
            if let Some(extremes) = self.levels[level].last_mut() {
                *extremes = last;
            }
        }
        // One extreme for everything is the highest level.
        let one = self.levels.iter().position(|level| level.len() <= 1);
        self.levels.truncate(one.map_or(self.levels.len(), |at| at + usize::from(keep > 0)));
    }

    /// What one place of a level reaches; level 0 are the points themselves.
    fn at(&self, level: usize, index: usize) -> Extremes {
        match level.checked_sub(1) {
            None => Extremes::of(self.ys[index]),
            Some(level) => self.levels[level][index],
        }
    }

    pub fn len(&self) -> usize {
        self.xs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.xs.is_empty()
    }

    pub fn point(&self, index: usize) -> Option<(f64, f32)> {
        Some((*self.xs.get(index)?, *self.ys.get(index)?))
    }

    pub fn last(&self) -> Option<(f64, f32)> {
        self.point(self.len().checked_sub(1)?)
    }

    /// Points with `from <= x < to`.
    pub fn between(&self, from: f64, to: f64) -> Range<usize> {
        let begin = self.xs.partition_point(|x| *x < from);
        begin..self.xs.partition_point(|x| *x < to).max(begin)
    }

    /// The point whose x is nearest; `None` before the first and behind the last point.
    pub fn nearest(&self, x: f64) -> Option<(f64, f32)> {
        if x < *self.xs.first()? || x > *self.xs.last()? {
            return None;
        }
        let after = self.xs.partition_point(|have| *have < x);
        let candidates = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|at| self.point(at));
        candidates.min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))
    }

    /// The last point at or before x.
    pub fn until(&self, x: f64) -> Option<(f64, f32)> {
        self.point(self.xs.partition_point(|have| *have <= x).checked_sub(1)?)
    }

    /// What these points reach.
    pub fn extremes(&self, range: Range<usize>) -> Extremes {
        let (mut begin, mut end) = (range.start, range.end.min(self.len()));
        let mut found = Extremes::NOTHING;
        let mut level = 0;
        while begin < end {
            let whole_above = level < self.levels.len() && end - begin >= 2 * FAN;
            if !whole_above {
                found = (begin..end).map(|index| self.at(level, index)).fold(found, Extremes::joined);
                break;
            }
            while !begin.is_multiple_of(FAN) {
                found = found.joined(self.at(level, begin));
                begin += 1;
            }
            while !end.is_multiple_of(FAN) {
                end -= 1;
                found = found.joined(self.at(level, end));
            }
            (begin, end, level) = (begin / FAN, end / FAN, level + 1);
        }
        found
    }
}

/// A series and its exponential mean, which grows with it: `weight` of the mean before and the rest of the point. The mean
/// begins without a bias towards 0, has a gap where the series has one, and keeps what it had.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Smoothed {
    weight: f64,
    pub points: Series,
    pub mean: Series,
    sum: f64,
    share: f64,
}

impl Smoothed {
    pub fn new(weight: f32) -> Self {
        Self { weight: f64::from(weight), ..Self::default() }
    }

    pub fn push(&mut self, x: f64, y: f32) {
        let goes_back = self.points.last().is_some_and(|(last, _)| x <= last);
        self.points.push(x, y);
        if goes_back {
            self.set_weight(self.weight as f32);
        } else {
            self.smooth(x, y);
        }
    }

    /// Another weight; 0 is no mean at all.
    pub fn set_weight(&mut self, weight: f32) {
        let points = std::mem::take(&mut self.points);
        *self = Self::new(weight);
        for (x, y) in points.xs.iter().zip(&points.ys) {
            self.smooth(*x, *y);
        }
        self.points = points;
    }

    fn smooth(&mut self, x: f64, y: f32) {
        if self.weight == 0.0 {
            return;
        }
        if y.is_finite() {
            self.sum = self.weight * self.sum + (1.0 - self.weight) * f64::from(y);
            self.share = self.weight * self.share + (1.0 - self.weight);
        }
        self.mean.push(x, if y.is_finite() { (self.sum / self.share) as f32 } else { f32::NAN });
    }
}

impl FromIterator<(f64, f32)> for Series {
    fn from_iter<I: IntoIterator<Item = (f64, f32)>>(points: I) -> Self {
        let mut series = Self::default();
        for (x, y) in points {
            series.push(x, y);
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_those_of_a_plain_look() {
        let mut state = 7u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let ys: Vec<f32> = (0..9000).map(|_| if random(40) == 0 { f32::NAN } else { random(100_000) as f32 }).collect();
        let series: Series = ys.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
        for _ in 0..2000 {
            let begin = random(9000) as usize;
            let end = begin + random(9001 - begin as u64) as usize;
            let wanted = ys[begin..end].iter().map(|y| Extremes::of(*y)).fold(Extremes::NOTHING, Extremes::joined);
            assert_eq!(series.extremes(begin..end), wanted, "{begin}..{end}");
        }
    }

    #[test]
    fn steps_that_are_written_again_replace_what_was_there() {
        let mut series: Series = (0..1000).map(|x| (f64::from(x), 1.0)).collect();
        series.push(400.0, 5.0);
        assert_eq!((series.len(), series.last()), (401, Some((400.0, 5.0))));
        assert_eq!(series.extremes(0..401).numbers(), Some((1.0, 5.0)));
        assert_eq!(series.extremes(0..400).numbers(), Some((1.0, 1.0)));
        // Cut back anywhere it is as if nothing more had ever been there.
        for keep in [0, 1, 15, 16, 17, 255, 256, 257, 999] {
            let mut cut: Series = (0..1000).map(|x| (f64::from(x), x as f32)).collect();
            cut.push(f64::from(keep), -1.0);
            let points = (0..keep).map(|x| (f64::from(x), x as f32)).chain([(f64::from(keep), -1.0)]);
            assert_eq!(cut, points.collect(), "{keep}");
        }
    }

    #[test]
    fn points_are_found_by_x() {
        let series: Series = [(1.0, 1.0), (5.0, f32::NAN), (9.0, 3.0)].into_iter().collect();
        assert_eq!(series.between(1.0, 9.0), 0..2);
        assert_eq!(series.nearest(6.9).map(|(x, _)| x), Some(5.0));
        assert_eq!((series.nearest(100.0), series.nearest(0.5)), (None, None), "it was never there");
        assert_eq!(Series::default().nearest(1.0), None);
        assert_eq!(series.until(8.9).map(|(x, _)| x), Some(5.0));
        assert_eq!(series.until(0.9), None);
        assert_eq!(series.extremes(1..2).numbers(), None);
        assert!(series.extremes(0..3).gap && !series.extremes(0..1).gap);
    }

    #[test]
    fn smoothing_begins_at_the_first_point_and_leaves_gaps() {
        let mut smooth = Smoothed::new(0.9);
        for (x, y) in [(1.0, 4.0), (2.0, f32::NAN), (3.0, 2.0)] {
            smooth.push(x, y);
        }
        assert_eq!(smooth.mean.point(0), Some((1.0, 4.0)));
        assert!(smooth.mean.point(1).is_some_and(|(_, y)| y.is_nan()));
        assert!(smooth.mean.point(2).is_some_and(|(_, y)| (2.9..3.0).contains(&y)));
        let before = smooth.clone();
        smooth.set_weight(0.0);
        assert!(smooth.mean.is_empty() && smooth.points.len() == 3);
        smooth.set_weight(0.9);
        assert_eq!(format!("{smooth:?}"), format!("{before:?}"));
        // A step that is written again counts once.
        smooth.push(3.0, 2.0);
        assert_eq!(smooth.mean.last(), before.mean.last());
    }
}
