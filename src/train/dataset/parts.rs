//! Which parts of a chain are trained, so that mistakes need not be imitated.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::records::{Chain, Sample, Segment, SegmentKind};

/// What of an answer has a loss. The token that ends the turn always has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossOn {
    /// The whole chain.
    #[default]
    All,
    /// The last segment alone.
    LastSegment,
    /// All but wrong attempts. A wrong attempt's conclusion is trained: without it a model never learns to go on after a
    /// wrong answer.
    AllButWrongAttempts,
}

impl std::str::FromStr for LossOn {
    type Err = super::TrainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "last_segment" => Ok(Self::LastSegment),
            "all_but_wrong_attempts" => Ok(Self::AllButWrongAttempts),
            other => Err(super::TrainError::Settings(format!(
                "unknown loss_on `{other}`; use all, last_segment or all_but_wrong_attempts"
            ))),
        }
    }
}

/// The bytes of a sample's chain that have no loss. `announced`: where a chain of one turn announces that it looks again, which
/// then parts it as bridges part a stitched one.
pub fn untrained(sample: &Sample, announced: &[Range<usize>], gold: &str, loss_on: LossOn) -> Vec<Range<usize>> {
    let stitched = sample.chain.segments.iter().any(|segment| segment.kind == SegmentKind::Bridge);
    let parted = if stitched { sample.chain.segments.clone() } else { parts(&sample.chain, announced) };
    let segments = &parted;
    match loss_on {
        LossOn::All => Vec::new(),
        LossOn::LastSegment => segments.last().map(|last| 0..last.begin).into_iter().collect(),
        LossOn::AllButWrongAttempts => {
            let earlier = &segments[..segments.len().saturating_sub(1)];
            let wrote = earlier.iter().filter(|segment| segment.kind != SegmentKind::Bridge);
            wrote.filter_map(|segment| wrong(sample, stitched, segment, gold)).collect()
        }
    }
}

/// A chain of one turn, parted where it announces something.
fn parts(chain: &Chain, announced: &[Range<usize>]) -> Vec<Segment> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut part = |kind, begin, end| parts.push(Segment { kind, turn: 0, begin, end });
    for bridge in announced {
        part(if begin == 0 { SegmentKind::Attempt } else { SegmentKind::Revision }, begin, bridge.start);
        part(SegmentKind::Bridge, bridge.start, bridge.end);
        begin = bridge.end;
    }
    part(if begin == 0 { SegmentKind::Attempt } else { SegmentKind::Revision }, begin, chain.text.len());
    parts
}

/// The part of a wrong segment before its conclusion; `None` for one that is not wrong.
fn wrong(sample: &Sample, stitched: bool, segment: &Segment, gold: &str) -> Option<Range<usize>> {
    // Stitching opened the boxes of earlier turns: their answers are read where they still stand in them.
    let text = if stitched {
        &sample.turns.get(segment.turn)?.text
    } else {
        sample.chain.text.get(segment.begin..segment.end)?
    };
    let check = math::check(gold, text);
    if check.correct == Some(true) {
        return None;
    }
    let begin = conclusion(&sample.chain, segment, check.answer.as_deref());
    Some(segment.begin..begin)
}

/// Where the sentence begins that states a segment's answer: the one with the last mention of it, else the last sentence.
fn conclusion(chain: &Chain, segment: &Segment, answer: Option<&str>) -> usize {
    let text = chain.text.get(segment.begin..segment.end).unwrap_or_default();
    let stated = answer.filter(|answer| !answer.is_empty()).and_then(|answer| text.rfind(answer));
    let before = &text[..stated.unwrap_or_else(|| text.trim_end().trim_end_matches(['.', '!', '?']).len())];
    let ends = [". ", "! ", "? ", "\n"];
    let begin = ends.iter().filter_map(|end| before.rfind(end).map(|at| at + end.len())).max();
    segment.begin + begin.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{FinishReason, Turn, TurnKind};

    /// An attempt, a bridge and a revision; the attempt's turn has the box that stitching opened.
    fn sample(attempt: &str, stitched: &str) -> Sample {
        let turn = |kind, text: &str| Turn {
            kind,
            strategy: None,
            text: text.into(),
            token_ids: Vec::new(),
            tokens: 0,
            finish: None,
            logprob: None,
        };
        let (bridge, revision) = ("\n\nLet me check this.\n\n", "It is 4. \\boxed{4}");
        let text = format!("{stitched}{bridge}{revision}");
        let (one, two) = (stitched.len(), stitched.len() + bridge.len());
        let segment = |kind, turn, begin, end| Segment { kind, turn, begin, end };
        Sample {
            problem_id: "p".into(),
            draw: 0,
            settings: "s".into(),
            turns: vec![
                turn(TurnKind::Problem, "2 + 2?"),
                turn(TurnKind::Attempt, attempt),
                turn(TurnKind::Guidance, "Check it."),
                turn(TurnKind::Revision, revision),
            ],
            chain: Chain {
                segments: vec![
                    segment(SegmentKind::Attempt, 1, 0, one),
                    segment(SegmentKind::Bridge, 2, one, two),
                    segment(SegmentKind::Revision, 3, two, text.len()),
                ],
                opened: Vec::new(),
                text,
            },
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: Some("4".into()),
            correct: Some(true),
            tokens: 0,
            seconds: 0.0,
            created_at: 0,
        }
    }

    #[test]
    fn a_wrong_attempt_is_left_out_up_to_its_conclusion() {
        let sample = sample("2 is 3. 3 + 2 = 5. So \\boxed{5}.", "2 is 3. 3 + 2 = 5. So 5.");
        let parts = untrained(&sample, &[], "4", LossOn::AllButWrongAttempts);
        assert_eq!(parts.len(), 1);
        assert_eq!(&sample.chain.text[parts[0].clone()], "2 is 3. 3 + 2 = 5. ");
        assert!(sample.chain.text[parts[0].end..].starts_with("So 5."));
        assert!(untrained(&sample, &[], "5", LossOn::AllButWrongAttempts).is_empty(), "a right attempt is trained");
        assert!(untrained(&sample, &[], "4", LossOn::All).is_empty());
    }

    #[test]
    fn the_last_segment_alone() {
        let sample = sample("\\boxed{5}", "5");
        let parts = untrained(&sample, &[], "4", LossOn::LastSegment);
        assert_eq!(&sample.chain.text[parts[0].end..], "It is 4. \\boxed{4}");
    }

    #[test]
    fn an_attempt_without_an_answer_ends_with_its_last_sentence() {
        let sample = sample("I try. I do not know.", "I try. I do not know.");
        let parts = untrained(&sample, &[], "4", LossOn::AllButWrongAttempts);
        assert_eq!(&sample.chain.text[parts[0].clone()], "I try. ");
    }
}
