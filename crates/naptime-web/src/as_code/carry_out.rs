//! Doing what there is to do. Each thing is written only as it was looked at, and all of it may be done again: what broke
//! off is completed by the next apply.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use naptime_alerts::Stored;
use naptime_core::alert::MAX_RECEIVERS;
use naptime_core::input::read_receiver;
use naptime_core::{Change, Edit, JobId, NewJob, Pool, Receiver, Rev};
use naptime_store::{Added, Error, Expect};

use super::ENDPOINTS_AT_A_TIME;
use super::document::{Faults, pointer};
use super::planned::{EndpointAction, PlannedEndpoint, PlannedPool, PlannedReceiver, PlannedRule};
use super::said::Projects;
use super::work::{ApplyWork, name_of};
use crate::app::App;
use crate::http::problem::Problem;

/// How many endpoints are added by one write.
const ADDED_AT_ONCE: usize = 100;

/// Said of an apply that broke off.
const DONE_STAYS: &str = "what was done before stays";

/// A change of an endpoint: what it is called in the document, and the revision that is changed.
type NamedEdit = (String, JobId, Rev, Edit);

impl ApplyWork {
    /// Does it, in an order in which nothing is called by other rules than those of the document: limits of pools come
    /// before the endpoints that they are for, and endpoints go once all others are there.
    ///
    /// # Errors
    /// `stale` if somebody else changed something since it was looked at. What was done by then stays.
    pub(crate) async fn carry_out(self, app: &App) -> Result<(), Problem> {
        let (new_pools, pools): (Vec<_>, Vec<_>) = self.pools.into_iter().partition(|pool| pool.is_new);
        let made: HashSet<Pool> = new_pools.iter().map(|pool| pool.after.pool.clone()).collect();
        change_pools(app, pools, true).await?;
        let (mut added, mut edits, mut held_back) = (Vec::new(), Vec::new(), Vec::new());
        for PlannedEndpoint { name, what } in self.endpoints {
            match what {
                EndpointAction::Add(new) => {
                    let mut new = *new;
                    // Its pool is there only once the endpoint is, so that waits for the settings of the pool.
                    let waits = new.active && made.contains(new.spec.endpoint.pool());
                    if waits {
                        new.active = false;
                        held_back.push((name.clone(), new.id, Rev(1), Edit::Change(Change::switch(true))));
                    }
                    added.push((name, new));
                }
                EndpointAction::Change { old, edit, .. } | EndpointAction::Mark { old, edit } => {
                    edits.push((name, old.id, old.rev, *edit));
                }
                EndpointAction::Keep(_) => {}
            }
        }
        add(app, added).await?;
        edit(app, edits).await?;
        change_pools(app, new_pools, false).await?;
        edit(app, held_back).await?;
        for PlannedRule { name, before, after, fields, .. } in self.rules {
            if !fields.is_empty() {
                let stored = app.store.put_rule(after, expected(before)).await;
                stored.map_err(|error| refused("rules", &name, error))?;
            }
        }
        for receiver in self.receivers {
            put_receiver(app, receiver).await?;
        }
        let gone = self.gone.into_iter().map(|job| (name_of(&job), job.id, job.rev, Edit::Delete));
        edit(app, gone.collect()).await?;
        if let Some(project) = &self.project {
            // Last: what broke off before is told of as it was, and completed by the next apply.
            Projects::remember(app, project, &self.said.1).await?;
        }
        Ok(())
    }
}

/// Changes pools. `is_there`: they were when they were looked at, so their revision is known.
async fn change_pools(app: &App, pools: Vec<PlannedPool>, is_there: bool) -> Result<(), Problem> {
    for PlannedPool { name, before, change, fields, .. } in pools {
        if !fields.is_empty() {
            let rev = Some(before.rev).filter(|_| is_there);
            let changed = app.store.change_pool(&before.pool, rev, change).await;
            changed.map_err(|error| refused("pools", &name, error))?;
        }
    }
    Ok(())
}

async fn add(app: &App, added: Vec<(String, NewJob)>) -> Result<(), Problem> {
    let mut added = added.into_iter().peekable();
    while added.peek().is_some() {
        let (names, new): (Vec<String>, Vec<NewJob>) = added.by_ref().take(ADDED_AT_ONCE).unzip();
        let stored = app.store.insert(new).await?;
        let taken = names.iter().zip(stored).find_map(|(name, added)| match added {
            Added::New(_) => None,
            Added::Existing(job) => Some((name, job.rev)),
        });
        if let Some((name, rev)) = taken {
            return Err(refused("endpoints", name, Error::Stale(rev)));
        }
    }
    Ok(())
}

async fn edit(app: &App, edits: Vec<NamedEdit>) -> Result<(), Problem> {
    let edits = edits.into_iter().map(|(name, id, rev, edit)| async move {
        let edited = app.store.edit(id, Some(rev), edit).await;
        edited.map(drop).map_err(|error| refused("endpoints", &name, error))
    });
    stream::iter(edits).buffer_unordered(ENDPOINTS_AT_A_TIME).try_collect().await
}

async fn put_receiver(app: &App, receiver: PlannedReceiver) -> Result<(), Problem> {
    let PlannedReceiver { name, before, sent, fields, .. } = receiver;
    if fields.is_empty() {
        return Ok(());
    }
    let read = |stored: Option<&Receiver>| read_receiver(sent.clone(), &name, stored, app.limits());
    match naptime_alerts::put_receiver(&*app.store, &name, expected(before), read).await {
        Ok(Stored::New(_) | Stored::Changed(_)) => Ok(()),
        Ok(Stored::TooMany) => {
            let detail = format!("there are as many receivers as there may be: {MAX_RECEIVERS}; {DONE_STAYS}");
            Err(Problem::new(StatusCode::CONFLICT, "too_many", detail).at("/receivers"))
        }
        Ok(Stored::Invalid(found)) => {
            let mut faults = Faults::default();
            faults.within(&["receivers", &name], found);
            Err(Problem::invalid(faults.all()))
        }
        Err(error) => Err(refused("receivers", &name, error)),
    }
}

fn expected(before: Option<Rev>) -> Expect {
    before.map_or(Expect::Nothing, Expect::Rev)
}

/// The store's error, about a thing of the document.
fn refused(section: &str, name: &str, error: Error) -> Problem {
    match error {
        Error::Stale(_) | Error::NotFound | Error::Deleted | Error::KeyTaken => changed_meanwhile(section, name),
        Error::TooManyRules => {
            let detail = format!("there are 1,000 rules, which is as many as there may be; {DONE_STAYS}");
            Problem::new(StatusCode::CONFLICT, "too_many_rules", detail).at("/rules")
        }
        other => other.into(),
    }
}

fn changed_meanwhile(section: &str, name: &str) -> Problem {
    let detail = format!("somebody else changed it while this was applied; {DONE_STAYS}, so apply again");
    Problem::new(StatusCode::CONFLICT, "stale", detail).at(pointer(&[section, name]))
}
