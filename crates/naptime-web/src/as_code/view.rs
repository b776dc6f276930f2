//! What it takes to make what there is as a document says, as the API sends it.

use naptime_core::Time;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What an apply does, or did.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplyPlan)]
pub(crate) struct PlanView {
    pub(crate) project: Option<String>,
    /// Whether it is done.
    pub(crate) applied: bool,
    /// Names this very plan: sent back as `plan`, nothing else is done.
    pub(crate) plan: String,
    pub(crate) changes: Vec<ChangeView>,
    /// How many things are as they are to be.
    pub(crate) unchanged: u64,
    /// The unchanged things of which an apply notes what the document says now, so that it is no drift any more: somebody
    /// had set them so by hand, or the document says more or less of them than before.
    pub(crate) marks: u64,
    pub(crate) load: LoadView,
}

/// What is done to one thing.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ApplyChange)]
pub(crate) struct ChangeView {
    /// `add`, `change` or `delete`.
    pub(crate) action: &'static str,
    /// `endpoint`, `pool`, `rule` or `receiver`.
    pub(crate) kind: &'static str,
    /// The key of an endpoint (or its id, if it has none), the pool, or the name.
    pub(crate) name: String,
    /// What changes.
    pub(crate) fields: Vec<FieldView>,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ApplyField)]
pub(crate) struct FieldView {
    pub(crate) field: String,
    /// Null: its default. Credentials are masked, so both may look alike.
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// Whether it was changed since the last apply, which this undoes.
    pub(crate) drift: bool,
}

/// What it does to the load. What is not known is null.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplyLoad)]
pub(crate) struct LoadView {
    /// Calls per second in the long run.
    pub(crate) rate_per_s: Option<Both<f64>>,
    /// The minute of the coming day in which most calls are due.
    pub(crate) worst_minute: Option<Both<MinuteView>>,
    /// The calls that the workers can make in a minute.
    pub(crate) capacity_per_minute: Option<f64>,
    /// Endpoints of the document whose next calls are due within the same second, the largest such groups.
    pub(crate) together: Vec<TogetherView>,
}

/// Before it and after it.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Both<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = Minute)]
pub(crate) struct MinuteView {
    pub(crate) at: Time,
    /// The calls due in it.
    pub(crate) due: f64,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = DueTogether)]
pub(crate) struct TogetherView {
    pub(crate) at: Time,
    pub(crate) count: u64,
    /// Some of them.
    pub(crate) endpoints: Vec<String>,
}
