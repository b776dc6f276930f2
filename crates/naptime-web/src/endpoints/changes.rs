//! What changed when or whether an endpoint is called, and who did it.

use maud::{Markup, html};
use naptime_core::{By, Noted, Time};

use crate::kit::format;
use crate::kit::layout::live;

/// The changes shown at once; the earlier ones are folded away.
const SHOWN: usize = 5;

/// The latest changes, given oldest first, as a part of the page; nothing if there are none.
pub(super) fn part(changes: &[Noted], now: Time) -> Markup {
    let earlier = changes.len().saturating_sub(SHOWN);
    live(
        "changes",
        &html! {
            @if !changes.is_empty() {
                section.changes aria-labelledby="changes" {
                    h2 #changes { "Changes" }
                    (table(&changes[earlier..], now))
                @if earlier > 0 {
                    details.more {
                        summary { (format::counted(earlier as u64, "earlier change")) }
                        (table(&changes[..earlier], now))
                    }
                }
                }
            }
        },
    )
}

fn table(changes: &[Noted], now: Time) -> Markup {
    html! {
        table.cards.changes {
            thead {
                tr {
                    th scope="col" { "When" }
                    th scope="col" { "By" }
                    th scope="col" { "Change" }
                }
            }
            tbody {
                @for change in changes.iter().rev() {
                    tr {
                        td data-label="When" { (format::clock(now, change.at)) }
                        td data-label="By" { (by(&change.by)) }
                        td.what data-label="Change" { (change.what) }
                    }
                }
            }
        }
    }
}

fn by(by: &By) -> Markup {
    html! {
        @match by {
            By::Person => "a person",
            By::Target => span.pill.calm title="By a header of its answer" { "the target" },
            By::Rule(name) => { "rule " span.name { (name) } },
            By::Clock => span.pill.warn title="The clock of the store was wrong, and was set back" { "Naptime" },
        }
    }
}
