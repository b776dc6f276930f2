//! Rules: the list with a box to try events, adding, editing, switching and deleting.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::{Action, Rule, Template};
use naptime_store::rules::MOST_RULES;
use naptime_store::{Error, Expect, Page, PageRef, StoredRule};

use super::api::PageRule;
use super::fields::{RuleFields, TRY, sample, shown};
use super::form::RuleForm;
use super::input;
use super::trial;
use super::trial::Trial;
use crate::app::{App, Shared};
use crate::as_code::said::{self, Projects};
use crate::http::body::{FormBody, LARGE_BYTES};
use crate::kit::PageError;
use crate::kit::confirm::Question;
use crate::kit::controls::{Held, PREVIEW};
use crate::kit::format;
use crate::kit::layout::{Layout, Tab, unreadable};

pub(super) async fn show(State(app): State<Shared>) -> Result<Markup, PageError> {
    let rules = all(&app).await?;
    let acting = rules.items.iter().find(|stored| stored.rule.enabled).or(rules.items.first());
    let event = acting.map_or("user.created", |stored| &stored.rule.event);
    Ok(list(&app, &rules, &Projects::load(&app).await?, &sample(event), None))
}

/// Tries an event with the rules as they are stored.
pub(super) async fn try_event(
    State(app): State<Shared>,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    let fields = RuleFields::sent(&sent);
    let trial = trial::run(&app, fields.text("sample"), None).await?;
    let rules = all(&app).await?;
    let status = if trial.0.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let projects = Projects::load(&app).await?;
    Ok((status, list(&app, &rules, &projects, fields.text("sample"), Some(&trial))).into_response())
}

pub(super) async fn blank(State(app): State<Shared>) -> Markup {
    page(&app, None, &RuleFields::blank())
}

pub(super) async fn create(
    State(app): State<Shared>,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    save(&app, None, RuleFields::sent(&sent)).await
}

pub(super) async fn filled(State(app): State<Shared>, PageRule(name): PageRule) -> Result<Markup, PageError> {
    let stored = app.store.rule(&name).await.map_err(of_rule)?;
    Ok(page(&app, Some(&name), &RuleFields::of(&stored.rule, stored.rev)))
}

pub(super) async fn change(
    State(app): State<Shared>,
    PageRule(name): PageRule,
    FormBody(sent): FormBody<LARGE_BYTES>,
) -> Result<Response, PageError> {
    let mut fields = RuleFields::sent(&sent);
    fields.rename(&name);
    let stored = app.store.rule(&name).await.map_err(of_rule)?;
    save(&app, Some(stored), fields).await
}

pub(super) async fn switch(
    State(app): State<Shared>,
    PageRule(name): PageRule,
    form: FormBody,
) -> Result<Redirect, PageError> {
    // The button says where to, so pressing it twice does no harm.
    let enabled = form.switch("enabled")?;
    let stored = app.store.rule(&name).await.map_err(of_rule)?;
    let rule = Rule { enabled, ..stored.rule };
    app.store.put_rule(rule, Expect::Rev(stored.rev)).await.map_err(of_rule)?;
    Ok(Redirect::to("/rules"))
}

pub(super) async fn confirm_delete(State(app): State<Shared>, PageRule(name): PageRule) -> Result<Markup, PageError> {
    let rule = app.store.rule(&name).await.map_err(of_rule)?.rule;
    let about = html! {
        p { strong { (rule.name) } ", on " (rule.event) }
        p { "Endpoints that it has made stay as they are." }
    };
    let question = Question::delete("Delete this rule?", about, "/rules").ask();
    Ok(Layout::new(&app, Tab::Rules, "Delete").page(&question))
}

pub(super) async fn delete(State(app): State<Shared>, PageRule(name): PageRule) -> Result<Redirect, PageError> {
    match app.store.delete_rule(&name, None).await {
        // Whoever was first, it is as asked.
        Ok(()) | Err(Error::NotFound) => Ok(Redirect::to("/rules")),
        Err(error) => Err(error.into()),
    }
}

/// Stores what was typed, or tries it, in place of what is `there`.
async fn save(app: &App, there: Option<StoredRule>, mut fields: RuleFields) -> Result<Response, PageError> {
    let rule = there.as_ref().map(|stored| &stored.rule);
    let name = rule.map(|rule| rule.name.clone());
    let blank = RuleForm { of: name.as_deref(), fields: &fields, faults: &[], stale: false, trial: None };
    if fields.has(PREVIEW) {
        return Ok(blank.page(app).into_response());
    }
    let read = match input::read(fields.json(rule), rule, app.limits()) {
        Ok(read) => read,
        Err(faults) => {
            let faults = fields.worded(faults);
            let form = RuleForm { faults: &faults, ..blank };
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, form.page(app)).into_response());
        }
    };
    if fields.has(TRY) {
        let trial = trial::run(app, fields.text("sample"), Some(read)).await?;
        return Ok(RuleForm { trial: Some(&trial), ..blank }.page(app).into_response());
    }
    let expect = match (&there, fields.rev) {
        (None, _) => Expect::Nothing,
        (Some(there), rev) => Expect::Rev(rev.unwrap_or(there.rev)),
    };
    match app.store.put_rule(read, expect).await {
        Ok(_) => Ok(Redirect::to("/rules").into_response()),
        Err(Error::Stale(rev)) => {
            // What was typed is kept. Whoever sends it once more has seen that it replaces another's change.
            fields.rev = there.map(|_| rev);
            let form = RuleForm { of: name.as_deref(), fields: &fields, faults: &[], stale: true, trial: None };
            Ok((StatusCode::CONFLICT, form.page(app)).into_response())
        }
        Err(error) => Err(of_rule(error)),
    }
}

fn page(app: &App, of: Option<&str>, fields: &RuleFields) -> Markup {
    RuleForm { of, fields, faults: &[], stale: false, trial: None }.page(app)
}

async fn all(app: &App) -> Result<Page<StoredRule>, PageError> {
    Ok(app.store.rules_page(&PageRef::first(MOST_RULES)).await?)
}

fn list(app: &App, rules: &Page<StoredRule>, projects: &Projects, sample: &str, trial: Option<&Trial>) -> Markup {
    let body = html! {
        div.head {
            div.title {
                h1 { "Rules" }
                p.note {
                    "What happens to endpoints on events. Events come from the message queue, if there is one, and by "
                    code { "POST /api/events" } "."
                }
            }
            div.actions { a.button.primary href="/rules/new" { "Add rule" } }
        }
        (unreadable(&rules.unreadable))
        @if rules.items.is_empty() {
            p.empty { "There are no rules yet. " a href="/rules/new" { "Add one" } " to have an event add an endpoint." }
        } @else {
            (table(app, &rules.items, projects))
            section.try #try {
                h2 { "Try an event" }
                form.endpoint method="post" action="/rules/try#try" {
                    div.field {
                        label for="sample" { "An event" }
                        textarea #sample name="sample" rows="5" spellcheck="false" aria-describedby="sample-hint" {
                            "\n" (sample)
                        }
                        p.hint #sample-hint { "As JSON. What it would do is shown here; nothing is saved or called." }
                    }
                    div.actions { button { "Try it" } }
                    @if let Some(trial) = trial { (trial.part()) }
                }
            }
        }
    };
    Layout::new(app, Tab::Rules, "Rules").page(&body)
}

fn table(app: &App, rules: &[StoredRule], projects: &Projects) -> Markup {
    let now = app.now();
    html! {
        table.cards.endpoints.rules {
            thead {
                tr {
                    th scope="col" { "Enabled" }
                    th scope="col" { "Rule" }
                    th scope="col" { "On the event" }
                    th scope="col" { "Does" }
                    th scope="col" { "Changed" }
                    th scope="col" { span.hidden { "Delete" } }
                }
            }
            tbody {
                @for StoredRule { rule, updated_at, .. } in rules {
                    tr.off[!rule.enabled] {
                        td.onoff { (switch_of(rule)) }
                        th.where scope="row" { a href={ "/rules/" (rule.name) "/edit" } { span.channel { (rule.name) } } }
                        td data-label="On the event" { code { (rule.event) } }
                        td.does data-label="Does" { (does(rule)) (said::note(&projects.rule(rule))) }
                        td data-label="Changed" { (format::time(now, *updated_at)) }
                        td.restore { a.button.quiet href={ "/rules/" (rule.name) "/delete" } aria-label={ "Delete " (rule.name) } { "Delete" } }
                    }
                }
            }
        }
    }
}

fn switch_of(rule: &Rule) -> Markup {
    let label = if rule.enabled { "Disable" } else { "Enable" };
    html! {
        form method="post" action={ "/rules/" (rule.name) "/switch" } {
            input type="hidden" name="enabled" value=(!rule.enabled);
            button.switch role="switch" aria-checked=(rule.enabled) aria-label={ "Enabled: " (rule.name) } title=(label) {
                span.knob {}
                span.word { @if rule.enabled { "on" } @else { "off" } }
            }
        }
    }
}

/// What a rule does, in a few words.
fn does(rule: &Rule) -> Markup {
    let key = html! { code { (rule.job) } };
    html! {
        @match &rule.then {
            Action::Upsert(template) => {
                "adds or changes " (key) ": " code { (template.text("url").unwrap_or_default()) } @if let Some((kind, text)) = when(template) { ", " (kind) " " code { (text) } }
            },
            Action::Delete => { "deletes " (key) },
            Action::SwitchOff => { "switches off " (key) },
        }
    }
}

/// When the endpoint is called: how it is said, and the template of it.
fn when(template: &Template) -> Option<(&'static str, String)> {
    let kinds = [("every", "every"), ("cron", "cron"), ("random", "at random once in each")];
    let shown = |(name, kind)| Some((kind, shown(name, template.0.get(name)?)));
    kinds.into_iter().find_map(|kind| shown(kind).filter(|(_, text)| !text.is_empty()))
}

/// The store's error, about a rule.
pub(super) fn of_rule(error: Error) -> PageError {
    match error {
        Error::NotFound => PageError::new(
            StatusCode::NOT_FOUND,
            "No such rule",
            "There is no rule of this name. It may have been deleted.",
        ),
        Error::Stale(_) => PageError::new(
            StatusCode::CONFLICT,
            "Changed meanwhile",
            "Somebody else has changed this rule. Look at it again, then decide.",
        ),
        other => other.into(),
    }
}
