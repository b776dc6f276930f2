//! Editing the limits and default headers of a pool.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Invalid, Pool, PoolSettings, RawHeaders, Rev};
use naptime_store::Error;

use super::PageError;
use super::layout::{Layout, Tab};
use super::pool_view::href;
use super::pools::of_pool;
use crate::app::{App, Shared};
use crate::body::FormBody;
use crate::mask;
use crate::pool::{PagePool, PoolDraft};

/// What the form holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PoolFields {
    max_in_flight: String,
    max_per_second: String,
    headers: String,
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
    FormBody(sent): FormBody,
) -> Result<Response, PageError> {
    let mut settings = stored(&app, &pool).await?;
    let mut fields = PoolFields::sent(&sent, PoolFields::of(&settings));
    if fields.rev.is_none_or(|rev| rev == settings.rev) {
        let change = match fields.draft(&PoolFields::of(&settings)).change(&settings) {
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
        let lines = mask::masked(&settings.headers).into_iter().map(|(name, value)| format!("{name}: {value}"));
        Self {
            max_in_flight: number(settings.max_in_flight),
            max_per_second: number(settings.max_per_second),
            headers: lines.collect::<Vec<_>>().join("\n"),
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
            rev: sent("rev").and_then(|rev| rev.parse().ok()).map(Rev),
        }
    }

    /// What was typed, where it is not what was `shown`.
    fn draft(&self, shown: &Self) -> PoolDraft {
        let typed = |get: fn(&Self) -> &String| Some(get(self)).filter(|text| *text != get(shown)).cloned();
        PoolDraft {
            headers: typed(|fields| &fields.headers).map(RawHeaders::Lines),
            max_in_flight: typed(|fields| &fields.max_in_flight).map(Some),
            max_per_second: typed(|fields| &fields.max_per_second).map(Some),
            ..PoolDraft::default()
        }
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
                    (self.field("headers", "Sent with each call, unless the endpoint has one of that name; one on each \
                        line, like Accept: text/plain. Credentials are not shown again; leave •••• to keep one.",
                        // The first line break after the tag is not part of the text.
                        &html! {
                            textarea #headers name="headers" rows="4" spellcheck="false"
                                aria-invalid=[self.invalid("headers")] aria-describedby=(self.described("headers")) {
                                "\n" (fields.headers)
                            }
                        }))
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

    fn number(&self, name: &'static str, value: &str, hint: &str) -> Markup {
        let control = html! {
            input id=(name) name=(name) value=(value) inputmode="numeric" autocomplete="off"
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
        other => other,
    }
}
