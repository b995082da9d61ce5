//! From a scope (what a piece of screen *is*) to a style (how it looks). The only place that names colours. Which theme and how many
//! colours is decided outside.

pub mod check;
pub mod colour;
mod file;
mod look;
pub mod preview;
mod written;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

pub use colour::Depth;
pub use file::{Shelf, Source, ThemeError};
pub use look::Look;
pub use written::schema;

/// The theme that is shown where none is asked for.
pub const DEFAULT: &str = "terminal";
/// The one that every theme becomes where there are no colours.
const MONO: &str = "mono";

/// A complete mapping of looks to styles, for a terminal with so many colours.
#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
    styles: Vec<Style>,
    /// Of cells that nothing coloured; nothing where the terminal's own stands.
    ground: Option<(Color, Color)>,
}

impl Theme {
    /// The default, for tests and measurements: the terminal's own 16 colours on a dark ground.
    pub fn terminal() -> Self {
        Self::load(DEFAULT, Depth::Ansi, false, Shelf::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// By name. `light`: whether the terminal's own ground is light.
    ///
    /// # Errors
    /// If there is none, or all that is wrong with its file.
    pub fn load(name: &str, depth: Depth, light: bool, shelf: Shelf<'_>) -> Result<Self, ThemeError> {
        Ok(Self::of(name, &shelf.source(name)?, depth, light))
    }

    /// Of what was read. Without colours every theme is the one that comes with the program for that: one of colours alone would tell
    /// nothing.
    pub fn of(name: &str, source: &Source, depth: Depth, light: bool) -> Self {
        let mono;
        let source = if depth == Depth::None {
            mono = Shelf::default().source(MONO).unwrap_or_default();
            &mono
        } else {
            source
        };
        let style = |look: &Look| {
            let shown = source.shown(*look, light);
            let colour =
                |hue: Option<colour::Hue>| hue.map(|hue| hue.at(depth)).filter(|colour| *colour != Color::Reset);
            Style { fg: colour(shown.fg), bg: colour(shown.bg), ..Style::new() }.add_modifier(shown.add)
        };
        let styles: Vec<Style> = Look::ALL.iter().map(style).collect();
        let background = source.background.map(|hue| hue.at(depth)).filter(|colour| *colour != Color::Reset);
        let text = styles[Look::Text as usize].fg.unwrap_or(Color::Reset);
        Self { name: name.to_owned(), styles, ground: background.map(|background| (text, background)) }
    }

    pub fn style(&self, look: Look) -> Style {
        self.styles[look as usize]
    }

    /// Gives every cell that nothing coloured the theme's own ground.
    pub fn paint_ground(&self, buffer: &mut Buffer) {
        let Some((text, background)) = self.ground else { return };
        for cell in &mut buffer.content {
            if cell.fg == Color::Reset {
                cell.fg = text;
            }
            if cell.bg == Color::Reset {
                cell.bg = background;
            }
        }
    }

    /// Colours of a look as they meet the eye, as far as they are known: text and what is under it. `around`: the terminal's own.
    fn seen(&self, look: Look, around: (colour::Rgb, colour::Rgb)) -> (colour::Rgb, colour::Rgb) {
        let style = self.style(look);
        let (text, ground) = self.ground.unwrap_or((Color::Reset, Color::Reset));
        let of =
            |colour: Option<Color>, own: Color, otherwise| colour::seen(colour.unwrap_or(own)).unwrap_or(otherwise);
        let (fg, bg) = (of(style.fg, text, around.0), of(style.bg, ground, around.1));
        if style.add_modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_there_is_no_colour_and_what_matters_still_stands_out() {
        for (name, _) in Shelf::default().names() {
            let mono = Theme::load(&name, Depth::None, false, Shelf::default()).unwrap();
            for look in Look::ALL {
                let style = mono.style(*look);
                assert_eq!((style.fg, style.bg), (None, None));
            }
            for look in [Look::Bad, Look::Selection, Look::Key, Look::Match, Look::Marker] {
                assert_ne!(mono.style(look), mono.style(Look::Text), "{look:?}");
            }
        }
    }

    #[test]
    fn what_is_marked_in_a_chain_differs_without_colours() {
        let mono = Theme::load(MONO, Depth::None, false, Shelf::default()).unwrap();
        let looks = [Look::Text, Look::Behaviour, Look::Fault, Look::RightAnswer, Look::Removed, Look::Match];
        for (at, one) in looks.iter().enumerate() {
            for other in &looks[at + 1..] {
                assert_ne!(mono.style(*one), mono.style(*other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_ground_is_under_all_that_nothing_coloured() {
        let theme = Theme::load("dark", Depth::True, false, Shelf::default()).unwrap();
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 2, 1));
        buffer[(1, 0)].set_bg(Color::Red);
        theme.paint_ground(&mut buffer);
        assert_eq!(buffer[(0, 0)].bg, Color::Rgb(0x16, 0x19, 0x1f));
        assert_eq!(buffer[(1, 0)].bg, Color::Red);
        Theme::terminal().paint_ground(&mut buffer);
    }
}
