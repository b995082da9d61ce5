//! `cribble train --preview`: samples as tokens, those with a loss marked, readable without colours.

use std::fmt::Write;
use std::io::IsTerminal;

use color_eyre::Result;

use crate::pipeline::train::Preview;
use crate::tui::text;
use crate::tui::theme::Depth;

/// Green and underlined; and back.
const TRAINED: (&str, &str) = ("\x1b[4;32m", "\x1b[0m");

/// Prints samples, one after the other. Tokens are set apart by `|`; lines with a loss begin with `+`.
pub fn print(previews: &[Preview], json: bool) -> Result<()> {
    let colours =
        std::io::stdout().is_terminal() && Depth::of_environment(|name| std::env::var(name).ok()) != Depth::None;
    for preview in previews {
        if json {
            super::out::line(serde_json::to_string(preview)?)?;
        } else {
            super::out::line(page(preview, colours))?;
        }
    }
    Ok(())
}

fn page(preview: &Preview, colours: bool) -> String {
    let mut page = format!(
        "{}: {} tokens, {} with a loss{}\n",
        text::clean(&preview.sample),
        preview.tokens.len(),
        preview.trained,
        if preview.too_long { ", too long: it would be left out" } else { "" }
    );
    // The first token is never predicted.
    let trained = |at: usize| at > 0 && preview.tokens[at].weight != 0.0;
    let (begin, end) = if colours { TRAINED } else { ("", "") };
    let mut fresh = true;
    let mut before = false;
    for (at, token) in preview.tokens.iter().enumerate() {
        if at > 0 && trained(at) != before && !fresh {
            page.push('\n');
            fresh = true;
        }
        before = trained(at);
        // A line ends in the text where a token has the end of a line.
        let shown = token.text.replace('\n', "\u{23ce}");
        if fresh {
            page.push_str(if before { "+ " } else { "  " });
            fresh = false;
        }
        page.push('|');
        let weight = if before && token.weight != 1.0 { format!("{{{}}}", token.weight) } else { String::new() };
        let shown = text::clean(&shown);
        let _ = if before { write!(page, "{begin}{shown}{end}{weight}") } else { write!(page, "{shown}") };
        if token.text.contains('\n') {
            page.push('\n');
            fresh = true;
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::train::PreviewToken;

    #[test]
    fn what_has_a_loss_is_marked_with_and_without_colours() {
        let token = |text: &str, weight: f32| PreviewToken { id: 1, text: text.into(), special: false, weight };
        let tokens =
            vec![token("<s>", 0.0), token("What?", 0.0), token("\n", 0.0), token("No\x1b", 1.0), token("w.\n", 0.5)];
        let preview = Preview { sample: "p/0".into(), tokens, trained: 2, too_long: false };
        let plain = page(&preview, false);
        assert!(plain.starts_with("p/0: 5 tokens, 2 with a loss\n  |<s>|What?|\u{23ce}\n+ |No"), "{plain}");
        assert!(plain.contains("|w.\u{23ce}{0.5}\n") && !plain.contains('\x1b'), "{plain}");
        assert!(page(&preview, true).contains("\x1b[4;32mNo"));
    }
}
