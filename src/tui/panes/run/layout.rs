//! Where the parts of the pane are, for drawing and for wrapping texts.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// From this size on four views stand beside each other: a terminal of 140 x 40.
const GRID: (u16, u16) = (138, 36);

/// Parts of the pane while a pass is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub title: Rect,
    pub state: Rect,
    pub numbers: Rect,
    pub meter: Rect,
    pub flow: Rect,
    pub steps: Rect,
    /// Names the views where one is seen at a time.
    pub tabs: Rect,
    /// A rule and a body each; one where there is no room for four.
    pub views: [(Rect, Rect); 4],
    /// Whether all four are seen.
    pub grid: bool,
    pub foot: Rect,
}

impl Layout {
    /// `steps`: how many there are; `whole`: all are done, and what came of them matters most.
    pub fn of(area: Rect, steps: usize, whole: bool) -> Self {
        let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
        // Of a low pane the meter and the flow are left out.
        let (meter, flow) = (u16::from(area.height >= 15), u16::from(area.height >= 18));
        let head = 3 + meter + flow;
        let rest = area.height.saturating_sub(head + 1);
        let mut layout = Self {
            title: row(0, 1),
            state: row(1, 1),
            numbers: row(2, 1),
            meter: row(3, meter),
            flow: row(3 + meter, flow),
            foot: row(area.height.saturating_sub(1), 1),
            grid: area.width >= GRID.0 && area.height >= GRID.1,
            ..Self::default()
        };
        let all = steps.clamp(1, usize::from(u16::MAX)) as u16;
        if layout.grid {
            let high = all.min(rest / 2);
            layout.steps = row(head, high);
            let (top, below) = (head + high, rest - high);
            let (left, upper) = (area.width.saturating_sub(1) / 2, below / 2);
            let quarter = |x: u16, y: u16, width: u16, height: u16| {
                (part(area, x, y, width, 1), part(area, x, y + 1, width, height.saturating_sub(1)))
            };
            let right = area.width.saturating_sub(left + 1);
            layout.views = [
                quarter(0, top, left, upper),
                quarter(left + 1, top, right, upper),
                quarter(0, top + upper, left, below - upper),
                quarter(left + 1, top + upper, right, below - upper),
            ];
        } else {
            // A plot needs five rows.
            let high = match rest {
                _ if whole => 4,
                low if low < 12 => 3,
                rest => rest / 2,
            };
            let high = all.min(high).min(rest);
            layout.steps = row(head, high);
            layout.tabs = row(head + high, u16::from(rest > high));
            layout.views[0].1 = row(head + high + 1, rest.saturating_sub(high + 1));
        }
        layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_and_apart_at_any_size() {
        for (width, height) in (0..200).step_by(3).flat_map(|width| (0..60).map(move |height| (width, height))) {
            let area = Rect::new(1, 2, width, height);
            for (steps, whole) in [(0, false), (13, false), (13, true), (40, false)] {
                let layout = Layout::of(area, steps, whole);
                let mut parts =
                    vec![layout.title, layout.state, layout.numbers, layout.meter, layout.flow, layout.steps];
                parts.extend([layout.tabs]);
                parts.extend(layout.views.iter().flat_map(|(rule, body)| [*rule, *body]));
                parts.retain(|part| !part.is_empty());
                for (at, part) in parts.iter().enumerate() {
                    assert_eq!(part.intersection(area), *part, "{width}x{height}");
                    let apart = |other: &Rect| part.intersection(*other).is_empty();
                    assert!(height < 5 || parts[at + 1..].iter().all(apart), "{width}x{height} part {at}");
                    assert!(height < 5 || apart(&layout.foot), "{width}x{height} part {at} over the foot");
                }
            }
        }
    }
}
