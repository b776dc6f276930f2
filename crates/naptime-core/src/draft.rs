//! What people type and programs send, and how it becomes a job or a change: one path for forms, JSON and commands.
//!
//! A [`Draft`] holds texts. Reading it finds all faults at once, so that a form can show each at its field. What a URL,
//! a duration or a header may be is decided by their types; here is what depends on the settings, and on several fields
//! together.

use std::time::Duration;

pub mod once;
mod timing;

#[cfg(test)]
mod tests;

use crate::duration::{self, MAX_PERIOD};
use crate::job::{MAX_LEASE, MIN_LEASE};
use crate::request::{MAX_POOL_TIMEOUT, MIN_TIMEOUT};
use crate::{
    AllowedNetworks, Change, Endpoint, Headers, Invalid, Job, JobId, NewJob, Request, Retry, Schedule, Spec, Steer,
    Temporary,
};

/// The shortest SLA.
const MIN_SLA: Duration = Duration::from_secs(1);

/// What the settings say of drafts.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The networks that may be called beside the public internet.
    pub networks: &'a AllowedNetworks,
    /// The shortest period.
    pub min_period: Duration,
}

/// What was typed or sent. `None`: nothing was said, and what is there stays; `Some(None)`: it is to be cleared.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // The fields are those of the API; `attempts`, `backoff` and `on` those of its `retry`.
pub struct Draft {
    pub url: Option<String>,
    pub every: Option<String>,
    pub jitter: Option<Option<String>>,
    pub align: Option<bool>,
    pub cron: Option<String>,
    pub random: Option<String>,
    pub window: Option<Option<String>>,
    /// Weekdays and ranges of them.
    pub days: Option<Option<Vec<String>>>,
    pub tz: Option<Option<String>>,
    pub method: Option<String>,
    pub headers: Option<RawHeaders>,
    pub body: Option<Option<String>>,
    pub secret: Option<bool>,
    pub timeout: Option<String>,
    pub active: Option<bool>,
    pub sla: Option<Option<String>>,
    pub attempts: Option<String>,
    pub backoff: Option<String>,
    pub on: Option<String>,
    pub success: Option<String>,
    pub lease: Option<String>,
    pub steer: Option<Option<RawLimits>>,
    pub name: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    /// What was wrong before it was read: unknown fields and wrong types.
    pub faults: Vec<Invalid>,
}

/// The limits of what a target may set, as they came.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // Those of `Steer`.
pub struct RawLimits {
    pub min: Option<String>,
    pub max: Option<String>,
}

/// Headers as they came.
#[derive(Clone, Debug)]
pub enum RawHeaders {
    /// One on each line.
    Lines(String),
    /// Name and value.
    Pairs(Vec<(String, String)>),
}

impl RawHeaders {
    /// Names and values, still unchecked.
    ///
    /// # Errors
    /// At `headers`, naming a line without a colon.
    pub fn pairs(self) -> Result<Vec<(String, String)>, Invalid> {
        match self {
            Self::Lines(text) => Headers::split_lines(&text),
            Self::Pairs(pairs) => Ok(pairs),
        }
    }
}

impl Draft {
    /// Reads a draft of a new job.
    ///
    /// # Errors
    /// All faults, of which there is at least one.
    pub fn create(self, rules: Rules<'_>, id: JobId) -> Result<NewJob, Vec<Invalid>> {
        let change = Reader::new(rules, id, None).read(self)?;
        let missing = |field| vec![Invalid::new(field, "missing", format!("`{field}` is missing"))];
        let endpoint = change.endpoint.clone().ok_or_else(|| missing("url"))?;
        let schedule = change.schedule.clone().ok_or_else(|| missing("every"))?;
        let active = change.active.unwrap_or(false);
        Ok(NewJob { id, active, spec: change.applied(Spec::new(endpoint, schedule)) })
    }

    /// Reads a draft of a change to `old`.
    ///
    /// # Errors
    /// All faults, of which there is at least one.
    pub fn change(self, rules: Rules<'_>, old: &Job) -> Result<Change, Vec<Invalid>> {
        Reader::new(rules, old.id, Some(&old.spec)).read(self)
    }

    /// Reads only when it is called, as [`Draft::create`] and [`Draft::change`] would.
    ///
    /// # Errors
    /// All faults of that, of which there is at least one.
    pub fn schedule(&self, rules: Rules<'_>, id: JobId, old: Option<&Spec>) -> Result<Schedule, Vec<Invalid>> {
        let mut reader = Reader::new(rules, id, old);
        let read = reader.schedule(self).or_else(|| old.map(|old| old.schedule.clone()));
        read.filter(|_| reader.faults.is_empty()).ok_or(reader.faults)
    }
}

struct Reader<'a> {
    rules: Rules<'a>,
    id: JobId,
    /// What there is already; none of a new job.
    old: Option<&'a Spec>,
    faults: Vec<Invalid>,
}

impl<'a> Reader<'a> {
    fn new(rules: Rules<'a>, id: JobId, old: Option<&'a Spec>) -> Self {
        Self { rules, id, old, faults: Vec::new() }
    }

    /// Reads it all. A new job that lacks what it must have is a fault here already, so that all faults come together.
    fn read(mut self, mut draft: Draft) -> Result<Change, Vec<Invalid>> {
        self.faults.append(&mut draft.faults);
        if self.old.is_none() && draft.url.is_none() {
            self.missing(&["url"], "the URL is missing; it looks like https://example.com/path");
        }
        let change = Change {
            endpoint: draft.url.as_deref().and_then(|url| self.endpoint(url)),
            schedule: self.schedule(&draft),
            request: self.request(&mut draft),
            retry: self.retry(&draft),
            sla: draft.sla.as_ref().and_then(|sla| self.sla(sla.as_deref())),
            success: draft.success.as_deref().and_then(|success| self.note(success.parse())),
            lease: draft.lease.as_deref().and_then(|lease| self.lease(lease)),
            steer: draft.steer.as_ref().and_then(|limits| self.steer(limits.as_ref())),
            name: draft.name.take().and_then(|name| self.name(name.unwrap_or_default())),
            tags: draft.tags.take().and_then(|tags| self.tags(tags)),
            active: draft.active,
            ..Change::default()
        };
        self.sla_and_schedule(&change);
        if self.faults.is_empty() { Ok(change) } else { Err(self.faults) }
    }

    /// Notes that the first of `fields` is missing, unless one of them is there, of the wrong type.
    fn missing(&mut self, fields: &[&'static str], detail: &str) {
        if self.faults.iter().all(|fault| !fields.contains(&fault.field.as_ref())) {
            self.faults.push(Invalid::new(fields[0], "missing", detail));
        }
    }

    /// The value, or else its fault is noted.
    fn note<T>(&mut self, read: Result<T, Invalid>) -> Option<T> {
        read.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn endpoint(&mut self, url: &str) -> Option<Endpoint> {
        let endpoint = self.note(Endpoint::parse(url))?;
        // What was allowed once does not stop another edit now; the worker looks at each call anyway.
        if self.old.is_some_and(|old| old.endpoint == endpoint) {
            return Some(endpoint);
        }
        let checked = self.rules.networks.check(&endpoint);
        self.note(checked).map(|()| endpoint)
    }

    fn request(&mut self, draft: &mut Draft) -> Option<Request> {
        let old = self.old.map(|old| old.request.clone()).unwrap_or_default();
        let mut new = old.clone();
        if let Some(method) = draft.method.take().and_then(|method| self.note(method.parse())) {
            new.method = method;
        }
        if let Some(headers) = draft.headers.take() {
            let read = headers.pairs().and_then(Headers::new);
            new.headers = self.note(read).unwrap_or_default();
        }
        if let Some(body) = draft.body.take() {
            // An empty body is none.
            new.body = body.filter(|body| !body.is_empty());
            self.note(new.body.as_deref().map_or(Ok(()), Request::check_body));
        }
        new.secret = draft.secret.unwrap_or(old.secret);
        if let Some(timeout) = draft.timeout.take() {
            // Most pools allow less than that, which only the store can tell.
            let read = duration::parse_within("timeout", &timeout, MIN_TIMEOUT, MAX_POOL_TIMEOUT);
            new.timeout = self.note(read).unwrap_or(old.timeout);
        }
        (new != old).then_some(new)
    }

    fn retry(&mut self, draft: &Draft) -> Option<Retry> {
        if draft.attempts.is_none() && draft.backoff.is_none() && draft.on.is_none() {
            return None;
        }
        let old = self.old.map(|old| old.retry.clone()).unwrap_or_default();
        let attempts = draft.attempts.as_deref().map_or(Ok(old.attempts), |text| {
            let invalid = |_| Invalid::new("retry", "out_of_range", "the attempts may be from 1 to 20");
            text.trim().parse().map_err(invalid)
        });
        let backoff = draft.backoff.as_deref().map_or(Ok(old.backoff), |text| duration::parse("retry", text));
        let on = draft.on.as_deref().map_or(Ok(old.on), str::parse::<Temporary>);
        let (attempts, backoff, on) = (self.note(attempts), self.note(backoff), self.note(on));
        self.note(Retry::new(attempts?, backoff?)).and_then(|new| Some(new.on(on?)))
    }

    #[allow(clippy::option_option)] // As in `Change`: cleared is not the same as kept.
    fn sla(&mut self, sla: Option<&str>) -> Option<Option<Duration>> {
        match sla {
            None => Some(None),
            Some(text) => self.note(duration::parse_within("sla", text, MIN_SLA, MAX_PERIOD)).map(Some),
        }
    }

    fn lease(&mut self, lease: &str) -> Option<Duration> {
        self.note(duration::parse_within("lease", lease, MIN_LEASE, MAX_LEASE))
    }

    #[allow(clippy::option_option)] // As in `Change`: cleared is not the same as kept.
    fn steer(&mut self, limits: Option<&RawLimits>) -> Option<Option<Steer>> {
        let Some(limits) = limits else { return Some(None) };
        let old = self.old.and_then(|old| old.steer);
        let read = |text: &Option<String>, old: Option<Duration>| match (text, old) {
            (Some(text), _) => duration::parse("steer", text),
            (None, Some(old)) => Ok(old),
            (None, None) => Err(Invalid::new("steer", "missing", "there must be both limits, `min` and `max`")),
        };
        let min = read(&limits.min, old.map(|old| old.min));
        let max = read(&limits.max, old.map(|old| old.max));
        let limits = min.and_then(|min| Steer::new(min, max?, self.rules.min_period));
        self.note(limits).map(Some)
    }

    fn name(&mut self, name: String) -> Option<String> {
        let name = name.trim().to_owned();
        self.note(Spec::check_name(&name)).map(|()| name)
    }

    fn tags(&mut self, tags: Vec<String>) -> Option<Vec<String>> {
        let mut kept: Vec<String> = Vec::new();
        for tag in tags {
            let tag = tag.trim().to_owned();
            if !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        self.note(Spec::check_tags(&kept)).map(|()| kept)
    }
}
