//! The unit of work: what to call, how, and when.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::line::check_line;
use crate::recent::FAILING_AFTER;
use crate::state::LEASE;
use crate::{
    Applied, Endpoint, Expect, Invalid, Keep, Misfire, Noted, Request, Retry, Schedule, Sla, State, Statuses, Steer,
    Time,
};

/// Defines an identity that is a UUID.
macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A fixed hash of it, the same in every process and version.
            pub fn hash(self) -> u64 {
                xxhash_rust::xxh3::xxh3_64(self.0.as_bytes())
            }

            /// The UUID.
            pub fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use uuid_newtype;

uuid_newtype! {
    /// The identity of a job.
    JobId
}

impl JobId {
    /// The partition of the job, fixed for life.
    pub fn partition(self) -> Partition {
        Partition(u8::try_from(self.hash() % u64::from(Partition::COUNT)).unwrap_or(0))
    }
}

impl FromStr for JobId {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Uuid::try_parse(text).map(Self).map_err(|_| Invalid::new("id", "not_an_id", "the id is not a UUID"))
    }
}

/// One of [`Partition::COUNT`] shares of all jobs, by a hash of the id. Workers share the partitions among themselves,
/// so that they do not all fight for the same head of one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// How many there are.
    pub const COUNT: u8 = 64;

    /// All of them.
    pub fn all() -> impl Iterator<Item = Partition> {
        (0..Self::COUNT).map(Partition)
    }

    /// Its number, from 0.
    pub fn number(self) -> u8 {
        self.0
    }

    /// A fixed hash of this partition together with `salt`.
    pub(crate) fn hash_with(self, salt: u64) -> u64 {
        let mut bytes = [0; 9];
        bytes[..8].copy_from_slice(&salt.to_le_bytes());
        bytes[8] = self.0;
        xxh3_64(&bytes)
    }
}

/// The version of a job's configuration; raised by every edit. What `If-Match` is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rev(pub i64);

/// The version of what decides when a job is due; raised only by edits that set `due`. A settle that finds another
/// plan than its claim leaves `due` as the edit set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(pub i64);

/// The longest name of a job, in characters.
pub const MAX_NAME: usize = 100;
/// The most tags of a job.
pub const MAX_TAGS: usize = 20;
/// The longest tag, in characters.
pub const MAX_TAG: usize = 50;
/// The longest key of a job, in characters.
pub const MAX_KEY: usize = 200;
/// The shortest lease: time enough for a renewal to fail and be tried again.
pub const MIN_LEASE: Duration = Duration::from_secs(5);
/// The longest lease.
pub const MAX_LEASE: Duration = Duration::from_secs(600);

/// What a person configures: nothing in here is ever changed by a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What is called.
    pub endpoint: Endpoint,
    /// How it is called.
    pub request: Request,
    /// When it is due.
    pub schedule: Schedule,
    /// Whether and when a failed call is tried again.
    pub retry: Retry,
    /// How far apart successful calls are at most, if that was promised.
    pub sla: Option<Sla>,
    /// A name for people; may be empty.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The statuses that mean that a call ended well.
    #[serde(default = "Statuses::success")]
    pub success: Statuses,
    /// What an answer must say beside, for its call to have ended well.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
    /// How long a claim of this job lasts without renewal.
    #[serde(default = "default_lease", with = "crate::duration::text")]
    pub lease: Duration,
    /// Whether its target may change the schedule by its answers, and within what limits.
    #[serde(default)]
    pub steer: Option<Steer>,
    /// How many occurrences in a row must not end well for it to count as failing.
    #[serde(default = "default_failing_after")]
    pub failing_after: u32,
    /// Which of its answers are kept.
    #[serde(default, skip_serializing_if = "Keep::is_default")]
    pub keep: Keep,
    /// What becomes of occurrences that could not be called in time. One-off jobs have none that are missed.
    #[serde(default, skip_serializing_if = "Misfire::is_default")]
    pub misfire: Misfire,
    /// What whoever added it knows it by. Of the jobs that are not deleted, no two have the same.
    #[serde(default)]
    pub key: Option<String>,
    /// What a file said of it, if one was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

fn default_lease() -> Duration {
    LEASE
}

fn default_failing_after() -> u32 {
    FAILING_AFTER
}

impl Spec {
    /// The same call, made once at `at` to see how it ends: tried once, with all of its answer kept.
    #[must_use]
    pub fn test_call(self, at: Time) -> Self {
        let name = if self.name.is_empty() { "Test call".to_owned() } else { format!("Test call: {}", self.name) };
        Self {
            schedule: Schedule::Once { at },
            retry: Retry { attempts: 1, ..Retry::once() },
            sla: None,
            name: name.chars().take(MAX_NAME).collect(),
            steer: None,
            keep: Keep::All,
            misfire: Misfire::default(),
            key: None,
            applied: None,
            ..self
        }
    }

    /// A plain GET on this schedule, with defaults for everything else.
    pub fn new(endpoint: Endpoint, schedule: Schedule) -> Self {
        Self {
            endpoint,
            request: Request::default(),
            retry: if schedule.is_once() { Retry::once() } else { Retry::default() },
            schedule,
            sla: None,
            name: String::new(),
            tags: Vec::new(),
            success: Statuses::success(),
            expect: Expect::default(),
            lease: LEASE,
            steer: None,
            failing_after: FAILING_AFTER,
            keep: Keep::default(),
            misfire: Misfire::default(),
            key: None,
            applied: None,
        }
    }

    /// Checks a key.
    ///
    /// # Errors
    /// At `key`, if it is empty, too long, or holds control characters.
    pub fn check_key(key: &str) -> Result<(), Invalid> {
        if key.trim().is_empty() {
            return Err(Invalid::new("key", "empty", "the key is empty"));
        }
        check_line("key", key, MAX_KEY)
    }

    /// Checks a name.
    ///
    /// # Errors
    /// At `name`, if it is too long or holds control characters.
    pub fn check_name(name: &str) -> Result<(), Invalid> {
        check_line("name", name, MAX_NAME)
    }

    /// Checks a list of tags.
    ///
    /// # Errors
    /// At `tags`, if there are too many, or one is empty, too long, or holds control characters.
    pub fn check_tags(tags: &[String]) -> Result<(), Invalid> {
        if tags.len() > MAX_TAGS {
            return Err(Invalid::new("tags", "too_many", format!("there are more than {MAX_TAGS} tags")));
        }
        tags.iter().try_for_each(|tag| {
            if tag.trim().is_empty() {
                return Err(Invalid::new("tags", "empty", "a tag is empty"));
            }
            check_line("tags", tag, MAX_TAG)
        })
    }

    /// The URL as it is shown: not to be called.
    pub fn shown_endpoint(&self) -> Endpoint {
        self.request.shown(&self.endpoint)
    }

    /// What a search looks through: URL (as it is shown), name and tags, in lower case. Lists are sorted by it.
    pub fn search_text(&self) -> String {
        let mut text = format!("{} {}", self.shown_endpoint(), self.name);
        for tag in &self.tags {
            text.push(' ');
            text.push_str(tag);
        }
        text.to_lowercase()
    }
}

/// Where the [search texts](Spec::search_text) of the jobs that call `url` lie: from the first of these on and before the
/// second. Others may lie between. A search text begins with the URL, shown in one of two ways, and a space.
pub fn search_range(url: &Endpoint) -> (String, String) {
    let shown = [false, true].map(|secret| url.masked(secret).to_string().to_lowercase());
    let [one, other] = &shown;
    (format!("{} ", one.min(other)), format!("{}!", one.max(other)))
}

/// A job: what a person configured, and where it stands. Stores keep the two apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What a person configured. Shared by all that works with this revision of it.
    pub spec: Arc<Spec>,
    /// Whether it is switched on. A new job is not, unless asked for.
    pub active: bool,
    /// When it was deleted. A deleted job is kept for the retention time, so that its history can be viewed.
    pub deleted_at: Option<Time>,
    /// Raised by every edit.
    pub rev: Rev,
    /// Raised by edits that set `due`.
    pub plan: Plan,
    /// When it was added.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
    /// The latest changes of when and whether it is called, oldest first.
    pub changes: Vec<Noted>,
    /// Where it stands, which is what workers change.
    pub state: State,
}

impl Job {
    /// What a person configured, to be changed; copied first if somebody else works with it.
    pub fn spec_mut(&mut self) -> &mut Spec {
        Arc::make_mut(&mut self.spec)
    }

    /// The same configuration under this plan and in this state.
    pub fn in_state(&self, plan: Plan, state: State) -> Job {
        Job { plan, state, ..self.clone() }
    }
}
