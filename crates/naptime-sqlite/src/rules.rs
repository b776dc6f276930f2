//! Rules as rows.

use async_trait::async_trait;
use naptime_core::{Job, Rev, Rule};
use naptime_store::rules::{self, BEGUN_KEPT, Expect, MOST_RULES, Rules, StoredRule};
use naptime_store::{Error, Page, PageRef, Result};
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use crate::SqliteStore;
use crate::fault::Fault;
use crate::rows::{self, blob, json, page_of, placed, time};

#[async_trait]
impl Rules for SqliteStore {
    async fn rules(&self, event: Option<&str>) -> Result<Vec<StoredRule>> {
        let event = event.map(str::to_owned);
        self.read(move |connection, _| {
            const ALL: &str = "SELECT rule, rev, updated_at FROM rules ORDER BY name";
            const OF_EVENT: &str = "SELECT rule, rev, updated_at FROM rules WHERE event = ?1 ORDER BY name";
            let rules = match event {
                None => connection.prepare_cached(ALL)?.query_map([], stored)?.collect::<rusqlite::Result<_>>(),
                Some(event) => {
                    connection.prepare_cached(OF_EVENT)?.query_map([event], stored)?.collect::<rusqlite::Result<_>>()
                }
            };
            Ok(rules?)
        })
        .await
    }

    async fn rules_page(&self, page: &PageRef) -> Result<Page<StoredRule>> {
        let page = page.clone();
        rules::after(&page)?;
        self.read(move |connection, _| {
            const SQL: &str = "SELECT name, rule, rev, updated_at FROM rules WHERE name > ?1 ORDER BY name LIMIT ?2";
            let after = page.cursor.as_deref().unwrap_or_default();
            let mut statement = connection.prepare_cached(SQL)?;
            let read = |row: &Row<'_>| {
                let name: String = row.get("name")?;
                placed(name.clone(), || Ok(name), stored(row))
            };
            page_of(statement.query_map((after, page.probe()), read)?, &page)
        })
        .await
    }

    async fn rule(&self, name: &str) -> Result<StoredRule> {
        let name = name.to_owned();
        self.read(move |connection, _| find(connection, &name)).await?.ok_or(Error::NotFound)
    }

    async fn put_rule(&self, rule: Rule, expect: Expect) -> Result<StoredRule> {
        self.write_if_open(move |connection, now| {
            let before = find(connection, &rule.name)?;
            let after = StoredRule::after(before.as_ref(), rule, expect, now)?;
            if before.is_none() && count(connection)? >= MOST_RULES {
                return Err(Error::TooManyRules.into());
            }
            put(connection, &after)?;
            Ok(after)
        })
        .await
    }

    async fn delete_rule(&self, name: &str, expect: Option<Rev>) -> Result<()> {
        let name = name.to_owned();
        self.write_if_open(move |connection, _| {
            let there = find(connection, &name)?.ok_or(Error::NotFound)?;
            if expect.is_some_and(|expect| expect != there.rev) {
                return Err(Error::Stale(there.rev).into());
            }
            connection.prepare_cached("DELETE FROM rules WHERE name = ?1")?.execute([&name])?;
            Ok(())
        })
        .await
    }

    async fn by_key(&self, key: &str) -> Result<Option<Job>> {
        let key = key.to_owned();
        self.read(move |connection, _| rows::find_by_key(connection, &key, false)).await
    }

    async fn begin_event(&self, event: &str, consumer: Uuid) -> Result<u32> {
        let event = event.to_owned();
        self.write_if_open(move |connection, now| {
            connection
                .prepare_cached("DELETE FROM begun_events WHERE at < ?1")?
                .execute([(now - BEGUN_KEPT).millis()])?;
            const SQL: &str = "INSERT INTO begun_events (event, consumer, consumers, at) VALUES (?1, ?2, 1, ?3)
                ON CONFLICT (event) DO UPDATE SET consumers = consumers + (consumer <> excluded.consumer),
                    consumer = excluded.consumer, at = excluded.at
                RETURNING consumers";
            let row = (&event, blob(consumer), now.millis());
            Ok(connection.prepare_cached(SQL)?.query_row(row, |row| row.get(0))?)
        })
        .await
    }

    async fn end_event(&self, event: &str) -> Result<()> {
        let event = event.to_owned();
        self.write_if_open(move |connection, _| {
            connection.prepare_cached("DELETE FROM begun_events WHERE event = ?1")?.execute([&event])?;
            Ok(())
        })
        .await
    }
}

/// Puts a rule in the place of the one of its name.
pub(crate) fn put(connection: &Connection, stored: &StoredRule) -> std::result::Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO rules (name, event, rule, rev, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let StoredRule { rule, rev, updated_at } = stored;
    let row = (&rule.name, &rule.event, serde_json::to_string(rule)?, rev.0, updated_at.millis());
    connection.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

fn find(connection: &Connection, name: &str) -> std::result::Result<Option<StoredRule>, Fault> {
    const SQL: &str = "SELECT rule, rev, updated_at FROM rules WHERE name = ?1";
    Ok(connection.prepare_cached(SQL)?.query_row([name], stored).optional()?)
}

fn count(connection: &Connection) -> std::result::Result<usize, Fault> {
    let count: i64 = connection.prepare_cached("SELECT count(*) FROM rules")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredRule> {
    Ok(StoredRule { rule: json(row, "rule")?, rev: Rev(row.get("rev")?), updated_at: time(row, "updated_at")? })
}
