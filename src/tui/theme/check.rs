//! Whether a theme can be read: contrast of every look with what is under it, on every kind of terminal.

use ratatui::style::Color;

use super::colour::{Rgb, contrast};
use super::{Depth, Look, Source, Theme};

/// WCAG 2's least contrast of text.
pub const READABLE: f64 = 4.5;
/// And of what is not read, or is large.
pub const VISIBLE: f64 = 3.0;

/// How the terminal's own colours are seen where a theme leaves them: text and ground.
pub const DARK: (Rgb, Rgb) = ([229; 3], [0; 3]);
const LIGHT: (Rgb, Rgb) = ([0; 3], [255; 3]);

/// A look that is hard to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pale {
    pub look: Look,
    pub depth: Depth,
    /// On a light ground.
    pub light: bool,
    pub contrast: f64,
    pub least: f64,
}

impl std::fmt::Display for Pale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { look, depth, light, contrast, least } = self;
        let ground = if *light { "light" } else { "dark" };
        write!(
            f,
            "{} has a contrast of {contrast:.1} with {} colours on a {ground} ground; {least} can be read",
            look.name(),
            depth.name()
        )
    }
}

/// What is hard to read, on any terminal. Of the 16 colours xterm's own are taken.
pub fn pale(source: &Source) -> Vec<Pale> {
    let grounds: &[bool] = if source.background.is_some() { &[false] } else { &[false, true] };
    let mut found = Vec::new();
    for depth in [Depth::Ansi, Depth::Indexed, Depth::True] {
        for light in grounds {
            let theme = Theme::of("", source, depth, *light);
            let around = if *light { LIGHT } else { DARK };
            for look in Look::ALL {
                let (text, ground) = theme.seen(*look, around);
                // Red on black as xterm has it comes to 3.6. What the person's own 16 are like is not the theme's business.
                let chosen = |colour| matches!(colour, Some(Color::Rgb(..) | Color::Indexed(_)));
                let own = source.background.is_none() && !chosen(theme.style(*look).fg);
                let least = if own || matches!(look, Look::Border) { VISIBLE } else { READABLE };
                let contrast = contrast(text, ground);
                if contrast < least {
                    found.push(Pale { look: *look, depth, light: *light, contrast, least });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Shelf;
    use super::*;

    #[test]
    fn every_theme_that_comes_with_the_program_can_be_read_everywhere() {
        for (name, _) in Shelf::default().names() {
            let pale = pale(&Shelf::default().source(&name).unwrap());
            let lines: Vec<String> = pale.iter().map(|pale| format!("{name}: {pale}")).collect();
            assert!(lines.is_empty(), "{lines:#?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_found() {
        let text = "background = \"#ffffff\"\n[scopes]\ntext = \"#888888\"\nkey = \"#000000\"\n";
        let pale = pale(&Shelf::default().read("pale.toml", text).unwrap());
        assert!(pale.iter().any(|pale| pale.look == Look::Text && pale.depth == Depth::True));
        assert!(pale.iter().all(|pale| pale.look != Look::Key));
    }
}
