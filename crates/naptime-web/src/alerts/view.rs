//! How the page of alerts looks: the receivers, what is muted, and what was sent.

use maud::{Markup, html};
use naptime_alerts::{Kept, Numbered, Place, TAG};
use naptime_core::alert::{Mute, Muted, Receiver, To};
use naptime_core::problem::Severity;
use naptime_core::{Endpoint, Time, duration};
use naptime_store::JobSummary;

use crate::app::App;
use crate::as_code::said::{self, Projects};
use crate::jobs::pill;
use crate::kit::format;
use crate::kit::layout::{Layout, Tab};

pub(super) fn list(app: &App, kept: &Kept, projects: &Projects, sent: &[JobSummary]) -> Markup {
    let now = app.now();
    let body = html! {
        div.head {
            div.title {
                h1 { "Alerts" }
                p.note { "Who is told when a problem opens, gets worse, and is over." }
            }
        }
        @if kept.receivers.is_empty() {
            p.empty { "Nobody is told of problems yet. Add somebody:" }
        } @else {
            (receivers(kept, projects, &app.settings.place))
        }
        p.kinds {
            @if !kept.receivers.is_empty() { "Add: " }
            @for kind in To::KINDS { a.button href={ "/alerts/new?kind=" (kind) } { (name_of(kind)) } " " }
        }
        @if app.settings.place.url.is_none() {
            p.note { "Alerts have no links to these pages, since " code { "NAPTIME_URL" } " is not set." }
        }
        (mutes(kept, now))
        (sent_list(sent, now))
    };
    Layout::new(app, Tab::Alerts, "Alerts").page(&body)
}

fn receivers(kept: &Kept, projects: &Projects, place: &Place) -> Markup {
    html! {
        table.cards.endpoints {
            thead {
                tr {
                    th scope="col" { "On" }
                    th scope="col" { "Receiver" }
                    th scope="col" { "By" }
                    th scope="col" { "Is told of" }
                    th scope="col" { span.hidden { "What to do" } }
                }
            }
            tbody {
                @for Numbered { value: receiver, .. } in kept.receivers.values() {
                    tr.off[!receiver.active] {
                        td.onoff { (switch_of(receiver)) }
                        th.where scope="row" {
                            a href={ "/alerts/receivers/" (receiver.name) } { span.channel { (receiver.name) } }
                        }
                        td data-label="By" {
                            (name_of(receiver.to.kind())) " " span.dim { (whereto(&receiver.to)) }
                            @if matches!(receiver.to, To::Email { .. }) && place.mail.is_none() {
                                " " span.pill.bad { "SMTP_URL is not set" }
                            }
                        }
                        td data-label="Is told of" {
                            (told_of(receiver))
                            (said::note(&projects.receiver(receiver)))
                        }
                        td.acts {
                            a.button.quiet href={ "/alerts/receivers/" (receiver.name) }
                                aria-label={ "Edit " (receiver.name) } { "Edit" }
                            form method="post" action={ "/alerts/receivers/" (receiver.name) "/test" } {
                                button.quiet aria-label={ "Send a test to " (receiver.name) } { "Send a test" }
                            }
                            a.button.quiet href={ "/alerts/receivers/" (receiver.name) "/delete" }
                                aria-label={ "Delete " (receiver.name) } { "Delete" }
                        }
                    }
                }
            }
        }
    }
}

fn switch_of(receiver: &Receiver) -> Markup {
    html! {
        form method="post" action={ "/alerts/receivers/" (receiver.name) "/switch" } {
            input type="hidden" name="active" value=(!receiver.active);
            button.switch role="switch" aria-checked=(receiver.active) aria-label={ "On: " (receiver.name) } {
                span.knob {}
                span.word { @if receiver.active { "on" } @else { "off" } }
            }
        }
    }
}

/// What a kind is called.
pub(super) fn name_of(kind: &str) -> &'static str {
    match kind {
        "email" => "E-mail",
        "slack" => "Slack",
        "teams" => "Teams",
        "telegram" => "Telegram",
        "ntfy" => "ntfy",
        "pagerduty" => "PagerDuty",
        _ => "Webhook",
    }
}

/// Where it is sent, without what is secret.
fn whereto(to: &To) -> String {
    match to {
        To::Email { to } => to.join(", "),
        To::Telegram { chat, .. } => format!("chat {chat}"),
        other => {
            let url = other.url().and_then(|url| Endpoint::parse(url).ok());
            url.map(|url| url.pool().to_string()).unwrap_or_default()
        }
    }
}

/// Of which problems it is told, and when, in words.
fn told_of(receiver: &Receiver) -> String {
    let only = &receiver.only;
    let is_some = !only.kinds.is_empty() || !only.pools.is_empty() || !only.tags.is_empty();
    let mut said: Vec<String> = match only.severity {
        Some(Severity::Bad) => vec!["what is bad".to_owned()],
        _ if is_some => Vec::new(),
        _ => vec!["everything".to_owned()],
    };
    let lists = [(&only.kinds, ""), (&only.pools, "of "), (&only.tags, "tagged ")];
    let named = lists.iter().filter(|(list, _)| !list.is_empty());
    said.extend(named.map(|(list, how)| format!("{how}{}", list.join(" or "))));
    if !receiver.after.is_zero() {
        said.push(format!("after {}", duration::show(receiver.after)));
    }
    said.extend(receiver.repeat.map(|every| format!("again every {}", duration::show(every))));
    said.extend(receiver.quiet.as_ref().map(|quiet| format!("not {}", quiet.0)));
    said.join(", ")
}

fn mutes(kept: &Kept, now: Time) -> Markup {
    let lasting: Vec<(&String, &Mute)> =
        kept.mutes.iter().map(|(id, mute)| (id, &mute.value)).filter(|(_, mute)| mute.until > now).collect();
    html! {
        section {
            h2 { "Muted" }
            @if !lasting.is_empty() {
                ul.mutes {
                    @for (id, mute) in lasting {
                        li {
                            form method="post" action={ "/alerts/mutes/" (id) "/delete" } {
                                span { (muted(&mute.of)) ": ends " (format::time(now, mute.until)) }
                                @if !mute.note.is_empty() { span.dim { " " (mute.note) } }
                                button.quiet { "Unmute" }
                            }
                        }
                    }
                }
            }
            form.muting-tag method="post" action="/alerts/mutes" {
                input type="hidden" name="back" value="/alerts";
                label { "Mute the tag" input name="tag" size="16" required autocomplete="off"; }
                (lengths())
                label { "because" input name="note" size="24" autocomplete="off"; }
                button { "Mute" }
            }
            p.note { "An endpoint or a pool that has a problem is muted on the overview." }
        }
    }
}

fn muted(of: &Muted) -> Markup {
    html! {
        @match of {
            Muted::Endpoint(id) => { a href={ "/endpoints/" (id) } { "the endpoint " code { (id) } } }
            Muted::Pool(pool) => { "the pool " code { (pool) } }
            Muted::Tag(tag) => { "the tag " code { (tag) } }
        }
    }
}

/// For how long something is muted.
pub(crate) fn lengths() -> Markup {
    html! {
        select name="for" aria-label="For how long" {
            option value="1h" { "for 1 hour" }
            option value="8h" { "for 8 hours" }
            option value="1d" { "for a day" }
            option value="7d" { "for a week" }
        }
    }
}

fn sent_list(sent: &[JobSummary], now: Time) -> Markup {
    html! {
        section {
            h2 { "Sent" }
            @if sent.is_empty() {
                p.note { "No alert was sent yet." }
            } @else {
                table.cards {
                    thead {
                        tr {
                            th scope="col" { "Alert" }
                            th scope="col" { "To" }
                            th scope="col" { "When" }
                            th scope="col" { "State" }
                        }
                    }
                    tbody {
                        @for job in sent {
                            tr {
                                th scope="row" { a href={ "/jobs/" (job.id) } { (job.name) } }
                                td data-label="To" {
                                    (job.tags.iter().find_map(|tag| tag.strip_prefix("to-")).unwrap_or("–"))
                                }
                                td data-label="When" { (format::time(now, job.created_at)) }
                                td data-label="State" { @if let Some(it) = job.stage { (pill(it)) } }
                            }
                        }
                    }
                }
                p { a href={ "/jobs?tag=" (TAG) } { "All alerts" } " are one-off jobs: each with its attempts, and to be sent again." }
            }
        }
    }
}
