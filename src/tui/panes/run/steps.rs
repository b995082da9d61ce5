//! The steps of the pass: which are done, which one is at work or waits, how long each took and what came of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::RunState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{duration, part, put_spans, signs};

/// What a step is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Done,
    Running,
    Waiting,
    ToCome,
}

pub(super) fn view(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let Some(progress) = &state.progress else { return };
    let widest = progress.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or_default();
    let signs = signs(context.ascii);
    for (y, at) in (0..area.height).zip(state.window.rows(progress.steps.len())) {
        let step = &progress.steps[at];
        let (mark, look) = match state.at(at) {
            At::Done => (signs.right, Look::Good),
            At::Running => (signs.cursor, Look::Info),
            At::Waiting => ("?", Look::Warn),
            At::ToCome => (" ", Look::Dim),
        };
        let (time, came) = match (&step.done, state.at(at)) {
            (Some((seconds, came)), _) => (duration(*seconds), came.clone()),
            (None, At::Running) => {
                let since = state.board.as_ref().and_then(|board| board.pass.as_ref()).map(|pass| pass.since);
                let time = since.map_or(String::new(), |since| duration((context.now - since).max(0) as f64 / 1e3));
                (time, doing(state))
            }
            (None, At::Waiting) => (String::new(), format!("waits {}", state.waits_for().unwrap_or_default())),
            (None, _) => (String::new(), step.about.clone()),
        };
        let selected = state.roaming && at == state.window.selected;
        let words = match state.at(at) {
            At::Done if came.is_empty() => (step.about.clone(), Look::Dim),
            At::Done => (came, Look::Text),
            At::Running => (came, Look::Info),
            At::Waiting => (came, Look::Warn),
            At::ToCome => (came, Look::Dim),
        };
        let name = if selected {
            Look::Selection
        } else if look == Look::Dim {
            Look::Dim
        } else {
            Look::Title
        };
        let spans = [
            (format!("{mark} "), style(look)),
            (format!("{:<widest$}", step.name), style(name)),
            (format!(" {time:>7}  "), style(Look::Dim)),
            (words.0, style(words.1)),
        ];
        put_spans(buffer, part(area, 0, y, area.width, 1), &spans, context.ascii);
    }
}

/// What the step at work says of itself, and how far it is.
fn doing(state: &RunState) -> String {
    let said = state.doing();
    match state.board.as_ref().map(|board| &board.totals).filter(|totals| totals.samples_wanted > 0) {
        None if said.is_empty() => "at work".into(),
        None => said,
        Some(totals) => {
            let left = totals.eta_seconds.map_or(String::new(), |left| format!(", {} left", duration(left)));
            let count = format!("{} of {}{left}", totals.existing + totals.finished, totals.samples_wanted);
            if said.is_empty() { count } else { format!("{count}  {said}") }
        }
    }
}
