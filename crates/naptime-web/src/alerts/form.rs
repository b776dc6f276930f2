//! Adding and editing a receiver of alerts.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_alerts::Stored;
use naptime_core::alert::{MAX_RECEIVERS, Receiver, To};
use naptime_core::input::read_receiver;
use naptime_core::problem::Kind;
use naptime_core::{Invalid, Rev};
use naptime_store::{Error, Expect};
use serde_json::{Map, Value};

use super::page::{of_receiver, receiver};
use super::view::name_of;
use crate::app::{App, Shared};
use crate::http::body::FormBody;
use crate::http::query::Query;
use crate::kit::controls::{Controls, Held, Input, PREVIEW, along, stale_notice};
use crate::kit::layout::{Layout, Tab, faults_notice};
use crate::kit::{PageError, texts};

/// The fields of all receivers that are typed, by their paths.
const COMMON: [&str; 9] =
    ["severity", "kinds", "pools", "tags", "after", "repeat", "quiet.within", "quiet.days", "quiet.tz"];

/// What the form holds: texts, by the paths of their fields.
struct ReceiverFields(BTreeMap<String, String>);

/// The form with what it holds and what is wrong with it.
struct ReceiverForm<'a> {
    kind: &'a str,
    /// The name, of one that is there.
    of: Option<&'a str>,
    fields: &'a ReceiverFields,
    rev: Option<Rev>,
    faults: &'a [Invalid],
    /// Whether somebody else's change came between.
    stale: bool,
}

pub(super) async fn blank(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let kind = query.get("kind").filter(|kind| To::KINDS.contains(kind)).unwrap_or("webhook");
    let fields = ReceiverFields([("name".to_owned(), kind.to_owned())].into());
    Ok(ReceiverForm { kind, of: None, fields: &fields, rev: None, faults: &[], stale: false }.page(&app))
}

pub(super) async fn create(State(app): State<Shared>, form: FormBody) -> Result<Response, PageError> {
    save(&app, None, &form).await
}

pub(super) async fn filled(State(app): State<Shared>, Path(name): Path<String>) -> Result<Markup, PageError> {
    let stored = receiver(&app, &name).await?;
    let kind = stored.value.to.kind();
    let fields = ReceiverFields::of(&stored.value);
    let of = Some(&*name);
    Ok(ReceiverForm { kind, of, fields: &fields, rev: Some(stored.rev), faults: &[], stale: false }.page(&app))
}

pub(super) async fn change(
    State(app): State<Shared>,
    Path(name): Path<String>,
    form: FormBody,
) -> Result<Response, PageError> {
    save(&app, Some(name), &form).await
}

async fn save(app: &App, of: Option<String>, form: &FormBody) -> Result<Response, PageError> {
    let kind = form.field("kind").unwrap_or_default();
    let names = COMMON.into_iter().chain(own(kind).iter().map(|(name, _)| *name)).chain(["name"]);
    let sent = names.map(|name| (name.to_owned(), form.field(name).unwrap_or_default().to_owned()));
    let fields = ReceiverFields(sent.collect());
    let mut rev = form.field("rev").and_then(|rev| rev.parse().ok()).map(Rev);
    let name = of.clone().unwrap_or_else(|| fields.text("name").trim().to_owned());
    let active = match &of {
        Some(name) => receiver(app, name).await?.value.active,
        None => true,
    };
    if form.field(PREVIEW).is_some() {
        let form = ReceiverForm { kind, of: of.as_deref(), fields: &fields, rev, faults: &[], stale: false };
        return Ok(form.page(app).into_response());
    }
    let json = fields.json(kind, active);
    let read = |stored: Option<&Receiver>| read_receiver(json.clone(), &name, stored, app.limits());
    let expect = match (&of, rev) {
        (None, _) => Expect::Nothing,
        (Some(_), Some(rev)) => Expect::Rev(rev),
        (Some(_), None) => Expect::Anything,
    };
    let stored = naptime_alerts::put_receiver(&*app.store, &name, expect, read).await;
    let (faults, stale) = match stored {
        Ok(Stored::New(_) | Stored::Changed(_)) => return Ok(Redirect::to("/alerts").into_response()),
        Ok(Stored::Invalid(faults)) => (faults, false),
        Ok(Stored::TooMany) => {
            let detail = format!("there are as many receivers as there may be: {MAX_RECEIVERS}");
            (vec![Invalid::new("name", "too_many", detail)], false)
        }
        Err(Error::Stale(_)) if of.is_none() => {
            (vec![Invalid::new("name", "taken", "another receiver has this name")], false)
        }
        Err(Error::Stale(now)) => {
            // What was typed is kept. Whoever sends it once more has seen that it replaces another's change.
            rev = Some(now);
            (Vec::new(), true)
        }
        Err(error) => return Err(of_receiver(error)),
    };
    let status = if stale { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    let form = ReceiverForm { kind, of: of.as_deref(), fields: &fields, rev, faults: &faults, stale };
    Ok((status, form.page(app)).into_response())
}

/// The fields that a kind has of its own, each with a hint.
fn own(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "email" => &[("to", "One address or several, with commas between. Mail is sent by the server of SMTP_URL.")],
        "slack" => &[(
            "url",
            "Of an incoming webhook: https://hooks.slack.com/services/... Mattermost and Rocket.Chat have the same; of \
             Discord take the webhook's URL and add /slack.",
        )],
        "teams" => &[("url", "Of the workflow \"Post to a channel when a webhook request is received\".")],
        "telegram" => &[
            ("token", "Of the bot, as @BotFather gave it. Not shown again; leave •••• to keep it."),
            ("chat", "The id of the chat, like -1001234567890, or @name of a public channel."),
            ("url", "Of the Bot API, if it is your own server; blank for https://api.telegram.org."),
        ],
        "ntfy" => &[
            ("url", "Of the topic: https://ntfy.sh/your-topic"),
            ("token", "If the topic needs one. Not shown again; leave •••• to keep it."),
        ],
        "pagerduty" => &[
            ("routing_key", "Of an integration with the Events API v2. Not shown again; leave •••• to keep it."),
            ("url", "Of the events API, if it is that of the EU: https://events.eu.pagerduty.com/v2/enqueue."),
        ],
        _ => &[
            ("url", "Gets JSON by POST; its path is not shown again."),
            (
                "sign",
                "A key (whsec_...) that the calls are signed with, as Standard Webhooks says; two with a comma between \
                 while one is rotated. Not shown again; leave •••• to keep it.",
            ),
        ],
    }
}

impl ReceiverFields {
    /// The form of a receiver that is there.
    fn of(receiver: &Receiver) -> Self {
        let mut fields = BTreeMap::new();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        for (name, value) in receiver.shown().as_object().into_iter().flatten() {
            match value {
                Value::Object(parts) => {
                    parts.iter().for_each(|(part, value)| drop(fields.insert(format!("{name}.{part}"), text(value))));
                }
                value => drop(fields.insert(name.clone(), text(value))),
            }
        }
        // What is so by default need not be read.
        if fields.get("after").is_some_and(|after| after == "0ms") {
            fields.remove("after");
        }
        Self(fields)
    }

    /// What was typed, as the API would send it.
    fn json(&self, kind: &str, active: bool) -> Value {
        let mut json = Map::from_iter([("kind".to_owned(), kind.into()), ("active".to_owned(), active.into())]);
        for (name, text) in self.0.iter().filter(|(name, text)| *name != "name" && !text.trim().is_empty()) {
            texts::put(&mut json, name, text.trim().into());
        }
        // A time zone alone says nothing.
        if json.get("quiet").and_then(Value::as_object).is_some_and(|quiet| quiet.keys().all(|part| part == "tz")) {
            json.remove("quiet");
        }
        json.into()
    }
}

impl Held for ReceiverFields {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn label<'a>(&self, name: &'a str) -> &'a str {
        label_of(name)
    }

    fn anchor<'a>(&self, name: &'a str) -> &'a str {
        if name == "quiet" { "quiet.within" } else { name }
    }
}

impl ReceiverForm<'_> {
    fn page(&self, app: &App) -> Markup {
        let title = if self.of.is_some() { "Edit receiver" } else { "Add receiver" };
        let known = Kind::NAMES.join(", ");
        let controls = Controls { held: self.fields, faults: self.faults, first: None };
        let line = |name: &str, hint: &str| controls.input(&Input::text(name, hint));
        let body = html! {
            div.narrow {
                h1 { (title) ": " (name_of(self.kind)) }
                @if self.stale { (stale_notice("Somebody else has changed this receiver meanwhile.", None)) }
                (faults_notice(self.faults, label_of, |field| self.fields.anchor(field)))
                @if self.kind == "email" && app.settings.place.mail.is_none() {
                    div.notice.warn { p { "No mail server is set here. Set " code { "SMTP_URL" } " where web and workers run." } }
                }
                form.endpoint method="post" novalidate {
                    input type="hidden" name="kind" value=(self.kind);
                    (along(self.rev))
                    @if let Some(name) = self.of {
                        p.where { strong { (name) } }
                    } @else {
                        (line("name", "1 to 40 small letters, digits and hyphens"))
                    }
                    @for (name, hint) in own(self.kind) { (line(name, hint)) }
                    fieldset.part {
                        legend { "Is told of" }
                        (self.severity())
                        (line("tags", "Only endpoints with one of these tags; blank for all"))
                        (line("pools", "Only these pools and their endpoints, like https://example.com; blank for all"))
                        (line("kinds", &format!("Only these kinds; blank for all. They are {known}.")))
                    }
                    fieldset.part {
                        legend { "When" }
                        (line("after", "How long a problem must have lasted, like 5m; blank for at once"))
                        (line("repeat", "How often it is told again while it lasts and nobody has acknowledged it, like 1h; blank for never"))
                        (line("quiet.within", "Hours without alerts, like 22:00-07:00. What still lasts at their end is told then."))
                        (line("quiet.days", "The days on which these hours are, like SAT, SUN; blank for all"))
                        (line("quiet.tz", "By the clock of which time zone, like Europe/Berlin; blank for UTC"))
                    }
                    div.actions {
                        button.primary { @if self.stale { "Save over it" } @else { "Save" } }
                        a.button href="/alerts" { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Alerts, title).page(&body)
    }

    fn severity(&self) -> Markup {
        let now = self.fields.text("severity");
        html! {
            div.field {
                label for="severity" { "How bad" }
                select #severity name="severity" {
                    option value="" selected[now != "bad"] { "all problems" }
                    option value="bad" selected[now == "bad"] { "only what is bad: it fails, is down or in breach" }
                }
            }
        }
    }
}

/// What the form calls a field.
fn label_of(field: &str) -> &str {
    match field {
        "name" => "Name",
        "url" => "URL",
        "to" => "To",
        "token" => "Token",
        "chat" => "Chat",
        "routing_key" => "Routing key",
        "sign" => "Signing key",
        "severity" => "How bad",
        "kinds" => "Kinds",
        "pools" => "Pools",
        "tags" => "Tags",
        "after" => "After",
        "repeat" => "Again every",
        "quiet.within" | "quiet" => "Quiet hours",
        "quiet.days" => "Quiet days",
        "quiet.tz" => "Time zone",
        other => other,
    }
}
