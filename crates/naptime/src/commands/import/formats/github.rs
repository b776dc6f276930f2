//! The schedules of a GitHub workflow, as calls that start it.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::documents::{list, text};
use super::timing;
use crate::commands::variables::{literal, variable};

/// What GitHub takes to answer, at most.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads `on.schedule`: each is a call of `workflow_dispatch` with the token `${GITHUB_TOKEN}`.
///
/// # Errors
/// If nobody said whose workflow it is, or what its file is called.
pub(super) fn read(documents: Vec<Value>, options: &Options) -> anyhow::Result<Found> {
    let repo = options.repo.as_deref().context("the file does not say whose it is; say it with --repo OWNER/REPO")?;
    let file = options.file.rsplit(['/', '\\']).next().filter(|file| *file != "-");
    let Some(file) = file else { bail!("the call names the file of the workflow; give that in place of -") };
    let mut found = Found::default();
    for workflow in documents {
        let on = &workflow["on"];
        let name = match text(&workflow["name"]) {
            name if name.is_empty() => file.rsplit_once('.').map_or(file, |(name, _)| name).to_owned(),
            name => name,
        };
        if list(&on["schedule"]).is_empty() {
            found.leave(Place::named(name.clone()), "on", "it has no schedule");
        }
        let wanted = inputs_wanted(on);
        for schedule in list(&on["schedule"]) {
            let place = Place::named(name.clone());
            let pattern = text(&schedule["cron"]);
            if let Some(input) = &wanted {
                let why = format!("workflow_dispatch wants the input `{input}`, which a schedule does not give");
                found.leave(place, pattern, why);
                continue;
            }
            let zone = Some(text(&schedule["timezone"])).filter(|zone| !zone.is_empty());
            let timing = timing::cron(&pattern, zone.as_deref().unwrap_or("UTC"));
            let mut taken = Taken::new(place, &name, dispatch(repo, file, &options.branch), timing);
            if on.get("workflow_dispatch").is_none() {
                taken
                    .differs
                    .push("the workflow needs `workflow_dispatch:` in its `on` before it can be started so".to_owned());
            }
            found.taken.push(taken);
        }
    }
    if !found.taken.is_empty() {
        found.notes.extend(
            [
                "`${GITHUB_TOKEN}` is a token that may write the repository's Actions, taken from the environment",
                "GitHub starts late at busy times, and drops runs then; here the call is made at the time",
                "in the workflow `github.event_name` is `workflow_dispatch`, and `github.event.schedule` is empty",
                "take `schedule:` out of the workflow once this calls it, or it runs twice",
            ]
            .map(str::to_owned),
        );
    }
    Ok(found)
}

fn dispatch(repo: &str, file: &str, branch: &str) -> Call {
    let url = format!("https://api.github.com/repos/{repo}/actions/workflows/{file}/dispatches");
    let mut call = Call {
        method: "POST".to_owned(),
        body: Some(literal(&json!({"ref": branch}).to_string())),
        timeout: Some(TIMEOUT),
        ..Call::get(&url)
    };
    call.headers.push(("Authorization".to_owned(), format!("Bearer {}", variable("GITHUB_TOKEN"))));
    call.header("Accept", "application/vnd.github+json");
    call.header("Content-Type", "application/json");
    call.header("X-GitHub-Api-Version", "2022-11-28");
    call
}

/// An input that must be given and has no default.
fn inputs_wanted(on: &Value) -> Option<String> {
    let inputs = on["workflow_dispatch"]["inputs"].as_object()?;
    let is_wanted = |input: &Value| input["required"] == true && input.get("default").is_none();
    inputs.iter().find(|(_, input)| is_wanted(input)).map(|(name, _)| name.clone())
}
