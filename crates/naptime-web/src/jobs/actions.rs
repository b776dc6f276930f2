//! What is done about a one-off job with one button: retry, cancel.

use axum::extract::{Path, State};
use axum::response::Redirect;
use naptime_store::{Error, Treatment};

use super::detail;
use crate::app::{App, Shared};
use crate::http::auth::local_path;
use crate::http::body::FormBody;
use crate::kit::PageError;

pub(super) async fn retry(
    State(app): State<Shared>,
    Path(id): Path<String>,
    FormBody(fields): FormBody,
) -> Result<Redirect, PageError> {
    treat(&app, &id, &fields, Treatment::Retry).await
}

pub(super) async fn cancel(
    State(app): State<Shared>,
    Path(id): Path<String>,
    FormBody(fields): FormBody,
) -> Result<Redirect, PageError> {
    treat(&app, &id, &fields, Treatment::Cancel).await
}

async fn treat(app: &App, id: &str, fields: &[(String, String)], treatment: Treatment) -> Result<Redirect, PageError> {
    let id = detail::read_id(id)?;
    match app.store.treat(id, None, treatment).await {
        // Whoever was first, it is as asked.
        Ok(_) => {}
        Err(Error::Deleted) if treatment == Treatment::Cancel => {}
        Err(error) => return Err(detail::of_job(error)),
    }
    let back = fields.iter().find(|(name, _)| name == "back").map(|(_, path)| local_path(path));
    let own = format!("/jobs/{id}");
    Ok(Redirect::to(back.filter(|path| *path != "/").unwrap_or(&own)))
}
