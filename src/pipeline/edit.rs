//! A chain that a person edited: a new sample, derived from another and naming it.

use color_eyre::Result;
use color_eyre::eyre::eyre;

use crate::math;
use crate::records::{Chain, Sample, now_millis};
use crate::session::Session;

/// Marks a sample that a person wrote part of.
pub const EDITED: &str = "edited";

/// Stores the edited chain as a new draw of the same problem, under settings of its own that name its parent. Returns the
/// draw. An unchanged text is refused.
pub fn store(session: &Session, parent: i64, text: &str) -> Result<u32> {
    let sample = session.sample(parent)?.ok_or_else(|| eyre!("the sample is not there any more"))?;
    if sample.chain.text == text {
        return Err(eyre!("nothing was changed"));
    }
    let mut settings = session.settings(&sample.settings)?.ok_or_else(|| eyre!("the sample's settings are missing"))?;
    // The hash of the settings tells edited samples from drawn ones: none is taken for a draw of the model.
    settings.dialogue =
        serde_json::json!({"edited_from": {"settings": sample.settings}, "dialogue": settings.dialogue});
    let provenance = serde_json::json!({"cribble": env!("CARGO_PKG_VERSION"), "edited_at": now_millis()});
    let hash = session.put_settings(&settings, &provenance)?;
    let taken = session.draws(&hash)?;
    let draw = (0..u32::MAX).find(|draw| !taken.contains(&(sample.problem_id.clone(), *draw))).unwrap_or(u32::MAX);
    let problem = session.problem(&sample.problem_id)?;
    let check = math::check(problem.as_ref().map_or("", |problem| &problem.answer), text);
    let mut tags = sample.tags.clone();
    tags.retain(|tag| tag != EDITED && !tag.starts_with("from:"));
    tags.extend([EDITED.to_owned(), format!("from:{}#{}", sample.settings, sample.draw)]);
    let edited = Sample {
        draw,
        settings: hash,
        // Where the pieces came from is no longer known.
        chain: Chain { text: text.to_owned(), segments: Vec::new() },
        tags,
        answer: check.answer,
        correct: check.correct,
        seconds: 0.0,
        created_at: now_millis(),
        ..sample
    };
    session.add_sample(&edited)?;
    Ok(draw)
}
