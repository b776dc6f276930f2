//! Rules, and the events that were begun.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::{Job, Rev, Rule, Time};
use uuid::Uuid;

use super::MemoryStore;
use crate::rules::{self, BEGUN_KEPT, Expect, MOST_RULES, Rules, StoredRule};
use crate::{Error, Page, PageRef, Result};

#[derive(Default)]
pub(super) struct RuleTable {
    by_name: BTreeMap<String, StoredRule>,
    begun: BTreeMap<String, Begun>,
}

/// An event that came again, and may kill a worker.
struct Begun {
    /// Who began it last.
    consumer: Uuid,
    /// How many have begun it.
    consumers: u32,
    at: Time,
}

#[async_trait]
impl Rules for MemoryStore {
    async fn rules(&self, event: Option<&str>) -> Result<Vec<StoredRule>> {
        Ok(self.with(|state, _| {
            let all = state.rules.by_name.values();
            all.filter(|stored| event.is_none_or(|event| event == stored.rule.event)).cloned().collect()
        }))
    }

    async fn rules_page(&self, page: &PageRef) -> Result<Page<StoredRule>> {
        let after = rules::after(page)?;
        Ok(self.with(|state, _| {
            let rest =
                state.rules.by_name.values().filter(|stored| after.is_none_or(|after| &*stored.rule.name > after));
            let found = rest.take(page.limit.saturating_add(1)).cloned().collect();
            Page::of(found, page, |last: &StoredRule| last.rule.name.clone())
        }))
    }

    async fn rule(&self, name: &str) -> Result<StoredRule> {
        self.with(|state, _| state.rules.by_name.get(name).cloned().ok_or(Error::NotFound))
    }

    async fn put_rule(&self, rule: Rule, expect: Expect) -> Result<StoredRule> {
        self.with(|state, now| {
            let rules = &mut state.rules.by_name;
            let before = rules.get(&rule.name);
            let after = StoredRule::after(before, rule, expect, now)?;
            if before.is_none() && rules.len() >= MOST_RULES {
                return Err(Error::TooManyRules);
            }
            rules.insert(after.rule.name.clone(), after.clone());
            Ok(after)
        })
    }

    async fn delete_rule(&self, name: &str, expect: Option<Rev>) -> Result<()> {
        self.with(|state, _| {
            let there = state.rules.by_name.get(name).ok_or(Error::NotFound)?;
            if expect.is_some_and(|expect| expect != there.rev) {
                return Err(Error::Stale(there.rev));
            }
            state.rules.by_name.remove(name);
            Ok(())
        })
    }

    async fn by_key(&self, key: &str) -> Result<Option<Job>> {
        Ok(self.with(|state, _| state.jobs.of_key(false, key).map(|job| Job::clone(job))))
    }

    async fn begin_event(&self, event: &str, consumer: Uuid) -> Result<u32> {
        Ok(self.with(|state, now| {
            let begun = &mut state.rules.begun;
            begun.retain(|_, begun| begun.at >= now - BEGUN_KEPT);
            let before = begun.get(event);
            let new = before.is_none_or(|before| before.consumer != consumer);
            let consumers = before.map_or(0, |before| before.consumers) + u32::from(new);
            begun.insert(event.to_owned(), Begun { consumer, consumers, at: now });
            consumers
        }))
    }

    async fn end_event(&self, event: &str) -> Result<()> {
        self.with(|state, _| state.rules.begun.remove(event));
        Ok(())
    }
}

impl RuleTable {
    /// Moves changes that lie ahead back, because the clock was ahead.
    pub(super) fn move_back(&mut self, now: Time) {
        self.by_name.values_mut().for_each(|stored| stored.updated_at = stored.updated_at.min(now));
    }
}
