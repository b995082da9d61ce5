//! What servers have counted of the work for a session, by who wrote. Kept over calls, so that a budget is one of the session.

use rusqlite::{Row, params};

use super::{Result, Session};
use crate::records::Spent;

/// More of anything is never kept, so that sums of what servers say stay numbers.
const MOST: i64 = 1_000_000_000_000_000;

impl Session {
    /// Adds to what a writer has used. `writer`: the model's name and where it is asked, never a key. `cost`: USD, at the price of
    /// this work; 0 where none is known.
    pub fn spend(&self, writer: &str, new: Spent, cost: f64) -> Result<()> {
        let Spent { calls, prompt_tokens, completion_tokens } = new;
        let column = |count: u64| i64::try_from(count).unwrap_or(MOST).min(MOST);
        let sql = "INSERT INTO spending (writer, calls, prompt_tokens, completion_tokens, cost) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (writer) DO UPDATE SET calls = min(calls + excluded.calls, ?6), \
             prompt_tokens = min(prompt_tokens + excluded.prompt_tokens, ?6), \
             completion_tokens = min(completion_tokens + excluded.completion_tokens, ?6), \
             cost = min(cost + excluded.cost, ?6)";
        let (calls, prompt, completion) = (column(calls), column(prompt_tokens), column(completion_tokens));
        let values = params![writer, calls, prompt, completion, cost.min(MOST as f64), MOST];
        self.read(self.writable()?.execute(sql, values))?;
        Ok(())
    }

    /// What a writer has used and what that cost, or with `None` all of them together. Nothing in a session that is older than the
    /// count.
    pub fn spent(&self, writer: Option<&str>) -> Result<(Spent, f64)> {
        let there = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'spending')";
        if !self.read(self.connection.query_row(there, [], |row| row.get::<_, bool>(0)))? {
            return Ok((Spent::default(), 0.0));
        }
        let mut statement = self.read(self.connection.prepare_cached(
            "SELECT calls, prompt_tokens, completion_tokens, cost FROM spending WHERE ?1 IS NULL OR writer = ?1",
        ))?;
        let rows = self.read(statement.query_map([writer], row))?;
        rows.map(|row| self.read(row)).try_fold((Spent::default(), 0.0), |(sum, cost), row| {
            let (spent, of_it) = row?;
            Ok((sum.plus(spent), cost + of_it))
        })
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<(Spent, f64)> {
    let column = |at: usize| row.get::<_, i64>(at).map(|count| u64::try_from(count).unwrap_or_default());
    Ok((Spent { calls: column(0)?, prompt_tokens: column(1)?, completion_tokens: column(2)? }, row.get(3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Spent = Spent { calls: 1, prompt_tokens: 20, completion_tokens: 300 };

    #[test]
    fn what_writers_used_adds_up_over_handles() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        assert_eq!(session.spent(None).unwrap(), (Spent::default(), 0.0));
        session.spend("m at http://a/v1", SOME, 0.5).unwrap();
        drop(session);
        let session = Session::open(dir.path()).unwrap();
        session.spend("m at http://a/v1", SOME, 0.25).unwrap();
        session.spend("m at http://b/v1", Spent { calls: 7, ..Spent::default() }, 2.0).unwrap();
        assert_eq!(session.spent(Some("m at http://a/v1")).unwrap(), (SOME.plus(SOME), 0.75));
        assert_eq!(session.spent(Some("nobody")).unwrap(), (Spent::default(), 0.0));
        let all = SOME.plus(SOME).plus(Spent { calls: 7, ..Spent::default() });
        assert_eq!(session.spent(None).unwrap(), (all, 2.75));
        let viewed = Session::open_to_read(dir.path()).unwrap();
        assert_eq!(viewed.spent(None).unwrap(), (all, 2.75));
        assert!(viewed.spend("m", SOME, 0.0).is_err());
    }

    #[test]
    fn what_a_server_makes_up_stays_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let absurd = Spent { calls: u64::MAX, prompt_tokens: i64::MAX as u64, completion_tokens: 1 };
        for writer in ["a", "a", "b"] {
            session.spend(writer, absurd, f64::INFINITY).unwrap();
        }
        let (kept, cost) = session.spent(None).unwrap();
        assert_eq!((kept.calls, kept.prompt_tokens, kept.completion_tokens), (2 * MOST as u64, 2 * MOST as u64, 3));
        assert_eq!(cost, 2.0 * MOST as f64);
    }

    /// A store as the version before this table left it.
    #[test]
    fn an_older_session_has_spent_nothing_and_begins_to_count() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let before = "DROP TABLE extras; DROP TABLE spending; ALTER TABLE turns DROP COLUMN logprob; \
             PRAGMA user_version = 4;";
        session.connection.execute_batch(before).unwrap();
        drop(session);
        assert_eq!(Session::peek(dir.path()).unwrap().spent(None).unwrap(), (Spent::default(), 0.0));
        let session = Session::open(dir.path()).unwrap();
        session.spend("m", SOME, 0.5).unwrap();
        assert_eq!(session.spent(None).unwrap(), (SOME, 0.5));
    }
}
