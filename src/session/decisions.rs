//! What a person decided: appended to the store and to `decisions.jsonl`, each of which can be mended from the other.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{Result, SampleRow, Session, SessionError};
use crate::records::{Decision, DecisionVerb, Standing, now_millis};

const LOG: &str = "decisions.jsonl";
const COLUMNS: &str = "id, problem_id, draw, settings, verb, reason, note, undoes, by, at, batch";

impl Session {
    /// Appends a decision; it is on the disk, in the store and in `decisions.jsonl`, when this returns.
    pub fn decide(
        &self,
        sample: i64,
        verb: DecisionVerb,
        reason: Option<&str>,
        note: Option<&str>,
    ) -> Result<Decision> {
        self.writable()?;
        let decision = decision_on(self.there(sample)?, verb, reason, note, None);
        self.append(std::slice::from_ref(&decision))?;
        Ok(decision)
    }

    /// Decides on many samples at once: all are stored, or none, and one undo takes all of them back. Returns how many.
    pub fn decide_all(&self, samples: &[i64], verb: DecisionVerb, reason: Option<&str>) -> Result<usize> {
        self.writable()?;
        let batch = new_id();
        let decisions: Vec<Decision> = samples
            .iter()
            .map(|sample| Ok(decision_on(self.there(*sample)?, verb, reason, None, Some(&batch))))
            .collect::<Result<_>>()?;
        self.append(&decisions)?;
        Ok(decisions.len())
    }

    /// Decides at once on those of these samples that nobody has decided on, whoever decides meanwhile: all are stored, or none,
    /// and one undo takes all of them back. Returns what was decided.
    pub fn decide_where_open(
        &self,
        samples: &[(i64, DecisionVerb)],
        reason: Option<&str>,
    ) -> Result<Vec<DecisionVerb>> {
        self.durably(|| {
            let turn = self.begin()?;
            let batch = new_id();
            let mut decisions = Vec::new();
            for (sample, verb) in samples {
                let row = self.there(*sample)?;
                if row.standing.verb.is_none() {
                    decisions.push(decision_on(row, *verb, reason, None, Some(&batch)));
                }
            }
            if !decisions.is_empty() {
                self.write(turn, &decisions)?;
            }
            Ok(decisions.into_iter().map(|decision| decision.verb).collect())
        })
    }

    fn there(&self, sample: i64) -> Result<SampleRow> {
        let row = self.sample_row(sample)?;
        row.ok_or_else(|| SessionError::other(&self.dir, format!("there is no sample {sample}")))
    }

    /// Takes back this person's latest decision that was not taken back, with all that were made at once with it; returns
    /// it, the sample's row number, and how many were taken back.
    pub fn undo(&self) -> Result<Option<(Decision, i64, usize)>> {
        self.durably(|| self.undo_last())
    }

    fn undo_last(&self) -> Result<Option<(Decision, i64, usize)>> {
        // Two processes of one person must not take back the same decision.
        let turn = self.begin()?;
        let last = self.query_decisions(
            &format!(
                "SELECT {COLUMNS} FROM decisions d WHERE by = ?1 AND verb <> 'undo' \
                 AND NOT EXISTS (SELECT 1 FROM decisions u WHERE u.undoes = d.id) \
                 AND EXISTS (SELECT 1 FROM samples m WHERE m.problem_id = d.problem_id AND m.draw = d.draw \
                             AND m.settings = d.settings) \
                 ORDER BY seq DESC LIMIT 1"
            ),
            params![person()],
        )?;
        let Some(taken_back) = last.into_iter().next() else { return Ok(None) };
        let together = match &taken_back.batch {
            None => vec![taken_back.clone()],
            Some(batch) => self.query_decisions(
                &format!(
                    "SELECT {COLUMNS} FROM decisions d WHERE batch = ?1 AND verb <> 'undo' \
                     AND NOT EXISTS (SELECT 1 FROM decisions u WHERE u.undoes = d.id) ORDER BY seq"
                ),
                params![batch],
            )?,
        };
        let undos: Vec<Decision> = together
            .iter()
            .map(|decision| Decision {
                id: new_id(),
                verb: DecisionVerb::Undo,
                reason: None,
                note: None,
                undoes: Some(decision.id.clone()),
                by: person(),
                at: now_millis(),
                ..decision.clone()
            })
            .collect();
        self.write(turn, &undos)?;
        let row: i64 = self.read(self.connection.query_row(
            "SELECT id FROM samples WHERE problem_id = ?1 AND draw = ?2 AND settings = ?3",
            params![taken_back.problem_id, taken_back.draw, taken_back.settings],
            |row| row.get(0),
        ))?;
        Ok(Some((taken_back, row, undos.len())))
    }

    /// The whole log, oldest first.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        self.query_decisions(&format!("SELECT {COLUMNS} FROM decisions ORDER BY seq"), [])
    }

    /// The samples decided on after this place in the log, each once, and the place of the last one; 0 is the beginning.
    pub fn decided_after(&self, place: i64) -> Result<(i64, Vec<i64>)> {
        let mut statement = self.read(self.connection.prepare_cached(
            "SELECT d.seq, m.id FROM decisions d LEFT JOIN samples m \
             ON m.problem_id = d.problem_id AND m.draw = d.draw AND m.settings = d.settings WHERE d.seq > ?1 ORDER BY d.seq",
        ))?;
        let mut rows = self.read(statement.query([place]))?;
        let (mut last, mut samples) = (place, Vec::new());
        while let Some(row) = self.read(rows.next())? {
            last = self.read(row.get(0))?;
            samples.extend(self.read(row.get::<_, Option<i64>>(1))?);
        }
        samples.sort_unstable();
        samples.dedup();
        Ok((last, samples))
    }

    /// Where a sample stands after all its decisions.
    pub fn standing(&self, sample: i64) -> Result<Standing> {
        Ok(self.sample_row(sample)?.map(|row| row.standing).unwrap_or_default())
    }

    /// Writes decisions to both places, all or none. The log file is written while the store's write lock is held, so that
    /// processes take turns, and is cut back if the store then refuses.
    fn append(&self, decisions: &[Decision]) -> Result<()> {
        self.durably(|| self.write(self.begin()?, decisions))
    }

    /// Does something of which the commit is on the disk when this returns.
    fn durably<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let connection = self.writable()?;
        self.read(connection.pragma_update(None, "synchronous", "FULL"))?;
        let done = work();
        self.read(connection.pragma_update(None, "synchronous", "NORMAL"))?;
        done
    }

    fn write(&self, transaction: Transaction<'_>, decisions: &[Decision]) -> Result<()> {
        let mut line = String::new();
        for decision in decisions {
            self.insert_decision(&transaction, decision)?;
            self.settle(&transaction, decision)?;
            line.push_str(&self.json(decision)?);
            line.push('\n');
        }
        let mut file = self.log(OpenOptions::new().create(true).append(true))?;
        let before = self.io(file.metadata())?.len();
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        let outcome = written.map_err(|error| self.io_error(&error)).and_then(|()| {
            self.note_length(&transaction, before + line.len() as u64)?;
            self.read(transaction.execute_batch("COMMIT"))
        });
        // While the store's lock is still held: after it another process may have appended.
        if outcome.is_err() {
            // Best effort: what cannot be cut back is dropped as a torn or foreign line when the session is opened.
            let _ = file.set_len(before);
        }
        outcome
    }

    fn insert_decision(&self, transaction: &Transaction<'_>, decision: &Decision) -> Result<bool> {
        let added = self.read(transaction.execute(
            &format!(
                "INSERT OR IGNORE INTO decisions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            params![
                decision.id,
                decision.problem_id,
                decision.draw,
                decision.settings,
                self.verb_text(decision.verb)?,
                decision.reason,
                decision.note,
                decision.undoes,
                decision.by,
                decision.at,
                decision.batch
            ],
        ))?;
        Ok(added == 1)
    }

    /// Works out anew where the sample of this decision stands.
    fn settle(&self, transaction: &Transaction<'_>, decision: &Decision) -> Result<()> {
        let key = params![decision.problem_id, decision.draw, decision.settings];
        let log = self.query_decisions(
            &format!(
                "SELECT {COLUMNS} FROM decisions WHERE problem_id = ?1 AND draw = ?2 AND settings = ?3 ORDER BY seq"
            ),
            key,
        )?;
        let standing = stand(&log);
        let verb = standing.verb.map(|verb| self.verb_text(verb)).transpose()?;
        self.read(transaction.execute(
            "INSERT OR REPLACE INTO standings (problem_id, draw, settings, verb, reason, flagged, note) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                decision.problem_id,
                decision.draw,
                decision.settings,
                verb,
                standing.reason,
                standing.flagged,
                standing.note
            ],
        ))?;
        Ok(())
    }

    /// Brings store and log file together: each gets what only the other has; a torn last line is cut off.
    pub(super) fn recover_decisions(&self) -> Result<()> {
        let path = self.dir.join(LOG);
        let length = std::fs::metadata(&path).map_or(0, |data| data.len());
        let noted: Option<i64> = self.read(
            self.connection
                .query_row("SELECT value FROM meta WHERE key = 'decisions_bytes'", [], |row| row.get(0))
                .optional(),
        )?;
        if noted.unwrap_or(0) as u64 == length {
            return Ok(());
        }
        let transaction = self.read(Transaction::new_unchecked(self.writable()?, TransactionBehavior::Immediate))?;
        let mut file = self.log(OpenOptions::new().create(true).read(true).append(true))?;
        let mut bytes = Vec::new();
        self.io(file.read_to_end(&mut bytes))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            self.io(file.set_len(whole as u64))?;
        }
        let logged: Vec<Decision> =
            bytes[..whole].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        for decision in &logged {
            if self.insert_decision(&transaction, decision)? {
                self.settle(&transaction, decision)?;
            }
        }
        let known: HashSet<&str> = logged.iter().map(|decision| decision.id.as_str()).collect();
        let mut missing = String::new();
        for decision in self.decisions()? {
            if !known.contains(decision.id.as_str()) {
                missing.push_str(&self.json(&decision)?);
                missing.push('\n');
            }
        }
        self.io(file.seek(SeekFrom::End(0)))?;
        self.io(file.write_all(missing.as_bytes()).and_then(|()| file.sync_data()))?;
        self.note_length(&transaction, (whole + missing.len()) as u64)?;
        self.read(transaction.commit())
    }

    fn note_length(&self, transaction: &Transaction<'_>, bytes: u64) -> Result<()> {
        self.read(transaction.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('decisions_bytes', ?1)",
            params![bytes as i64],
        ))?;
        Ok(())
    }

    fn query_decisions(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Decision>> {
        let mut statement = self.read(self.connection.prepare_cached(sql))?;
        let mut rows = self.read(statement.query(values))?;
        let mut found = Vec::new();
        while let Some(row) = self.read(rows.next())? {
            found.push(self.decision(row)?);
        }
        Ok(found)
    }

    fn decision(&self, row: &Row<'_>) -> Result<Decision> {
        let verb: String = self.read(row.get(4))?;
        Ok(Decision {
            id: self.read(row.get(0))?,
            problem_id: self.read(row.get(1))?,
            draw: self.read(row.get(2))?,
            settings: self.read(row.get(3))?,
            verb: self.parse_verb(&verb)?,
            reason: self.read(row.get(5))?,
            note: self.read(row.get(6))?,
            undoes: self.read(row.get(7))?,
            by: self.read(row.get(8))?,
            at: self.read(row.get(9))?,
            batch: self.read(row.get(10))?,
        })
    }

    pub(super) fn parse_verb(&self, verb: &str) -> Result<DecisionVerb> {
        self.parse(&format!("\"{verb}\""))
    }

    fn verb_text(&self, verb: DecisionVerb) -> Result<String> {
        Ok(self.json(&verb)?.trim_matches('"').to_owned())
    }

    fn log(&self, options: &mut OpenOptions) -> Result<File> {
        self.io(options.open(self.dir.join(LOG)))
    }

    pub(super) fn io<T>(&self, result: std::io::Result<T>) -> Result<T> {
        result.map_err(|error| self.io_error(&error))
    }

    pub(super) fn io_error(&self, error: &std::io::Error) -> SessionError {
        match error.kind() {
            std::io::ErrorKind::StorageFull => {
                SessionError::other(&self.dir, "the disk is full; what was stored is safe, make room and try again")
            }
            _ => SessionError::other(&self.dir, error.to_string()),
        }
    }
}

/// This person's decision on a sample.
fn decision_on(
    row: SampleRow,
    verb: DecisionVerb,
    reason: Option<&str>,
    note: Option<&str>,
    batch: Option<&str>,
) -> Decision {
    Decision {
        id: new_id(),
        problem_id: row.problem_id,
        draw: row.draw,
        settings: row.settings,
        verb,
        reason: reason.map(str::to_owned),
        note: note.map(str::to_owned),
        undoes: None,
        batch: batch.map(str::to_owned),
        by: person(),
        at: now_millis(),
    }
}

/// Where a sample stands after these decisions, oldest first.
fn stand(log: &[Decision]) -> Standing {
    let undone: HashSet<&str> = log.iter().filter_map(|decision| decision.undoes.as_deref()).collect();
    let mut standing = Standing::default();
    for decision in log.iter().filter(|decision| !undone.contains(decision.id.as_str())) {
        match decision.verb {
            DecisionVerb::Accept | DecisionVerb::Reject | DecisionVerb::Skip => {
                standing.verb = Some(decision.verb);
                standing.reason.clone_from(&decision.reason);
            }
            DecisionVerb::Flag => standing.flagged = true,
            DecisionVerb::Unflag => standing.flagged = false,
            DecisionVerb::Note => standing.note = decision.note.clone().filter(|note| !note.is_empty()),
            DecisionVerb::Undo => {}
        }
    }
    standing
}

/// Unique over processes and hosts: time, process, count, and a little of the system's randomness.
fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{count:x}-{:x}", now_millis(), std::process::id(), rand::random::<u32>())
}

/// The login name of the person at the keys.
pub(super) fn person() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "unknown".into())
}
