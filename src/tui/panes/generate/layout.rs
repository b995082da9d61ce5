//! Where the parts of the live view lie, from its size alone: `resize` and `view` agree by calling the same function.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

const WIDE: u16 = 120;
/// Lines of the head: state, counts, speed, meter.
const HEAD: u16 = 4;
/// Lines for servers at most.
const SERVERS: u16 = 4;

/// Parts of the live view: rows above the stream, or beside it where the pane is wide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    pub state: Rect,
    pub counts: Rect,
    pub speed: Rect,
    pub meter: Rect,
    pub servers: Rect,
    pub rows: Rect,
    pub column: Rect,
    pub title: Rect,
    pub stream: Rect,
    pub notice: Rect,
}

impl Layout {
    /// With a line for each of so many servers, as far as there is room.
    pub fn of(area: Rect, servers: usize) -> Self {
        let line = |y| part(area, 0, y, area.width, 1);
        let (state, counts, speed, meter) = (line(0), line(1), line(2), line(3));
        let room = area.height.saturating_sub(HEAD + 1);
        let servers = servers.min(usize::from(SERVERS.min(room / 4))) as u16;
        let (top, body) = (HEAD + servers, room - servers);
        let servers = part(area, 0, HEAD, area.width, servers);
        let notice = part(area, 0, area.height.saturating_sub(1), area.width, 1);
        let head = Self { state, counts, speed, meter, servers, notice, ..Self::default() };
        if area.width >= WIDE {
            let rows = (area.width * 2 / 5).min(66);
            let text = area.width - rows - 1;
            return Self {
                rows: part(area, 0, top, rows, body),
                column: part(area, rows, top, 1, body),
                title: part(area, rows + 1, top, text, u16::from(body > 0)),
                stream: part(area, rows + 1, top + 1, text, body.saturating_sub(1)),
                ..head
            };
        }
        let rows = (body / 3).clamp(1, 8).min(body);
        Self {
            rows: part(area, 0, top, area.width, rows),
            title: part(area, 0, top + rows, area.width, u16::from(body > rows)),
            stream: part(area, 0, top + rows + 1, area.width, body.saturating_sub(rows + 1)),
            ..head
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_at_any_size() {
        for width in 0..200 {
            for height in 0..50 {
                let area = Rect::new(2, 7, width, height);
                for servers in [0, 1, 9] {
                    let layout = Layout::of(area, servers);
                    for part in [layout.state, layout.meter, layout.servers, layout.rows, layout.stream, layout.notice]
                    {
                        assert_eq!(part.intersection(area), part, "{width}x{height}");
                    }
                    assert!(layout.stream.intersection(layout.rows).is_empty());
                    assert!(layout.servers.intersection(layout.rows).is_empty());
                    assert!(layout.stream.intersection(layout.notice).is_empty(), "{width}x{height}");
                }
            }
        }
    }
}
