//! The file: its tables, and how it is opened.
//!
//! Times are Unix seconds, or milliseconds where the name says so. What is unknown is NULL; a drain ETA of infinity is never.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use super::BUSY;

/// Version of the tables; raised with every change, none of which may lose anything.
const VERSION: i64 = 1;

/// Columns of a sample, the same for seconds and minutes.
const SAMPLE: &str = "
    policy TEXT NOT NULL, at INTEGER NOT NULL,
    backlog INTEGER, oldest_age REAL, drain_eta REAL, objective REAL, arrival_rate REAL, service_rate REAL,
    late INTEGER, cost_per_hour REAL, burst_cost_per_hour REAL, spent_today REAL,
    arrived INTEGER, done INTEGER, base INTEGER, burst INTEGER, booting INTEGER,
    PRIMARY KEY (policy, at)";

/// Opens the file to write, and makes what is missing in it.
///
/// # Errors
/// When it cannot be written, or a newer version made it.
pub(super) fn open(path: &Path) -> anyhow::Result<Connection> {
    let told = || format!("cannot open the history {}", path.display());
    let connection = Connection::open(path).with_context(told)?;
    connection.busy_timeout(BUSY)?;
    // Before the first table: afterwards it would need a vacuum of everything.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of this process loses nothing; one of the machine at most the last seconds, never the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .with_context(told)?;
    anyhow::ensure!(
        version <= VERSION,
        "the history {} was written by a newer version of this program ({version}, this one knows {VERSION})",
        path.display()
    );
    connection.execute_batch(&tables()).with_context(told)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    Ok(connection)
}

/// Opens the file to read alone.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(super) fn open_to_read(path: &Path) -> anyhow::Result<Connection> {
    let told = || format!("cannot read the history {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).with_context(told)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn tables() -> String {
    format!(
        "
CREATE TABLE IF NOT EXISTS samples ({SAMPLE}) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minutes ({SAMPLE}) WITHOUT ROWID;
-- A row where a pool's counts changed; all pools of a policy at once in a row that is whole.
CREATE TABLE IF NOT EXISTS pools (
    policy TEXT NOT NULL, at INTEGER NOT NULL, pool TEXT NOT NULL, is_whole INTEGER NOT NULL,
    desired INTEGER NOT NULL, ready INTEGER NOT NULL, booting INTEGER NOT NULL, draining INTEGER NOT NULL,
    PRIMARY KEY (policy, at, pool)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lags (
    policy TEXT NOT NULL, at INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (policy, at)) WITHOUT ROWID;
-- Decisions and orders, as JSON, with what is asked for by.
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, policy TEXT NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    launches INTEGER NOT NULL, drains INTEGER NOT NULL, trouble INTEGER NOT NULL,
    codes TEXT NOT NULL, verbs TEXT NOT NULL, pools TEXT NOT NULL, data TEXT NOT NULL,
    -- The order in which they were told, which a stream goes on from.
    told INTEGER NOT NULL UNIQUE);
CREATE INDEX IF NOT EXISTS entries_at ON entries (policy, at_ms);
-- The decision that began the newest step of an intent.
CREATE TABLE IF NOT EXISTS steps (
    policy TEXT NOT NULL, intent TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (policy, intent)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcomes (
    entry INTEGER NOT NULL, intent TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (entry, intent)) WITHOUT ROWID;
-- Closed files of the journal.
CREATE TABLE IF NOT EXISTS segments (
    number INTEGER PRIMARY KEY, first_ms INTEGER, last_ms INTEGER, lines INTEGER NOT NULL, data BLOB NOT NULL);
-- Dollars and images of a day (UTC), never forgotten.
CREATE TABLE IF NOT EXISTS days (
    policy TEXT NOT NULL, day TEXT NOT NULL, pool TEXT NOT NULL,
    dollars REAL NOT NULL, idle_dollars REAL NOT NULL, images REAL NOT NULL, late_max INTEGER NOT NULL,
    PRIMARY KEY (policy, day, pool)) WITHOUT ROWID;
-- What a pool had cost in all when it was last looked at: the next look adds the difference.
CREATE TABLE IF NOT EXISTS seen (
    policy TEXT NOT NULL, pool TEXT NOT NULL, at_ms INTEGER NOT NULL, dollars REAL, images REAL,
    PRIMARY KEY (policy, pool)) WITHOUT ROWID;
"
    )
}
