//! Where the parts of the pane are, for drawing, for wrapping texts and for the mouse.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// Rows of the list of runs at most; a tall screen has more.
const LIST: u16 = 4;
/// From this width on the quantities stand beside their plot.
const WIDE: u16 = 100;
/// Width of the quantities.
const QUANTITIES: u16 = 34;
/// Least size of a plot beside others, its title included.
const PLOT: (u16, u16) = (38, 9);

pub(super) struct Layout {
    pub list: Rect,
    pub rule: Rect,
    pub status: Rect,
    /// Curves, settings or notes.
    pub body: Rect,
    pub foot: Rect,
}

impl Layout {
    pub fn of(area: Rect, runs: usize) -> Self {
        let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
        let list = runs.clamp(1, usize::from(LIST.max(area.height / 5))) as u16;
        let above = list + 2;
        Self {
            list: row(0, list),
            rule: row(list, 1),
            status: row(list + 1, 1),
            body: row(above, area.height.saturating_sub(above + 1)),
            foot: row(area.height.saturating_sub(1), 1),
        }
    }
}

/// Whether there is room for many plots.
pub(super) fn has_room_for_many(body: Rect) -> bool {
    body.width >= 2 * PLOT.0 && body.height >= 2 * PLOT.1
}

/// The quantities and the plot of one of them; where it is narrow there is the plot alone.
pub(super) fn one(body: Rect) -> (Option<Rect>, Rect) {
    if body.width < WIDE {
        return (None, body);
    }
    let plot = part(body, QUANTITIES + 1, 0, body.width - QUANTITIES - 1, body.height);
    (Some(part(body, 0, 0, QUANTITIES, body.height)), plot)
}

/// Rooms of plots beside one another, each with its title: as many as there is room for, of so many that there are.
pub(super) fn many(body: Rect, charts: usize) -> Vec<Rect> {
    let charts = charts.clamp(1, 4096) as u16;
    let (most_across, most_down) = ((body.width / PLOT.0).max(1), (body.height / PLOT.1).max(1));
    let fits = (1..=most_down).map(|down| (charts.div_ceil(down), down)).filter(|(across, _)| *across <= most_across);
    // Of the shapes that hold all, the one whose plots are nearest to four cells wide for each that they are high.
    let strange = |(across, down): &(u16, u16)| {
        (f64::from(body.width / across).max(1.0) / f64::from(body.height / down).max(1.0) / 4.0).ln().abs()
    };
    let shape = fits.min_by(|a, b| strange(a).total_cmp(&strange(b)));
    let (across, down) = shape.unwrap_or((most_across, most_down));
    let (width, height) = (body.width / across, body.height / down);
    let room = |at: u16| part(body, at % across * width, at / across * height, width, height);
    (0..across * down).map(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_beside_one_another_do_not_meet() {
        let body = Rect::new(0, 6, 160, 38);
        for charts in [0, 1, 2, 3, 5, 16, 1000] {
            let rooms = many(body, charts);
            assert!(!rooms.is_empty() && (rooms.len() >= charts.min(16)), "{charts}: {}", rooms.len());
            for (at, room) in rooms.iter().enumerate() {
                assert_eq!(room.intersection(body), *room);
                assert!(rooms[at + 1..].iter().all(|other| other.intersection(*room).is_empty()));
            }
        }
        assert_eq!(many(Rect::new(0, 0, 3, 2), 9).len(), 1);
        assert!(one(Rect::new(0, 0, 80, 20)).0.is_none());
    }
}
