//! Keys while a note or a chain is being written. What was changed is never lost by one key, and the text stays until the
//! store has it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::mode::{Mode, Stage, Writing};
use super::state::ReviewState;
use crate::records::DecisionVerb;
use crate::tui::effect::Effect;
use crate::tui::widgets::Editor;

/// Bytes of a note at most.
const NOTE_LIMIT: usize = 16 * 1024;
/// Bytes of a chain up to which a paste fills it.
const CHAIN_LIMIT: usize = 1 << 20;

pub(super) fn note(state: &ReviewState, sample: i64) -> Mode {
    let note = state.row(sample).and_then(|row| row.standing.note.as_deref()).unwrap_or("");
    let mut editor = Editor::new(note, NOTE_LIMIT);
    editor.to_end();
    Mode::Note(Writing::new(sample, editor))
}

pub(super) fn chain(sample: i64, text: &str) -> Mode {
    Mode::Edit(Writing::new(sample, Editor::new(text, CHAIN_LIMIT)))
}

/// A key while the store is asked, or while a question is open; `None` when it belongs to the text.
fn waiting(writing: &mut Writing, key: KeyEvent) -> Option<Next> {
    match writing.now {
        Stage::Writing => None,
        // The store answers soon. Leaving now would throw away what it may refuse.
        Stage::Storing => Some(Next::Stay),
        Stage::Doubt => {
            writing.now = Stage::Writing;
            match key.code {
                KeyCode::Char('y' | 'Y') => Some(Next::Leave),
                KeyCode::Char('s') if key.modifiers.contains(KeyModifiers::CONTROL) => None,
                _ => Some(Next::Stay),
            }
        }
    }
}

enum Next {
    Stay,
    Leave,
    Store,
    /// To the person's own editor.
    Outside,
}

/// What a key means to any text that is being written.
fn next(writing: &mut Writing, key: KeyEvent) -> Option<Next> {
    if let Some(next) = waiting(writing, key) {
        return Some(next);
    }
    match key.code {
        KeyCode::Esc if writing.editor.changed() => {
            writing.now = Stage::Doubt;
            Some(Next::Stay)
        }
        KeyCode::Esc => Some(Next::Leave),
        KeyCode::Char('s') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Next::Store),
        KeyCode::Char('e') if key.modifiers.contains(KeyModifiers::ALT) => Some(Next::Outside),
        _ => None,
    }
}

pub(super) fn note_key(state: &mut ReviewState, mut writing: Writing, key: KeyEvent) -> Vec<Effect> {
    let line_break = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
    let next = next(&mut writing, key).or((key.code == KeyCode::Enter && !line_break).then_some(Next::Store));
    let mut effects = Vec::new();
    match next {
        Some(Next::Leave) => return effects,
        Some(Next::Stay) => {}
        Some(Next::Outside) => effects.push(Effect::EditOutside(writing.editor.shown())),
        Some(Next::Store) if !writing.editor.changed() => return effects,
        Some(Next::Store) => {
            let text = writing.editor.text();
            let (sample, verb, note) = (writing.sample, DecisionVerb::Note, Some(text.trim().to_owned()));
            (writing.asked, writing.now) = (Some(text), Stage::Storing);
            effects.push(Effect::Decide { sample, verb, reason: None, note });
        }
        None => match key.code {
            KeyCode::Enter => writing.editor.new_line(),
            KeyCode::Char('j') if key.modifiers.contains(KeyModifiers::CONTROL) => writing.editor.new_line(),
            _ => writing.editor.key(key),
        },
    }
    state.mode = Mode::Note(writing);
    effects
}

pub(super) fn chain_key(state: &mut ReviewState, mut writing: Writing, key: KeyEvent) -> Vec<Effect> {
    let mut effects = Vec::new();
    match next(&mut writing, key) {
        Some(Next::Leave) => return effects,
        Some(Next::Stay) => {}
        Some(Next::Outside) => effects.push(Effect::EditOutside(writing.editor.shown())),
        Some(Next::Store) if !writing.editor.changed() => {
            state.say("nothing was changed");
            return effects;
        }
        Some(Next::Store) => {
            let text = writing.editor.text();
            (writing.asked, writing.now) = (Some(text.clone()), Stage::Storing);
            effects.push(Effect::Edit { sample: writing.sample, text });
        }
        None => writing.editor.key(key),
    }
    state.mode = Mode::Edit(writing);
    effects
}

/// A paste into a text that is being written.
pub(super) fn paste(writing: &mut Writing, text: &str) -> Option<&'static str> {
    if writing.now == Stage::Storing {
        return None;
    }
    writing.now = Stage::Writing;
    writing.editor.paste(text).then_some("the paste was cut: there was no room for all of it")
}
