//! Filling the database: everything is moved into it, or a backup is taken in.
//!
//! The due work of a job that arrives is parked: `claim_at`, which a claim goes by, is null, and what it is to be is in
//! `parked`. So workers that have the database open find nothing to claim, and to open it is one update, in which the jobs
//! become what they were. Whoever repeats that finds no job parked twice.
//!
//! The time of the announcement tells who fills the database: each beginning writes a later one, and each step looks at it
//! first. So whoever fills the database with the same beside another puts nothing more. It is no lock: a write that is
//! under way at that moment still arrives, with the documents that the other one puts as well.

mod announced;
mod writes;

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use naptime_core::{Job, JobId, KeptAnswer};
use naptime_store::moving::{Arrival, Arriving, Filling, HistoryItems, MoveError, MoveResult, Moves, Settings, Shut};
use naptime_store::{Clock, Result};
use uuid::Uuid;

use self::announced::{Announced, Phase};
use self::writes::{MAX_DOCUMENTS, Put, key_of};
use crate::MongoStore;
use crate::breaches::BreachDocument;
use crate::command::raw;
use crate::document::{by_id, from_config, from_parked_due, from_run, uuid};
use crate::insert::chunk_of;
use crate::joined::{among, by_ids};

/// What is brought before the database is opened, by collection. The due work goes first. An empty database has none of
/// it but pools without settings, and figures of workers that had nothing to call.
const BROUGHT: [&str; 10] = ["due", "jobs", "pools", "rules", "records", "sla", "runs", "answers", "breaches", "load"];
/// The most answers written by one command: each may take 100 KiB.
const MAX_ANSWERS: usize = 50;

#[async_trait]
impl Moves for MongoStore {
    async fn shut(&self) -> Result<Option<Shut>> {
        let found = self.announced().await?.filter(|it| it.phase != Phase::Open);
        Ok(found.map(|it| Shut::Arriving { from: it.from, since: it.since }))
    }
}

#[async_trait]
impl Filling for MongoStore {
    async fn announce(&self, id: Uuid, from: &str) -> MoveResult<Arrival> {
        match self.announced().await? {
            Some(it) if it.id == id => {
                self.filler.note(id, it.since);
                return Ok(it.phase.into());
            }
            Some(it) if it.phase != Phase::Open => return Err(MoveError::OtherMove { from: it.from }),
            _ => {}
        }
        self.check_empty().await?;
        let since = self.put_announcement(id, from).await?;
        self.filler.note(id, since);
        Ok(Arrival::Announced)
    }

    async fn begin_filling(&self, id: Uuid) -> MoveResult<()> {
        let found = self.announced().await?.filter(|it| it.id == id && it.phase != Phase::Open);
        let Some(found) = found else { return Err(MoveError::NotThere) };
        if found.phase == Phase::Announced
            && let Err(error) = self.check_empty().await
        {
            self.remove_announcement(&found).await?;
            return Err(error);
        }
        // Later than what is there, even where the clock was set back.
        let since = self.now().max(found.since + Duration::from_millis(1));
        // Noted first: the answer may be lost.
        self.filler.note(id, since);
        if !self.advance(&found, Phase::Filling, since).await? {
            // The other one may have written the same time.
            self.filler.note(id, found.since);
            return Err(MoveError::TakenOver);
        }
        let begun = Announced { since, phase: Phase::Filling, ..found };
        if self.remove_brought(&begun).await? { Ok(()) } else { Err(MoveError::TakenOver) }
    }

    async fn put_jobs(&self, jobs: &[Job]) -> Result<Vec<JobId>> {
        self.check_filler().await?;
        let (mut rest, mut left_out) = (jobs, Vec::new());
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(chunk_of(rest).min(MAX_DOCUMENTS));
            let mut configs = Vec::with_capacity(chunk.len());
            for job in chunk {
                configs.push((job, from_config(job)?));
            }
            let owners = self.owners_of_keys(configs.iter().map(|(_, config)| config)).await?;
            let is_free = |(job, config): &(&Job, Document)| {
                key_of(config).and_then(|key| owners.get(&key)).is_none_or(|owner| *owner == job.id)
            };
            let (put, out): (Vec<_>, Vec<_>) = configs.into_iter().partition(is_free);
            left_out.extend(out.iter().map(|(job, _)| job.id));
            let config = |(job, config): &(&Job, Document)| Put {
                filter: doc! {"_id": uuid(job.id.uuid())},
                document: raw(config),
            };
            self.put_all("jobs", put.iter().map(config).collect()).await?;
            self.put_all("due", put.iter().map(|(job, _)| due(job)).collect::<Result<_>>()?).await?;
            rest = later;
        }
        Ok(left_out)
    }

    async fn remove_jobs(&self, ids: &[JobId]) -> Result<()> {
        self.check_filler().await?;
        for chunk in ids.chunks(MAX_DOCUMENTS) {
            self.remove_all("due", among(chunk)).await?;
            self.remove_all("jobs", by_ids(chunk)).await?;
        }
        Ok(())
    }

    async fn put_settings(&self, settings: &Settings) -> Result<()> {
        self.check_filler().await?;
        let Settings { pools, rules, records, sums, total } = settings;
        let pools = pools.iter().map(crate::pools::from_settings).collect::<Result<Vec<_>>>()?;
        let rules = rules.iter().map(crate::rules::from_rule).collect::<Result<Vec<_>>>()?;
        let sums = sums.iter().map(|(&(tier, at), &amount)| crate::breaches::from_sum(tier, at, amount)).collect();
        self.insert_all("pools", pools).await?;
        self.insert_all("rules", rules).await?;
        self.insert_all("records", records.iter().map(crate::records::from_record).collect()).await?;
        self.insert_all("sla", sums).await?;
        self.put_total(total).await
    }

    async fn open_up(&self, id: Uuid) -> MoveResult<()> {
        let found = self.announced().await?.filter(|it| it.id == id && it.phase != Phase::Announced);
        let Some(found) = found else { return Err(MoveError::NotThere) };
        if !self.filler.may_end(id, found.since) {
            return Err(MoveError::TakenOver);
        }
        if found.phase == Phase::Open {
            return Ok(());
        }
        for pool in self.gated_pools().await? {
            let gated = vec![doc! {"$set": {"gate": {"$literal": &pool}}}];
            self.update_parked(doc! {"pool": &pool}, gated).await?;
        }
        let open = vec![doc! {"$set": {"claim_at": "$parked.claim_at"}}, doc! {"$unset": "parked"}];
        self.update_parked(doc! {}, open).await?;
        if !self.advance(&found, Phase::Open, found.since).await? {
            return Err(MoveError::TakenOver);
        }
        self.wake_workers();
        Ok(())
    }

    async fn put_history(&self, items: HistoryItems) -> Result<()> {
        self.check_may_add_history().await?;
        match items {
            HistoryItems::Runs(runs) => {
                let runs = runs.iter().map(from_run).collect::<Result<Vec<_>>>()?;
                self.insert_all("runs", runs).await
            }
            HistoryItems::Answers(answers) => {
                // Where one is kept by now, that is the later one.
                let answers: Vec<&KeptAnswer> = answers.iter().collect();
                for answers in answers.chunks(MAX_ANSWERS) {
                    self.keep(answers).await?;
                }
                Ok(())
            }
            HistoryItems::Breaches(breaches) => {
                self.insert_all("breaches", breaches.iter().map(BreachDocument::from).collect()).await
            }
            HistoryItems::Load(rows) => self.put_load(&rows).await,
        }
    }

    async fn take_back(&self, id: Uuid) -> Result<()> {
        let found = self.announced().await?.filter(|it| it.id == id && it.phase != Phase::Open);
        let Some(found) = found.filter(|it| self.filler.may_end(id, it.since)) else { return Ok(()) };
        if found.phase == Phase::Filling && !self.remove_brought(&found).await? {
            return Ok(());
        }
        self.remove_announcement(&found).await
    }
}

#[async_trait]
impl Arriving for MongoStore {
    async fn put_due(&self, jobs: &[Job]) -> Result<()> {
        for chunk in jobs.chunks(MAX_DOCUMENTS) {
            self.put_all("due", chunk.iter().map(due).collect::<Result<_>>()?).await?;
        }
        Ok(())
    }
}

impl MongoStore {
    /// Removes what was brought. Returns whether it is all gone: what another process brings meanwhile is to stay.
    async fn remove_brought(&self, filling: &Announced) -> Result<bool> {
        for collection in BROUGHT {
            if self.announced().await?.is_none_or(|it| it.key() != filling.key()) {
                return Ok(false);
            }
            self.remove_all(collection, doc! {}).await?;
        }
        Ok(true)
    }
}

fn due(job: &Job) -> Result<Put> {
    Ok(Put { filter: by_id(job.id), document: from_parked_due(job)? })
}
