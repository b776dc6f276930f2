//! What there is to do, thing by thing, to make what there is as a document says.

use std::collections::{BTreeMap, HashSet};

use hmac::{Hmac, KeyInit, Mac};
use naptime_core::{JobId, Pool, SaidFields};
use naptime_store::sessions::Salt;
use naptime_store::{Error, JobQuery, JobSummary, PageRef, TimeoutLimits};
use serde_json::{Value, json};
use sha2::Sha256;

use super::document::{Document, Faults};
use super::planned::{EndpointAction, PlannedEndpoint, PlannedPool, PlannedReceiver, PlannedRule};
use super::said::{Projects, Said};
use super::view::{ChangeView, FieldView, PlanView};
use super::written::{self, Credentials};
use super::{load, read};
use crate::app::App;
use crate::http::problem::Problem;

/// The endpoints of a project that are read at once.
const PAGE_ITEMS: usize = 500;

/// What there is to do.
pub(crate) struct ApplyWork {
    pub(super) project: Option<String>,
    pub(super) endpoints: Vec<PlannedEndpoint>,
    pub(super) pools: Vec<PlannedPool>,
    pub(super) rules: Vec<PlannedRule>,
    pub(super) receivers: Vec<PlannedReceiver>,
    /// Endpoints of the project that the document does not have any more.
    pub(super) gone: Vec<JobSummary>,
    /// What the documents of the project said of pools, rules and receivers, up to now and from now on.
    pub(super) said: (Said, Said),
}

impl ApplyWork {
    /// Reads a document and finds what there is to do. With `prune`, endpoints of the project that are not in it go.
    ///
    /// # Errors
    /// All faults of the document, or what the store says.
    pub(crate) async fn of(app: &App, sent: Value, prune: bool) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let document = Document::read(sent, &mut faults);
        if faults.is_too_large() {
            return Err(Problem::invalid(faults.all()));
        }
        let Document { project, endpoints, pools, rules, receivers, has_endpoints } = document;
        if prune && project.is_none() {
            faults.add(&["project"], "missing", "say whose endpoints are to be deleted: `project` is missing");
        }
        if prune && !has_endpoints {
            let detail = "all endpoints of the project would be deleted; write `endpoints: {}` if that is meant";
            faults.add(&["endpoints"], "missing", detail);
        }
        let last = match &project {
            Some(project) => Projects::load(app).await?.of(Some(project)),
            None => Said::default(),
        };
        let pools = read::pools(app, pools, &last, &mut faults).await?;
        let limits = TimeoutLimits::knowing(pools.iter().map(|pool| &pool.after));
        let endpoints = read::endpoints(app, project.as_deref(), endpoints, limits, &mut faults).await?;
        if faults.is_too_large() {
            return Err(Problem::invalid(faults.all()));
        }
        let made: HashSet<&Pool> =
            endpoints.iter().filter_map(|it| it.what.new_spec()).map(|spec| spec.endpoint.pool()).collect();
        for pool in pools.iter().filter(|pool| pool.is_new && !made.contains(&pool.after.pool)) {
            faults.add(&["pools", &pool.name], "not_found", "no endpoint belongs to this pool");
        }
        let rules = read::rules(app, rules, &last, &mut faults).await?;
        let receivers = read::receivers(app, receivers, &last, &mut faults).await?;
        faults.check().map_err(Problem::invalid)?;
        let gone = match &project {
            Some(project) if prune => gone(app, project, &endpoints).await?,
            _ => Vec::new(),
        };
        let mut now = if prune { Said::default() } else { last.clone() };
        // A document that has no such section says nothing of it, unless it is all of the project.
        replace(&mut now.pools, pools.iter().map(|it| (it.after.pool.to_string(), &it.said)));
        replace(&mut now.rules, rules.iter().map(|it| (it.name.clone(), &it.said)));
        replace(&mut now.receivers, receivers.iter().map(|it| (it.name.clone(), &it.said)));
        Ok(Self { project, endpoints, pools, rules, receivers, gone, said: (last, now) })
    }

    /// What is told of it.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn view(&self, app: &App) -> Result<PlanView, Problem> {
        let changes = self.changes();
        let all = self.endpoints.len() + self.pools.len() + self.rules.len() + self.receivers.len();
        let marks = self.endpoints.iter().filter(|it| matches!(it.what, EndpointAction::Mark { .. })).count();
        let marks = marks + self.said_otherwise();
        let salt = app.store.salt(rand::random()).await?;
        let touched = changes.iter().filter(|change| change.action != "delete").count();
        Ok(PlanView {
            project: self.project.clone(),
            applied: false,
            plan: self.name(&salt, &changes),
            unchanged: all.saturating_sub(touched) as u64,
            marks: marks as u64,
            changes,
            load: load::view(app, self).await?,
        })
    }

    /// How many things stay as they are, of which the document says something else than before.
    fn said_otherwise(&self) -> usize {
        if self.project.is_none() {
            return 0;
        }
        let pools = self.pools.iter().map(|it| ("pools", it.after.pool.as_str(), &it.fields));
        let rules = self.rules.iter().map(|it| ("rules", it.name.as_str(), &it.fields));
        let receivers = self.receivers.iter().map(|it| ("receivers", it.name.as_str(), &it.fields));
        let all = pools.chain(rules).chain(receivers);
        let changed: HashSet<_> =
            all.filter(|(.., fields)| !fields.is_empty()).map(|(section, name, _)| (section, name)).collect();
        self.said.0.differing(&self.said.1, |section, name| !changed.contains(&(section, name)))
    }

    fn changes(&self) -> Vec<ChangeView> {
        let change = |action, kind, name: &str, fields: &[FieldView]| ChangeView {
            action,
            kind,
            name: name.to_owned(),
            fields: fields.to_vec(),
        };
        let mut changes = Vec::new();
        for PlannedEndpoint { name, what } in &self.endpoints {
            match what {
                EndpointAction::Add(_) => changes.push(change("add", "endpoint", name, &[])),
                EndpointAction::Change { old, fields, .. } => {
                    let mut fields = fields.clone();
                    if self.project.is_some() && old.project != self.project {
                        let (before, after) = (json!(old.project), json!(self.project));
                        fields.push(FieldView { field: "project".to_owned(), before, after, drift: false });
                    }
                    changes.push(change("change", "endpoint", name, &fields));
                }
                EndpointAction::Mark { .. } | EndpointAction::Keep(_) => {}
            }
        }
        let pools = self.pools.iter().map(|it| ("pool", &it.name, !it.is_new, &it.fields));
        let rules = self.rules.iter().map(|it| ("rule", &it.name, it.before.is_some(), &it.fields));
        let receivers = self.receivers.iter().map(|it| ("receiver", &it.name, it.before.is_some(), &it.fields));
        for (kind, name, is_there, fields) in pools.chain(rules).chain(receivers) {
            if !fields.is_empty() {
                changes.push(change(if is_there { "change" } else { "add" }, kind, name, fields));
            }
        }
        changes.extend(self.gone.iter().map(|job| change("delete", "endpoint", &name_of(job), &[])));
        changes
    }

    /// A name of what is done, which is another if anything of it is: what changes, from which revision, and to what. The
    /// salt of the store keys it, so that nobody can try credentials against a name.
    fn name(&self, salt: &Salt, changes: &[ChangeView]) -> String {
        let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(salt) else {
            unreachable!("a key may have any length");
        };
        let mut add = |value: Value| hash.update(value.to_string().as_bytes());
        add(json!(changes));
        for PlannedEndpoint { name, what } in &self.endpoints {
            let rev = match what {
                EndpointAction::Change { old, .. } => old.rev.0,
                EndpointAction::Add(_) | EndpointAction::Mark { .. } | EndpointAction::Keep(_) => 0,
            };
            // What stays may change as it likes.
            if let Some(spec) = what.new_spec() {
                add(json!([name, rev, written::endpoint(spec, false, Credentials::Whole)]));
            }
        }
        for PlannedPool { before, after, .. } in &self.pools {
            add(json!([before.rev, written::pool(after, Credentials::Whole)]));
        }
        for PlannedRule { before, after, .. } in &self.rules {
            add(json!([before, written::rule(after, Credentials::Whole)]));
        }
        for PlannedReceiver { before, after, .. } in &self.receivers {
            add(json!([before, written::receiver(after, Credentials::Whole)]));
        }
        self.gone.iter().for_each(|job| add(json!([job.id, job.rev])));
        hash.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Says these of a section, in place of what was said of it, if there are any.
fn replace<'a>(
    section: &mut BTreeMap<String, SaidFields>,
    said: impl ExactSizeIterator<Item = (String, &'a SaidFields)>,
) {
    if said.len() > 0 {
        *section = said.map(|(name, said)| (name, said.clone())).collect();
    }
}

/// What an endpoint is called in a document: its key, or its id if it has none.
pub(super) fn name_of(job: &JobSummary) -> String {
    job.key.clone().unwrap_or_else(|| job.id.to_string())
}

/// The endpoints of the project that are not among these.
async fn gone(app: &App, project: &str, endpoints: &[PlannedEndpoint]) -> Result<Vec<JobSummary>, Error> {
    let kept: HashSet<JobId> = endpoints.iter().filter_map(|it| it.what.old()).map(|old| old.id).collect();
    let query = JobQuery { project: Some(project.to_owned()), ..JobQuery::default() };
    let (mut gone, mut page) = (Vec::new(), PageRef::first(PAGE_ITEMS));
    loop {
        let found = app.store.list(&query, &page).await?;
        gone.extend(found.items.into_iter().filter(|job| !kept.contains(&job.id)));
        page.cursor = found.next;
        if page.cursor.is_none() {
            return Ok(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_plan_is_that_of_its_store() {
        let nothing = ApplyWork {
            project: None,
            endpoints: Vec::new(),
            pools: Vec::new(),
            rules: Vec::new(),
            receivers: Vec::new(),
            gone: Vec::new(),
            said: (Said::default(), Said::default()),
        };
        let name = |salt: u8| nothing.name(&[salt; 16], &[]);
        assert_eq!(name(1), name(1));
        assert_ne!(name(1), name(2));
    }
}
