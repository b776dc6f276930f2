//! What each part of a document comes to, beside what there is: read by the readers that the API has for single things.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};
use naptime_alerts::Numbered;
use naptime_core::alert::MAX_RECEIVERS;
use naptime_core::input::{self, read_pool, read_receiver};
use naptime_core::{
    Applied, Change, Edit, Invalid, Job, JobId, NewJob, Pool, PoolSettings, SaidFields, Spec, SpecChange,
};
use naptime_store::rules::MOST_RULES;
use naptime_store::{Error, Result, StoredRule, TimeoutLimits};
use serde_json::Value;
use uuid::Uuid;

use super::document::{Faults, Section};
use super::planned::{EndpointAction, Existing, PlannedEndpoint, PlannedPool, PlannedReceiver, PlannedRule};
use super::said::Said;
use super::written::{self, Credentials};
use super::{ENDPOINTS_AT_A_TIME, MAX_HELD_BYTES, difference};
use crate::app::App;
use crate::kit::format::excerpt;
use crate::rules;

/// Reads the pools. A pool that is not there yet is read as it will be once an endpoint of it is. `last`: what was said when
/// a document of the project was last applied.
pub(super) async fn pools(app: &App, section: Section, last: &Said, faults: &mut Faults) -> Result<Vec<PlannedPool>> {
    let mut named: Vec<(String, Pool, Value)> = Vec::new();
    let mut seen: HashSet<Pool> = HashSet::new();
    for (name, sent) in section {
        let path = ["pools", &name];
        match Pool::parse(&name) {
            Err(fault) => faults.add(&path, fault.code, fault.detail),
            Ok(pool) if !seen.insert(pool.clone()) => {
                faults.add(&path, "conflict", format!("the pool {pool} is there twice"));
            }
            Ok(pool) => named.push((name, pool, sent)),
        }
    }
    let pools: Vec<Pool> = named.iter().map(|(_, pool, _)| pool.clone()).collect();
    let stored = app.store.pool_settings(&pools).await?.into_iter();
    let mut stored: HashMap<Pool, PoolSettings> = stored.map(|it| (it.pool.clone(), it)).collect();
    let mut read = Vec::new();
    for (name, pool, sent) in named {
        let before = stored.remove(&pool);
        let is_new = before.is_none();
        let before = before.unwrap_or_else(|| PoolSettings::new(pool, app.now()));
        let names: Vec<String> = sent.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect();
        let Some(change) = faults.note(&["pools", &name], read_pool(sent, &before)) else { continue };
        let mut after = before.clone();
        after.change(change.clone(), app.now());
        let written = |credentials| (written::pool(&before, credentials), written::pool(&after, credentials));
        let last = last.pools.get(before.pool.as_str());
        let fields = difference::fields(written, |name, now| last.is_some_and(|last| last.is_part_changed(name, now)));
        let said = SaidFields::part(&written(Credentials::Whole).1, names.iter().map(String::as_str));
        read.push(PlannedPool { name, before, after, is_new, change, fields, said });
    }
    Ok(read)
}

/// Reads the endpoints, each as a `PUT` by its key would. `limits`: how long calls may take, as pools will be.
pub(super) async fn endpoints(
    app: &App,
    project: Option<&str>,
    section: Section,
    mut limits: TimeoutLimits,
    faults: &mut Faults,
) -> Result<Vec<PlannedEndpoint>> {
    let found =
        stream::iter(section).map(|(key, sent)| async move { Ok::<_, Error>((find(app, &key).await?, key, sent)) });
    let mut found = pin!(found.buffered(ENDPOINTS_AT_A_TIME));
    let (mut read, mut there, mut held) = (Vec::new(), HashSet::new(), 0);
    while let Some((old, key, sent)) = found.try_next().await? {
        let path = ["endpoints", &key];
        // An id may be written in several ways.
        if old.as_ref().is_some_and(|old| !there.insert(old.id)) {
            faults.add(&path, "conflict", "this endpoint is there twice");
            continue;
        }
        let what = match old {
            None => add(app, project, &key, sent),
            Some(old) => change(app, project, &key, sent, old),
        };
        let Some(what) = faults.note(&path, what) else { continue };
        // A timeout that stays is cut where the pool allows less, and is no reason to refuse a change of something else.
        if let Some((pool, timeout)) = what.retimed()
            && let Some(fault) = limits.fault(app.store.as_ref(), pool, timeout).await?
        {
            faults.within(&path, vec![fault]);
        }
        held += what.held_bytes();
        if held > MAX_HELD_BYTES {
            let detail = "what changes has more than 32 MiB of headers, bodies and other fields; apply it in parts";
            faults.too_large("endpoints", "too_large", detail);
            break;
        }
        read.push(PlannedEndpoint { name: key, what });
    }
    Ok(read)
}

/// The endpoint of a key; or of an id, for those that have no key.
async fn find(app: &App, key: &str) -> Result<Option<Job>> {
    if let Some(job) = app.store.by_key(key).await? {
        return Ok(Some(job));
    }
    let Ok(id) = key.parse::<JobId>() else { return Ok(None) };
    match app.endpoint(id).await {
        Ok(job) if job.deleted_at.is_none() && job.spec.key.is_none() => Ok(Some(job)),
        Ok(_) | Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

type Read<T> = std::result::Result<T, Vec<Invalid>>;

fn add(app: &App, project: Option<&str>, key: &str, sent: Value) -> Read<EndpointAction> {
    let said = names(&sent);
    let mut new: NewJob = input::read_new(with_key(sent, key)?, app.limits(), Uuid::now_v7().into())?;
    new.spec.applied = mark(project, &new.spec, new.active, &said);
    Ok(EndpointAction::Add(Box::new(new)))
}

fn change(app: &App, project: Option<&str>, key: &str, sent: Value, old: Job) -> Read<EndpointAction> {
    let said = names(&sent);
    let sent = if old.spec.key.is_some() { with_key(sent, key)? } else { sent };
    let read = input::read_replacement(sent, app.limits(), &old)?;
    let active = read.active.unwrap_or(old.active);
    let mut spec = match read.spec {
        SpecChange::Whole(spec) => *spec,
        SpecChange::Keep | SpecChange::Schedule(_) => Spec::clone(&old.spec),
    };
    let written = |credentials| {
        (written::endpoint(&old.spec, old.active, credentials), written::endpoint(&spec, active, credentials))
    };
    let last = old.spec.applied.as_ref();
    let fields = difference::fields(written, |name, now| last.is_some_and(|last| last.is_changed(name, now)));
    let applied = mark(project, &spec, active, &said).or_else(|| old.spec.applied.clone());
    if !fields.is_empty() || belongs_to(&applied) != belongs_to(&old.spec.applied) {
        spec.applied = applied;
        let edit = Edit::Change(Change { active: read.active, ..Change::to(spec) });
        return Ok(EndpointAction::Change { old: Existing::of(&old).into(), active, edit: Box::new(edit), fields });
    }
    if applied == old.spec.applied {
        return Ok(EndpointAction::Keep(Existing::of(&old).into()));
    }
    // Only the mark is another: somebody had changed by hand what the file says by now.
    let edit = Edit::Change(Change::to(Spec { applied, ..Spec::clone(&old.spec) }));
    Ok(EndpointAction::Mark { old: Existing::of(&old).into(), edit: Box::new(edit) })
}

/// The project that a mark is of.
fn belongs_to(applied: &Option<Applied>) -> Option<&str> {
    applied.as_ref().map(|applied| &*applied.project)
}

fn mark(project: Option<&str>, spec: &Spec, active: bool, said: &HashSet<String>) -> Option<Applied> {
    let fields = written::endpoint(spec, active, Credentials::Whole);
    project.map(|project| Applied::new(project.to_owned(), &fields, |name| said.contains(name)))
}

/// The fields that an object says something of.
fn names(sent: &Value) -> HashSet<String> {
    let fields = sent.as_object().into_iter().flatten();
    fields.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect()
}

/// An endpoint with the key that it has in the document.
fn with_key(mut sent: Value, key: &str) -> Read<Value> {
    let Value::Object(fields) = &mut sent else { return Ok(sent) };
    let is_other = fields.get("key").is_some_and(|said| !said.is_null() && said != key);
    if is_other {
        let detail = format!("`key` is not that of the document, {}", excerpt(key, 60));
        return Err(vec![Invalid::new("key", "conflict", detail)]);
    }
    fields.insert("key".to_owned(), key.into());
    Ok(sent)
}

/// Reads the rules.
pub(super) async fn rules(app: &App, section: Section, last: &Said, faults: &mut Faults) -> Result<Vec<PlannedRule>> {
    let mut read = Vec::new();
    for (name, mut sent) in section {
        let path = ["rules", &name];
        if let Value::Object(fields) = &mut sent {
            if fields.get("name").is_some_and(|said| *said != *name) {
                faults.add(&["rules", &name, "name"], "conflict", "`name` is not that of the document");
                continue;
            }
            fields.insert("name".to_owned(), name.clone().into());
        }
        let before: Option<StoredRule> = match app.store.rule(&name).await {
            Ok(rule) => Some(rule),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        let stored = before.as_ref().map(|before| &before.rule);
        let Some(after) = faults.note(&path, rules::read(sent, stored, app.limits())) else { continue };
        let written = |credentials| {
            let before = stored.map(|rule| written::rule(rule, credentials)).unwrap_or_default();
            (before, written::rule(&after, credentials))
        };
        let last = last.rules.get(&name);
        let fields = difference::fields(written, |name, now| last.is_some_and(|last| last.is_changed(name, now)));
        let said = SaidFields::whole(&written(Credentials::Whole).1);
        read.push(PlannedRule { name, before: before.map(|before| before.rev), after, fields, said });
    }
    let added = read.iter().filter(|rule| rule.before.is_none()).count();
    if added > 0 && app.store.rules(None).await?.len() + added > MOST_RULES {
        faults.add(
            &["rules"],
            "too_many_rules",
            "there would be more than 1,000 rules, which is as many as there may be",
        );
    }
    Ok(read)
}

/// Reads the receivers.
pub(super) async fn receivers(
    app: &App,
    section: Section,
    last: &Said,
    faults: &mut Faults,
) -> Result<Vec<PlannedReceiver>> {
    if section.is_empty() {
        return Ok(Vec::new());
    }
    let stored = naptime_alerts::settings(&*app.store).await?.receivers;
    let mut read = Vec::new();
    for (name, sent) in section {
        let before = stored.get(&name);
        let value = before.map(|before: &Numbered<_>| &before.value);
        let found = read_receiver(sent.clone(), &name, value, app.limits());
        let Some(after) = faults.note(&["receivers", &name], found) else { continue };
        let written = |credentials| {
            let before = value.map(|receiver| written::receiver(receiver, credentials)).unwrap_or_default();
            (before, written::receiver(&after, credentials))
        };
        let last = last.receivers.get(&name);
        let fields = difference::fields(written, |name, now| last.is_some_and(|last| last.is_changed(name, now)));
        let said = SaidFields::whole(&written(Credentials::Whole).1);
        read.push(PlannedReceiver { before: before.map(|before| before.rev), name, sent, after, fields, said });
    }
    let added = read.iter().filter(|receiver| receiver.before.is_none()).count();
    if stored.len() + added > MAX_RECEIVERS {
        let detail = format!("there would be more receivers than there may be: {MAX_RECEIVERS}");
        faults.add(&["receivers"], "too_many", detail);
    }
    Ok(read)
}
