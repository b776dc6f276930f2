//! How the form of a rule looks.

use maud::{Markup, html};
use naptime_core::Invalid;

use super::fields::{RuleFields, TRY};
use super::trial::Trial;
use crate::app::App;
use crate::kit::controls::{Controls, Held, Input, along, stale_notice};
use crate::kit::layout::{Layout, Tab, faults_notice};

/// The form with what it holds and what is wrong with it.
pub(super) struct RuleForm<'a> {
    /// The name of the rule; none of a new one.
    pub(super) of: Option<&'a str>,
    pub(super) fields: &'a RuleFields,
    pub(super) faults: &'a [Invalid],
    /// Whether somebody else's change came between.
    pub(super) stale: bool,
    /// What the sample would do, if it was tried.
    pub(super) trial: Option<&'a Trial>,
}

/// A field: its name in the form and in faults, its label, its hint, and its lines if it may have several.
struct Field(&'static str, &'static str, &'static str, Option<u8>);

const URL: Field = Field(
    "then.upsert.url",
    "URL",
    "Like https://example.com/timeline?user={{ key }}; a value fills one segment or one value of a query",
    None,
);

const EVERY: Field = Field("then.upsert.every", "Period", "Like 30s, 5m or {{ data.every|default('1h') }}", None);

/// The fields that are asked for at the top.
const HEAD: [Field; 3] = [
    Field("name", "Name of the rule", "Small letters, digits and hyphens, like poll-twitter", None),
    Field("event", "On the event", "Its whole name, like twitter.linked", None),
    Field("job", "Endpoint", "The key that it is known by: each key has one endpoint", None),
];

const REQUEST: [Field; 5] = [
    Field("then.upsert.name", "Name", "What the endpoint is called, like {{ key }}", None),
    Field("then.upsert.method", "Method", "GET unless said otherwise", None),
    Field(
        "then.upsert.headers",
        "Headers",
        "One on each line, like Authorization: Bearer {{ data.token }}. Credentials are not shown again; leave •••• to keep one.",
        Some(3),
    ),
    Field(
        "then.upsert.body",
        "Body",
        "Like {\"token\": {{ data.token }}}; what is not JSON needs a header Content-Type",
        Some(4),
    ),
    Field("then.upsert.timeout", "Timeout", "", None),
];

const TIMING: [Field; 11] = [
    Field("then.upsert.jitter", "Jitter", "With a period: how much later a call may come", None),
    Field("then.upsert.cron", "Cron pattern", "In place of a period, like 0 9 * * mon-fri", None),
    Field("then.upsert.random", "Once in each", "In place of a period, at random, like 1h", None),
    Field("then.upsert.window", "Window", "With the one before, like 09:00-17:00", None),
    Field("then.upsert.days", "Days", "Like mon-fri; one on each line, if there are several", Some(1)),
    Field("then.upsert.tz", "Time zone", "Like Europe/Berlin", None),
    Field("then.upsert.from", "From", "No call before this, like 2027-01-31 09:00", None),
    Field("then.upsert.until", "Until", "No call after this", None),
    Field("then.upsert.except", "Except", "Like 2026-12-25, 01:00-03:00, with commas between", None),
    Field(
        "then.upsert.pause.until",
        "Paused until",
        "Like 2027-01-31 09:00; with a reason alone, until it is resumed",
        None,
    ),
    Field("then.upsert.pause.note", "Why it is paused", "", None),
];

const MORE: [Field; 17] = [
    Field("then.upsert.success", "Success", "The statuses of a good call, like 200-299, 404", None),
    Field(
        "then.upsert.expect",
        "Expects",
        "What a good answer says, one on each line, like: body contains paid",
        Some(2),
    ),
    Field("then.upsert.sla.every", "SLA", "The longest allowed gap between good calls, like 15m", None),
    Field("then.upsert.sla.within", "SLA within", "If it holds in some hours only, like 9-17", None),
    Field("then.upsert.sla.days", "SLA on days", "Like mon-fri", None),
    Field("then.upsert.sla.tz", "SLA by the clock of", "Like Europe/Berlin", None),
    Field("then.upsert.retry.attempts", "Attempts", "From 1 to 20 at each occurrence", None),
    Field("then.upsert.retry.backoff", "Pause", "Before the second attempt; it doubles each time", None),
    Field("then.upsert.retry.on", "After", "Statuses, timeout, unreachable, connection", None),
    Field("then.upsert.failing_after", "Failing after", "So many calls in a row that did not end well", None),
    Field("then.upsert.late", "Late by at most", "A call that would leave later than this is skipped", None),
    Field("then.upsert.keep", "Keep answers", "failures, all or none", None),
    Field("then.upsert.catch_up", "Catch up", "Of the calls missed: latest, all, or at most so many", None),
    Field("then.upsert.steer.min", "Shortest period", "That the target may set by Naptime-Every in its answers", None),
    Field("then.upsert.steer.max", "Longest period", "The same; both or neither", None),
    Field("then.upsert.lease", "Lease", "", None),
    Field("then.upsert.tags", "Tags", "One on each line", Some(2)),
];

impl RuleForm<'_> {
    /// The page that shows it.
    pub(super) fn page(&self, app: &App) -> Markup {
        let title = if self.of.is_some() { "Edit rule" } else { "Add rule" };
        let submit = match self.of {
            Some(_) if self.stale => "Save over it",
            Some(_) => "Save",
            None => "Add",
        };
        let first = (self.of.is_none() && self.trial.is_none()).then_some("name");
        let controls = Controls { held: self.fields, faults: self.faults, first };
        let body = html! {
            div.narrow {
                h1 { (title) }
                (self.notices())
                form.endpoint method="post" novalidate {
                    (along(self.fields.rev))
                    (self.head(&controls))
                    (self.endpoint(&controls))
                    (controls.flag("enabled", "A rule that is not enabled does nothing"))
                    (self.trial())
                    div.actions {
                        button.primary { (submit) }
                        button name=(TRY) value="true" { "Try it" }
                        a.button href="/rules" { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Rules, title).page(&body)
    }

    fn notices(&self) -> Markup {
        let stale = match self.of {
            Some(_) => "Somebody else has changed this rule meanwhile.",
            None => "There is a rule of this name already.",
        };
        html! {
            @if self.stale { (stale_notice(stale, None)) }
            (faults_notice(self.faults, long_label, anchor))
        }
    }

    fn head(&self, controls: &Controls<'_>) -> Markup {
        let [name, event, job] = &HEAD;
        let choices = [
            ("upsert", "is added, or changed to what is said below"),
            ("delete", "is deleted"),
            ("switch_off", "is switched off"),
        ];
        html! {
            @match self.of {
                Some(name) => { p.field { "Rule " strong { (name) } } input type="hidden" name="name" value=(name); },
                None => (input(controls, name)),
            }
            (input(controls, event))
            (input(controls, job))
            fieldset #then .field {
                legend { "What happens to it" }
                @for (act, text) in choices {
                    div.check {
                        input id={ "do-" (act) } type="radio" name="do" value=(act) checked[self.fields.act() == act];
                        label for={ "do-" (act) } { "It " (text) }
                    }
                }
                @if let Some(fault) = controls.fault("then") { p.fault #then-fault { (fault.detail) } }
            }
        }
    }

    fn endpoint(&self, controls: &Controls<'_>) -> Markup {
        let secret = controls.flag("then.upsert.secret", "They are sent, but not shown again; leave •••• to keep one");
        html! {
            fieldset.part {
                legend { "The endpoint, if it is added or changed" }
                p.hint {
                    "Each text may have places to fill in: {{ event }}, {{ key }}, and {{ data.… }} for what came with \
                     the event; with filters such as lower, tojson and default('…'). What is left blank has its \
                     default."
                }
                (input(controls, &URL))
                (input(controls, &EVERY))
                (controls.flag("then.upsert.align", "Counted in UTC; all endpoints on round times come at once"))
                (self.folded("When else it is called", &TIMING, controls, &html! {}))
                (self.folded("Request", &REQUEST, controls, &secret))
                (self.folded("Outcome, SLA, retries and tags", &MORE, controls, &html! {}))
                (controls.flag("then.upsert.active", "It is called from when the event has come"))
            }
        }
    }

    /// Fields that are hidden as long as they are blank.
    fn folded(&self, title: &str, fields: &[Field], controls: &Controls<'_>, more: &Markup) -> Markup {
        let names: Vec<&str> = fields.iter().map(|field| field.0).collect();
        let open = self.fields.says(&names) || names.iter().any(|name| controls.fault(name).is_some());
        html! {
            details.more open[open] {
                summary { (title) }
                @for field in fields { (input(controls, field)) }
                (more)
            }
        }
    }

    fn trial(&self) -> Markup {
        html! {
            details.more #trial open[self.trial.is_some()] {
                summary { "An event to try it with" }
                div.field {
                    label for="sample" { "An event" }
                    textarea #sample name="sample" rows="5" spellcheck="false" aria-describedby="sample-hint" {
                        "\n" (self.fields.text("sample"))
                    }
                    p.hint #sample-hint { "As JSON. What it would do is shown here; nothing is saved or called." }
                }
                @if let Some(trial) = self.trial { (trial.part()) }
            }
        }
    }
}

fn input(controls: &Controls<'_>, field: &Field) -> Markup {
    let Field(name, _, hint, lines) = *field;
    match lines {
        Some(lines) => controls.lines(name, lines, hint),
        None => controls.input(&Input::text(name, hint)),
    }
}

/// The field that a fault is shown at: one of an object as a whole is shown at its first part.
pub(super) fn anchor(name: &str) -> &str {
    match name {
        "then.upsert.pause" => "then.upsert.pause.until",
        "then.upsert.sla" => "then.upsert.sla.every",
        "then.upsert.retry" => "then.upsert.retry.attempts",
        "then.upsert.steer" => "then.upsert.steer.min",
        name => name,
    }
}

/// What the form calls a field.
pub(super) fn label(name: &str) -> &str {
    match name {
        "enabled" => "Enabled",
        "then.upsert.active" => "Switched on",
        "then.upsert.align" => "On round times (:00, :05, ...) rather than spread",
        "then.upsert.secret" => "Body and query are secret",
        name => {
            let mut all = [&URL, &EVERY].into_iter().chain(&HEAD).chain(&TIMING).chain(&REQUEST).chain(&MORE);
            all.find(|field| field.0 == name).map_or(name, |field| field.1)
        }
    }
}

/// What a fault calls a field, far from its neighbours.
fn long_label(name: &str) -> &str {
    match name {
        "then" => "What happens to it",
        "then.upsert.align" => "On round times",
        "then.upsert.retry" => "Retries",
        "then.upsert.retry.backoff" => "Pause between attempts",
        "then.upsert.retry.on" => "Tried again after",
        "then.upsert.steer" => "What the target may set",
        name => label(name),
    }
}
