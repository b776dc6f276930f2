//! Lists of endpoints, a page at a time.
//!
//! What people wrote and where due work stands are two collections. A list by text is filtered in an index of the first;
//! where few are in a state, they are found by an index of the second. A page begins where the one before it ended, by
//! what the list is sorted by, then the id.

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Outcome, search_range};
use naptime_store::{
    Clock, Ended, EndpointState, JobQuery, JobSummary, Page, PageRef, Position, Result, ScheduleKind, Sort, SortBy,
    TextPosition, words,
};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, date, uuid};
use crate::joined::{place, without_request};
use crate::queue::read_uuid;
use crate::states::{DueIn, ids, if_all, is_paused};

impl MongoStore {
    /// A page of the endpoints that are not deleted and match.
    pub(crate) async fn list_endpoints(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let due = query.state.and_then(|state| DueIn::of(state, self.now()));
        match (query.order(), due) {
            (None, Some(due)) => self.list_by_since(due, query, page).await,
            (sort, _) => self.list_by_text(query, sort.unwrap_or(Sort::BY_URL), page).await,
        }
    }

    /// A page of those whose due work is found so, those that are so for longest first.
    async fn list_by_since(&self, due: DueIn, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let DueIn { mut filter, since, index } = due;
        if let Some(ended) = query.outcome {
            filter.insert("last.outcome", is_so(ended));
        }
        let (from, back) = page.beside();
        let direction = Direction::new(back);
        if let Some(from) = from {
            let Position { at, id } = Position::read(from)?;
            filter = doc! {"$and": [filter, direction.beyond(since, date(at).into(), id)]};
        }
        let mut stages = vec![doc! {"$match": filter}, doc! {"$sort": direction.sort(since)}];
        let wanted = wanted(query);
        if !wanted.is_empty() {
            // What people wrote is in the other document.
            let found = vec![doc! {"$match": {"$and": wanted}}, doc! {"$project": {"_id": 1}}];
            let lookup =
                doc! {"from": "jobs", "localField": "_id", "foreignField": "_id", "pipeline": found, "as": "job"};
            stages.push(doc! {"$project": {since: 1}});
            stages.push(doc! {"$lookup": lookup});
            stages.push(doc! {"$match": {"job": {"$ne": []}}});
        }
        stages.push(doc! {"$limit": page.probe()});
        stages.push(doc! {"$project": {"since": format!("${since}")}});
        let due = self.due.clone();
        let find = async move {
            let find = due.aggregate(stages).hint(Hint::Keys(index)).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let found = command::bounded(find).await?;
        let ids = Page::of_both(found, page, |it| place(it.get_datetime("since"), read_uuid(it, "_id")))
            .map(|it| read_uuid(&it, "_id").unwrap_or_default().into());
        Ok(self.listed_by_id(ids).await?.map(JobSummary::from))
    }

    /// A page of those that match, sorted by a text.
    async fn list_by_text(&self, query: &JobQuery, sort: Sort, page: &PageRef) -> Result<Page<JobSummary>> {
        let key = if sort.by == SortBy::Name { "name" } else { "search" };
        let mut all = wanted(query);
        let (from, back) = page.beside();
        let direction = Direction::new(back != sort.descending);
        if let Some(from) = from {
            let TextPosition { text, id } = TextPosition::read(from)?;
            all.push(direction.beyond(key, text.into(), id));
        }
        let mut index = index(query, sort);
        if let Some(state) = query.state {
            let (asked, by_id) = self.in_state(state).await?;
            all.extend(asked);
            if by_id {
                index = doc! {"_id": 1};
            }
        }
        if let Some(ended) = query.outcome {
            all.push(self.whose_last_call(ended).await?);
            index = doc! {"_id": 1};
        }
        let mut filter = doc! {"shelf": Shelf::Endpoints.as_str()};
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        let (order, limit, jobs) = (direction.sort(key), page.probe(), self.jobs.clone());
        let find = async move {
            // The index is named, because the planner's trials take longer than the list where nothing matches.
            let find = jobs.find(filter).sort(order).limit(limit).hint(Hint::Keys(index));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let place = |it: &Document| {
            let text = it.get_str(key).unwrap_or_default().to_owned();
            TextPosition { text, id: read_uuid(it, "_id").unwrap_or_default() }.write()
        };
        let found = Page::of_both(command::bounded(find).await?, page, place);
        Ok(self.listed(found).await?.map(JobSummary::from))
    }

    /// What a configuration must be like for the last call of its endpoint to have ended so.
    pub(crate) async fn whose_last_call(&self, ended: Ended) -> Result<Document> {
        let mut filter = called();
        filter.insert("last.outcome", is_so(ended));
        let ids = if_all(ids(&self.due, filter, by_outcome()).await?)?;
        Ok(doc! {"_id": {"$in": ids}})
    }

    /// What a configuration must be like for its endpoint to be in a state, and whether that says its id.
    async fn in_state(&self, state: EndpointState) -> Result<(Vec<Document>, bool)> {
        let now = self.now();
        Ok(match state {
            EndpointState::On => (vec![doc! {"active": true}], false),
            EndpointState::Off => (vec![doc! {"active": false}], false),
            EndpointState::Paused => (vec![is_paused(now)], false),
            EndpointState::Healthy => {
                let ill = if_all(self.ill(now).await?)?;
                (vec![doc! {"active": true}, doc! {"_id": {"$nin": ill}}, doc! {"$nor": [is_paused(now)]}], false)
            }
            state => (vec![doc! {"_id": {"$in": if_all(self.ids_in(state, now).await?)?}}], true),
        })
    }
}

/// What a query asks of a configuration itself.
pub(crate) fn wanted(query: &JobQuery) -> Vec<Document> {
    let mut all = with_words(query.q.as_deref());
    if let Some(url) = &query.url {
        let (start, end) = search_range(url);
        all.push(doc! {"search": {"$gte": start, "$lt": end}});
        all.push(doc! {"pool": url.pool().as_str(), "channel": url.channel().as_str()});
    }
    all.extend(query.pool.as_ref().map(|pool| doc! {"pool": pool}));
    all.extend(query.tag.as_ref().map(|tag| doc! {"tags": tag}));
    all.extend(query.project.as_ref().map(|project| doc! {"applied.project": project}));
    all.extend(query.active.map(|active| doc! {"active": active}));
    all.extend(query.schedule.map(of_kind));
    all
}

/// That a configuration has all words of a search.
pub(crate) fn with_words(q: Option<&str>) -> Vec<Document> {
    words(q).iter().map(|word| doc! {"search": {"$regex": escape(word)}}).collect()
}

/// That a schedule is of this kind, within bounds or without. The first half is what an index can tell.
fn of_kind(kind: ScheduleKind) -> Document {
    let kind = kind.as_str();
    let either = vec![doc! {"schedule.kind": kind}, doc! {"schedule.schedule.kind": kind}];
    doc! {"schedule.kind": {"$in": [kind, "bounded"]}, "$or": either}
}

/// That an outcome is one of these. The first condition says that the partial index will do.
fn is_so(ended: Ended) -> Document {
    match ended {
        Ended::Badly => doc! {"$gt": "", "$ne": Outcome::Ok.as_str()},
        Ended::As(outcome) => doc! {"$gt": "", "$eq": outcome.as_str()},
    }
}

/// The keys of the index of the due work of endpoints by how the last call ended.
pub(crate) fn by_outcome() -> Document {
    doc! {"last.outcome": 1, "_id": 1}
}

/// The filter of those that were called. A one-off job has a stage.
pub(crate) fn called() -> Document {
    doc! {"last.outcome": {"$gt": ""}, "stage": null}
}

/// The keys of the index of lists of endpoints: in their order, with what they are filtered by.
pub(crate) fn by_search() -> Document {
    doc! {"shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The same for those of one kind of schedule.
pub(crate) fn by_schedule() -> Document {
    doc! {"shelf": 1, "search": 1, "_id": 1, "active": 1, "schedule.kind": 1}
}

/// The same for those of one pool. The jobs of pools are counted in it, too.
pub(crate) fn by_pool() -> Document {
    doc! {"pool": 1, "shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The same for those of one tag.
pub(crate) fn by_tag() -> Document {
    doc! {"tags": 1, "shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The same in the order of the names.
pub(crate) fn by_name() -> Document {
    doc! {"shelf": 1, "name": 1, "_id": 1, "active": 1, "search": 1, "pool": 1, "schedule.kind": 1}
}

/// The same for those of one project: not all endpoints have one.
pub(crate) fn by_project() -> Document {
    doc! {"applied.project": 1, "shelf": 1, "search": 1, "_id": 1}
}

/// The same for those with a pause, of which there are few.
pub(crate) fn by_pause() -> Document {
    doc! {"shelf": 1, "search": 1, "_id": 1, "schedule.pause.until": 1}
}

/// The index that leaves the least to be read. Where it is not in the order of the list, what it finds is sorted.
fn index(query: &JobQuery, sort: Sort) -> Document {
    if query.state == Some(EndpointState::Paused) {
        by_pause()
    } else if query.project.is_some() {
        by_project()
    } else if query.tag.is_some() {
        by_tag()
    } else if sort.by == SortBy::Name {
        by_name()
    } else if query.pool.is_some() {
        by_pool()
    } else if query.schedule.is_some() {
        by_schedule()
    } else {
        by_search()
    }
}

/// A text as a regular expression that matches it and nothing else.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // The server takes no zero byte in an expression.
            '\0' => escaped.push_str("\\x00"),
            c if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Which way a list is read.
pub(crate) struct Direction {
    falls: bool,
}

impl Direction {
    pub(crate) fn new(falls: bool) -> Self {
        Self { falls }
    }

    /// The order, by a field, then the id.
    pub(crate) fn sort(&self, key: &str) -> Document {
        let sign = if self.falls { -1 } else { 1 };
        doc! {key: sign, "_id": sign}
    }

    /// What comes after a place. The first half is what bounds a search in an index.
    pub(crate) fn beyond(&self, key: &str, at: Bson, id: uuid::Uuid) -> Document {
        let (from, beyond) = if self.falls { ("$lte", "$lt") } else { ("$gte", "$gt") };
        let either = vec![doc! {key: {beyond: &at}}, doc! {key: &at, "_id": {beyond: uuid(id)}}];
        doc! {key: {from: &at}, "$or": either}
    }
}
