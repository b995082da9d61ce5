//! Samples that were chosen for training: which, with what weights, and by what rule.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Session, SessionError};
use crate::records::{Selected, UnixMillis, now_millis};

/// A selection as it is stored, without its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSelection {
    pub seq: i64,
    /// As the person or the recipe calls it.
    pub name: String,
    /// Names what was chosen: the same samples and weights, the same hash.
    pub hash: String,
    /// The rule that chose, as JSON.
    pub rule: String,
    /// What it came to, as JSON.
    pub summary: String,
    pub at: UnixMillis,
}

const COLUMNS: &str = "seq, name, hash, rule, summary, at";

impl Session {
    /// Keeps a selection in one transaction, unless the newest of its name chose the same by the same rule.
    pub fn put_selection(&self, name: &str, hash: &str, rule: &str, summary: &str, chosen: &[Selected]) -> Result<()> {
        if self.selection(name)?.is_some_and(|known| known.hash == hash && known.rule == rule) {
            return Ok(());
        }
        let transaction = self.begin()?;
        self.read(transaction.execute(
            "INSERT INTO selections (name, hash, rule, summary, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![name, hash, rule, summary, now_millis()],
        ))?;
        let seq = transaction.last_insert_rowid();
        {
            let mut insert = self.read(transaction.prepare_cached(
                "INSERT INTO selected (selection, problem_id, draw, settings, weight) VALUES (?1, ?2, ?3, ?4, ?5)",
            ))?;
            for Selected { problem_id, draw, settings, weight } in chosen {
                self.read(insert.execute(params![seq, problem_id, draw, settings, weight]))?;
            }
        }
        self.read(transaction.commit())
    }

    /// The newest selection with this name or this hash.
    pub fn selection(&self, name: &str) -> Result<Option<StoredSelection>> {
        let sql =
            format!("SELECT {COLUMNS} FROM selections WHERE name = ?1 OR hash = ?1 ORDER BY name = ?1 DESC, seq DESC");
        let mut statement = self.read(self.connection.prepare_cached(&sql))?;
        self.read(statement.query_row([name], stored).optional())
    }

    /// All selections, oldest first.
    pub fn selections(&self) -> Result<Vec<StoredSelection>> {
        let mut statement =
            self.read(self.connection.prepare(&format!("SELECT {COLUMNS} FROM selections ORDER BY seq")))?;
        let rows = self.read(statement.query_map([], stored))?;
        rows.map(|row| self.read(row)).collect()
    }

    /// How much each chosen sample counts, by row number. One that is not here any more is an error.
    pub fn selected(&self, selection: &StoredSelection) -> Result<HashMap<i64, f32>> {
        let mut statement = self.read(self.connection.prepare(
            "SELECT m.id, s.weight, s.problem_id, s.draw FROM selected s LEFT JOIN samples m ON m.problem_id = s.problem_id \
             AND m.draw = s.draw AND m.settings = s.settings WHERE s.selection = ?1",
        ))?;
        let mut rows = self.read(statement.query([selection.seq]))?;
        let mut weights = HashMap::new();
        while let Some(row) = self.read(rows.next())? {
            let Some(id) = self.read(row.get::<_, Option<i64>>(0))? else {
                let (problem, draw): (String, u32) = (self.read(row.get(2))?, self.read(row.get(3))?);
                let line = format!("selection {}: sample {draw} of {problem} is not here", selection.name);
                return Err(SessionError::other(&self.dir, line));
            };
            weights.insert(id, self.read(row.get(1))?);
        }
        Ok(weights)
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredSelection> {
    Ok(StoredSelection {
        seq: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        rule: row.get(3)?,
        summary: row.get(4)?,
        at: row.get(5)?,
    })
}
