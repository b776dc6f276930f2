//! Naptime as code: a document of what there is to be, planned or applied; and one of what there is.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, Request};
use crate::error::Result;
use crate::filter::Filter;
use crate::item::Item;
use crate::time;

/// How long a document may take to be planned, applied or exported. 10,000 endpoints take up to two minutes.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// What applying a document does, or did.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ApplyPlan {
    /// Names this very plan: see [`Client::apply`].
    pub plan: String,
    /// What is done to which things.
    pub changes: Vec<ApplyChange>,
    /// How many things are as they are to be.
    pub unchanged: u64,
    /// The unchanged things of which an apply notes what the document says now, so that it is no drift any more.
    #[serde(default)]
    pub marks: u64,
    /// What it does to the load.
    pub load: ApplyLoad,
}

/// What is done to one thing.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ApplyChange {
    /// `add`, `change` or `delete`.
    pub action: String,
    /// `endpoint`, `pool`, `rule` or `receiver`.
    pub kind: String,
    /// The key of an endpoint (or its id, if it has none), the pool, or the name.
    pub name: String,
    /// What changes.
    pub fields: Vec<ApplyField>,
}

/// A field that changes. Null is its default; credentials are masked, so both may look alike.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // The names say it.
pub struct ApplyField {
    pub field: String,
    pub before: Value,
    pub after: Value,
    /// Whether it was changed since the last apply, which this undoes.
    pub drift: bool,
}

/// What it does to the load; none of what is not known.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ApplyLoad {
    /// Calls per second in the long run.
    pub rate_per_s: Option<BeforeAndAfter<f64>>,
    /// The minute of the coming day in which most calls are due.
    pub worst_minute: Option<BeforeAndAfter<BusyMinute>>,
    /// The calls that the workers can make in a minute.
    pub capacity_per_minute: Option<f64>,
    /// Endpoints of the document that are due within the same second.
    pub together: Vec<DueTogether>,
}

/// A figure before it is done, and after.
#[derive(Clone, Copy, Debug, Deserialize)]
#[allow(missing_docs)] // The names say it.
pub struct BeforeAndAfter<T> {
    pub before: T,
    pub after: T,
}

/// A minute, and the calls due in it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[allow(missing_docs)] // The names say it.
pub struct BusyMinute {
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    pub due: f64,
}

/// Endpoints that are due within the same second.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // The names say it.
pub struct DueTogether {
    /// The second in which they are due.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    pub count: u64,
    /// The first three of their names.
    pub endpoints: Vec<String>,
}

/// A document of what there is, and the credentials that are not in it.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Export {
    /// As [`Client::apply`] takes it.
    pub document: Value,
    /// What stands for a credential in it, as `${NAME}`.
    pub secrets: Vec<ExportedSecret>,
}

/// A credential that whoever applies the document fills in.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ExportedSecret {
    /// What stands for it.
    pub name: String,
    /// Where it stands, as a JSON pointer.
    pub field: String,
}

impl Client {
    /// Says what applying a document would do. With `prune`, endpoints that an earlier document of its project had, and
    /// this one does not, are deleted.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names what is wrong with the document, each at a JSON pointer.
    pub async fn plan_apply(&self, document: &Value, prune: bool) -> Result<Item<ApplyPlan>> {
        let filter = Filter::new().with("dry_run", true).with("prune", prune);
        let request = Request::new(Method::POST, &["apply"]).filtered(&filter).json(document);
        self.ask(request.taking(DOCUMENT_TIMEOUT)).await
    }

    /// Applies a document. With the `plan` of [`plan_apply`](Self::plan_apply), it is done only if that is still all there
    /// is to do.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); a `Problem` of the code `stale` says that somebody else has changed something.
    pub async fn apply(&self, document: &Value, prune: bool, plan: Option<&str>) -> Result<Item<ApplyPlan>> {
        let filter = Filter::new().with("prune", prune).maybe("plan", plan);
        let request = Request::new(Method::POST, &["apply"]).filtered(&filter).json(document);
        self.ask(request.taking(DOCUMENT_TIMEOUT)).await
    }

    /// A document of everything, or of the endpoints of one project.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn export(&self, project: Option<&str>) -> Result<Export> {
        let filter = Filter::new().maybe("project", project);
        self.ask(Request::new(Method::GET, &["export"]).filtered(&filter).taking(DOCUMENT_TIMEOUT)).await
    }
}
