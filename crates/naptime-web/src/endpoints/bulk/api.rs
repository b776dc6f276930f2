//! What is done to many endpoints at once.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::path::Paths;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required, Schema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::{Bulk, Errand};
use crate::app::Shared;
use crate::endpoints::filter;
use crate::http::body::JsonBody;
use crate::http::params::{BulkParams, EndpointFilters};
use crate::http::problem::Problem;
use crate::http::query::Query;

/// To how many endpoints something was done.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkDone)]
pub(super) struct BulkView {
    count: u64,
    /// Where to go on, if there are more than one request may take.
    next_cursor: Option<String>,
}

/// A route for each.
pub(super) fn routes() -> OpenApiRouter<Shared> {
    Bulk::ALL.into_iter().fold(OpenApiRouter::new(), |router, bulk| {
        let (schemas, described, act): UtoipaMethodRouter<Shared> =
            if bulk.fields().is_empty() { routes!(plain) } else { routes!(given) };
        let mut paths = Paths::new();
        for mut item in described.paths.into_values() {
            if let Some(operation) = &mut item.post {
                operation.operation_id = Some(format!("{}_endpoints", bulk.as_str()));
                operation.summary = Some(bulk.summary().to_owned());
                if !bulk.fields().is_empty() {
                    let content = ContentBuilder::new().schema(Some(body(bulk))).build();
                    let body = RequestBodyBuilder::new().content("application/json", content);
                    operation.request_body = Some(body.required(Some(Required::True)).build().into());
                }
            }
            paths.paths.insert(format!("/endpoints/{}", bulk.as_str()), item);
        }
        router.routes((schemas, paths, act.layer(Extension(bulk))))
    })
}

/// What is said of it, as a schema.
fn body(bulk: Bulk) -> RefOr<Schema> {
    let known = Object::builder().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let text = || Object::builder().schema_type(Type::String).build();
    let field = |name: &str| match name {
        "tags" => RefOr::from(ArrayBuilder::new().items(text()).build()),
        _ => RefOr::from(text()),
    };
    bulk.fields().iter().fold(known, |object, name| object.property(*name, field(name))).into()
}

/// Does something to all that match.
#[utoipa::path(
    post, path = "", tag = "endpoints",
    params(EndpointFilters, BulkParams),
    responses((status = 200, body = BulkView)),
)]
async fn plain(
    State(app): State<Shared>,
    Extension(bulk): Extension<Bulk>,
    query: Query,
) -> Result<Json<BulkView>, Problem> {
    on_all(&app, bulk, &query, Map::new()).await
}

/// Does something to all that match, of which more is to be said.
#[utoipa::path(
    post, path = "", tag = "endpoints",
    params(EndpointFilters, BulkParams),
    responses((status = 200, body = BulkView)),
)]
async fn given(
    State(app): State<Shared>,
    Extension(bulk): Extension<Bulk>,
    query: Query,
    JsonBody(given): JsonBody,
) -> Result<Json<BulkView>, Problem> {
    let Value::Object(given) = given else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "wrong_type", "the body must be an object"));
    };
    on_all(&app, bulk, &query, given).await
}

/// Nothing said must not mean all of them.
async fn on_all(app: &Shared, bulk: Bulk, query: &Query, given: Map<String, Value>) -> Result<Json<BulkView>, Problem> {
    query.check(&[&filter::PARAMETERS[..], &["all", "dry_run", "cursor"]].concat())?;
    let jobs = filter::read(query)?;
    if jobs.is_all() && query.flag("all")? != Some(true) {
        let detail = format!("say which: by `{}`; `all=true` means all of them", filter::PARAMETERS.join("`, `"));
        return Err(Problem::bad_request("all", "says_nothing", detail));
    }
    let errand = Errand::read(bulk, given).map_err(|fault| Problem::invalid(vec![fault]))?;
    let dry = query.flag("dry_run")?.unwrap_or(false);
    let done = errand.on_all(app, &jobs, query.get("cursor").map(str::to_owned), dry).await?;
    Ok(Json(BulkView { count: done.count, next_cursor: done.next }))
}
