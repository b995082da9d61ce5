//! The tables and how an older store becomes a newer one.

use rusqlite::Connection;

/// One step each; the store's `user_version` says how many were taken. A step is never edited once released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
];

/// The version this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What the store's version means for this program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Current,
    Older,
    Newer(i64),
}

pub(super) fn fit(connection: &Connection) -> rusqlite::Result<Fit> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(match version {
        version if version > VERSION => Fit::Newer(version),
        VERSION => Fit::Current,
        _ => Fit::Older,
    })
}

/// Takes the steps that are missing, all in one transaction. Two processes may call this at once.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for step in MIGRATIONS.iter().skip(version.max(0) as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
