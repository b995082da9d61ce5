//! Samples as rows of a list: everything but their text.

use rusqlite::Row;

use super::{Result, SampleRow, Session};
use crate::records::Standing;

const SELECT: &str = "SELECT m.id, m.problem_id, p.source, p.level, p.subject, m.draw, m.settings, m.strategies, \
     m.tags, m.answer, m.correct, m.finish, m.tokens, m.seconds, m.created_at, s.verb, s.reason, s.flagged, s.note, \
     v.accepted, v.failed, x.traits, p.held_out FROM samples m JOIN problems p ON p.id = m.problem_id \
     LEFT JOIN standings s ON s.problem_id = m.problem_id AND s.draw = m.draw AND s.settings = m.settings \
     LEFT JOIN verdicts v ON v.sample = m.id LEFT JOIN measures x ON x.sample = m.id";

impl Session {
    /// All rows, oldest first, with their standing. Text is not loaded.
    pub fn sample_rows(&self) -> Result<Vec<SampleRow>> {
        self.sample_rows_after(i64::MIN)
    }

    /// Rows with an id above this one; for following a session that grows.
    pub fn sample_rows_after(&self, id: i64) -> Result<Vec<SampleRow>> {
        self.select(&format!("{SELECT} WHERE m.id > ?1 ORDER BY m.id"), id)
    }

    pub(super) fn sample_row(&self, id: i64) -> Result<Option<SampleRow>> {
        Ok(self.select(&format!("{SELECT} WHERE m.id = ?1"), id)?.pop())
    }

    fn select(&self, sql: &str, id: i64) -> Result<Vec<SampleRow>> {
        let mut statement = self.read(self.connection.prepare_cached(sql))?;
        let mut rows = self.read(statement.query([id]))?;
        let mut found = Vec::new();
        while let Some(row) = self.read(rows.next())? {
            found.push(self.row(row)?);
        }
        Ok(found)
    }

    fn row(&self, row: &Row<'_>) -> Result<SampleRow> {
        let text = |index: usize| self.read(row.get::<_, String>(index));
        let verb: Option<String> = self.read(row.get(15))?;
        Ok(SampleRow {
            id: self.read(row.get(0))?,
            problem_id: text(1)?,
            source: text(2)?,
            held_out: self.read(row.get(22))?,
            level: self.read(row.get(3))?,
            subject: self.read(row.get(4))?,
            draw: self.read(row.get(5))?,
            settings: text(6)?,
            strategies: self.parse(&text(7)?)?,
            tags: self.parse(&text(8)?)?,
            answer: self.read(row.get(9))?,
            correct: self.read(row.get(10))?,
            finish: self.parse(&text(11)?)?,
            tokens: self.read(row.get::<_, i64>(12))? as usize,
            seconds: self.read(row.get(13))?,
            created_at: self.read(row.get(14))?,
            standing: Standing {
                verb: verb.map(|verb| self.parse_verb(&verb)).transpose()?,
                reason: self.read(row.get(16))?,
                flagged: self.read(row.get::<_, Option<bool>>(17))?.unwrap_or_default(),
                note: self.read(row.get(18))?,
            },
            accepted: self.read(row.get(19))?,
            failed: match self.read(row.get::<_, Option<String>>(20))? {
                Some(failed) => self.parse(&failed)?,
                None => Vec::new(),
            },
            traits: match self.read(row.get::<_, Option<String>>(21))? {
                Some(traits) => self.parse(&traits)?,
                None => Vec::new(),
            },
        })
    }
}
