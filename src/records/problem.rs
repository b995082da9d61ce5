//! A question with a gold answer.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A question with a gold answer, where it came from, and perhaps its level and subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The given id, else [`Problem::id_of_text`].
    pub id: String,
    /// The question as shown to the model.
    #[serde(rename = "problem")]
    pub text: String,
    /// The gold answer, as the source writes it.
    pub answer: String,
    /// The file or benchmark it came from, such as `gsm8k`.
    #[serde(default)]
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// The source's own level, where it has one (MATH: 1 to 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The source's worked solution, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// Columns of the source that have no field here; kept so that an export loses nothing. Apart from the fields, since a
    /// file may have a column named like one but of another kind (MATH has "Level ?").
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// The id of a problem that brings none: a hash of its text with runs of whitespace made one space.
    pub fn id_of_text(text: &str) -> String {
        let normal = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let digest = Sha256::digest(normal.as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("p-{hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_text_ignores_layout_and_nothing_else() {
        assert_eq!(Problem::id_of_text("How  many\napples?"), Problem::id_of_text(" How many apples? "));
        assert_ne!(Problem::id_of_text("How many apples?"), Problem::id_of_text("How many pears?"));
    }
}
