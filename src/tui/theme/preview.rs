//! A theme as a page of coloured text, for a terminal without the workbench.

use std::fmt::Write;

use ratatui::style::{Color, Modifier, Style};

use super::{Depth, Look, Source, Theme};

const WIDTH: usize = 64;

/// A line a scope in its own look, with the escapes that a terminal with so many colours is told.
pub fn ansi(name: &str, source: &Source, depth: Depth, light: bool) -> String {
    let theme = Theme::of(name, source, depth, light);
    let ground = theme.ground.map_or(Style::new(), |(text, background)| Style::new().fg(text).bg(background));
    let mut page = String::new();
    let mut line = |look: Look, text: &str| {
        let _ = writeln!(page, "{}", painted(&format!(" {text:<WIDTH$}"), ground.patch(theme.style(look))));
    };
    line(Look::Title, &format!("{name}: {}", source.about));
    for look in Look::ALL {
        line(*look, &format!("{:<16} {}", look.name(), look.about()));
    }
    page
}

/// A text between the escapes of a style.
pub fn painted(text: &str, style: Style) -> String {
    let mut codes: Vec<String> = Vec::new();
    const MODIFIERS: [(Modifier, &str); 6] = [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
        (Modifier::CROSSED_OUT, "9"),
    ];
    let added = MODIFIERS.iter().filter(|(modifier, _)| style.add_modifier.contains(*modifier));
    codes.extend(added.map(|(_, code)| (*code).to_owned()));
    codes.extend(style.fg.and_then(|colour| code(colour, 38)));
    codes.extend(style.bg.and_then(|colour| code(colour, 48)));
    if codes.is_empty() { text.to_owned() } else { format!("\x1b[{}m{text}\x1b[0m", codes.join(";")) }
}

/// `begin`: 38 for text, 48 for what is under it.
fn code(colour: Color, begin: u8) -> Option<String> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some(format!("{begin};2;{r};{g};{b}")),
        Color::Indexed(index) => Some(format!("{begin};5;{index}")),
        other => super::colour::number(other).map(|number| format!("{begin};5;{number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shelf;
    use super::*;

    #[test]
    fn every_scope_has_a_line_in_its_own_look() {
        let source = Shelf::default().source("dark").unwrap();
        let page = ansi("dark", &source, Depth::True, false);
        assert_eq!(page.lines().count(), Look::ALL.len() + 1);
        assert!(page.contains("\x1b[38;2;240;133;125;48;2;22;25;31m bad"), "{page}");
        let page = ansi("dark", &source, Depth::None, false);
        assert!(!page.contains("38;") && page.contains("\x1b[1m bad"), "{page}");
    }
}
