//! Samples: one transaction each, unique by (problem, draw, settings).

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Extras, Result, Session, SessionError};
use crate::records::{Sample, SampleSettings, Turn, now_millis};

impl Session {
    /// Samples drawn under these settings to learn from, right ones among them, and tokens of all.
    pub fn drawn(&self, settings: &str) -> Result<(usize, usize, u64)> {
        let sql = "SELECT count(*), coalesce(sum(m.correct = 1), 0), coalesce(sum(m.tokens), 0) FROM samples m \
             JOIN problems p ON p.id = m.problem_id WHERE m.settings = ?1 AND NOT p.held_out";
        self.read(self.connection.query_row(sql, [settings], |row| {
            Ok((row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)? as usize, row.get::<_, i64>(2)? as u64))
        }))
    }

    /// Keeps the settings under their hash; the same hash twice is fine. `provenance`: versions, host, template text.
    pub fn put_settings(&self, settings: &SampleSettings, provenance: &serde_json::Value) -> Result<String> {
        let hash = settings.hash();
        let json = self.json(settings)?;
        self.read(self.writable()?.execute(
            "INSERT OR IGNORE INTO settings (hash, json, provenance, at) VALUES (?1, ?2, ?3, ?4)",
            params![hash, json, provenance.to_string(), now_millis()],
        ))?;
        Ok(hash)
    }

    pub fn settings(&self, hash: &str) -> Result<Option<SampleSettings>> {
        let json: Option<String> = self.read(
            self.connection.query_row("SELECT json FROM settings WHERE hash = ?1", [hash], |row| row.get(0)).optional(),
        )?;
        json.map(|json| self.parse(&json)).transpose()
    }

    /// All settings that samples were drawn under, newest first.
    pub fn all_settings(&self) -> Result<Vec<SampleSettings>> {
        let mut statement =
            self.read(self.connection.prepare("SELECT json FROM settings ORDER BY at DESC, rowid DESC"))?;
        let texts = self.read(statement.query_map([], |row| row.get::<_, String>(0)))?;
        texts.map(|json| self.parse(&self.read(json)?)).collect()
    }

    /// The draws that exist under these settings: (problem id, draw).
    pub fn draws(&self, settings: &str) -> Result<HashSet<(String, u32)>> {
        let mut statement =
            self.read(self.connection.prepare("SELECT problem_id, draw FROM samples WHERE settings = ?1"))?;
        let draws = self.read(statement.query_map([settings], |row| Ok((row.get(0)?, row.get(1)?))))?;
        draws.map(|draw| self.read(draw)).collect()
    }

    /// Stores a sample in one transaction. Returns false if its (problem, draw, settings) was there already.
    pub fn add_sample(&self, sample: &Sample) -> Result<bool> {
        let transaction = self.begin()?;
        let added = self.insert_sample(&transaction, sample)?.is_some();
        self.read(transaction.commit())?;
        Ok(added)
    }

    /// Stores samples that were made elsewhere, all in one transaction. Returns how many were not there already.
    pub fn add_samples(&self, samples: &[Sample]) -> Result<usize> {
        let none = Extras::new();
        self.add_samples_with(samples.iter().map(|sample| (sample, &none)))
    }

    /// Returns the sample's row, or `None` if its (problem, draw, settings) was there already.
    pub(super) fn insert_sample(&self, transaction: &Transaction, sample: &Sample) -> Result<Option<i64>> {
        let strategies = self.json(&sample.strategies().collect::<Vec<_>>())?;
        let tags = self.json(&sample.tags)?;
        let finish = self.json(&sample.finish)?;
        let chain = self.json(&sample.chain)?;
        let added = self.read(transaction.execute(
            "INSERT INTO samples (problem_id, draw, settings, strategies, tags, answer, correct, finish, tokens, seconds, \
             created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (problem_id, draw, settings) DO NOTHING",
            params![
                sample.problem_id,
                sample.draw,
                sample.settings,
                strategies,
                tags,
                sample.answer,
                sample.correct,
                finish,
                sample.tokens as i64,
                sample.seconds,
                sample.created_at
            ],
        ))?;
        if added == 0 {
            return Ok(None);
        }
        let row = transaction.last_insert_rowid();
        self.read(transaction.execute("INSERT INTO chains (sample, json) VALUES (?1, ?2)", params![row, chain]))?;
        {
            let mut insert = self.read(transaction.prepare_cached(
                "INSERT INTO turns (sample, position, kind, strategy, text, token_ids, tokens, finish, logprob) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            ))?;
            for (position, turn) in sample.turns.iter().enumerate() {
                let kind = self.json(&turn.kind)?;
                let finish = turn.finish.map(|finish| self.json(&finish)).transpose()?;
                let ids: Vec<u8> = turn.token_ids.iter().flat_map(|id| id.to_le_bytes()).collect();
                let tokens = turn.tokens as i64;
                self.read(insert.execute(params![
                    row,
                    position as i64,
                    kind,
                    turn.strategy,
                    turn.text,
                    ids,
                    tokens,
                    finish,
                    turn.logprob
                ]))?;
            }
        }
        Ok(Some(row))
    }

    /// A sample with its turns and its chain, by row number.
    pub fn sample(&self, id: i64) -> Result<Option<Sample>> {
        let Some(row) = self.sample_row(id)? else { return Ok(None) };
        let chain: String =
            self.read(self.connection.query_row("SELECT json FROM chains WHERE sample = ?1", [id], |row| row.get(0)))?;
        Ok(Some(Sample {
            problem_id: row.problem_id,
            draw: row.draw,
            settings: row.settings,
            turns: self.turns(id)?,
            chain: self.parse(&chain)?,
            tags: row.tags,
            finish: row.finish,
            answer: row.answer,
            correct: row.correct,
            tokens: row.tokens,
            seconds: row.seconds,
            created_at: row.created_at,
        }))
    }

    pub(super) fn turns(&self, sample: i64) -> Result<Vec<Turn>> {
        let mut statement = self.read(self.connection.prepare_cached(
            "SELECT kind, strategy, text, token_ids, tokens, finish, logprob FROM turns WHERE sample = ?1 ORDER BY position",
        ))?;
        let mut rows = self.read(statement.query([sample]))?;
        let mut turns = Vec::new();
        while let Some(row) = self.read(rows.next())? {
            let kind: String = self.read(row.get(0))?;
            let ids: Vec<u8> = self.read(row.get(3))?;
            let finish: Option<String> = self.read(row.get(5))?;
            turns.push(Turn {
                kind: self.parse(&kind)?,
                strategy: self.read(row.get(1))?,
                text: self.read(row.get(2))?,
                token_ids: ids.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect(),
                tokens: self.read(row.get::<_, i64>(4))? as usize,
                finish: finish.map(|finish| self.parse(&finish)).transpose()?,
                logprob: self.read(row.get(6))?,
            });
        }
        Ok(turns)
    }

    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<String> {
        serde_json::to_string(value).map_err(|error| SessionError::other(&self.dir, error.to_string()))
    }

    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self, json: &str) -> Result<T> {
        serde_json::from_str(json)
            .map_err(|error| SessionError::other(&self.dir, format!("a stored value cannot be read: {error}")))
    }
}
