//! What is done to many endpoints at once: to all that match, or to those that were picked.

use std::str::FromStr;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use naptime_core::{Change, Edit, Invalid, JobId};
use naptime_store::{Error, JobQuery, PageRef, Result};
use tokio::time::Instant;

use crate::app::{App, CallNow};

/// How many are edited at the same time: the store groups what comes together.
const AT_ONCE: usize = 32;
/// How many are found at a time. Then it is looked whether there is time for more.
const FOUND_AT_ONCE: usize = 500;
/// How long one request may go on.
const MAX_TIME: Duration = Duration::from_secs(20);

/// What is done to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// It is switched on.
    On,
    /// It is switched off.
    Off,
    /// It is called now. Those of a pool that is off are passed over.
    Call,
    /// It is deleted.
    Delete,
}

impl Bulk {
    pub(crate) const ALL: [Bulk; 4] = [Self::On, Self::Off, Self::Call, Self::Delete];

    /// As it is in addresses: `off`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Call => "call",
            Self::Delete => "delete",
        }
    }

    fn edit(self) -> Edit {
        match self {
            Self::On => Edit::Change(Change::switch(true)),
            Self::Off => Edit::Change(Change::switch(false)),
            Self::Call => Edit::CallNow,
            Self::Delete => Edit::Delete,
        }
    }

    /// Does it to one endpoint, whatever its revision. Returns whether that was still possible.
    async fn on_one(self, app: &App, id: JobId) -> Result<bool> {
        let done = match self {
            Self::Call => app.call_now(id, None).await.map(|call| matches!(call, CallNow::Asked(_))),
            _ => app.edit_endpoint(id, None, self.edit()).await.map(|_| true),
        };
        match done {
            // Somebody else was first.
            Err(Error::NotFound | Error::Deleted) => Ok(false),
            done => done,
        }
    }

    /// Does it to each of these. Returns to how many.
    ///
    /// # Errors
    /// As the store says. It may have been done to some.
    pub(crate) async fn on_each(self, app: &App, ids: Vec<JobId>) -> Result<u64> {
        let done = stream::iter(ids).map(|id| self.on_one(app, id)).buffer_unordered(AT_ONCE);
        done.try_fold(0, async |count, done| Ok(count + u64::from(done))).await
    }

    /// Does it to all that match after `cursor`, for as long as one request may take; or only counts them.
    ///
    /// # Errors
    /// As the store says. It may have been done to some.
    pub(crate) async fn on_all(self, app: &App, jobs: &JobQuery, cursor: Option<String>, dry: bool) -> Result<Done> {
        let end = Instant::now() + MAX_TIME;
        let Some(jobs) = self.changing(jobs) else { return Ok(Done::default()) };
        let (mut count, mut page) = (0, PageRef { limit: FOUND_AT_ONCE, cursor });
        loop {
            let found = app.store.list(&jobs, &page).await?;
            let ids: Vec<JobId> = found.items.into_iter().map(|job| job.id).collect();
            count += if dry { ids.len() as u64 } else { self.on_each(app, ids).await? };
            page.cursor = found.next;
            if page.cursor.is_none() || Instant::now() > end {
                return Ok(Done { count, next: page.cursor });
            }
        }
    }

    /// Those that match and that it changes; none if it changes nothing.
    fn changing(self, jobs: &JobQuery) -> Option<JobQuery> {
        let from = match self {
            Self::On => false,
            Self::Off => true,
            Self::Call | Self::Delete => return Some(jobs.clone()),
        };
        (jobs.active != Some(!from)).then(|| JobQuery { active: Some(from), ..jobs.clone() })
    }
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// To how many endpoints.
    pub(crate) count: u64,
    /// Where to go on, if there are more.
    pub(crate) next: Option<String>,
}

impl FromStr for Bulk {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        Self::ALL.into_iter().find(|bulk| bulk.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("action", "unknown_action", format!("the action is one of {all}"))
        })
    }
}
