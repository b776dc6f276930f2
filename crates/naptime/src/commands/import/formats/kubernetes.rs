//! CronJobs of Kubernetes whose container is curl or wget, as manifests or as `kubectl get cronjobs -o yaml` prints them.

mod container;

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{flat, list, text};
use super::timing;

/// The retries of a job that says nothing of them.
const BACKOFF_LIMIT: u64 = 6;
/// The pause before the first retry.
const BACKOFF: Duration = Duration::from_secs(10);

/// Reads CronJobs; other resources are passed over.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut zone_is_guessed = false;
    for document in flat(documents) {
        let items = list(&document["items"]).iter();
        for resource in [&document].into_iter().chain(items).filter(|resource| resource["kind"] == "CronJob") {
            let name = text(&resource["metadata"]["name"]);
            let place = Place::named(name.clone());
            let spec = &resource["spec"];
            match cron_job(place.clone(), &name, spec, options) {
                Ok(taken) => {
                    zone_is_guessed |=
                        taken.fields.contains_key("cron") && spec["timeZone"].is_null() && options.zone.is_none();
                    found.taken.push(taken);
                }
                Err(why) => found.leave(place, text(&spec["schedule"]), why),
            }
        }
    }
    if zone_is_guessed {
        found.notes.push(
            "a CronJob without `timeZone` goes by the clock of the cluster's controller, which is taken for UTC; another \
             zone is said by --tz"
                .to_owned(),
        );
    }
    found.note_clock_changes("a time that is skipped has no run there");
    if !found.taken.is_empty() {
        found.notes.push(
            "curl without --fail ends well whatever the status is; here a status other than 2xx is a failure, and 429 and 503 \
             are tried again"
                .to_owned(),
        );
    }
    Ok(found)
}

fn cron_job(place: Place, name: &str, spec: &Value, options: &Options) -> Result<Taken, String> {
    let job = &spec["jobTemplate"]["spec"];
    let containers = list(&job["template"]["spec"]["containers"]);
    let [container] = containers else {
        return Err(format!("it has {} containers; only one can be a call", containers.len()));
    };
    let mut call = container::read(container)?;
    let limit = job["backoffLimit"].as_u64().unwrap_or(BACKOFF_LIMIT);
    let pods = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    if pods >= call.attempts {
        (call.attempts, call.backoff) = (pods, Some(BACKOFF));
    }
    if let Some(seconds) = job["activeDeadlineSeconds"].as_u64() {
        let deadline = Duration::from_secs(seconds);
        call.timeout = Some(call.timeout.map_or(deadline, |timeout| timeout.min(deadline)));
    }
    match spec["concurrencyPolicy"].as_str().unwrap_or("Allow") {
        "Allow" => {
            call.differs.push("runs may overlap there (`concurrencyPolicy: Allow`); here calls do not".to_owned());
        }
        "Replace" => call.differs.push(
            "a run that still lasts is ended there (`concurrencyPolicy: Replace`); here the next call waits for it"
                .to_owned(),
        ),
        _ => {}
    }
    let timing = when(spec, options)?;
    let mut taken = Taken::new(place, name, call, timing);
    if let Some(seconds) = spec["startingDeadlineSeconds"].as_u64() {
        taken.fields.insert("late".to_owned(), format!("{seconds}s").into());
    }
    taken.is_on = spec["suspend"] != true;
    Ok(taken)
}

fn when(spec: &Value, options: &Options) -> Result<Map<String, Value>, String> {
    let schedule = text(&spec["schedule"]);
    if let Some(period) = schedule.strip_prefix("@every ") {
        return Ok(timing::every(timing::period(period)?));
    }
    let said = spec["timeZone"].as_str();
    let zone = said.or(options.zone.as_deref()).unwrap_or("UTC");
    Ok(timing::cron(&translated(&schedule), zone))
}

/// A pattern as Naptime writes it: Kubernetes takes a field of the day that begins with `*/` for one that is limited, so
/// that one of the two is enough, and here it must match with the other.
fn translated(schedule: &str) -> String {
    let mut fields: Vec<String> = schedule.split_whitespace().map(|field| field.replace('?', "*")).collect();
    if let [_, _, day, _, weekday] = &mut fields[..] {
        let step = |field: &str| field.strip_prefix("*/").map(str::to_owned);
        let (day_step, weekday_step) = (step(day), step(weekday));
        if let Some(step) = day_step.filter(|_| weekday != "*") {
            *day = format!("1-31/{step}");
        }
        if let Some(step) = weekday_step.filter(|_| day != "*") {
            *weekday = format!("0-6/{step}");
        }
    }
    fields.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_among_the_days_is_a_limit() {
        let check = |schedule: &str, expect: &str| assert_eq!(translated(schedule), expect, "{schedule}");
        check("0 9 * * 1-5", "0 9 * * 1-5");
        check("0 9 */2 * *", "0 9 */2 * *");
        check("0 9 */2 * 1", "0 9 1-31/2 * 1");
        check("0 9 1 * */2", "0 9 1 * 0-6/2");
        check("0 9 ? * 1", "0 9 * * 1");
        check("@daily", "@daily");
    }
}
