//! What the pane looks like with few, many and hostile samples.

use super::*;

#[test]
fn looks_empty() {
    insta::assert_snapshot!(drawn(&mut ReviewState::default(), 80, 24, false));
    insta::assert_snapshot!(drawn(&mut opened(0, None), 80, 24, false));
}

#[test]
fn looks_with_a_few() {
    let mut state = mixed(with_text(8, ordinary()));
    insta::assert_snapshot!("few_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("few_160x48", drawn(&mut state, 160, 48, false));
    insta::assert_snapshot!("few_ascii", drawn(&mut state, 80, 24, true));
    update(&mut state, ReviewAction::Chain);
    insta::assert_snapshot!("chain_80x24", drawn(&mut state, 80, 24, false));
    update(&mut state, ReviewAction::Reject);
    insta::assert_snapshot!("reasons_80x24", drawn(&mut state, 80, 24, false));
    press(&mut state, KeyCode::Esc);
    update(&mut state, ReviewAction::Note);
    insta::assert_snapshot!("note_80x24", drawn(&mut state, 80, 24, false));
}

#[test]
fn looks_with_a_hundred_thousand() {
    let mut state = opened(100_000, None);
    receive(&mut state, &Message::Sample { id: 1, sample: Box::new(ordinary()), problem: None, judged: None });
    update(&mut state, ReviewAction::Last);
    let long = sample(&"The quick brown fox counts 12 hens. ".repeat(3_000), "So 12.");
    receive(&mut state, &Message::Sample { id: 100_000, sample: Box::new(long), problem: None, judged: None });
    update(&mut state, ReviewAction::PageDown);
    insta::assert_snapshot!("many_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("many_160x48", drawn(&mut state, 160, 48, false));
}

#[test]
fn looks_with_hostile_and_wide_text() {
    let mut hostile = sample(
        "\u{1b}]0;owned\u{7}漢字かな交じり文、全角の文字が並ぶ。\t\u{202e}reversed\u{200b} e\u{301}\r\n🦀 crab",
        "\u{1b}[2J\u{1b}[Hgone? 答えは \\boxed{13}",
    );
    hostile.turns[2].strategy = Some("\u{1b}[31mred".into());
    hostile.chain.segments[2].end = 1 << 40;
    let mut state = with_text(4, hostile);
    state.rows[0].problem_id = "問題\u{1b}[0m\n第一".into();
    state.rows[0].answer = Some("\u{7}十三".into());
    let narrow = drawn(&mut state, 80, 24, false);
    let wide = drawn(&mut state, 160, 48, false);
    update(&mut state, ReviewAction::Chain);
    let chain = drawn(&mut state, 80, 24, false);
    for shown in [&narrow, &wide, &chain] {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    }
    insta::assert_snapshot!("hostile_80x24", narrow);
    insta::assert_snapshot!("hostile_160x48", wide);
    insta::assert_snapshot!("hostile_chain", chain);
}
