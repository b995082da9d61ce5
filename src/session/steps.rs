//! How far work of several steps has come: the rounds of a plan of sampling, the steps of a recipe. What is written here is
//! opaque to the store.

use rusqlite::{OptionalExtension, params};

use super::{Result, Session};
use crate::records::{UnixMillis, now_millis};

/// A step that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredStep {
    pub name: String,
    /// JSON.
    pub outcome: String,
    /// Wall time of the call that ended it.
    pub seconds: f64,
}

impl Session {
    /// What each round of this plan wanted, first to last.
    pub fn rounds(&self, plan: &str) -> Result<Vec<Vec<u32>>> {
        let mut statement =
            self.read(self.connection.prepare_cached("SELECT wanted FROM rounds WHERE plan = ?1 ORDER BY round"))?;
        let texts = self.read(statement.query_map([plan], |row| row.get::<_, String>(0)))?;
        texts.map(|text| self.parse(&self.read(text)?)).collect()
    }

    /// Keeps the next round of a plan. Rounds are never changed.
    pub fn put_round(&self, plan: &str, round: usize, wanted: &[u32]) -> Result<()> {
        let wanted = self.json(&wanted)?;
        let sql = "INSERT INTO rounds (plan, round, wanted) VALUES (?1, ?2, ?3)";
        self.read(self.writable()?.execute(sql, params![plan, round as i64, wanted]))?;
        Ok(())
    }

    pub fn put_step(&self, step: &StoredStep) -> Result<()> {
        self.read(self.writable()?.execute(
            "INSERT OR REPLACE INTO steps (name, outcome, seconds, at) VALUES (?1, ?2, ?3, ?4)",
            params![step.name, step.outcome, step.seconds, now_millis()],
        ))?;
        Ok(())
    }

    /// How many steps are done, and when the last one was: changes when any of them does.
    pub fn steps_version(&self) -> Result<(i64, UnixMillis)> {
        self.read(
            self.connection.query_row("SELECT count(*), coalesce(max(at), 0) FROM steps", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            }),
        )
    }

    pub fn step(&self, name: &str) -> Result<Option<StoredStep>> {
        let mut statement =
            self.read(self.connection.prepare_cached("SELECT name, outcome, seconds FROM steps WHERE name = ?1"))?;
        let row = statement
            .query_row([name], |row| Ok(StoredStep { name: row.get(0)?, outcome: row.get(1)?, seconds: row.get(2)? }));
        self.read(row.optional())
    }
}
