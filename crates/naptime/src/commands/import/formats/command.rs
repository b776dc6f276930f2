//! The call that a command line makes: one of curl or wget.

use naptime_core::Curl;

use super::super::call::Call;
use super::shell::{self, Command, excerpt};
use super::wget;
use crate::commands::variables::{literal, variable};

/// What a command line calls, and what is said of it behind `#`.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) call: Call,
    pub(super) comment: String,
}

/// Reads a command line. Variables that `value_of` does not know are left to be filled in.
///
/// # Errors
/// Why it is not a call that Naptime can make: a sentence without a full stop.
pub(super) fn read(line: &str, value_of: &dyn Fn(&str) -> Option<String>) -> Result<Line, String> {
    let mut command = shell::read(line, value_of)?;
    let comment = std::mem::take(&mut command.comment);
    Ok(Line { call: call(command)?, comment })
}

/// The call that a program with its arguments makes.
///
/// # Errors
/// As [`read`].
pub(super) fn call(command: Command) -> Result<Call, String> {
    let Command { words, variables, outputs, .. } = command;
    // Where a place is encoded, what fills it would have to be, too.
    let places: Vec<String> = variables.iter().map(|name| variable(name)).chain([literal("${")]).collect();
    let used: Vec<usize> = places.iter().map(|place| count(words.iter().map(String::as_str), place)).collect();
    let mut call = match shell::program(&words) {
        "curl" => of_curl(Curl::of_words(words).map_err(|fault| fault.detail)?),
        "wget" => wget::read(words)?,
        other => return Err(format!("it runs `{}`; Naptime calls URLs and runs no programs", excerpt(other))),
    };
    if let Some((place, _)) = places.iter().zip(used).find(|(place, used)| count(call.texts(), place) < *used) {
        return Err(format!(
            "`{place}` stands where its value would have to be encoded; write the value in its place, such as a header \
             Authorization for `-u`"
        ));
    }
    if let Some(name) = variables.first() {
        call.differs
            .push(format!("`{}` is taken from the environment of `naptime import` or `naptime apply`", variable(name)));
    }
    for file in outputs {
        call.differs.push(format!("the answer goes to {file} there; here it is kept with the run"));
    }
    Ok(call)
}

fn count<'a>(texts: impl Iterator<Item = &'a str>, place: &str) -> usize {
    texts.map(|text| text.matches(place).count()).sum()
}

fn of_curl(curl: Curl) -> Call {
    let differs = curl.left_out.iter().map(|what| format!("of the command is left out: {what}")).collect();
    Call {
        url: curl.url,
        method: curl.method.to_string(),
        headers: curl.headers,
        body: curl.body,
        timeout: curl.timeout,
        attempts: curl.retries.unwrap_or(0).saturating_add(1),
        backoff: None,
        differs,
    }
}
