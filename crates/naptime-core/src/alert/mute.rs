//! What is not told for a while.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Report;
use crate::{JobId, Time};

/// The most mutes that last at a time.
pub const MAX_MUTES: usize = 200;
/// The longest note, in characters.
pub const MAX_NOTE: usize = 200;

/// Nothing is told of these until then. What ends meanwhile, of what was told, is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mute {
    /// Of what.
    #[serde(flatten)]
    pub of: Muted,
    /// Until when.
    pub until: Time,
    /// Why; may be blank.
    #[serde(default)]
    pub note: String,
}

/// What is muted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Muted {
    /// One endpoint.
    Endpoint(JobId),
    /// A pool, and the endpoints of it.
    Pool(String),
    /// The endpoints of a tag.
    Tag(String),
}

impl Mute {
    /// Whether a problem is not told at `now`.
    pub fn holds(&self, report: &Report, now: Time) -> bool {
        now < self.until
            && match &self.of {
                Muted::Endpoint(id) => report.endpoint.as_ref().is_some_and(|endpoint| endpoint.id == *id),
                Muted::Pool(pool) => report.pool.as_ref() == Some(pool),
                // A host that is down is more than one tag of it.
                Muted::Tag(tag) => report.endpoint.is_some() && report.tags.contains(tag),
            }
    }
}
