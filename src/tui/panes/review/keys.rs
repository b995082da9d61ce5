//! Keys as they are, while a prompt, the reason picker, an editor, the funnel or the report has them.

use std::mem::discriminant;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::filter::{Filter, complete};
use super::mode::{Back, Mode};
use super::state::ReviewState;
use super::update::decide;
use super::writing;
use crate::records::DecisionVerb;
use crate::tui::effect::Effect;
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

/// Takes a key while [`ReviewState::capturing`].
pub fn key(state: &mut ReviewState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    match std::mem::take(&mut state.mode) {
        Mode::Note(text) => writing::note_key(state, text, key),
        Mode::Edit(text) => writing::chain_key(state, text, key),
        mode @ (Mode::Funnel(_) | Mode::Report(_)) if key.code == KeyCode::Esc => leave(state, &mode),
        _ if key.code == KeyCode::Esc => Vec::new(),
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
        Mode::Bulk { verb, samples } => {
            if !matches!(key.code, KeyCode::Char('y' | 'Y')) {
                state.say("nothing was decided");
                return Vec::new();
            }
            vec![Effect::DecideAll { samples, verb }]
        }
        Mode::Funnel(at) => funnel_key(state, at, key),
        Mode::Report(top) => report_key(state, top, key),
    }
}

/// Whether this key is none of the funnel or the report that lies over the pane, and may lead to another pane: digits and function
/// keys mean nothing there. Where reasons are chosen by number they do, and a field takes all keys.
pub fn passes_on(state: &ReviewState, key: KeyEvent) -> bool {
    matches!(state.mode, Mode::Funnel(_) | Mode::Report(_))
        && matches!(key.code, KeyCode::Char('0'..='9') | KeyCode::F(_))
}

fn funnel_key(state: &mut ReviewState, at: usize, key: KeyEvent) -> Vec<Effect> {
    let steps = state.outcome.as_ref().map_or(0, |outcome| outcome.funnel.len());
    let step = state.outcome.as_ref().and_then(|outcome| outcome.funnel.get(at)).map(|step| step.rule.name());
    let open = |state: &mut ReviewState, word: &str, what: &str| {
        let Some(rule) = step else { return Vec::new() };
        open_list(state, &format!("{word}:{rule}"), Mode::Funnel(at), &format!("the samples that {what} {rule}"))
    };
    let at = match key.code {
        KeyCode::Down | KeyCode::Char('j') => (at + 1).min(steps.saturating_sub(1)),
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Enter => return open(state, "dropped", "come as far as and fail"),
        KeyCode::Char('a') => return open(state, "alone", "fail only"),
        KeyCode::Char('f') => return open(state, "rule", "fail, whatever else they fail,"),
        KeyCode::Char('w' | 'q') => return leave(state, &Mode::Funnel(at)),
        _ => at,
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
        KeyCode::Char('+' | '=') => {
            state.wanted = state.wanted.wider();
            top
        }
        KeyCode::Char('-') => {
            state.wanted = state.wanted.narrower();
            top
        }
        KeyCode::Char('o') => {
            return open_list(
                state,
                "overruled:yes",
                Mode::Report(top),
                "the samples on which you overrule the filter",
            );
        }
        KeyCode::Char('e') if state.audit.is_some() => return super::update::end_audit(state),
        KeyCode::Char('r' | 'q') => return leave(state, &Mode::Report(top)),
        _ => top,
    };
    let hidden = state.report().len().saturating_sub(usize::from(state.over().1));
    state.mode = Mode::Report(top.min(hidden));
    Vec::new()
}

/// Lists what a view over the pane chooses. The person's own filter is kept for the way back.
fn open_list(state: &mut ReviewState, word: &str, from: Mode, what: &str) -> Vec<Effect> {
    let filter = Filter::parse(word).unwrap_or_default();
    // Those that are overruled are decided, so that nothing of them is hidden.
    if state.audit.is_some() && matches!(from, Mode::Funnel(_)) {
        state.refuse(format!("a blind check hides {word}: r and then e end it"));
        return Vec::new();
    }
    let own = std::mem::replace(&mut state.filter, filter);
    let own = state.back.take().map_or(own, |back| back.filter);
    state.back = Some(Back { filter: own, mode: from });
    state.say(format!("{what}; Esc goes back"));
    state.rearrange()
}

/// Leaves the view that opened the list, if it is this one: the list is the person's own again.
fn leave(state: &mut ReviewState, view: &Mode) -> Vec<Effect> {
    let opened = state.back.as_ref().is_some_and(|back| discriminant(&back.mode) == discriminant(view));
    if opened { restore_filter(state) } else { Vec::new() }
}

/// Takes the person's own filter up again where a list was opened over it.
pub(super) fn restore_filter(state: &mut ReviewState) -> Vec<Effect> {
    let Some(back) = state.back.take() else { return Vec::new() };
    state.filter = back.filter;
    state.rearrange()
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
        Ok(filter) if state.audit.is_some() && filter.reveals().is_some() => {
            let word = filter.reveals().unwrap_or_default();
            let error = Some(format!("{word}: a blind check hides this; it can be asked when the check is over"));
            state.mode = Mode::Filter { input, error };
            Vec::new()
        }
        Ok(filter) => {
            state.filter = filter;
            state.back = None;
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

/// Takes a paste; it goes nowhere but into a field that has the keys.
pub fn paste(state: &mut ReviewState, pasted: &str) -> Vec<Effect> {
    match &mut state.mode {
        Mode::Filter { input, .. } | Mode::Search(input) | Mode::OtherReason { input, .. } => input.insert(pasted),
        Mode::Note(text) | Mode::Edit(text) => {
            if let Some(said) = writing::paste(text, pasted) {
                state.refuse(said);
            }
        }
        Mode::Browse | Mode::Reasons { .. } | Mode::Bulk { .. } | Mode::Funnel(_) | Mode::Report(_) => {}
    }
    Vec::new()
}
