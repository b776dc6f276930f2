//! The HTTP monitors of a backup of Uptime Kuma.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::documents::{flat, list, pairs, text};
use super::timing;
use crate::commands::variables::literal;

/// The share of the interval that a check may take if nothing is said.
const TIMEOUT_SHARE: f64 = 0.8;

/// Reads monitors.
pub(super) fn read(documents: Vec<Value>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for document in flat(documents) {
        let monitors = &document["monitorList"];
        let monitors =
            monitors.as_object().map_or_else(|| list(monitors).to_vec(), |by_id| by_id.values().cloned().collect());
        for monitor in monitors {
            let place = Place::named(text(&monitor["name"]));
            match self::monitor(place.clone(), &monitor) {
                Ok(taken) => found.taken.push(taken),
                Err(why) => found.leave(place, text(&monitor["type"]), why),
            }
        }
        if !list(&document["notificationList"]).is_empty() {
            found.notes.push("notifications are not taken over; add receivers, which are told of problems".to_owned());
        }
    }
    Ok(found)
}

fn monitor(place: Place, monitor: &Value) -> Result<Taken, String> {
    let kind = text(&monitor["type"]);
    if !matches!(&*kind, "http" | "keyword") {
        return Err(match &*kind {
            "json-query" => {
                "it asks with JSONata, which is not known here; write a condition (`expect`) with a JSONPath"
            }
            "group" => "it is a group; tags are what groups endpoints here",
            _ => "it is no HTTP monitor",
        }
        .to_owned());
    }
    if is_set(&monitor["upsideDown"]) {
        return Err("it is upside down: well if the call fails, which is not known here".to_owned());
    }
    let interval = monitor["interval"].as_f64().unwrap_or(60.0);
    let period = Duration::try_from_secs_f64(interval).map_err(|_| format!("its interval {interval} is none"))?;
    let mut taken = Taken::new(place, &text(&monitor["name"]), call(monitor, period)?, timing::every(period));
    let fields = &mut taken.fields;
    let statuses: Vec<String> = list(&monitor["accepted_statuscodes"]).iter().map(text).collect();
    if !statuses.is_empty() && statuses != ["200-299"] {
        fields.insert("success".to_owned(), statuses.join(", ").into());
    }
    if kind == "keyword" {
        let test = if is_set(&monitor["invertKeyword"]) { "lacks" } else { "contains" };
        // In quotes, it is taken as it is.
        let condition = format!("body {test} {}", json!(text(&monitor["keyword"])));
        fields.insert("expect".to_owned(), json!([literal(&condition)]));
    }
    let tags: Vec<String> = list(&monitor["tags"]).iter().map(tag).collect();
    if !tags.is_empty() {
        fields.insert("tags".to_owned(), tags.into());
    }
    taken.is_on = monitor["active"].is_null() || is_set(&monitor["active"]);
    Ok(taken)
}

fn call(monitor: &Value, period: Duration) -> Result<Call, String> {
    let mut call = Call::get(&text(&monitor["url"]));
    let method = text(&monitor["method"]);
    if !method.is_empty() {
        call.method = method;
    }
    match monitor["authMethod"].as_str().unwrap_or_default() {
        "" | "null" | "basic" => {
            let (user, password) = (text(&monitor["basic_auth_user"]), text(&monitor["basic_auth_pass"]));
            if !user.is_empty() {
                call.header("Authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
            }
        }
        "mtls" => return Err("it shows a certificate; add the endpoint, and the certificate to its pool".to_owned()),
        other => return Err(format!("it logs in by {other}, which is not known here")),
    }
    let headers = text(&monitor["headers"]);
    if !headers.trim().is_empty() {
        let read: Value = serde_json::from_str(&headers).map_err(|_| "its headers are not JSON".to_owned())?;
        for (name, value) in pairs(&read) {
            call.header(&name, &value);
        }
    }
    let body = text(&monitor["body"]);
    if !body.is_empty() {
        call.body = Some(literal(&body));
        let kind = match monitor["httpBodyEncoding"].as_str() {
            Some("form") => "application/x-www-form-urlencoded",
            Some("xml") => "text/xml",
            _ => "application/json",
        };
        call.header_unless_said("Content-Type", kind);
    }
    let seconds = monitor["timeout"].as_f64().filter(|seconds| *seconds > 0.0);
    let timeout = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    call.timeout = Some(timeout.unwrap_or_else(|| period.mul_f64(TIMEOUT_SHARE)));
    let retries = monitor["maxretries"].as_u64().unwrap_or(0);
    call.attempts = u32::try_from(retries).unwrap_or(u32::MAX).saturating_add(1);
    call.backoff = monitor["retryInterval"].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if call.attempts > 1 {
        call.differs.push("the pause between retries stays the same there; here it doubles".to_owned());
    }
    if monitor["maxredirects"].as_u64().is_some_and(|most| most > 0) {
        call.differs.push("redirects are followed there, and not here".to_owned());
    }
    if is_set(&monitor["ignoreTls"]) {
        call.differs
            .push("certificates are not checked there; here they are (a pool can trust more: `extra_ca`)".to_owned());
    }
    if !monitor["proxyId"].is_null() {
        call.differs.push("it goes through a proxy there, and not here".to_owned());
    }
    Ok(call)
}

/// `name` or `name:value`.
fn tag(tag: &Value) -> String {
    match (text(&tag["name"]), text(&tag["value"])) {
        (name, value) if value.is_empty() => name,
        (name, value) => format!("{name}:{value}"),
    }
}

/// Whether a switch is set, as a number or as a word.
fn is_set(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_u64().is_some_and(|number| number > 0)
}
