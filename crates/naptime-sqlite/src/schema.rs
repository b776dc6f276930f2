//! The tables, and how the file is opened.
//!
//! A job is a row in three tables, so that what happens often touches little. People write `jobs` (what is called, and
//! when) and `requests` (headers and body, up to 256 KiB, apart because SQLite rewrites a whole row for any change to it).
//! Workers write `due` (where the job stands) and no other of the three, so that nothing a worker does can undo an edit.
//! An edit writes all that it changes in one transaction. The steps that lead to these tables are in `steps`.

mod steps;

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::time::Instant;

use crate::OpenError;
use crate::schema::steps::STEPS;

/// `PRAGMA application_id`: "Nap1".
const APPLICATION: i64 = 0x4e61_7031;

/// The version of the schema, in `PRAGMA user_version`: the number of the steps.
const VERSION: i64 = STEPS.len() as i64;

/// How long to wait for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the file for the writer, and brings its schema up to date.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, OpenError> {
    let io = |error: rusqlite::Error| OpenError::Io { path: path.to_owned(), reason: error.to_string() };
    let mut connection = open(path).map_err(io)?;
    // Before anything is changed: it may be somebody else's.
    if is_foreign(&connection).map_err(io)? {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    enter_wal(&connection).map_err(io)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(io)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).map_err(io)?;
    // A step may put another table in the place of one that others refer to.
    connection.pragma_update(None, "foreign_keys", false).map_err(io)?;
    let found = upgrade(&mut connection).map_err(io)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(io)?;
    if found > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    Ok(connection)
}

/// Opens a file that [`open_for_writing`] has opened before, to read it.
pub(crate) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Or else some statements are planned anew whenever they are run, in case another plan suits their parameters better.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Turns the write-ahead log on. It stays on, so this does nothing but the first time. Then SQLite needs the file for
/// itself, and does not wait for it as it does elsewhere: processes that create one file together have to take turns.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let until = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn is_foreign(connection: &Connection) -> rusqlite::Result<bool> {
    // Both at one moment, since another process may be creating the file.
    let moment = connection.unchecked_transaction()?;
    let application: i64 = moment.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let is_empty: bool = moment.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(application != APPLICATION && !is_empty)
}

/// Takes the steps that are missing, and returns the version the file has then.
fn upgrade(connection: &mut Connection) -> rusqlite::Result<i64> {
    // Another process may be at it: the version counts once the file is ours.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found >= VERSION {
        return Ok(found);
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        step.take(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(VERSION)
}
