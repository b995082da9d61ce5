//! Where panes lie: one at a time under a bar of tabs, or on a large screen the four that are worked in most, side by side.

use ratatui::layout::Rect;

use super::super::widgets::paint::part;
use super::{App, Pane};

/// The session line, the tabs, and the hints.
const AROUND: u16 = 3;
/// The row in which panes begin.
const TOP: u16 = 2;
/// From here on four panes lie side by side.
const LARGE: (u16, u16) = (150, 40);
/// Those four: above, then below.
pub(super) const DASHBOARD: [Pane; 4] = [Pane::Generate, Pane::Review, Pane::Difficulty, Pane::Train];

/// Where the four meet, in percent of the room for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub across: u16,
    pub down: u16,
}

impl Default for Split {
    fn default() -> Self {
        Self { across: 50, down: 50 }
    }
}

/// How far a split goes either way, and its steps.
const LEAST: u16 = 30;
const STEP: i16 = 5;

impl Split {
    /// Moves it by steps, as far as it goes.
    pub fn moved(self, across: i16, down: i16) -> Self {
        let to = |now: u16, by: i16| now.saturating_add_signed(by * STEP).clamp(LEAST, 100 - LEAST);
        Self { across: to(self.across, across), down: to(self.down, down) }
    }

    /// As it is kept over a restart.
    pub fn text(self) -> String {
        format!("{} {}", self.across, self.down)
    }

    pub fn read(text: &str) -> Option<Self> {
        let (across, down) = text.split_once(' ')?;
        let part = |text: &str| text.parse().ok().filter(|part| (LEAST..=100 - LEAST).contains(part));
        Some(Self { across: part(across)?, down: part(down)? })
    }
}

/// The room for a pane that lies alone.
pub(super) fn whole(width: u16, height: u16) -> Rect {
    Rect::new(0, TOP.min(height), width, height.saturating_sub(AROUND))
}

/// The rooms of the four, each under a line with its title; and the column between left and right.
fn quarters(area: Rect, split: Split) -> ([Rect; 4], Rect) {
    let share = |whole: u16, percent: u16| (u32::from(whole) * u32::from(percent) / 100) as u16;
    let (left, above) = (share(area.width, split.across), share(area.height, split.down));
    let right = area.width.saturating_sub(left + 1);
    let room = |x: u16, y: u16, width: u16, height: u16| part(area, x, y + 1, width, height.saturating_sub(1));
    let below = area.height.saturating_sub(above);
    let rooms = [
        room(0, 0, left, above),
        room(left + 1, 0, right, above),
        room(0, above, left, below),
        room(left + 1, above, right, below),
    ];
    (rooms, part(area, left, 0, 1, area.height))
}

impl App {
    pub(super) fn has_room_for_four(&self) -> bool {
        self.width >= LARGE.0 && self.height >= LARGE.1
    }

    /// Whether there is room for four, and the person wants to see them.
    fn large(&self) -> bool {
        !self.zoomed && self.has_room_for_four()
    }

    /// Whether four panes are seen.
    pub(super) fn shows_dashboard(&self) -> bool {
        self.large() && DASHBOARD.contains(&self.pane)
    }

    /// The panes that have a tab.
    pub(super) fn tabs(&self) -> Vec<Pane> {
        let seen = |pane: &Pane| *pane != Pane::Watch || self.pane == Pane::Watch || self.watch.watches();
        Pane::TABS.into_iter().filter(seen).collect()
    }

    /// Whether a pane is seen, in front or beside the one in front.
    pub(super) fn sees(&self, pane: Pane) -> bool {
        pane == self.pane || (self.shows_dashboard() && DASHBOARD.contains(&pane))
    }

    /// Where a pane lies, or will once it is in front.
    pub(super) fn room_of(&self, pane: Pane) -> Rect {
        let whole = whole(self.width, self.height);
        match DASHBOARD.iter().position(|one| *one == pane) {
            Some(at) if self.large() => quarters(whole, self.split).0[at],
            _ => whole,
        }
    }

    /// The column between the panes on the left and on the right.
    pub(super) fn middle(&self) -> Rect {
        quarters(whole(self.width, self.height), self.split).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_rooms_do_not_meet_and_fill_the_screen() {
        for (width, height) in [(150, 40), (160, 48), (1000, 90), (3, 3), (0, 0)] {
            for split in [Split::default(), Split { across: 30, down: 70 }] {
                let area = whole(width, height);
                let (rooms, middle) = quarters(area, split);
                for (at, room) in rooms.iter().enumerate() {
                    assert_eq!(room.intersection(area), *room);
                    assert!(room.intersection(middle).is_empty());
                    assert!(rooms[at + 1..].iter().all(|other| other.intersection(*room).is_empty()));
                }
                // What is left over is the column between them, and the lines with their titles.
                let cells: u32 = rooms.iter().map(|room| room.area()).sum();
                let between = u32::from(area.height) + 2 * u32::from(area.width.saturating_sub(1));
                assert!(width < LARGE.0 || cells + between == area.area(), "{width}x{height}");
            }
        }
        let (rooms, _) = quarters(whole(160, 48), Split::default());
        assert_eq!((rooms[0].width, rooms[0].height), (80, 21), "as much as a small screen has");
    }

    #[test]
    fn a_split_stays_in_its_bounds_and_is_kept() {
        let far = Split::default().moved(99, -99);
        assert_eq!((far.across, far.down), (70, 30));
        assert_eq!(Split::read(&far.text()), Some(far));
        assert_eq!([Split::read("99 50"), Split::read("x"), Split::read("50")], [None; 3]);
    }
}
