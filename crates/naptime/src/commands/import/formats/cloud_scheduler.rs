//! Jobs of Google Cloud Scheduler, as `gcloud scheduler jobs list --format=json` prints them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{flat, pairs, text};
use super::{groc, timing};
use crate::commands::variables::literal;

/// How long a call may take if nothing is said.
const DEADLINE: Duration = Duration::from_secs(180);

/// Reads jobs.
///
/// # Errors
/// If a job calls App Engine, and nobody said where the app is.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for job in flat(documents) {
        let name = text(&job["name"]);
        let name = name.rsplit('/').next().unwrap_or_default();
        let place = Place::named(name.to_owned());
        let taken = match call(&job, options)? {
            Ok(call) => self::job(place.clone(), name, &job, call),
            Err(why) => Err(why),
        };
        match taken {
            Ok(taken) => found.taken.push(taken),
            Err(why) => found.leave(place, text(&job["schedule"]), why),
        }
    }
    found.note_clock_changes("a job may come twice or not at all there");
    Ok(found)
}

fn job(place: Place, name: &str, job: &Value, mut call: Call) -> Result<Taken, String> {
    call.timeout = Some(seconds(&job["attemptDeadline"]).unwrap_or(DEADLINE));
    let retry = &job["retryConfig"];
    call.attempts = match retry["retryCount"].as_u64() {
        // Without a count, but with a duration, it is tried until that is over.
        None if seconds(&retry["maxRetryDuration"]).is_some_and(|most| !most.is_zero()) => u32::MAX,
        count => u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX).saturating_add(1),
    };
    call.backoff = seconds(&retry["minBackoffDuration"]);
    let zone = Some(text(&job["timeZone"])).filter(|zone| !zone.is_empty()).unwrap_or_else(|| "UTC".to_owned());
    let schedule = text(&job["schedule"]);
    let is_cron = schedule.split_whitespace().count() == 5 && !schedule.contains(':');
    let (timing, differs) = if is_cron {
        (timing::cron(&schedule, &zone), Vec::new())
    } else {
        let groc::Schedule { timing, differs } = groc::read(&schedule, &zone)?;
        (timing, differs)
    };
    let title = text(&job["description"]);
    let mut taken = Taken::new(place, if title.is_empty() { name } else { &title }, call, timing);
    taken.differs.extend(differs);
    taken.is_on = !matches!(job["state"].as_str(), Some("PAUSED" | "DISABLED"));
    Ok(taken)
}

fn call(job: &Value, options: &Options) -> anyhow::Result<Result<Call, String>> {
    let (target, url) = if let Some(target) = job.get("httpTarget") {
        for (field, what) in [("oidcToken", "an OIDC token"), ("oauthToken", "an OAuth token")] {
            if let Some(token) = target.get(field) {
                let account = text(&token["serviceAccountEmail"]);
                return Ok(Err(format!("it sends {what} of {account}, which only Google makes")));
            }
        }
        (target, text(&target["uri"]))
    } else if let Some(target) = job.get("appEngineHttpTarget") {
        (target, options.url_of(&text(&target["relativeUri"]))?)
    } else {
        return Ok(Err("it publishes a message to Pub/Sub, and calls no URL".to_owned()));
    };
    let mut call = Call::get(&url);
    // Unless it says otherwise, it is a POST.
    call.method =
        Some(text(&target["httpMethod"])).filter(|method| !method.is_empty()).unwrap_or_else(|| "POST".to_owned());
    for (name, value) in pairs(&target["headers"]) {
        // What Google puts in itself.
        let is_googles = ["Google-Cloud-Scheduler", "AppEngine-Google"].iter().any(|agent| value.starts_with(agent));
        if name.eq_ignore_ascii_case("user-agent") && is_googles {
            continue;
        }
        call.header(&name, &value);
    }
    if let Some(body) = target["body"].as_str().filter(|body| !body.is_empty()) {
        let bytes = STANDARD.decode(body).ok();
        let Some(body) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Ok(Err("its body is no text, and only texts are sent".to_owned()));
        };
        call.body = Some(literal(&body));
        call.header_unless_said("Content-Type", "application/octet-stream");
    }
    Ok(Ok(call))
}

/// A duration like `180s`.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
