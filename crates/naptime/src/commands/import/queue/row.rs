//! A row of the table `queued_job`, and the one-off job that it becomes.

use std::collections::BTreeMap;

use naptime_core::input::read_once;
use naptime_core::{Headers, Invalid, JobId, Limits, Method, Time, duration};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The columns that are read.
const READ: [&str; 15] = [
    "id",
    "url",
    "method",
    "body",
    "params",
    "headers",
    "timeout",
    "run_at",
    "name",
    "state",
    "status",
    "done",
    "done_at",
    "finished_at",
    "completed_at",
];
/// Those that are known to say nothing of what is still to be called.
const PASSED_OVER: [&str; 2] = ["created_at", "updated_at"];
/// What a job is called that is still to be called.
const OPEN: [&str; 16] = [
    "new",
    "queued",
    "enqueued",
    "pending",
    "waiting",
    "scheduled",
    "ready",
    "open",
    "running",
    "started",
    "processing",
    "in_progress",
    "locked",
    "retry",
    "retrying",
    "temporary",
];
/// What a job is called that has ended, well or not.
const ENDED: [&str; 14] = [
    "done",
    "ok",
    "success",
    "succeeded",
    "successful",
    "complete",
    "completed",
    "finished",
    "failed",
    "failure",
    "error",
    "dead",
    "cancelled",
    "canceled",
];

/// A row: names of columns in lower case, and their values.
pub(super) struct Row {
    /// Where it begins.
    pub(super) line: u64,
    values: BTreeMap<String, Option<String>>,
}

/// What becomes of a row.
pub(super) enum Fate {
    /// It is to be called: the fields of the API.
    Job(Map<String, Value>),
    /// It has been called.
    Done,
}

impl Row {
    pub(super) fn new(line: u64, values: impl Iterator<Item = (String, Option<String>)>) -> Self {
        Self { line, values: values.collect() }
    }

    /// Checks that a table has what a row cannot do without.
    pub(super) fn check_columns(columns: &[String]) -> Result<(), Invalid> {
        let missing = |name: &str| columns.iter().all(|column| column != name);
        if let Some(name) = ["id", "url"].into_iter().find(|name| missing(name)) {
            return Err(Invalid::new(name, "missing", format!("there is no column `{name}`")));
        }
        match columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column)) {
            None => Ok(()),
            Some((_, twice)) => Err(Invalid::new(twice.clone(), "doubled", format!("there are two columns `{twice}`"))),
        }
    }

    /// Whether a column is read.
    pub(super) fn reads(column: &str) -> bool {
        READ.contains(&column)
    }

    /// What it is known by.
    pub(super) fn id(&self) -> Option<&str> {
        self.get("id").map(str::trim).filter(|id| !id.is_empty())
    }

    /// The columns that are not known.
    pub(super) fn unknown_columns(&self) -> impl Iterator<Item = String> {
        let known = |name: &str| READ.contains(&name) || PASSED_OVER.contains(&name);
        self.values.keys().filter(move |name| !known(name)).cloned()
    }

    fn get(&self, column: &str) -> Option<&str> {
        self.values.get(column)?.as_deref()
    }

    /// What becomes of it. `all`: even if it has been called.
    pub(super) fn fate(&self, limits: Limits<'_>, all: bool) -> Result<Fate, Vec<Invalid>> {
        if !all && self.is_done().map_err(|fault| vec![fault])? {
            return Ok(Fate::Done);
        }
        let mut faults = Vec::new();
        let mut note = |fault: Invalid| faults.push(fault);
        let key = self.id();
        if key.is_none() {
            note(Invalid::new("id", "missing", "the row has no id, by which it would be known when imported again"));
        }
        let headers = self.headers().map_err(&mut note).unwrap_or_default();
        let timeout = self.timeout().map_err(&mut note).unwrap_or_default();
        let at = self.run_at().map_err(&mut note).unwrap_or_default();
        let mut fields = Map::new();
        for name in ["url", "method", "body", "name"] {
            fields.extend(self.get(name).map(|text| (name.to_owned(), text.into())));
        }
        fields.insert(
            "headers".to_owned(),
            headers.into_iter().map(|(name, value)| Value::from(vec![name, value])).collect(),
        );
        fields.extend(timeout.map(|timeout| ("timeout".to_owned(), timeout.into())));
        fields.extend(at.map(|at| ("at".to_owned(), at.into())));
        fields.extend(key.map(|id| ("key".to_owned(), format!("queued_job:{id}").into())));
        if let Err(fault) = self.put_params(&mut fields) {
            faults.push(fault);
        }
        // The server reads it again. This is for all faults of a row to be told together.
        if let Err(others) = read_once(fields.clone().into(), limits, JobId::from(Uuid::nil())) {
            faults.extend(others.into_iter().map(of_column));
        }
        if faults.is_empty() { Ok(Fate::Job(fields)) } else { Err(faults) }
    }

    /// Whether it has been called, and is not to be called again.
    fn is_done(&self) -> Result<bool, Invalid> {
        for column in ["done_at", "finished_at", "completed_at"] {
            if self.get(column).map_or(Ok(false), |text| is_time_set(column, text))? {
                return Ok(true);
            }
        }
        for column in ["state", "status", "done"] {
            let Some(text) = self.get(column) else { continue };
            let word = text.trim().to_lowercase();
            let done = match &*word {
                "" | "0" | "f" | "false" | "n" | "no" | "\0" if column == "done" => false,
                "1" | "t" | "true" | "y" | "yes" | "\u{1}" if column == "done" => true,
                word if OPEN.contains(&word) => false,
                word if ENDED.contains(&word) => true,
                _ => {
                    let detail =
                        format!("`{text}` is no state that is known here; --all imports it whatever its state");
                    return Err(Invalid::new(column, "unknown_state", detail));
                }
            };
            if done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Headers as a JSON object or as lines.
    fn headers(&self) -> Result<Vec<(String, String)>, Invalid> {
        let text = self.get("headers").unwrap_or_default().trim();
        if !text.starts_with('{') {
            return Headers::split_lines(text);
        }
        let read: Result<BTreeMap<String, String>, _> = serde_json::from_str(text);
        let pairs = read.map_err(|error| {
            Invalid::new("headers", "bad_json", format!("they are no JSON object of texts: {error}"))
        })?;
        Ok(pairs.into_iter().collect())
    }

    /// A bare number is seconds.
    fn timeout(&self) -> Result<Option<String>, Invalid> {
        let Some(text) = self.get("timeout").map(str::trim) else { return Ok(None) };
        duration::parse_seconds("timeout", text).map(|timeout| Some(duration::show(timeout)))
    }

    /// RFC 3339, or as databases write it, in UTC.
    fn run_at(&self) -> Result<Option<String>, Invalid> {
        let Some(text) = self.get("run_at").map(str::trim) else { return Ok(None) };
        let written = [text.to_owned(), format!("{text}Z"), format!("{text}:00")];
        match written.into_iter().find(|text| text.parse::<Time>().is_ok()) {
            Some(time) => Ok(Some(time)),
            None => {
                let detail = format!("`{text}` is not a time; write it like 2030-01-31 09:00:00 (UTC)");
                Err(Invalid::new("run_at", "not_a_time", detail))
            }
        }
    }

    /// Parameters go into the query of what has no body, and else into the body, as a form or as JSON.
    fn put_params(&self, fields: &mut Map<String, Value>) -> Result<(), Invalid> {
        let Some(params) = self.get("params").map(str::trim).filter(|params| !params.is_empty()) else { return Ok(()) };
        if fields.contains_key("body") {
            return Err(Invalid::new("params", "both", "the row has both `body` and `params`"));
        }
        let method: Method = self.get("method").unwrap_or("GET").parse()?;
        let is_json = params.starts_with(['{', '[']);
        if matches!(method, Method::Get | Method::Head) {
            if is_json {
                return Err(Invalid::new("params", "not_a_query", "JSON cannot be sent by this method"));
            }
            // A fragment is not sent, and what stands after it belongs to it.
            let url = self.get("url").unwrap_or_default().split('#').next().unwrap_or_default();
            let joint = if url.ends_with(['?', '&']) {
                ""
            } else if url.contains('?') {
                "&"
            } else {
                "?"
            };
            let params = params.trim_start_matches(['?', '&']).replace('#', "%23");
            fields.insert("url".to_owned(), format!("{url}{joint}{params}").into());
            return Ok(());
        }
        fields.insert("body".to_owned(), params.into());
        let kind = if is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        if let Some(Value::Array(headers)) = fields.get_mut("headers")
            && !headers.iter().filter_map(|pair| pair[0].as_str()).any(|name| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(json!(["Content-Type", kind]));
        }
        Ok(())
    }
}

/// Whether a column that holds a time holds one. MySQL writes a zero date where there is none.
fn is_time_set(column: &'static str, text: &str) -> Result<bool, Invalid> {
    let word = text.trim().to_lowercase();
    if word.chars().all(|c| matches!(c, '0' | '-' | ':' | ' ' | '.' | 't' | 'z' | '+')) && word != "t" {
        return Ok(false);
    }
    match &*word {
        "f" | "false" | "n" | "no" => Ok(false),
        "t" | "true" | "y" | "yes" => Ok(true),
        word if word.starts_with(|c: char| c.is_ascii_digit()) => Ok(true),
        _ => {
            let detail = format!(
                "`{text}` is no time, so it is not known whether the row is done; --all imports it all the same"
            );
            Err(Invalid::new(column, "unknown_state", detail))
        }
    }
}

/// The fault at the column that the field was read from.
fn of_column(fault: Invalid) -> Invalid {
    Invalid { field: column(&fault.field).to_owned().into(), ..fault }
}

/// The column that a field is read from.
pub(super) fn column(field: &str) -> &str {
    match field {
        "at" => "run_at",
        "key" => "id",
        field => field,
    }
}
