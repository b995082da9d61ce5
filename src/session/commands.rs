//! Commands from one process to one that holds a job lock.

use rusqlite::{OptionalExtension, Row, params};

use super::decisions::person;
use super::{Command, Result, Session};
use crate::records::now_millis;

const SELECT: &str = "SELECT id, job, verb, args, by, at, answer FROM commands";

impl Session {
    /// Sends a command to the holder; its id.
    pub fn send_command(&self, job: &str, verb: &str, args: &serde_json::Value) -> Result<i64> {
        let connection = self.writable()?;
        self.read(connection.execute(
            "INSERT INTO commands (job, verb, args, by, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![job, verb, args.to_string(), person(), now_millis()],
        ))?;
        Ok(connection.last_insert_rowid())
    }

    /// Commands for this job not yet answered; older than the job's start are answered `stale` and left out.
    pub fn pending_commands(&self, job: &str) -> Result<Vec<Command>> {
        let since = self.holders()?.iter().find(|holder| holder.job == job).map_or(0, |holder| holder.since);
        let mut statement = self
            .read(self.connection.prepare_cached(&format!("{SELECT} WHERE job = ?1 AND answer IS NULL ORDER BY id")))?;
        let found = self.read(statement.query_map([job], command))?;
        let waiting: Vec<Command> = found.map(|command| self.read(command)).collect::<Result<_>>()?;
        let (stale, current): (Vec<Command>, Vec<Command>) =
            waiting.into_iter().partition(|command| command.at < since);
        for command in stale {
            self.answer_command(command.id, "stale")?;
        }
        Ok(current)
    }

    pub fn answer_command(&self, id: i64, answer: &str) -> Result<()> {
        self.read(self.writable()?.execute("UPDATE commands SET answer = ?2 WHERE id = ?1", params![id, answer]))?;
        Ok(())
    }

    pub fn command(&self, id: i64) -> Result<Option<Command>> {
        self.read(self.connection.query_row(&format!("{SELECT} WHERE id = ?1"), [id], command).optional())
    }
}

fn command(row: &Row<'_>) -> rusqlite::Result<Command> {
    let args: String = row.get(3)?;
    Ok(Command {
        id: row.get(0)?,
        job: row.get(1)?,
        verb: row.get(2)?,
        args: serde_json::from_str(&args).unwrap_or_default(),
        by: row.get(4)?,
        at: row.get(5)?,
        answer: row.get(6)?,
    })
}
