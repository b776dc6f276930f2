//! What has led from each version of the tables to the next. How they are now is in the last steps.

use naptime_core::Spec;
use rusqlite::Transaction;

use crate::rows::{self, json};

/// The steps, oldest first. Steps are added, never changed.
pub(super) const STEPS: [Step; 21] = [
    Step::Sql(
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
    ),
    Step::Sql(
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
    ),
    Step::Sql(
        "
    -- A claim shares its slots among the pools by this index alone.
    DROP INDEX jobs_due;
    CREATE INDEX jobs_due ON jobs (gate, claim_at, id, held, size, pool) WHERE claim_at IS NOT NULL;
",
    ),
    Step::Sql(
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
    ),
    Step::Sql(
        "
    ALTER TABLE pools ADD COLUMN max_timeout_ms INTEGER;             -- null: as long as of all others
    ALTER TABLE pools ADD COLUMN transport TEXT NOT NULL DEFAULT '{}';  -- JSON
",
    ),
    Step::Sql(
        "
    CREATE TABLE clock (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seen INTEGER NOT NULL                    -- the latest time written, but for a second
    ) STRICT;
    -- It is not known of a file of an earlier version: all is looked at once.
    INSERT INTO clock VALUES (1, 9223372036854775807);
",
    ),
    Step::Sql(
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
    ),
    Step::Sql(
        "
    CREATE TABLE due (                               -- what workers write of a job
        seq        INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        id         BLOB    NOT NULL,                 -- of the job
        gate       TEXT    NOT NULL,                 -- that of its pool
        claim_at   INTEGER,                          -- state.claim_at
        held       INTEGER NOT NULL,                 -- whether state.lock is set
        size       INTEGER NOT NULL,                 -- bytes of the request
        pool       TEXT    NOT NULL,
        rev        INTEGER NOT NULL,                 -- that of the configuration this goes with
        plan       INTEGER NOT NULL,
        stage      TEXT,                             -- of a one-off job
        created_at INTEGER NOT NULL,
        ended_at   INTEGER,                          -- state.ended_at
        deadline       INTEGER,                      -- state.watch.deadline
        promised_since INTEGER,                      -- state.watch.since
        sla_ms         INTEGER,                      -- spec.sla, while a promise runs
        longest_ms     INTEGER,                      -- state.watch.longest_ms
        edited     INTEGER NOT NULL,                 -- whether somebody edited it since it was claimed
        state      TEXT    NOT NULL                  -- JSON
    ) STRICT;
    INSERT INTO due SELECT seq, id, gate, claim_at, held, size, pool, rev, plan, stage, created_at, ended_at, deadline,
        promised_since, sla_ms, longest_ms, 0, state FROM jobs;

    CREATE TABLE new_jobs (                          -- what people write of a job
        seq        INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        pool       TEXT    NOT NULL,
        search     TEXT    NOT NULL,                 -- what lists search and are sorted by
        tags       TEXT    NOT NULL,                 -- JSON
        key        TEXT,                             -- spec.key
        once       INTEGER NOT NULL,                 -- whether spec.schedule is
        active     INTEGER NOT NULL,
        deleted_at INTEGER,
        rev        INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        spec       TEXT    NOT NULL,                 -- JSON, without headers and body
        changes    TEXT    NOT NULL                  -- JSON
    ) STRICT;
    INSERT INTO new_jobs SELECT seq, id, pool, search, tags, key, once, active, deleted_at, rev, created_at, updated_at,
        spec, changes FROM jobs;
    DROP TABLE jobs;
    ALTER TABLE new_jobs RENAME TO jobs;

    -- A claim finds its candidates, and shares its slots among the pools, by this index alone. It is the only one that a
    -- call of a plain endpoint changes.
    CREATE INDEX due_peek ON due (gate, claim_at, id, held, size, pool) WHERE claim_at IS NOT NULL;
    CREATE INDEX due_stage ON due (stage, created_at, id) WHERE stage IS NOT NULL;
    CREATE INDEX due_edited ON due (seq) WHERE edited;
    CREATE INDEX due_ended ON due (ended_at) WHERE ended_at IS NOT NULL;
    -- How all stand to their SLAs is read off this index alone.
    CREATE INDEX due_deadline ON due (deadline, id, promised_since, sla_ms, longest_ms) WHERE deadline IS NOT NULL;

    -- A list filters in this index alone, and reads only the rows it shows. One-off jobs are no endpoints.
    CREATE INDEX jobs_list ON jobs (search, id, pool, active, tags) WHERE deleted_at IS NULL AND NOT once;
    CREATE INDEX jobs_count ON jobs (active) WHERE deleted_at IS NULL AND NOT once;
    CREATE INDEX jobs_deleted ON jobs (deleted_at, id, once) WHERE deleted_at IS NOT NULL;
    -- Keys of one-off jobs and keys of rules are two spaces.
    CREATE UNIQUE INDEX jobs_key ON jobs (key, once) WHERE key IS NOT NULL AND deleted_at IS NULL;
    -- The jobs of a pool are found and counted in this index alone.
    CREATE INDEX jobs_pool ON jobs (pool, once, active, deleted_at);
",
    ),
    Step::Code(mask_search),
    Step::Sql(
        "
    ALTER TABLE due ADD COLUMN trouble TEXT;                         -- of an endpoint that does not go as it should
    ALTER TABLE due ADD COLUMN trouble_since INTEGER;
    CREATE INDEX due_trouble ON due (trouble, trouble_since, id) WHERE trouble IS NOT NULL;
",
    ),
    Step::Sql(
        "
    CREATE TABLE records (                                           -- what alerts go by: receivers, mutes, open problems
        id TEXT PRIMARY KEY,
        rev INTEGER NOT NULL,
        value TEXT NOT NULL                                          -- JSON
    ) STRICT, WITHOUT ROWID;
",
    ),
    Step::Sql(
        "
    CREATE TABLE answers (                                           -- what was answered, of the runs of which it is kept
        job BLOB NOT NULL,
        place TEXT NOT NULL,
        run BLOB NOT NULL,
        at INTEGER NOT NULL,
        well INTEGER NOT NULL,
        transcript TEXT NOT NULL,                                    -- JSON
        PRIMARY KEY (job, place)
    ) STRICT;
    CREATE INDEX answers_job ON answers (job, at);
    CREATE INDEX answers_at ON answers (at);
",
    ),
    Step::Sql(
        "
    ALTER TABLE runs ADD COLUMN skipped INTEGER;                     -- how many occurrences were not called, if the row tells of them
    ALTER TABLE runs ADD COLUMN skip_reason TEXT;                    -- and why
",
    ),
    Step::Sql(
        "
    ALTER TABLE jobs ADD COLUMN name TEXT NOT NULL DEFAULT '';       -- spec.name
    ALTER TABLE jobs ADD COLUMN schedule TEXT NOT NULL DEFAULT '';   -- the kind of spec.schedule
    ALTER TABLE jobs ADD COLUMN paused_until INTEGER;                -- the end of its pause; of one without an end, of time
",
    ),
    Step::Code(fill_in_what_lists_go_by),
    Step::Sql(
        "
    DROP INDEX jobs_list;
    CREATE INDEX jobs_list ON jobs (search, id, pool, active, tags, schedule) WHERE deleted_at IS NULL AND NOT once;
    CREATE INDEX jobs_name ON jobs (name, id, search, pool, active, tags, schedule)
        WHERE deleted_at IS NULL AND NOT once;
    CREATE INDEX jobs_paused ON jobs (search, id, paused_until, active)
        WHERE paused_until IS NOT NULL AND deleted_at IS NULL AND NOT once;
",
    ),
    Step::Sql(
        "
    CREATE TABLE moves (                                             -- at most one row: where everything goes
        one    INTEGER PRIMARY KEY CHECK (one = 1),
        id     BLOB    NOT NULL,
        stage  INTEGER NOT NULL,                                     -- 0 to 4, as MoveStage has them
        target TEXT    NOT NULL,                                     -- for people: without credentials
        since  INTEGER NOT NULL                                      -- when this stage was reached
    ) STRICT;
",
    ),
    Step::Sql(
        "
    ALTER TABLE pools ADD COLUMN probe INTEGER NOT NULL DEFAULT 1;   -- whether calls are held back while the host is down
    ALTER TABLE pools ADD COLUMN down TEXT;                          -- JSON, if it is
",
    ),
    Step::Sql(
        "
    -- What was edited last is read off this index alone.
    CREATE INDEX jobs_edited ON jobs (updated_at, id, rev, deleted_at) WHERE NOT once;
",
    ),
    Step::Sql(
        "
    ALTER TABLE jobs ADD COLUMN project TEXT;                        -- spec.applied.project
    CREATE INDEX jobs_project ON jobs (project, search, id)
        WHERE project IS NOT NULL AND deleted_at IS NULL AND NOT once;
",
    ),
    Step::Sql(
        "
    ALTER TABLE due ADD COLUMN bad TEXT;                             -- how the last call of an endpoint ended, if not well
    UPDATE due SET bad = state ->> '$.last.outcome'
        WHERE stage IS NULL AND iif(json_valid(state), state ->> '$.last.outcome', 'ok') <> 'ok';
    -- Those whose calls end well, which are most, are not in it.
    CREATE INDEX due_bad ON due (bad, id) WHERE bad IS NOT NULL;
",
    ),
];

/// What leads from one version to the next.
pub(super) enum Step {
    /// Statements.
    Sql(&'static str),
    /// What statements cannot compute.
    Code(fn(&Transaction) -> rusqlite::Result<()>),
}

impl Step {
    pub(super) fn take(&self, transaction: &Transaction) -> rusqlite::Result<()> {
        match self {
            Self::Sql(sql) => transaction.execute_batch(sql),
            Self::Code(code) => code(transaction),
        }
    }
}

/// Computes what lists search anew: earlier versions wrote URLs into it with their credentials.
fn mask_search(transaction: &Transaction) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("SELECT seq, search, spec FROM jobs")?;
    let (mut rows, mut masked) = (statement.query([])?, Vec::new());
    while let Some(row) = rows.next()? {
        // A job that cannot be read is no reason not to open the file.
        let Ok(spec) = json::<Spec>(row, "spec") else { continue };
        let (seq, search): (i64, String) = (row.get("seq")?, row.get("search")?);
        masked.extend(Some((seq, spec.search_text())).filter(|(_, masked)| *masked != search));
    }
    let mut update = transaction.prepare("UPDATE jobs SET search = ?2 WHERE seq = ?1")?;
    masked.into_iter().try_for_each(|masked| update.execute(masked).map(drop))
}

/// Writes beside each job what lists go by, as [`rows::write`] does.
fn fill_in_what_lists_go_by(transaction: &Transaction) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare("SELECT seq, spec FROM jobs")?;
    let mut update =
        transaction.prepare("UPDATE jobs SET name = ?2, schedule = ?3, paused_until = ?4 WHERE seq = ?1")?;
    let mut rows = statement.query([])?;
    // What is written stays where it is, so no row is read twice.
    while let Some(row) = rows.next()? {
        // A job that cannot be read is no reason not to open the file.
        let Ok(spec) = json::<Spec>(row, "spec") else { continue };
        let (seq, until) = (row.get::<_, i64>("seq")?, rows::paused_until(&spec.schedule));
        update.execute((seq, &spec.name, spec.schedule.kind(), until))?;
    }
    Ok(())
}
