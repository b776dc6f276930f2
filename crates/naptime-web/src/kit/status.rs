//! Small marks that say how something stands.

use maud::{Markup, html};
use naptime_core::{DayFigures, Last, Outcome, Recent, Sla, Time, Trouble, Watch};

use super::format;

/// An outcome, with the status if there was one.
pub(crate) fn outcome(outcome: Outcome, status: Option<u16>) -> Markup {
    let text = match (outcome, status) {
        (Outcome::Ok | Outcome::Failed | Outcome::RedirectNotFollowed, Some(status)) => {
            format!("{} {status}", format::outcome(outcome))
        }
        _ => format::outcome(outcome).to_owned(),
    };
    html! { span class={ "pill " (format::tone(outcome)) } { (text) } }
}

/// How the last run ended, and when.
pub(crate) fn last(now: Time, last: &Last) -> Markup {
    html! {
        span title=(last.message) { (outcome(last.outcome, last.status)) }
        " " span.dim { (format::time(now, last.finished)) }
    }
}

/// The last occurrences, a stroke for each, the oldest first, and what is wrong.
pub(crate) fn strip(recent: &Recent, trouble: Option<(Trouble, Time)>) -> Markup {
    let said =
        format!("{} of the last {} failed", recent.failed(), format::counted(u64::from(recent.len()), "occurrence"));
    html! {
        @if !recent.is_empty() {
            span.ends role="img" aria-label=(said) title=(said) {
                @for well in recent.each() { @if well { i {} } @else { i.bad {} } }
            }
            @match trouble {
                Some((Trouble::Failing, _)) => span.pill.bad { "failing" },
                Some((Trouble::PutOff, _)) => span.pill.warn title="Its target asked not to be called for long." { "put off" },
                Some((Trouble::Flapping, _)) => span.pill.warn { "flapping" },
                None => {},
            }
        }
    }
}

/// The share of the calls of a day that ended well, and how late they were.
pub(crate) fn day(day: &DayFigures) -> Markup {
    html! { (success(day)) @if day.lag_p99().is_some() { ", " (lag(day)) } }
}

fn success(day: &DayFigures) -> Markup {
    html! {
        @if let Some(share) = day.success() {
            span.dim.whole title={ (format::count(day.ok)) " of " (format::counted(day.calls, "call")) " within 24 hours ended well" } {
                (format::percent(share))
            }
        }
    }
}

fn lag(day: &DayFigures) -> Markup {
    let said = format!("How late 99 % of {} within 24 hours were at most", format::counted(day.lag.count(), "call"));
    html! {
        @if let Some(most) = day.lag_p99() { span.dim.whole title=(said) { "lag " (format::bound(Some(most))) } }
    }
}

/// Whether an SLA is met. A promise runs from when the endpoint is first switched on.
pub(crate) fn sla(now: Time, sla: &Sla, watch: Option<&Watch>, last_ok: Option<Time>) -> Markup {
    let last_ok = last_ok.filter(|ok| watch.is_some_and(|watch| *ok >= watch.since));
    let ago = |watch: &Watch| format::relative(now, last_ok.unwrap_or(watch.since));
    // A new one has its time too.
    let never = last_ok.is_none();
    let (tone, text, why) = match watch {
        None => ("calm", "not yet", "It runs from when the endpoint is switched on.".to_owned()),
        Some(watch) if watch.is_broken(now) && never => {
            ("bad", "in breach", format!("There was no good call since it was promised, {}.", ago(watch)))
        }
        Some(watch) if watch.is_broken(now) => ("bad", "in breach", format!("The last good call was {}.", ago(watch))),
        Some(_) if never => ("calm", "waiting", "There was no good call yet.".to_owned()),
        Some(watch) => ("good", "met", format!("The last good call was {}.", ago(watch))),
    };
    let said = format!("At least every {sla}. {why}");
    html! { span class={ "pill " (tone) } title=(said) { (text) } }
}

/// When it is called next. What is due and not held is about to be, or late.
pub(crate) fn next(now: Time, due: Time) -> Markup {
    html! { @if due <= now { "due " } (format::time(now, due)) }
}

/// A switch for an endpoint, as a button of a form. It leads back to `back`.
pub(crate) fn switch(id: naptime_core::JobId, active: bool, back: &str) -> Markup {
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
