//! Notes and edited chains: nothing that was written is lost.

use super::judging::with_verdicts;
use super::*;

fn store(state: &mut ReviewState) -> Vec<Effect> {
    key(state, KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL))
}

#[test]
fn an_edited_chain_is_stored_as_a_new_sample_and_judged() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Edit);
    assert!(state.capturing());
    press(&mut state, KeyCode::Char('Z'));
    insta::assert_snapshot!("edit_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("edit_160x48", drawn(&mut state, 160, 48, false));
    let effects = store(&mut state);
    let [Effect::Edit { sample: 1, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*text, format!("Z{}", ordinary().chain.text));
    assert_eq!(store(&mut state), [], "once is enough");
    assert_eq!(receive(&mut state, &Message::Edited { sample: 1, draw: 4 }), [Effect::Filter]);
    assert!(!state.capturing());
    update(&mut state, ReviewAction::Edit);
    assert_eq!(press(&mut state, KeyCode::Esc), []);
    assert!(!state.capturing(), "nothing was changed");
}

#[test]
fn what_the_store_refuses_is_still_there() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Edit);
    press(&mut state, KeyCode::Char('Z'));
    store(&mut state);
    press(&mut state, KeyCode::Esc);
    assert!(state.capturing(), "it is not left before the store has answered");
    receive(&mut state, &Message::Error("the disk is full".into()));
    assert!(state.unsaved());
    assert_eq!(store(&mut state).len(), 1);
    receive(&mut state, &Message::Edited { sample: 1, draw: 4 });
    assert!(!state.unsaved());
}

#[test]
fn leaving_what_was_changed_asks() {
    let mut state = with_verdicts();
    for action in [ReviewAction::Edit, ReviewAction::Note] {
        update(&mut state, action);
        press(&mut state, KeyCode::Char('Z'));
        press(&mut state, KeyCode::Esc);
        assert!(drawn(&mut state, 80, 24, false).contains("Not stored: y throw it away"));
        press(&mut state, KeyCode::Esc);
        assert!(state.unsaved(), "a second Esc is no answer");
        press(&mut state, KeyCode::Esc);
        assert_eq!(press(&mut state, KeyCode::Char('y')), []);
        assert!(!state.capturing());
    }
    update(&mut state, ReviewAction::Edit);
    press(&mut state, KeyCode::Char('Z'));
    press(&mut state, KeyCode::Esc);
    assert_eq!(store(&mut state).len(), 1, "it can still be stored");
}

#[test]
fn a_note_closes_when_it_stands() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Note);
    typed(&mut state, "see #hard ");
    let effects = press(&mut state, KeyCode::Enter);
    let [Effect::Decide { note: Some(note), .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(note, "see #hard");
    stands(&mut state, 1, Some(DecisionVerb::Accept));
    assert!(state.unsaved(), "another decision on it is no answer");
    let standing = Standing { note: Some("see #hard".into()), ..Standing::default() };
    receive(&mut state, &Message::Stood { standings: vec![(1, standing)], counts: counts(8) });
    assert!(!state.capturing());
}

#[test]
fn a_hostile_chain_is_edited_in_sight_and_the_rest_of_it_stays_byte_for_byte() {
    let text = "16 - 3\u{202e} = 13\r\n\u{1b}]0;x\u{7}\u{2066}and\u{e0041} so on";
    let hostile = Sample { chain: Chain { text: text.into(), ..Chain::default() }, ..ordinary() };
    let mut state = with_text(4, hostile);
    update(&mut state, ReviewAction::Edit);
    paste(&mut state, "pasted\u{202e}\u{1b}\r\n");
    let shown = drawn(&mut state, 80, 24, false);
    for c in ['\u{202e}', '\u{2066}', '\u{e0041}', '\u{1b}', '\u{7}', '\r'] {
        assert!(!shown.contains(c), "{c:?}");
    }
    assert!(shown.contains('␛') && shown.contains('␍'), "{shown}");
    let effects = store(&mut state);
    let [Effect::Edit { text: edited, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*edited, format!("pasted\u{fffd}␛\n{text}"));
}

#[test]
fn a_text_goes_to_the_persons_own_editor_and_comes_back() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Edit);
    press(&mut state, KeyCode::Char('Z'));
    let outside = KeyEvent::new(KeyCode::Char('e'), KeyModifiers::ALT);
    assert_eq!(key(&mut state, outside), [Effect::EditOutside(format!("Z{}", ordinary().chain.text))]);
    receive(&mut state, &Message::EditedOutside("Another way.\n\\boxed{13}".into()));
    let effects = store(&mut state);
    let [Effect::Edit { sample: 1, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(text, "Another way.\n\\boxed{13}");
    // What comes when nothing is being written any more goes nowhere.
    receive(&mut state, &Message::Edited { sample: 1, draw: 4 });
    receive(&mut state, &Message::EditedOutside("late".into()));
    assert!(!state.capturing());
}
