//! How many samples each rule drops: in sequence, and alone.

use serde::{Deserialize, Serialize};

use super::{Judgement, RuleId, Settings};

/// A rule's part in the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub rule: RuleId,
    /// Samples that came as far as this rule and failed it.
    pub dropped: usize,
    /// Samples that fail this rule and no other: what switching it off would let in.
    pub sole: usize,
    /// Samples that fail it, whatever the others say.
    pub failed: usize,
}

/// The funnel over judged samples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    pub judged: usize,
    pub accepted: usize,
    /// Rules that are switched on, in order.
    pub steps: Vec<Step>,
}

/// Counts over all judgements. Rules that are switched off take no part.
pub fn funnel<'a>(judgements: impl IntoIterator<Item = &'a Judgement>, settings: &Settings) -> Funnel {
    let mut steps: Vec<Step> = RuleId::ALL
        .into_iter()
        .filter(|rule| settings.enabled(*rule))
        .map(|rule| Step { rule, dropped: 0, sole: 0, failed: 0 })
        .collect();
    let (mut judged, mut accepted) = (0, 0);
    for judgement in judgements {
        judged += 1;
        accepted += usize::from(judgement.accepted);
        let fails = |rule: RuleId| judgement.verdicts.iter().any(|verdict| verdict.rule == rule && !verdict.pass);
        let failed: Vec<usize> = (0..steps.len()).filter(|at| fails(steps[*at].rule)).collect();
        for at in &failed {
            steps[*at].failed += 1;
        }
        if let Some(first) = failed.first() {
            steps[*first].dropped += 1;
        }
        if let [only] = failed[..] {
            steps[only].sole += 1;
        }
    }
    Funnel { judged, accepted, steps }
}
