//! From the turns of a dialogue to one single-turn chain: what the model wrote, joined by the strategies' phrases.
//!
//! Every box but the last is opened (`\boxed{41}` becomes `41`), so that the chain states one final answer. What a model
//! adds after the paragraph of its conclusion ("Let me know if ...") is left out where the chain goes on.

use crate::math::boxes;
use crate::records::{Chain, Segment, SegmentKind, Turn, TurnKind};

/// Stitches the turns. `bridges`: the phrase before each revision, in order.
pub fn stitch(turns: &[Turn], bridges: &[String]) -> Chain {
    let written: Vec<(usize, &Turn)> = turns
        .iter()
        .enumerate()
        .filter(|(_, turn)| matches!(turn.kind, TurnKind::Attempt | TurnKind::Revision))
        .filter(|(position, turn)| *position == first_written(turns) || !turn.text.trim().is_empty())
        .collect();
    // A dialogue of one turn has nothing to stitch: its text is the chain.
    let alone = bridges.is_empty();
    let mut chain = Chain::default();
    let mut bridges = bridges.iter();
    for (index, (position, turn)) in written.iter().enumerate() {
        let last = index + 1 == written.len();
        if turn.kind == TurnKind::Revision {
            let bridge = bridges.next().map_or("", String::as_str);
            let joint = if bridge.is_empty() { "\n\n".to_owned() } else { format!("\n\n{bridge}\n\n") };
            push(&mut chain, SegmentKind::Bridge, position - 1, &joint);
        }
        let kind = if turn.kind == TurnKind::Attempt { SegmentKind::Attempt } else { SegmentKind::Revision };
        let text = match last {
            true if alone => turn.text.clone(),
            true => open_boxes(&turn.text, true),
            false => open_boxes(conclusion(&turn.text), false),
        };
        let text = if index == 0 { text.as_str() } else { text.trim_start() };
        push(&mut chain, kind, *position, if last { text } else { text.trim_end() });
    }
    chain
}

fn first_written(turns: &[Turn]) -> usize {
    turns.iter().position(|turn| turn.kind == TurnKind::Attempt).unwrap_or(0)
}

fn push(chain: &mut Chain, kind: SegmentKind, turn: usize, text: &str) {
    let begin = chain.text.len();
    chain.text.push_str(text);
    chain.segments.push(Segment { kind, turn, begin, end: chain.text.len() });
}

/// The text up to the end of the paragraph that holds its last box; all of it when there is none.
fn conclusion(text: &str) -> &str {
    let Some(last) = boxes(text).last().copied() else { return text };
    let after = last.whole.1;
    text[after..].find("\n\n").map_or(text, |length| &text[..after + length])
}

/// The text with its boxes opened, all of them or all but the last.
fn open_boxes(text: &str, keep_last: bool) -> String {
    let found = boxes(text);
    let opened = if keep_last { &found[..found.len().saturating_sub(1)] } else { &found[..] };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for boxed in opened {
        out.push_str(&text[at..boxed.whole.0]);
        // A box in a box is opened as well.
        out.push_str(&open_boxes(&text[boxed.inside.0..boxed.inside.1], false));
        at = boxed.whole.1;
    }
    out.push_str(&text[at..]);
    out
}
