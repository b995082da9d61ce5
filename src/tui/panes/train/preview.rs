//! The samples of a training as tokens: what has a loss stands between brackets, special tokens and line breaks are seen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::PREVIEW_HEAD;
use crate::pipeline::train::Preview;
use crate::tui::text::clean;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{one_line, part, put, put_spans, signs};
use crate::tui::widgets::{Piece, Transcript};

#[derive(Debug, Clone)]
pub(super) struct Tokens {
    previews: Vec<Preview>,
    /// Samples in all.
    of: usize,
    at: usize,
    borders: bool,
    ascii: bool,
    pub text: Transcript,
}

impl Tokens {
    pub fn new(previews: Vec<Preview>, of: usize, ascii: bool, (width, height): (u16, u16)) -> Self {
        let mut tokens = Self { previews, of, at: 0, borders: true, ascii, text: Transcript::default() };
        tokens.resize(width, height);
        tokens.show();
        tokens
    }

    pub fn resize(&mut self, width: u16, height: u16) {
        self.text.resize(width, height.saturating_sub(PREVIEW_HEAD));
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.previews.len().saturating_sub(1));
        self.show();
    }

    pub fn toggle_borders(&mut self) {
        self.borders = !self.borders;
        let top = self.text.top();
        self.show();
        self.text.scroll(top as isize, false);
    }

    fn show(&mut self) {
        self.text.clear();
        let Some(preview) = self.previews.get(self.at) else { return };
        let (text, marks) = written(preview, self.borders, self.ascii);
        self.text.push(Piece { text, marks, look: Some(Look::Dim), ..Piece::default() });
    }
}

/// The tokens as one text, and its places that are to be seen.
fn written(preview: &Preview, borders: bool, ascii: bool) -> (String, Vec<(usize, usize, Look)>) {
    let signs = signs(ascii);
    let mut text = String::new();
    let mut marks = Vec::new();
    let mut put = |more: &str, look: Option<Look>| {
        let begin = text.len();
        text.push_str(more);
        if let Some(look) = look {
            marks.push((begin, text.len(), look));
        }
    };
    let mut trained = false;
    for (at, token) in preview.tokens.iter().enumerate() {
        let now = token.weight != 0.0;
        if now != trained {
            put(if now { signs.open } else { signs.close }, Some(Look::Key));
        } else if borders && at > 0 {
            put(signs.column, None);
        }
        trained = now;
        let look = match (now, token.special) {
            (true, _) => Some(Look::Trained),
            (false, true) => Some(Look::Marker),
            (false, false) => None,
        };
        // A mark at a time of one line each: a line break is seen where it stands.
        for part in clean(&token.text).split_inclusive('\n') {
            match part.strip_suffix('\n') {
                Some(line) => {
                    put(line, look);
                    put(signs.line_break, Some(look.unwrap_or(Look::Info)));
                    put("\n", None);
                }
                None => put(part, look),
            }
        }
    }
    if trained {
        put(signs.close, Some(Look::Key));
    }
    (text, marks)
}

pub(super) fn view(tokens: &Tokens, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let Some(preview) = tokens.previews.get(tokens.at) else {
        put(buffer, area.x, area.y, area.width, "no chain", style(Look::Dim));
        return;
    };
    let shown = match tokens.previews.len() {
        shown if shown < tokens.of => format!(", the first {shown} of {} are shown", tokens.of),
        _ => String::new(),
    };
    let spans = [
        (format!("Chain {} of {}  ", tokens.at + 1, tokens.previews.len()), style(Look::Title)),
        (format!("{}{shown}", one_line(&preview.sample)), style(Look::Dim)),
    ];
    put_spans(buffer, row(0), &spans, context.ascii);
    let (all, trained) = (preview.tokens.len(), preview.trained);
    let share = 100.0 * trained as f64 / all.max(1) as f64;
    let too_long = if preview.too_long { "  longer than max length: it will be left out" } else { "" };
    let spans = [
        (format!("{all} tokens, {trained} have a loss ({share:.0}%)"), style(Look::Text)),
        (too_long.to_owned(), style(Look::Warn)),
    ];
    put_spans(buffer, row(1), &spans, context.ascii);
    let signs = signs(context.ascii);
    let spans = [
        (signs.open.to_owned(), style(Look::Key)),
        ("has a loss".to_owned(), style(Look::Trained)),
        (signs.close.to_owned(), style(Look::Key)),
        ("  has none  ".to_owned(), style(Look::Dim)),
        ("special".to_owned(), style(Look::Marker)),
        (format!("  {} between tokens  {} line break", signs.column, signs.line_break), style(Look::Dim)),
    ];
    put_spans(buffer, row(2), &spans, context.ascii);
    let below = part(area, 0, PREVIEW_HEAD, area.width, area.height.saturating_sub(PREVIEW_HEAD));
    tokens.text.view(context, below, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::train::PreviewToken;

    #[test]
    fn what_has_a_loss_stands_between_brackets() {
        let token =
            |text: &str, weight: f32| PreviewToken { id: 0, text: text.into(), special: text.starts_with('<'), weight };
        let preview = Preview {
            sample: "p/0/a".into(),
            tokens: vec![
                token("<u>", 0.0),
                token("2+", 0.0),
                token("4\n\n", 1.0),
                token("\u{1b}", 1.0),
                token("<e>", 1.0),
            ],
            trained: 3,
            too_long: false,
        };
        let (text, marks) = written(&preview, true, true);
        assert_eq!(text, "<u>|2+[[4\\n\n\\n\n|\u{241b}|<e>]]");
        let looks = |look: Look| {
            let found = marks.iter().filter(|mark| mark.2 == look).map(|mark| &text[mark.0..mark.1]);
            found.collect::<Vec<_>>()
        };
        assert_eq!(looks(Look::Trained), ["4", "\\n", "", "\\n", "\u{241b}", "<e>"]);
        assert_eq!(looks(Look::Marker), ["<u>"]);
        assert_eq!(written(&preview, false, true).0, "<u>2+[[4\\n\n\\n\n\u{241b}<e>]]");
    }
}
