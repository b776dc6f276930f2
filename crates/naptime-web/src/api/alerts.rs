//! Receivers of alerts, and what is muted.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use naptime_alerts::{Numbered, Stored};
use naptime_core::alert::{MAX_MUTES, MAX_RECEIVERS};
use naptime_core::input::{read_mute, read_receiver};
use naptime_core::{Invalid, JobId, Mute, Receiver};
use naptime_store::{Error, Expect};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::{App, Shared};
use crate::body::JsonBody;
use crate::problem::Problem;
use crate::query::IfMatch;

pub(super) async fn receivers(State(app): State<Shared>) -> Result<Json<Value>, Problem> {
    let kept = naptime_alerts::settings(&*app.store).await?;
    let items: Vec<Value> = kept.receivers.values().map(view).collect();
    Ok(Json(json!({"items": items})))
}

pub(super) async fn receiver(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(tagged(StatusCode::OK, &there(&app, &name).await?))
}

pub(super) async fn put(
    State(app): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    IfMatch(rev): IfMatch,
    JsonBody(json): JsonBody,
) -> Result<Response, Problem> {
    let expect = match rev {
        Some(rev) => Expect::Rev(rev),
        None if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*") => Expect::Nothing,
        None => Expect::Anything,
    };
    let read = |stored: Option<&Receiver>| read_receiver(json.clone(), &name, stored, app.limits());
    let stored = naptime_alerts::put_receiver(&*app.store, &name, expect, read).await;
    if let (Err(Error::Stale(_)), Expect::Nothing) = (&stored, expect) {
        let detail = "there is a receiver of this name already";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "taken", detail).at("If-None-Match"));
    }
    match stored.map_err(of_receiver)? {
        Stored::New(receiver) => Ok(tagged(StatusCode::CREATED, &receiver)),
        Stored::Changed(receiver) => Ok(tagged(StatusCode::OK, &receiver)),
        Stored::Invalid(faults) => Err(Problem::invalid(faults)),
        Stored::TooMany => {
            let detail = format!("there are as many receivers as there may be: {MAX_RECEIVERS}");
            Err(Problem::new(StatusCode::CONFLICT, "too_many", detail).at("name"))
        }
    }
}

pub(super) async fn delete(
    State(app): State<Shared>,
    Path(name): Path<String>,
    IfMatch(expect): IfMatch,
) -> Result<StatusCode, Problem> {
    naptime_alerts::delete_receiver(&*app.store, &name, expect).await.map_err(of_receiver)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test: its jobs say how that went.
pub(super) async fn test(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let receiver = there(&app, &name).await?.value;
    let jobs = send_test(&app, &receiver).await?.map_err(|fault| Problem::invalid(vec![fault]))?;
    Ok((StatusCode::ACCEPTED, Json(json!({"jobs": jobs}))).into_response())
}

/// Adds the jobs that send a test, unless that cannot be sent.
pub(crate) async fn send_test(app: &App, receiver: &Receiver) -> Result<Result<Vec<JobId>, Invalid>, Error> {
    let made = naptime_alerts::test(uuid::Uuid::now_v7(), receiver, &app.settings.place, app.now());
    match made {
        Ok(jobs) => {
            let ids = jobs.iter().map(|job| job.id).collect();
            app.store.insert(jobs).await?;
            Ok(Ok(ids))
        }
        Err(fault) => Ok(Err(fault)),
    }
}

#[derive(Serialize)]
struct MuteView<'a> {
    id: &'a str,
    #[serde(flatten)]
    mute: &'a Mute,
}

pub(super) async fn mutes(State(app): State<Shared>) -> Result<Json<Value>, Problem> {
    let (kept, now) = (naptime_alerts::settings(&*app.store).await?, app.now());
    let lasting = kept.mutes.iter().filter(|(_, mute)| mute.value.until > now);
    let items: Vec<MuteView<'_>> = lasting.map(|(id, mute)| MuteView { id, mute: &mute.value }).collect();
    Ok(Json(json!({"items": items})))
}

pub(super) async fn mute(State(app): State<Shared>, JsonBody(json): JsonBody) -> Result<Response, Problem> {
    let mute = read_mute(json, app.limits()).map_err(Problem::invalid)?;
    let Some(id) = naptime_alerts::add_mute(&*app.store, &mute).await? else {
        let detail = format!("there are as many mutes as there may be: {MAX_MUTES}");
        return Err(Problem::new(StatusCode::CONFLICT, "too_many", detail));
    };
    Ok((StatusCode::CREATED, Json(MuteView { id: &id, mute: &mute })).into_response())
}

pub(super) async fn unmute(State(app): State<Shared>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    match naptime_alerts::delete_mute(&*app.store, &id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(Error::NotFound) => {
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "nothing is muted under this id").at("id"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn there(app: &App, name: &str) -> Result<Numbered<Receiver>, Problem> {
    let mut kept = naptime_alerts::settings(&*app.store).await?;
    kept.receivers.remove(name).ok_or_else(|| of_receiver(Error::NotFound))
}

fn view(receiver: &Numbered<Receiver>) -> Value {
    let mut shown = receiver.value.shown();
    shown["rev"] = receiver.rev.0.into();
    shown
}

fn tagged(status: StatusCode, receiver: &Numbered<Receiver>) -> Response {
    let mut response = (status, Json(view(receiver))).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", receiver.rev.0)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The store's error, about a receiver.
fn of_receiver(error: Error) -> Problem {
    match error {
        Error::NotFound => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no receiver of this name").at("name")
        }
        Error::Stale(rev) => {
            let detail = format!("the receiver has been changed meanwhile; it is at revision {}", rev.0);
            Problem::new(StatusCode::CONFLICT, "stale", detail).at("If-Match")
        }
        other => other.into(),
    }
}
