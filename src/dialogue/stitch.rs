//! From the turns of a dialogue to one single-turn chain: what the model wrote, joined by the strategies' phrases.
//!
//! Every box but the last is opened (`\boxed{41}` becomes `41`), so that the chain states one final answer; where the others
//! stood is kept. What a model adds after the paragraph of its conclusion ("Let me know if ...") is left out where the chain
//! goes on, and so are the marks of a thinking model's thoughts: all of the chain is one thought.

use crate::math::{Boxed, box_groups, boxes};
use crate::records::{Chain, Segment, SegmentKind, Turn, TurnKind};

/// Stitches the turns. `bridges`: the phrase before each revision, in order.
pub fn stitch(turns: &[Turn], bridges: &[String]) -> Chain {
    // A dialogue of one turn has nothing to stitch: its text is the chain.
    let alone = bridges.is_empty();
    let mut bridges = bridges.iter();
    let mut written: Vec<(usize, &Turn, &str)> = Vec::new();
    for (position, turn) in turns.iter().enumerate() {
        let bridge = match turn.kind {
            TurnKind::Attempt => "",
            // An empty revision takes its bridge with it.
            TurnKind::Revision => bridges.next().map_or("", String::as_str),
            _ => continue,
        };
        if turn.kind == TurnKind::Attempt || !turn.text.trim().is_empty() {
            written.push((position, turn, bridge));
        }
    }
    let mut chain = Chain::default();
    for (index, (position, turn, bridge)) in written.iter().enumerate() {
        let last = index + 1 == written.len();
        if turn.kind == TurnKind::Revision {
            let joint = if bridge.is_empty() { "\n\n".to_owned() } else { format!("\n\n{bridge}\n\n") };
            push(&mut chain, SegmentKind::Bridge, position - 1, &joint, &[]);
        }
        let kind = if turn.kind == TurnKind::Attempt { SegmentKind::Attempt } else { SegmentKind::Revision };
        if alone {
            push(&mut chain, kind, *position, &turn.text, &[]);
            continue;
        }
        let thought = turn.text.replace("<think>", "").replace("</think>", "");
        let (text, opened) = if last { open_boxes(&thought, true) } else { open_boxes(conclusion(&thought), false) };
        let begin = if index == 0 { 0 } else { text.len() - text.trim_start().len() };
        let end = if last { text.len() } else { text.trim_end().len().max(begin) };
        let opened: Vec<_> = opened
            .into_iter()
            .filter(|(from, to)| *from >= begin && *to <= end)
            .map(|(from, to)| (from - begin, to - begin))
            .collect();
        push(&mut chain, kind, *position, &text[begin..end], &opened);
    }
    chain
}

fn push(chain: &mut Chain, kind: SegmentKind, turn: usize, text: &str, opened: &[(usize, usize)]) {
    let begin = chain.text.len();
    chain.text.push_str(text);
    chain.opened.extend(opened.iter().map(|(from, to)| (begin + from, begin + to)));
    chain.segments.push(Segment { kind, turn, begin, end: chain.text.len() });
}

/// The text up to the end of the paragraph that holds its last box; all of it when there is none.
fn conclusion(text: &str) -> &str {
    let Some(last) = boxes(text).last().copied() else { return text };
    let after = last.whole.1;
    text[after..].find("\n\n").map_or(text, |length| &text[..after + length])
}

/// The text with its boxes opened, all of them or all but the last answer, and where what stood in them is now.
fn open_boxes(text: &str, keep_last: bool) -> (String, Vec<(usize, usize)>) {
    let mut groups = box_groups(text);
    if keep_last {
        groups.pop();
    }
    let opened: Vec<Boxed> = groups.into_iter().flatten().collect();
    let mut out = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(opened.len());
    let mut at = 0;
    for boxed in opened {
        out.push_str(&text[at..boxed.whole.0]);
        // A box in a box is opened as well.
        let begin = out.len();
        out.push_str(&open_boxes(&text[boxed.inside.0..boxed.inside.1], false).0);
        places.push((begin, out.len()));
        at = boxed.whole.1;
    }
    out.push_str(&text[at..]);
    (out, places)
}
