//! Which one-off jobs a query means, and how an address says so.

use naptime_core::{Invalid, Stage};
use naptime_store::QueuedQuery;

use crate::http::query::Query;
use crate::kit::address::address;

/// What a list is filtered by. What is left blank does not restrict.
///
/// # Errors
/// At the parameter that cannot be read.
pub(super) fn read(query: &Query) -> Result<QueuedQuery, Invalid> {
    let text = |name| {
        let text = query.filter(name)?.map(str::trim).filter(|text| !text.is_empty());
        Ok::<_, Invalid>(text.map(str::to_owned))
    };
    let states = query.get("state").into_iter().flat_map(|states| states.split(',').map(str::trim));
    let stages = states.map(str::parse).collect::<Result<Vec<Stage>, Invalid>>()?;
    Ok(QueuedQuery { stages, q: text("q")?, pool: text("pool")?, tag: text("tag")? })
}

/// The parameters that say so.
pub(super) fn pairs(jobs: &QueuedQuery) -> impl Iterator<Item = (&'static str, String)> {
    let states: Vec<&str> = jobs.stages.iter().map(|stage| stage.as_str()).collect();
    let states = Some(states.join(",")).filter(|states| !states.is_empty());
    let values = [("state", states), ("q", jobs.q.clone()), ("tag", jobs.tag.clone()), ("pool", jobs.pool.clone())];
    values.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// The address of a page of the list.
pub(super) fn link(jobs: &QueuedQuery, cursor: Option<&str>) -> String {
    address("/jobs", pairs(jobs).chain(cursor.map(|cursor| ("cursor", cursor.to_owned()))))
}
