//! The limits of pools: passes, taken and counted in the document of their pool.
//!
//! A pool's document holds its passes: `flights`, for calls in flight, and `starts`, for calls that left within the last
//! second. One update drops what has run out, counts what is left, and adds as many as there is room for, all by the
//! server's clock. So the limits hold whoever takes passes at the same time, and whoever died with some.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::options::{Hint, ReturnDocument};
use naptime_core::pool::{PASS_LEASE, PROBE_EVERY, Sign};
use naptime_core::{Pass, PassId, Pool, PoolSettings, Time};
use naptime_store::pools::START_LASTS;
use naptime_store::{Error, Freed, Gates, Hosts, Passes, Result, Take};
use serde::Deserialize;

use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{millis, time, uuid};
use crate::pipeline::{cond, is_null};
use crate::pools::DownDocument;

#[derive(Deserialize)]
struct NextDocument {
    _id: String,
    claim_at: DateTime,
}

/// What a pool's document says of the last passes taken.
#[derive(Deserialize)]
struct GrantedDocument {
    granted: i64,
    next: Option<DateTime>,
    max_in_flight: Option<u32>,
    max_per_second: Option<u32>,
    #[serde(default)]
    down: Option<DownDocument>,
}

#[derive(Deserialize)]
struct FlightsDocument {
    flights: Vec<FlightDocument>,
}

#[derive(Deserialize)]
struct FlightDocument {
    id: Uuid,
}

#[async_trait]
impl Gates for MongoStore {
    async fn known_pools(&self) -> Result<Vec<PoolSettings>> {
        self.look_after_pools().await
    }

    async fn next_in(&self, pools: &[Pool]) -> Result<Vec<(Pool, Time)>> {
        if pools.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = pools.iter().map(Pool::as_str).collect();
        // One key of the index for each pool, however many jobs there are.
        let first = [
            doc! {"$match": {"gate": {"$in": names}, "claim_at": {"$gt": DateTime::from_millis(0)}}},
            doc! {"$sort": {"gate": 1, "claim_at": 1}},
            doc! {"$group": {"_id": "$gate", "claim_at": {"$first": "$claim_at"}}},
        ];
        let due = self.due.clone();
        let first = async move {
            let first = due.aggregate(first).hint(Hint::Keys(by_gate())).max_time(MAX_TIME);
            first.with_type::<NextDocument>().await?.try_collect::<Vec<_>>().await
        };
        let next = |it: NextDocument| {
            let pool = Pool::parse(&it._id).map_err(|error| Error::Corrupt(error.to_string()))?;
            Ok((pool, time(it.claim_at)))
        };
        command::bounded(first).await?.into_iter().map(next).collect()
    }

    async fn take_passes(&self, take: &Take) -> Result<Passes> {
        let stages = taking(&self.clock.server_now(), take);
        let (pools, filter) = (self.pools.clone(), doc! {"_id": take.pool.as_str()});
        let shown = doc! {"granted": 1, "next": 1, "max_in_flight": 1, "max_per_second": 1, "down": 1};
        let take = async move {
            let take = pools.find_one_and_update(filter, stages).return_document(ReturnDocument::After);
            take.projection(shown).max_time(MAX_TIME).await
        };
        let Some(document) = command::bounded(take).await? else { return Ok(Passes::default()) };
        let d: GrantedDocument = crate::document::read(document)?;
        let down = d.down.map(DownDocument::read);
        Ok(Passes {
            granted: usize::try_from(d.granted).unwrap_or(0),
            in_flight: d.max_in_flight.is_some(),
            per_second: d.max_per_second.is_some() || down.is_some(),
            next: d.next.map(time),
            down,
        })
    }

    async fn extend_passes(&self, passes: &[Pass]) -> Result<Vec<Pass>> {
        if passes.is_empty() {
            return Ok(Vec::new());
        }
        let until = doc! {"$add": [self.clock.server_now(), millis(PASS_LEASE)]};
        let by_pool = by_pool(passes.iter().map(|pass| (pass, pass.id)));
        let names: Vec<&str> = by_pool.keys().copied().collect();
        let filter = doc! {"_id": {"$in": names}};
        let extend = |(pool, ids): (&str, Vec<Bson>)| {
            let extended = doc! {"id": "$$it.id", "until": &until};
            let each = cond(doc! {"$in": ["$$it.id", {"$literal": ids}]}, extended, "$$it");
            let flights = doc! {"$map": {"input": "$flights", "as": "it", "in": each}};
            Update::one(doc! {"_id": pool}, doc! {"flights": flights})
        };
        command::update(&self.db, "pools", by_pool.into_iter().map(extend).collect()).await?;
        let pools = self.pools.clone_with_type::<FlightsDocument>();
        let held =
            async move { pools.find(filter).projection(doc! {"flights.id": 1}).await?.try_collect::<Vec<_>>().await };
        let held = command::bounded(held).await?;
        let held: HashSet<PassId> =
            held.iter().flat_map(|pool| &pool.flights).map(|flight| flight.id.to_uuid_1().into()).collect();
        Ok(passes.iter().filter(|pass| !held.contains(&pass.id)).cloned().collect())
    }

    async fn free_passes(&self, passes: &[Freed]) -> Result<()> {
        if passes.is_empty() {
            return Ok(());
        }
        let mut unused = by_pool(passes.iter().filter(|it| !it.used).map(|it| (&it.pass, it.pass.id)));
        let free = |(pool, ids): (&str, Vec<Bson>)| {
            let without = |field: &str, ids: Vec<Bson>| {
                doc! {"$filter": {
                    "input": field, "as": "it", "cond": {"$not": {"$in": ["$$it.id", {"$literal": ids}]}},
                }}
            };
            let mut set = doc! {"flights": without("$flights", ids)};
            if let Some(unused) = unused.remove(pool) {
                set.insert("starts", without("$starts", unused));
            }
            Update::one(doc! {"_id": pool}, set)
        };
        let updates = by_pool(passes.iter().map(|it| (&it.pass, it.pass.id))).into_iter().map(free).collect();
        command::update(&self.db, "pools", updates).await.map(drop)
    }
}

#[async_trait]
impl Hosts for MongoStore {
    async fn down_pools(&self) -> Result<Vec<PoolSettings>> {
        let known = self.look_after_pools().await?;
        Ok(known.into_iter().filter(|settings| settings.down.is_some()).collect())
    }

    async fn heed(&self, pool: &Pool, sign: Sign) -> Result<bool> {
        let now = self.clock.server_now();
        // Calls come back at once, and not after the time that lies between probes.
        let cut = doc! {"id": "$$it.id", "until": {"$min": ["$$it.until", {"$add": [now, millis(START_LASTS)]}]}};
        let starts = doc! {"starts": {"$map": {"input": "$starts", "as": "it", "in": cut}}};
        match self.change(pool, starts, |settings, now| Ok(settings.heed(sign, now))).await {
            Ok((settings, false)) if sign == Sign::Down && settings.down.is_some() => {
                // A version that knows nothing of hosts that are down may have taken the pool for one like all others.
                let unknown = doc! {"_id": pool.as_str(), "known": false, "down.rate": {"$exists": true}};
                command::update(&self.db, "pools", vec![Update::one(unknown, doc! {"known": true})]).await?;
                Ok(false)
            }
            Ok((_, changed)) => Ok(changed),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The stages that take passes, as many as are free. The limits are those of `PoolSettings::call_limits`.
fn taking(now: &Bson, take: &Take) -> Vec<Document> {
    let alive = |field: &str| doc! {"$filter": {"input": field, "as": "it", "cond": {"$gt": ["$$it.until", now]}}};
    let wanted = i64::try_from(take.ids.len()).unwrap_or(i64::MAX);
    let is_down = doc! {"$gt": ["$down", Bson::Null]};
    let down_rate = cond(is_down, doc! {"$max": [1_i64, "$down.rate"]}, Bson::Null);
    // The least of those that are there.
    let starts_limit = doc! {"$min": ["$max_per_second", down_rate]};
    let room = |limit: &str, held: &str| cond(is_null(limit), wanted, doc! {"$subtract": [limit, {"$size": held}]});
    let room = [Bson::from(wanted), room("$max_in_flight", "$flights").into(), room("$starts_limit", "$starts").into()];
    let granted = cond("$active", doc! {"$max": [0_i64, {"$min": room.to_vec()}]}, 0_i64);
    let full = doc! {"$gte": [{"$size": "$starts"}, "$starts_limit"]};
    let next = cond(is_null("$starts_limit"), Bson::Null, cond(full, doc! {"$min": "$starts.until"}, Bson::Null));
    let ids: Vec<Bson> = take.ids.iter().map(|id| uuid(id.uuid()).into()).collect();
    let with_new = |limit: &str, held: &str, lasts: Bson| {
        let pass = doc! {"id": "$$it", "until": {"$add": [now, lasts]}};
        let new = doc! {"$map": {"input": {"$slice": [{"$literal": &ids}, "$granted"]}, "as": "it", "in": pass}};
        let some = doc! {"$and": [{"$gt": ["$granted", 0]}, {"$not": is_null(limit)}]};
        cond(some, doc! {"$concatArrays": [held, new]}, held)
    };
    let flights = with_new("$max_in_flight", "$flights", millis(PASS_LEASE).into());
    let start_lasts = [PROBE_EVERY, START_LASTS].map(|lasts| millis(lasts + take.leaves_within));
    let start_lasts = cond(doc! {"$eq": ["$down.rate", 0_i64]}, start_lasts[0], start_lasts[1]);
    let starts = with_new("$starts_limit", "$starts", start_lasts.into());
    vec![
        doc! {"$set": {
            "flights": alive("$flights"), "starts": alive("$starts"), "starts_limit": starts_limit,
        }},
        doc! {"$set": {"granted": granted, "next": next}},
        doc! {"$set": {"flights": flights, "starts": starts}},
        doc! {"$unset": "starts_limit"},
    ]
}

/// The keys of the index in which the due jobs of a gated pool are found. Jobs of other pools are not in it.
pub(crate) fn by_gate() -> Document {
    doc! {"gate": 1, "claim_at": 1, "_id": 1, "size": 1}
}

/// The ids of passes by the name of their pool.
fn by_pool<'a>(passes: impl Iterator<Item = (&'a Pass, PassId)>) -> HashMap<&'a str, Vec<Bson>> {
    let mut by_pool: HashMap<&str, Vec<Bson>> = HashMap::new();
    for (pass, id) in passes {
        by_pool.entry(pass.pool.as_str()).or_default().push(uuid(id.uuid()).into());
    }
    by_pool
}
