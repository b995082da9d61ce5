//! The Start pane on the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{StartState, Typing};
use crate::config::SessionInfo;
use crate::records::UnixMillis;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{fit, part, put, put_spans, signs, tint};

/// Lines that are not rows of the list.
pub(super) const AROUND: u16 = 11;

const WHAT: &[&str] = &[
    "A model writes long chains of thought in a guided dialogue; you sieve them.",
    "1. Open a session, or make a new one: it holds problems, samples and decisions.",
    "2. Generate: name a model (micro is there) and a problem file, and start.",
    "3. Review: accept or reject what was written; undo is always there.",
];

pub fn view(state: &StartState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    put(buffer, area.x + 1, area.y, area.width, "cribble", style(Look::Title));
    for (row, line) in WHAT.iter().enumerate() {
        let line = fit(line, usize::from(area.width.saturating_sub(2)), context.ascii);
        put(buffer, area.x + 1, area.y + 1 + row as u16, area.width - 1, &line, style(Look::Dim));
    }
    let top = WHAT.len() as u16 + 2;
    if let Some(typing) = &state.typing {
        let (label, input, help) = match typing {
            Typing::Name(input) => ("name of the new session ", input, "Enter makes it, Esc leaves. A path works too."),
            Typing::Path(input) => ("path of a session ", input, "Enter opens it, Esc leaves."),
        };
        let begin = put(buffer, area.x + 1, area.y + top, area.width - 1, label, style(Look::Title));
        let field = part(area, begin - area.x, top, area.width.saturating_sub(begin - area.x + 1), 1);
        input.view(true, context, field, buffer);
        put(buffer, area.x + 1, area.y + top + 1, area.width - 1, help, style(Look::Dim));
    }
    let head = area.y + top + 2;
    if state.sessions.is_empty() {
        let said = if state.read { "No sessions yet." } else { "Looking for sessions" };
        put(buffer, area.x + 1, head, area.width - 1, said, style(Look::Text));
        return;
    }
    let columns =
        format!("{:<28}{:>9}{:>9}{:>11}{:>11}  changed", "session", "problems", "samples", "you accept", "you reject");
    let columns = fit(&columns, usize::from(area.width.saturating_sub(2)), context.ascii);
    put(buffer, area.x + 1, head, area.width - 1, &columns, style(Look::Dim));
    for (line, row) in state.window.rows(state.sessions.len()).enumerate() {
        let session = &state.sessions[row];
        let selected = row == state.window.selected;
        let line = Rect { x: area.x, y: head + 1 + line as u16, width: area.width, height: 1 };
        let open = state.open.as_deref() == Some(session.path.as_path());
        let mark = if selected { signs(context.ascii).cursor } else { " " };
        let spans = [
            (mark.to_owned(), style(Look::Key)),
            (cells(session, context.now, context.ascii), style(Look::Text)),
            (if open { "  open".into() } else { String::new() }, style(Look::Good)),
        ];
        put_spans(buffer, line, &spans, context.ascii);
        if selected && context.focused {
            tint(buffer, line, style(Look::Selection));
        }
    }
}

/// How long ago, in its largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        0..60 => "now".into(),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

fn cells(session: &SessionInfo, now: UnixMillis, ascii: bool) -> String {
    let age = age((now - session.modified).max(0) / 1000);
    let name = crate::tui::widgets::paint::one_line(&session.name);
    if let Some(error) = &session.error {
        let said = crate::tui::widgets::paint::one_line(error);
        return format!("{:<28}  cannot be read: {said}", fit(&name, 27, ascii));
    }
    format!(
        "{:<28}{:>9}{:>9}{:>11}{:>11}  {age}",
        fit(&name, 27, ascii),
        session.problems,
        session.samples,
        session.accepted,
        session.rejected
    )
}
