//! Schedules of Amazon EventBridge Scheduler, as `aws scheduler get-schedule` prints them.

mod expression;

use std::time::Duration;

use serde_json::Value;

use self::expression::Expression;
use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{flat, list, text};
use super::shell::excerpt;
use super::timing;
use crate::commands::variables::literal;

/// The longest that a Lambda function may take.
const DEADLINE: Duration = Duration::from_secs(900);
/// The retries of a schedule that says nothing of them.
const DEFAULT_RETRIES: u64 = 185;

/// Reads schedules. None of them has a URL: that of its target is said beside the file.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for document in flat(documents) {
        for summary in list(&document["Schedules"]) {
            let place = Place::named(text(&summary["Name"]));
            let why = "`aws scheduler list-schedules` does not print when; print it with `aws scheduler get-schedule --name …`";
            found.leave(place, "no ScheduleExpression", why);
        }
        if document.get("Schedules").is_some() {
            continue;
        }
        let place = Place::named(text(&document["Name"]));
        match schedule(place.clone(), &document, options) {
            Ok(taken) => found.taken.push(taken),
            Err(why) => found.leave(place, text(&document["ScheduleExpression"]), why),
        }
    }
    found.note_clock_changes("a time that is skipped has no call there");
    Ok(found)
}

fn schedule(place: Place, document: &Value, options: &Options) -> Result<Taken, String> {
    let zone = Some(text(&document["ScheduleExpressionTimezone"])).filter(|zone| !zone.is_empty());
    let expression = expression::read(&text(&document["ScheduleExpression"]))?;
    let name = text(&document["Name"]);
    let target = &document["Target"];
    let mut call = call(&name, target, options)?;
    let mut timing = match expression {
        Expression::Rate(period) => {
            call.differs
                .push("the interval counts from when the schedule was made; here from a moment of its own".to_owned());
            timing::every(period)
        }
        Expression::Cron { pattern, years } => {
            let mut timing = timing::cron(&pattern, zone.as_deref().unwrap_or("UTC"));
            if let Some((first, last)) = years {
                timing.insert("from".to_owned(), format!("{first}-01-01 00:00").into());
                timing.insert("until".to_owned(), format!("{last}-12-31 23:59:59").into());
            }
            timing
        }
    };
    for (field, date) in [("from", "StartDate"), ("until", "EndDate")] {
        if !document[date].is_null() {
            timing.insert(field.to_owned(), text(&document[date]).into());
        }
    }
    if let Some(minutes) = document["FlexibleTimeWindow"]["MaximumWindowInMinutes"].as_u64() {
        if timing.contains_key("every") {
            timing.insert("jitter".to_owned(), format!("{minutes}m").into());
        } else {
            call.differs.push(format!("it comes within {minutes} minutes of its time there; here at the time"));
        }
    }
    let mut taken = Taken::new(place, &name, call, timing);
    taken.is_on = document["State"] != "DISABLED";
    Ok(taken)
}

/// The call of a target: its input is posted to the URL that is said for it.
fn call(name: &str, target: &Value, options: &Options) -> Result<Call, String> {
    let arn = text(&target["Arn"]);
    let resource = arn.rsplit([':', '/']).next().unwrap_or_default();
    let said = options.urls.iter().find(|(said, _)| *said == name || said == resource || *said == arn);
    let Some((_, url)) = said else {
        return Err(format!(
            "its target {} has no URL here; say one that does the same: --url {name}=https://…",
            excerpt(&arn)
        ));
    };
    let mut call = Call { method: "POST".to_owned(), timeout: Some(DEADLINE), ..Call::get(url) };
    let input = text(&target["Input"]);
    if !input.is_empty() {
        if serde_json::from_str::<Value>(&input).is_ok() {
            call.header("Content-Type", "application/json");
        }
        if input.contains("<aws.scheduler.") {
            call.differs.push("`<aws.scheduler.…>` in its input is filled in there, and sent as it is here".to_owned());
        }
        call.body = Some(literal(&input));
    }
    let retries = target["RetryPolicy"]["MaximumRetryAttempts"].as_u64().unwrap_or(DEFAULT_RETRIES);
    call.attempts = u32::try_from(retries).unwrap_or(u32::MAX).saturating_add(1);
    if !target["DeadLetterConfig"]["Arn"].is_null() {
        call.differs.push("calls that fail for good go to a queue there; here they are runs that failed".to_owned());
    }
    Ok(call)
}
