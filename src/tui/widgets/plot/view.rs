//! Which part of the lines is seen: everything, or a window that may hang on to the newest point.

use super::scale::Scale;

/// How far one step of the hand goes, as a share of the window.
const PAN: f64 = 0.2;
const ZOOM: f64 = 0.5;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlotView {
    pub scale: Scale,
    /// Width of the window; `None` shows everything.
    width: Option<f64>,
    /// Its right end; `None` is the newest point, wherever that is.
    end: Option<f64>,
    /// Where the crosshair is.
    cursor: Option<f64>,
    /// More points are to come.
    grows: bool,
}

impl PlotView {
    /// The window over points from `first` to `last`.
    pub fn window(&self, first: f64, last: f64) -> (f64, f64) {
        let Some(width) = self.width else {
            return (first, if self.grows { ahead(first, last) } else { last.max(first) });
        };
        let end = self.end.unwrap_or(last).min(last);
        ((end - width).max(first), end)
    }

    /// Tells whether more points are to come. Then there is some room for them: a plot that moved with every point would be written
    /// anew as often, over a slow link too.
    pub fn set_grows(&mut self, grows: bool) {
        self.grows = grows;
    }

    /// Whether new points come into view by themselves.
    pub fn follows(&self) -> bool {
        self.end.is_none()
    }

    pub fn cursor(&self) -> Option<f64> {
        self.cursor
    }

    /// Half as much, or twice as much, around the crosshair or at the newest point.
    pub fn zoom(&mut self, closer: bool, first: f64, last: f64) {
        let (from, to) = self.window(first, last);
        let width = (to - from) * if closer { ZOOM } else { 1.0 / ZOOM };
        if width >= last - first {
            (self.width, self.end) = (None, None);
            return;
        }
        let width = width.max(4.0_f64.min(last - first));
        self.width = Some(width);
        let end = self.cursor.map(|cursor| cursor + width / 2.0).or(self.end);
        self.end = end.map(|end| end.clamp(first + width, last.max(first + width)));
        self.hang_on(last);
        self.carry(first, last);
    }

    /// Moves the window; to the very end it follows again.
    pub fn pan(&mut self, forward: bool, first: f64, last: f64) {
        let Some(width) = self.width else { return };
        let (_, end) = self.window(first, last);
        let step = width * if forward { PAN } else { -PAN };
        self.end = Some((end + step).clamp(first + width, last.max(first + width)));
        self.hang_on(last);
        self.carry(first, last);
    }

    /// The crosshair comes along with the window.
    fn carry(&mut self, first: f64, last: f64) {
        let (from, to) = self.window(first, last);
        self.cursor = self.cursor.map(|cursor| cursor.clamp(from, to));
    }

    fn hang_on(&mut self, last: f64) {
        if self.end.is_some_and(|end| end >= last) {
            self.end = None;
        }
    }

    /// Everything, following.
    pub fn whole(&mut self) {
        (self.width, self.end, self.cursor) = (None, None, None);
    }

    /// Moves the crosshair by a share of the window; it begins at the right end.
    pub fn move_cursor(&mut self, share: f64, first: f64, last: f64) {
        let (from, to) = self.window(first, last);
        let at = self.cursor.unwrap_or(to) + share * (to - from);
        self.cursor = Some(at.clamp(from, to));
    }

    pub fn drop_cursor(&mut self) {
        self.cursor = None;
    }

    /// Puts the crosshair to a place in the window.
    pub fn put_cursor(&mut self, at: f64, first: f64, last: f64) {
        let (from, to) = self.window(first, last);
        self.cursor = Some(at.clamp(from, to.max(from)));
    }
}

/// The end of a plot that grows: between the last point and an eighth of the way further, the same for many points.
fn ahead(first: f64, last: f64) -> f64 {
    let wide = last - first;
    if !(wide.is_finite() && wide > 0.0) {
        return last.max(first);
    }
    let step = (wide / 8.0).log2().floor().exp2();
    first + (wide / step).ceil() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_follows_the_newest_point_until_it_is_moved_away() {
        let mut view = PlotView::default();
        assert_eq!(view.window(0.0, 100.0), (0.0, 100.0));
        view.zoom(true, 0.0, 100.0);
        assert_eq!(view.window(0.0, 100.0), (50.0, 100.0));
        assert_eq!(view.window(0.0, 120.0), (70.0, 120.0), "it follows");
        view.pan(false, 0.0, 120.0);
        assert!(!view.follows());
        assert_eq!(view.window(0.0, 200.0), view.window(0.0, 120.0), "it stays");
        (0..20).for_each(|_| view.pan(true, 0.0, 120.0));
        assert!(view.follows());
        (0..20).for_each(|_| view.pan(false, 0.0, 120.0));
        assert_eq!(view.window(0.0, 120.0), (0.0, 50.0));
        (0..9).for_each(|_| view.zoom(false, 0.0, 120.0));
        assert_eq!(view, PlotView::default());
    }

    #[test]
    fn one_that_grows_has_room_for_some_points() {
        let mut view = PlotView::default();
        view.set_grows(true);
        let end = |last: f64| view.window(1.0, last).1;
        assert_eq!((end(1.0), end(17.0), end(18.0), end(19.0)), (1.0, 17.0, 19.0, 19.0));
        for last in 2..5000 {
            let last = f64::from(last);
            assert!((last..=last + (last - 1.0) / 8.0).contains(&end(last)), "{last}: {}", end(last));
        }
        assert_eq!(end(4700.0), end(4800.0));
    }

    #[test]
    fn zooming_goes_to_the_crosshair() {
        let mut view = PlotView::default();
        view.move_cursor(-0.75, 0.0, 100.0);
        assert_eq!(view.cursor(), Some(25.0));
        view.zoom(true, 0.0, 100.0);
        let (from, to) = view.window(0.0, 100.0);
        assert!(from <= 25.0 && 25.0 <= to && to - from == 50.0);
        (0..40).for_each(|_| view.zoom(true, 0.0, 100.0));
        let (from, to) = view.window(0.0, 100.0);
        assert!(to - from >= 1.0);
    }
}
