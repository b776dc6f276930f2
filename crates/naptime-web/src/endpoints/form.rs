//! Adding and editing an endpoint.

mod fields;
mod paste;
mod preview;
mod spread;
mod test_call;
mod timing;
mod view;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use maud::Markup;
use naptime_core::{Edit, Endpoint, Invalid, Job, JobId, input};
use naptime_store::{Error, TimeoutLimits};
use uuid::Uuid;

use crate::app::Shared;
use crate::http::body::{FormBody, LARGE_BYTES};
use crate::http::query::{PageId, Query};
use crate::kit::PageError;
use crate::kit::controls::Held;
use crate::kit::mask;
use fields::Fields;
use paste::Pasted;
use preview::{Planned, Preview};
use spread::Among;
use view::Form;

pub(super) fn pages() -> Router<Shared> {
    Router::new()
        .route("/endpoints/new", get(blank).post(create))
        .route("/endpoints/preview", post(preview))
        .route("/endpoints/curl", post(paste::read))
        .route("/endpoints/test", post(test_call::make))
        .route("/endpoints/{id}/edit", get(filled).post(change))
}

/// The form of a new endpoint, or of one like another (`like`).
async fn blank(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let fields = match query.get("like") {
        None => Fields::blank(),
        Some(id) => {
            let id = id.parse().map_err(|_| PageError::no_endpoint())?;
            Fields::like(&app.endpoint(id).await?)
        }
    };
    fresh(&app, fields, &Pasted::default()).await
}

/// The form of a new endpoint that is filled in so, with where a command is pasted.
async fn fresh(app: &Shared, mut fields: Fields, pasted: &Pasted) -> Result<Markup, PageError> {
    fields.id = Some(new_id());
    let preview = look_ahead(app, &fields, None).await?;
    Ok(Form { id: None, fields: &fields, faults: &[], stale: false, preview: &preview, pasted: Some(pasted) }.page(app))
}

async fn create(State(app): State<Shared>, FormBody(sent): FormBody<LARGE_BYTES>) -> Result<Response, PageError> {
    let fields = Fields::sent(&sent);
    if fields.preview {
        return Ok(page(&app, &fields, None, vec![], false).await?.into_response());
    }
    let json = fields.json(&Fields::blank());
    let mut id = fields.id.unwrap_or_else(new_id);
    loop {
        let new = match app.read_new(json.clone(), id, &mut TimeoutLimits::default()).await? {
            Ok(new) => new,
            Err(faults) => {
                let page = page(&app, &fields, None, faults, false).await?;
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
        };
        match app.endpoint(id).await {
            Err(Error::NotFound) => {
                app.store.insert(vec![new]).await?;
                break;
            }
            // The same form, sent twice.
            Ok(there) if *there.spec == new.spec && there.deleted_at.is_none() => break,
            // The form was filled in anew. What was added by it before stays as it is.
            Ok(_) => id = new_id(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Redirect::to(&format!("/endpoints/{id}")).into_response())
}

fn new_id() -> JobId {
    Uuid::now_v7().into()
}

async fn filled(State(app): State<Shared>, PageId(id): PageId) -> Result<Markup, PageError> {
    let job = app.endpoint(id).await?;
    if job.deleted_at.is_some() {
        return Err(Error::Deleted.into());
    }
    page(&app, &Fields::of(&job), Some(&job), vec![], false).await
}

async fn change(
    State(app): State<Shared>,
    PageId(id): PageId,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    let mut fields = Fields::sent(&sent);
    let mut job = app.endpoint(id).await?;
    if job.deleted_at.is_some() {
        return Err(Error::Deleted.into());
    }
    if fields.preview {
        return Ok(page(&app, &fields, Some(&job), vec![], false).await?.into_response());
    }
    if fields.rev.is_none_or(|rev| rev == job.rev) {
        let change = match app.read_change(fields.json(&Fields::of(&job)), &job).await? {
            Ok(change) => change,
            Err(faults) => {
                let page = page(&app, &fields, Some(&job), faults, false).await?;
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
        };
        match app.edit_endpoint(id, Some(job.rev), Edit::Change(change)).await {
            Ok(_) => return Ok(Redirect::to(&format!("/endpoints/{id}")).into_response()),
            Err(Error::Stale(_)) => job = app.endpoint(id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    // What was typed is kept. Whoever sends it once more has seen that it replaces another's change.
    fields.rev = Some(job.rev);
    let page = page(&app, &fields, Some(&job), vec![], true).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// What a form that is being filled in would come to, as a part of its page: for the script.
async fn preview(State(app): State<Shared>, FormBody(sent): FormBody<LARGE_BYTES>) -> Result<Markup, PageError> {
    let fields = Fields::sent(&sent);
    let old = match fields.id {
        Some(id) => match app.endpoint(id).await {
            Ok(job) => Some(job),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    Ok(look_ahead(&app, &fields, old.as_ref()).await?.part())
}

async fn page(
    app: &Shared,
    fields: &Fields,
    old: Option<&Job>,
    faults: Vec<Invalid>,
    stale: bool,
) -> Result<Markup, PageError> {
    let mut preview = look_ahead(app, fields, old).await?;
    if !faults.is_empty() {
        // What is wrong is said at the fields.
        preview.planned = preview.planned.filter(Result::is_ok);
    }
    let faults = &fields.worded(faults);
    Ok(Form { id: old.map(|job| job.id), fields, faults, stale, preview: &preview, pasted: None }.page(app))
}

/// What the form comes to: the next calls, and who else calls the same URL.
async fn look_ahead(app: &Shared, fields: &Fields, old: Option<&Job>) -> Result<Preview, PageError> {
    let shown = old.map_or_else(Fields::blank, Fields::of);
    let id = old.map(|job| job.id).or(fields.id).unwrap_or_else(new_id);
    let typed = fields.text("url");
    let typed = old.map_or_else(|| typed.to_owned(), |job| mask::unmasked_url(typed, &job.spec));
    let others = match Endpoint::parse(&typed) {
        Ok(url) => app.of_url(&url, id).await?,
        Err(_) => Vec::new(),
    };
    let planned = if fields.is_untimed() {
        // What is needed once something is typed.
        app.planner.planned(&app.store, Duration::ZERO).await;
        None
    } else {
        Some(match input::read_schedule(&fields.json(&shown), app.limits(), id, old.map(|job| &*job.spec)) {
            Ok(schedule) => {
                let times = super::timing::planned(&schedule, app.now());
                let among = Among::find(app, &schedule, old).await;
                Ok(Planned { zone: super::timing::zone(&schedule), times, among })
            }
            Err(faults) => Err(fields.worded(faults)),
        })
    };
    Ok(Preview { planned, others })
}
