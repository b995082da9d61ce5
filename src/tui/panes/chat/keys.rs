//! Keys as they are, while the prompt is written, a list is chosen from, or the settings are set.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::ask::send;
use super::picker::{Picked, Picker};
use super::settings::FormDone;
use super::state::{ChatState, Mode};
use super::update::{chosen, narrow, scroll, set};
use crate::tui::effect::Effect;

/// Takes a key while [`ChatState::capturing`].
pub fn key(state: &mut ChatState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    state.notice = None;
    let effects = match std::mem::take(&mut state.mode) {
        Mode::Browse => Vec::new(),
        Mode::Writing => write(state, key),
        Mode::Pick(picker) => pick(state, picker, key),
        Mode::Settings(mut form) => {
            match form.key(key) {
                FormDone::Left => {}
                FormDone::Set(settings) => set(state, *settings),
                FormDone::Stays => state.mode = Mode::Settings(form),
            }
            Vec::new()
        }
    };
    state.lay_out();
    effects
}

fn write(state: &mut ChatState, key: KeyEvent) -> Vec<Effect> {
    state.mode = Mode::Writing;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let line_break = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
    match key.code {
        KeyCode::Esc => state.mode = Mode::Browse,
        KeyCode::Char('s') if control => return send(state),
        KeyCode::Char('e') if key.modifiers.contains(KeyModifiers::ALT) => {
            return vec![Effect::EditOutside(state.draft.editor.shown())];
        }
        KeyCode::Enter if !line_break => return send(state),
        KeyCode::Enter => state.draft.editor.new_line(),
        KeyCode::Char('j') if control => state.draft.editor.new_line(),
        KeyCode::PageDown => scroll(state, state.transcripts[state.focus].page()),
        KeyCode::PageUp => scroll(state, -state.transcripts[state.focus].page()),
        _ => state.draft.editor.key(key),
    }
    // A prompt that was emptied asks about nothing any more.
    if state.draft.problem.is_some() && state.draft.is_empty() {
        state.draft.problem = None;
    }
    Vec::new()
}

fn pick(state: &mut ChatState, mut picker: Picker, key: KeyEvent) -> Vec<Effect> {
    match picker.key(key) {
        Picked::Left => {}
        Picked::Stays => state.mode = Mode::Pick(picker),
        Picked::Words => return narrow(state, picker),
        Picked::Chosen(choice) => return chosen(state, picker, choice),
    }
    Vec::new()
}

/// Takes a paste; it goes nowhere but where text is written.
pub fn paste(state: &mut ChatState, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    match std::mem::take(&mut state.mode) {
        Mode::Browse => {}
        Mode::Writing => {
            if state.draft.editor.paste(text) {
                state.refuse("the paste was cut: there was no room for all of it");
            }
            state.mode = Mode::Writing;
        }
        Mode::Pick(mut picker) => {
            picker.input.insert(text.trim());
            effects = narrow(state, picker);
        }
        Mode::Settings(mut form) => {
            form.fields.paste(text);
            state.mode = Mode::Settings(form);
        }
    }
    state.lay_out();
    effects
}
