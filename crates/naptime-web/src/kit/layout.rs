//! The frame around every page.

use maud::{DOCTYPE, Markup, html};
use naptime_core::Invalid;
use naptime_core::problem::Severity;
use naptime_store::Unreadable;

use super::assets;
use super::notice;
use crate::app::App;

/// The place of a page in the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Endpoints,
    Runs,
    Jobs,
    Pools,
    Sla,
    Alerts,
    Rules,
    None,
}

/// The frame of a page.
pub(crate) struct Layout<'a> {
    title: &'a str,
    tab: Tab,
    /// Whether there is somebody to log out.
    logout: bool,
    /// Whether the menu is shown: who is not let in has no use for it.
    menu: bool,
    /// How many problems there are, and how much the worst of them matters, as far as somebody has looked.
    problems: Option<(u64, Severity)>,
    /// The time zone of what the page is about, if that is another than UTC.
    zone: Option<&'a str>,
}

impl<'a> Layout<'a> {
    /// A page of the menu.
    pub(crate) fn new(app: &App, tab: Tab, title: &'a str) -> Self {
        let look = app.watcher.last();
        let problems = look.and_then(|look| Some((look.found.total, look.found.severity()?)));
        Self { title, tab, logout: app.login.is_some(), menu: true, problems, zone: None }
    }

    /// A page beside the menu.
    pub(crate) fn plain(title: &'a str) -> Self {
        Self { title, tab: Tab::None, logout: false, menu: true, problems: None, zone: None }
    }

    /// A page for those who are not let in.
    pub(crate) fn outside(title: &'a str) -> Self {
        Self { title, tab: Tab::None, logout: false, menu: false, problems: None, zone: None }
    }

    /// The same, of something that goes by this time zone: its times can be read in that.
    pub(crate) fn in_zone(self, zone: Option<&'a str>) -> Self {
        Self { zone: zone.filter(|zone| *zone != "UTC"), ..self }
    }

    /// The whole document.
    pub(crate) fn page(&self, body: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { @if let Some((count, _)) = self.problems { "(" (count) ") " } (self.title) " · Naptime" }
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    link rel="icon" type="image/svg+xml" href=(self.icon().url());
                    link rel="stylesheet" href=(assets::STYLE.url());
                    @for script in &assets::SCRIPTS { script src=(script.url()) defer {} }
                }
                body {
                    a.skip href="#main" { "To the content" }
                    header.top {
                        a.brand href="/" { (logo()) "Naptime" }
                        @if self.menu {
                            nav aria-label="Main" {
                                (self.item(Tab::Overview, "/", "Overview"))
                                (self.item(Tab::Endpoints, "/endpoints", "Endpoints"))
                                (self.item(Tab::Runs, "/runs", "Runs"))
                                (self.item(Tab::Jobs, "/jobs", "Jobs"))
                                (self.item(Tab::Pools, "/pools", "Pools"))
                                (self.item(Tab::Sla, "/sla", "SLA"))
                                (self.item(Tab::Alerts, "/alerts", "Alerts"))
                                (self.item(Tab::Rules, "/rules", "Rules"))
                            }
                        }
                        // The script puts a choice in its place.
                        span.zone #zone { "Times in UTC" }
                        @if self.logout {
                            form.logout method="post" action="/logout" { button.quiet { "Log out" } }
                        }
                    }
                    main #main data-zone=[self.zone] {
                        p.notice.bad #away role="status" hidden { "Naptime does not answer; this is what was last known." }
                        (notice::said())
                        (body)
                    }
                    footer {
                        "Naptime " (env!("CARGO_PKG_VERSION"))
                        @if self.menu { " · " a href="/docs" { "API" } }
                    }
                }
            }
        }
    }

    fn icon(&self) -> &'static assets::Asset {
        match self.problems {
            Some((_, Severity::Bad)) => &assets::ICON_BAD,
            _ => &assets::ICON,
        }
    }

    fn item(&self, tab: Tab, href: &str, text: &str) -> Markup {
        html! { a href=(href) aria-current=[(self.tab == tab).then_some("page")] { (text) } }
    }
}

/// A clock that sleeps: its dial wanes like the moon.
fn logo() -> Markup {
    html! {
        svg.logo viewBox="0 0 32 32" aria-hidden="true" {
            path.moon d="M20.5 3.3A13.4 13.4 0 1 0 28.7 11.5 10.6 10.6 0 0 1 20.5 3.3Z" {}
            path.hands d="M14.2 11.2v6.6l4.4 2.6" {}
        }
    }
}

/// A part of a page that the script keeps up to date.
pub(crate) fn live(name: &str, body: &Markup) -> Markup {
    html! { div.live data-live=(name) { (body) } }
}

/// One figure with its label.
pub(crate) fn tile(label: &str, value: &str, note: &str) -> Markup {
    figure(label, &html! { (value) }, note)
}

/// One figure with its label, which leads to what it counts.
pub(crate) fn linked_tile(label: &str, value: &str, note: &str, href: &str) -> Markup {
    figure(label, &html! { a href=(href) { (value) } }, note)
}

fn figure(label: &str, value: &Markup, note: &str) -> Markup {
    html! {
        div.tile {
            dt { (label) }
            dd { strong { (value) } @if !note.is_empty() { span.note { (note) } } }
        }
    }
}

/// What is wrong with a form that was sent: each fault with the `label` of its field, and a link to where that begins.
pub(crate) fn faults_notice(faults: &[Invalid], label: impl Fn(&str) -> &str, anchor: impl Fn(&str) -> &str) -> Markup {
    html! {
        @if !faults.is_empty() {
            div.notice.bad role="alert" {
                p { strong { "Nothing was saved." } " Please correct:" }
                ul {
                    @for fault in faults {
                        li { a href={ "#" (anchor(&fault.field)) } { (label(&fault.field)) } ": " (fault.detail) }
                    }
                }
            }
        }
    }
}

/// What is on a page of a list and cannot be read.
pub(crate) fn unreadable(rows: &[Unreadable]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div.notice.bad {
                p { "This version of Naptime cannot read what is stored of these, so it leaves them alone:" }
                ul { @for Unreadable { id, why } in rows { li { code { (id) } ": " (why) } } }
            }
        }
    }
}

/// The links below a list that comes in pages: to the first one, and to the next if there is one. `link` is the address
/// of the page after a cursor.
pub(crate) fn pager(is_later: bool, next: Option<&str>, link: impl Fn(Option<&str>) -> String) -> Markup {
    named_pager("Pages", is_later, next, link)
}

/// The same where a page has several lists.
pub(crate) fn named_pager(
    name: &str,
    is_later: bool,
    next: Option<&str>,
    link: impl Fn(Option<&str>) -> String,
) -> Markup {
    html! {
        @if is_later || next.is_some() {
            nav.pager aria-label=(name) {
                @if is_later { a.button href=(link(None)) { "First page" } }
                @if let Some(next) = next { a.button rel="next" href=(link(Some(next))) { "Next page" } }
            }
        }
    }
}

/// The links below a list of what happened, the latest first.
pub(crate) fn older(name: &str, is_later: bool, next: Option<&str>, link: impl Fn(Option<&str>) -> String) -> Markup {
    html! {
        nav.pager aria-label=(name) {
            @if is_later { a.button href=(link(None)) { "Newest" } }
            @if let Some(next) = next { a.button rel="next" href=(link(Some(next))) { "Older" } }
        }
    }
}

/// The links below a list that is read in both directions.
pub(crate) fn both_ways(prev: Option<&str>, next: Option<&str>, link: impl Fn(Option<&str>) -> String) -> Markup {
    html! {
        @if prev.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(prev) = prev {
                    a.button href=(link(None)) { "First page" }
                    a.button rel="prev" href=(link(Some(prev))) { "Previous page" }
                }
                @if let Some(next) = next { a.button rel="next" href=(link(Some(next))) { "Next page" } }
            }
        }
    }
}
