//! Receivers of alerts, and what is muted.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use naptime_alerts::{Numbered, Stored};
use naptime_core::alert::{MAX_MUTES, MAX_RECEIVERS};
use naptime_core::input::{read_mute, read_receiver};
use naptime_core::{Invalid, JobId, Mute, Receiver};
use naptime_store::{Error, Expect};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::http::body::JsonBody;
use crate::http::params::{IfMatchHeader, IfNoneMatchHeader, MuteId, Name};
use crate::http::problem::Problem;
use crate::http::query::{IfMatch, IfNoneMatch};
use crate::openapi::bodies::{NewMute, NewReceiver};

/// All of them: there are never so many that they come in pages.
#[derive(Serialize, ToSchema)]
pub(super) struct All<T> {
    items: Vec<T>,
}

/// A receiver without its credentials.
#[derive(Serialize, ToSchema)]
#[schema(as = ShownReceiver)]
pub(super) struct ReceiverView {
    #[serde(flatten)]
    #[schema(value_type = Receiver)]
    receiver: Value,
    rev: i64,
}

/// The jobs that send a test.
#[derive(Serialize, ToSchema)]
#[schema(as = SentTest)]
pub(super) struct SentView {
    jobs: Vec<JobId>,
}

/// All receivers.
#[utoipa::path(
    get, path = "/receivers", operation_id = "list_receivers", tag = "alerts",
    responses((status = 200, body = All<ReceiverView>)),
)]
pub(super) async fn receivers(State(app): State<Shared>) -> Result<Json<All<ReceiverView>>, Problem> {
    let kept = naptime_alerts::settings(&*app.store).await?;
    Ok(Json(All { items: kept.receivers.values().map(view).collect() }))
}

/// One receiver.
#[utoipa::path(
    get, path = "/receivers/{name}", operation_id = "get_receiver", tag = "alerts",
    params(Name),
    responses((status = 200, body = ReceiverView, headers(("ETag" = String)))),
)]
pub(super) async fn receiver(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(tagged(StatusCode::OK, &there(&app, &name).await?))
}

/// Stores a receiver, in place of the one of its name.
#[utoipa::path(
    put, path = "/receivers/{name}", operation_id = "put_receiver", tag = "alerts",
    params(Name, IfMatchHeader, IfNoneMatchHeader),
    request_body(content = NewReceiver, example = json!({"kind": "slack", "url": "https://chat.example/services/x", "severity": "bad"})),
    responses(
        (status = 200, description = "It is as it was asked for.", body = ReceiverView, headers(("ETag" = String))),
        (status = 201, description = "It was added.", body = ReceiverView, headers(("ETag" = String))),
        (status = 412),
    ),
)]
pub(super) async fn put(
    State(app): State<Shared>,
    Path(name): Path<String>,
    IfMatch(rev): IfMatch,
    IfNoneMatch(must_be_new): IfNoneMatch,
    JsonBody(json): JsonBody,
) -> Result<Response, Problem> {
    let expect = match rev {
        Some(rev) => Expect::Rev(rev),
        None if must_be_new => Expect::Nothing,
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

/// Deletes a receiver.
#[utoipa::path(
    delete, path = "/receivers/{name}", operation_id = "delete_receiver", tag = "alerts",
    params(Name, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    Path(name): Path<String>,
    IfMatch(expect): IfMatch,
) -> Result<StatusCode, Problem> {
    naptime_alerts::delete_receiver(&*app.store, &name, expect).await.map_err(of_receiver)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test: its jobs say how that went.
#[utoipa::path(
    post, path = "/receivers/{name}/test", operation_id = "test_receiver", tag = "alerts",
    params(Name),
    responses((status = 202, body = SentView), (status = 422)),
)]
pub(super) async fn test(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let receiver = there(&app, &name).await?.value;
    let jobs = send_test(&app, &receiver).await?.map_err(|fault| Problem::invalid(vec![fault]))?;
    Ok((StatusCode::ACCEPTED, Json(SentView { jobs })).into_response())
}

/// Adds the jobs that send a test, unless that cannot be sent.
pub(super) async fn send_test(app: &App, receiver: &Receiver) -> Result<Result<Vec<JobId>, Invalid>, Error> {
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

#[derive(Serialize, ToSchema)]
#[schema(as = ShownMute)]
pub(super) struct MuteView {
    id: String,
    #[serde(flatten)]
    mute: Mute,
}

/// What is muted.
#[utoipa::path(
    get, path = "/mutes", operation_id = "list_mutes", tag = "alerts",
    responses((status = 200, body = All<MuteView>)),
)]
pub(super) async fn mutes(State(app): State<Shared>) -> Result<Json<All<MuteView>>, Problem> {
    let (kept, now) = (naptime_alerts::settings(&*app.store).await?, app.now());
    let lasting = kept.mutes.into_iter().filter(|(_, mute)| mute.value.until > now);
    Ok(Json(All { items: lasting.map(|(id, mute)| MuteView { id, mute: mute.value }).collect() }))
}

/// Mutes an endpoint, a pool or a tag for a while.
#[utoipa::path(
    post, path = "/mutes", operation_id = "mute", tag = "alerts",
    request_body(content = NewMute, example = json!({"tag": "billing", "for": "2h"})),
    responses((status = 201, body = MuteView)),
)]
pub(super) async fn mute(State(app): State<Shared>, JsonBody(json): JsonBody) -> Result<Response, Problem> {
    let mute = read_mute(json, app.limits()).map_err(Problem::invalid)?;
    let Some(id) = naptime_alerts::add_mute(&*app.store, &mute).await? else {
        let detail = format!("there are as many mutes as there may be: {MAX_MUTES}");
        return Err(Problem::new(StatusCode::CONFLICT, "too_many", detail));
    };
    Ok((StatusCode::CREATED, Json(MuteView { id, mute })).into_response())
}

/// Ends a mute.
#[utoipa::path(
    delete, path = "/mutes/{id}", operation_id = "unmute", tag = "alerts",
    params(MuteId),
    responses((status = 204)),
)]
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

fn view(receiver: &Numbered<Receiver>) -> ReceiverView {
    ReceiverView { receiver: receiver.value.shown(), rev: receiver.rev.0 }
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
