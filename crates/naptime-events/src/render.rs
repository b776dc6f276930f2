//! A rule and an event make an act on a job.

use naptime_core::{Action, Draft, Invalid, RawHeaders, RawLimits, Rule, Template};

use crate::event::{Event, MAX_KEY, check_text};
use crate::template::{self, Piece, Values, Work};
use crate::{body, place};

/// What a rule makes of an event.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// The key of the job.
    pub(crate) job: String,
    /// What is done to it.
    pub(crate) what: What,
}

/// What is done to a job.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// It is made from this draft, or changed by it.
    Upsert(Box<Draft>),
    /// It is deleted.
    Delete,
    /// It is switched off.
    SwitchOff,
}

/// What each rule makes of an event, or why it makes nothing.
pub(crate) type Rendered = Vec<(Rule, Result<Act, Vec<Invalid>>)>;

/// Fills in the templates of rules. It computes, so it is not for a thread that others wait for.
pub(crate) fn all(rules: Vec<Rule>, event: &Event) -> Rendered {
    let (values, until) = (template::values(event), Work::deadline());
    rules
        .into_iter()
        .map(|rule| {
            let act = render(&rule, &values, Work::new(until));
            (rule, act)
        })
        .collect()
}

/// Fills in the templates of a rule.
///
/// # Errors
/// `does_not_render` at each field whose template asks for what the event doesn't have, takes too much work or makes
/// too much; and a key at `job` that is none.
fn render(rule: &Rule, values: &Values, work: Work) -> Result<Act, Vec<Invalid>> {
    let mut renderer = Renderer { values, work, faults: Vec::new() };
    let job = renderer.render("job", &rule.job);
    if let Err(fault) = check_text("job", &job, MAX_KEY)
        && renderer.faults.is_empty()
    {
        renderer.faults.push(fault);
    }
    let what = match &rule.then {
        Action::Upsert(template) => What::Upsert(Box::new(renderer.draft(template))),
        Action::Delete => What::Delete,
        Action::SwitchOff => What::SwitchOff,
    };
    if renderer.faults.is_empty() { Ok(Act { job, what }) } else { Err(renderer.faults) }
}

/// The draft of a template that needs no event.
///
/// # Errors
/// At each field that does need one.
pub(crate) fn without_event(job: &Template) -> Result<Draft, Vec<Invalid>> {
    let (values, work) = (Values::new(), Work::new(Work::deadline()));
    let mut renderer = Renderer { values: &values, work, faults: Vec::new() };
    let draft = renderer.draft(job);
    if renderer.faults.is_empty() { Ok(draft) } else { Err(renderer.faults) }
}

/// What can be said of the type of a body before there is an event.
///
/// # Errors
/// `bad_template` at the body if nothing says what it is, whatever the event.
pub(crate) fn check_body(job: &Template) -> Result<(), Invalid> {
    let may_be_typed =
        |(name, _): &(String, String)| is_content_type(name) || ["{{", "{%"].iter().any(|open| name.contains(open));
    match &job.body {
        Some(source) if !job.headers.iter().any(may_be_typed) => {
            let Some(literals) = template::literals(source) else { return Ok(()) };
            body::check_untyped(&literals).map_err(|detail| Invalid::new("body", "bad_template", detail))
        }
        _ => Ok(()),
    }
}

fn is_content_type(header: &str) -> bool {
    header.trim().eq_ignore_ascii_case("content-type")
}

struct Renderer<'a> {
    values: &'a Values,
    work: Work,
    faults: Vec<Invalid>,
}

impl Renderer<'_> {
    /// What comes out, in pieces; nothing if it fails, and the fault is noted.
    fn pieces(&mut self, field: &'static str, source: &str) -> Vec<Piece> {
        template::render(field, source, self.values, &mut self.work).unwrap_or_else(|fault| {
            self.faults.push(fault);
            Vec::new()
        })
    }

    fn render(&mut self, field: &'static str, source: &str) -> String {
        body::plain(&self.pieces(field, source))
    }

    fn url(&mut self, source: &str) -> String {
        let pieces = self.pieces("url", source);
        place::url(&pieces).unwrap_or_else(|detail| {
            self.faults.push(Invalid::new("url", "does_not_render", detail));
            String::new()
        })
    }

    fn body(&mut self, source: Option<&String>, headers: &[(String, String)]) -> Option<String> {
        let pieces = self.pieces("body", source?);
        let mut types = headers.iter().filter(|(name, _)| is_content_type(name)).map(|(_, value)| value.as_str());
        let text = body::body(&pieces, types.find(|value| !value.trim().is_empty())).unwrap_or_else(|detail| {
            self.faults.push(Invalid::new("body", "does_not_render", detail));
            String::new()
        });
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// A text that is given and not blank.
    fn text(&mut self, field: &'static str, source: Option<&String>) -> Option<String> {
        Some(self.render(field, source?)).filter(|text| !text.trim().is_empty())
    }

    /// Those that are not blank.
    fn texts(&mut self, field: &'static str, sources: &[String]) -> Vec<String> {
        sources.iter().filter_map(|source| self.text(field, Some(source))).collect()
    }

    /// The limits, if there is one at least.
    fn limits(&mut self, job: &Template) -> Option<RawLimits> {
        let min = self.text("steer", job.steer.min.as_ref());
        let max = self.text("steer", job.steer.max.as_ref());
        (min.is_some() || max.is_some()).then_some(RawLimits { min, max })
    }

    fn draft(&mut self, job: &Template) -> Draft {
        let headers: Vec<(String, String)> = job
            .headers
            .iter()
            .map(|(name, value)| (self.render("headers", name), self.render("headers", value)))
            .collect();
        let url = self.url(&job.url);
        let body = self.body(job.body.as_ref(), &headers);
        Draft {
            url: Some(url),
            every: self.text("every", job.every.as_ref()),
            jitter: Some(self.text("jitter", job.jitter.as_ref())),
            align: Some(job.align),
            cron: self.text("cron", job.cron.as_ref()),
            random: self.text("random", job.random.as_ref()),
            window: Some(self.text("window", job.window.as_ref())),
            days: Some(Some(self.texts("days", &job.days)).filter(|days| !days.is_empty())),
            tz: Some(self.text("tz", job.tz.as_ref())),
            method: self.text("method", job.method.as_ref()),
            headers: Some(RawHeaders::Pairs(headers)),
            body: Some(body),
            secret: Some(job.secret),
            timeout: self.text("timeout", job.timeout.as_ref()),
            active: Some(job.active),
            sla: Some(self.text("sla", job.sla.as_ref())),
            attempts: self.text("retry", job.retry.attempts.as_ref()),
            backoff: self.text("retry", job.retry.backoff.as_ref()),
            on: self.text("retry", job.retry.on.as_ref()),
            success: self.text("success", job.success.as_ref()),
            lease: self.text("lease", job.lease.as_ref()),
            steer: Some(self.limits(job)),
            name: Some(self.text("name", job.name.as_ref())),
            tags: Some(self.texts("tags", &job.tags)),
            ..Draft::default()
        }
    }
}

#[cfg(test)]
mod tests;
