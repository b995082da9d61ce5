//! Text for the screen: cleaning what models and files wrote, wrapping, measuring. Data itself is never changed here.

/// Makes a text safe for a cell: control characters, escapes, bidi controls and zero-width characters become visible
/// marks; newline and tab stay.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{2426}' } else { c }).collect()
}
