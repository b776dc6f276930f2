//! How the form of an endpoint looks.

use maud::{Markup, html};
use naptime_core::{Invalid, JobId, Keep, Method};

use super::controls::Input;
use super::fields::{Fields, is_more};
use super::labels::label;
use super::layout::{Layout, Tab, faults_notice};
use super::preview::Preview;
use crate::app::App;

/// The form with what it holds and what is wrong with it.
pub(super) struct Form<'a> {
    /// Of which endpoint; none for a new one.
    pub(super) id: Option<JobId>,
    pub(super) fields: &'a Fields,
    /// What is wrong, in the words of the form.
    pub(super) faults: &'a [Invalid],
    /// Whether somebody else's change came between.
    pub(super) stale: bool,
    /// What it comes to.
    pub(super) preview: &'a Preview,
}

impl Form<'_> {
    /// The page that shows it.
    pub(super) fn page(&self, app: &App) -> Markup {
        let title = if self.id.is_some() { "Edit endpoint" } else { "Add endpoint" };
        let submit = match self.id {
            Some(_) if self.stale => "Save over it",
            Some(_) => "Save",
            None => "Add",
        };
        let back = self.id.map_or("/endpoints".to_owned(), |id| format!("/endpoints/{id}"));
        let body = html! {
            div.narrow {
                h1 { (title) }
                (self.notices())
                form.endpoint method="post" novalidate data-preview="/endpoints/preview" {
                    @if let Some(rev) = self.fields.rev { input type="hidden" name="rev" value=(rev.0); }
                    @if let Some(id) = self.fields.id { input type="hidden" name="id" value=(id); }
                    (self.main(app))
                    (self.more())
                    div.actions {
                        button.primary { (submit) }
                        button name="preview" value="true" { "Preview" }
                        a.button href=(back) { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Endpoints, title).page(&body)
    }

    fn notices(&self) -> Markup {
        html! {
            @if self.stale {
                div.notice.warn role="alert" {
                    p {
                        strong { "Somebody else has changed this endpoint meanwhile." }
                        " Nothing was saved; what you typed is below."
                    }
                    @if let Some(id) = self.id {
                        p {
                            a href={ "/endpoints/" (id) } target="_blank" { "See how it is now" }
                            ", then save over it or cancel."
                        }
                    }
                }
            }
            (faults_notice(self.faults, label, |field| field))
        }
    }

    fn main(&self, app: &App) -> Markup {
        html! {
            (self.input(&Input { kind: "url", ..Input::text("url", "What is called, like https://example.com/path") }))
            (self.timing(app))
            (self.input(&Input::text("name", "For people; may be left blank")))
            (self.flag("active", "Nothing is called until it is switched on."))
        }
    }

    /// What most endpoints need not say. It is open where something in it is wrong or said.
    fn more(&self) -> Markup {
        let open = self.fields.says_more() || self.faults.iter().any(|fault| is_more(&fault.field));
        html! {
            details.more open[open] {
                summary { "Request, outcome, SLA, retries and tags" }
                (self.request())
                (self.input(&Input::text("success", "The statuses of a good call, like 200-299, 404")))
                (self.lines("expect", 3,
                    "What a good answer says beside its status, one on each line: body contains paid, json $.status is ok, \
                    header content-type contains json, took at most 5s; also lacks, matches, is not, exists, >, <, >=, <="))
                (self.sla())
                (self.retry())
                (self.input(&Input::text("failing_after",
                    "It counts as failing, and is named on the overview, once so many calls in a row did not end well, with \
                    all their attempts")))
                (self.keep())
                (self.input(&Input::text("late",
                    "A call that would leave later than this after its time is skipped, like 10m; blank: none is")))
                (self.input(&Input::text("catch_up",
                    "Of the calls missed while nothing could be called: latest makes one for all of them, all makes each \
                    with its own time, oldest first; or the number that is made at most")))
                (self.steer())
                (self.input(&Input::text("lease",
                    "If a worker dies during a call, another takes over after this time: from 5s to 10m")))
                (self.input(&Input::text("tags", "Words to find it by, with commas between")))
            }
        }
    }

    fn request(&self) -> Markup {
        let chosen = self.fields.text("method");
        html! {
            (self.field("method", "", &html! {
                select #method name="method" {
                    @for method in Method::ALL {
                        option value=(method) selected[chosen.eq_ignore_ascii_case(method.as_str())] { (method) }
                    }
                }
            }))
            (self.lines("headers", 4,
                "One on each line, like Accept: text/plain. Credentials are not shown again; leave •••• to keep one."))
            (self.lines("body", 5, "Sent with each call; at most 256 KiB"))
            (self.flag("secret", "They are sent, but not shown again; leave •••• to keep one."))
            (self.input(&Input::text("sign",
                "Standard Webhooks: whsec_… signs each call, so that the target knows it is from here. Two with a comma \
                between while one takes the other's place. Not shown again; leave •••• to keep one.")))
            (self.input(&Input::text("timeout",
                "The whole answer must be there by then; at most 5m, unless the pool allows more")))
        }
    }

    /// Which answers are kept.
    fn keep(&self) -> Markup {
        let chosen = self.fields.text("keep");
        let words = |keep| match keep {
            Keep::Failures => {
                "of failures: the first and the last in a row, the first good one after them, and one a day"
            }
            Keep::All => "all",
            Keep::None => "none",
        };
        let hint = "What was answered beyond its first two lines, up to 16 KiB, to be read on the page of a run";
        self.field(
            "keep",
            hint,
            &html! {
                select #keep name="keep" {
                    @for keep in Keep::EACH { option value=(keep) selected[chosen == keep.as_str()] { (words(keep)) } }
                }
            },
        )
    }

    fn sla(&self) -> Markup {
        let hint = "The longest allowed gap between good calls, like 15m; blank: nothing is promised. It may hold in some \
            hours only, like 9-17 on mon-fri, by the clock of the endpoint or of another time zone";
        let parts = html! {
            (self.part("sla.every", 8))
            (self.part("sla.within", 12))
            (self.part("sla.days", 8))
            (self.part("sla.tz", 14))
        };
        self.group("sla", hint, &parts)
    }

    fn retry(&self) -> Markup {
        let hint = "From 1 to 20 attempts at each occurrence, the pause doubling each time, after these statuses, \
            timeout, unreachable (nothing was sent) or connection (also if it was cut); none for none of them";
        let parts = html! {
            (self.part("retry.attempts", 4))
            (self.part("retry.backoff", 8))
            (self.part("retry.on", 32))
        };
        self.group("retry", hint, &parts)
    }

    fn steer(&self) -> Markup {
        let hint = "By Naptime-Every or Retry-After in its answers, within these limits, like 30s to 1h; blank: it may \
            not";
        let parts = html! {
            (self.part("steer.min", 8))
            (self.part("steer.max", 8))
        };
        self.group("steer", hint, &parts)
    }
}
