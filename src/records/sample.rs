//! One finished generation: the dialogue that was held, and the single-turn chain stitched from it.

use serde::{Deserialize, Serialize};

use super::{FinishReason, UnixMillis};

/// What a turn of a dialogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnKind {
    /// System prompt, where there is one.
    System,
    /// The problem as asked.
    Problem,
    /// The model's first answer.
    Attempt,
    /// What the user turn of a strategy asks for.
    Guidance,
    /// The model's answer to a guidance.
    Revision,
}

/// One turn of a dialogue, as it was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub kind: TurnKind,
    /// The strategy of a guidance and of the revision that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    pub text: String,
    /// Token ids of what the model wrote, empty for turns it did not write or where a server does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_ids: Vec<u32>,
    /// Tokens written by the model in this turn.
    #[serde(default)]
    pub tokens: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// Sum of the natural logarithms of its tokens' probabilities, where who wrote it told them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprob: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    Attempt,
    /// The strategy's phrase that joins two turns, such as "Let me check this."
    Bridge,
    Revision,
}

/// Where a piece of the chain came from. Segments are in order and cover the chain without gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub kind: SegmentKind,
    /// Index into [`Sample::turns`] of the turn it was taken from (for a bridge: of the guidance).
    pub turn: usize,
    /// Byte range in [`Chain::text`].
    pub begin: usize,
    pub end: usize,
}

/// The single-turn chain of thought that a dialogue is stitched into; what training sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    pub text: String,
    pub segments: Vec<Segment>,
    /// Byte ranges of answers that stood in a box before the chain was stitched: only the last box stays one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<(usize, usize)>,
}

impl Chain {
    /// About how many tokens the chain has: those of the turns it was stitched from, by the share of their text that is
    /// left, and for what no turn holds one for each four bytes, as English text has.
    pub fn tokens(&self, turns: &[(usize, usize)]) -> usize {
        let mut tokens = 0.0;
        for segment in &self.segments {
            let bytes = segment.end.saturating_sub(segment.begin) as f64;
            tokens += match turns.get(segment.turn) {
                Some((count, length)) if segment.kind != SegmentKind::Bridge && *length > 0 => {
                    bytes / *length as f64 * *count as f64
                }
                _ => bytes / 4.0,
            };
        }
        if self.segments.is_empty() {
            tokens = self.text.len() as f64 / 4.0;
        }
        tokens.round() as usize
    }
}

/// Tag of a sample that a person wrote part of.
pub const EDITED: &str = "edited";

/// One finished generation for one problem, with the dialogue it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub problem_id: String,
    /// 0-based index among the samples of this problem under these settings.
    pub draw: u32,
    /// [`super::SampleSettings::hash`].
    pub settings: String,
    pub turns: Vec<Turn>,
    pub chain: Chain,
    /// Marks such as `gold_conditioned` or `shows_answer` that keep a sample out of some statistics.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How the last turn ended; [`FinishReason::ContextFull`] when a turn did not fit.
    pub finish: FinishReason,
    /// The final answer found in the chain.
    pub answer: Option<String>,
    /// Whether it equals the gold answer; `None` when there is no answer or no gold.
    pub correct: Option<bool>,
    /// Tokens written by the model over all turns.
    pub tokens: usize,
    /// Wall time from first submission to the end.
    pub seconds: f64,
    pub created_at: UnixMillis,
}

impl Sample {
    /// The strategies asked for, in order.
    pub fn strategies(&self) -> impl Iterator<Item = &str> {
        self.turns.iter().filter(|turn| turn.kind == TurnKind::Guidance).filter_map(|turn| turn.strategy.as_deref())
    }
}
