//! What is done to one of many endpoints, with what was said of it.

use naptime_core::alert::MAX_MUTES;
use naptime_core::input::read_mute;
use naptime_core::{Change, Edit, Invalid, Job, JobId, Spec, Time};
use naptime_store::{Error, JobQuery, JobSummary};
use serde_json::{Map, Value, json};

use super::{Bulk, Undone};
use crate::app::{App, CallNow};
use crate::kit::format::excerpt;

/// How often a change is made anew because somebody else's came between.
const TRIES: usize = 5;

/// What is done to each, and what was said of that.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) bulk: Bulk,
    given: Map<String, Value>,
    tags: Vec<String>,
}

impl Errand {
    /// Of which nothing is said yet, to count those that it concerns.
    pub(super) fn unsaid(bulk: Bulk) -> Self {
        Self { bulk, given: Map::new(), tags: Vec::new() }
    }

    /// Reads what was said of it.
    ///
    /// # Errors
    /// At a field that it does not have, and at tags that are none.
    pub(super) fn read(bulk: Bulk, given: Map<String, Value>) -> Result<Self, Invalid> {
        if let Some(name) = given.keys().find(|name| !bulk.fields().contains(&name.as_str())) {
            let name = excerpt(name, 60);
            let detail = format!("`{name}` is no field here; there are {}", bulk.fields().join(", "));
            return Err(Invalid::new(name, "unknown_field", detail));
        }
        let is_text = |(name, value): &(&String, &Value)| *name == "tags" || value.is_string() || value.is_null();
        if let Some((name, _)) = given.iter().find(|field| !is_text(field)) {
            return Err(Invalid::new(name.clone(), "wrong_type", format!("`{name}` must be a text")));
        }
        let tags = if bulk.fields().contains(&"tags") { tags(given.get("tags"))? } else { Vec::new() };
        Ok(Self { bulk, given, tags })
    }

    /// What was said.
    pub(super) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// Those of a query of which it may change something, as far as an index tells; none if it changes nothing.
    pub(super) fn narrowed(&self, jobs: &JobQuery) -> Option<JobQuery> {
        let from = match self.bulk {
            Bulk::On => false,
            Bulk::Off => true,
            _ => return Some(jobs.clone()),
        };
        (jobs.active != Some(!from)).then(|| JobQuery { active: Some(from), ..jobs.clone() })
    }

    /// Whether it changes anything of an endpoint.
    pub(super) fn concerns(&self, job: &JobSummary, now: Time) -> bool {
        match self.bulk {
            Bulk::On => !job.active,
            Bulk::Off => job.active,
            Bulk::Resume => job.schedule.bounds().is_some_and(|bounds| bounds.pause_at(now).is_some()),
            Bulk::Tag => self.tags.is_empty() || self.tags.iter().any(|tag| !job.tags.contains(tag)),
            Bulk::Untag => self.tags.is_empty() || self.tags.iter().any(|tag| job.tags.contains(tag)),
            Bulk::Pause | Bulk::Call | Bulk::Mute | Bulk::Delete => true,
        }
    }

    /// Does it to one endpoint, whatever its revision. Returns whether that was still possible, and changed anything.
    pub(super) async fn on_one(&self, app: &App, id: JobId) -> Result<bool, Undone> {
        if let Some(edit) = self.same_for_all() {
            return app.edit_endpoint(id, None, edit).await.map(|_| true).or_else(passed_over);
        }
        match self.bulk {
            Bulk::Mute => self.mute(app, id).await,
            Bulk::Call => {
                let called = app.call_now(id, None).await;
                called.map(|call| matches!(call, CallNow::Asked(_))).or_else(passed_over)
            }
            _ => self.change(app, id).await,
        }
    }

    /// The edit, if it is the same for every endpoint.
    pub(super) fn same_for_all(&self) -> Option<Edit> {
        match self.bulk {
            Bulk::On | Bulk::Off => Some(Edit::Change(Change::switch(self.bulk == Bulk::On))),
            Bulk::Delete => Some(Edit::Delete),
            Bulk::Pause | Bulk::Resume | Bulk::Call | Bulk::Tag | Bulk::Untag | Bulk::Mute => None,
        }
    }

    /// Makes a change that follows from the configuration there is.
    async fn change(&self, app: &App, id: JobId) -> Result<bool, Undone> {
        for tried in 1.. {
            let job = match app.endpoint(id).await {
                Ok(job) if job.deleted_at.is_none() => job,
                Ok(_) => return Ok(false),
                Err(error) => return passed_over(error),
            };
            let change = self.change_of(app, &job).await?;
            match app.edit_endpoint(id, Some(job.rev), Edit::Change(change)).await {
                Ok(changed) => return Ok(changed.rev != job.rev),
                Err(Error::Stale(_)) if tried < TRIES => {}
                Err(error) => return passed_over(error),
            }
        }
        unreachable!("the last try returns")
    }

    async fn change_of(&self, app: &App, job: &Job) -> Result<Change, Undone> {
        match self.bulk {
            Bulk::Pause => {
                // What is not said is not that of a pause before.
                let field = |name: &str| self.given.get(name).cloned().unwrap_or_default();
                let pause = json!({"pause": {"until": field("until"), "note": field("note")}});
                app.read_change(pause, job)
                    .await?
                    .map_err(|faults| Undone::Invalid(faults.into_iter().map(own).collect()))
            }
            Bulk::Resume => Ok(Change::schedule(job.spec.schedule.resumed())),
            _ => {
                let mut spec = Spec::clone(&job.spec);
                spec.tags.retain(|tag| !self.tags.contains(tag));
                if self.bulk == Bulk::Tag {
                    // Those that were there stay where they are.
                    spec.tags.clone_from(&job.spec.tags);
                    spec.tags.extend(self.tags.iter().filter(|tag| !job.spec.tags.contains(tag)).cloned());
                }
                Spec::check_tags(&spec.tags).map_err(|fault| Undone::Invalid(vec![fault]))?;
                Ok(Change::to(spec))
            }
        }
    }

    async fn mute(&self, app: &App, id: JobId) -> Result<bool, Undone> {
        let mut fields = self.given.clone();
        fields.insert("endpoint".to_owned(), id.to_string().into());
        let mute = read_mute(fields.into(), app.limits()).map_err(Undone::Invalid)?;
        if naptime_alerts::add_mute(&*app.store, &mute).await?.is_some() {
            return Ok(true);
        }
        let detail = format!("there are as many mutes as there may be: {MAX_MUTES}; mute a tag or a pool instead");
        Err(Undone::Invalid(vec![Invalid::new("mute", "too_many", detail)]))
    }
}

/// Somebody else was first: that is no error.
fn passed_over(error: Error) -> Result<bool, Undone> {
    match error {
        Error::NotFound | Error::Deleted => Ok(false),
        error => Err(error.into()),
    }
}

/// A fault of a pause, at the field that was sent here.
fn own(fault: Invalid) -> Invalid {
    match fault.field.strip_prefix("pause.") {
        Some(field) => Invalid::new(field.to_owned(), fault.code, fault.detail),
        None => fault,
    }
}

/// The tags that were said: a list, or a text with commas.
fn tags(value: Option<&Value>) -> Result<Vec<String>, Invalid> {
    let not_a_list = || Invalid::new("tags", "wrong_type", "`tags` must be a list of texts, or a text with commas");
    let said: Vec<&str> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(not_a_list)?,
        Some(_) => return Err(not_a_list()),
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in said.into_iter().map(str::trim).filter(|tag| !tag.is_empty()) {
        if !tags.iter().any(|it| it == tag) {
            tags.push(tag.to_owned());
        }
    }
    Spec::check_tags(&tags)?;
    if tags.is_empty() { Err(Invalid::new("tags", "missing", "say which tags")) } else { Ok(tags) }
}
