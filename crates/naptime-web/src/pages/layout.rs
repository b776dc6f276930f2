//! The frame around every page.

use maud::{DOCTYPE, Markup, html};
use naptime_core::Invalid;
use naptime_core::problem::Severity;
use naptime_store::Unreadable;

use crate::app::App;
use crate::assets;

/// The place of a page in the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
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
pub(super) struct Layout<'a> {
    title: &'a str,
    tab: Tab,
    /// Whether there is somebody to log out.
    logout: bool,
    /// Whether the menu is shown: who is not let in has no use for it.
    menu: bool,
    /// How many problems there are, and how much the worst of them matters, as far as somebody has looked.
    problems: Option<(u64, Severity)>,
}

impl<'a> Layout<'a> {
    /// A page of the menu.
    pub(super) fn new(app: &App, tab: Tab, title: &'a str) -> Self {
        let look = app.watcher.last();
        let problems = look.and_then(|look| Some((look.found.total, look.found.severity()?)));
        Self { title, tab, logout: app.login.is_some(), menu: true, problems }
    }

    /// A page beside the menu.
    pub(super) fn plain(title: &'a str) -> Self {
        Self { title, tab: Tab::None, logout: false, menu: true, problems: None }
    }

    /// A page for those who are not let in.
    pub(super) fn outside(title: &'a str) -> Self {
        Self { title, tab: Tab::None, logout: false, menu: false, problems: None }
    }

    /// The whole document.
    pub(super) fn page(&self, body: &Markup) -> Markup {
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
                    script src=(assets::LIVE.url()) defer {}
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
                        @if self.logout {
                            form.logout method="post" action="/logout" { button.quiet { "Log out" } }
                        }
                    }
                    main #main {
                        p.notice.bad #away role="status" hidden { "Naptime does not answer; this is what was last known." }
                        (body)
                    }
                    footer { "Naptime " (env!("CARGO_PKG_VERSION")) " · all times are UTC" }
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
pub(super) fn live(name: &str, body: &Markup) -> Markup {
    html! { div.live data-live=(name) { (body) } }
}

/// One figure with its label.
pub(super) fn tile(label: &str, value: &str, note: &str) -> Markup {
    figure(label, &html! { (value) }, note)
}

/// One figure with its label, which leads to what it counts.
pub(super) fn linked_tile(label: &str, value: &str, note: &str, href: &str) -> Markup {
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
pub(super) fn faults_notice(faults: &[Invalid], label: impl Fn(&str) -> &str, anchor: impl Fn(&str) -> &str) -> Markup {
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
pub(super) fn unreadable(rows: &[Unreadable]) -> Markup {
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
pub(super) fn pager(is_later: bool, next: Option<&str>, link: impl Fn(Option<&str>) -> String) -> Markup {
    named_pager("Pages", is_later, next, link)
}

/// The same where a page has several lists.
pub(super) fn named_pager(
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
