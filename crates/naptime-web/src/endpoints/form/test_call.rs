//! A call of what is typed in a form, before it is saved: a one-off job, whose page shows how it ends.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use naptime_core::SpecChange;
use naptime_store::{Error, TimeoutLimits};
use serde_json::Value;

use super::fields::Fields;
use crate::app::Shared;
use crate::http::body::{FormBody, LARGE_BYTES};
use crate::kit::PageError;

/// What says when, where nothing is typed yet that does: a test call needs none.
const ANY_TIME: &str = "1h";

pub(super) async fn make(
    State(app): State<Shared>,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    let fields = Fields::sent(&sent);
    let old = match fields.id {
        Some(id) => match app.endpoint(id).await {
            Ok(job) => Some(job),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    if fields.preview {
        return Ok(super::page(&app, &fields, old.as_ref(), vec![], false).await?.into_response());
    }
    let mut json = fields.json(&old.as_ref().map_or_else(Fields::blank, Fields::of));
    if let Value::Object(object) = &mut json
        && fields.is_untimed()
    {
        object.remove(fields.kind);
        if old.is_none() {
            object.insert("every".to_owned(), ANY_TIME.into());
        }
    }
    let id = super::new_id();
    let read = match &old {
        None => app.read_new(json, id, &mut TimeoutLimits::default()).await?.map(|new| new.spec),
        Some(job) => app.read_change(json, job).await?.map(|change| match change.spec {
            SpecChange::Whole(spec) => *spec,
            _ => job.spec.as_ref().clone(),
        }),
    };
    match read {
        Ok(spec) => {
            let new = naptime_core::NewJob { id, spec: spec.test_call(app.now()), active: true };
            app.store.insert(vec![new]).await?;
            Ok(Redirect::to(&format!("/jobs/{id}")).into_response())
        }
        Err(faults) => {
            let page = super::page(&app, &fields, old.as_ref(), faults, false).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
