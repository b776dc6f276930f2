//! Rules: what happens to jobs on events.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Job, Rev, Rule, Time};
use uuid::Uuid;

use crate::{Jobs, Page, PageRef, Pools, Result};

/// The most rules there may be.
pub const MOST_RULES: usize = 1_000;

/// How long it is remembered that an event was begun, if nobody ends it.
pub const BEGUN_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Rules, and the jobs they act on. What the web gets, and whoever receives events.
#[async_trait]
pub trait Rules: Jobs + Pools {
    /// All rules, or those of this event, by name. Disabled ones are among them.
    async fn rules(&self, event: Option<&str>) -> Result<Vec<StoredRule>>;

    /// A page of all rules, by name.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn rules_page(&self, page: &PageRef) -> Result<Page<StoredRule>>;

    /// The rule of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    async fn rule(&self, name: &str) -> Result<StoredRule>;

    /// Stores a rule, in place of the one of its name. One that is as it was keeps its revision.
    ///
    /// # Errors
    /// [`Error::Stale`](crate::Error::Stale) and [`Error::NotFound`](crate::Error::NotFound), if what is there is not
    /// as expected; [`Error::TooManyRules`](crate::Error::TooManyRules).
    async fn put_rule(&self, rule: Rule, expect: Expect) -> Result<StoredRule>;

    /// Deletes a rule. The jobs it made stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Stale`](crate::Error::Stale).
    async fn delete_rule(&self, name: &str, expect: Option<Rev>) -> Result<()>;

    /// The recurring job of this key, if there is one that is not deleted. A one-off job may have the same key.
    async fn by_key(&self, key: &str) -> Result<Option<Job>>;

    /// Notes that `consumer` begins with an event that may have been begun before, and returns how many consumers have
    /// begun with it, this one included, since it was last ended.
    async fn begin_event(&self, event: &str, consumer: Uuid) -> Result<u32>;

    /// Notes that whoever began with the event came to an end of it.
    async fn end_event(&self, event: &str) -> Result<()>;
}

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRule {
    /// What it says.
    pub rule: Rule,
    /// Raised by every change. What `If-Match` is compared with.
    pub rev: Rev,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What an editor knows of the rule that is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there, if anything.
    Anything,
    /// There is none of this name.
    Nothing,
    /// It has this revision.
    Rev(Rev),
}

/// The name of the last rule of the page before this one; none for the first.
///
/// # Errors
/// [`Error::BadCursor`](crate::Error::BadCursor) if it is no name of a rule.
pub fn after(page: &PageRef) -> Result<Option<&str>> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match page.cursor.as_deref() {
        Some(name) if name.is_empty() || name.len() > 60 || !name.chars().all(fits) => Err(crate::Error::BadCursor),
        cursor => Ok(cursor),
    }
}

impl StoredRule {
    /// What becomes of `before` when `rule` is stored at `now`.
    ///
    /// # Errors
    /// As [`Rules::put_rule`].
    pub fn after(before: Option<&Self>, rule: Rule, expect: Expect, now: Time) -> Result<Self> {
        match (before, expect) {
            (None, Expect::Rev(_)) => Err(crate::Error::NotFound),
            (None, _) => Ok(Self { rule, rev: Rev(1), updated_at: now }),
            (Some(before), Expect::Nothing) => Err(crate::Error::Stale(before.rev)),
            (Some(before), Expect::Rev(rev)) if rev != before.rev => Err(crate::Error::Stale(before.rev)),
            (Some(before), _) if before.rule == rule => Ok(before.clone()),
            (Some(before), _) => Ok(Self { rule, rev: Rev(before.rev.0 + 1), updated_at: now }),
        }
    }
}
