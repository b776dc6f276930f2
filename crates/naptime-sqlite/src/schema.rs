//! The tables, and how the file is opened.
//!
//! A job is spread over columns and two tables so that what happens often touches little. `state` is what workers
//! change; the request, up to 256 KiB, is in a table of its own, since SQLite rewrites a whole row for any change to it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::time::Instant;

use crate::OpenError;

/// `PRAGMA application_id`: "Nap1".
const APPLICATION: i64 = 0x4e61_7031;

/// The version of the schema, in `PRAGMA user_version`: the number of the steps below.
const VERSION: i64 = STEPS.len() as i64;

/// How long to wait for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// What leads from each version to the next. Steps are added, never changed.
const STEPS: [&str; 7] = [
    "
    CREATE TABLE jobs (
        seq        INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        gate       TEXT    NOT NULL DEFAULT '',
        claim_at   INTEGER,                      -- state.claim_at
        held       INTEGER NOT NULL,             -- whether state.lock is set
        size       INTEGER NOT NULL,             -- bytes of the request
        pool       TEXT    NOT NULL,
        search     TEXT    NOT NULL,             -- what lists search and are sorted by
        tags       TEXT    NOT NULL,             -- JSON
        active     INTEGER NOT NULL,
        deleted_at INTEGER,
        rev        INTEGER NOT NULL,
        plan       INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        spec       TEXT    NOT NULL,             -- JSON, without headers and body
        state      TEXT    NOT NULL              -- JSON
    ) STRICT;
    -- A claim finds its candidates in this index alone.
    CREATE INDEX jobs_due ON jobs (gate, claim_at, id, held, size) WHERE claim_at IS NOT NULL;
    -- A list filters in this index alone, and reads only the rows it shows.
    CREATE INDEX jobs_list ON jobs (search, id, pool, active, tags) WHERE deleted_at IS NULL;
    CREATE INDEX jobs_count ON jobs (active) WHERE deleted_at IS NULL;
    CREATE INDEX jobs_deleted ON jobs (deleted_at) WHERE deleted_at IS NOT NULL;

    CREATE TABLE requests (
        job     INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        request TEXT NOT NULL                    -- JSON
    ) STRICT;

    CREATE TABLE runs (
        job      BLOB    NOT NULL,               -- no reference: a run may come in after its job is gone
        token    BLOB    NOT NULL,
        worker   BLOB    NOT NULL,
        due      INTEGER NOT NULL,
        started  INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        outcome  TEXT    NOT NULL,
        status   INTEGER,
        message  TEXT    NOT NULL,
        attempt  INTEGER NOT NULL,
        manual   INTEGER NOT NULL,
        PRIMARY KEY (job, token)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_newest ON runs (job, started, token);
    CREATE INDEX runs_finished ON runs (finished);

    CREATE TABLE load (
        tier    INTEGER NOT NULL,                -- in seconds
        at      INTEGER NOT NULL,
        worker  BLOB    NOT NULL,
        figures TEXT    NOT NULL,                -- JSON
        PRIMARY KEY (tier, at, worker)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE workers (
        id      BLOB    PRIMARY KEY NOT NULL,
        seen_at INTEGER NOT NULL,
        left    INTEGER NOT NULL,                -- whether it took its leave
        beat    TEXT    NOT NULL                 -- JSON
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE jobs ADD COLUMN key TEXT;                            -- spec.key
    ALTER TABLE jobs ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';  -- JSON
    ALTER TABLE jobs ADD COLUMN stage TEXT;                          -- of a one-off job
    ALTER TABLE jobs ADD COLUMN ended_at INTEGER;                    -- state.ended_at
    ALTER TABLE jobs ADD COLUMN deadline INTEGER;                    -- state.watch.deadline
    CREATE UNIQUE INDEX jobs_key ON jobs (key) WHERE key IS NOT NULL AND deleted_at IS NULL;
    -- The queue is filtered in this index alone, too.
    CREATE INDEX jobs_stage ON jobs (stage, created_at, id, search, pool, tags) WHERE stage IS NOT NULL;
    -- One-off jobs are no endpoints.
    DROP INDEX jobs_list;
    DROP INDEX jobs_count;
    CREATE INDEX jobs_list ON jobs (search, id, pool, active, tags) WHERE deleted_at IS NULL AND stage IS NULL;
    CREATE INDEX jobs_count ON jobs (active) WHERE deleted_at IS NULL AND stage IS NULL;
    CREATE INDEX jobs_deleted_endpoints ON jobs (deleted_at, id) WHERE deleted_at IS NOT NULL AND stage IS NULL;
    CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
    -- The plan passes by the one-off jobs that are done with, of which there may be many.
    CREATE INDEX jobs_planned ON jobs (seq) WHERE active AND deleted_at IS NULL AND ended_at IS NULL;
    ALTER TABLE jobs ADD COLUMN promised_since INTEGER;              -- state.watch.since
    ALTER TABLE jobs ADD COLUMN sla_ms INTEGER;                      -- spec.sla, while a promise runs
    ALTER TABLE jobs ADD COLUMN longest_ms INTEGER;                  -- state.watch.longest_ms
    -- How all stand to their SLAs is read off this index alone.
    CREATE INDEX jobs_deadline ON jobs (deadline, id, promised_since, sla_ms, longest_ms) WHERE deadline IS NOT NULL;

    ALTER TABLE jobs ADD COLUMN once INTEGER NOT NULL DEFAULT 0;     -- whether spec.schedule is
    -- The jobs of a pool are counted in this index alone. No worker changes what is in it.
    CREATE INDEX jobs_pool ON jobs (pool, gate, once, active, deleted_at);
    CREATE TABLE pools (
        pool           TEXT    PRIMARY KEY NOT NULL,
        active         INTEGER NOT NULL DEFAULT 1,
        headers        TEXT    NOT NULL DEFAULT '[]',                -- JSON
        max_in_flight  INTEGER,
        max_per_second INTEGER,
        rev            INTEGER NOT NULL,
        updated_at     INTEGER NOT NULL,
        gate           TEXT    NOT NULL DEFAULT '',                  -- what its jobs carry
        known          INTEGER NOT NULL DEFAULT 0                    -- whether workers must know of it
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pools_known ON pools (pool) WHERE known;

    CREATE TABLE passes (
        id           BLOB    PRIMARY KEY NOT NULL,
        pool         TEXT    NOT NULL,
        flight_until INTEGER,                                        -- null: no call is in flight
        start_until  INTEGER                                         -- null: no call left lately
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX passes_of ON passes (pool);

    CREATE TABLE rules (
        name       TEXT    PRIMARY KEY NOT NULL,
        event      TEXT    NOT NULL,
        rule       TEXT    NOT NULL,                                 -- JSON
        rev        INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rules_of ON rules (event, name);

    CREATE TABLE breaches (                                          -- of SLAs, those that have ended
        job   BLOB    NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        cause TEXT    NOT NULL,
        PRIMARY KEY (job, began)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX breaches_of ON breaches (job, ended, began);
    CREATE INDEX breaches_newest ON breaches (ended, job);

    CREATE TABLE sla (                                               -- sums of what has ended
        tier        INTEGER NOT NULL,                                -- in seconds
        at          INTEGER NOT NULL,
        promised_ms INTEGER NOT NULL,
        breached_ms INTEGER NOT NULL,
        PRIMARY KEY (tier, at)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- A claim shares its slots among the pools by this index alone.
    DROP INDEX jobs_due;
    CREATE INDEX jobs_due ON jobs (gate, claim_at, id, held, size, pool) WHERE claim_at IS NOT NULL;
",
    "
    -- Keys of one-off jobs and keys of rules are two spaces.
    DROP INDEX jobs_key;
    CREATE UNIQUE INDEX jobs_key ON jobs (key, once) WHERE key IS NOT NULL AND deleted_at IS NULL;
    CREATE TABLE begun_events (                                      -- that came again, and may kill a worker
        event     TEXT    PRIMARY KEY NOT NULL,
        consumer  BLOB    NOT NULL,                                  -- who began it last
        consumers INTEGER NOT NULL,                                  -- how many have begun it
        at        INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE pools ADD COLUMN max_timeout_ms INTEGER;             -- null: as long as of all others
    ALTER TABLE pools ADD COLUMN transport TEXT NOT NULL DEFAULT '{}';  -- JSON
",
    "
    CREATE TABLE clock (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seen INTEGER NOT NULL                    -- the latest time written, but for a second
    ) STRICT;
    -- It is not known of a file of an earlier version: all is looked at once.
    INSERT INTO clock VALUES (1, 9223372036854775807);
",
    "
    CREATE TABLE salt (                                              -- one row: what passwords are hashed with
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB    NOT NULL
    ) STRICT;
    CREATE TABLE sessions (                                          -- of people who are logged in
        id    BLOB    PRIMARY KEY NOT NULL,                          -- a hash of the cookie
        began INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

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
    connection.pragma_update(None, "foreign_keys", true).map_err(io)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).map_err(io)?;
    let found = upgrade(&mut connection).map_err(io)?;
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
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(VERSION)
}
