//! Where a pass waits for a person: which samples they are asked to decide on, how many are decided, and their word that it may go
//! on as it is.
//!
//! That word is the step itself, stored as done. So it is the same whether the pass waits in this process, in another, or in none.

use color_eyre::Result;

use super::plan::plan;
use super::{Halt, Pass};
use crate::pipeline::OrderError;
use crate::pipeline::recipe::{Recipe, Review};
use crate::session::{Reviewable, Session, StoredStep};

/// Ends the name of a step that waits.
const REVIEW: &str = " review";

/// A pass that waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The step that waits.
    pub step: String,
    /// Samples that are decided on, of so many wanted.
    pub decided: usize,
    pub wanted: usize,
    /// The samples that a person is asked to look at, by row: so many as are wanted, spread over all that were judged. Whichever
    /// they decide on counts.
    pub samples: Vec<i64>,
    /// What the recipe asks for, of the samples drawn under which settings.
    pub review: Review,
    pub settings: Vec<String>,
}

impl Waiting {
    /// # Errors
    /// If the session cannot be read.
    fn of(session: &Session, step: &str, settings: &[String], review: Review) -> Result<Self> {
        let mut judged = Vec::new();
        for settings in settings {
            judged.extend(session.reviewable(settings)?);
        }
        let wanted = match review {
            Review::None => 0,
            Review::Sample(count) => count.min(judged.len()),
            Review::All => judged.len(),
        };
        let decided = judged.iter().filter(|sample| sample.decided).count();
        if wanted < judged.len() {
            judged.sort_by_cached_key(|sample| (lot(sample), sample.id));
        }
        judged.truncate(wanted);
        let samples = judged.into_iter().map(|sample| sample.id).collect();
        let decided = decided.min(wanted);
        Ok(Self { step: step.to_owned(), decided, wanted, samples, review, settings: settings.to_vec() })
    }

    /// The same a moment later. Only when it seems to be over is everything looked at again.
    ///
    /// # Errors
    /// If the session cannot be read.
    fn again(&self, session: &Session) -> Result<Self> {
        let mut decided = 0;
        for settings in &self.settings {
            decided += session.reviewed(settings)?;
        }
        if decided >= self.wanted {
            return Self::of(session, &self.step, &self.settings, self.review);
        }
        Ok(Self { decided, ..self.clone() })
    }

    /// Whether enough is decided.
    pub fn over(&self) -> bool {
        self.decided >= self.wanted
    }
}

/// A number that has nothing to do with what a sample is, the same at every look: what is shown is not chosen by anything that it
/// could show.
fn lot(sample: &Reviewable) -> u64 {
    let bytes = sample.problem_id.bytes().chain(sample.draw.to_le_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // Ids that differ in their last letters alone are to lie far apart.
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Whether a step is one that waits for a person: its time is theirs.
pub(super) fn is_review(step: &str) -> bool {
    step.ends_with(REVIEW)
}

/// The step at which the pass of this session waits, or would if it ran; `None` where it does not wait.
///
/// # Errors
/// If the session cannot be read.
pub fn waiting(session: &Session, recipe: &Recipe) -> Result<Option<Waiting>> {
    still_waiting(session, recipe, None)
}

/// The same, by what was known before.
pub(super) fn still_waiting(session: &Session, recipe: &Recipe, before: Option<&Waiting>) -> Result<Option<Waiting>> {
    let Some(next) = plan(recipe, Some(session))?.into_iter().find(|planned| !planned.done) else { return Ok(None) };
    let Some(place) = next.name.strip_suffix(REVIEW) else { return Ok(None) };
    if let Some(before) = before.filter(|before| before.step == next.name) {
        return before.again(session).map(Some);
    }
    let (review, drawn) = match place {
        "stage 1" => (recipe.stage1.review, "dialogues"),
        _ => (recipe.stage2.review, "samples"),
    };
    let mut settings = Vec::new();
    for drawn in [drawn].into_iter().chain((drawn == "samples" && recipe.stage2.retry > 0).then_some("retry")) {
        let step = session.step(&format!("{place} {drawn}"))?;
        let missing = || OrderError(format!("step {place} {drawn} is not done"));
        let drawn: Drawn = serde_json::from_str(&step.ok_or_else(missing)?.outcome)?;
        settings.push(drawn.settings);
    }
    Waiting::of(session, &next.name, &settings, review).map(Some)
}

/// Of the outcome of a step that draws samples.
#[derive(serde::Deserialize)]
struct Drawn {
    settings: String,
}

/// The person says that the pass may go on although not all is decided: the step that waits is done. Returns what waited.
///
/// # Errors
/// If the session cannot be read or written.
pub fn release(session: &Session, recipe: &Recipe) -> Result<Option<Waiting>> {
    let Some(waiting) = waiting(session, recipe)? else { return Ok(None) };
    let outcome = serde_json::to_string(&waiting.decided)?;
    session.put_step(&StoredStep { name: waiting.step.clone(), outcome, seconds: 0.0 })?;
    Ok(Some(waiting))
}

impl Pass<'_> {
    /// Waits for a person: the samples that the recipe wants to be decided on are, or the person said to go on. Returns how many
    /// are decided.
    pub(super) fn review(&mut self, step: &str, settings: &[String], review: Review) -> Result<usize> {
        // A person may take hours, and a training comes next.
        self.end_servers()?;
        let mut waiting = Waiting::of(self.session, step, settings, review)?;
        let mut seen = None;
        loop {
            let version = self.session.data_version()?;
            if seen.replace(version) != Some(version) {
                if let Some(released) = self.session.step(step)? {
                    return Ok(serde_json::from_str(&released.outcome)?);
                }
                waiting = waiting.again(self.session)?;
            }
            let Waiting { decided, wanted, .. } = waiting;
            if decided >= wanted {
                return Ok(decided);
            }
            if !self.order.wait {
                return Err(Halt::Waiting { step: step.to_owned(), count: wanted - decided }.into());
            }
            self.unless_stopped(step, self.host.stopping())?;
            self.host.waits(decided, wanted);
        }
    }
}
