//! Keys as they are, while a prompt, the reason picker or the note editor has them.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_textarea::Input as EditorInput;

use super::filter::{Filter, complete};
use super::state::{Mode, ReviewState};
use super::update::decide;
use crate::records::DecisionVerb;
use crate::tui::effect::Effect;
use crate::tui::text::clean;
use crate::tui::widgets::Input;

/// Reasons of a rejection, by their number from 1; the last one asks for words.
pub(super) const REASONS: [&str; 9] = [
    "wrong answer",
    "wrong reasoning",
    "loop or repetition",
    "unclear",
    "wrong language",
    "refers to the dialogue",
    "check adds nothing",
    "answer guessed",
    "other...",
];
const OTHER: usize = REASONS.len() - 1;

/// Bytes of a note at most.
const NOTE_LIMIT: usize = 16 * 1024;

/// Takes a key while [`ReviewState::capturing`].
pub fn key(state: &mut ReviewState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if key.code == KeyCode::Esc {
        state.mode = Mode::Browse;
        return Vec::new();
    }
    match std::mem::take(&mut state.mode) {
        Mode::Browse => Vec::new(),
        Mode::Filter { input, .. } => filter_key(state, input, key),
        Mode::Search(input) => search_key(state, input, key),
        Mode::Reasons { sample, chosen } => reason_key(state, sample, chosen, key),
        Mode::OtherReason { sample, mut input } => {
            if key.code == KeyCode::Enter {
                let reason = input.text().trim().to_owned();
                return decide(state, sample, DecisionVerb::Reject, Some(reason).filter(|said| !said.is_empty()));
            }
            input.key(key);
            state.mode = Mode::OtherReason { sample, input };
            Vec::new()
        }
        Mode::Note { sample, mut editor } => {
            let line_break = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            if (key.code == KeyCode::Enter && !line_break) || (control && key.code == KeyCode::Char('s')) {
                return note(state, sample, editor.lines().join("\n").trim());
            }
            match key.code {
                KeyCode::Enter => editor.insert_newline(),
                KeyCode::Char('j') if control => editor.insert_newline(),
                _ => {
                    editor.input(EditorInput::from(key));
                }
            }
            state.mode = Mode::Note { sample, editor };
            Vec::new()
        }
        Mode::Edit { sample, mut editor } => {
            if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('s') {
                return vec![Effect::Edit { sample, text: editor.lines().join("\n") }];
            }
            editor.input(EditorInput::from(key));
            state.mode = Mode::Edit { sample, editor };
            Vec::new()
        }
        Mode::Bulk(verb) => {
            if !matches!(key.code, KeyCode::Char('y' | 'Y')) {
                state.say("nothing was decided");
                return Vec::new();
            }
            let samples = state.listed.iter().map(|&at| state.rows[at].id).collect();
            vec![Effect::DecideAll { samples, verb }]
        }
        Mode::Funnel(at) => funnel_key(state, at, key),
        Mode::Report(top) => report_key(state, top, key),
    }
}

fn funnel_key(state: &mut ReviewState, at: usize, key: KeyEvent) -> Vec<Effect> {
    let steps = state.outcome.as_ref().map_or(0, |outcome| outcome.funnel.len());
    let at = match key.code {
        KeyCode::Down | KeyCode::Char('j') => (at + 1).min(steps.saturating_sub(1)),
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Enter => {
            let rule = state.outcome.as_ref().and_then(|outcome| outcome.funnel.get(at)).map(|step| step.rule);
            let Some(rule) = rule else { return Vec::new() };
            state.filter = Filter::parse(&format!("rule:{}", rule.name())).unwrap_or_default();
            state.say(format!("the samples that fail {}; F changes the filter", rule.name()));
            return state.rearrange();
        }
        _ => return Vec::new(),
    };
    state.mode = Mode::Funnel(at);
    Vec::new()
}

fn report_key(state: &mut ReviewState, top: usize, key: KeyEvent) -> Vec<Effect> {
    let top = match key.code {
        KeyCode::Down | KeyCode::Char('j') => top + 1,
        KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
        KeyCode::PageDown => top + 10,
        KeyCode::PageUp => top.saturating_sub(10),
        KeyCode::Char('e') if state.audit.is_some() => return super::update::end_audit(state),
        _ => return Vec::new(),
    };
    let lines = super::audit::report(&state.rows, state.audit.as_ref()).len();
    state.mode = Mode::Report(top.min(lines.saturating_sub(1)));
    Vec::new()
}

fn filter_key(state: &mut ReviewState, mut input: Input, key: KeyEvent) -> Vec<Effect> {
    if key.code == KeyCode::Tab {
        let (text, choices) = complete(input.text());
        input.set(&text);
        // Several are left: they are shown where an error would be.
        let error = (choices.len() > 1).then(|| choices.join(" "));
        state.mode = Mode::Filter { input, error };
        return Vec::new();
    }
    if key.code != KeyCode::Enter {
        input.key(key);
        state.mode = Mode::Filter { input, error: None };
        return Vec::new();
    }
    match Filter::parse(input.text()) {
        Ok(filter) => {
            state.filter = filter;
            let effects = state.rearrange();
            state.say(format!("{} of {} samples", state.listed.len(), state.rows.len()));
            effects
        }
        Err(error) => {
            state.mode = Mode::Filter { input, error: Some(error) };
            Vec::new()
        }
    }
}

fn search_key(state: &mut ReviewState, mut input: Input, key: KeyEvent) -> Vec<Effect> {
    if key.code == KeyCode::Enter {
        state.transcript.search(input.text());
        if !input.text().is_empty() && state.transcript.hit().1 == 0 {
            state.say(format!("not in this text: {}", input.text()));
        }
    } else {
        input.key(key);
        state.mode = Mode::Search(input);
    }
    Vec::new()
}

fn reason_key(state: &mut ReviewState, sample: i64, chosen: Option<usize>, key: KeyEvent) -> Vec<Effect> {
    let last = REASONS.len() - 1;
    let next = match key.code {
        KeyCode::Char(digit @ '1'..='9') => return reject(state, sample, Some(digit as usize - '1' as usize)),
        KeyCode::Enter => return reject(state, sample, chosen),
        KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => Some(chosen.map_or(0, |at| (at + 1).min(last))),
        KeyCode::Up | KeyCode::BackTab | KeyCode::Char('k') => chosen.and_then(|at| at.checked_sub(1)),
        _ => chosen,
    };
    state.mode = Mode::Reasons { sample, chosen: next };
    Vec::new()
}

fn reject(state: &mut ReviewState, sample: i64, chosen: Option<usize>) -> Vec<Effect> {
    if chosen == Some(OTHER) {
        state.mode = Mode::OtherReason { sample, input: Input::default() };
        return Vec::new();
    }
    let reason = chosen.and_then(|at| REASONS.get(at)).map(|reason| (*reason).to_owned());
    decide(state, sample, DecisionVerb::Reject, reason)
}

fn note(state: &mut ReviewState, sample: i64, text: &str) -> Vec<Effect> {
    let before = state.row(sample).and_then(|row| row.standing.note.as_deref()).unwrap_or("");
    if text == clean(before) {
        return Vec::new();
    }
    vec![Effect::Decide { sample, verb: DecisionVerb::Note, reason: None, note: Some(text.to_owned()) }]
}

/// Takes a paste; it goes nowhere but into a field that has the keys.
pub fn paste(state: &mut ReviewState, text: &str) -> Vec<Effect> {
    match &mut state.mode {
        Mode::Filter { input, .. } | Mode::Search(input) | Mode::OtherReason { input, .. } => input.insert(text),
        Mode::Note { editor, .. } => {
            let room = NOTE_LIMIT.saturating_sub(editor.lines().iter().map(|line| line.len() + 1).sum());
            let text: String = clean(&text.replace("\r\n", "\n").replace('\r', "\n"));
            let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
            editor.insert_str(&text[..end]);
        }
        Mode::Edit { editor, .. } => {
            editor.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
        Mode::Browse | Mode::Reasons { .. } | Mode::Bulk(_) | Mode::Funnel(_) | Mode::Report(_) => {}
    }
    Vec::new()
}
