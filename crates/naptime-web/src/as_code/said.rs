//! What documents said of pools, rules and receivers when they were last applied, by their projects: by that drift is seen.
//!
//! Such a thing belongs to no project, and several documents may speak of it. So this is kept apart from the things, in one
//! record for all projects.

use std::collections::BTreeMap;

use maud::{Markup, html};
use naptime_core::{PoolSettings, Receiver, Rev, Rule, SaidFields, Time};
use naptime_store::records::APPLIED;
use naptime_store::{Error, Result};
use serde::{Deserialize, Serialize};

use super::written::{self, Credentials, Fields};
use crate::app::App;

/// The most bytes of the record, which is read with those of alerts. Projects whose documents were changed longest ago are
/// forgotten first, so of their things no drift is told.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// How often the record is written anew when another apply came between.
const MAX_TRIES: usize = 20;

/// What a document said of things, by their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) pools: BTreeMap<String, SaidFields>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rules: BTreeMap<String, SaidFields>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) receivers: BTreeMap<String, SaidFields>,
}

/// What the documents of all projects said.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Projects(BTreeMap<String, Project>);

#[derive(Debug, Serialize, Deserialize)]
struct Project {
    /// When a document last said something else.
    changed_at: Time,
    #[serde(flatten)]
    said: Said,
}

/// The fields of a thing that were changed since the document of a project was applied.
pub(crate) struct Drift {
    pub(crate) project: String,
    pub(crate) fields: Vec<String>,
}

impl Said {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many things it says something else of than the other, among those that `is_counted`: by section and name.
    pub(super) fn differing(&self, other: &Self, is_counted: impl Fn(&str, &str) -> bool) -> usize {
        let sections = [
            ("pools", &self.pools, &other.pools),
            ("rules", &self.rules, &other.rules),
            ("receivers", &self.receivers, &other.receivers),
        ];
        let count = |(section, one, two): (&str, &BTreeMap<String, SaidFields>, &BTreeMap<String, SaidFields>)| {
            let names = one.keys().chain(two.keys().filter(|name| !one.contains_key(*name)));
            names.filter(|name| one.get(*name) != two.get(*name) && is_counted(section, name)).count()
        };
        sections.into_iter().map(count).sum()
    }
}

impl Projects {
    /// What is stored.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn load(app: &App) -> Result<Self> {
        Ok(Self::numbered(app).await?.1)
    }

    /// What is stored, with its revision. What cannot be read counts as nothing: then no drift is told until the next apply.
    async fn numbered(app: &App) -> Result<(Option<Rev>, Self)> {
        let found = app.store.records().await?.into_iter().find(|record| record.id == APPLIED);
        Ok(match found {
            Some(record) => (Some(record.rev), serde_json::from_value(record.value).unwrap_or_default()),
            None => (None, Self::default()),
        })
    }

    /// What the document of a project said.
    pub(super) fn of(&self, project: Option<&str>) -> Said {
        project.and_then(|project| self.0.get(project)).map(|it| it.said.clone()).unwrap_or_default()
    }

    /// Stores what the document of a project says from now on.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn remember(app: &App, project: &str, said: &Said) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let (rev, mut projects) = Self::numbered(app).await?;
            if projects.of(Some(project)) == *said {
                return Ok(());
            }
            projects.put(project, said.clone(), app.now());
            let value = serde_json::to_value(&projects).map_err(|error| Error::Corrupt(error.to_string()))?;
            if app.store.put_record(APPLIED, rev, value).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::Unavailable(format!("other documents were applied {MAX_TRIES} times while this one was")))
    }

    fn put(&mut self, project: &str, said: Said, now: Time) {
        self.0.remove(project);
        if !said.is_empty() {
            self.0.insert(project.to_owned(), Project { changed_at: now, said });
        }
        let size = |(name, project): (&String, &Project)| {
            name.len() + serde_json::to_string(project).map_or(MAX_BYTES, |text| text.len())
        };
        let mut bytes: usize = self.0.iter().map(size).sum();
        while bytes > MAX_BYTES
            && let Some(oldest) = self.0.iter().min_by_key(|(_, it)| it.changed_at).map(|(name, _)| name.clone())
        {
            bytes -= self.0.get_key_value(&oldest).map_or(0, size);
            self.0.remove(&oldest);
        }
    }

    /// What was changed of a pool since, by project. A project whose document speaks of it is there even if nothing was.
    pub(crate) fn pool(&self, pool: &PoolSettings) -> Vec<Drift> {
        let (name, now) = (pool.pool.as_str(), written::pool(pool, Credentials::Whole));
        self.drift(|said| said.pools.get(name), &now, |said, field| said.is_part_changed(field, now.get(field)))
    }

    /// The same of a rule.
    pub(crate) fn rule(&self, rule: &Rule) -> Vec<Drift> {
        let now = written::rule(rule, Credentials::Whole);
        self.drift(|said| said.rules.get(&rule.name), &now, |said, field| said.is_changed(field, now.get(field)))
    }

    /// The same of a receiver.
    pub(crate) fn receiver(&self, receiver: &Receiver) -> Vec<Drift> {
        let now = written::receiver(receiver, Credentials::Whole);
        self.drift(
            |said| said.receivers.get(&receiver.name),
            &now,
            |said, field| said.is_changed(field, now.get(field)),
        )
    }

    fn drift<'a>(
        &'a self,
        of: impl Fn(&'a Said) -> Option<&'a SaidFields>,
        now: &Fields,
        is_changed: impl Fn(&SaidFields, &str) -> bool,
    ) -> Vec<Drift> {
        let of_project = |(project, it): (&'a String, &'a Project)| {
            let said = of(&it.said)?;
            let fields = said.names(now).filter(|name| is_changed(said, name)).map(str::to_owned).collect();
            Some(Drift { project: project.clone(), fields })
        };
        self.0.iter().filter_map(of_project).collect()
    }
}

/// What was changed of a thing by hand, where something was.
pub(crate) fn note(drift: &[Drift]) -> Markup {
    html! {
        @for Drift { project, fields } in drift.iter().filter(|drift| !drift.fields.is_empty()) {
            p.note { "changed since the file of " (project) " was applied: " (fields.join(", ")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(bytes: usize) -> Said {
        let fields = SaidFields::whole(json!({"active": false}).as_object().expect("an object"));
        Said { rules: BTreeMap::from([("x".repeat(bytes), fields)]), ..Said::default() }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut projects = Projects::default();
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            projects.put(name, said(MAX_BYTES / 2 - 200), Time::from_millis(at.try_into().expect("few")));
        }
        assert_eq!(projects.0.keys().collect::<Vec<_>>(), ["b", "c"]);
        projects.put("b", Said::default(), Time::from_millis(4));
        assert_eq!(projects.0.keys().collect::<Vec<_>>(), ["c"], "what says nothing takes no room");
        projects.put("d", said(MAX_BYTES), Time::from_millis(5));
        assert!(projects.0.is_empty());
        let stored = |said: &Said| serde_json::from_value::<Said>(serde_json::to_value(said).expect("JSON"));
        assert_eq!(stored(&said(3)).expect("readable"), said(3));
    }

    #[test]
    fn what_is_said_otherwise_is_counted() {
        let all = |_: &str, _: &str| true;
        assert_eq!(said(1).differing(&said(1), all), 0);
        assert_eq!(said(1).differing(&said(2), all), 2);
        assert_eq!(said(1).differing(&said(2), |section, name| section == "rules" && name == "x"), 1);
    }
}
