//! Whether the SLAs are met.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use naptime_core::{Breach, Cause, JobId, Lookback, Standing, Time};
use naptime_store::{Breached, JobSummary, PageRef};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::endpoints::SlaFieldView;
use crate::http::items::{Items, UnreadableView};
use crate::http::params::{Id, Paged};
use crate::http::problem::Problem;
use crate::http::query::{ApiId, Query};

#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
pub(super) struct SlaView {
    /// Whether no endpoint is in breach.
    met: bool,
    /// Those with a promise that runs.
    endpoints: u64,
    breached: u64,
    share: Shares,
    longest_gap_ms: u64,
    /// When the figures above were added up.
    at: Time,
    in_breach: Vec<BreachView>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndpointStanding)]
pub(super) struct EndpointSlaView {
    sla: Option<SlaFieldView>,
    /// None where no promise runs.
    met: Option<bool>,
    /// From when the promise runs, and when the next successful call must have ended.
    since: Option<Time>,
    deadline: Option<Time>,
    share: Shares,
    longest_gap_ms: Option<u64>,
    /// The breach that lasts.
    breach: Option<BreachView>,
    /// Those that have ended, the last first.
    breaches: Vec<BreachView>,
    next_cursor: Option<String>,
}

/// From 0 to 1; null where nothing was promised.
#[derive(Default, Serialize, ToSchema)]
struct Shares {
    hour: Option<f64>,
    day: Option<f64>,
    week: Option<f64>,
    retention: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Breach)]
pub(super) struct BreachView {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<Whose>,
    from: Time,
    to: Option<Time>,
    lasted_ms: u64,
    cause: Cause,
}

#[derive(Serialize, ToSchema)]
struct Whose {
    id: JobId,
    /// Null once it is deleted and forgotten.
    url: Option<String>,
    name: Option<String>,
    sla: Option<SlaFieldView>,
}

impl Shares {
    fn of(standing: &Standing) -> Self {
        Self {
            hour: standing.share(Lookback::Hour),
            day: standing.share(Lookback::Day),
            week: standing.share(Lookback::Week),
            retention: standing.share(Lookback::Retention),
        }
    }
}

/// Whether all SLAs are met, the shares of time they were, and what is in breach.
#[utoipa::path(
    get, path = "/sla", operation_id = "get_sla", tag = "standing",
    params(Paged),
    responses((status = 200, body = SlaView)),
)]
pub(super) async fn all(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = page(&query)?;
    let (stood, found) = tokio::try_join!(app.recent.standing(&app.store), app.store.in_breach(&page))?;
    let now = app.now();
    let standing = &stood.standing;
    let breached = stood.breached(&page, &found);
    let view = SlaView {
        met: breached == 0,
        endpoints: standing.endpoints.max(breached),
        breached,
        share: Shares::of(standing),
        longest_gap_ms: standing.longest_ms,
        at: stood.at,
        in_breach: found.items.iter().map(|breached| with_endpoint(breached, now)).collect(),
        next_cursor: found.next,
        unreadable: found.unreadable.into_iter().map(UnreadableView::from).collect(),
    };
    Ok(Json(view).into_response())
}

/// Breaches that ended, the last first.
#[utoipa::path(
    get, path = "/sla/breaches", operation_id = "list_breaches", tag = "standing",
    params(Paged),
    responses((status = 200, body = Items<BreachView>)),
)]
pub(super) async fn breaches(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let found = app.store.breaches(None, &page(&query)?).await?;
    let now = app.now();
    Ok(Json(Items::of(found, |breached| with_endpoint(breached, now))).into_response())
}

/// How an endpoint stands to its SLA, and its breaches.
#[utoipa::path(
    get, path = "/endpoints/{id}/sla", operation_id = "get_endpoint_sla", tag = "standing",
    params(Id, Paged),
    responses((status = 200, body = EndpointSlaView)),
)]
pub(super) async fn endpoint(State(app): State<Shared>, ApiId(id): ApiId, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = page(&query)?;
    let job = app.endpoint(id).await?;
    let (standing, lasting, found) =
        tokio::try_join!(app.store.standing_of(&job), app.lasting_breach(&job), app.store.breaches(Some(id), &page))?;
    let now = app.now();
    let view = EndpointSlaView {
        sla: job.spec.sla.as_ref().map(SlaFieldView::of),
        met: standing.is_some().then_some(lasting.is_none()),
        since: job.state.watch.map(|watch| watch.since),
        deadline: job.state.watch.map(|watch| watch.deadline),
        share: standing.as_ref().map(Shares::of).unwrap_or_default(),
        longest_gap_ms: standing.map(|standing| standing.longest_ms),
        breach: lasting.map(|breach| plain(&breach, now)),
        breaches: found.items.iter().map(|breached| plain(&breached.breach, now)).collect(),
        next_cursor: found.next,
    };
    Ok(Json(view).into_response())
}

fn page(query: &Query) -> Result<PageRef, Problem> {
    Ok(PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) })
}

fn plain(breach: &Breach, now: Time) -> BreachView {
    let lasted_ms = u64::try_from(breach.lasted(now).as_millis()).unwrap_or(u64::MAX);
    BreachView { endpoint: None, from: breach.from, to: breach.to, lasted_ms, cause: breach.cause }
}

fn with_endpoint(breached: &Breached, now: Time) -> BreachView {
    let job: Option<&JobSummary> = breached.job.as_ref();
    let whose = Whose {
        id: breached.breach.job,
        url: job.map(|job| job.endpoint.to_string()),
        name: job.map(|job| job.name.clone()),
        sla: job.and_then(|job| job.sla.as_ref()).map(SlaFieldView::of),
    };
    BreachView { endpoint: Some(whose), ..plain(&breached.breach, now) }
}
