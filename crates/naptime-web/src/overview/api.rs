//! Figures over time, and the workers.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use naptime_core::load::{self, BEHIND, Figures, Histogram, Point};
use naptime_core::{Invalid, Tier, Time, duration};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{WorkerView, worker};
use crate::app::Shared;
use crate::http::items::Items;
use crate::http::params;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::runs::WorkerRef;

/// The most steps of one answer.
const MOST: u128 = 2_000;
/// How far back figures go if nothing is said, and by steps of seconds.
const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_secs(600);
/// The longest step, and the years that can be asked for. No figures lie outside, and no sum overflows inside.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const YEARS: RangeInclusive<i64> = 0..=253_402_300_799_999; // 1970 to 9999

#[derive(Serialize, ToSchema)]
#[schema(as = Load)]
pub(super) struct LoadView {
    from: Time,
    to: Time,
    step: String,
    /// Figures of earlier times are complete; to later ones, workers may still add.
    complete_to: Time,
    items: Vec<PointView>,
}

#[derive(Serialize, ToSchema)]
struct PointView {
    at: Time,
    calls: u64,
    errors: u64,
    calls_per_second: f64,
    start_lag_ms: Percentiles,
    took_ms: Percentiles,
    capacity_used: Option<f64>,
    workers: Vec<WorkerPoint>,
}

#[derive(Serialize, ToSchema)]
struct WorkerPoint {
    #[serde(flatten)]
    who: WorkerRef,
    calls: u64,
    errors: u64,
    capacity_used: Option<f64>,
}

/// Upper bounds, by the buckets of the histogram. None: nothing was counted, or it is above the last bound of an hour.
#[derive(Serialize, ToSchema)]
struct Percentiles {
    p50: Option<u64>,
    p99: Option<u64>,
}

impl From<&Histogram> for Percentiles {
    fn from(histogram: &Histogram) -> Self {
        let percentile = |quantile| histogram.percentile(quantile).filter(|&bound| bound < u64::MAX);
        Self { p50: percentile(0.5), p99: percentile(0.99) }
    }
}

/// What part of the past is asked for, and how finely.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    from: Time,
    to: Time,
    step: Duration,
    tier: Tier,
}

impl Span {
    fn read(query: &Query, now: Time) -> Result<Self, Invalid> {
        query.check(&["from", "to", "step"])?;
        let to = time(query, "to")?.unwrap_or(now);
        let asked = query.get("step").map(|text| duration::parse_within("step", text, Duration::ZERO, LONGEST));
        let asked = asked.transpose()?;
        let tier = match asked {
            None => None,
            Some(step) => Some(tier_of(step)?),
        };
        let usual = if tier == Some(Tier::Second) { SHORT } else { HOUR };
        let from = time(query, "from")?.unwrap_or(to - usual);
        if from >= to {
            return Err(Invalid::new("from", "out_of_range", "`from` must be before `to`"));
        }
        // Each tier is kept for its time only.
        let kept = |tier: Tier| from + tier.kept() >= now;
        let tier = tier.unwrap_or_else(|| {
            let fine = |tier: &Tier| kept(*tier) && to.since(from).as_millis() / tier.width().as_millis() <= 300;
            Tier::ALL.into_iter().find(fine).unwrap_or(Tier::Hour)
        });
        let step = asked.unwrap_or(tier.width());
        if !kept(tier) && tier != Tier::Hour {
            let there = match Tier::ALL.into_iter().find(|tier| kept(*tier)) {
                Some(Tier::Second | Tier::Minute) => "minute",
                Some(Tier::TenMinutes) => "10 minutes",
                Some(Tier::Hour) | None => "hour",
            };
            let detail = format!("figures from so long ago are kept for each {there} only; ask for a multiple of that");
            return Err(Invalid::new("step", "not_kept", detail));
        }
        if let Some((name, _)) = [("from", from), ("to", to)].iter().find(|(_, time)| !YEARS.contains(&time.millis())) {
            return Err(Invalid::new(*name, "out_of_range", format!("`{name}` must be in the years 1970 to 9999")));
        }
        if to.since(from).as_millis() / step.as_millis() >= MOST {
            return Err(Invalid::new("step", "too_many", format!("this would be more than {MOST} steps")));
        }
        Ok(Self { from: from.floor(step), to, step, tier })
    }
}

/// The longest rows that steps can be made of.
fn tier_of(step: Duration) -> Result<Tier, Invalid> {
    let divides = |tier: &Tier| !step.is_zero() && step.as_millis().is_multiple_of(tier.width().as_millis());
    let tier = Tier::ALL.into_iter().rev().find(divides);
    tier.ok_or_else(|| Invalid::new("step", "out_of_range", "the step must be a whole number of seconds"))
}

fn time(query: &Query, name: &'static str) -> Result<Option<Time>, Invalid> {
    let Some(text) = query.get(name) else { return Ok(None) };
    // A `+` of an offset that was not encoded arrives as a space.
    let read = text.replace(' ', "+").parse().map(Some);
    read.map_err(|_| Invalid::new(name, "not_a_time", format!("`{name}` must be a time like 2026-01-02T03:04:05Z")))
}

/// Figures over time.
#[utoipa::path(
    get, path = "/load", operation_id = "get_load", tag = "standing",
    params(params::Span),
    responses((status = 200, body = LoadView)),
)]
pub(super) async fn load(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    let now = app.now();
    let Span { from, to, step, tier } = Span::read(&query, now)?;
    let rows = app.store.load(tier, from, to).await?;
    let points = load::fold(&rows, from, to, step);
    let items = points.iter().map(|point| view_of(point, step)).collect();
    let complete_to = now - BEHIND;
    Ok(Json(LoadView { from, to, step: duration::show(step), complete_to, items }).into_response())
}

fn view_of(point: &Point, step: Duration) -> PointView {
    let worker = |(&id, figures): (&naptime_core::WorkerId, &Figures)| WorkerPoint {
        who: id.into(),
        calls: figures.calls,
        errors: figures.errors,
        capacity_used: figures.used(),
    };
    PointView {
        at: Time::from_millis(point.at),
        calls: point.all.calls,
        errors: point.all.errors,
        calls_per_second: point.all.calls as f64 / step.as_secs_f64(),
        start_lag_ms: Percentiles::from(&point.all.lag),
        took_ms: Percentiles::from(&point.all.took),
        capacity_used: point.all.used(),
        workers: point.workers.iter().map(worker).collect(),
    }
}

/// The workers.
#[utoipa::path(
    get, path = "/workers", operation_id = "list_workers", tag = "standing",
    responses((status = 200, body = Items<WorkerView>)),
)]
pub(super) async fn workers(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    query.check(&[])?;
    let workers = app.store.workers().await?;
    Ok(Json(Items::all(workers.iter().map(worker).collect())).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: Result<(u64, Tier), &str>) {
        let now = Time::from_millis(1_767_323_045_006); // 2026-01-02T03:04:05Z
        let span = Span::read(&Query::parse(Some(query)), now);
        let read = span.as_ref().map(|span| (span.step.as_secs(), span.tier)).map_err(|fault| fault.field.as_ref());
        assert_eq!(read, expect, "{query}");
    }

    #[test]
    fn the_step_fits_what_is_kept() {
        check("", Ok((60, Tier::Minute)));
        check("from=2026-01-01T04:00:00Z", Ok((600, Tier::TenMinutes)));
        check("from=2025-12-20T00:00:00Z", Ok((3600, Tier::Hour)));
        check("step=5m", Ok((300, Tier::Minute)));
        check("step=20m", Ok((1200, Tier::TenMinutes)));
        check("step=2h", Ok((7200, Tier::Hour)));
        check("step=1d&from=2025-12-20T00:00:00Z", Ok((86_400, Tier::Hour)));
        check("step=1s", Ok((1, Tier::Second)));
        check("step=90s", Ok((90, Tier::Second)));
        check("step=5s&from=2026-01-02T02:55:00Z", Ok((5, Tier::Second)));
        check("from=2026-01-02T03:00:00Z", Ok((1, Tier::Second)));
        check("from=2026-01-02T02:59:00Z", Ok((60, Tier::Minute)));
        check("step=1s&from=2026-01-02T02:49:00Z", Err("step"));
        check("step=1s&to=2026-01-02T02:55:00Z", Err("step"));
        check("from=2026-01-01T04:00:00Z&step=1m", Err("step"));
        check("step=0", Err("step"));
        check("step=999ms", Err("step"));
        check("step=1500ms", Err("step"));
        check("step=366d", Ok((366 * 86_400, Tier::Hour)));
        check("step=367d", Err("step"));
        check("from=1000-01-01T00:00:00Z", Err("from"));
        check("from=1000-01-01T00:00:00Z&step=366d", Err("from"));
        check("from=1970-01-01T00:00:00Z&step=366d", Ok((366 * 86_400, Tier::Hour)));
        check("from=2026-01-03T00:00:00Z", Err("from"));
        check("from=yesterday", Err("from"));
        check("to=9999-01-01T00:00:00Z&from=2026-01-01T00:00:00Z", Err("step"));
        check("from=2026-01-02T02:00:00 01:00", Ok((60, Tier::Minute)));
        check("till=x", Err("till"));
    }
}
