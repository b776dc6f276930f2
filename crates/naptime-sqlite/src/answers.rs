//! Answers that are kept, as rows.

use naptime_core::answer::{MAX_ANSWERS, Place};
use naptime_core::{JobId, KeptAnswer, Time, Token};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::to_string;

use crate::fault::Fault;
use crate::rows::{blob, json, time, uuid};

/// Keeps an answer at its place, if that is free or is for the latest. Of more than [`MAX_ANSWERS`] of one job, the
/// oldest go.
pub(crate) fn keep(connection: &Connection, answer: &KeptAnswer) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO answers (job, place, run, at, well, transcript) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (job, place) DO UPDATE SET run = ?3, at = ?4, well = ?5, transcript = ?6 WHERE ?7";
    let KeptAnswer { job, run, at, well, place, transcript } = answer;
    let transcript = to_string(transcript)?;
    let job = blob(job.uuid());
    let row = (job, &place.name, blob(run.uuid()), at.millis(), well, transcript, place.replaces);
    connection.prepare_cached(SQL)?.execute(row)?;
    const TRIM: &str = "DELETE FROM answers WHERE job = ?1 AND at <
        (SELECT at FROM answers WHERE job = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)";
    let offset = i64::try_from(MAX_ANSWERS - 1).unwrap_or(i64::MAX);
    connection.prepare_cached(TRIM)?.execute((job, offset))?;
    Ok(())
}

/// The answer to a run.
pub(crate) fn find(connection: &Connection, job: JobId, run: Token) -> Result<Option<KeptAnswer>, Fault> {
    let mut statement = connection.prepare_cached("SELECT * FROM answers WHERE job = ?1 AND run = ?2 LIMIT 1")?;
    Ok(statement.query_row([blob(job.uuid()), blob(run.uuid())], answer).optional()?)
}

/// The latest answer to a call that ended well before then.
pub(crate) fn good(connection: &Connection, job: JobId, before: Time) -> Result<Option<KeptAnswer>, Fault> {
    const SQL: &str = "SELECT * FROM answers WHERE job = ?1 AND at < ?2 AND well ORDER BY at DESC LIMIT 1";
    let mut statement = connection.prepare_cached(SQL)?;
    Ok(statement.query_row((blob(job.uuid()), before.millis()), answer).optional()?)
}

/// Removes some answers from before `before`: few at a time, since each is many pages of the file. Returns how many.
pub(crate) fn purge(connection: &Connection, before: Time) -> Result<usize, Fault> {
    const SQL: &str = "DELETE FROM answers WHERE (job, place) IN
        (SELECT job, place FROM answers WHERE at < ?1 ORDER BY at LIMIT 100)";
    Ok(connection.prepare_cached(SQL)?.execute([before.millis()])?)
}

pub(crate) fn answer(row: &Row<'_>) -> rusqlite::Result<KeptAnswer> {
    Ok(KeptAnswer {
        job: uuid(row, "job")?.into(),
        run: uuid(row, "run")?.into(),
        at: time(row, "at")?,
        well: row.get("well")?,
        // What there is was kept at its place.
        place: Place { name: row.get("place")?, replaces: false },
        transcript: json(row, "transcript")?,
    })
}
