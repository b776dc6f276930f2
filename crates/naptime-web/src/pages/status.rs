//! Small marks that say how something stands.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::{Last, Outcome, Time, duration};

use crate::format;

/// An outcome, with the status if there was one.
pub(super) fn outcome(outcome: Outcome, status: Option<u16>) -> Markup {
    let text = match (outcome, status) {
        (Outcome::Ok | Outcome::Failed | Outcome::RedirectNotFollowed, Some(status)) => {
            format!("{} {status}", format::outcome(outcome))
        }
        _ => format::outcome(outcome).to_owned(),
    };
    html! { span class={ "pill " (format::tone(outcome)) } { (text) } }
}

/// How the last run ended, and when.
pub(super) fn last(now: Time, last: &Last) -> Markup {
    html! {
        span title=(last.message) { (outcome(last.outcome, last.status)) }
        " " span.dim { (format::time(now, last.finished)) }
    }
}

/// What an SLA is measured by.
pub(super) struct Promise {
    pub(super) sla: Duration,
    pub(super) active: bool,
    /// When it last went well.
    pub(super) last_ok: Option<Time>,
    /// Since when it could have.
    pub(super) since: Time,
}

/// Whether an SLA is kept: the last successful call is no longer ago than it allows.
pub(super) fn sla(now: Time, promise: &Promise) -> Markup {
    let (sla, within) = (duration::show(promise.sla), |time: Time| now.since(time) <= promise.sla);
    let (tone, text, why) = match promise.last_ok {
        _ if !promise.active => ("calm", "off", "It is switched off.".to_owned()),
        Some(ok) if within(ok) => ("good", "kept", format!("The last good call was {}.", format::relative(now, ok))),
        Some(ok) => ("bad", "missed", format!("The last good call was {}.", format::relative(now, ok))),
        // A new one has its time too.
        None if within(promise.since) => ("calm", "waiting", "There was no good call yet.".to_owned()),
        None => ("bad", "missed", "There was no good call yet.".to_owned()),
    };
    let said = format!("At least every {sla}. {why}");
    html! { span class={ "pill " (tone) } title=(said) { (text) } }
}

/// When it is called next. What is due and not held is about to be, or late.
pub(super) fn next(now: Time, due: Time) -> Markup {
    html! { @if due <= now { "due " } (format::time(now, due)) }
}

/// A switch for an endpoint, as a button of a form. It leads back to `back`.
pub(super) fn switch(id: naptime_core::JobId, active: bool, back: &str) -> Markup {
    let label = if active { "Switch off" } else { "Switch on" };
    html! {
        form method="post" action={ "/endpoints/" (id) "/switch" } {
            input type="hidden" name="active" value=(!active);
            input type="hidden" name="back" value=(back);
            button.switch role="switch" aria-checked=(active) aria-label="Active" title=(label) {
                span.knob {}
                span.word { @if active { "on" } @else { "off" } }
            }
        }
    }
}
