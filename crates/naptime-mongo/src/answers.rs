//! Answers that are kept.

use mongodb::bson::{Document, doc};
use naptime_core::answer::{MAX_ANSWERS, Place};
use naptime_core::{JobId, KeptAnswer, Settled};
use naptime_store::{Error, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, time, uuid};
use crate::queue::{cut, read_uuid};

/// The most answers written by one command: each is up to 100 KiB as JSON, most of them a few.
const AT_ONCE: usize = 50;

impl MongoStore {
    /// Keeps the answers of these, each at its place, if that is free or is for the latest. Why they cannot be kept is
    /// logged: a settle neither fails nor waits for longer than one try.
    pub(crate) async fn keep_answers(&self, done: &[Settled]) {
        let answers: Vec<_> = done.iter().filter_map(|settled| settled.answer.as_deref()).collect();
        for answers in answers.chunks(AT_ONCE) {
            if let Err(error) = self.keep(answers).await {
                tracing::warn!(%error, "cannot keep {} answers", answers.len());
                return;
            }
        }
        for answer in answers.into_iter().filter(|answer| is_turn(answer)) {
            cut(self.db.collection("answers"), answer.job, "at", MAX_ANSWERS as u64);
        }
    }

    /// Keeps these, no more than the server takes at once.
    pub(crate) async fn keep(&self, answers: &[&KeptAnswer]) -> Result<()> {
        let statements = answers.iter().map(|answer| statement(answer)).collect::<Result<Vec<_>>>()?;
        let command = doc! {"update": "answers", "updates": statements, "ordered": false};
        command::write(&self.db, command::raw(&command)).await.map(drop)
    }

    /// The first answer that this finds, in this order.
    pub(crate) async fn find_answer(&self, filter: Document, sort: Document) -> Result<Option<KeptAnswer>> {
        let answers = self.db.collection::<Document>("answers");
        let find = async move { answers.find_one(filter).sort(sort).max_time(MAX_TIME).await };
        command::bounded(find).await?.map(|found| to_answer(&found)).transpose()
    }
}

/// Whether it is the turn of an answer's job to be trimmed: one in ten, by hash, so that no count has to be kept.
fn is_turn(answer: &KeptAnswer) -> bool {
    (answer.run.hash() ^ answer.job.hash()).is_multiple_of(10)
}

fn statement(answer: &KeptAnswer) -> Result<Document> {
    let KeptAnswer { job, run, at, well, place, transcript } = answer;
    let transcript = serde_json::to_string(transcript).map_err(|error| Error::Corrupt(error.to_string()))?;
    let values = doc! {
        "job": uuid(job.uuid()), "run": uuid(run.uuid()), "at": date(*at), "well": well, "transcript": transcript,
    };
    let change = if place.replaces { "$set" } else { "$setOnInsert" };
    Ok(doc! {"q": {"_id": answer_id(*job, &place.name)}, "u": {change: values}, "upsert": true})
}

/// The id of the answer at a place.
pub(crate) fn answer_id(job: JobId, place: &str) -> Document {
    doc! {"job": uuid(job.uuid()), "place": place}
}

/// The answer of a document.
pub(crate) fn to_answer(found: &Document) -> Result<KeptAnswer> {
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
