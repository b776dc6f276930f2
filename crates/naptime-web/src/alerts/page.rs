//! Alerts: who is told of problems, what is muted, and what was sent.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_alerts::{Numbered, TAG};
use naptime_core::alert::{MAX_MUTES, Receiver};
use naptime_core::input::read_mute;
use naptime_store::{Error, Expect, PageRef, QueuedQuery};
use serde_json::{Map, Value};

use super::api::send_test;
use super::view::list;
use crate::app::{App, Shared};
use crate::as_code::said::Projects;
use crate::http::auth::local_path;
use crate::http::body::FormBody;
use crate::kit::PageError;
use crate::kit::confirm::Question;
use crate::kit::layout::{Layout, Tab};

/// The most alerts that are listed.
const MAX_LISTED: usize = 20;

pub(super) async fn show(State(app): State<Shared>) -> Result<Markup, PageError> {
    let kept = naptime_alerts::settings(&*app.store).await?;
    let query = QueuedQuery { stages: Vec::new(), q: None, pool: None, tag: Some(TAG.to_owned()) };
    let sent = app.store.queued(&query, &PageRef::first(MAX_LISTED)).await?.items;
    Ok(list(&app, &kept, &Projects::load(&app).await?, &sent))
}

pub(super) async fn switch(
    State(app): State<Shared>,
    Path(name): Path<String>,
    form: FormBody,
) -> Result<Redirect, PageError> {
    // The button says where to, so pressing it twice does no harm.
    let active = form.switch("active")?;
    let receiver = receiver(&app, &name).await?;
    let read = |_: Option<&Receiver>| Ok(Receiver { active, ..receiver.value.clone() });
    naptime_alerts::put_receiver(&*app.store, &name, Expect::Rev(receiver.rev), read).await.map_err(of_receiver)?;
    Ok(Redirect::to("/alerts"))
}

/// Sends a test, and shows how that goes.
pub(super) async fn test(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, PageError> {
    let receiver = receiver(&app, &name).await?.value;
    match send_test(&app, &receiver).await? {
        Ok(jobs) => {
            let to = jobs.first().map_or_else(|| "/alerts".to_owned(), |id| format!("/jobs/{id}"));
            Ok(Redirect::to(&to).into_response())
        }
        Err(fault) => {
            let page = PageError::new(StatusCode::UNPROCESSABLE_ENTITY, "Nothing was sent", fault.detail);
            Ok(page.into_response())
        }
    }
}

pub(super) async fn confirm_delete(State(app): State<Shared>, Path(name): Path<String>) -> Result<Markup, PageError> {
    receiver(&app, &name).await?;
    let about = html! {
        p { strong { (name) } }
        p { "It is told nothing any more, not even that what it was told of is over." }
    };
    let question = Question::delete("Delete this receiver?", about, "/alerts").ask();
    Ok(Layout::new(&app, Tab::Alerts, "Delete").page(&question))
}

pub(super) async fn delete(State(app): State<Shared>, Path(name): Path<String>) -> Result<Redirect, PageError> {
    match naptime_alerts::delete_receiver(&*app.store, &name, None).await {
        // Whoever was first, it is as asked.
        Ok(()) | Err(Error::NotFound) => Ok(Redirect::to("/alerts")),
        Err(error) => Err(error.into()),
    }
}

/// Mutes what the form names.
pub(super) async fn mute(State(app): State<Shared>, form: FormBody) -> Result<Redirect, PageError> {
    let given = ["endpoint", "pool", "tag", "for", "until", "note"].into_iter();
    let fields: Map<String, Value> = given
        .filter_map(|name| Some((name.to_owned(), form.field(name).filter(|text| !text.is_empty())?.into())))
        .collect();
    let mute = read_mute(fields.into(), app.limits()).map_err(|faults| {
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        PageError::new(StatusCode::UNPROCESSABLE_ENTITY, "Nothing was muted", said.join("; "))
    })?;
    if naptime_alerts::add_mute(&*app.store, &mute).await?.is_none() {
        let text = format!("There are as many mutes as there may be: {MAX_MUTES}. End some first.");
        return Err(PageError::new(StatusCode::CONFLICT, "Nothing was muted", text));
    }
    Ok(Redirect::to(back(&form)))
}

pub(super) async fn unmute(State(app): State<Shared>, Path(id): Path<String>) -> Result<Redirect, PageError> {
    match naptime_alerts::delete_mute(&*app.store, &id).await {
        Ok(()) | Err(Error::NotFound) => Ok(Redirect::to("/alerts")),
        Err(error) => Err(error.into()),
    }
}

/// Notes that somebody knows of the problem that the form names.
pub(super) async fn acknowledge(State(app): State<Shared>, form: FormBody) -> Result<Redirect, PageError> {
    match naptime_alerts::acknowledge(&*app.store, form.field("id").unwrap_or_default()).await {
        // It is over meanwhile.
        Ok(()) | Err(Error::NotFound) => Ok(Redirect::to(back(&form))),
        Err(error) => Err(error.into()),
    }
}

fn back(form: &FormBody) -> &str {
    form.field("back").map_or("/", local_path)
}

pub(super) async fn receiver(app: &App, name: &str) -> Result<Numbered<Receiver>, PageError> {
    let mut kept = naptime_alerts::settings(&*app.store).await?;
    kept.receivers.remove(name).ok_or_else(|| of_receiver(Error::NotFound))
}

/// The store's error, about a receiver.
pub(super) fn of_receiver(error: Error) -> PageError {
    match error {
        Error::NotFound => PageError::new(
            StatusCode::NOT_FOUND,
            "No such receiver",
            "There is no receiver of this name. It may have been deleted.",
        ),
        Error::Stale(_) => PageError::new(
            StatusCode::CONFLICT,
            "Changed meanwhile",
            "Somebody else has changed this receiver. Look at it again, then decide.",
        ),
        other => other.into(),
    }
}
