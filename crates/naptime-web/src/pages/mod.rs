//! What people see: pages rendered here, with plain forms. Where the script runs, it keeps the parts marked as live up
//! to date; without it, everything works just the same.

mod actions;
mod alerts;
mod bulk;
mod changes;
mod controls;
mod curl;
mod deleted;
mod detail;
mod endpoints;
mod error;
mod facts;
mod fields;
mod form;
mod form_view;
mod headline;
mod job;
mod job_actions;
mod jobs;
mod labels;
mod latest;
mod layout;
mod login;
mod overview;
mod plan;
mod pool;
mod pool_actions;
mod pool_form;
mod pool_view;
mod pools;
mod preview;
mod problems;
mod receiver_form;
mod rule_fields;
mod rule_form;
mod rules;
mod run;
mod runs;
mod sla;
mod sla_view;
mod span;
mod spread_view;
mod status;
mod texts;
mod timing_view;
mod trial;
mod worker;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::Shared;
use crate::auth;

pub(crate) use error::PageError;
pub(crate) use rules::of_rule;

/// The pages.
pub(crate) fn router(app: &Shared) -> Router {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/endpoints", get(endpoints::show))
        .route("/endpoints/deleted", get(deleted::show))
        .route("/endpoints/new", get(form::blank).post(form::create))
        .route("/endpoints/preview", post(form::preview))
        .route("/endpoints/bulk", get(bulk::choose))
        .route("/endpoints/bulk/{action}", get(bulk::confirm).post(bulk::act))
        .route("/endpoints/{id}", get(detail::show))
        .route("/endpoints/{id}/edit", get(form::filled).post(form::change))
        .route("/endpoints/{id}/delete", get(actions::confirm_delete).post(actions::delete))
        .route("/endpoints/{id}/restore", post(actions::restore))
        .route("/endpoints/{id}/switch", post(actions::switch))
        .route("/endpoints/{id}/resume", post(actions::resume))
        .route("/endpoints/{id}/call", post(actions::call))
        .route("/endpoints/{id}/breaches", get(sla::of_endpoint))
        .route("/runs", get(latest::show))
        .route("/runs/{job}/{run}", get(run::show))
        .route("/pools", get(pools::show))
        .route("/pools/{scheme}/{host}", get(pool::show))
        .route("/pools/{scheme}/{host}/edit", get(pool_form::filled).post(pool_form::change))
        .route("/pools/{scheme}/{host}/switch", get(pool_actions::confirm).post(pool_actions::switch))
        .route("/pools/{scheme}/{host}/delete", get(pool_actions::confirm_delete).post(pool_actions::delete))
        .route("/sla", get(sla::show))
        .route("/jobs", get(jobs::show))
        .route("/jobs/retry", get(job_actions::confirm).post(job_actions::all))
        .route("/jobs/cancel", get(job_actions::confirm).post(job_actions::all))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/retry", post(job_actions::retry))
        .route("/jobs/{id}/cancel", post(job_actions::cancel))
        .route("/alerts", get(alerts::show))
        .route("/alerts/new", get(receiver_form::blank).post(receiver_form::create))
        .route("/alerts/mutes", post(alerts::mute))
        .route("/alerts/mutes/{id}/delete", post(alerts::unmute))
        .route("/alerts/acknowledge", post(alerts::acknowledge))
        .route("/alerts/receivers/{name}", get(receiver_form::filled).post(receiver_form::change))
        .route("/alerts/receivers/{name}/switch", post(alerts::switch))
        .route("/alerts/receivers/{name}/test", post(alerts::test))
        .route("/alerts/receivers/{name}/delete", get(alerts::confirm_delete).post(alerts::delete))
        .route("/rules", get(rules::show))
        .route("/rules/try", post(rules::try_event))
        .route("/rules/new", get(rules::blank).post(rules::create))
        .route("/rules/{name}/edit", get(rules::filled).post(rules::change))
        .route("/rules/{name}/switch", post(rules::switch))
        .route("/rules/{name}/delete", get(rules::confirm_delete).post(rules::delete))
        .fallback(async || PageError::not_found())
        .method_not_allowed_fallback(async || {
            PageError::new(StatusCode::METHOD_NOT_ALLOWED, "Not like this", "This address takes other requests.")
        })
        .layer(from_fn_with_state(app.clone(), keep_looking))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), auth::page))
        .with_state(app.clone());
    let login = Router::new()
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(auth::same_site_page))
        .with_state(app.clone());
    pages.merge(login)
}

/// Every page says in its title how many problems there are. What it waits for is not that.
async fn keep_looking(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.watcher.is_stale() {
        let looker = app.clone();
        tokio::spawn(async move {
            if let Err(error) = looker.watcher.look(&looker).await {
                tracing::debug!(%error, "cannot look for problems");
            }
        });
    }
    next.run(request).await
}

/// What is said when a handler panicked. What it panicked with is in the log, by the panic hook.
#[allow(clippy::needless_pass_by_value)] // The layer asks for it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let text = "The page could not be made. What went wrong is in the log.";
    PageError::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text).into_response()
}
