//! What is done to many endpoints at once: to all that match, or to those that were picked.

mod api;
mod errand;
mod page;
mod words;

use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use naptime_core::{Invalid, JobId};
use naptime_store::{Error, JobQuery, PageRef, Sort};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;

use crate::app::{App, Shared};
use crate::http::problem::Problem;
use crate::kit::PageError;

use errand::Errand;
pub(super) use page::{buttons, notice};

/// How many are edited at the same time: the store groups what comes together.
const AT_ONCE: usize = 32;
/// How many are found at a time. Then it is looked whether there is time for more.
const FOUND_AT_ONCE: usize = 500;
/// How long one request may go on.
const MAX_TIME: Duration = Duration::from_secs(20);

pub(super) fn pages() -> Router<Shared> {
    Router::new()
        .route("/endpoints/bulk", get(page::choose))
        .route("/endpoints/bulk/{action}", get(page::confirm).post(page::act))
}

pub(super) fn api() -> OpenApiRouter<Shared> {
    api::routes()
}

/// What is done to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// It is switched on.
    On,
    /// It is switched off.
    Off,
    /// It is paused, until a time or until somebody resumes it.
    Pause,
    /// Its pause ends.
    Resume,
    /// It is called now. Those of a pool that is off are passed over.
    Call,
    /// It gets tags.
    Tag,
    /// It loses tags.
    Untag,
    /// Nobody is told of its problems for a while.
    Mute,
    /// It is deleted.
    Delete,
}

impl Bulk {
    pub(super) const ALL: [Bulk; 9] =
        [Self::On, Self::Off, Self::Pause, Self::Resume, Self::Call, Self::Tag, Self::Untag, Self::Mute, Self::Delete];

    /// As it is in addresses: `off`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Call => "call",
            Self::Tag => "tag",
            Self::Untag => "untag",
            Self::Mute => "mute",
            Self::Delete => "delete",
        }
    }

    /// What it does, as a sentence.
    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::On => "Switches all on that match.",
            Self::Off => "Switches all off that match.",
            Self::Pause => "Pauses all that match.",
            Self::Resume => "Ends the pause of all that match.",
            Self::Call => "Calls all now that match.",
            Self::Tag => "Gives tags to all that match.",
            Self::Untag => "Takes tags off all that match.",
            Self::Mute => "Mutes all that match.",
            Self::Delete => "Deletes all that match.",
        }
    }

    /// What may be said of it.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Pause => &["until", "note"],
            Self::Tag | Self::Untag => &["tags"],
            Self::Mute => &["for", "until", "note"],
            Self::On | Self::Off | Self::Resume | Self::Call | Self::Delete => &[],
        }
    }
}

impl Errand {
    /// Does it to each of these. Returns to how many.
    ///
    /// # Errors
    /// As the store says, and where what was said cannot be done to one. It may have been done to some.
    pub(super) async fn on_each(&self, app: &App, ids: Vec<JobId>) -> Result<u64, Undone> {
        // How many mutes there are is looked at before each.
        let at_once = if self.bulk == Bulk::Mute { 1 } else { AT_ONCE };
        let done = stream::iter(ids).map(|id| self.on_one(app, id)).buffer_unordered(at_once);
        done.try_fold(0, async |count, done| Ok(count + u64::from(done))).await
    }

    /// Does it to all that match after `cursor`, for as long as one request may take; or only counts them.
    ///
    /// # Errors
    /// As [`Errand::on_each`].
    pub(super) async fn on_all(
        &self,
        app: &App,
        jobs: &JobQuery,
        cursor: Option<String>,
        dry: bool,
    ) -> Result<Done, Undone> {
        let end = Instant::now() + MAX_TIME;
        let Some(jobs) = self.narrowed(jobs) else { return Ok(Done::default()) };
        // In an order that it does not change.
        let jobs = JobQuery { sort: Some(Sort::BY_URL), ..jobs };
        let (mut count, mut page) = (0, PageRef { limit: FOUND_AT_ONCE, cursor });
        loop {
            let found = app.store.list(&jobs, &page).await?;
            let now = app.now();
            let ids: Vec<JobId> =
                found.items.into_iter().filter(|job| self.concerns(job, now)).map(|job| job.id).collect();
            count += match self.same_for_all() {
                _ if dry => ids.len() as u64,
                // All that are listed are endpoints, which of those that were picked is not known.
                Some(edit) => app.store.edit_each(&ids, &edit).await?,
                None => self.on_each(app, ids).await?,
            };
            page.cursor = found.next;
            if page.cursor.is_none() || Instant::now() > end {
                return Ok(Done { count, next: page.cursor });
            }
        }
    }
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// To how many endpoints.
    pub(super) count: u64,
    /// Where to go on, if there are more.
    pub(super) next: Option<String>,
}

/// Why it was not done, or not to all.
#[derive(Debug)]
pub(super) enum Undone {
    /// The store did not.
    Store(Error),
    /// What was said of it cannot be read, or not be done.
    Invalid(Vec<Invalid>),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Store(error) => error.into(),
            Undone::Invalid(faults) => Self::invalid(faults),
        }
    }
}

impl From<Undone> for PageError {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Store(error) => error.into(),
            Undone::Invalid(faults) => {
                let said: Vec<String> = faults.into_iter().map(|fault| fault.detail).collect();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "It was not done", format!("{}.", said.join("; ")))
            }
        }
    }
}

impl FromStr for Bulk {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|bulk| bulk.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("action", "unknown_action", format!("the action is one of {all}"))
        })
    }
}
