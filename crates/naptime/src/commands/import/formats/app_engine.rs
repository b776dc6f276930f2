//! The `cron.yaml` of App Engine.

use std::time::Duration;

use anyhow::bail;
use serde_json::Value;
use url::Url;

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{flat, list, text};
use super::groc;

/// How long a call may take where App Engine scales by itself.
const DEADLINE: Duration = Duration::from_secs(600);

/// Reads the jobs: each a `GET` of a path.
///
/// # Errors
/// If it is an `app.yaml`, or nobody said where the app is.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for document in flat(documents) {
        if document.get("runtime").is_some() && document.get("cron").is_none() {
            bail!("this is an app.yaml, which has no schedules: they are in the cron.yaml beside it");
        }
        for job in list(&document["cron"]) {
            let path = text(&job["url"]);
            let place = Place::named(path.clone());
            let schedule = text(&job["schedule"]);
            match self::job(place.clone(), &path, job, options)? {
                Ok(taken) => found.taken.push(taken),
                Err(why) => found.leave(place, schedule, why),
            }
        }
    }
    if !found.taken.is_empty() {
        found.notes.push(
            "App Engine takes the header X-Appengine-Cron away from calls from outside: a handler that asks for it, or has \
             `login: admin`, needs another check, such as a header of yours (--header)"
                .to_owned(),
        );
    }
    found.note_clock_changes("a job may come twice or not at all there");
    Ok(found)
}

fn job(place: Place, path: &str, job: &Value, options: &Options) -> anyhow::Result<Result<Taken, String>> {
    if !path.starts_with('/') {
        return Ok(Err("it has no `url`".to_owned()));
    }
    let mut call = Call { timeout: Some(DEADLINE), ..Call::get(&options.url_of(path)?) };
    let target = text(&job["target"]);
    if !matches!(&*target, "" | "default") {
        match of_service(&call.url, &target) {
            Some(url) => call.url = url,
            None => call.differs.push(format!("it goes to the service {target} there; here to the app of --base-url")),
        }
    }
    let retry = &job["retry_parameters"];
    let limit = retry["job_retry_limit"].as_u64().and_then(|limit| u32::try_from(limit).ok());
    match limit {
        Some(limit) => call.attempts = limit.saturating_add(1),
        // With other parameters and no limit it is tried until its age limit.
        None if retry.is_object() => call.attempts = u32::MAX,
        None => {}
    }
    call.backoff = retry["min_backoff_seconds"].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let zone = Some(text(&job["timezone"])).filter(|zone| !zone.is_empty());
    let schedule = groc::read(&text(&job["schedule"]), zone.as_deref().unwrap_or("UTC"));
    Ok(schedule.map(|groc::Schedule { timing, differs }| {
        let mut taken = Taken::new(place, &text(&job["description"]), call, timing);
        taken.differs.extend(differs);
        taken
    }))
}

/// The URL of a service of an app at `appspot.com`.
fn of_service(url: &str, service: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let host = url.host_str().filter(|host| host.ends_with(".appspot.com"))?;
    let host = format!("{service}-dot-{host}");
    url.set_host(Some(&host)).ok()?;
    Some(url.into())
}
