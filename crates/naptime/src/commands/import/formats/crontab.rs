//! Crontabs: those of users, and those of the system with a user in each line.

mod line;

use std::collections::HashMap;

use naptime_core::{Cron, Zone};

use self::line::{Line, split};
use super::super::found::{Found, Place, Taken};
use super::Options;
use super::command;
use super::shell::excerpt;
use super::timing;

/// Reads a crontab.
pub(super) fn read(text: &str, options: &Options) -> Found {
    let mut found = Found::default();
    let has_users = line::has_users(text);
    let mut reader = Reader { options, variables: HashMap::new(), name: String::new(), zone_is_guessed: false };
    for (number, text) in (1..).zip(text.lines()) {
        reader.line(number, text.trim(), has_users, &mut found);
    }
    if let Some(to) = reader.variables.get("MAILTO").filter(|to| !to.is_empty()) {
        found.notes.push(format!("output is mailed to {to} there; here receivers are told of problems"));
    }
    if reader.zone_is_guessed && !found.taken.is_empty() {
        found.notes.push(format!(
            "the file names no time zone (CRON_TZ), so it is read in that of this machine, {}; another one is said by --tz",
            options.machine_zone
        ));
    }
    if !found.taken.is_empty() {
        found.notes.push(
            "cron starts a command though the one before still runs; here calls of one endpoint do not overlap"
                .to_owned(),
        );
    }
    found
}

/// Whether a text is a crontab: most of its lines are such as cron takes.
pub(super) fn is_one(text: &str) -> bool {
    let (mut jobs, mut others) = (0, 0);
    for text in text.lines() {
        match split(text.trim(), false) {
            Line::Blank | Line::Comment(_) | Line::Variable(..) => {}
            Line::Job { pattern, .. } if parses(pattern) => jobs += 1,
            Line::Job { .. } | Line::Other => others += 1,
        }
    }
    jobs > others
}

fn parses(pattern: &str) -> bool {
    pattern.eq_ignore_ascii_case("@reboot") || Cron::parse(&translated(pattern).0, Zone::UTC, 0).is_ok()
}

struct Reader<'a> {
    options: &'a Options,
    /// The variables that lines above have set.
    variables: HashMap<String, String>,
    /// The comment right above.
    name: String,
    zone_is_guessed: bool,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, text: &str, has_users: bool, found: &mut Found) {
        match split(text, has_users) {
            Line::Blank => self.name.clear(),
            Line::Comment(comment) => self.name = if is_name(comment) { comment.to_owned() } else { String::new() },
            Line::Variable(name, value) => {
                self.name.clear();
                self.variables.insert(name.to_owned(), value.to_owned());
            }
            Line::Job { pattern, command } => {
                let name = std::mem::take(&mut self.name);
                let place = Place::Line(number);
                match self.job(place.clone(), &name, pattern, command) {
                    Ok(taken) => found.taken.push(taken),
                    Err(why) => found.leave(place, excerpt(text), why),
                }
            }
            Line::Other => found.leave(Place::Line(number), excerpt(text), "it is no line of a crontab"),
        }
    }

    fn job(&mut self, place: Place, name: &str, pattern: &str, command: &str) -> Result<Taken, String> {
        if pattern.eq_ignore_ascii_case("@reboot") {
            return Err("it runs when the machine starts, which is no time".to_owned());
        }
        let command = without_percent(command)?;
        let command::Line { call, comment } = command::read(&command, &|name| self.variables.get(name).cloned())?;
        let (pattern, differs) = translated(pattern);
        let zone = match (self.variables.get("CRON_TZ"), &self.options.zone) {
            (Some(zone), _) | (None, Some(zone)) => zone,
            (None, None) => {
                self.zone_is_guessed = true;
                &self.options.machine_zone
            }
        };
        let name = if name.is_empty() { &comment } else { name };
        let mut taken = Taken::new(place, name, call, timing::cron(&pattern, zone));
        taken.differs.extend(differs.map(str::to_owned));
        Ok(taken)
    }
}

/// A pattern as Naptime writes it, and what differs: `0~59` of cronie, a random value, is `H(0-59)`.
fn translated(pattern: &str) -> (String, Option<&'static str>) {
    let field = |field: &str| match field.split_once('~') {
        Some(("", "")) => "H".to_owned(),
        Some((from, to)) if !from.is_empty() && !to.is_empty() => format!("H({from}-{to})"),
        _ => field.to_owned(),
    };
    let fields: Vec<String> = pattern.split_whitespace().map(field).collect();
    let differs = "cron draws the random time anew when it reads the file; here it stays";
    (fields.join(" "), pattern.contains('~').then_some(differs))
}

/// A command as cron hands it to a shell.
///
/// # Errors
/// If it gets an input.
fn without_percent(command: &str) -> Result<String, String> {
    let mut read = String::with_capacity(command.len());
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next_if_eq(&'%').is_some() => read.push('%'),
            '%' => {
                return Err("cron ends the command at `%` and gives it the rest as input; write `\\%` if it is no end"
                    .to_owned());
            }
            c => read.push(c),
        }
    }
    Ok(read)
}

/// Whether a comment names what follows: it is no line that was switched off, nor the head of a table.
fn is_name(comment: &str) -> bool {
    let is_job = matches!(split(comment, false), Line::Job { pattern, .. } if parses(pattern));
    !is_job && !matches!(split(comment, false), Line::Variable(..)) && !comment.starts_with("m h ")
}
