//! The points of one line, and the extremes of any stretch of them in a time that does not grow with its length.

use std::ops::Range;

/// Points, or extremes of the level below, that one extreme stands for.
const FAN: usize = 16;

/// Smallest and largest number of a stretch; (inf, -inf) where there is none.
type Extremes = (f32, f32);

const NOTHING: Extremes = (f32::INFINITY, f32::NEG_INFINITY);

fn joined(a: Extremes, b: Extremes) -> Extremes {
    (a.0.min(b.0), a.1.max(b.1))
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
            let keep = self.xs.partition_point(|have| *have < x);
            *self = self.xs[..keep].iter().copied().zip(self.ys[..keep].iter().copied()).collect();
        }
        let at = self.xs.len();
        self.xs.push(x);
        self.ys.push(y);
        let (mut place, value) = (at / FAN, if y.is_finite() { (y, y) } else { NOTHING });
        for level in 0.. {
            if level == self.levels.len() {
                if place > 0 {
                    let below: Vec<Extremes> = match level.checked_sub(1) {
                        None => break,
                        Some(below) => self.levels[below].clone(),
                    };
                    self.levels
                        .push(below.chunks(FAN).map(|chunk| chunk.iter().copied().fold(NOTHING, joined)).collect());
                } else if level == 0 {
                    self.levels.push(vec![value]);
                }
                break;
            }
            match self.levels[level].get_mut(place) {
                Some(extremes) => *extremes = joined(*extremes, value),
                None => self.levels[level].push(value),
            }
            if self.levels[level].len() == 1 {
                break;
            }
            place /= FAN;
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

    /// The point whose x is nearest.
    pub fn nearest(&self, x: f64) -> Option<(f64, f32)> {
        let after = self.xs.partition_point(|have| *have < x);
        let candidates = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|at| self.point(at));
        candidates.min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))
    }

    /// Smallest and largest number among these points; `None` if none is one.
    pub fn extremes(&self, range: Range<usize>) -> Option<(f32, f32)> {
        let (mut begin, mut end) = (range.start, range.end.min(self.len()));
        let mut found = NOTHING;
        let mut level = 0;
        while begin < end {
            let whole_above = level < self.levels.len() && end - begin >= 2 * FAN;
            let at = |index: usize| match level {
                0 if self.ys[index].is_finite() => (self.ys[index], self.ys[index]),
                0 => NOTHING,
                _ => self.levels[level - 1][index],
            };
            if !whole_above {
                found = (begin..end).map(at).fold(found, joined);
                break;
            }
            while !begin.is_multiple_of(FAN) {
                found = joined(found, at(begin));
                begin += 1;
            }
            while !end.is_multiple_of(FAN) {
                end -= 1;
                found = joined(found, at(end));
            }
            (begin, end, level) = (begin / FAN, end / FAN, level + 1);
        }
        (found.0 <= found.1).then_some(found)
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
            let plain = ys[begin..end].iter().filter(|y| y.is_finite());
            let wanted = plain.fold(None, |found: Option<(f32, f32)>, y| {
                Some(found.map_or((*y, *y), |(low, high)| (low.min(*y), high.max(*y))))
            });
            assert_eq!(series.extremes(begin..end), wanted, "{begin}..{end}");
        }
    }

    #[test]
    fn steps_that_are_written_again_replace_what_was_there() {
        let mut series: Series = (0..1000).map(|x| (f64::from(x), 1.0)).collect();
        series.push(400.0, 5.0);
        assert_eq!((series.len(), series.last()), (401, Some((400.0, 5.0))));
        assert_eq!(series.extremes(0..401), Some((1.0, 5.0)));
        assert_eq!(series.extremes(0..400), Some((1.0, 1.0)));
    }

    #[test]
    fn points_are_found_by_x() {
        let series: Series = [(1.0, 1.0), (5.0, f32::NAN), (9.0, 3.0)].into_iter().collect();
        assert_eq!(series.between(1.0, 9.0), 0..2);
        assert_eq!(series.nearest(6.9).map(|(x, _)| x), Some(5.0));
        assert_eq!(series.nearest(100.0), Some((9.0, 3.0)));
        assert_eq!(Series::default().nearest(1.0), None);
        assert_eq!(series.extremes(1..2), None);
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
