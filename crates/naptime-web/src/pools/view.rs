//! How a pool is shown, wherever it is.

use maud::{Markup, html};
use naptime_core::{Pool, PoolSettings};

use super::name::path;
use crate::kit::format;

/// The address of a pool's page.
pub(crate) fn href(pool: &Pool) -> String {
    format!("/pools/{}", path(pool))
}

/// A pool, as a link to its page.
pub(crate) fn link(pool: &Pool) -> Markup {
    html! { a.url href=(href(pool)) { (pool) } }
}

/// Its limits in words; none if it has none.
pub(super) fn limits(settings: &PoolSettings) -> Option<String> {
    let in_flight = settings.max_in_flight.map(|limit| format!("{} in flight", format::count(limit)));
    let per_second = settings.max_per_second.map(|limit| format!("{} per second", format::count(limit)));
    let limits: Vec<String> = in_flight.into_iter().chain(per_second).collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// A mark at what belongs to a pool that is switched off, down or limited, as a link to the pool.
pub(crate) fn mark(settings: Option<&PoolSettings>) -> Markup {
    let Some(settings) = settings else { return html! {} };
    let href = href(&settings.pool);
    html! {
        @if !settings.active {
            a.pill.warn href=(href) title="Nothing of this pool is called until it is switched on." { "pool off" }
        } @else if settings.down.is_some() {
            a.pill.warn href=(href) title="Its host is down, or has just come back: calls are held back." { "pool down" }
        } @else if let Some(limits) = limits(settings) {
            a.pill.calm href=(href) title={ "The most calls of this pool: " (limits) } { "pool limited" }
        }
    }
}

/// A switch for a pool, which leads back to `back`. Before it switches off, it asks.
pub(super) fn switch(settings: &PoolSettings, back: &str) -> Markup {
    let active = settings.active;
    let (method, label) = if active { ("get", "Switch off…") } else { ("post", "Switch on") };
    html! {
        form method=(method) action={ (href(&settings.pool)) "/switch" } {
            @if !active { input type="hidden" name="active" value="true"; }
            input type="hidden" name="back" value=(back);
            button.switch role="switch" aria-checked=(active) aria-label={ "Active: " (settings.pool) } title=(label) {
                span.knob {}
                span.word { @if active { "on" } @else { "off" } }
            }
        }
    }
}
