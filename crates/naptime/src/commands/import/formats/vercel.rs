//! The crons of a `vercel.json`.

use std::time::Duration;

use serde_json::Value;

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{flat, list, text};
use super::timing;

/// How long a function of Vercel may take, unless its plan allows more.
const MAX_DURATION: Duration = Duration::from_secs(300);

/// Reads the crons: each a `GET` of a path, in UTC.
///
/// # Errors
/// If nobody said where the app is.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for document in flat(documents) {
        for cron in list(&document["crons"]) {
            let (path, schedule) = (text(&cron["path"]), text(&cron["schedule"]));
            let place = Place::named(path.clone());
            if !path.starts_with('/') {
                found.leave(place, schedule, "it has no `path`");
                continue;
            }
            let mut call = Call { timeout: Some(MAX_DURATION), ..Call::get(&options.url_of(&path)?) };
            call.header("User-Agent", "vercel-cron/1.0");
            found.taken.push(Taken::new(place, "", call, timing::cron(&schedule, "UTC")));
        }
    }
    if !found.taken.is_empty() {
        found.notes.push(
            "Vercel sends `Authorization: Bearer` with the project's CRON_SECRET, if there is one; say it with --header \
             'Authorization: Bearer ${CRON_SECRET}'"
                .to_owned(),
        );
        found.notes.push(
            "on the Hobby plan a cron comes once a day at most and within the hour; here it comes at the time"
                .to_owned(),
        );
    }
    Ok(found)
}
