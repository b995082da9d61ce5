//! The last line: what is being typed, which keys there are, or what has just happened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::mode::{Mode, Notice, Stage, Writing};
use super::super::state::ReviewState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::Input;
use crate::tui::widgets::paint::{blank, put, put_clean};

pub fn view(state: &ReviewState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let mut prompt = |label: &str, input: &Input, error: Option<&str>| {
        blank(buffer, area);
        let x = put_clean(buffer, area.x, area.y, area.width, label, style(Look::Key));
        let field = Rect { x, width: area.right().saturating_sub(x), ..area };
        input.view(true, context, field, buffer);
        if let Some(error) = error {
            let above = Rect { y: area.y.saturating_sub(1), ..area };
            blank(buffer, above);
            put(buffer, above.x, above.y, above.width, error, style(Look::Bad));
        }
    };
    let (text, look) = match &state.mode {
        Mode::Filter { input, error } => return prompt("filter: ", input, error.as_deref()),
        Mode::Search(input) => return prompt("/", input, None),
        Mode::OtherReason { input, .. } => return prompt("reject because: ", input, None),
        Mode::Reasons { .. } => ("1-9 choose   Enter without a choice: no reason   Esc back".to_owned(), Look::Dim),
        Mode::Note(writing) => {
            written(state, writing, "Enter keep   Alt-Enter new line   Alt-E your editor   Esc back")
        }
        Mode::Edit(writing) => written(state, writing, "Ctrl-S store as a new sample   Alt-E your editor   Esc back"),
        Mode::Bulk { .. } => return,
        Mode::Funnel(_) => {
            let keys = "j k choose   Enter its drops   a its drops alone   f all that fail   Esc back";
            (keys.to_owned(), Look::Dim)
        }
        Mode::Report(_) => {
            let end = if state.audit.is_some() { "e end the spot check   " } else { "" };
            (format!("j k scroll   + - wanted width   o overruled   {end}Esc back"), Look::Dim)
        }
        Mode::Browse => match (&state.notice, state.judging) {
            (Some(Notice::Refused(text)), _) => (text.clone(), Look::Bad),
            (_, Some((done, all))) => (format!("judging: {done}/{all} measured"), Look::Info),
            (Some(Notice::Said(text)), None) => (text.clone(), Look::Info),
            (None, None) if state.stay => ("stays after a decision".to_owned(), Look::Dim),
            (None, None) => return,
        },
    };
    put(buffer, area.x, area.y, area.width, &text, style(look));
}

/// What is said while a text is being written.
fn written(state: &ReviewState, writing: &Writing, keys: &str) -> (String, Look) {
    match (writing.now, &state.notice) {
        (Stage::Doubt, _) => {
            ("Not stored: y throw it away   Ctrl-S store it   any other key: write on".to_owned(), Look::Warn)
        }
        (Stage::Storing, _) => ("storing ...".to_owned(), Look::Info),
        (Stage::Writing, Some(Notice::Refused(text))) => (text.clone(), Look::Bad),
        (Stage::Writing, _) => (keys.to_owned(), Look::Dim),
    }
}
