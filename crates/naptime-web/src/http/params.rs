//! The parameters of requests as the document has them. Handlers read them by hand, to name what is wrong; a test asks
//! each for its parameters and compares.
#![allow(dead_code, reason = "the fields are for the document only")]

use naptime_core::Time;
use naptime_store::EndpointState;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paged {
    /// The most items of the page; 50 if nothing is said.
    #[param(required = false, minimum = 1, maximum = 500)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(required = false)]
    cursor: String,
}

/// Which endpoints.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndpointFilters {
    /// Words, each of which URL, name or tags hold, in any case and order; up to 20.
    #[param(required = false, max_length = 2048)]
    q: String,
    /// A pool: `https://example.com`.
    #[param(required = false, max_length = 2048)]
    pool: String,
    #[param(required = false, max_length = 2048)]
    tag: String,
    /// The `project` of the file that was applied.
    #[param(required = false, max_length = 2048)]
    project: String,
    /// Whether they are switched on.
    #[param(required = false)]
    active: bool,
    /// The state that they are in.
    #[param(required = false, inline)]
    state: State,
    /// The kind of their schedule.
    #[param(required = false, inline)]
    schedule: ScheduleKind,
    /// How their last call ended: `bad` for all that did not end well, or one outcome.
    #[param(required = false, inline)]
    outcome: Ended,
}

/// The states of endpoints.
struct State;

/// The kinds of schedules.
struct ScheduleKind;

/// How last calls ended.
struct Ended;

impl PartialSchema for State {
    fn schema() -> RefOr<Schema> {
        one_of(EndpointState::ALL.map(EndpointState::as_str))
    }
}

impl ToSchema for State {}

impl PartialSchema for ScheduleKind {
    fn schema() -> RefOr<Schema> {
        one_of(naptime_store::ScheduleKind::ALL.map(naptime_store::ScheduleKind::as_str))
    }
}

impl ToSchema for ScheduleKind {}

impl PartialSchema for Ended {
    fn schema() -> RefOr<Schema> {
        one_of(naptime_store::Ended::all().map(naptime_store::Ended::as_str))
    }
}

impl ToSchema for Ended {}

/// A text that is one of these.
fn one_of(words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    Object::builder().schema_type(Type::String).enum_values(Some(words)).into()
}

/// In which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sorted {
    /// `url`, `name`, `next`, `last`, `lag` or `success` of the last 24 hours; with a `-` before it the other way.
    #[param(required = false, pattern = "^-?(url|name|next|last|lag|success)$")]
    sort: String,
}

/// Which endpoints, of all there were.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Deleted {
    /// Those that are deleted, with `kept_until`.
    #[param(required = false)]
    deleted: bool,
}

/// How something is done to many.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BulkParams {
    /// Says that all endpoints are meant, where no filter says which.
    #[param(required = false)]
    all: bool,
    /// Only counts them.
    #[param(required = false)]
    dry_run: bool,
    /// The `next_cursor` of the answer before.
    #[param(required = false)]
    cursor: String,
}

/// Which one-off jobs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobFilters {
    /// One or several of `waiting`, `running`, `retrying`, `failed`, `done` and `cancelled`, with commas between.
    #[param(required = false)]
    state: String,
    /// A text in URL, name or tags.
    #[param(required = false, max_length = 2048)]
    q: String,
    #[param(required = false, max_length = 2048)]
    pool: String,
    #[param(required = false, max_length = 2048)]
    tag: String,
}

/// Which runs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunFilters {
    /// `bad` for all that did not end well, `called` for all but lost claims and what was skipped, or one outcome.
    #[param(required = false)]
    outcome: String,
    /// Those of one job.
    #[param(required = false)]
    job: Uuid,
    /// A text in URL, name or tags of their endpoints.
    #[param(required = false, max_length = 2048)]
    q: String,
    #[param(required = false, max_length = 2048)]
    pool: String,
    #[param(required = false, max_length = 2048)]
    tag: String,
    /// Those of one worker.
    #[param(required = false)]
    worker: Uuid,
    /// When they ended, at the earliest; in UTC unless it says otherwise.
    #[param(required = false)]
    from: String,
    /// When they ended, at the latest.
    #[param(required = false)]
    until: String,
}

/// What a stream tells.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamFilters {
    /// One or several of `runs`, `problems` and `endpoints`, with commas between; all if nothing is said.
    #[param(required = false, example = "runs,problems")]
    kinds: String,
    /// Of runs: `bad`, `called` or one outcome, as in the list of runs.
    #[param(required = false)]
    outcome: String,
    /// What is of one job.
    #[param(required = false)]
    job: Uuid,
    /// A text in URL, name or tags of the endpoints.
    #[param(required = false, max_length = 2048)]
    q: String,
    #[param(required = false, max_length = 2048)]
    pool: String,
    #[param(required = false, max_length = 2048)]
    tag: String,
    /// Of runs: those of one worker.
    #[param(required = false)]
    worker: Uuid,
}

/// Where a stream goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct LastEventIdHeader {
    /// The `id` of the last event that was read.
    #[param(required = false, rename = "Last-Event-ID")]
    last_event_id: String,
}

/// Whether something is only looked at.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// Says what is wrong, and stores nothing.
    #[param(required = false)]
    dry_run: bool,
}

/// How a document is applied.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplyParams {
    /// Only says what would be done.
    #[param(required = false)]
    dry_run: bool,
    /// Deletes the endpoints of the project that are not in the document.
    #[param(required = false)]
    prune: bool,
    /// The `plan` of a dry run: if anything else would be done by now, nothing is.
    #[param(required = false)]
    plan: String,
}

/// What is exported.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Only the endpoints of this project.
    #[param(required = false, max_length = 100)]
    project: String,
}

/// Which pools.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PoolFilters {
    /// A text in the name.
    #[param(required = false, max_length = 2048)]
    q: String,
}

/// What part of the past, and how finely.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// An hour before `to` if nothing is said.
    #[param(required = false, inline)]
    from: Time,
    /// Now if nothing is said.
    #[param(required = false, inline)]
    to: Time,
    /// A duration: `1s` for the last 15 minutes, else `1m`, `10m`, `1h`, `1d`.
    #[param(required = false)]
    step: String,
}

/// How finely a forecast is told.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Step {
    /// The minutes of a step; 10 if nothing is said.
    #[param(required = false, minimum = 1, maximum = 60)]
    step: u16,
}

/// One thing by its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Id {
    id: Uuid,
}

/// One endpoint by its key.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Key {
    #[param(min_length = 1, max_length = 200)]
    key: String,
}

/// One thing by its name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Name {
    #[param(pattern = "^[a-z0-9-]{1,40}$")]
    name: String,
}

/// One mute.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MuteId {
    id: String,
}

/// One pool.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PoolName {
    /// The pool, percent-encoded: `https%3A%2F%2Fexample.com`. As it is, with one slash (`https/example.com`), it is
    /// found too.
    #[param(example = "https://example.com")]
    pool: String,
}

/// One run.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunIds {
    job: Uuid,
    run: Uuid,
}

/// What is expected of what is there.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfMatchHeader {
    /// The `ETag` that was seen, or `*` for any. With another revision, nothing is changed (409 `stale`).
    #[param(required = false, rename = "If-Match", pattern = r#"^(\*|(W/)?"[0-9]{1,18}")$"#)]
    if_match: String,
}

/// That nothing is expected to be there.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfNoneMatchHeader {
    /// `*`: only if there is none yet.
    #[param(required = false, rename = "If-None-Match", pattern = r"^\*$")]
    if_none_match: String,
}

/// What is sent is known by.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKeyHeader {
    /// The same as `key` in the body: who sends it again finds what there is.
    #[param(required = false, rename = "Idempotency-Key", min_length = 1, max_length = 200)]
    idempotency_key: String,
}
