//! The evaluations of a session as a list, and which of them can be compared with each other.

use color_eyre::Result;

use crate::eval::Score;
use crate::records::SampleSettings;
use crate::session::{Session, StoredEval};

/// What tells evaluations apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EvalKey {
    pub name: String,
    /// Hash.
    pub settings: String,
    pub samples: u32,
}

impl EvalKey {
    pub fn of(eval: &StoredEval) -> Self {
        Self { name: eval.name.clone(), settings: eval.settings.clone(), samples: eval.samples }
    }
}

/// An evaluation with what a list says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub eval: StoredEval,
    /// What the samples were drawn under; `None` where the session does not say.
    pub made: Option<SampleSettings>,
    /// As it was worked out when it was kept.
    pub score: Score,
    /// Where the problems come from, such as `gsm8k`; of a mixed set the first one's.
    pub source: String,
}

impl Listed {
    pub fn key(&self) -> EvalKey {
        EvalKey::of(&self.eval)
    }

    /// Whether every answer was the likeliest one.
    pub fn greedy(&self) -> bool {
        self.made.as_ref().is_some_and(|made| made.sampling.temperature == 0.0)
    }

    /// Whether both are of the same weights.
    pub fn same_model(&self, other: &Listed) -> bool {
        match (&self.made, &other.made) {
            (Some(one), Some(other)) => one.model.content == other.model.content,
            _ => self.eval.model == other.eval.model,
        }
    }
}

/// All evaluations that can be read, oldest first.
///
/// # Errors
/// If the session cannot be read.
pub fn list(session: &Session) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for eval in session.evals()? {
        // One that another version kept in other words is no reason to show none.
        let Ok(score) = serde_json::from_str(&eval.summary) else { continue };
        let made = session.settings(&eval.settings)?;
        let first = eval.problems.first().map(|id| session.problem(id)).transpose()?.flatten();
        let source = first.map(|problem| problem.source).unwrap_or_default();
        listed.push(Listed { eval, made, score, source });
    }
    Ok(listed)
}

/// A setting in which two evaluations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub what: &'static str,
    pub first: String,
    pub second: String,
    /// A comparison would measure this and not the models.
    pub unfair: bool,
}

/// In what the settings of two evaluations differ, apart from the models.
pub fn differences(first: &Listed, second: &Listed) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |what, first: String, second: String, unfair| {
        if first != second {
            found.push(Difference { what, first, second, unfair });
        }
    };
    differ("samples", first.score.n.to_string(), second.score.n.to_string(), false);
    let (Some(one), Some(other)) = (&first.made, &second.made) else {
        if first.made != second.made {
            let said = |made: &Option<SampleSettings>| if made.is_some() { "known" } else { "not known" }.to_owned();
            differ("settings", said(&first.made), said(&second.made), true);
        }
        return found;
    };
    let (a, b) = (&one.sampling, &other.sampling);
    differ("temperature", a.temperature.to_string(), b.temperature.to_string(), true);
    // A greedy answer is the same whatever else the sampling says.
    if a.temperature > 0.0 || b.temperature > 0.0 {
        differ("top-p", a.top_p.to_string(), b.top_p.to_string(), true);
        differ("top-k", a.top_k.to_string(), b.top_k.to_string(), true);
        differ("min-p", a.min_p.to_string(), b.min_p.to_string(), true);
    }
    differ("repetition penalty", a.repetition_penalty.to_string(), b.repetition_penalty.to_string(), true);
    differ("stop", format!("{:?}", a.stop), format!("{:?}", b.stop), true);
    differ("max tokens", a.max_tokens.to_string(), b.max_tokens.to_string(), true);
    differ("turns", one.turns.to_string(), other.turns.to_string(), true);
    let asked = |made: &SampleSettings, what: &str| {
        made.dialogue.get(what).and_then(|text| text.as_str()).unwrap_or("").to_owned()
    };
    differ("prompt", asked(one, "prompt"), asked(other, "prompt"), true);
    differ("system prompt", asked(one, "system"), asked(other, "system"), true);
    differ("beginning", asked(one, "begin"), asked(other, "begin"), true);
    differ("number format", one.model.compute.clone(), other.model.compute.clone(), false);
    differ("seed", one.seed.to_string(), other.seed.to_string(), false);
    found
}
