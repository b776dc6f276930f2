//! Answers that are kept.

use mongodb::bson::{Document, doc};
use naptime_core::answer::{MAX_ANSWERS, Place};
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{JobId, KeptAnswer, Settled, Time};
use naptime_store::{Error, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, time, uuid};
use crate::queue::read_uuid;

impl MongoStore {
    /// Keeps the answers of these, each at its place, if that is free or is for the latest. Why one cannot be kept is
    /// logged, unless a later try may do better: a settle does not fail for it.
    pub(crate) async fn keep_answers(&self, done: &[Settled]) -> Result<()> {
        let answers: Vec<_> = done.iter().filter_map(|settled| settled.answer.as_deref()).collect();
        if answers.is_empty() {
            return Ok(());
        }
        let statements = answers.iter().map(|answer| statement(answer)).collect::<Result<Vec<_>>>()?;
        let command = doc! {"update": "answers", "updates": statements, "ordered": false};
        match command::write(&self.db, command::raw(&command)).await {
            Err(error) if !error.is_outage() => tracing::warn!(%error, "cannot keep answers"),
            other => drop(other?),
        }
        for answer in answers.into_iter().filter(|answer| is_turn(answer)) {
            self.trim_answers(answer.job);
        }
        Ok(())
    }

    /// The first answer that this finds, in this order.
    pub(crate) async fn find_answer(&self, filter: Document, sort: Document) -> Result<Option<KeptAnswer>> {
        let answers = self.db.collection::<Document>("answers");
        let find = async move { answers.find_one(filter).sort(sort).max_time(MAX_TIME).await };
        command::bounded(find).await?.map(|found| read(&found)).transpose()
    }

    /// Removes answers that are older than they are kept, and those that lie ahead.
    pub(crate) async fn purge_answers(&self, before: Time, now: Time) -> Result<()> {
        command::remove(&self.db, "answers", doc! {"at": {"$lt": date(before)}}).await?;
        command::remove(&self.db, "answers", doc! {"at": {"$gt": date(now + CLOCK_TOLERANCE)}}).await
    }

    /// Cuts a job to the most answers that are kept, in the background.
    fn trim_answers(&self, job: JobId) {
        let answers = self.db.collection::<Document>("answers");
        let trim = async move {
            let of_job = doc! {"job": uuid(job.uuid())};
            let most = u64::try_from(MAX_ANSWERS).unwrap_or(u64::MAX);
            let oldest = answers.find_one(of_job.clone()).sort(doc! {"at": -1}).skip(most);
            if let Some(oldest) = oldest.projection(doc! {"at": 1}).await? {
                let mut older = of_job;
                older.insert("at", doc! {"$lte": oldest.get("at")});
                answers.delete_many(older).await?;
            }
            Ok(())
        };
        tokio::spawn(async move {
            if let Err(error) = command::bounded(trim).await {
                tracing::warn!(%job, %error, "cannot remove the oldest answers of job {job}");
            }
        });
    }
}

/// Whether it is the turn of an answer's job to be trimmed: one in ten, by hash, so that no count has to be kept.
fn is_turn(answer: &KeptAnswer) -> bool {
    (answer.run.hash() ^ answer.job.hash()).is_multiple_of(10)
}

fn statement(answer: &KeptAnswer) -> Result<Document> {
    let KeptAnswer { job, run, at, well, place, transcript } = answer;
    let transcript = serde_json::to_string(transcript).map_err(|error| Error::Corrupt(error.to_string()))?;
    let job = uuid(job.uuid());
    let values = doc! {
        "job": job, "run": uuid(run.uuid()), "at": date(*at), "well": well, "transcript": transcript,
    };
    let change = if place.replaces { "$set" } else { "$setOnInsert" };
    Ok(doc! {"q": {"_id": {"job": job, "place": &place.name}}, "u": {change: values}, "upsert": true})
}

fn read(found: &Document) -> Result<KeptAnswer> {
    let answer = || {
        let transcript = serde_json::from_str(found.get_str("transcript").ok()?).ok()?;
        Some(KeptAnswer {
            job: read_uuid(found, "job")?.into(),
            run: read_uuid(found, "run")?.into(),
            at: time(found.get_datetime("at").ok().copied()?),
            well: found.get_bool("well").ok()?,
            // What there is was kept at its place.
            place: Place { name: found.get_document("_id").ok()?.get_str("place").ok()?.to_owned(), replaces: false },
            transcript,
        })
    };
    answer().ok_or_else(|| Error::Corrupt(format!("the answer {:?} cannot be read", found.get("_id"))))
}
