//! That everything is on its way here: the one document of the collection `arrival`.

use mongodb::Collection;
use mongodb::bson::{DateTime, Document, Uuid, doc};
use naptime_core::Time;
use naptime_store::moving::{Arrival, MoveError, MoveResult};
use naptime_store::{Clock, Result};
use serde::{Deserialize, Serialize};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{bson, date, read, time, uuid};

/// A move, as the database remembers it.
pub(super) struct Announced {
    pub(super) id: uuid::Uuid,
    pub(super) from: String,
    pub(super) since: Time,
    pub(super) phase: Phase,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// The database was empty.
    Announced,
    /// What is there was brought by the move.
    Filling,
    /// It is over.
    Open,
}

#[derive(Deserialize)]
struct AnnouncedDocument {
    id: Uuid,
    from: String,
    since: DateTime,
    phase: Phase,
}

impl Announced {
    /// What tells one filling from any other: each beginning writes a later time.
    pub(super) fn key(&self) -> (uuid::Uuid, Time) {
        (self.id, self.since)
    }

    /// The filter that finds it, as long as it is as it was found.
    fn filter(&self) -> Result<Document> {
        Ok(doc! {"_id": "move", "id": uuid(self.id), "since": date(self.since), "phase": bson(&self.phase)?})
    }
}

impl From<Phase> for Arrival {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Announced => Self::Announced,
            Phase::Filling => Self::Filling,
            Phase::Open => Self::Open,
        }
    }
}

impl MongoStore {
    fn arrivals(&self) -> Collection<Document> {
        self.db.collection("arrival")
    }

    /// The move that was announced last, if one ever was.
    pub(super) async fn announced(&self) -> Result<Option<Announced>> {
        let arrivals = self.arrivals();
        let find = async move { arrivals.find_one(doc! {"_id": "move"}).max_time(MAX_TIME).await };
        let Some(found) = command::bounded(find).await? else { return Ok(None) };
        let d: AnnouncedDocument = read(found)?;
        Ok(Some(Announced { id: d.id.to_uuid_1(), from: d.from, since: time(d.since), phase: d.phase }))
    }

    /// Announces a move, in the place of one that is over. Returns since when it is.
    pub(super) async fn put_announcement(&self, id: uuid::Uuid, from: &str) -> Result<Time> {
        let since = self.now();
        let document = doc! {
            "_id": "move", "id": uuid(id), "from": from, "since": date(since), "phase": bson(&Phase::Announced)?,
        };
        // Another that was announced meanwhile is in the way, by its id.
        let filter = doc! {"_id": "move", "phase": bson(&Phase::Open)?};
        let arrivals = self.arrivals();
        let put = async move { arrivals.replace_one(filter, document).upsert(true).await.map(drop) };
        command::bounded(put).await?;
        Ok(since)
    }

    /// Has the filling that was found be in this phase since then. Returns whether it did: another process may have begun
    /// to fill the database meanwhile.
    pub(super) async fn advance(&self, found: &Announced, phase: Phase, since: Time) -> Result<bool> {
        let change = doc! {"$set": {"phase": bson(&phase)?, "since": date(since)}};
        let (arrivals, filter) = (self.arrivals(), found.filter()?);
        let advance = async move { arrivals.update_one(filter, change).await.map(|it| it.matched_count > 0) };
        command::bounded(advance).await
    }

    /// Removes the announcement that was found, unless another process has begun to fill the database meanwhile.
    pub(super) async fn remove_announcement(&self, found: &Announced) -> Result<()> {
        let (arrivals, filter) = (self.arrivals(), found.filter()?);
        command::bounded(async move { arrivals.delete_one(filter).await.map(drop) }).await
    }

    /// Fails if it is not this handle that fills the database.
    pub(super) async fn check_filler(&self) -> Result<()> {
        self.filler.check(self.announced().await?.filter(|it| it.phase == Phase::Filling).map(|it| it.key()))
    }

    /// [`Self::check_filler`]; but once the database is open, the history may be brought by whoever goes on with the move.
    pub(super) async fn check_may_add_history(&self) -> Result<()> {
        match self.announced().await? {
            Some(it) if it.phase == Phase::Open && self.filler.may_end(it.id, it.since) => Ok(()),
            it => self.filler.check(it.filter(|it| it.phase == Phase::Filling).map(|it| it.key())),
        }
    }

    /// Fails if somebody uses the database.
    pub(super) async fn check_empty(&self) -> MoveResult<()> {
        let records = "settings of alerts, or what was applied";
        let kinds = [("jobs", "endpoints or jobs"), ("rules", "rules"), ("records", records)];
        for (collection, what) in kinds {
            let collection = self.db.collection::<Document>(collection);
            let find = async move { collection.find_one(doc! {}).projection(doc! {"_id": 1}).max_time(MAX_TIME).await };
            if command::bounded(find).await?.is_some() {
                return Err(MoveError::NotEmpty(what));
            }
        }
        if self.has_pool_settings().await? { Err(MoveError::NotEmpty("settings of pools")) } else { Ok(()) }
    }

    /// Whether a pool has settings. Until workers have seen that a pool was reset, it counts as known.
    async fn has_pool_settings(&self) -> Result<bool> {
        let mut filter = crate::pools::there();
        filter.insert("known", true);
        let known = self.find_first("pools", filter, usize::MAX).await?;
        Ok(known.into_iter().any(|it| !crate::pools::to_settings(it).is_ok_and(|settings| settings.is_plain())))
    }
}
