//! What the filter measured and said, as opaque JSON: the store does not know the rules.

use rusqlite::{OptionalExtension, params};

use super::{Result, Session};
use crate::records::{Chain, EDITED, FinishReason, TurnKind, UnixMillis, now_millis};

/// What the filter needs of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterInput {
    pub id: i64,
    pub chain: Chain,
    /// [`FinishReason::Length`] if any turn was cut off.
    pub finish: FinishReason,
    /// About how many the chain has.
    pub tokens: usize,
    pub guidance: Vec<String>,
}

/// A sample's place among those of its problem, and what it was measured under, if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterPlace {
    pub id: i64,
    pub problem_id: String,
    pub settings: String,
    pub measuring: Option<String>,
}

/// What the filter measured of one sample, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMeasure {
    pub id: i64,
    /// The answer that was graded, and whether it is right: a newer grader corrects what the sample was stored with.
    pub answer: Option<String>,
    pub correct: Option<bool>,
    /// JSON list of words.
    pub traits: String,
    pub json: String,
}

/// What the filter said of one sample, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVerdict {
    pub id: i64,
    pub accepted: bool,
    /// JSON list of rule names.
    pub failed: String,
    /// JSON list of the verdicts across samples.
    pub across: String,
}

/// A sample that the filter judged, and whether a person decided on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewable {
    pub id: i64,
    pub problem_id: String,
    pub draw: u32,
    pub decided: bool,
}

/// A run of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtering {
    pub seq: i64,
    pub hash: String,
    /// All thresholds, as TOML.
    pub settings: String,
    /// JSON.
    pub summary: String,
    pub at: UnixMillis,
}

impl Session {
    /// The samples that can be judged, by (problem, draw, settings), whatever the order of their arrival: all but those that
    /// were drawn for problems to be scored on.
    pub fn filter_places(&self) -> Result<Vec<FilterPlace>> {
        let mut statement = self.read(self.connection.prepare(
            "SELECT m.id, m.problem_id, m.settings, x.measuring FROM samples m LEFT JOIN measures x ON x.sample = m.id \
             JOIN problems p ON p.id = m.problem_id WHERE NOT p.held_out ORDER BY m.problem_id, m.draw, m.settings",
        ))?;
        let rows = self.read(statement.query_map([], |row| {
            Ok(FilterPlace { id: row.get(0)?, problem_id: row.get(1)?, settings: row.get(2)?, measuring: row.get(3)? })
        }))?;
        rows.map(|row| self.read(row)).collect()
    }

    /// What the filter judged of the samples drawn under these settings, in order of rows.
    pub fn reviewable(&self, settings: &str) -> Result<Vec<Reviewable>> {
        let mut statement = self.read(self.connection.prepare_cached(
            "SELECT m.id, m.problem_id, m.draw, s.verb IS NOT NULL FROM samples m JOIN verdicts v ON v.sample = m.id \
             LEFT JOIN standings s ON s.problem_id = m.problem_id AND s.draw = m.draw AND s.settings = m.settings \
             WHERE m.settings = ?1 ORDER BY m.id",
        ))?;
        let rows = self.read(statement.query_map([settings], |row| {
            Ok(Reviewable { id: row.get(0)?, problem_id: row.get(1)?, draw: row.get(2)?, decided: row.get(3)? })
        }))?;
        rows.map(|row| self.read(row)).collect()
    }

    /// How many of those a person has decided on: costs as much as there are decisions, however many samples there are.
    pub fn reviewed(&self, settings: &str) -> Result<usize> {
        let sql = "SELECT count(*) FROM standings s JOIN samples m ON m.problem_id = s.problem_id AND m.draw = s.draw \
             AND m.settings = s.settings JOIN verdicts v ON v.sample = m.id WHERE s.settings = ?1 AND s.verb IS NOT NULL";
        self.read(self.connection.query_row(sql, [settings], |row| row.get::<_, i64>(0))).map(|count| count as usize)
    }

    /// Everything that the filter looks at in a sample.
    pub fn filter_input(&self, id: i64) -> Result<FilterInput> {
        let mut statement = self.read(self.connection.prepare_cached(
            "SELECT m.finish, c.json, m.tags FROM samples m JOIN chains c ON c.sample = m.id WHERE m.id = ?1",
        ))?;
        let (finish, chain, tags): (String, String, String) =
            self.read(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))?;
        let (mut finish, chain): (FinishReason, Chain) = (self.parse(&finish)?, self.parse(&chain)?);
        let edited = self.parse::<Vec<String>>(&tags)?.iter().any(|tag| tag == EDITED);
        let (mut guidance, mut lengths) = (Vec::new(), Vec::new());
        for turn in self.turns(id)? {
            lengths.push((turn.tokens, turn.text.len()));
            if turn.kind == TurnKind::Guidance {
                guidance.push(turn.text);
            }
            // A turn that was cut off anywhere leaves a hole in the chain, unless a person has mended it.
            if !edited && turn.finish.is_some_and(|ended| ended == FinishReason::Length) {
                finish = FinishReason::Length;
            }
        }
        let tokens = chain.tokens(&lengths);
        Ok(FilterInput { id, chain, finish, tokens, guidance })
    }

    /// Keeps measures in one transaction, and the grade that they hold with the sample.
    pub fn put_measures(&self, measuring: &str, measures: &[StoredMeasure]) -> Result<()> {
        let transaction = self.begin()?;
        {
            let mut insert = self.read(transaction.prepare_cached(
                "INSERT OR REPLACE INTO measures (sample, measuring, json, traits) VALUES (?1, ?2, ?3, ?4)",
            ))?;
            let mut grade = self.read(transaction.prepare_cached(
                "UPDATE samples SET answer = ?2, correct = ?3 WHERE id = ?1 AND (answer IS NOT ?2 OR correct IS NOT ?3)",
            ))?;
            for StoredMeasure { id, answer, correct, traits, json } in measures {
                self.read(insert.execute(params![id, measuring, json, traits]))?;
                self.read(grade.execute(params![id, answer, correct]))?;
            }
        }
        self.read(transaction.commit())
    }

    /// Measures of one sample, as JSON.
    pub fn measure_of(&self, sample: i64) -> Result<Option<String>> {
        let mut statement = self.read(self.connection.prepare_cached("SELECT json FROM measures WHERE sample = ?1"))?;
        self.read(statement.query_row([sample], |row| row.get(0)).optional())
    }

    /// The measures of those samples, in the order of [`Session::filter_places`].
    pub fn measures(&self) -> Result<Vec<(i64, String)>> {
        let mut statement = self.read(self.connection.prepare(
            "SELECT m.id, x.json FROM samples m JOIN measures x ON x.sample = m.id \
             JOIN problems p ON p.id = m.problem_id WHERE NOT p.held_out ORDER BY m.problem_id, m.draw, m.settings",
        ))?;
        let rows = self.read(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))))?;
        rows.map(|row| self.read(row)).collect()
    }

    pub fn verdicts(&self) -> Result<Vec<StoredVerdict>> {
        let mut statement = self
            .read(self.connection.prepare("SELECT sample, accepted, failed, across FROM verdicts ORDER BY sample"))?;
        let rows = self.read(statement.query_map([], stored))?;
        rows.map(|row| self.read(row)).collect()
    }

    pub fn verdict_of(&self, sample: i64) -> Result<Option<StoredVerdict>> {
        let mut statement = self.read(
            self.connection.prepare_cached("SELECT sample, accepted, failed, across FROM verdicts WHERE sample = ?1"),
        )?;
        self.read(statement.query_row([sample], stored).optional())
    }

    /// Ends a run of the filter: what changed of the verdicts, and the settings that are now in force, in one transaction.
    pub fn put_filtering(&self, hash: &str, settings: &str, summary: &str, changed: &[StoredVerdict]) -> Result<()> {
        let transaction = self.begin()?;
        {
            let mut insert = self.read(transaction.prepare_cached(
                "INSERT OR REPLACE INTO verdicts (sample, accepted, failed, across) VALUES (?1, ?2, ?3, ?4)",
            ))?;
            for verdict in changed {
                let StoredVerdict { id, accepted, failed, across } = verdict;
                self.read(insert.execute(params![id, accepted, failed, across]))?;
            }
        }
        self.read(transaction.execute(
            "INSERT INTO filterings (hash, settings, summary, at) VALUES (?1, ?2, ?3, ?4)",
            params![hash, settings, summary, now_millis()],
        ))?;
        self.read(transaction.commit())
    }

    /// The settings in force and what they came to.
    pub fn filtering(&self) -> Result<Option<Filtering>> {
        let mut statement = self.read(
            self.connection
                .prepare_cached("SELECT seq, hash, settings, summary, at FROM filterings ORDER BY seq DESC LIMIT 1"),
        )?;
        let row = statement.query_row([], |row| {
            Ok(Filtering {
                seq: row.get(0)?,
                hash: row.get(1)?,
                settings: row.get(2)?,
                summary: row.get(3)?,
                at: row.get(4)?,
            })
        });
        self.read(row.optional())
    }
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredVerdict> {
    Ok(StoredVerdict { id: row.get(0)?, accepted: row.get(1)?, failed: row.get(2)?, across: row.get(3)? })
}
