//! What a form comes to before it is sent: the next calls, how they are spread, and who calls the same URL already.

use maud::{Markup, html};
use naptime_core::{Invalid, Time, Zone};
use naptime_store::JobSummary;

use super::spread::Among;

/// What is shown below the fields of the timing.
pub(super) struct Preview {
    /// When it would be called; none if nothing is typed yet.
    pub(super) planned: Option<Result<Planned, Vec<Invalid>>>,
    /// Other endpoints of the same URL.
    pub(super) others: Vec<JobSummary>,
}

/// The next calls.
pub(super) struct Planned {
    /// The zone to tell them in.
    pub(super) zone: Zone,
    pub(super) times: Vec<Time>,
    /// How they are spread; none unless they come in a period.
    pub(super) among: Option<Among>,
}

impl Preview {
    /// The part of the page that the script puts in place of the one before.
    pub(super) fn part(&self) -> Markup {
        html! {
            div #preview aria-live="polite" {
                (self.others())
                div.preview {
                    @match &self.planned {
                        None => p.hint { "The next five calls are shown here." },
                        Some(Err(faults)) => @for fault in faults { p.hint { (fault.detail) } },
                        Some(Ok(Planned { times, .. })) if times.is_empty() => p.hint {
                            "No call is to come: its last time is over, or it is paused until somebody resumes it."
                        },
                        Some(Ok(Planned { zone, times, among })) => {
                            // The script adds the times of whoever looks at them.
                            p.hint data-zone=(zone) { "Next calls while it is active, in " (zone) span.in-yours hidden {} }
                            ol {
                                @for time in times {
                                    li { time datetime=(time) { (zone.show(*time)) } span.yours hidden {} }
                                }
                            }
                            @if let Some(note) = Zone::note(zone.name()) { p.hint { (note) } }
                            @if let Some(among) = among { (among.part()) }
                        }
                    }
                }
            }
        }
    }

    fn others(&self) -> Markup {
        html! {
            @if !self.others.is_empty() {
                div.others {
                    p { "This URL exists already. It may be called in several ways:" }
                    ul {
                        @for job in &self.others {
                            li {
                                a href={ "/endpoints/" (job.id) } target="_blank" {
                                    @if job.name.is_empty() { "without a name" } @else { (job.name) }
                                }
                                ", " (job.schedule.describe()) @if !job.active { ", switched off" }
                            }
                        }
                    }
                }
            }
        }
    }
}
