//! What becomes of each thing of a document, beside what there is.

use std::time::Duration;

use naptime_core::{
    Edit, Job, JobId, NewJob, Pool, PoolChange, PoolSettings, Receiver, Rev, Rule, SaidFields, Schedule, Spec, Time,
};
use serde_json::Value;

use super::view::FieldView;

pub(super) struct PlannedEndpoint {
    pub(super) name: String,
    pub(super) what: EndpointAction,
}

/// What becomes of an endpoint.
pub(super) enum EndpointAction {
    Add(Box<NewJob>),
    /// It is as it is now, and switched on or off, after the edit.
    Change {
        old: Box<Existing>,
        active: bool,
        edit: Box<Edit>,
        fields: Vec<FieldView>,
    },
    /// Only what is remembered of the file changes.
    Mark {
        old: Box<Existing>,
        edit: Box<Edit>,
    },
    Keep(Box<Existing>),
}

/// An endpoint that is there, without its headers and body: those of 10,000 endpoints may take gigabytes.
pub(super) struct Existing {
    pub(super) id: JobId,
    pub(super) rev: Rev,
    pub(super) active: bool,
    pub(super) due: Option<Time>,
    pub(super) schedule: Schedule,
    pub(super) pool: Pool,
    pub(super) timeout: Duration,
    pub(super) project: Option<String>,
}

pub(super) struct PlannedPool {
    pub(super) name: String,
    pub(super) before: PoolSettings,
    pub(super) after: PoolSettings,
    /// It is not there before its first endpoint is.
    pub(super) is_new: bool,
    pub(super) change: PoolChange,
    pub(super) fields: Vec<FieldView>,
    pub(super) said: SaidFields,
}

pub(super) struct PlannedRule {
    pub(super) name: String,
    /// The revision of the rule that there is.
    pub(super) before: Option<Rev>,
    pub(super) after: Rule,
    pub(super) fields: Vec<FieldView>,
    pub(super) said: SaidFields,
}

pub(super) struct PlannedReceiver {
    pub(super) name: String,
    pub(super) before: Option<Rev>,
    /// As it was sent: it is read once more where it is stored.
    pub(super) sent: Value,
    pub(super) after: Receiver,
    pub(super) fields: Vec<FieldView>,
    pub(super) said: SaidFields,
}

impl Existing {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            id: job.id,
            rev: job.rev,
            active: job.active,
            due: job.state.due,
            schedule: job.spec.schedule.clone(),
            pool: job.spec.endpoint.pool().clone(),
            timeout: job.spec.request.timeout,
            project: job.spec.applied.as_ref().map(|applied| applied.project.clone()),
        }
    }
}

impl EndpointAction {
    /// The endpoint that is there, unless it is added.
    pub(super) fn old(&self) -> Option<&Existing> {
        match self {
            Self::Change { old, .. } | Self::Mark { old, .. } | Self::Keep(old) => Some(old),
            Self::Add(_) => None,
        }
    }

    /// The bytes of headers, bodies and changed fields that are held for it.
    pub(super) fn held_bytes(&self) -> usize {
        let of_edit = |edit: &Edit| match edit {
            Edit::Change(change) => change.whole().map_or(0, |spec| spec.request.size()),
            _ => 0,
        };
        match self {
            Self::Add(new) => new.spec.request.size(),
            Self::Change { edit, fields, .. } => {
                let shown = |field: &FieldView| field.before.to_string().len() + field.after.to_string().len();
                of_edit(edit) + fields.iter().map(shown).sum::<usize>()
            }
            Self::Mark { edit, .. } => of_edit(edit),
            Self::Keep(_) => 0,
        }
    }

    /// The pool and the timeout from now on, if one of them is another.
    pub(super) fn retimed(&self) -> Option<(&Pool, Duration)> {
        match self {
            Self::Add(new) => Some((new.spec.endpoint.pool(), new.spec.request.timeout)),
            Self::Change { old, .. } => {
                let spec = self.new_spec()?;
                let after = (spec.endpoint.pool(), spec.request.timeout);
                (after != (&old.pool, old.timeout)).then_some(after)
            }
            Self::Mark { .. } | Self::Keep(_) => None,
        }
    }

    /// The configuration from now on, where it is another.
    pub(super) fn new_spec(&self) -> Option<&Spec> {
        match self {
            Self::Add(new) => Some(&new.spec),
            Self::Change { edit, .. } => match &**edit {
                Edit::Change(change) => change.whole(),
                _ => None,
            },
            Self::Mark { .. } | Self::Keep(_) => None,
        }
    }
}
