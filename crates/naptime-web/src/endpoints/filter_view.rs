//! What the list of endpoints is filtered and sorted by: tabs of what most look for, a form, and the heads of the table.

use std::collections::BTreeMap;

use maud::{Markup, html};
use naptime_store::plan::MOST_LATE;
use naptime_store::{Ended, EndpointState, JobQuery, ScheduleKind, Sort, SortBy};

use super::filter;
use super::list::link;
use crate::http::query::Query;
use crate::kit::PageError;
use crate::kit::format;

/// What the list is filtered and sorted by. That endpoints are on or off is a state here.
pub(super) fn read(query: &Query) -> Result<JobQuery, PageError> {
    let jobs = filter::read(query)?;
    Ok(match (jobs.state, jobs.active) {
        (None, Some(true)) => JobQuery { state: Some(EndpointState::On), active: None, ..jobs },
        (None, Some(false)) => JobQuery { state: Some(EndpointState::Off), active: None, ..jobs },
        _ => jobs,
    })
}

/// What most look for, with how many there are. The rest of a filter stays as it is; where it restricts further, the
/// numbers would not be those of the lists they lead to, so they are left out.
pub(super) fn tabs(jobs: &JobQuery, counts: &BTreeMap<EndpointState, u64>) -> Markup {
    let rest = JobQuery { state: None, active: None, ..jobs.clone() };
    let of = |state| counts.get(&state).copied().unwrap_or(0);
    let tab = |state: Option<EndpointState>| {
        let count = match state {
            None => of(EndpointState::On) + of(EndpointState::Off),
            Some(state) => of(state),
        };
        let more = state == Some(EndpointState::Late) && count >= MOST_LATE;
        let is_here = jobs.state == state && jobs.active.is_none();
        let href = link("/endpoints", &JobQuery { state, ..rest.clone() }, None);
        html! {
            a href=(href) aria-current=[is_here.then_some("page")] {
                (state.map_or("All", name))
                @if rest.is_all() { " " span.count { (format::count(count)) @if more { "+" } } }
            }
        }
    };
    // What is rare is a tab only where there is some, or it is looked at.
    let is_shown = |state: &EndpointState| match state {
        EndpointState::PutOff | EndpointState::Flapping => of(*state) > 0 || jobs.state == Some(*state),
        EndpointState::On => jobs.state == Some(*state),
        _ => true,
    };
    html! {
        nav.stages aria-label="State" {
            (tab(None))
            @for state in EndpointState::ALL.into_iter().filter(is_shown) { (tab(Some(state))) }
        }
    }
}

/// A state on its tab.
fn name(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Failing => "Failing",
        EndpointState::PutOff => "Put off",
        EndpointState::Flapping => "Flapping",
        EndpointState::Late => "Late",
        EndpointState::Breach => "In breach",
        EndpointState::Running => "Running",
        EndpointState::Paused => "Paused",
        EndpointState::On => "On",
        EndpointState::Off => "Off",
        EndpointState::Healthy => "Healthy",
    }
}

/// How a last call ended, as an option.
fn outcome(ended: Ended) -> &'static str {
    match ended {
        Ended::Badly => "not ok",
        Ended::As(outcome) => format::outcome(outcome),
    }
}

/// The form for all else.
pub(super) fn search(jobs: &JobQuery) -> Markup {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let asked_here = ["q", "schedule", "outcome", "tag", "pool"];
    html! {
        form.filters role="search" action="/endpoints" {
            @for (name, value) in filter::pairs(jobs).filter(|(name, _)| !asked_here.contains(name)) {
                input type="hidden" name=(name) value=(value);
            }
            label { "Search" input type="search" name="q" value=(value(&jobs.q)) placeholder="Words of URL, name or tags"; }
            label { "Tag" input name="tag" value=(value(&jobs.tag)) size="10"; }
            label { "Pool" input name="pool" value=(value(&jobs.pool)) placeholder="https://example.com"; }
            label {
                "Schedule"
                select name="schedule" {
                    option value="" selected[jobs.schedule.is_none()] { "any" }
                    @for kind in ScheduleKind::ALL {
                        option value=(kind.as_str()) selected[jobs.schedule == Some(kind)] { (kind.as_str()) }
                    }
                }
            }
            label {
                "Last outcome"
                select name="outcome" {
                    option value="" selected[jobs.outcome.is_none()] { "any" }
                    @for ended in Ended::all() {
                        option value=(ended.as_str()) selected[jobs.outcome == Some(ended)] { (outcome(ended)) }
                    }
                }
            }
            button { "Filter" }
            @if *jobs != JobQuery::default() { a href="/endpoints" { "Show all" } }
        }
    }
}

/// The head of a column. Where the list `can` be sorted, each of its words leads to the list sorted by that: the other way,
/// if it is so already.
pub(super) fn head(jobs: &JobQuery, words: &[(SortBy, &str)], can: bool) -> Markup {
    let sort = jobs.sort.or(jobs.order());
    let now = |by| sort.filter(|sort| sort.by == by);
    let link = |by| {
        let sort = Sort { by, descending: now(by).is_some_and(|sort| !sort.descending) };
        link("/endpoints", &JobQuery { sort: Some(sort), ..jobs.clone() }, None)
    };
    let said = words.iter().find_map(|(by, _)| now(*by)).filter(|_| can);
    let said = said.map(|sort| if sort.descending { "descending" } else { "ascending" });
    html! {
        th scope="col" aria-sort=[said] {
            @for (by, word) in words.iter().take(if can { words.len() } else { 1 }) {
                @if can { a href=(link(*by)) aria-current=[now(*by).map(|_| "true")] { (word) } " " } @else { (word) }
            }
        }
    }
}
