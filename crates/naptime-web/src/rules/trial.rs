//! What an event would do, without doing it.

use maud::{Markup, html};
use naptime_core::{Invalid, Job, Rule, duration};
use naptime_events::{Did, Done, Event, Failed, apply};

use crate::app::App;
use crate::kit::PageError;
use crate::kit::mask;

/// What an event would do, or what is wrong with it or with what the rules make of it.
pub(super) struct Trial(pub(super) Result<Vec<Done>, Vec<Invalid>>);

/// Tries an event, as it was typed, with all rules or with this one alone.
pub(super) async fn run(app: &App, sample: &str, rule: Option<Rule>) -> Result<Trial, PageError> {
    let event = match Event::read(sample.trim().as_bytes()) {
        Ok(event) => event,
        Err(fault) => return Ok(Trial(Err(vec![fault]))),
    };
    let store = app.store.as_ref();
    let foreseen = match rule {
        Some(rule) => apply::foresee_rule(store, app.limits(), rule, &event).await,
        None => apply::foresee(store, app.limits(), &event).await,
    };
    match foreseen {
        Ok(done) => Ok(Trial(Ok(done))),
        Err(Failed::Refused(faults)) => Ok(Trial(Err(faults))),
        Err(Failed::Store(error)) => Err(error.into()),
    }
}

impl Trial {
    /// The part of a page that shows it.
    pub(super) fn part(&self) -> Markup {
        html! {
            div.trial role="status" {
                @match &self.0 {
                    Err(faults) => div.notice.bad {
                        p { strong { "The event would be refused, and nothing done." } }
                        ul { @for fault in faults { li { code { (fault.field) } ": " (fault.detail) } } }
                    },
                    Ok(done) if done.is_empty() => p.note { "No rule that waits for this event is enabled: nothing would be done." },
                    Ok(done) => @for done in done { (foreseen(done)) },
                }
            }
        }
    }
}

fn foreseen(done: &Done) -> Markup {
    let (tone, what) = match done.did {
        Did::Added => ("good", "would be added"),
        Did::Changed => ("good", "would be changed"),
        Did::Unchanged => ("calm", "is as it says already"),
        Did::Deleted => ("warn", "would be deleted"),
        Did::SwitchedOff => ("warn", "would be switched off"),
        Did::Nothing if done.job.is_some() => ("calm", "is switched off already"),
        Did::Nothing => ("calm", "isn't there, so nothing would be done"),
    };
    let shows = matches!(done.did, Did::Added | Did::Changed | Did::Unchanged);
    html! {
        p {
            @if !done.rule.is_empty() { "Rule " strong { (done.rule) } ": the" } @else { "The" }
            " endpoint of the key " code { (done.key) } " " span class={ "pill " (tone) } { (what) }
            @if let Some(job) = done.job.as_ref().filter(|_| done.did != Did::Added) {
                " " a href={ "/endpoints/" (job.id) } target="_blank" { "See it" }
            }
        }
        @if let Some(job) = done.job.as_ref().filter(|_| shows) { (facts(job)) }
    }
}

fn facts(job: &Job) -> Markup {
    let (spec, request) = (&job.spec, &job.spec.request);
    html! {
        dl.facts {
            dt { "URL" } dd.where { (request.method) " " (spec.shown_endpoint()) }
            dt { "Schedule" } dd { (spec.schedule.describe()) @if !job.active { ", switched off" } }
            @if !request.headers.is_empty() {
                dt { "Headers" }
                dd { pre { @for (name, value) in mask::masked(&request.headers) { (name) ": " (value) "\n" } } }
            }
            @if let Some(body) = mask::body(request) { dt { "Body" } dd { pre { "\n" (body) } } }
            dt { "Timeout" } dd { (duration::show(request.timeout)) }
            @if !spec.name.is_empty() { dt { "Name" } dd { (spec.name) } }
            @if !spec.tags.is_empty() { dt { "Tags" } dd { @for tag in &spec.tags { span.tag { (tag) } " " } } }
        }
    }
}
