//! What people type and programs send, and how it becomes a job or a change: one path for forms and JSON.
//!
//! A [`Draft`] holds texts. Reading it finds all faults at once, so that a form can show each at its field. What a URL,
//! a duration or a header may be is decided in [`naptime_core`]; here is what depends on the settings, and on several
//! fields together.

use std::time::Duration;

use naptime_core::duration::{self, MAX_PERIOD};
use naptime_core::request::{MAX_TIMEOUT, MIN_TIMEOUT};
use naptime_core::{
    AllowedNetworks, Change, Endpoint, Headers, Invalid, Job, JobId, NewJob, Request, Retry, Schedule, Spec,
};

use crate::fault::Fault;
use crate::mask;

/// The shortest SLA.
const MIN_SLA: Duration = Duration::from_secs(1);

/// What the settings say of drafts.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// The networks that may be called beside the public internet.
    pub(crate) networks: &'a AllowedNetworks,
    /// The shortest period.
    pub(crate) min_period: Duration,
}

/// What was typed or sent. `None`: nothing was said, and what is there stays; `Some(None)`: it is to be cleared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) url: Option<String>,
    pub(crate) every: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) headers: Option<RawHeaders>,
    pub(crate) body: Option<Option<String>>,
    pub(crate) timeout: Option<String>,
    pub(crate) active: Option<bool>,
    pub(crate) sla: Option<Option<String>>,
    pub(crate) attempts: Option<String>,
    pub(crate) backoff: Option<String>,
    pub(crate) name: Option<Option<String>>,
    pub(crate) tags: Option<Vec<String>>,
    /// What was wrong before it was read: unknown fields and wrong types.
    pub(crate) faults: Vec<Fault>,
}

/// Headers as they came.
#[derive(Clone, Debug)]
pub(crate) enum RawHeaders {
    /// One on each line.
    Lines(String),
    /// Name and value.
    Pairs(Vec<(String, String)>),
}

impl Draft {
    /// Reads a draft of a new job.
    pub(crate) fn create(self, rules: Rules<'_>, id: JobId) -> Result<NewJob, Vec<Fault>> {
        let reader = Reader { rules, id, old: None, faults: Vec::new() };
        let change = reader.read(self)?;
        let missing = |field| vec![Fault::new(field, "missing", format!("`{field}` is missing"))];
        Ok(NewJob {
            id,
            active: change.active.unwrap_or(false),
            spec: Spec {
                endpoint: change.endpoint.ok_or_else(|| missing("url"))?,
                schedule: change.schedule.ok_or_else(|| missing("every"))?,
                request: change.request.unwrap_or_default(),
                retry: change.retry.unwrap_or_default(),
                sla: change.sla.flatten(),
                name: change.name.unwrap_or_default(),
                tags: change.tags.unwrap_or_default(),
            },
        })
    }

    /// Reads a draft of a change to `old`.
    pub(crate) fn change(self, rules: Rules<'_>, old: &Job) -> Result<Change, Vec<Fault>> {
        Reader { rules, id: old.id, old: Some(&old.spec), faults: Vec::new() }.read(self)
    }
}

struct Reader<'a> {
    rules: Rules<'a>,
    id: JobId,
    old: Option<&'a Spec>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    /// Reads it all. A new job that lacks what it must have is a fault here already, so that all faults come together.
    fn read(mut self, mut draft: Draft) -> Result<Change, Vec<Fault>> {
        self.faults.append(&mut draft.faults);
        if self.old.is_none() {
            self.require("url", draft.url.is_some(), "the URL is missing; it looks like https://example.com/path");
            self.require("every", draft.every.is_some(), "the period is missing; write it like 10s, 5m or 1h 30m");
        }
        let change = Change {
            endpoint: draft.url.as_deref().and_then(|url| self.endpoint(url)),
            schedule: draft.every.as_deref().and_then(|every| self.schedule(every)),
            request: self.request(&mut draft),
            retry: self.retry(&draft),
            sla: draft.sla.as_ref().and_then(|sla| self.sla(sla.as_deref())),
            name: draft.name.take().and_then(|name| self.name(name.unwrap_or_default())),
            tags: draft.tags.take().and_then(|tags| self.tags(tags)),
            active: draft.active,
        };
        self.sla_and_period(&change);
        if self.faults.is_empty() { Ok(change) } else { Err(self.faults) }
    }

    fn require(&mut self, field: &'static str, there: bool, detail: &str) {
        // A field of the wrong type is there, and its fault is known.
        if !there && self.faults.iter().all(|fault| fault.field != field) {
            self.faults.push(Fault::new(field, "missing", detail));
        }
    }

    /// The value, or else its fault is noted.
    fn note<T>(&mut self, read: Result<T, impl Into<Fault>>) -> Option<T> {
        read.map_err(|fault| self.faults.push(fault.into())).ok()
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

    fn schedule(&mut self, every: &str) -> Option<Schedule> {
        let period = self.note(duration::parse_within("every", every, self.rules.min_period, MAX_PERIOD))?;
        match self.old.map(|old| &old.schedule) {
            // The same period keeps its grid.
            Some(old) if period_of(old) == Some(period) => Some(old.clone()),
            _ => Some(Schedule::every(period, self.id)),
        }
    }

    fn request(&mut self, draft: &mut Draft) -> Option<Request> {
        let old = self.old.map(|old| old.request.clone()).unwrap_or_default();
        let mut new = old.clone();
        if let Some(method) = draft.method.take().and_then(|method| self.note(method.parse())) {
            new.method = method;
        }
        if let Some(headers) = draft.headers.take() {
            let stored = self.old.map(|old| &old.request.headers);
            let read = read_headers(headers, stored);
            new.headers = self.note(read).unwrap_or_default();
        }
        if let Some(body) = draft.body.take() {
            // An empty body is none.
            new.body = body.filter(|body| !body.is_empty());
            self.note(new.body.as_deref().map_or(Ok(()), Request::check_body));
        }
        if let Some(timeout) = draft.timeout.take() {
            let read = duration::parse_within("timeout", &timeout, MIN_TIMEOUT, MAX_TIMEOUT);
            new.timeout = self.note(read).unwrap_or(old.timeout);
        }
        (new != old).then_some(new)
    }

    fn retry(&mut self, draft: &Draft) -> Option<Retry> {
        if draft.attempts.is_none() && draft.backoff.is_none() {
            return None;
        }
        let old = self.old.map(|old| old.retry).unwrap_or_default();
        let attempts = draft.attempts.as_deref().map_or(Ok(old.attempts), |text| {
            let invalid = |_| Invalid::new("retry", "out_of_range", "the attempts may be from 1 to 20");
            text.trim().parse().map_err(invalid)
        });
        let backoff = draft.backoff.as_deref().map_or(Ok(old.backoff), |text| duration::parse("retry", text));
        let (attempts, backoff) = (self.note(attempts)?, self.note(backoff)?);
        self.note(Retry::new(attempts, backoff))
    }

    #[allow(clippy::option_option)] // As in `Change`: cleared is not the same as kept.
    fn sla(&mut self, sla: Option<&str>) -> Option<Option<Duration>> {
        match sla {
            None => Some(None),
            Some(text) => self.note(duration::parse_within("sla", text, MIN_SLA, MAX_PERIOD)).map(Some),
        }
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

    /// An SLA shorter than the period could never be met.
    fn sla_and_period(&mut self, change: &Change) {
        let schedule = change.schedule.as_ref().or(self.old.map(|old| &old.schedule));
        let sla = change.sla.unwrap_or(self.old.and_then(|old| old.sla));
        let (Some(period), Some(sla)) = (schedule.and_then(period_of), sla) else { return };
        if sla >= period {
            return;
        }
        let (period, sla) = (duration::show(period), duration::show(sla));
        self.faults.push(match change.sla {
            Some(_) => Fault::new(
                "sla",
                "shorter_than_period",
                format!("{sla} is shorter than the period of {period}, so it could never be met"),
            ),
            None => Fault::new(
                "every",
                "longer_than_sla",
                format!("{period} is longer than the SLA of {sla}, which could never be met; change both"),
            ),
        });
    }
}

/// The period of a recurring schedule.
pub(crate) fn period_of(schedule: &Schedule) -> Option<Duration> {
    match schedule {
        Schedule::Every { period, .. } => Some(*period),
    }
}

fn read_headers(raw: RawHeaders, stored: Option<&Headers>) -> Result<Headers, Fault> {
    let mut pairs = match raw {
        RawHeaders::Pairs(pairs) => pairs,
        RawHeaders::Lines(text) => Headers::split_lines(&text)?,
    };
    mask::unmask(&mut pairs, stored)?;
    Ok(Headers::new(pairs)?)
}

#[cfg(test)]
mod tests {
    use naptime_core::{Method, Time};

    use super::*;

    fn id() -> JobId {
        uuid::Uuid::from_u128(7).into()
    }

    fn create(draft: Draft, networks: &str) -> Result<NewJob, Vec<(String, &'static str)>> {
        let networks = networks.parse().unwrap();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        draft.create(rules, id()).map_err(|faults| faults.into_iter().map(|f| (f.field.into_owned(), f.code)).collect())
    }

    fn change(draft: Draft, old: &Job) -> Result<Change, Vec<(String, &'static str)>> {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        draft.change(rules, old).map_err(|faults| faults.into_iter().map(|f| (f.field.into_owned(), f.code)).collect())
    }

    fn minimal() -> Draft {
        Draft { url: Some("https://example.com/".into()), every: Some("5m".into()), ..Draft::default() }
    }

    fn job(draft: Draft) -> Job {
        create(draft, "").unwrap().into_job(Time::from_millis(0))
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let new = create(minimal(), "").unwrap();
        assert!(!new.active, "nothing is called until someone switches it on");
        assert_eq!(new.spec.request, Request::default());
        assert_eq!(new.spec.retry, Retry::default());
        assert_eq!(new.spec.schedule, Schedule::every(Duration::from_secs(300), id()));
    }

    #[test]
    fn all_faults_come_together_each_at_its_field() {
        let draft = Draft {
            every: Some("0".into()),
            method: Some("BREW".into()),
            headers: Some(RawHeaders::Lines("Host: x".into())),
            body: Some(Some("x".repeat(300_000))),
            timeout: Some("301s".into()),
            sla: Some(Some("x".into())),
            attempts: Some("0".into()),
            name: Some(Some("x".repeat(101))),
            tags: Some(vec![" ".into()]),
            ..Draft::default()
        };
        let faults = create(draft, "").unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["url", "every", "method", "headers", "body", "timeout", "retry", "sla", "name", "tags"]);
    }

    #[test]
    fn urls_that_lead_where_no_call_may_go_are_refused() {
        let check = |url: &str, networks: &str, fine: bool| {
            let result = create(Draft { url: Some(url.into()), ..minimal() }, networks);
            let expect = if fine { None } else { Some(vec![("url".to_owned(), "blocked_address")]) };
            assert_eq!(result.err(), expect, "{url} with `{networks}`");
        };
        check("http://127.1/", "", false);
        check("http://2130706433/", "", false);
        check("http://[::ffff:10.0.0.1]/", "", false);
        check("http://169.254.169.254/", "", false);
        check("http://localhost:8080/", "", false);
        check("http://a.localhost./", "", false);
        check("http://localhost:8080/", "127.0.0.0/8", true);
        check("http://127.0.0.1/", "127.0.0.0/8", true);
        check("http://notlocalhost/", "", true);
        check("http://1.1.1.1/", "", true);
    }

    #[test]
    fn an_unmet_sla_is_a_fault_of_what_was_changed() {
        let sla = |sla: &str| Some(Some(sla.to_owned()));
        assert!(create(Draft { sla: sla("5m"), ..minimal() }, "").is_ok());
        let faults = create(Draft { sla: sla("4m"), ..minimal() }, "").unwrap_err();
        assert_eq!(faults, [("sla".to_owned(), "shorter_than_period")]);
        let old = job(Draft { sla: sla("10m"), ..minimal() });
        let slower = Draft { every: Some("1h".into()), ..Draft::default() };
        assert_eq!(change(slower.clone(), &old).unwrap_err(), [("every".to_owned(), "longer_than_sla")]);
        assert!(change(Draft { sla: Some(None), ..slower }, &old).is_ok());
    }

    #[test]
    fn what_is_not_said_stays() {
        let old = job(minimal());
        assert_eq!(change(Draft::default(), &old).unwrap(), Change::default());
        let posted = change(Draft { method: Some("post".into()), ..Draft::default() }, &old).unwrap();
        assert_eq!(posted.request.unwrap().method, Method::Post);
        assert_eq!(posted.endpoint, None);
    }

    #[test]
    fn a_mask_keeps_what_is_stored() {
        let lines = |text: &str| Draft { headers: Some(RawHeaders::Lines(text.into())), ..minimal() };
        let old = job(lines("Authorization: Bearer x\nX-A: 1"));
        let new = change(lines("Authorization: ••••\nX-A: 2"), &old).unwrap().request.unwrap();
        let pairs: Vec<_> = new.headers.iter().collect();
        assert_eq!(pairs, [("Authorization", "Bearer x"), ("X-A", "2")]);
    }
}
