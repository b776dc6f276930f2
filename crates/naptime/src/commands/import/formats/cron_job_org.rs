//! Jobs of cron-job.org, as its API sends them: `GET /jobs`, or `GET /jobs/<id>`, which has headers and bodies.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::documents::{flat, list, pairs, text};
use super::timing;
use crate::commands::variables::literal;

/// The methods by their numbers.
const METHODS: [&str; 9] = ["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];
/// How long a call may take if nothing is said.
const TIMEOUT_SECS: f64 = 30.0;

/// Reads jobs.
pub(super) fn read(documents: Vec<Value>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for document in flat(documents) {
        let one = document.get("jobDetails");
        for job in list(&document["jobs"]).iter().chain(one) {
            let title = text(&job["title"]);
            let place =
                Place::named(if title.is_empty() { format!("job {}", text(&job["jobId"])) } else { title.clone() });
            match timing(&job["schedule"]) {
                Ok(timing) => found.taken.push(self::job(place, &title, job, timing)),
                Err(why) => found.leave(place, text(&job["url"]), why),
            }
        }
    }
    found.note_clock_changes("a time that is skipped has no call there, and one that comes twice has two");
    if !found.taken.is_empty() {
        found.notes.push("it mails when a job fails or is switched off; here receivers are told".to_owned());
    }
    Ok(found)
}

fn job(place: Place, title: &str, job: &Value, timing: Map<String, Value>) -> Taken {
    let mut call = Call::get(&text(&job["url"]));
    let method = job["requestMethod"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    call.method = METHODS.get(method).map_or_else(|| method.to_string(), |method| (*method).to_owned());
    let timeout = job["requestTimeout"].as_f64().filter(|seconds| *seconds > 0.0).unwrap_or(TIMEOUT_SECS);
    call.timeout = Duration::try_from_secs_f64(timeout).ok();
    let more = &job["extendedData"];
    for (name, value) in pairs(&more["headers"]) {
        call.header(&name, &value);
    }
    call.body = more["body"].as_str().filter(|body| !body.is_empty()).map(literal);
    if job["auth"]["enable"] == true {
        let login = format!("{}:{}", text(&job["auth"]["user"]), text(&job["auth"]["password"]));
        call.header("Authorization", &format!("Basic {}", STANDARD.encode(login)));
    }
    if more.is_null() {
        call.differs.push(
            "its headers, body and login are not in the file, as a list of jobs has none; take `GET /jobs/<id>`"
                .to_owned(),
        );
    }
    let mut taken = Taken::new(place, title, call, timing);
    if job["redirectSuccess"] == true {
        taken.fields.insert("success".to_owned(), "200-399".into());
    }
    taken.is_on = job["enabled"] != false;
    taken
}

/// A job comes when each of its fields matches, the day of the month and the weekday, too.
fn timing(schedule: &Value) -> Result<Map<String, Value>, String> {
    let field = |name: &str, min: i64, max: i64| values(&schedule[name], min, max);
    let (minutes, hours) = (field("minutes", 0, 59)?, field("hours", 0, 23)?);
    let (days, months, mut weekdays) = (field("mdays", 1, 31)?, field("months", 1, 12)?, field("wdays", 0, 6)?);
    if days != "*" && weekdays != "*" {
        weekdays.insert(0, '+');
    }
    let zone = Some(text(&schedule["timezone"])).filter(|zone| !zone.is_empty());
    let pattern = format!("{minutes} {hours} {days} {months} {weekdays}");
    let mut timing = timing::cron(&pattern, zone.as_deref().unwrap_or("UTC"));
    // Written as the digits of a date and a time; 0 is never.
    let expires = text(&schedule["expiresAt"]);
    if expires.len() == 14 {
        let part = |from: usize, to: usize| expires.get(from..to).unwrap_or_default();
        let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
        let time = format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14));
        timing.insert("until".to_owned(), format!("{date} {time}").into());
    }
    Ok(timing)
}

/// The values of a field as cron writes them, with ranges; `*` for -1, which is each.
fn values(value: &Value, min: i64, max: i64) -> Result<String, String> {
    let mut values: Vec<i64> = list(value).iter().filter_map(Value::as_i64).collect();
    values.sort_unstable();
    values.dedup();
    if values.is_empty() || values.contains(&-1) || values.iter().copied().eq(min..=max) {
        return Ok("*".to_owned());
    }
    if let Some(bad) = values.iter().find(|value| !(min..=max).contains(value)) {
        return Err(format!("its schedule has the value {bad}, which is not from {min} to {max}"));
    }
    let runs = values.chunk_by(|one, next| one + 1 == *next).map(|run| match run {
        [first, .., last] if last - first > 1 => format!("{first}-{last}"),
        run => run.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    });
    Ok(runs.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_values_become_patterns() {
        let check = |minutes: Value, mdays: Value, wdays: Value, expect: &str| {
            let schedule = json!({"minutes": minutes, "hours": [-1], "mdays": mdays, "months": [-1], "wdays": wdays});
            let pattern = timing(&schedule).map(|timing| timing["cron"].as_str().unwrap_or_default().to_owned());
            assert_eq!(pattern.unwrap_or_else(|why| why), expect);
        };
        check(json!([-1]), json!([-1]), json!([-1]), "* * * * *");
        check(json!([30, 0, 15]), json!([-1]), json!([1, 2, 3, 4, 5]), "0,15,30 * * * 1-5");
        check(json!((0..60).collect::<Vec<_>>()), json!([1, 2, 5]), json!([0]), "* * 1,2,5 * +0");
        check(json!([60]), json!([-1]), json!([-1]), "its schedule has the value 60, which is not from 0 to 59");
    }
}
