//! Text for the screen: cleaning what models and files wrote, and formulas for the eye. Data itself is never changed here.

pub mod latex;

/// Makes a text safe for a cell and for a log line. Control characters become their pictures (`␛` for ESC), characters that
/// reorder or hide text become `�`; newline and tab stay.
pub fn clean(text: &str) -> String {
    text.chars().map(clean_char).collect()
}

fn clean_char(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' => '\u{2426}',
        _ if hides(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}

/// Characters without a look of their own that change how others look: bidi controls, zero-width characters, line and
/// paragraph separators, interlinear marks, tags, and the byte order mark.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::clean;

    #[test]
    fn hostile_text_shows_what_it_is() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}]0;title\u{7}"), "␛[31mred␛]0;title␇");
        assert_eq!(clean("a\rb\u{7f}\u{9b}c"), "a␍b␡\u{2426}c");
        assert_eq!(clean("abc\u{202e}def\u{200b}"), "abc\u{fffd}def\u{fffd}");
        assert_eq!(clean("tab\tline\n数学 é"), "tab\tline\n数学 é");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_is_left(text in any::<String>()) {
            let clean = clean(&text);
            prop_assert_eq!(clean.chars().count(), text.chars().count());
            prop_assert!(clean.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }
    }
}
