//! What is done to an endpoint with one button: switch, resume, call, delete, restore.

use axum::extract::State;
use axum::response::Redirect;
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Change, Edit, duration};
use naptime_store::Error;

use super::list::url;
use crate::app::{CallNow, Shared};
use crate::http::auth::local_path;
use crate::http::body::FormBody;
use crate::http::query::PageId;
use crate::kit::PageError;
use crate::kit::confirm::Question;
use crate::kit::layout::{Layout, Tab};

fn to_endpoint(id: naptime_core::JobId) -> Redirect {
    Redirect::to(&format!("/endpoints/{id}"))
}

pub(super) async fn switch(
    State(app): State<Shared>,
    PageId(id): PageId,
    form: FormBody,
) -> Result<Redirect, PageError> {
    // The button says where to, so pressing it twice does no harm, whatever the revision.
    let active = form.switch("active")?;
    app.edit_endpoint(id, None, Edit::Change(Change::switch(active))).await?;
    match form.field("back").map(local_path) {
        Some(back) if back != "/" => Ok(Redirect::to(back)),
        _ => Ok(to_endpoint(id)),
    }
}

/// Ends a pause.
pub(super) async fn resume(State(app): State<Shared>, PageId(id): PageId) -> Result<Redirect, PageError> {
    let job = app.endpoint(id).await?;
    let change = Change::schedule(job.spec.schedule.resumed());
    app.edit_endpoint(id, Some(job.rev), Edit::Change(change)).await?;
    Ok(to_endpoint(id))
}

pub(super) async fn call(State(app): State<Shared>, PageId(id): PageId) -> Result<Redirect, PageError> {
    match app.call_now(id, None).await? {
        CallNow::Asked(_) => Ok(to_endpoint(id)),
        CallNow::PoolOff(pool) => {
            let text = format!("The pool {pool} is switched off, and nothing of it is called. Switch it on first.");
            Err(PageError::new(StatusCode::CONFLICT, "Its pool is switched off", text))
        }
    }
}

pub(super) async fn confirm_delete(State(app): State<Shared>, PageId(id): PageId) -> Result<Markup, PageError> {
    let job = app.endpoint(id).await?;
    if job.deleted_at.is_some() {
        return Err(Error::Deleted.into());
    }
    let about = html! {
        @if !job.spec.name.is_empty() { p { strong { (job.spec.name) } } }
        p.where { (url(&job.spec.shown_endpoint())) }
        p {
            "It is not called any more. Its history stays viewable, and it can be restored, for "
            (duration::show(app.settings.retention)) "."
        }
    };
    let question = Question::delete("Delete this endpoint?", about, &format!("/endpoints/{id}")).ask();
    Ok(Layout::new(&app, Tab::Endpoints, "Delete").page(&question))
}

pub(super) async fn delete(State(app): State<Shared>, PageId(id): PageId) -> Result<Redirect, PageError> {
    match app.edit_endpoint(id, None, Edit::Delete).await {
        // Whoever was first, it is as asked.
        Ok(_) | Err(Error::Deleted) => Ok(to_endpoint(id)),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn restore(State(app): State<Shared>, PageId(id): PageId) -> Result<Redirect, PageError> {
    app.edit_endpoint(id, None, Edit::Restore).await?;
    Ok(to_endpoint(id))
}
