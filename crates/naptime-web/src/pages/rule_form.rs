//! How the form of a rule looks.

use maud::{Markup, html};
use naptime_core::Invalid;

use super::layout::{Layout, Tab, faults_notice};
use super::rule_fields::RuleFields;
use super::trial::Trial;
use crate::app::App;

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
struct Input(&'static str, &'static str, &'static str, Option<u8>);

const URL: Input = Input(
    "then.upsert.url",
    "URL",
    "Like https://example.com/timeline?user={{ key }}; a value fills one segment or one value of a query",
    None,
);

const EVERY: Input = Input("then.upsert.every", "Period", "Like 30s, 5m or {{ data.every|default('1h') }}", None);

const ALIGN: &str = "then.upsert.align";

const REQUEST: [Input; 5] = [
    Input("then.upsert.name", "Name", "What the endpoint is called, like {{ key }}", None),
    Input("then.upsert.method", "Method", "GET unless said otherwise", None),
    Input(
        "then.upsert.headers",
        "Headers",
        "One on each line, like Authorization: Bearer {{ data.token }}. Credentials are not shown again; leave •••• to keep one.",
        Some(3),
    ),
    Input(
        "then.upsert.body",
        "Body",
        "Like {\"token\": {{ data.token }}}; what is not JSON needs a header Content-Type",
        Some(4),
    ),
    Input("then.upsert.timeout", "Timeout", "", None),
];

const TIMING: [Input; 11] = [
    Input("then.upsert.jitter", "Jitter", "With a period: how much later a call may come", None),
    Input("then.upsert.cron", "Cron pattern", "In place of a period, like 0 9 * * mon-fri", None),
    Input("then.upsert.random", "Once in each", "In place of a period, at random, like 1h", None),
    Input("then.upsert.window", "Window", "With the one before, like 09:00-17:00", None),
    Input("then.upsert.days", "Days", "Like mon-fri; one on each line, if there are several", Some(1)),
    Input("then.upsert.tz", "Time zone", "Like Europe/Berlin", None),
    Input("then.upsert.from", "From", "No call before this, like 2027-01-31 09:00", None),
    Input("then.upsert.until", "Until", "No call after this", None),
    Input("then.upsert.except", "Except", "Like 2026-12-25, 01:00-03:00, with commas between", None),
    Input(
        "then.upsert.pause.until",
        "Paused until",
        "Like 2027-01-31 09:00; with a reason alone, until it is resumed",
        None,
    ),
    Input("then.upsert.pause.note", "Why it is paused", "", None),
];

const MORE: [Input; 17] = [
    Input("then.upsert.success", "Success", "The statuses of a good call, like 200-299, 404", None),
    Input(
        "then.upsert.expect",
        "Expects",
        "What a good answer says, one on each line, like: body contains paid",
        Some(2),
    ),
    Input("then.upsert.sla.every", "SLA", "The longest allowed gap between good calls, like 15m", None),
    Input("then.upsert.sla.within", "SLA within", "If it holds in some hours only, like 9-17", None),
    Input("then.upsert.sla.days", "SLA on days", "Like mon-fri", None),
    Input("then.upsert.sla.tz", "SLA by the clock of", "Like Europe/Berlin", None),
    Input("then.upsert.retry.attempts", "Attempts", "From 1 to 20 at each occurrence", None),
    Input("then.upsert.retry.backoff", "Pause", "Before the second attempt; it doubles each time", None),
    Input("then.upsert.retry.on", "After", "Statuses, timeout, unreachable, connection", None),
    Input("then.upsert.failing_after", "Failing after", "So many calls in a row that did not end well", None),
    Input("then.upsert.late", "Late by at most", "A call that would leave later than this is skipped", None),
    Input("then.upsert.keep", "Keep answers", "failures, all or none", None),
    Input("then.upsert.catch_up", "Catch up", "Of the calls missed: latest, all, or at most so many", None),
    Input("then.upsert.steer.min", "Shortest period", "That the target may set by Naptime-Every in its answers", None),
    Input("then.upsert.steer.max", "Longest period", "The same; both or neither", None),
    Input("then.upsert.lease", "Lease", "", None),
    Input("then.upsert.tags", "Tags", "One on each line", Some(2)),
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
        let fields = self.fields;
        let body = html! {
            div.narrow {
                h1 { (title) }
                (self.notices())
                form.endpoint method="post" novalidate {
                    @if let Some(rev) = fields.rev { input type="hidden" name="rev" value=(rev.0); }
                    (self.head())
                    (self.endpoint())
                    div.field.check {
                        input #enabled type="checkbox" name="enabled" value="true" checked[fields.enabled];
                        label for="enabled" { "Enabled" }
                        p.hint { "A rule that is not enabled does nothing" }
                    }
                    (self.trial())
                    div.actions {
                        button.primary { (submit) }
                        button name="try" value="true" { "Try it" }
                        a.button href="/rules" { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Rules, title).page(&body)
    }

    fn notices(&self) -> Markup {
        html! {
            @if self.stale {
                div.notice.warn role="alert" {
                    p {
                        strong {
                            @if self.of.is_some() { "Somebody else has changed this rule meanwhile." }
                            @else { "There is a rule of this name already." }
                        }
                        " Nothing was saved; what you typed is below."
                    }
                }
            }
            (faults_notice(self.faults, label_of, anchor))
        }
    }

    fn head(&self) -> Markup {
        let name = Input("name", "Name of the rule", "Small letters, digits and hyphens, like poll-twitter", None);
        let event = Input("event", "On the event", "Its whole name, like twitter.linked", None);
        let job = Input("job", "Endpoint", "The key that it is known by: each key has one endpoint", None);
        let choices = [
            ("upsert", "is added, or changed to what is said below"),
            ("delete", "is deleted"),
            ("switch_off", "is switched off"),
        ];
        html! {
            @match self.of {
                Some(name) => { p.field { "Rule " strong { (name) } } input type="hidden" name="name" value=(name); },
                None => (self.input(&name)),
            }
            (self.input(&event))
            (self.input(&job))
            fieldset #then .field {
                legend { "What happens to it" }
                @for (act, text) in choices {
                    div.check {
                        input id={ "do-" (act) } type="radio" name="do" value=(act) checked[self.fields.act == act];
                        label for={ "do-" (act) } { "It " (text) }
                    }
                }
                @if let Some(fault) = self.fault("then") { p.fault #then-fault { (fault.detail) } }
            }
        }
    }

    fn endpoint(&self) -> Markup {
        let secret = html! {
            div.field.check {
                input #then-secret type="checkbox" name="then.upsert.secret" value="true" checked[self.fields.secret];
                label for="then-secret" { "Body and query are secret" }
                p.hint { "They are sent, but not shown again; leave •••• to keep one" }
            }
        };
        html! {
            fieldset.part {
                legend { "The endpoint, if it is added or changed" }
                p.hint {
                    "Each text may have places to fill in: {{ event }}, {{ key }}, and {{ data.… }} for what came with \
                     the event; with filters such as lower, tojson and default('…'). What is left blank has its \
                     default."
                }
                (self.input(&URL))
                (self.input(&EVERY))
                div.field.check.faulty[self.fault(ALIGN).is_some()] {
                    input id=(ALIGN) type="checkbox" name=(ALIGN) value="true" checked[self.fields.align];
                    label for=(ALIGN) { "On round times (:00, :05, ...) rather than spread" }
                    @if let Some(fault) = self.fault(ALIGN) { p.fault { (fault.detail) } }
                }
                (self.folded("When else it is called", &TIMING, &html! {}))
                (self.folded("Request", &REQUEST, &secret))
                (self.folded("Outcome, SLA, retries and tags", &MORE, &html! {}))
                div.field.check {
                    input #then-active type="checkbox" name="then.upsert.active" value="true" checked[self.fields.active];
                    label for="then-active" { "Switched on" }
                    p.hint { "It is called from when the event has come" }
                }
            }
        }
    }

    /// Fields that are hidden as long as they are blank.
    fn folded(&self, title: &str, inputs: &[Input], more: &Markup) -> Markup {
        let names: Vec<&str> = inputs.iter().map(|input| input.0).collect();
        let open = self.fields.says(&names) || inputs.iter().any(|input| self.fault(input.0).is_some());
        html! {
            details.more open[open] {
                summary { (title) }
                @for input in inputs { (self.input(input)) }
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
                        "\n" (self.fields.sample)
                    }
                    p.hint #sample-hint { "As JSON. What it would do is shown here; nothing is saved or called." }
                }
                @if let Some(trial) = self.trial { (trial.part()) }
            }
        }
    }

    fn input(&self, input: &Input) -> Markup {
        let Input(name, label, hint, lines) = input;
        let (value, fault) = (self.fields.text(name), self.fault(name));
        let invalid = fault.map(|_| "true");
        let autofocus = self.of.is_none() && self.faults.is_empty() && *name == "name" && self.trial.is_none();
        let described = if fault.is_some() { format!("{name}-fault {name}-hint") } else { format!("{name}-hint") };
        html! {
            div.field.faulty[fault.is_some()] {
                label for=(name) { (label) }
                @match lines {
                    Some(lines) => textarea id=(name) name=(name) rows=(lines) spellcheck="false" aria-invalid=[invalid]
                        // The first line break after the tag is not part of the text.
                        aria-describedby=(described) { "\n" (value) },
                    None => input id=(name) name=(name) value=(value) autocomplete="off" spellcheck="false"
                        autofocus[autofocus] aria-invalid=[invalid] aria-describedby=(described);,
                }
                @if let Some(fault) = fault { p.fault id={ (name) "-fault" } { (fault.detail) } }
                @if !hint.is_empty() { p.hint id={ (name) "-hint" } { (hint) } }
            }
        }
    }

    fn fault(&self, field: &str) -> Option<&Invalid> {
        self.faults.iter().find(|fault| anchor(&fault.field) == field)
    }
}

fn inputs() -> impl Iterator<Item = &'static Input> {
    [&URL, &EVERY].into_iter().chain(&TIMING).chain(&REQUEST).chain(&MORE)
}

/// The field that a fault is shown at: one of an object as a whole is shown at its first part.
fn anchor(field: &str) -> &str {
    match field {
        "then.upsert.pause" => "then.upsert.pause.until",
        "then.upsert.sla" => "then.upsert.sla.every",
        "then.upsert.retry" => "then.upsert.retry.attempts",
        "then.upsert.steer" => "then.upsert.steer.min",
        field => field,
    }
}

/// What the form calls a field.
fn label_of(field: &str) -> &str {
    match field {
        "name" => "Name of the rule",
        "event" => "On the event",
        "job" => "Endpoint",
        "then" => "What happens to it",
        ALIGN => "On round times",
        "then.upsert.retry" => "Retries",
        "then.upsert.retry.backoff" => "Pause between attempts",
        "then.upsert.retry.on" => "Tried again after",
        "then.upsert.steer" => "What the target may set",
        field => inputs().find(|input| input.0 == field).map_or(field, |input| input.1),
    }
}
