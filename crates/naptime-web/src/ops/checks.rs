//! Whether what Naptime is run with is as it should be.

use axum::Json;
use axum::extract::State;
use naptime_core::{Check, Time, Tzdb, check};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::http::problem::Problem;
use crate::http::query::Query;

/// The version of the page.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize, ToSchema)]
#[schema(as = Checks)]
pub(super) struct ChecksView {
    /// By the clock of the database.
    at: Time,
    /// The version of the page.
    version: &'static str,
    /// Where the page is, as `NAPTIME_URL` says it.
    url: Option<String>,
    items: Vec<Check>,
}

/// Looks at the database, the workers and the time zones. It asks the database a few dozen things.
#[utoipa::path(
    get, path = "/checks", operation_id = "list_checks", tag = "standing",
    responses((status = 200, body = ChecksView)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Json<ChecksView>, Problem> {
    query.check(&[])?;
    let mut items = app.store.examine().await;
    let at = app.now();
    match app.store.workers().await {
        Ok(workers) => {
            items.extend(check::workers(&workers));
            items.push(check::versions(&workers, VERSION));
            items.push(check::zones(&workers, &Tzdb::current().release, at));
        }
        Err(error) => items.push(Check::unknown("workers", "whether workers live", error)),
    }
    Ok(Json(ChecksView { at, version: VERSION, url: app.settings.place.url.clone(), items }))
}
