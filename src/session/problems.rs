//! Problems: added once, never changed.

use rusqlite::{OptionalExtension, params};

use super::{Added, Result, Session, SessionError};
use crate::records::Problem;

impl Session {
    /// Adds problems in one transaction. A known id with another text or answer is an error that names it.
    pub fn add_problems(&self, problems: &[Problem]) -> Result<Added> {
        self.add(problems, false)
    }

    /// Adds problems to score models on. One that is here to be learnt from is an error, and the other way round.
    pub fn hold_out(&self, problems: &[Problem]) -> Result<Added> {
        self.add(problems, true)
    }

    fn add(&self, problems: &[Problem], held_out: bool) -> Result<Added> {
        let transaction = self.begin()?;
        let mut added = Added::default();
        for problem in problems {
            match self.problem(&problem.id)? {
                Some(known) if known.text == problem.text && known.answer == problem.answer => {
                    if self.is_held_out(&problem.id)? != held_out {
                        return Err(SessionError::other(&self.dir, conflict(&problem.id, held_out)));
                    }
                    added.unchanged += 1;
                }
                Some(_) => {
                    return Err(SessionError::other(
                        &self.dir,
                        format!(
                            "problem {} is here already with another text or answer; give it another id, or use another session",
                            problem.id
                        ),
                    ));
                }
                None => {
                    let json = serde_json::to_string(problem)
                        .map_err(|error| SessionError::other(&self.dir, format!("problem {}: {error}", problem.id)))?;
                    let values = params![problem.id, problem.source, problem.level, problem.subject, json, held_out];
                    self.read(transaction.execute(
                        "INSERT INTO problems (id, source, level, subject, json, held_out) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        values,
                    ))?;
                    added.added += 1;
                }
            }
        }
        self.read(transaction.commit())?;
        Ok(added)
    }

    fn is_held_out(&self, id: &str) -> Result<bool> {
        self.read(self.connection.query_row("SELECT held_out FROM problems WHERE id = ?1", [id], |row| row.get(0)))
    }

    pub fn problem(&self, id: &str) -> Result<Option<Problem>> {
        let json: Option<String> = self.read(
            self.connection.query_row("SELECT json FROM problems WHERE id = ?1", [id], |row| row.get(0)).optional(),
        )?;
        json.map(|json| self.parse_problem(&json)).transpose()
    }

    /// All problems in the order in which they were added.
    pub fn problems(&self) -> Result<Vec<Problem>> {
        let mut statement = self.read(self.connection.prepare("SELECT json FROM problems ORDER BY seq"))?;
        let texts = self.read(statement.query_map([], |row| row.get::<_, String>(0)))?;
        texts.map(|json| self.parse_problem(&self.read(json)?)).collect()
    }

    /// Those of them that are trained on, not those that models are scored on.
    pub fn pool(&self) -> Result<Vec<Problem>> {
        let sql = "SELECT json FROM problems WHERE NOT held_out ORDER BY seq";
        let mut statement = self.read(self.connection.prepare(sql))?;
        let texts = self.read(statement.query_map([], |row| row.get::<_, String>(0)))?;
        texts.map(|json| self.parse_problem(&self.read(json)?)).collect()
    }

    /// The first problems whose id or text has these words in it, case of ASCII letters aside, with whether they are held out:
    /// one of just this id, then those that models are scored on, then the others.
    pub fn find_problems(&self, words: &str, most: usize) -> Result<Vec<(Problem, bool)>> {
        let words = words.trim().to_ascii_lowercase();
        let sql = "SELECT json, held_out FROM problems WHERE id = ?1 COLLATE NOCASE LIMIT 1";
        let mut statement = self.read(self.connection.prepare_cached(sql))?;
        let exact = statement.query_row([&words], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)));
        let mut found = Vec::new();
        if let Some((json, held_out)) = self.read(exact.optional())? {
            found.push((self.parse_problem(&json)?, held_out));
        }
        // Only what has the words anywhere is looked into, which is many times faster. Backslashes and quotes stand escaped there.
        let written = self.json(&words)?;
        let (anywhere, said) = (pattern(&written[1..written.len() - 1]), pattern(&words));
        let sql = "SELECT json FROM problems WHERE held_out = ?1 AND json LIKE ?2 ESCAPE '!' \
                   AND id != ?5 COLLATE NOCASE AND (id LIKE ?3 ESCAPE '!' OR json_extract(json, '$.problem') LIKE ?3 ESCAPE '!') ORDER BY seq LIMIT ?4";
        let mut statement = self.read(self.connection.prepare_cached(sql))?;
        for held_out in [true, false] {
            let left = most.saturating_sub(found.len()) as i64;
            let values = params![held_out, anywhere, said, left, words];
            let texts = self.read(statement.query_map(values, |row| row.get::<_, String>(0)))?;
            for json in texts {
                found.push((self.parse_problem(&self.read(json)?)?, held_out));
            }
        }
        Ok(found)
    }

    fn parse_problem(&self, json: &str) -> Result<Problem> {
        serde_json::from_str(json)
            .map_err(|error| SessionError::other(&self.dir, format!("a stored problem cannot be read: {error}")))
    }
}

/// What LIKE finds a text by, wherever it stands.
fn pattern(text: &str) -> String {
    format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

/// Why a problem cannot be both.
fn conflict(id: &str, to_be_held_out: bool) -> String {
    let (here, asked) =
        if to_be_held_out { ("to be learnt from", "scored on") } else { ("to score models on", "learnt from") };
    format!("problem {id} is in this session {here}, so it cannot be {asked}; take another session for that")
}
