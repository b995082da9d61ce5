//! A chain that a person edited: a new sample, derived from another and naming it.

use color_eyre::Result;
use color_eyre::eyre::eyre;

use crate::math;
use crate::records::{Chain, EDITED, FinishReason, Sample, Segment, now_millis};
use crate::session::Session;

/// Stores the edited chain as a new draw of the same problem, under settings of its own that name its parent. Returns the
/// draw. An unchanged text is refused.
pub fn store(session: &Session, parent: i64, text: &str) -> Result<u32> {
    let sample = session.sample(parent)?.ok_or_else(|| eyre!("the sample is not there any more"))?;
    let extras = session.extras(parent)?;
    if sample.chain.text == text {
        return Err(eyre!("nothing was changed"));
    }
    let mut settings = session.settings(&sample.settings)?.ok_or_else(|| eyre!("the sample's settings are missing"))?;
    // The hash of the settings tells edited samples from drawn ones: none is taken for a draw of the model.
    settings.dialogue =
        serde_json::json!({"edited_from": {"settings": sample.settings}, "dialogue": settings.dialogue});
    let provenance = serde_json::json!({"cribble": env!("CARGO_PKG_VERSION"), "edited_at": now_millis()});
    let hash = session.put_settings(&settings, &provenance)?;
    let problem = session.problem(&sample.problem_id)?;
    let check = math::check(problem.as_ref().map_or("", |problem| &problem.answer), text);
    let mut tags = sample.tags.clone();
    tags.retain(|tag| tag != EDITED && !tag.starts_with("from:"));
    tags.extend([EDITED.to_owned(), format!("from:{}#{}", sample.settings, sample.draw)]);
    let tokens = sample.tokens * text.len() / sample.chain.text.len().max(1);
    let mut edited = Sample {
        settings: hash,
        chain: moved(&sample.chain, text),
        tags,
        answer: check.answer,
        correct: check.correct,
        // A person ended it.
        finish: FinishReason::Stop,
        tokens,
        seconds: 0.0,
        created_at: now_millis(),
        ..sample
    };
    let taken = session.draws(&edited.settings)?;
    for draw in 0..u32::MAX {
        edited.draw = draw;
        // Another process may have taken the draw since.
        if !taken.contains(&(edited.problem_id.clone(), draw)) && session.add_samples_with([(&edited, &extras)])? > 0 {
            return Ok(draw);
        }
    }
    Err(eyre!("there is no draw left for an edited sample"))
}

/// The edited chain with the segments and answers of the old one where they are now. What was changed belongs to the segment
/// in which it begins.
fn moved(old: &Chain, text: &str) -> Chain {
    let before = old.text.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
    let most = old.text.len().min(text.len()) - before;
    let after =
        old.text.bytes().rev().zip(text.bytes().rev()).take(most).take_while(|(one, other)| one == other).count();
    let (old_end, new_end) = (old.text.len() - after, text.len() - after);
    let place = |at: usize| {
        let at = match at {
            at if at <= before => at,
            at if at >= old_end => at - old_end + new_end,
            _ => new_end,
        };
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    let segments = old.segments.iter().map(|segment| Segment {
        begin: place(segment.begin),
        end: place(segment.end),
        ..segment.clone()
    });
    let kept = old.opened.iter().filter(|(begin, end)| *end <= before || *begin >= old_end);
    Chain {
        text: text.to_owned(),
        segments: segments.filter(|segment| segment.begin < segment.end).collect(),
        opened: kept.map(|(begin, end)| (place(*begin), place(*end))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::SegmentKind;

    fn chain() -> Chain {
        let part = |kind, turn, begin, end| Segment { kind, turn, begin, end };
        Chain {
            text: "It is 42.\n\nWait.\n\nIt is \\boxed{41}.".into(),
            segments: vec![
                part(SegmentKind::Attempt, 1, 0, 9),
                part(SegmentKind::Bridge, 2, 9, 18),
                part(SegmentKind::Revision, 3, 18, 36),
            ],
            opened: vec![(6, 8)],
        }
    }

    fn parts(chain: &Chain) -> Vec<&str> {
        chain.segments.iter().map(|segment| &chain.text[segment.begin..segment.end]).collect()
    }

    #[test]
    fn segments_follow_an_edit() {
        let text = chain().text.replace("It is \\boxed", "So, really, it is \\boxed");
        let edited = moved(&chain(), &text);
        assert_eq!(parts(&edited), ["It is 42.", "\n\nWait.\n\n", "So, really, it is \\boxed{41}."]);
        assert_eq!(edited.opened, [(6, 8)]);
        let edited = moved(&chain(), &chain().text.replace("42", "é"));
        assert_eq!(parts(&edited)[1..], ["\n\nWait.\n\n", "It is \\boxed{41}."]);
        assert_eq!(edited.opened, [], "the answer is another one");
        let edited = moved(&chain(), "It is \\boxed{41}.");
        assert_eq!(parts(&edited).concat(), "It is \\boxed{41}.");
        assert_eq!(moved(&chain(), "").segments, []);
    }
}
