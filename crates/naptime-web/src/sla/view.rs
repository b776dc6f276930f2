//! SLAs as pages show them: shares, breaches, a day as a bar.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::{Breach, Cause, Lookback, Standing, Time, Watch, duration};
use naptime_store::Breached;

use crate::endpoints::url;
use crate::kit::format;
use crate::kit::layout::tile;

/// The width of a day's bar, in units of its picture: one for each minute.
const BAR: f64 = 1440.0;
/// The least width of what is drawn in it, so that no breach is too short to be seen.
const LEAST: f64 = 4.0;

/// A cause as people read it.
pub(super) fn cause(cause: Cause) -> Markup {
    let (tone, words, why) = match cause {
        Cause::TargetFailed => {
            ("bad", "target failed", "It was called in time and did not answer well, or not in time.")
        }
        Cause::LateStart => (
            "warn",
            "late start",
            "There were workers, but the call left late: they were full, or the schedule is too slow.",
        ),
        Cause::NoWorker => ("bad", "no worker", "No worker was there to call."),
        Cause::SwitchedOff => ("calm", "switched off", "It was switched off."),
    };
    html! { span class={ "pill " (tone) } title=(why) { (words) } }
}

/// The shares of time within the SLA, and the longest gap.
pub(super) fn shares(standing: &Standing, retention: Duration) -> Markup {
    let share = |lookback| standing.share(lookback).map_or("–".to_owned(), format::percent);
    let kept = duration::show(retention);
    html! {
        dl.tiles {
            (tile("Within SLA, last hour", &share(Lookback::Hour), ""))
            (tile("Last day", &share(Lookback::Day), ""))
            (tile("Last week", &share(Lookback::Week), ""))
            (tile("All that is kept", &share(Lookback::Retention), &kept))
            (tile("Longest gap", &format::millis(standing.longest_ms), ""))
        }
    }
}

/// A day up to `now`: when the SLA was kept, and when not. `breaches`: those of the day, one that lasts included.
pub(super) fn day(watch: &Watch, breaches: &[Breach], now: Time) -> Markup {
    let start = now - Duration::from_secs(86_400);
    let place = |from: Time, to: Time| {
        let from = from.max(start);
        let minutes = |duration: Duration| duration.as_secs_f64() / 60.0;
        let width = minutes(to.since(from)).max(LEAST);
        (minutes(from.since(start)).min(BAR - width), width)
    };
    let (x, width) = place(watch.since, now);
    let shown = breaches.iter().filter(|breach| breach.from >= watch.since && breach.to.is_none_or(|to| to > start));
    html! {
        figure.day {
            svg viewBox={ "0 0 " (BAR) " 24" } preserveAspectRatio="none" role="img"
                aria-label="The last day: full bars are breaches." {
                rect.kept x=(x) y="12" width=(width) height="12" {}
                @for breach in shown {
                    @let (x, width) = place(breach.from, breach.to.unwrap_or(now));
                    rect.broken x=(x) y="0" width=(width) height="24" {
                        title { (format::exact(breach.from)) ", " (format::took(breach.lasted(now))) }
                    }
                }
            }
            figcaption.note { span { "24 h ago" } span { "a full bar is a breach" } span { "now" } }
        }
    }
}

/// Breaches, with whose they are if `whose`.
pub(super) fn table(items: &[Breached], whose: bool, now: Time) -> Markup {
    html! {
        table.cards.breaches {
            thead {
                tr {
                    @if whose { th scope="col" { "Endpoint" } }
                    th scope="col" { "Cause" }
                    th scope="col" { "Since" }
                    th scope="col" { "Until" }
                    th.number scope="col" { "Lasted" }
                    @if whose { th scope="col" { "SLA" } }
                }
            }
            tbody {
                @for Breached { breach, job } in items {
                    tr {
                        @if whose {
                            th.whose scope="row" {
                                @match job {
                                    Some(job) => a href={ "/endpoints/" (job.id) } {
                                        @if job.name.is_empty() { (url(&job.endpoint)) } @else { (job.name) }
                                    },
                                    None => span.dim { "deleted, " code { (breach.job) } },
                                }
                            }
                        }
                        td data-label="Cause" { (cause(breach.cause)) }
                        td data-label="Since" { (format::clock(now, breach.from)) }
                        td data-label="Until" {
                            @match breach.to {
                                Some(to) => (format::clock(now, to)),
                                None => span.pill.bad { "lasts" },
                            }
                        }
                        td.number data-label="Lasted" { (format::took(breach.lasted(now))) }
                        @if whose {
                            td data-label="SLA" {
                                @match job.as_ref().and_then(|job| job.sla.as_ref()) {
                                    Some(sla) => { "every " (sla) },
                                    None => span.dim { "–" },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
