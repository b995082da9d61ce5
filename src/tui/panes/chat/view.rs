//! Draws the pane: what was said with each model, how its answer stands, and the prompt.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::conversation::{Answer, verdict};
use super::layout::{Layout, SideLayout};
use super::overlays;
use super::picker::short;
use super::state::{ChatState, Mode};
use crate::pipeline::chat::End;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, column, compact, fit, one_line, part, put, put_clean, put_spans, rule, signs};

const UNSTORED: &str = "nothing here is stored";
const LETTERS: [&str; 2] = ["A", "B"];

pub fn view(state: &ChatState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = state.layout(area);
    head(state, context, layout.head, buffer);
    let border = context.theme.style(Look::Border);
    if layout.is_beside() {
        for (side, place) in layout.sides.iter().enumerate() {
            title(state, side, context, place.title, buffer);
            body(state, side, context, place, buffer);
        }
        column(buffer, layout.column, border, context.ascii);
    } else {
        tabs(state, context, layout.sides[0].title, buffer);
        body(state, state.focus, context, &layout.sides[0], buffer);
    }
    prompt(state, &layout, context, buffer);
    foot(state, context, layout.notice, buffer);
    overlays::view(state, context, area, buffer);
}

fn head(state: &ChatState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let wide = cells(UNSTORED) as u16;
    let left = part(area, 1, 0, area.width.saturating_sub(wide + 3), 1);
    put_spans(buffer, left, &[(state.settings.line(), style(Look::Text))], context.ascii);
    let right = area.right().saturating_sub(wide + 1).max(area.x);
    put(buffer, right, area.y, wide, UNSTORED, style(Look::Dim));
}

/// A model's name, and whether it is in memory.
fn named(state: &ChatState, side: usize) -> (String, String) {
    let Some(model) = state.models.get(side) else { return ("no model is chosen".into(), String::new()) };
    let more = match state.is_ready(model) {
        Some(ready) => format!("{}, context {}", ready.compute, ready.context),
        None if state.loading.as_ref() == Some(model) => "is being loaded".into(),
        None => "not loaded yet".into(),
    };
    (one_line(&short(model)), more)
}

/// The head of a side that stands beside another.
fn title(state: &ChatState, side: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let (name, more) = named(state, side);
    let focus = state.focus == side;
    rule(
        buffer,
        area,
        "",
        style(if focus { Look::BorderFocus } else { Look::Border }),
        style(Look::Text),
        context.ascii,
    );
    let (open, close) = if focus { ("[", "]") } else { (" ", " ") };
    let look = if focus { Look::Title } else { Look::Text };
    let room = usize::from(area.width).saturating_sub(6);
    let name = fit(&name, room, context.ascii).into_owned();
    let spans =
        [(format!("{open}{} {name}{close}", LETTERS[side]), style(look)), (format!(" {more} "), style(Look::Dim))];
    put_spans(buffer, part(area, 1, 0, area.width.saturating_sub(2), 1), &spans, context.ascii);
}

/// The head of the side in sight, with the other model's name where there is one.
fn tabs(state: &ChatState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if !state.two() {
        let (name, more) = named(state, 0);
        rule(buffer, area, "", style(Look::BorderFocus), style(Look::Text), context.ascii);
        let spans = [(format!(" {name} "), style(Look::Title)), (format!("{more} "), style(Look::Dim))];
        put_spans(buffer, part(area, 1, 0, area.width.saturating_sub(2), 1), &spans, context.ascii);
        return;
    }
    rule(buffer, area, "", style(Look::BorderFocus), style(Look::Text), context.ascii);
    let mut spans: Vec<(String, Style)> = Vec::new();
    let each = usize::from(area.width / 3).max(8);
    for (side, letter) in LETTERS.iter().enumerate() {
        let (name, _) = named(state, side);
        let focus = state.focus == side;
        let name = fit(&name, each, context.ascii);
        let (open, close) = if focus { ("[", "]") } else { (" ", " ") };
        let look = if focus { Look::Title } else { Look::Dim };
        spans.push((format!("{open}{letter} {name}"), style(look)));
        // How the one that is not in sight does.
        if let Some((sign, look)) = mark(state, side, context.ascii) {
            spans.push((format!(" {sign}"), style(look)));
        }
        spans.push((close.to_owned(), style(look)));
    }
    let (_, more) = named(state, state.focus);
    spans.push((format!(" {more} "), style(Look::Dim)));
    put_spans(buffer, part(area, 1, 0, area.width.saturating_sub(2), 1), &spans, context.ascii);
}

/// What became of the last answer of a side, in one sign; none for an answer that ended and is not graded.
fn mark(state: &ChatState, side: usize, ascii: bool) -> Option<(&'static str, Look)> {
    let (exchange, answer) = (state.conversation.last()?, state.conversation.answer(side)?);
    match (verdict(exchange, side, ascii), &answer.end) {
        (Some((sign, _, look)), _) => Some((sign, look)),
        (None, None) => Some((signs(ascii).cut, Look::Info)),
        (None, Some(End::Failed(_))) => Some(("!", Look::Bad)),
        (None, Some(_)) => None,
    }
}

fn body(state: &ChatState, side: usize, context: &ViewContext, place: &SideLayout, buffer: &mut Buffer) {
    let transcript = &state.transcripts[side];
    if transcript.is_empty() && state.conversation.exchanges.is_empty() {
        let lines: &[&str] = match state.models.is_empty() {
            true => &["m chooses a model to talk with."],
            false => &[
                "Nothing was said yet.",
                "",
                "i writes a prompt; p takes a problem of the session, whose answers are graded.",
                "v asks another model the same, such as the one that training began with.",
            ],
        };
        for (row, line) in lines.iter().enumerate().take(usize::from(place.transcript.height)) {
            let at = part(place.transcript, 1, row as u16, place.transcript.width.saturating_sub(1), 1);
            put_spans(buffer, at, &[((*line).to_owned(), context.theme.style(Look::Dim))], context.ascii);
        }
    }
    transcript.view(context, place.transcript, buffer);
    status(state, side, context, place.status, buffer);
}

/// How the last answer of a side stands: what matters most goes first.
fn status(state: &ChatState, side: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let Some(exchange) = state.conversation.last() else { return };
    let Some(answer) = state.conversation.answer(side) else { return };
    let mut spans: Vec<(String, Style)> = vec![(" ".into(), style(Look::Text))];
    if let Some((sign, words, look)) = verdict(exchange, side, context.ascii) {
        let word = words.split([':', ',']).next().unwrap_or_default();
        spans.push((format!("{sign} {word}  "), style(look)));
    }
    let (word, look) = stands(state, side, answer);
    spans.push((word, style(look)));
    if answer.tokens > 0 {
        spans.push((format!("  {} tok", compact(answer.tokens)), style(Look::Text)));
    }
    if answer.tokens_per_second > 0.0 {
        spans.push((format!("  {:.1}/s", answer.tokens_per_second), style(Look::Text)));
    }
    let context_length = state.models.get(side).and_then(|model| state.is_ready(model)).map(|ready| ready.context);
    if let (Some(context_length), Some(prompt)) = (context_length, answer.prompt_tokens) {
        let room = context_length.saturating_sub(prompt + answer.tokens);
        let look = if room * 10 < context_length { Look::Warn } else { Look::Dim };
        spans.push((format!("  room {room}/{context_length}"), style(look)));
    }
    let transcript = &state.transcripts[side];
    if !transcript.at_end() {
        let (_, last, of) = transcript.position();
        spans.push((format!("  {} {last}/{of}", signs(context.ascii).down), style(Look::Warn)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

/// What the answer is at, in a word or two.
fn stands(state: &ChatState, side: usize, answer: &Answer) -> (String, Look) {
    let model = state.models.get(side);
    match &answer.end {
        Some(End::Ended) => ("ended".into(), Look::Text),
        Some(End::Length) => ("CUT OFF at the limit".into(), Look::Warn),
        Some(End::ContextFull) => ("CUT OFF: context full".into(), Look::Warn),
        Some(End::Stopped) => ("stopped".into(), Look::Warn),
        Some(End::Failed(_)) => ("FAILED".into(), Look::Bad),
        None if model.is_some() && state.loading.as_ref() == model => ("loading the model".into(), Look::Info),
        None if answer.tokens > 0 => ("writing".into(), Look::Info),
        None if answer.prompt_tokens.is_some() => ("reading the prompt".into(), Look::Info),
        None => ("waiting".into(), Look::Info),
    }
}

fn prompt(state: &ChatState, layout: &Layout, context: &ViewContext, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let writing = matches!(state.mode, Mode::Writing);
    let problem = state.draft.problem.as_deref().map(|problem| {
        let turns = state.conversation.exchanges.len();
        let as_posed = state.conversation.as_posed(&state.draft.editor.text(), problem, turns);
        let how = if as_posed { problem.like.as_str() } else { "in other words, still graded" };
        format!("problem {}, {how}", problem.id)
    });
    let title = match (problem, state.draft.is_empty()) {
        (Some(problem), _) => problem,
        (None, true) if !writing => String::new(),
        (None, _) => "prompt".into(),
    };
    let border = style(if writing { Look::BorderFocus } else { Look::Border });
    rule(buffer, layout.rule, &title, border, style(if writing { Look::Title } else { Look::Dim }), context.ascii);
    let keys = " Enter sends  Alt-Enter new line  Alt-E your editor ";
    let room = usize::from(layout.rule.width).saturating_sub(cells(&one_line(&title)) + 6);
    if writing && cells(keys) <= room {
        let x = layout.rule.right().saturating_sub(cells(keys) as u16 + 1);
        put(buffer, x, layout.rule.y, layout.rule.width, keys, style(Look::Dim));
    }
    if writing {
        state.draft.editor.view(layout.editor, buffer);
    } else {
        // The cursor is shown only where it is at work.
        let text = state.draft.editor.text();
        for (row, line) in text.lines().enumerate().take(usize::from(layout.editor.height)) {
            let place = part(layout.editor, 0, row as u16, layout.editor.width, 1);
            put_spans(buffer, place, &[(line.to_owned(), style(Look::Dim))], context.ascii);
        }
    }
    if !layout.editor.is_empty() {
        let sign = if writing { signs(context.ascii).cursor } else { " " };
        put_clean(buffer, layout.rule.x, layout.editor.y, 1, sign, style(Look::Key));
    }
}

fn foot(state: &ChatState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match &state.notice {
        Some(notice) => notice.view(context, area, buffer),
        None if state.boards.at_work().any(|board| board.state.is_busy()) => {
            let line = "a job is at work: answers take longer";
            put_spans(buffer, area, &[(line.into(), context.theme.style(Look::Warn))], context.ascii);
        }
        None => {}
    }
}
