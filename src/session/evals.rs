//! Models that were scored: on which problems, by which samples. The scores follow from the samples.

use rusqlite::{Row, params};

use super::{Result, Session};
use crate::records::now_millis;

/// One model on one set of problems.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEval {
    /// As the person or the recipe calls it: `base`, `pi_sft`, a path.
    pub name: String,
    pub model: String,
    /// Hash of the settings that the samples were drawn under.
    pub settings: String,
    /// Draws that count, of each problem.
    pub samples: u32,
    /// Ids, in order.
    pub problems: Vec<String>,
    /// JSON.
    pub summary: String,
}

const COLUMNS: &str = "name, model, settings, samples, problems, summary, at";

impl Session {
    /// Keeps an evaluation; one of the same name and settings is replaced.
    pub fn put_eval(&self, eval: &StoredEval) -> Result<()> {
        let problems = self.json(&eval.problems)?;
        self.read(self.writable()?.execute(
            &format!("INSERT OR REPLACE INTO evals ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
            params![eval.name, eval.model, eval.settings, eval.samples, problems, eval.summary, now_millis()],
        ))?;
        Ok(())
    }

    /// All evaluations, oldest first.
    pub fn evals(&self) -> Result<Vec<StoredEval>> {
        let mut statement = self.read(self.connection.prepare(&format!("SELECT {COLUMNS} FROM evals ORDER BY seq")))?;
        let mut rows = self.read(statement.query([]))?;
        let mut evals = Vec::new();
        while let Some(row) = self.read(rows.next())? {
            evals.push(self.eval_of(row)?);
        }
        Ok(evals)
    }

    /// The newest evaluation of this name.
    pub fn eval(&self, name: &str) -> Result<Option<StoredEval>> {
        Ok(self.evals()?.into_iter().rfind(|eval| eval.name == name))
    }

    fn eval_of(&self, row: &Row<'_>) -> Result<StoredEval> {
        let problems: String = self.read(row.get(4))?;
        Ok(StoredEval {
            name: self.read(row.get(0))?,
            model: self.read(row.get(1))?,
            settings: self.read(row.get(2))?,
            samples: self.read(row.get(3))?,
            problems: self.parse(&problems)?,
            summary: self.read(row.get(5))?,
        })
    }
}
