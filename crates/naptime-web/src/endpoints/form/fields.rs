//! What the form of an endpoint holds, as texts: what is shown, what was typed, and what that changes.

use std::time::Duration;

use naptime_core::input::TIMING;
use naptime_core::recent::FAILING_AFTER;
use naptime_core::schedule::WEEKDAYS;
use naptime_core::{
    CatchUp, Curl, Days, Hours, Invalid, Job, JobId, Keep, Request, Retry, Rev, Sla, Statuses, Time, Timing, Windows,
    Zone, duration,
};
use serde_json::{Map, Value};

use crate::kit::controls::{Held, PREVIEW};
use crate::kit::labels;
use crate::kit::mask;
use crate::kit::texts::{self, Kind, Texts};

/// A field by its path in the API, what it holds, and the text of it that is shown of an endpoint.
type Field = (&'static str, Kind, fn(&Job) -> String);

/// The fields. A new one needs a line here, its label, and its input.
const FIELDS: [Field; 39] = [
    ("url", Kind::Needed, |job| job.spec.shown_endpoint().to_string()),
    ("every", Kind::Needed, |job| timing(job).every.unwrap_or_default()),
    ("jitter", Kind::Text, |job| timing(job).jitter.unwrap_or_default()),
    ("align", Kind::Flag, |job| texts::flag(job.spec.schedule.is_aligned())),
    ("cron", Kind::Needed, |job| timing(job).cron.unwrap_or_default()),
    ("random", Kind::Needed, |job| timing(job).random.unwrap_or_default()),
    ("window", Kind::Text, |job| timing(job).window.unwrap_or_default()),
    ("days", Kind::List, |job| timing(job).days.unwrap_or(WEEKDAYS.to_vec()).join(", ")),
    ("tz", Kind::Text, |job| timing(job).tz.unwrap_or(Zone::UTC.to_string())),
    ("from", Kind::Text, |job| at(job, |timing| timing.from)),
    ("until", Kind::Text, |job| at(job, |timing| timing.until)),
    ("except", Kind::Text, |job| timing(job).except.unwrap_or_default()),
    ("pause.until", Kind::Text, |job| at(job, |timing| timing.pause.as_ref()?.until)),
    ("pause.note", Kind::Text, |job| timing(job).pause.map(|pause| pause.note).unwrap_or_default()),
    ("name", Kind::Text, |job| job.spec.name.clone()),
    ("active", Kind::Flag, |job| texts::flag(job.active)),
    ("method", Kind::Text, |job| job.spec.request.method.to_string()),
    ("headers", Kind::Text, |job| lines(mask::masked(&job.spec.request.headers))),
    ("body", Kind::Verbatim, |job| texts::normal(mask::body(&job.spec.request).unwrap_or_default())),
    ("secret", Kind::Flag, |job| texts::flag(job.spec.request.secret)),
    ("sign", Kind::Text, |job| job.spec.request.sign.masked().join(", ")),
    ("timeout", Kind::Text, |job| duration::show(job.spec.request.timeout)),
    ("success", Kind::Text, |job| job.spec.success.to_string()),
    ("expect", Kind::Text, |job| job.spec.expect.to_string()),
    ("sla.every", Kind::Needed, |job| or_blank(job.spec.sla.as_ref().map(Sla::every))),
    ("sla.within", Kind::Text, |job| hours(job, |hours| hours.windows.as_ref().map(Windows::to_string))),
    ("sla.days", Kind::Text, |job| {
        hours(job, |hours| Some(hours.days).filter(|days| *days != Days::ALL).map(|days| days.to_string()))
    }),
    ("sla.tz", Kind::Text, |job| hours(job, |hours| Some(hours.zone.to_string()))),
    ("retry.attempts", Kind::Text, |job| job.spec.retry.attempts.to_string()),
    ("retry.backoff", Kind::Text, |job| duration::show(job.spec.retry.backoff)),
    ("retry.on", Kind::Text, |job| job.spec.retry.on.to_string()),
    ("failing_after", Kind::Text, |job| job.spec.failing_after.to_string()),
    ("keep", Kind::Text, |job| job.spec.keep.to_string()),
    ("late", Kind::Text, |job| or_blank(job.spec.misfire.late)),
    ("catch_up", Kind::Text, |job| job.spec.misfire.catch_up.to_string()),
    ("steer.min", Kind::Needed, |job| or_blank(job.spec.steer.map(|steer| steer.min))),
    ("steer.max", Kind::Needed, |job| or_blank(job.spec.steer.map(|steer| steer.max))),
    ("lease", Kind::Text, |job| duration::show(job.spec.lease)),
    ("tags", Kind::Text, |job| job.spec.tags.join(", ")),
];

/// The kinds of timing, each with the fields that belong to it. The first is the one that a form begins with.
const KINDS: [(&str, &[&str]); 3] = [
    ("every", &["every", "jitter", "align"]),
    ("cron", &["cron", "tz"]),
    ("random", &["random", "window", "days", "tz"]),
];
/// The fields that bound any kind of timing. Those of an `every` have a time zone too.
pub(super) const BOUNDS: [&str; 5] = ["from", "until", "except", "pause.until", "pause.note"];

/// What an endpoint may have or not, each with the fields that say it. A zone alone says nothing.
const OPTIONAL: [(&str, &[&str]); 3] = [
    ("sla", &["sla.every", "sla.within", "sla.days"]),
    ("steer", &["steer.min", "steer.max"]),
    ("pause", &["pause.until", "pause.note"]),
];

/// What the form holds.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    texts: Texts,
    /// The kind of timing that is chosen, which is also the name of the field that says when.
    pub(super) kind: &'static str,
    /// The revision that was shown.
    pub(super) rev: Option<Rev>,
    /// The id that a new endpoint is to have, so that the calls shown are those that come.
    pub(super) id: Option<JobId>,
    /// Whether it is only to be looked at.
    pub(super) preview: bool,
}

impl Fields {
    /// The form of a new endpoint.
    pub(super) fn blank() -> Self {
        let (request, retry) = (Request::default(), Retry::default());
        let mut texts = Texts::default();
        for (path, text) in [
            ("days", WEEKDAYS.join(", ")),
            ("tz", Zone::UTC.to_string()),
            ("method", request.method.to_string()),
            ("timeout", duration::show(request.timeout)),
            ("success", Statuses::success().to_string()),
            ("retry.attempts", retry.attempts.to_string()),
            ("retry.backoff", duration::show(retry.backoff)),
            ("retry.on", retry.on.to_string()),
            ("lease", duration::show(naptime_core::state::LEASE)),
            ("catch_up", CatchUp::LATEST.to_string()),
            ("failing_after", FAILING_AFTER.to_string()),
            ("keep", Keep::default().to_string()),
        ] {
            texts.set(path, text);
        }
        Self { texts, kind: known_kind(""), rev: None, id: None, preview: false }
    }

    /// The form of an endpoint that exists.
    pub(super) fn of(job: &Job) -> Self {
        let mut texts = Texts::default();
        for (path, _, shown) in FIELDS {
            texts.set(path, shown(job));
        }
        let kind = known_kind(job.spec.schedule.kind());
        Self { texts, kind, rev: Some(job.rev), id: Some(job.id), preview: false }
    }

    /// The form of a new endpoint that is set up as another, and is not switched on yet.
    pub(super) fn like(job: &Job) -> Self {
        let mut fields = Self { rev: None, id: None, ..Self::of(job) };
        fields.texts.set("active", texts::flag(false));
        if !job.spec.name.is_empty() {
            fields.texts.set("name", format!("{} (copy)", job.spec.name));
        }
        fields
    }

    /// The form of a new endpoint that makes the call of a command.
    pub(super) fn of_curl(curl: Curl) -> Self {
        let mut fields = Self::blank();
        let lines: Vec<String> = curl.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        fields.texts.set("url", curl.url);
        fields.texts.set("method", curl.method.to_string());
        fields.texts.set("headers", lines.join("\n"));
        fields.texts.set("body", curl.body.unwrap_or_default());
        if let Some(timeout) = curl.timeout {
            fields.texts.set("timeout", duration::show(timeout));
        }
        if let Some(retries) = curl.retries {
            fields.texts.set("retry.attempts", retries.saturating_add(1).to_string());
        }
        fields
    }

    /// The form as it was sent.
    pub(super) fn sent(pairs: &[(String, String)]) -> Self {
        let text = |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, text)| text);
        Self {
            texts: Texts::sent(FIELDS.into_iter().map(|(path, kind, _)| (path, kind)), pairs),
            kind: known_kind(text("timing")),
            rev: text("rev").parse().ok().map(Rev),
            id: text("id").parse().ok(),
            preview: pairs.iter().any(|(key, _)| key == PREVIEW),
        }
    }

    /// Whether the box of a field is ticked: the one, or of several the one of this item.
    pub(super) fn is_ticked(&self, path: &str, item: &str) -> bool {
        texts::items(self.text(path)).any(|ticked| ticked == item)
    }

    /// The fields that differ from what was `shown`, as the API takes them. What a form cannot hold exactly, such as
    /// other line ends in a body, is so left as it is unless somebody changes it.
    pub(super) fn json(&self, shown: &Self) -> Value {
        let mut object = Map::new();
        for (path, kind, _) in FIELDS {
            if self.is_said(path, shown) {
                texts::put(&mut object, path, kind.value(self.text(path)));
            }
        }
        // Without all of them there is none: nothing is promised, the target may not change the period, it is not paused.
        for (outer, parts) in OPTIONAL {
            if object.contains_key(outer) && parts.iter().all(|part| self.is_blank(part)) {
                object.insert(outer.to_owned(), Value::Null);
            }
        }
        // An `every` without bounds has no zone. Whoever typed one meant that the hours go by it.
        if let Some(Value::Object(sla)) = object.get_mut("sla")
            && ["within", "days"].iter().any(|part| sla.get(*part).is_some_and(|said| !said.is_null()))
            && self.is_blank("sla.tz")
            && !self.is_blank("tz")
        {
            sla.insert("tz".to_owned(), self.text("tz").into());
        }
        Value::Object(object)
    }

    /// Whether nothing is typed yet that says when.
    pub(super) fn is_untimed(&self) -> bool {
        self.is_blank(self.kind)
    }

    /// Faults in the words of the form.
    pub(super) fn worded(&self, faults: Vec<Invalid>) -> Vec<Invalid> {
        let worded = |fault: Invalid| {
            let typed = self.text(&fault.field);
            labels::worded(fault, typed)
        };
        faults.into_iter().map(worded).collect()
    }

    /// Whether the timing has bounds.
    pub(super) fn is_bounded(&self) -> bool {
        BOUNDS.iter().any(|bound| !self.is_blank(bound))
    }

    /// Whether something is said that most endpoints need not say.
    pub(super) fn says_more(&self) -> bool {
        let blank = Self::blank();
        FIELDS.iter().any(|(path, ..)| is_more(path) && self.text(path) != blank.text(path))
    }

    /// Whether a field is sent. A field of another kind of timing than the chosen one is not, whatever is typed in it.
    fn is_said(&self, path: &str, shown: &Self) -> bool {
        let of_kind = |(kind, parts): &(&str, &[&str])| *kind == self.kind && parts.contains(&path);
        let of_bounds = BOUNDS.contains(&path) || path == "tz" && self.is_bounded();
        if is_timing(path) && !of_bounds && !KINDS.iter().any(of_kind) {
            return false;
        }
        // The field that names the kind is sent even if it is blank, so that this is a fault of its own.
        self.text(path) != shown.text(path) || path == self.kind && self.is_untimed()
    }

    fn is_blank(&self, path: &str) -> bool {
        self.text(path).trim().is_empty()
    }
}

impl Held for Fields {
    fn text(&self, path: &str) -> &str {
        self.texts.get(path)
    }

    fn label<'a>(&self, path: &'a str) -> &'a str {
        labels::label(path)
    }
}

/// Whether a field is one of those that most endpoints need not say.
pub(super) fn is_more(path: &str) -> bool {
    !is_timing(path) && !["url", "name", "active"].contains(&path)
}

/// Whether it says when the endpoint is called.
fn is_timing(path: &str) -> bool {
    TIMING.contains(&path.split('.').next().unwrap_or(path))
}

/// The kind of timing of this name, or else the one that a form begins with.
fn known_kind(name: &str) -> &'static str {
    KINDS.iter().find(|(kind, _)| *kind == name).unwrap_or(&KINDS[0]).0
}

/// A time of the timing, as it is typed in the zone of the schedule.
fn at(job: &Job, time: fn(&Timing) -> Option<Time>) -> String {
    let zone = job.spec.schedule.zone().and_then(|name| Zone::parse(name).ok()).unwrap_or(Zone::UTC);
    time(&timing(job)).map(|at| zone.write(at)).unwrap_or_default()
}

/// A part of the hours of the SLA; blank if it has none.
fn hours(job: &Job, part: fn(&Hours) -> Option<String>) -> String {
    job.spec.sla.as_ref().and_then(Sla::hours).and_then(part).unwrap_or_default()
}

fn timing(job: &Job) -> Timing {
    Timing::of(&job.spec.schedule)
}

fn lines(headers: Vec<(&str, &str)>) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

fn or_blank(duration: Option<Duration>) -> String {
    duration.map(duration::show).unwrap_or_default()
}

#[cfg(test)]
mod tests;
