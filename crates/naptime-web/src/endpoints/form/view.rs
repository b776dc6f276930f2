//! How the form of an endpoint looks.

use maud::{Markup, html};
use naptime_core::{Invalid, JobId, Keep, Method};

use super::fields::{Fields, is_more};
use super::paste::Pasted;
use super::preview::Preview;
use crate::app::App;
use crate::kit::controls::{Controls, Held, Input, PREVIEW, along, stale_notice};
use crate::kit::labels::label;
use crate::kit::layout::{Layout, Tab, faults_notice};

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
    /// Where a command is pasted, of a new endpoint.
    pub(super) pasted: Option<&'a Pasted>,
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
        let back = self.id.map_or("/endpoints".to_owned(), page_of);
        let first = self.id.is_none().then_some("url");
        let controls = Controls { held: self.fields, faults: self.faults, first };
        let body = html! {
            div.narrow {
                h1 { (title) }
                (self.notices())
                @if let Some(pasted) = self.pasted { (pasted.part()) }
                form.endpoint method="post" novalidate data-preview="/endpoints/preview" {
                    (along(self.fields.rev))
                    @if let Some(id) = self.fields.id { input type="hidden" name="id" value=(id); }
                    (self.main(app, &controls))
                    (self.more(&controls))
                    div.actions {
                        button.primary { (submit) }
                        button name=(PREVIEW) value="true" { "Preview" }
                        // In a tab of its own, so that what is typed stays.
                        button formaction="/endpoints/test" formtarget="_blank" { "Test call" }
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
                (stale_notice("Somebody else has changed this endpoint meanwhile.", self.id.map(page_of).as_deref()))
            }
            (faults_notice(self.faults, label, |field| field))
        }
    }

    fn main(&self, app: &App, controls: &Controls<'_>) -> Markup {
        html! {
            (controls.input(&Input { kind: "url", ..Input::text("url", "What is called, like https://example.com/path") }))
            (self.timing(app, controls))
            (controls.input(&Input::text("name", "For people; may be left blank")))
            (controls.flag("active", "Nothing is called until it is switched on."))
        }
    }

    /// What most endpoints need not say. It is open where something in it is wrong or said.
    fn more(&self, controls: &Controls<'_>) -> Markup {
        let open = self.fields.says_more() || self.faults.iter().any(|fault| is_more(&fault.field));
        html! {
            details.more open[open] {
                summary { "Request, outcome, SLA, retries and tags" }
                (self.request(controls))
                (controls.input(&Input::text("success", "The statuses of a good call, like 200-299, 404")))
                (controls.lines("expect", 3,
                    "What a good answer says beside its status, one on each line: body contains paid, json $.status is ok, \
                    header content-type contains json, took at most 5s, certificate lasts 14d; also lacks, matches, is not, exists, >, <, >=, <="))
                (Self::sla(controls))
                (Self::retry(controls))
                (controls.input(&Input::text("failing_after",
                    "It counts as failing, and is named on the overview, once so many calls in a row did not end well, with \
                    all their attempts")))
                (self.keep(controls))
                (controls.input(&Input::text("late",
                    "A call that would leave later than this after its time is skipped, like 10m; blank: none is")))
                (controls.input(&Input::text("catch_up",
                    "Of the calls missed while nothing could be called: latest makes one for all of them, all makes each \
                    with its own time, oldest first; or the number that is made at most")))
                (Self::steer(controls))
                (controls.input(&Input::text("lease",
                    "If a worker dies during a call, another takes over after this time: from 5s to 10m")))
                (controls.input(&Input::text("tags", "Words to find it by, with commas between")))
            }
        }
    }

    fn request(&self, controls: &Controls<'_>) -> Markup {
        let chosen = self.fields.text("method");
        html! {
            (controls.field("method", "", &html! {
                select #method name="method" {
                    @for method in Method::ALL {
                        option value=(method) selected[chosen.eq_ignore_ascii_case(method.as_str())] { (method) }
                    }
                }
            }))
            (controls.lines("headers", 4,
                "One on each line, like Accept: text/plain. Credentials are not shown again; leave •••• to keep one."))
            (controls.lines("body", 5, "Sent with each call; at most 256 KiB"))
            (controls.flag("secret", "They are sent, but not shown again; leave •••• to keep one."))
            (controls.input(&Input::text("sign",
                "Standard Webhooks: whsec_… signs each call, so that the target knows it is from here. Two with a comma \
                between while one takes the other's place. Not shown again; leave •••• to keep one.")))
            (controls.input(&Input::text("timeout",
                "The whole answer must be there by then; at most 5m, unless the pool allows more")))
        }
    }

    /// Which answers are kept.
    fn keep(&self, controls: &Controls<'_>) -> Markup {
        let chosen = self.fields.text("keep");
        let words = |keep| match keep {
            Keep::Failures => {
                "of failures: the first and the last in a row, the first good one after them, and one a day"
            }
            Keep::All => "all",
            Keep::None => "none",
        };
        let hint = "What was answered beyond its first two lines, up to 16 KiB, to be read on the page of a run";
        controls.field(
            "keep",
            hint,
            &html! {
                select #keep name="keep" {
                    @for keep in Keep::EACH { option value=(keep) selected[chosen == keep.as_str()] { (words(keep)) } }
                }
            },
        )
    }

    fn sla(controls: &Controls<'_>) -> Markup {
        let hint = "The longest allowed gap between good calls, like 15m; blank: nothing is promised. It may hold in some \
            hours only, like 9-17 on mon-fri, by the clock of the endpoint or of another time zone";
        let parts = html! {
            (controls.part("sla.every", 8))
            (controls.part("sla.within", 12))
            (controls.part("sla.days", 8))
            (controls.part("sla.tz", 14))
        };
        controls.group("sla", hint, &parts)
    }

    fn retry(controls: &Controls<'_>) -> Markup {
        let hint = "From 1 to 20 attempts at each occurrence, the pause doubling each time, after these statuses, \
            timeout, unreachable (nothing was sent) or connection (also if it was cut); none for none of them";
        let parts = html! {
            (controls.part("retry.attempts", 4))
            (controls.part("retry.backoff", 8))
            (controls.part("retry.on", 32))
        };
        controls.group("retry", hint, &parts)
    }

    fn steer(controls: &Controls<'_>) -> Markup {
        let hint = "By Naptime-Every or Retry-After in its answers, within these limits, like 30s to 1h; blank: it may \
            not";
        let parts = html! {
            (controls.part("steer.min", 8))
            (controls.part("steer.max", 8))
        };
        controls.group("steer", hint, &parts)
    }
}

fn page_of(id: JobId) -> String {
    format!("/endpoints/{id}")
}
