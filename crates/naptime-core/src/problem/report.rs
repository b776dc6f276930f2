//! A problem as it is told: the same in answers and alerts, and kept while it lasts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Kind, Problem, Severity, Whose};
use crate::{JobId, Time};

/// How long what comes and goes by itself must have been there to be told, or away to be over.
const FLICKERS: Duration = Duration::from_secs(60);
/// How long an endpoint whose host cannot be reached is not told: others of the host may follow, which makes them one
/// problem.
const OTHERS_FOLLOW: Duration = Duration::from_secs(5);
/// How long a host must have answered to be no longer down: while it comes back, some of its endpoints still fail.
const RETURNS: Duration = Duration::from_secs(20);

/// A problem in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// The same for as long as an endpoint has a problem, of whatever kind: `endpoint:01a2...`. Others have one for each
    /// kind: `pool:https://a.test`, `limits:https://a.test`, `fleet:no_worker`.
    pub id: String,
    /// What is wrong: `failing`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is, in words.
    pub title: String,
    /// The endpoint, if it is that of one.
    pub endpoint: Option<EndpointRef>,
    /// The pool, if it is that of one or of an endpoint.
    pub pool: Option<String>,
    /// The tags of the endpoints whose problem it is.
    pub tags: Vec<String>,
    /// Since when, as far as that is known.
    pub since: Option<Time>,
    /// What is wrong, as a sentence.
    pub cause: String,
    /// What may be done about it.
    pub remedy: Option<String>,
    /// What the target said last, or what went wrong.
    pub message: Option<String>,
    /// Whether the host cannot be reached, or says that it is unavailable, of an endpoint that fails.
    #[serde(default)]
    pub by_host: bool,
    /// When the last call of the endpoint ended.
    #[serde(default)]
    pub called_at: Option<Time>,
    /// The receiver that alerts do not reach.
    #[serde(default)]
    pub receiver: Option<String>,
}

/// An endpoint as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointRef {
    /// Its id.
    pub id: JobId,
    /// Its URL as it is shown.
    pub url: String,
    /// Its name, which may be blank.
    pub name: String,
}

impl Report {
    /// How long it must have lasted to be told.
    pub(crate) fn is_told_after(&self) -> Duration {
        match &*self.kind {
            // While workers are replaced, they differ.
            "slots_full" | "late" | "pool_limit" | "versions" | "zones" => FLICKERS,
            _ if self.by_host => OTHERS_FOLLOW,
            _ => Duration::ZERO,
        }
    }

    /// How long it must have been away to be over.
    pub(crate) fn is_over_after(&self) -> Duration {
        if self.kind == "pool_down" { RETURNS } else { self.is_told_after() }
    }
}

impl From<&Problem> for Report {
    fn from(problem: &Problem) -> Self {
        let Problem { of, kind, tags, since, called_at, message } = problem;
        let (id, endpoint, pool) = match of {
            Whose::Fleet => (format!("fleet:{}", of_fleet(kind)), None, None),
            Whose::Pool(pool) => {
                // Its host may be down, and hang so that its limit is reached.
                let what = if matches!(kind, Kind::PoolDown { .. }) { "pool" } else { "limits" };
                (format!("{what}:{pool}"), None, Some(pool.to_string()))
            }
            Whose::Endpoint { id, endpoint, name } => {
                let shown = EndpointRef { id: *id, url: endpoint.to_string(), name: name.clone() };
                (format!("endpoint:{id}"), Some(shown), Some(endpoint.pool().to_string()))
            }
        };
        Self {
            id,
            kind: kind.as_str().to_owned(),
            severity: kind.severity(),
            title: of.title(),
            endpoint,
            pool,
            tags: tags.iter().cloned().collect(),
            since: *since,
            cause: kind.cause(),
            remedy: kind.remedy().map(str::to_owned),
            message: message.clone(),
            by_host: matches!(kind, Kind::Failing { by_host: true, .. }),
            called_at: *called_at,
            receiver: match kind {
                Kind::AlertsFailed { receiver, .. } => Some(receiver.clone()),
                _ => None,
            },
        }
    }
}

/// What tells problems of all apart.
fn of_fleet(kind: &Kind) -> String {
    match kind {
        // What is late is one problem, whether slots are free or not.
        Kind::SlotsFull { .. } | Kind::Late { .. } => "late".to_owned(),
        Kind::WorkerTrouble { worker, .. } => format!("worker:{worker}"),
        Kind::AlertsFailed { receiver, .. } => format!("alerts:{receiver}"),
        other => other.as_str().to_owned(),
    }
}
