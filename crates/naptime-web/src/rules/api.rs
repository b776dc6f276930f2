//! Rules: list, look at, store, delete.

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use naptime_core::input::pairs_of_headers;
use naptime_core::{Action, Invalid, Rule, Time, secret};
use naptime_store::{Error, Expect, PageRef, StoredRule};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::input;
use crate::app::Shared;
use crate::http::body::JsonBody;
use crate::http::items::Items;
use crate::http::params::{DryRun, IfMatchHeader, IfNoneMatchHeader, Name, Paged};
use crate::http::problem::Problem;
use crate::http::query::{IfMatch, IfNoneMatch, Query};
use crate::kit::PageError;
use crate::openapi::bodies::NewRule;

/// A rule as the API sends it.
#[derive(Serialize, ToSchema)]
#[schema(as = Rule)]
pub(super) struct RuleView {
    name: String,
    /// The event it waits for.
    event: String,
    /// The key of the endpoint it acts on, as a template.
    job: String,
    then: Action,
    enabled: bool,
    rev: i64,
    updated_at: Time,
}

/// The name in the path of an API request.
pub(super) struct RuleName(pub(super) String);

/// The name in the path of a page.
pub(super) struct PageRule(pub(super) String);

async fn name_of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Error> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok();
    let name = params.iter().flatten().find(|(param, _)| *param == "name").map(|(_, value)| value.to_owned());
    name.ok_or(Error::NotFound)
}

impl<S: Send + Sync> FromRequestParts<S> for RuleName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        name_of(parts, state).await.map(Self).map_err(of_rule)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageRule {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        name_of(parts, state).await.map(Self).map_err(super::page::of_rule)
    }
}

/// Lists rules by name.
#[utoipa::path(
    get, path = "/rules", operation_id = "list_rules", tag = "rules",
    params(Paged),
    responses((status = 200, body = Items<RuleView>)),
)]
pub(super) async fn list(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&["limit", "cursor"])?;
    let page = PageRef { limit: query.limit(50, 500)?, cursor: query.get("cursor").map(str::to_owned) };
    let found = app.store.rules_page(&page).await?;
    Ok(Json(Items::of(found, |stored: &StoredRule| view(stored.clone()))).into_response())
}

/// One rule.
#[utoipa::path(
    get, path = "/rules/{name}", operation_id = "get_rule", tag = "rules",
    params(Name),
    responses((status = 200, body = RuleView, headers(("ETag" = String)))),
)]
pub(super) async fn get(State(app): State<Shared>, RuleName(name): RuleName) -> Result<Response, Problem> {
    Ok(tagged(app.store.rule(&name).await.map_err(of_rule)?))
}

/// Stores a rule, in place of the one of its name.
#[utoipa::path(
    put, path = "/rules/{name}", operation_id = "put_rule", tag = "rules",
    params(Name, DryRun, IfMatchHeader, IfNoneMatchHeader),
    request_body(content = NewRule, example = json!({"event": "shop.opened", "then": {"upsert": {"url": "https://foobar.example/shops/{{ key }}", "every": "1h"}}})),
    responses(
        (status = 200, description = "It is as it was asked for.", body = RuleView, headers(("ETag" = String))),
        (status = 201, description = "It was added.", body = RuleView, headers(("ETag" = String))),
        (status = 204, description = "With `dry_run`: it could be stored."),
    ),
)]
pub(super) async fn put(
    State(app): State<Shared>,
    RuleName(name): RuleName,
    headers: HeaderMap,
    IfMatch(rev): IfMatch,
    IfNoneMatch(must_be_new): IfNoneMatch,
    query: Query,
    JsonBody(mut json): JsonBody,
) -> Result<Response, Problem> {
    query.check(&["dry_run"])?;
    let is_dry = query.flag("dry_run")?.unwrap_or(false);
    if let Value::Object(fields) = &mut json {
        match fields.get("name") {
            None => {
                fields.insert("name".to_owned(), name.clone().into());
            }
            Some(Value::String(sent)) if *sent != name => {
                let detail = format!("`name` is not that of the address, {}", crate::kit::format::excerpt(&name, 60));
                return Err(Problem::invalid(vec![Invalid::new("name", "conflict", detail)]));
            }
            Some(_) => {}
        }
    }
    let stored = there(&app, &name).await?;
    let expect = match rev {
        Some(rev) => Expect::Rev(rev),
        None if must_be_new => Expect::Nothing,
        // `If-Match: *`: any revision, but there must be one.
        None if headers.contains_key(header::IF_MATCH) && stored.is_none() => return Err(of_rule(Error::NotFound)),
        None => Expect::Anything,
    };
    let before = stored.as_ref().map(|stored| &stored.rule);
    let rule = input::read(json, before, app.limits()).map_err(Problem::invalid)?;
    if is_dry {
        // It could be stored, and nothing is.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = if stored.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let rule = app.store.put_rule(rule, expect).await.map_err(of_rule)?;
    Ok((status, tagged(rule)).into_response())
}

/// Deletes a rule. What it made stays.
#[utoipa::path(
    delete, path = "/rules/{name}", operation_id = "delete_rule", tag = "rules",
    params(Name, IfMatchHeader),
    responses((status = 204)),
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    RuleName(name): RuleName,
    IfMatch(expect): IfMatch,
) -> Result<Response, Problem> {
    app.store.delete_rule(&name, expect).await.map_err(of_rule)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The rule of this name, if there is one.
async fn there(app: &Shared, name: &str) -> Result<Option<StoredRule>, Problem> {
    match app.store.rule(name).await {
        Ok(rule) => Ok(Some(rule)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A rule without the credentials in its headers and its URL, and without what is secret.
pub(crate) fn masked(mut rule: Rule) -> Rule {
    if let Action::Upsert(template) = &mut rule.then {
        let is_secret = template.flag("secret");
        for (name, value) in &mut template.0 {
            match (name.as_str(), value) {
                ("url", Value::String(url)) => *url = secret::mask_url(url, is_secret),
                ("body", Value::String(body)) if is_secret => secret::MASK.clone_into(body),
                ("headers", headers) => *headers = masked_headers(headers.take()),
                _ => {}
            }
        }
    }
    rule
}

/// Headers as pairs, without credentials. What is no header shows nothing.
fn masked_headers(headers: Value) -> Value {
    let Ok(pairs) = pairs_of_headers(headers) else { return Value::Null };
    let masked = |(name, value): (String, String)| {
        let value = if secret::is_secret(&name, &value) { secret::MASK.to_owned() } else { value };
        Value::from(vec![name, value])
    };
    pairs.into_iter().map(masked).collect()
}

fn view(stored: StoredRule) -> RuleView {
    let Rule { name, event, job, then, enabled } = masked(stored.rule);
    RuleView { name, event, job, then, enabled, rev: stored.rev.0, updated_at: stored.updated_at }
}

fn tagged(stored: StoredRule) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", stored.rev.0));
    let mut response = Json(view(stored)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The store's error, about a rule.
fn of_rule(error: Error) -> Problem {
    match error {
        Error::NotFound => Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no rule of this name").at("name"),
        Error::Stale(rev) => {
            let detail = format!("the rule has been changed meanwhile; it is at revision {}", rev.0);
            Problem::new(StatusCode::CONFLICT, "stale", detail).at("If-Match")
        }
        other => other.into(),
    }
}
