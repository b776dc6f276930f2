//! History, part by part in the order of its ids.

use mongodb::bson::{Document, doc};
use naptime_core::load::Load;
use naptime_core::{Breach, JobId, Tier};
use naptime_store::moving::{HistoryCursor, HistoryItems, HistoryPart};
use naptime_store::{Error, Result};

use super::to_tier;
use crate::MongoStore;
use crate::answers::{answer_id, to_answer};
use crate::breaches::{BreachDocument, breach_id};
use crate::document::{read, run_id, time, to_run};
use crate::history::{LoadDocument, row_id};
use crate::joined::read_row;
use crate::queue::read_uuid;

/// The most answers at once: each may take 100 KiB.
const MAX_ANSWERS: usize = 100;

impl MongoStore {
    /// What follows `after`, of its kind; then comes the next kind.
    pub(super) async fn history_part(&self, after: HistoryCursor, limit: usize) -> Result<HistoryPart> {
        let next_kind = after.next_kind();
        let (items, next) = match after {
            HistoryCursor::Runs(after) => {
                let after = after.map(|(job, token)| run_id(token, job));
                let key = |id: &Document| Some((job_of(id)?, read_uuid(id, "token")?.into()));
                let (items, last) = self.read_history("runs", after, limit, key, to_run).await?;
                (HistoryItems::Runs(items), last.map(|last| HistoryCursor::Runs(Some(last))))
            }
            HistoryCursor::Answers(after) => {
                let after = after.map(|(job, place)| answer_id(job, &place));
                let key = |id: &Document| Some((job_of(id)?, id.get_str("place").ok()?.to_owned()));
                let limit = limit.min(MAX_ANSWERS);
                let (items, last) = self.read_history("answers", after, limit, key, |it| to_answer(&it)).await?;
                (HistoryItems::Answers(items), last.map(|last| HistoryCursor::Answers(Some(last))))
            }
            HistoryCursor::Breaches(after) => {
                let after = after.map(|(job, from)| breach_id(job, from));
                let key = |id: &Document| Some((job_of(id)?, time(*id.get_datetime("from").ok()?)));
                let breach = |document| read::<BreachDocument>(document).map(Breach::from);
                let (items, last) = self.read_history("breaches", after, limit, key, breach).await?;
                (HistoryItems::Breaches(items), last.map(|last| HistoryCursor::Breaches(Some(last))))
            }
            HistoryCursor::Load(after) => {
                // The total comes before all tiers, and is no history.
                let after = after.map_or(doc! {"tier": 1}, |(tier, at, worker)| row_id(tier, at, worker));
                let key = |id: &Document| {
                    let tier = u16::try_from(id.get_i32("tier").ok()?).ok()?;
                    Some((tier, time(*id.get_datetime("at").ok()?), read_uuid(id, "worker")?.into()))
                };
                let (items, last) = self.read_history("load", Some(after), limit, key, load).await?;
                (HistoryItems::Load(items), last.map(|last| HistoryCursor::Load(Some(last))))
            }
        };
        Ok(HistoryPart { items, next: next.or(next_kind) })
    }

    /// The documents that follow this id and can be read, and the key of the last one if others may follow it.
    async fn read_history<T, K>(
        &self,
        collection: &str,
        after: Option<Document>,
        limit: usize,
        key: impl Fn(&Document) -> Option<K>,
        read: impl Fn(Document) -> Result<T>,
    ) -> Result<(Vec<T>, Option<K>)> {
        let filter = after.map_or_else(Document::new, |after| doc! {"_id": {"$gt": after}});
        let found = self.find_first(collection, filter, limit).await?;
        let last = match found.last() {
            None => None,
            Some(last) => Some(last.get_document("_id").ok().and_then(key).ok_or_else(|| {
                Error::Corrupt(format!("{collection}: what follows {:?} cannot be told", last.get("_id")))
            })?),
        };
        let row = |document: Document| read_row(document.get("_id").cloned(), read(document)).ok();
        Ok((found.into_iter().filter_map(row).collect(), last))
    }
}

fn job_of(id: &Document) -> Option<JobId> {
    read_uuid(id, "job").map(JobId::from)
}

fn load(document: Document) -> Result<(Tier, Load)> {
    let document: LoadDocument = read(document)?;
    Ok((to_tier(document.tier)?, document.into()))
}
