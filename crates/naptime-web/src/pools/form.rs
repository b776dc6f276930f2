//! Editing a pool: its limits, its default headers, and how its connections are made.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::pem::ClientCert;
use naptime_core::{Invalid, Pool, PoolSettings, Rev, duration, input};
use naptime_store::Error;
use serde_json::{Map, Value};

use super::list::of_pool;
use super::name::PagePool;
use super::view::href;
use crate::app::{App, Shared};
use crate::http::body::{FormBody, MEDIUM_BYTES};
use crate::kit::controls::{Controls, Held, Input, PREVIEW, along, stale_notice};
use crate::kit::layout::{Layout, Tab, faults_notice};
use crate::kit::texts::{self, Kind, Texts};
use crate::kit::{PageError, mask};

/// The fields that are texts. Certificates are PEM; of a private key that is stored, the mask is shown.
const TEXTS: [&str; 7] =
    ["headers", "max_in_flight", "max_per_second", "max_timeout", "extra_ca", "client_cert", "client_key"];
/// The fields that are ticked.
const FLAGS: [&str; 2] = ["probe", "http1_only"];

/// What the form holds.
#[derive(Default)]
struct PoolFields {
    texts: Texts,
    /// The revision that was shown.
    rev: Option<Rev>,
}

/// The form with what it holds and what is wrong with it.
struct PoolForm<'a> {
    pool: &'a Pool,
    fields: &'a PoolFields,
    faults: &'a [Invalid],
    /// Whether somebody else's change came between.
    stale: bool,
}

pub(super) async fn filled(State(app): State<Shared>, PagePool(pool): PagePool) -> Result<Markup, PageError> {
    let fields = PoolFields::of(&stored(&app, &pool).await?);
    Ok(PoolForm { pool: &pool, fields: &fields, faults: &[], stale: false }.page(&app))
}

pub(super) async fn change(
    State(app): State<Shared>,
    PagePool(pool): PagePool,
    FormBody(sent): FormBody<MEDIUM_BYTES>,
) -> Result<Response, PageError> {
    let mut settings = stored(&app, &pool).await?;
    let mut fields = PoolFields::sent(&sent, PoolFields::of(&settings));
    if sent.iter().any(|(name, _)| name == PREVIEW) {
        let page = PoolForm { pool: &pool, fields: &fields, faults: &[], stale: false }.page(&app);
        return Ok(page.into_response());
    }
    if fields.rev.is_none_or(|rev| rev == settings.rev) {
        let change = match input::read_pool(fields.json(&PoolFields::of(&settings)), &settings) {
            Ok(change) => change,
            Err(faults) => {
                let page = PoolForm { pool: &pool, fields: &fields, faults: &faults, stale: false }.page(&app);
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
        };
        match app.store.change_pool(&pool, Some(settings.rev), change).await {
            Ok(_) => return Ok(Redirect::to(&href(&pool)).into_response()),
            Err(Error::Stale(_)) => settings = stored(&app, &pool).await?,
            Err(error) => return Err(of_pool(error)),
        }
    }
    // What was typed is kept. Whoever sends it once more has seen that it replaces another's change.
    fields.rev = Some(settings.rev);
    let page = PoolForm { pool: &pool, fields: &fields, faults: &[], stale: true }.page(&app);
    Ok((StatusCode::CONFLICT, page).into_response())
}

async fn stored(app: &App, pool: &Pool) -> Result<PoolSettings, PageError> {
    app.store.pool_settings(std::slice::from_ref(pool)).await?.pop().ok_or_else(PageError::no_pool)
}

impl PoolFields {
    /// The form of a pool.
    fn of(settings: &PoolSettings) -> Self {
        let number = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let transport = &settings.transport;
        let client_cert = transport.client_cert.as_deref().map(ClientCert::split);
        let lines = mask::masked(&settings.headers).into_iter().map(|(name, value)| format!("{name}: {value}"));
        let mut fields = Self { rev: Some(settings.rev), ..Self::default() };
        for (name, text) in [
            ("headers", lines.collect::<Vec<_>>().join("\n")),
            ("max_in_flight", number(settings.max_in_flight)),
            ("max_per_second", number(settings.max_per_second)),
            ("max_timeout", settings.max_timeout.map(duration::show).unwrap_or_default()),
            ("probe", texts::flag(settings.probe)),
            ("http1_only", texts::flag(transport.http1_only)),
            ("extra_ca", transport.extra_ca.clone().unwrap_or_default()),
            ("client_cert", client_cert.map(|it| it.chain.to_owned()).unwrap_or_default()),
            ("client_key", client_cert.map(|_| mask::MASK.to_owned()).unwrap_or_default()),
        ] {
            fields.texts.set(name, text);
        }
        fields
    }

    /// The form as it was sent; what is left out, not only left blank, is as it was `shown`.
    fn sent(sent: &[(String, String)], shown: Self) -> Self {
        let mut fields = shown;
        // Of a box that is ticked, the last counts.
        let last = |name: &str| sent.iter().rfind(|(key, _)| key == name).map(|(_, text)| texts::normal(text));
        for name in TEXTS {
            if let Some(text) = last(name) {
                fields.texts.set(name, text);
            }
        }
        for name in FLAGS {
            if let Some(text) = last(name) {
                fields.texts.set(name, texts::flag(text == "true"));
            }
        }
        fields.rev = last("rev").and_then(|rev| rev.parse().ok()).map(Rev);
        fields
    }

    /// What was typed, where it is not what was `shown`. What was left blank is `null`.
    fn json(&self, shown: &Self) -> Value {
        let mut fields = Map::from_iter(FLAGS.map(|name| (name.to_owned(), Kind::Flag.value(self.text(name)))));
        // A browser may leave out the line end with which a stored text ends.
        for name in TEXTS.into_iter().filter(|name| self.text(name).trim() != shown.text(name).trim()) {
            fields.insert(name.to_owned(), Kind::Text.value(self.text(name)));
        }
        Value::Object(fields)
    }
}

impl Held for PoolFields {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name)
    }

    fn label<'a>(&self, name: &'a str) -> &'a str {
        label_of(name)
    }
}

impl PoolForm<'_> {
    fn page(&self, app: &App) -> Markup {
        let href = href(self.pool);
        let controls = Controls { held: self.fields, faults: self.faults, first: None };
        let body = html! {
            div.narrow {
                h1 { "Edit pool" }
                p.where { span.url { (self.pool) } }
                @if self.stale { (stale_notice("Somebody else has changed this pool meanwhile.", Some(&href))) }
                (faults_notice(self.faults, label_of, |field| field))
                form.endpoint method="post" novalidate {
                    (along(self.fields.rev))
                    (number(&controls, "max_in_flight",
                        "The most calls under way at a time, across all workers; blank for no limit"))
                    (number(&controls, "max_per_second",
                        "The most calls that leave within any second, across all workers; blank for no limit"))
                    (controls.lines("headers", 4, "Sent with each call, unless the endpoint has one of that \
                        name; one on each line, like User-Agent: mine, Accept: text/plain or Host: other.example. \
                        Credentials are not shown again; leave •••• to keep one."))
                    (flag(&controls, "probe", "All calls wait, but for one every 5 s that tries whether the host is back; \
                        then they come back, more with each second. It is down if three or more of its endpoints, and half \
                        of all, cannot reach it, time out or are answered 503."))
                    (connection(&controls))
                    div.actions {
                        button.primary { @if self.stale { "Save over it" } @else { "Save" } }
                        a.button href=(href) { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Pools, "Edit pool").page(&body)
    }
}

fn number(controls: &Controls<'_>, name: &str, hint: &str) -> Markup {
    controls.input(&Input { keys: Some("numeric"), ..Input::text(name, hint) })
}

/// A box that is not ticked is not sent, so there is a field before it that always is.
fn flag(controls: &Controls<'_>, name: &str, hint: &str) -> Markup {
    html! {
        input type="hidden" name=(name) value="false";
        (controls.flag(name, hint))
    }
}

fn connection(controls: &Controls<'_>) -> Markup {
    let certificates = ["extra_ca", "client_cert", "client_key"];
    let open = certificates.iter().any(|name| !controls.held.text(name).is_empty() || controls.fault(name).is_some());
    html! {
        fieldset.part {
            legend { "Connection" }
            (controls.input(&Input::text("max_timeout",
                "The longest timeout that endpoints and jobs may ask for, like 20m; from 5m to 1h, blank for 5m")))
            (flag(controls, "http1_only",
                "Never HTTP/2, even where the host offers it. For hosts and load balancers that handle it badly."))
            details.more open[open] {
                summary { "Certificates" }
                (controls.lines("extra_ca", 4, "Certificates (PEM) trusted for this host, besides those \
                    that the machine trusts: of a private authority, or of the host itself if it signs its own."))
                (controls.lines("client_cert", 4, "Shown to a host that asks who calls (mutual TLS): \
                    the certificate, and those between it and one the host trusts (PEM)."))
                (controls.lines("client_key", 4, "The key of the client certificate (PEM, without a \
                    passphrase). Not shown again; leave •••• to keep it."))
            }
        }
    }
}

/// What the form calls a field.
fn label_of(field: &str) -> &str {
    match field {
        "max_in_flight" => "Calls in flight",
        "max_per_second" => "Calls per second",
        "headers" => "Default headers",
        "probe" => "Hold calls back while the host is down",
        "max_timeout" => "Longest timeout",
        "http1_only" => "HTTP/1.1 only",
        "extra_ca" => "Trusted certificates",
        "client_cert" => "Client certificate",
        "client_key" => "Private key",
        other => other,
    }
}
