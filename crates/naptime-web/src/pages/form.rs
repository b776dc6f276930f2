//! Adding and editing an endpoint.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::Markup;
use naptime_core::{Edit, JobId};
use naptime_store::Error;
use uuid::Uuid;

use super::PageError;
use super::fields::Fields;
use super::form_view::Form;
use crate::app::Shared;
use crate::body::FormBody;
use crate::query::PageId;

pub(super) async fn blank(State(app): State<Shared>) -> Markup {
    Form { id: None, fields: &Fields::blank(), faults: &[], stale: false }.page(&app)
}

pub(super) async fn create(State(app): State<Shared>, FormBody(sent): FormBody) -> Result<Response, PageError> {
    let fields = Fields::sent(&sent);
    let id = JobId::from(Uuid::now_v7());
    match fields.draft(&Fields::blank()).create(app.rules(), id) {
        Ok(new) => {
            app.store.insert(vec![new]).await?;
            Ok(Redirect::to(&format!("/endpoints/{id}")).into_response())
        }
        Err(faults) => {
            let page = Form { id: None, fields: &fields, faults: &faults, stale: false }.page(&app);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(super) async fn filled(State(app): State<Shared>, PageId(id): PageId) -> Result<Markup, PageError> {
    let job = app.store.get(id).await?;
    if job.deleted_at.is_some() {
        return Err(Error::Deleted.into());
    }
    Ok(Form { id: Some(id), fields: &Fields::of(&job), faults: &[], stale: false }.page(&app))
}

pub(super) async fn change(
    State(app): State<Shared>,
    PageId(id): PageId,
    FormBody(sent): FormBody,
) -> Result<Response, PageError> {
    let mut fields = Fields::sent(&sent);
    let mut job = app.store.get(id).await?;
    if job.deleted_at.is_some() {
        return Err(Error::Deleted.into());
    }
    if fields.rev.is_none_or(|rev| rev == job.rev) {
        let change = match fields.draft(&Fields::of(&job)).change(app.rules(), &job) {
            Ok(change) => change,
            Err(faults) => {
                let page = Form { id: Some(id), fields: &fields, faults: &faults, stale: false }.page(&app);
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
        };
        match app.store.edit(id, Some(job.rev), Edit::Change(Box::new(change))).await {
            Ok(_) => return Ok(Redirect::to(&format!("/endpoints/{id}")).into_response()),
            Err(Error::Stale(_)) => job = app.store.get(id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    // What was typed is kept. Whoever sends it once more has seen that it replaces another's change.
    fields.rev = Some(job.rev);
    let page = Form { id: Some(id), fields: &fields, faults: &[], stale: true }.page(&app);
    Ok((StatusCode::CONFLICT, page).into_response())
}
