//! The gate that jobs of a pool carry.
//!
//! `gate` in a job is a copy of `gate` in its pool: the pool's name if the pool is gated, or else "". A copy can be
//! out of date, for a job may be added, or moved to the pool, while the gate changes. So whoever writes one looks at the
//! pool once more after that, and puts it right; and for a minute after a change, which is longer than any such write
//! takes, every worker puts right what it finds (`regate_until`), whoever died in between.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use naptime_core::{Pool, PoolSettings};
use naptime_store::{Clock, Error, Result};

use super::document::{PoolDocument, as_it_is, gate_of, new_document, settings, without_passes};
use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{date, read, time};
use crate::joined::read_row;
use crate::pipeline::{cond, is_null};

/// How long after a change of a pool the gates of its jobs are looked after: longer than adding a job may take.
pub(crate) const REGATED: Duration = Duration::from_secs(60);

/// The part of a pool's document that says which gate its jobs carry.
struct GateDocument {
    gate: String,
    deleted: bool,
}

impl MongoStore {
    /// The gates that jobs of these pools are to carry, by pool. A pool that is not there yet, or is deleted, is made.
    pub(crate) async fn gates<'a>(&self, pools: impl Iterator<Item = &'a Pool>) -> Result<HashMap<String, String>> {
        self.gates_of(pools.map(Pool::as_str).collect()).await
    }

    async fn gates_of(&self, pools: HashSet<&str>) -> Result<HashMap<String, String>> {
        if pools.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.find_gates(pools.iter().copied()).await?;
        let missing: Vec<&str> = pools.iter().copied().filter(|&pool| !found.contains_key(pool)).collect();
        if !missing.is_empty() {
            let now = date(self.now());
            command::insert_new(&self.pools, missing.iter().map(|pool| new_document(pool, now)).collect()).await?;
        }
        let deleted: Vec<&str> = found.iter().filter(|(_, it)| it.deleted).map(|(pool, _)| pool.as_str()).collect();
        if !deleted.is_empty() {
            self.revive(&deleted).await?;
        }
        let mut gates: HashMap<String, String> = found.into_iter().map(|(pool, it)| (pool, it.gate)).collect();
        gates.extend(missing.into_iter().map(|pool| (pool.to_owned(), String::new())));
        Ok(gates)
    }

    /// Puts right the gates of jobs that were written with these, where a pool has changed or was deleted meanwhile. If
    /// that fails, a worker will do it.
    pub(crate) async fn mend_gates(&self, used: &HashMap<String, String>) {
        if used.is_empty() {
            return;
        }
        let mend = async {
            let gates = self.gates_of(used.keys().map(String::as_str).collect()).await?;
            for (pool, gate) in gates.iter().filter(|(pool, gate)| used.get(*pool) != Some(gate)) {
                self.regate(pool, gate).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = mend.await {
            tracing::warn!(%error, "cannot see whether a pool has changed while jobs were added to it");
        }
    }

    /// The settings of pools that are not as all others. Where one has changed lately, the gates of its jobs are put
    /// right.
    pub(crate) async fn look_after_pools(&self) -> Result<Vec<PoolSettings>> {
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(doc! {"known": true}).projection(without_passes()).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        // From before the look: by now no write goes on that began before the change.
        let now = self.now();
        let mut known = Vec::new();
        for document in command::bounded(find).await? {
            let whole = |document: PoolDocument| {
                let (deleted, regate_until, gate) = (document.deleted, document.regate_until, document.gate.clone());
                Ok((deleted, regate_until, gate, settings(document)?))
            };
            // One that cannot be read must not keep the endpoints of others from being called.
            let Ok((deleted, regate_until, gate, settings)) =
                read_row(document.get("_id").cloned(), read(document).and_then(whole))
            else {
                continue;
            };
            if !deleted && gate != gate_of(&settings) {
                // Written by a version that knows not all reasons for a gate. The next look gives its jobs the right one.
                if let Err(error) = self.change(&settings.pool, Document::new(), |_, _| Ok(true)).await {
                    tracing::debug!(pool = %settings.pool, %error, "cannot write the gate of a pool anew yet");
                }
            } else if let Some(until) = regate_until {
                let pool = settings.pool.as_str();
                match self.regate(pool, &gate).await {
                    Ok(()) if time(until) < now && deleted => self.bury(pool).await?,
                    Ok(()) if time(until) < now => self.forget_change(&settings, until).await?,
                    Ok(()) => {}
                    Err(error) => {
                        tracing::debug!(pool = %settings.pool, %error, "cannot finish a change of a pool yet");
                    }
                }
            }
            if !deleted {
                known.push(settings);
            }
        }
        Ok(known)
    }

    /// Gives this gate to those jobs of a pool that have another. Whoever does that may have been stopped for a while
    /// since the pool was read; so if it has another gate by now, they get that.
    pub(super) async fn regate(&self, pool: &str, gate: &str) -> Result<()> {
        let mut gate = gate.to_owned();
        loop {
            let others = doc! {"pool": pool, "gate": {"$ne": &gate}};
            // Whoever holds one of them is to see it, as after an edit.
            let edited = doc! {"$mergeObjects": ["$lock", {"edits": {"$add": ["$lock.edits", 1]}}]};
            let lock = cond(is_null("$lock"), Bson::Null, edited);
            let set = doc! {"gate": {"$literal": &gate}, "lock": lock};
            command::update(&self.db, "due", vec![Update::many(others, set)]).await?;
            match self.find_gates([pool].into_iter()).await?.remove(pool) {
                Some(present) if present.gate != gate => gate = present.gate,
                _ => return Ok(()),
            }
        }
    }

    /// Notes that the gates of all jobs are right, unless the pool has changed since they were looked after `until`.
    async fn forget_change(&self, settings: &PoolSettings, until: DateTime) -> Result<()> {
        let mut filter = as_it_is(settings);
        filter.insert("regate_until", until);
        let set = doc! {"regate_until": null, "known": !settings.is_plain()};
        command::update(&self.db, "pools", vec![Update::one(filter, set)]).await.map(drop)
    }

    async fn find_gates(&self, pools: impl Iterator<Item = &str>) -> Result<HashMap<String, GateDocument>> {
        let filter = doc! {"_id": {"$in": pools.collect::<Vec<_>>()}};
        let pools = self.pools.clone();
        let find = async move {
            pools
                .find(filter)
                .projection(doc! {"gate": 1, "deleted": 1})
                .max_time(MAX_TIME)
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let gate = |it: &Document| {
            let gate = it.get_str("gate").ok()?.to_owned();
            let deleted = it.get_bool("deleted").unwrap_or(false);
            Some((it.get_str("_id").ok()?.to_owned(), GateDocument { gate, deleted }))
        };
        Ok(command::bounded(find).await?.iter().filter_map(gate).collect())
    }
}

/// The keys of the index in which the due work of a pool with another gate than that has is found. No worker changes
/// either.
pub(crate) fn by_pool_and_gate() -> Document {
    doc! {"pool": 1, "gate": 1}
}
