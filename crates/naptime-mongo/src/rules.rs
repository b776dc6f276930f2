//! Rules as documents.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::error::WriteFailure;
use naptime_core::{Job, Rev, Rule};
use naptime_store::rules::{self, Expect, MOST_RULES, Rules, StoredRule};
use naptime_store::{Clock, Error, Page, PageRef, Result};
use serde::Deserialize;
use uuid::Uuid;

use crate::MongoStore;
use crate::command::{self, DUPLICATE_KEY, MAX_TIME};
use crate::deleted::of_key;
use crate::document::{bson, date, read, time};
use crate::joined::{name_of, read_row};
use crate::schema::plain;

/// How often a change is tried anew when another came between.
const MAX_TRIES: usize = 20;

#[derive(Deserialize)]
struct RuleDocument {
    rule: Rule,
    rev: Rev,
    updated_at: DateTime,
}

/// The index that finds the rules of an event.
pub(crate) fn index() -> IndexModel {
    plain(doc! {"event": 1})
}

#[async_trait]
impl Rules for MongoStore {
    async fn rules(&self, event: Option<&str>) -> Result<Vec<StoredRule>> {
        let filter = event.map_or_else(Document::new, |event| doc! {"event": event});
        let rules = self.rules.clone();
        let find = async move {
            let find = rules.find(filter).sort(doc! {"_id": 1}).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        command::bounded(find).await?.into_iter().map(to_rule).collect()
    }

    async fn rules_page(&self, page: &PageRef) -> Result<Page<StoredRule>> {
        let filter = rules::after(page)?.map_or_else(Document::new, |after| doc! {"_id": {"$gt": after}});
        let (rules, limit) = (self.rules.clone(), page.probe());
        let find = async move {
            let find = rules.find(filter).sort(doc! {"_id": 1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let found = Page::of(command::bounded(find).await?, page, |last| name_of(last.get("_id")));
        Ok(found.map(|rule| read_row(rule.get("_id").cloned(), to_rule(rule))).sorted_out())
    }

    async fn rule(&self, name: &str) -> Result<StoredRule> {
        self.find_rule(name).await?.ok_or(Error::NotFound)
    }

    async fn put_rule(&self, rule: Rule, expect: Expect) -> Result<StoredRule> {
        for _ in 0..MAX_TRIES {
            let before = self.find_rule(&rule.name).await?;
            let after = StoredRule::after(before.as_ref(), rule.clone(), expect, self.now())?;
            let is_done = match before {
                Some(before) if before == after => true,
                Some(before) => self.replace_rule(before.rev, &after).await?,
                None => self.insert_rule(&after).await?,
            };
            if is_done {
                return Ok(after);
            }
        }
        Err(Error::Unavailable(format!("the rule was changed {MAX_TRIES} times while this change was tried")))
    }

    async fn delete_rule(&self, name: &str, expect: Option<Rev>) -> Result<()> {
        let mut filter = doc! {"_id": name};
        filter.extend(expect.map(|rev| ("rev".to_owned(), rev.0.into())));
        let rules = self.rules.clone();
        let deleted = command::bounded(async move { rules.delete_one(filter).await }).await?.deleted_count;
        match self.find_rule(name).await? {
            _ if deleted > 0 => Ok(()),
            Some(there) => Err(Error::Stale(there.rev)),
            None => Err(Error::NotFound),
        }
    }

    async fn by_key(&self, key: &str) -> Result<Option<Job>> {
        Ok(self.find_whole(of_key(key, false)).await?.pop())
    }

    async fn begin_event(&self, event: &str, consumer: Uuid) -> Result<u32> {
        self.note_begun(event, consumer).await
    }

    async fn end_event(&self, event: &str) -> Result<()> {
        self.note_ended(event).await
    }
}

impl MongoStore {
    async fn find_rule(&self, name: &str) -> Result<Option<StoredRule>> {
        let (rules, filter) = (self.rules.clone(), doc! {"_id": name});
        command::bounded(async move { rules.find_one(filter).max_time(MAX_TIME).await }).await?.map(to_rule).transpose()
    }

    /// Returns whether it was still the one of this revision.
    async fn replace_rule(&self, before: Rev, after: &StoredRule) -> Result<bool> {
        let (rules, document) = (self.rules.clone(), from_rule(after)?);
        let filter = doc! {"_id": &after.rule.name, "rev": before.0};
        Ok(command::bounded(async move { rules.replace_one(filter, document).await }).await?.matched_count > 0)
    }

    /// Returns whether there was still none of this name.
    async fn insert_rule(&self, new: &StoredRule) -> Result<bool> {
        let (rules, document) = (self.rules.clone(), from_rule(new)?);
        let insert = async move {
            // Of those who add the last ones at the same time, some may add one more.
            if rules.count_documents(doc! {}).max_time(MAX_TIME).await? >= MOST_RULES as u64 {
                return Ok(Err(Error::TooManyRules));
            }
            match rules.insert_one(document).await {
                Ok(_) => Ok(Ok(true)),
                Err(error) if is_duplicate(&error) => Ok(Ok(false)),
                Err(error) => Err(error),
            }
        };
        command::bounded(insert).await?
    }
}

pub(crate) fn is_duplicate(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

pub(crate) fn from_rule(stored: &StoredRule) -> Result<Document> {
    Ok(doc! {
        "_id": &stored.rule.name,
        "event": &stored.rule.event,
        "rule": bson(&stored.rule)?,
        "rev": stored.rev.0,
        "updated_at": date(stored.updated_at),
    })
}

fn to_rule(document: Document) -> Result<StoredRule> {
    let RuleDocument { rule, rev, updated_at } = read(document)?;
    Ok(StoredRule { rule, rev, updated_at: time(updated_at) })
}
