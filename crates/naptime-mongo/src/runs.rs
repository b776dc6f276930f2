//! Runs as people look at them.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use naptime_core::{JobId, KeptAnswer, Outcome, Run, Time, Token};
use naptime_store::latest::{Found, How, MAX_SEARCHED, RunQuery, Stretch};
use naptime_store::{Page, PageRef, Result, Runs};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, run_id, time, to_run, uuid};
use crate::joined::{place, read_row};
use crate::queue::read_uuid;

#[async_trait]
impl Runs for MongoStore {
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>> {
        let mut filter = doc! {"job": uuid(job.uuid())};
        if let Some(after) = page.after()? {
            let (started, id) = (date(after.at), run_id(after.id.into(), job));
            filter.insert("started", doc! {"$lte": started});
            filter.insert("$or", vec![doc! {"started": {"$lt": started}}, doc! {"_id": {"$lt": id}}]);
        }
        let limit = page.probe();
        let runs = self.runs.clone();
        let find = async move {
            let find = runs.find(filter).sort(doc! {"started": -1, "_id": -1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let at = |last: &Document| {
            let token = last.get_document("_id").ok().and_then(|id| read_uuid(id, "token"));
            place(last.get_datetime("started"), token)
        };
        let found = Page::of(command::bounded(find).await?, page, at);
        Ok(found.map(|run| read_row(run.get("_id").cloned(), to_run(run))).sorted_out())
    }

    async fn run(&self, job: JobId, run: Token) -> Result<Option<Run>> {
        let (runs, filter) = (self.runs.clone(), doc! {"_id": run_id(run, job)});
        let find = async move { runs.find_one(filter).max_time(MAX_TIME).await };
        command::bounded(find).await?.map(to_run).transpose()
    }

    async fn all_runs(&self, query: &RunQuery, page: &PageRef) -> Result<Page<Run>> {
        let stretch = Stretch::of(query, page)?;
        let edge = if query.is_sparse() { self.edge(stretch.last).await? } else { None };
        let edge = edge.filter(|edge| query.from.is_none_or(|from| *edge >= from));
        let mut finished = doc! {"$lte": date(stretch.last)};
        if let Some(from) = query.from {
            finished.insert("$gte", date(from));
        }
        if let Some(edge) = edge {
            finished.insert("$gt", date(edge));
        }
        let mut filter = doc! {"finished": finished};
        let outcome = query.how.map(|how| match how {
            How::Badly => Bson::Document(doc! {"$nin": [Outcome::Ok.as_str(), Outcome::Skipped.as_str()]}),
            How::Called => Bson::Document(doc! {"$nin": [Outcome::Lost.as_str(), Outcome::Skipped.as_str()]}),
            How::As(outcome) => outcome.as_str().into(),
        });
        filter.extend(outcome.map(|outcome| ("outcome".to_owned(), outcome)));
        if let Some(worker) = query.worker {
            filter.insert("worker", uuid(worker.uuid()));
        }
        if let Some(jobs) = &query.jobs {
            filter.insert("job", doc! {"$in": jobs.iter().map(|job| uuid(job.uuid())).collect::<Vec<_>>()});
        }
        let (runs, limit) = (self.runs.clone(), i64::try_from(stretch.limit).unwrap_or(i64::MAX));
        // Of one job there are few enough to be sorted.
        let index = if query.one_job().is_some() { of_job() } else { by_end() };
        let find = async move {
            let find = runs.find(filter).sort(doc! {"finished": -1}).limit(limit).hint(index).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let mut found = Found { edge, ..Found::default() };
        for run in command::bounded(find).await? {
            match read_row(run.get("_id").cloned(), to_run(run)) {
                Ok(run) => found.runs.push(run),
                Err(row) => found.unreadable.push(row),
            }
        }
        found.page(stretch, page)
    }

    async fn answer(&self, job: JobId, run: Token) -> Result<Option<KeptAnswer>> {
        let filter = doc! {"job": uuid(job.uuid()), "run": uuid(run.uuid())};
        self.find_answer(filter, doc! {"at": -1}).await
    }

    async fn good_answer(&self, job: JobId, before: Time) -> Result<Option<KeptAnswer>> {
        let filter = doc! {"job": uuid(job.uuid()), "well": true, "at": {"$lt": date(before)}};
        self.find_answer(filter, doc! {"at": -1}).await
    }
}

impl MongoStore {
    /// When the first run ended that is too many to look through, seen from there.
    async fn edge(&self, last: Time) -> Result<Option<Time>> {
        let runs = self.runs.clone();
        let find = async move {
            let find =
                runs.find_one(doc! {"finished": {"$lte": date(last)}}).sort(doc! {"finished": -1}).skip(MAX_SEARCHED);
            find.projection(doc! {"finished": 1, "_id": 0}).hint(by_end()).max_time(MAX_TIME).await
        };
        Ok(command::bounded(find).await?.and_then(|run| run.get_datetime("finished").ok().copied()).map(time))
    }
}

fn of_job() -> Hint {
    Hint::Keys(doc! {"job": 1, "started": -1, "_id": -1})
}

fn by_end() -> Hint {
    Hint::Keys(doc! {"finished": 1})
}
