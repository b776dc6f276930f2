//! A curl command, which says what is called and not when.

use anyhow::bail;
use serde_json::{Map, Value};

use super::super::found::{Found, Place, Taken};
use super::Options;
use super::command;
use super::shell::excerpt;
use super::timing;

/// Reads a command: a file with it, or what was copied from a page.
///
/// # Errors
/// If nobody says when it is called.
pub(super) fn read(text: &str, options: &Options) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let timing = when(options)?;
    let place = Place::named("the command".to_owned());
    let command = command_of(text);
    // What a shell knows, nothing here does: each variable is left to be filled in.
    match command::read(&command, &|_| None) {
        Ok(command::Line { call, comment }) => found.taken.push(Taken::new(place, &comment, call, timing)),
        Err(why) => found.leave(place, excerpt(&command), why),
    }
    Ok(found)
}

/// Whether a text is a curl command.
pub(super) fn is_one(text: &str) -> bool {
    let command = command_of(text);
    command.split_whitespace().next().and_then(|word| word.rsplit('/').next()) == Some("curl")
}

/// The text without comments above the command, and without the prompt before it.
fn command_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().skip_while(|line| line.trim().is_empty() || line.starts_with('#')).collect();
    let command = lines.join("\n");
    command.trim().trim_start_matches("$ ").to_owned()
}

fn when(options: &Options) -> anyhow::Result<Map<String, Value>> {
    match (&options.every, &options.cron) {
        (Some(_), Some(_)) => bail!("there are --every and --cron; say one of them"),
        (Some(period), None) => Ok([("every".to_owned(), period.as_str().into())].into_iter().collect()),
        (None, Some(pattern)) => Ok(timing::cron(pattern, options.zone.as_deref().unwrap_or("UTC"))),
        (None, None) => bail!("a curl command does not say when it is called; say it with --every 5m or --cron"),
    }
}
