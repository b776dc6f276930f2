//! Which endpoints are in which state, and how many.

use std::collections::{BTreeMap, HashSet};

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::job::MAX_LEASE;
use naptime_core::{Partition, Time};
use naptime_store::plan::MOST_LATE;
use naptime_store::{Clock, EndpointState, Error, JobCount, Jobs, LATE_AFTER, Result};

use crate::command::{self, MAX_TIME, number};
use crate::document::{Shelf, date, millis};
use crate::list::by_pause;
use crate::{MongoStore, gates, schema, sla, troubles};

/// How many of those that can be claimed next are looked at for those that are held. No index tells them apart, since
/// that would cost something with each claim and each settle.
const MAX_LOOKED_AT: i64 = 20_000;
/// The most ids that are named in a command: there is no room in it for many more. Where there are more, a list fails
/// rather than leave some out, since people act on all that is listed; a count leaves them out.
const MAX_IDS: usize = 250_000;

/// How the due work of those in a state is found.
pub(crate) struct DueIn {
    pub(crate) filter: Document,
    /// The field that says since when.
    pub(crate) since: &'static str,
    /// An index of nothing else, in the order of that field.
    pub(crate) index: Document,
}

impl DueIn {
    /// None of a state that has no such index.
    pub(crate) fn of(state: EndpointState, now: Time) -> Option<Self> {
        let ever = DateTime::from_millis(0);
        match state {
            EndpointState::Failing | EndpointState::PutOff | EndpointState::Flapping => {
                let filter = doc! {"trouble": state.as_str()};
                Some(Self { filter, since: "trouble_since", index: troubles::index() })
            }
            EndpointState::Late => {
                // What is switched off or deleted has nothing due.
                let mut filter = open(doc! {"$gt": ever, "$lte": date(now - LATE_AFTER)});
                filter.extend(doc! {"due": {"$gt": ever}, "stage": null});
                Some(Self { filter, since: "claim_at", index: schema::peek() })
            }
            EndpointState::Breach => {
                let filter = doc! {"watch.deadline": {"$gt": ever, "$lt": date(now)}};
                Some(Self { filter, since: "watch.deadline", index: sla::index() })
            }
            _ => None,
        }
    }
}

impl MongoStore {
    /// How many endpoints a list of each state has.
    pub(crate) async fn count_states(&self) -> Result<BTreeMap<EndpointState, u64>> {
        let now = self.now();
        let (all, failing, put_off, flapping, late, breach, running, (paused, unwell)) = tokio::try_join!(
            self.count(),
            self.count_due(EndpointState::Failing, now),
            self.count_due(EndpointState::PutOff, now),
            self.count_due(EndpointState::Flapping, now),
            self.count_due(EndpointState::Late, now),
            self.count_due(EndpointState::Breach, now),
            self.count_held(now),
            self.count_paused_and_unwell(now),
        )?;
        let JobCount { total, active } = all;
        let counts = [
            (EndpointState::Failing, failing),
            (EndpointState::PutOff, put_off),
            (EndpointState::Flapping, flapping),
            (EndpointState::Late, late),
            (EndpointState::Breach, breach),
            (EndpointState::Running, running),
            (EndpointState::Paused, paused),
            (EndpointState::On, active),
            (EndpointState::Off, total - active),
            (EndpointState::Healthy, active.saturating_sub(unwell)),
        ];
        Ok(counts.into())
    }

    /// The ids of those in a state that is told by their due work.
    pub(crate) async fn ids_in(&self, state: EndpointState, now: Time) -> Result<Vec<Bson>> {
        match DueIn::of(state, now) {
            Some(DueIn { filter, index, .. }) => ids(&self.due, filter, index).await,
            None => self.ids_held(now).await,
        }
    }

    /// The ids of those with something wrong, beside a pause.
    pub(crate) async fn ill(&self, now: Time) -> Result<Vec<Bson>> {
        let breach = DueIn::of(EndpointState::Breach, now).map(|due| due.filter).unwrap_or_default();
        let (troubled, broken) = tokio::try_join!(
            ids(&self.due, doc! {"trouble": {"$gt": ""}}, troubles::index()),
            ids(&self.due, breach, sla::index()),
        )?;
        Ok(distinct(troubled.into_iter().chain(broken)))
    }

    /// The ids of the endpoints that are held.
    async fn ids_held(&self, now: Time) -> Result<Vec<Bson>> {
        // The claim of one that is held ends within the longest lease.
        let soon = doc! {"$gt": date(now), "$lte": date(now + MAX_LEASE)};
        let gated = doc! {"gate": {"$gt": ""}, "claim_at": soon.clone()};
        let held = |among: Document, index: Document| {
            let stages = vec![
                doc! {"$match": among},
                doc! {"$sort": {"claim_at": 1, "_id": 1}},
                doc! {"$limit": MAX_LOOKED_AT},
                doc! {"$match": {"lock": {"$ne": null}, "stage": null}},
                doc! {"$project": {"_id": 1}},
            ];
            let due = self.due.clone();
            command::bounded(async move {
                let find = due.aggregate(stages).hint(Hint::Keys(index)).max_time(MAX_TIME);
                find.await?.try_collect::<Vec<Document>>().await
            })
        };
        let (open, gated) = tokio::try_join!(held(open(soon), schema::peek()), held(gated, gates::by_gate()))?;
        Ok(open.into_iter().chain(gated).filter_map(id).collect())
    }

    async fn count_due(&self, state: EndpointState, now: Time) -> Result<u64> {
        let Some(DueIn { filter, index, .. }) = DueIn::of(state, now) else { return Ok(0) };
        let mut count = doc! {"count": "due", "query": filter, "hint": index, "maxTimeMS": millis(MAX_TIME)};
        if state == EndpointState::Late {
            count.insert("limit", i64::try_from(MOST_LATE).unwrap_or(i64::MAX));
        }
        Ok(number(command::run(&self.db, count).await?.get("n")))
    }

    async fn count_held(&self, now: Time) -> Result<u64> {
        // One may have been deleted while it is called.
        self.count_among(self.ids_held(now).await?, doc! {}).await
    }

    /// How many are paused; and of those that are switched on, how many are not healthy.
    async fn count_paused_and_unwell(&self, now: Time) -> Result<(u64, u64)> {
        let mut filter = doc! {"shelf": Shelf::Endpoints.as_str()};
        filter.extend(is_paused(now));
        let (paused, ill) = tokio::try_join!(ids(&self.jobs, filter, by_pause()), self.ill(now))?;
        let count = paused.len() as u64;
        let unwell = distinct(paused.into_iter().chain(ill));
        Ok((count, self.count_among(unwell, doc! {"active": true}).await?))
    }

    /// How many of these are endpoints that are not deleted, and like that.
    async fn count_among(&self, ids: Vec<Bson>, mut filter: Document) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        filter.extend(doc! {"_id": {"$in": ids}, "shelf": Shelf::Endpoints.as_str()});
        let count = doc! {"count": "jobs", "query": filter, "hint": {"_id": 1}, "maxTimeMS": millis(MAX_TIME)};
        Ok(number(command::run(&self.db, count).await?.get("n")))
    }
}

/// That a schedule has a pause that lasts.
pub(crate) fn is_paused(now: Time) -> Document {
    let lasts = vec![doc! {"schedule.pause.until": null}, doc! {"schedule.pause.until": {"$gt": date(now)}}];
    doc! {"schedule.pause": {"$exists": true}, "$or": lasts}
}

/// The jobs of pools that are not gated that can be claimed then.
fn open(claim_at: Document) -> Document {
    let partitions: Vec<i32> = Partition::all().map(|partition| i32::from(partition.number())).collect();
    doc! {"gate": "", "partition": {"$in": partitions}, "claim_at": claim_at}
}

/// The ids of what a filter finds, from an index: [`MAX_IDS`], and one more where there are more.
pub(crate) async fn ids(collection: &Collection<Document>, filter: Document, index: Document) -> Result<Vec<Bson>> {
    let (collection, limit) = (collection.clone(), i64::try_from(MAX_IDS + 1).unwrap_or(i64::MAX));
    let find = async move {
        let find = collection.find(filter).hint(Hint::Keys(index)).limit(limit).projection(doc! {"_id": 1});
        find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
    };
    Ok(command::bounded(find).await?.into_iter().filter_map(id).collect())
}

/// These ids, if they are all there are and there is room for them in a command.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) fn if_all(ids: Vec<Bson>) -> Result<Vec<Bson>> {
    if ids.len() > MAX_IDS {
        return Err(Error::Unavailable(format!(
            "more than {MAX_IDS} endpoints match, which is too many for this list"
        )));
    }
    Ok(ids)
}

fn id(mut document: Document) -> Option<Bson> {
    document.remove("_id")
}

/// Each of these once.
fn distinct(ids: impl Iterator<Item = Bson>) -> Vec<Bson> {
    let mut seen = HashSet::new();
    ids.filter(|id| matches!(id, Bson::Binary(id) if seen.insert(id.bytes.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_too_many_fails_and_leaves_none_out() {
        assert!(if_all(vec![Bson::Null; MAX_IDS]).is_ok_and(|ids| ids.len() == MAX_IDS));
        assert!(matches!(if_all(vec![Bson::Null; MAX_IDS + 1]), Err(Error::Unavailable(_))));
    }
}
