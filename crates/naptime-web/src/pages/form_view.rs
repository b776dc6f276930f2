//! How the form of an endpoint looks.

use maud::{Markup, html};
use naptime_core::{Invalid, JobId, Method};

use super::fields::Fields;
use super::layout::{Layout, Tab};
use super::preview::Preview;
use crate::app::App;

/// The form with what it holds and what is wrong with it.
pub(super) struct Form<'a> {
    /// Of which endpoint; none for a new one.
    pub(super) id: Option<JobId>,
    pub(super) fields: &'a Fields,
    pub(super) faults: &'a [Invalid],
    /// Whether somebody else's change came between.
    pub(super) stale: bool,
    /// What it comes to.
    pub(super) preview: &'a Preview,
}

/// A field of one line.
pub(super) struct Input<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) value: &'a str,
    pub(super) hint: &'a str,
    /// Further attributes: the type, a list of suggestions.
    pub(super) kind: &'static str,
    pub(super) list: Option<&'static str>,
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
            @if !self.faults.is_empty() {
                div.notice.bad role="alert" {
                    p { strong { "Nothing was saved." } " Please correct:" }
                    ul {
                        @for fault in self.faults {
                            li { a href={ "#" (fault.field) } { (label_of(&fault.field)) } ": " (fault.detail) }
                        }
                    }
                }
            }
        }
    }

    fn main(&self, app: &App) -> Markup {
        let fields = self.fields;
        html! {
            (self.input(&Input {
                name: "url", label: "URL", value: &fields.url, hint: "What is called, like https://example.com/path",
                kind: "url", list: None,
            }))
            (self.timing(app))
            (self.input(&Input {
                name: "name", label: "Name", value: &fields.name, hint: "For people; may be left blank", kind: "text",
                list: None,
            }))
            div.field.check {
                input #active type="checkbox" name="active" value="true" checked[fields.active]
                    aria-describedby="active-hint";
                label for="active" { "Active" }
                p.hint #active-hint { "Nothing is called until it is switched on." }
            }
        }
    }

    /// What most endpoints need not say. It is open where something in it is wrong or said.
    fn more(&self) -> Markup {
        let fields = self.fields;
        let inside =
            ["method", "headers", "body", "secret", "timeout", "tags", "sla", "retry", "success", "lease", "steer"];
        let faulty = self.faults.iter().any(|fault| inside.contains(&fault.field.as_ref()));
        let blank = Fields::blank();
        let said = [
            (&fields.method, &blank.method),
            (&fields.headers, &blank.headers),
            (&fields.body, &blank.body),
            (&fields.timeout, &blank.timeout),
            (&fields.tags, &blank.tags),
            (&fields.sla, &blank.sla),
            (&fields.attempts, &blank.attempts),
            (&fields.backoff, &blank.backoff),
            (&fields.on, &blank.on),
            (&fields.success, &blank.success),
            (&fields.lease, &blank.lease),
            (&fields.steer_min, &blank.steer_min),
            (&fields.steer_max, &blank.steer_max),
        ];
        let open = faulty || fields.secret || said.iter().any(|(value, default)| value != default);
        html! {
            details.more open[open] {
                summary { "Request, outcome, SLA, retries and tags" }
                (self.request())
                (self.input(&Input {
                    name: "success", label: "Success", value: &fields.success,
                    hint: "The statuses of a good call, like 200-299, 404", kind: "text", list: None,
                }))
                (self.input(&Input {
                    name: "sla", label: "SLA", value: &fields.sla,
                    hint: "The longest allowed gap between good calls, like 15m; blank for none", kind: "text",
                    list: None,
                }))
                (self.retry())
                (self.steer())
                (self.input(&Input {
                    name: "lease", label: "Lease", value: &fields.lease, kind: "text", list: None,
                    hint: "If a worker dies during a call, another takes over after this time: from 5s to 10m",
                }))
                (self.input(&Input {
                    name: "tags", label: "Tags", value: &fields.tags, hint: "Words to find it by, with commas between",
                    kind: "text", list: None,
                }))
            }
        }
    }

    fn request(&self) -> Markup {
        let fields = self.fields;
        html! {
            (self.field("method", "Method", "", &html! {
                select #method name="method" {
                    @for method in Method::ALL {
                        option value=(method) selected[fields.method.eq_ignore_ascii_case(method.as_str())] { (method) }
                    }
                }
            }))
            (self.text("headers", "Headers", &fields.headers, 4,
                "One on each line, like Accept: text/plain. Credentials are not shown again; leave •••• to keep one."))
            (self.text("body", "Body", &fields.body, 5, "Sent with each call; at most 256 KiB"))
            div.field.check.faulty[self.fault("secret").is_some()] {
                input #secret type="checkbox" name="secret" value="true" checked[fields.secret]
                    aria-describedby="secret-hint";
                label for="secret" { "Body and query are secret" }
                p.hint #secret-hint { "They are sent, but not shown again; leave •••• to keep one." }
                @if let Some(fault) = self.fault("secret") { p.fault { (fault.detail) } }
            }
            (self.input(&Input {
                name: "timeout", label: "Timeout", value: &fields.timeout,
                hint: "The whole answer must be there by then; at most 5m, unless the pool allows more", kind: "text", list: None,
            }))
        }
    }

    fn retry(&self) -> Markup {
        let (fields, described) = (self.fields, self.described("retry"));
        let invalid = self.fault("retry").map(|_| "true");
        html! {
            fieldset #retry .field.faulty[invalid.is_some()] {
                legend { "Retries" }
                div.row {
                    label { "Attempts" input name="attempts" value=(fields.attempts) inputmode="numeric" size="4"
                        aria-invalid=[invalid] aria-describedby=(described); }
                    label { "Pause" input name="backoff" value=(fields.backoff) size="8"
                        aria-invalid=[invalid] aria-describedby=(described); }
                    label { "After" input name="on" value=(fields.on) size="32" spellcheck="false"
                        aria-invalid=[invalid] aria-describedby=(described); }
                }
                (self.below("retry", "From 1 to 20 attempts at each occurrence, the pause doubling each time, after \
                    these statuses, timeout, unreachable (nothing was sent) or connection (also if it was cut); none for \
                    none of them"))
            }
        }
    }

    fn steer(&self) -> Markup {
        let (fields, described) = (self.fields, self.described("steer"));
        let invalid = self.fault("steer").map(|_| "true");
        html! {
            fieldset #steer .field.faulty[invalid.is_some()] {
                legend { "The target may change the period" }
                div.row {
                    label { "From" input name="steer_min" value=(fields.steer_min) size="8"
                        aria-invalid=[invalid] aria-describedby=(described); }
                    label { "To" input name="steer_max" value=(fields.steer_max) size="8"
                        aria-invalid=[invalid] aria-describedby=(described); }
                }
                (self.below("steer", "By Naptime-Every or Retry-After in its answers, within these limits, like 30s \
                    to 1h; blank: it may not"))
            }
        }
    }

    pub(super) fn input(&self, input: &Input<'_>) -> Markup {
        let invalid = self.fault(input.name).map(|_| "true");
        let first = self.faults.first().is_some_and(|fault| fault.field == input.name);
        // A new form begins at its first field.
        let autofocus = first || (self.faults.is_empty() && self.id.is_none() && input.name == "url");
        self.field(
            input.name,
            input.label,
            input.hint,
            &html! {
                input id=(input.name) name=(input.name) type=(input.kind) value=(input.value) list=[input.list]
                    autofocus[autofocus] autocomplete="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=(self.described(input.name));
            },
        )
    }

    fn text(&self, name: &'static str, label: &'static str, value: &str, rows: u8, hint: &str) -> Markup {
        let invalid = self.fault(name).map(|_| "true");
        // The first line break after the tag is not part of the text.
        self.field(
            name,
            label,
            hint,
            &html! {
                textarea id=(name) name=(name) rows=(rows) spellcheck="false" aria-invalid=[invalid]
                    aria-describedby=(self.described(name)) { "\n" (value) }
            },
        )
    }

    /// A control with its label, its hint, and what is wrong with it.
    fn field(&self, name: &str, label: &str, hint: &str, control: &Markup) -> Markup {
        html! {
            div.field.faulty[self.fault(name).is_some()] {
                label for=(name) { (label) }
                (control)
                (self.below(name, hint))
            }
        }
    }

    pub(super) fn below(&self, name: &str, hint: &str) -> Markup {
        html! {
            @if let Some(fault) = self.fault(name) { p.fault id={ (name) "-fault" } { (fault.detail) } }
            @if !hint.is_empty() { p.hint id={ (name) "-hint" } { (hint) } }
        }
    }

    pub(super) fn described(&self, name: &str) -> String {
        let hint = format!("{name}-hint");
        if self.fault(name).is_some() { format!("{name}-fault {hint}") } else { hint }
    }

    pub(super) fn fault(&self, name: &str) -> Option<&Invalid> {
        self.faults.iter().find(|fault| fault.field == name)
    }
}

/// What the form calls a field.
fn label_of(field: &str) -> &str {
    match field {
        "url" => "URL",
        "every" => "Period",
        "jitter" => "Jitter",
        "cron" => "Pattern",
        "random" => "Once in each",
        "window" => "Window",
        "days" => "Days",
        "tz" => "Time zone",
        "success" => "Success",
        "lease" => "Lease",
        "steer" => "The target may change the period",
        "method" => "Method",
        "headers" => "Headers",
        "body" => "Body",
        "secret" => "Body and query are secret",
        "timeout" => "Timeout",
        "sla" => "SLA",
        "retry" => "Retries",
        "name" => "Name",
        "tags" => "Tags",
        other => other,
    }
}
