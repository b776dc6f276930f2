//! Moving everything out of the file. One row of `moves` says how far that is, or that the file is being filled, and every
//! write that matters looks at it within its own transaction. So what it says holds from its commit on, in whatever process.

use async_trait::async_trait;
use naptime_core::Time;
use naptime_store::moving::{Held, Leaving, Move, MoveError, MoveResult, MoveStage, Moves, Shut};
use naptime_store::{Error, Result};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::SqliteStore;
use crate::fault::{Fault, corrupt};
use crate::rows::{blob, time, uuid};

#[async_trait]
impl Moves for SqliteStore {
    async fn shut(&self) -> Result<Option<Shut>> {
        self.read(|connection, _| shut(connection)).await
    }
}

#[async_trait]
impl Leaving for SqliteStore {
    async fn last_move(&self) -> Result<Option<Move>> {
        self.read(|connection, _| find(connection)).await
    }

    async fn begin_move(&self, to: &str) -> MoveResult<Move> {
        let to = to.to_owned();
        self.write(move |connection, now| begin(connection, &to, now)).await?
    }

    async fn close(&self) -> MoveResult<()> {
        // Whoever holds a claim that waits gives it back when it finds that it was edited.
        const EDIT_HELD: &str = "UPDATE due SET edited = 1,
                state = json_set(state, '$.lock.edits', 1 + coalesce(state ->> '$.lock.edits', 0))
            WHERE held AND claim_at IS NOT NULL";
        self.advance(MoveStage::Closed, |connection, _| Ok(connection.execute(EDIT_HELD, []).map(|_| Ok(()))?)).await
    }

    async fn held(&self) -> Result<Held> {
        self.read(held).await
    }

    async fn seal(&self) -> MoveResult<()> {
        let none_is_held = |connection: &Connection, now: Time| {
            Ok(match held(connection, now)?.count {
                0 => Ok(()),
                count => Err(MoveError::Held(count)),
            })
        };
        self.advance(MoveStage::Sealed, none_is_held).await
    }

    async fn hand_over(&self) -> MoveResult<()> {
        self.advance(MoveStage::HandedOver, |_, _| Ok(Ok(()))).await
    }

    async fn take_back(&self) -> MoveResult<()> {
        let taken_back = self.write(|connection, now| {
            match find(connection)? {
                Some(Move { stage: MoveStage::HandedOver, to, since, .. }) => {
                    return Ok(Err(MoveError::HandedOver { to, since }));
                }
                Some(found) => put(connection, &Move { stage: MoveStage::TakenBack, since: now, ..found })?,
                None => {}
            }
            Ok(Ok(()))
        });
        taken_back.await?
    }
}

impl SqliteStore {
    /// Takes the move to a stage, if `may` it; does nothing if it is there, or further.
    async fn advance(
        &self,
        stage: MoveStage,
        may: impl FnOnce(&Connection, Time) -> std::result::Result<MoveResult<()>, Fault> + Send + 'static,
    ) -> MoveResult<()> {
        self.write(move |connection, now| {
            let found = find(connection)?.filter(|it| it.stage != MoveStage::TakenBack);
            let Some(found) = found else { return Ok(Err(MoveError::TakenBack)) };
            if found.stage >= stage {
                return Ok(Ok(()));
            }
            let may = may(connection, now)?;
            if may.is_ok() {
                put(connection, &Move { stage, since: now, ..found })?;
            }
            Ok(may)
        })
        .await?
    }
}

/// Fails if nothing may be changed any more.
pub(crate) fn check_open(connection: &Connection) -> std::result::Result<(), Fault> {
    shut(connection)?.map_or(Ok(()), |shut| Err(Error::Shut(shut).into()))
}

/// Whether nothing may be claimed any more.
pub(crate) fn is_shut(connection: &Connection) -> std::result::Result<bool, Fault> {
    Ok(stage(connection)?.is_some_and(|stage| stage >= number(MoveStage::Closed)))
}

/// Whether nothing may be settled any more.
pub(crate) fn is_sealed(connection: &Connection) -> std::result::Result<bool, Fault> {
    Ok(stage(connection)?.is_some_and(|stage| stage >= number(MoveStage::Sealed)))
}

/// What the row of `moves` says.
pub(crate) enum Row {
    /// Everything is to go elsewhere.
    Leaving(Move),
    /// The file is being filled, and shut.
    Filling { id: Uuid, from: String, since: Time },
}

/// What the row says, if there is one.
pub(crate) fn row(connection: &Connection) -> std::result::Result<Option<Row>, Fault> {
    let read = |row: &rusqlite::Row<'_>| {
        let (stage, place): (i64, String) = (row.get("stage")?, row.get("target")?);
        Ok((uuid(row, "id")?, stage, place, time(row, "since")?))
    };
    let found =
        connection.prepare_cached("SELECT id, stage, target, since FROM moves")?.query_row([], read).optional()?;
    let row = |(id, stage, place, since)| match stage {
        FILLING => Ok(Row::Filling { id, from: place, since }),
        stage => Ok(Row::Leaving(Move { id, stage: read_stage(stage)?, to: place, since })),
    };
    found.map(row).transpose()
}

/// Has the row say that the file is being filled.
pub(crate) fn put_filling(connection: &Connection, id: Uuid, from: &str, now: Time) -> std::result::Result<(), Fault> {
    put_row(connection, id, FILLING, from, now)
}

/// Removes the row: the file is open.
pub(crate) fn remove_row(connection: &Connection) -> std::result::Result<(), Fault> {
    connection.execute("DELETE FROM moves", [])?;
    Ok(())
}

fn shut(connection: &Connection) -> std::result::Result<Option<Shut>, Fault> {
    Ok(match row(connection)? {
        Some(Row::Leaving(it)) if it.stage >= MoveStage::Closed => {
            Some(Shut::Leaving { to: it.to, since: it.since, for_good: it.stage == MoveStage::HandedOver })
        }
        Some(Row::Filling { from, since, .. }) => Some(Shut::Arriving { from, since }),
        _ => None,
    })
}

fn begin(connection: &Connection, to: &str, now: Time) -> std::result::Result<MoveResult<Move>, Fault> {
    let begun = match row(connection)? {
        Some(Row::Filling { from, .. }) => return Ok(Err(MoveError::OtherMove { from })),
        None => Move { id: Uuid::now_v7(), stage: MoveStage::Copying, to: to.to_owned(), since: now },
        Some(Row::Leaving(found)) if found.stage == MoveStage::TakenBack => {
            Move { stage: MoveStage::Copying, to: to.to_owned(), since: now, ..found }
        }
        Some(Row::Leaving(found)) if found.to == to => return Ok(Ok(found)),
        Some(Row::Leaving(Move { stage: MoveStage::HandedOver, to, since, .. })) => {
            return Ok(Err(MoveError::HandedOver { to, since }));
        }
        Some(Row::Leaving(Move { to, .. })) => return Ok(Err(MoveError::Elsewhere { to })),
    };
    put(connection, &begun)?;
    Ok(Ok(begun))
}

/// By the index of what can be claimed: of a claim, that is the end of its lease.
fn held(connection: &Connection, now: Time) -> std::result::Result<Held, Fault> {
    const SQL: &str = "SELECT count(*) AS count, max(claim_at) AS until FROM due INDEXED BY due_peek
        WHERE claim_at IS NOT NULL AND claim_at > ?1 AND held";
    let held = |row: &rusqlite::Row<'_>| {
        let count: i64 = row.get("count")?;
        Ok(Held { count: count.unsigned_abs(), until: row.get::<_, Option<i64>>("until")?.map(Time::from_millis) })
    };
    Ok(connection.prepare_cached(SQL)?.query_row([now.millis()], held)?)
}

/// The number of the stage.
fn stage(connection: &Connection) -> std::result::Result<Option<i64>, Fault> {
    Ok(connection.prepare_cached("SELECT stage FROM moves")?.query_row([], |row| row.get(0)).optional()?)
}

/// The move out of the file, if there is one.
fn find(connection: &Connection) -> std::result::Result<Option<Move>, Fault> {
    Ok(row(connection)?.and_then(|row| match row {
        Row::Leaving(it) => Some(it),
        Row::Filling { .. } => None,
    }))
}

fn put(connection: &Connection, it: &Move) -> std::result::Result<(), Fault> {
    put_row(connection, it.id, number(it.stage), &it.to, it.since)
}

fn put_row(connection: &Connection, id: Uuid, stage: i64, place: &str, since: Time) -> std::result::Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO moves (one, id, stage, target, since) VALUES (1, ?1, ?2, ?3, ?4)";
    connection.execute(SQL, params![blob(id), stage, place, since.millis()])?;
    Ok(())
}

/// The stages by their numbers in the file.
const STAGES: [MoveStage; 5] =
    [MoveStage::TakenBack, MoveStage::Copying, MoveStage::Closed, MoveStage::Sealed, MoveStage::HandedOver];

/// The stage of a file that is being filled: beyond those, so a version that doesn't know it claims nothing.
const FILLING: i64 = 5;

fn number(stage: MoveStage) -> i64 {
    (0..).zip(STAGES).find(|(_, it)| *it == stage).map_or(0, |(number, _)| number)
}

fn read_stage(number: i64) -> std::result::Result<MoveStage, Fault> {
    let stage = usize::try_from(number).ok().and_then(|number| STAGES.get(number).copied());
    stage.ok_or_else(|| corrupt(format!("unknown stage {number} of a move")))
}
