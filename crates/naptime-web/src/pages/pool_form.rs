//! Editing a pool: its limits, its default headers, and how its connections are made.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::pem::ClientCert;
use naptime_core::{Invalid, Pool, PoolSettings, Rev, duration, input};
use naptime_store::Error;
use serde_json::{Map, Value};

use super::PageError;
use super::layout::{Layout, Tab, faults_notice};
use super::pool_view::href;
use super::pools::of_pool;
use crate::app::{App, Shared};
use crate::body::{FormBody, MEDIUM_BYTES};
use crate::mask;
use crate::pool::PagePool;

/// What the form holds.
#[derive(Clone, Default, PartialEq, Eq)]
struct PoolFields {
    max_in_flight: String,
    max_per_second: String,
    headers: String,
    max_timeout: String,
    http1_only: bool,
    /// Certificates, as PEM.
    extra_ca: String,
    client_cert: String,
    /// The private key of `client_cert`; of one that is stored the mask.
    client_key: String,
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
        let client_cert = settings.transport.client_cert.as_deref().map(ClientCert::split);
        let lines = mask::masked(&settings.headers).into_iter().map(|(name, value)| format!("{name}: {value}"));
        Self {
            max_in_flight: number(settings.max_in_flight),
            max_per_second: number(settings.max_per_second),
            headers: lines.collect::<Vec<_>>().join("\n"),
            max_timeout: settings.max_timeout.map(duration::show).unwrap_or_default(),
            http1_only: settings.transport.http1_only,
            extra_ca: settings.transport.extra_ca.clone().unwrap_or_default(),
            client_cert: client_cert.map(|it| it.chain.to_owned()).unwrap_or_default(),
            client_key: client_cert.map(|_| mask::MASK.to_owned()).unwrap_or_default(),
            rev: Some(settings.rev),
        }
    }

    /// The form as it was sent; what is left out, not only left blank, is as it was `shown`. Browsers send line ends as
    /// CRLF, whatever was typed or shown.
    fn sent(fields: &[(String, String)], shown: Self) -> Self {
        let sent =
            |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.replace("\r\n", "\n"));
        Self {
            max_in_flight: sent("max_in_flight").unwrap_or(shown.max_in_flight),
            max_per_second: sent("max_per_second").unwrap_or(shown.max_per_second),
            headers: sent("headers").unwrap_or(shown.headers),
            max_timeout: sent("max_timeout").unwrap_or(shown.max_timeout),
            // A box that is not ticked is not sent. Before it there is a field that always is.
            http1_only: fields
                .iter()
                .rfind(|(key, _)| key == "http1_only")
                .map_or(shown.http1_only, |(_, it)| it == "true"),
            extra_ca: sent("extra_ca").unwrap_or(shown.extra_ca),
            client_cert: sent("client_cert").unwrap_or(shown.client_cert),
            client_key: sent("client_key").unwrap_or(shown.client_key),
            rev: sent("rev").and_then(|rev| rev.parse().ok()).map(Rev),
        }
    }

    /// What was typed, where it is not what was `shown`. What was left blank is `null`.
    fn json(&self, shown: &Self) -> Value {
        let mut fields = Map::from_iter([("http1_only".to_owned(), self.http1_only.into())]);
        // A browser may leave out the line end with which a stored text ends.
        let differs = |typed: &str, shown: &str| typed.trim() != shown.trim();
        for (name, typed, shown) in [
            ("headers", &self.headers, &shown.headers),
            ("max_in_flight", &self.max_in_flight, &shown.max_in_flight),
            ("max_per_second", &self.max_per_second, &shown.max_per_second),
            ("max_timeout", &self.max_timeout, &shown.max_timeout),
            ("extra_ca", &self.extra_ca, &shown.extra_ca),
            ("client_cert", &self.client_cert, &shown.client_cert),
            ("client_key", &self.client_key, &shown.client_key),
        ] {
            if differs(typed, shown) {
                let value = if typed.trim().is_empty() { Value::Null } else { Value::from(typed.as_str()) };
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    }
}

impl PoolForm<'_> {
    fn page(&self, app: &App) -> Markup {
        let (fields, href) = (self.fields, href(self.pool));
        let body = html! {
            div.narrow {
                h1 { "Edit pool" }
                p.where { span.url { (self.pool) } }
                (self.notices(&href))
                form.endpoint method="post" novalidate {
                    @if let Some(rev) = fields.rev { input type="hidden" name="rev" value=(rev.0); }
                    (self.number("max_in_flight", &fields.max_in_flight,
                        "The most calls under way at a time, across all workers; blank for no limit"))
                    (self.number("max_per_second", &fields.max_per_second,
                        "The most calls that leave within any second, across all workers; blank for no limit"))
                    (self.text("headers", &fields.headers, "Sent with each call, unless the endpoint has one of that \
                        name; one on each line, like User-Agent: mine, Accept: text/plain or Host: other.example. \
                        Credentials are not shown again; leave •••• to keep one."))
                    (self.connection())
                    div.actions {
                        button.primary { @if self.stale { "Save over it" } @else { "Save" } }
                        a.button href=(href) { "Cancel" }
                    }
                }
            }
        };
        Layout::new(app, Tab::Pools, "Edit pool").page(&body)
    }

    fn notices(&self, href: &str) -> Markup {
        html! {
            @if self.stale {
                div.notice.warn role="alert" {
                    p {
                        strong { "Somebody else has changed this pool meanwhile." }
                        " Nothing was saved; what you typed is below."
                    }
                    p { a href=(href) target="_blank" { "See how it is now" } ", then save over it or cancel." }
                }
            }
            (faults_notice(self.faults, label_of, |field| field))
        }
    }

    fn number(&self, name: &'static str, value: &str, hint: &str) -> Markup {
        let control = html! {
            input id=(name) name=(name) value=(value) inputmode="numeric" autocomplete="off"
                autofocus[self.faults.first().is_some_and(|fault| fault.field == name)]
                aria-invalid=[self.invalid(name)] aria-describedby=(self.described(name));
        };
        self.field(name, hint, &control)
    }

    fn connection(&self) -> Markup {
        let fields = self.fields;
        let certificates = ["extra_ca", "client_cert", "client_key"];
        let open = [&fields.extra_ca, &fields.client_cert, &fields.client_key].iter().any(|text| !text.is_empty())
            || certificates.iter().any(|name| self.fault(name).is_some());
        html! {
            fieldset.part {
                legend { "Connection" }
                (self.line("max_timeout", &fields.max_timeout,
                    "The longest timeout that endpoints and jobs may ask for, like 20m; from 5m to 1h, blank for 5m"))
                div.field.check {
                    input type="hidden" name="http1_only" value="false";
                    input #http1_only type="checkbox" name="http1_only" value="true" checked[fields.http1_only]
                        aria-describedby="http1_only-hint";
                    label for="http1_only" { (label_of("http1_only")) }
                    p.hint #http1_only-hint {
                        "Never HTTP/2, even where the host offers it. For hosts and load balancers that handle it badly."
                    }
                }
                details.more open[open] {
                    summary { "Certificates" }
                    (self.text("extra_ca", &fields.extra_ca, "Certificates (PEM) trusted for this host, besides those \
                        that the machine trusts: of a private authority, or of the host itself if it signs its own."))
                    (self.text("client_cert", &fields.client_cert, "Shown to a host that asks who calls (mutual TLS): \
                        the certificate, and those between it and one the host trusts (PEM)."))
                    (self.text("client_key", &fields.client_key, "The key of the client certificate (PEM, without a \
                        passphrase). Not shown again; leave •••• to keep it."))
                }
            }
        }
    }

    fn text(&self, name: &'static str, value: &str, hint: &str) -> Markup {
        // The first line break after the tag is not part of the text.
        let control = html! {
            textarea id=(name) name=(name) rows="4" spellcheck="false" autocomplete="off"
                aria-invalid=[self.invalid(name)] aria-describedby=(self.described(name)) { "\n" (value) }
        };
        self.field(name, hint, &control)
    }

    fn line(&self, name: &'static str, value: &str, hint: &str) -> Markup {
        let control = html! {
            input id=(name) name=(name) value=(value) autocomplete="off" spellcheck="false"
                autofocus[self.faults.first().is_some_and(|fault| fault.field == name)]
                aria-invalid=[self.invalid(name)] aria-describedby=(self.described(name));
        };
        self.field(name, hint, &control)
    }

    /// A control with its label, its hint, and what is wrong with it.
    fn field(&self, name: &str, hint: &str, control: &Markup) -> Markup {
        let fault = self.fault(name);
        html! {
            div.field.faulty[fault.is_some()] {
                label for=(name) { (label_of(name)) }
                (control)
                @if let Some(fault) = fault { p.fault id={ (name) "-fault" } { (fault.detail) } }
                p.hint id={ (name) "-hint" } { (hint) }
            }
        }
    }

    fn described(&self, name: &str) -> String {
        if self.fault(name).is_some() { format!("{name}-fault {name}-hint") } else { format!("{name}-hint") }
    }

    fn invalid(&self, name: &str) -> Option<&'static str> {
        self.fault(name).map(|_| "true")
    }

    fn fault(&self, name: &str) -> Option<&Invalid> {
        self.faults.iter().find(|fault| fault.field == name)
    }
}

/// What the form calls a field.
fn label_of(field: &str) -> &str {
    match field {
        "max_in_flight" => "Calls in flight",
        "max_per_second" => "Calls per second",
        "headers" => "Default headers",
        "max_timeout" => "Longest timeout",
        "http1_only" => "HTTP/1.1 only",
        "extra_ca" => "Trusted certificates",
        "client_cert" => "Client certificate",
        "client_key" => "Private key",
        other => other,
    }
}
