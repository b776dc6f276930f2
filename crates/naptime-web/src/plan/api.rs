//! The capacity plan.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use naptime_core::plan::Because;
use naptime_core::{Invalid, Time};
use serde::Serialize;
use utoipa::ToSchema;

use super::planner::Plan;
use crate::app::Shared;
use crate::http::params::Step;
use crate::http::problem::Problem;
use crate::http::query::Query;

/// How long to wait for the work that is due to be added up. If that is not enough, it is left out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The minutes of one step of the forecast, if nothing is said, and at most.
const STEP: usize = 10;
const LONGEST: usize = 60;

/// What is not known is null: without a call in the last hour, how long one takes; without a worker, how many it takes.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
pub(super) struct PlanView {
    /// When the work that is due was added up.
    as_of: Option<Time>,
    /// Endpoints and jobs of pools that are switched off, which the plan leaves out.
    left_out: Option<u64>,
    rate_per_s: Option<f64>,
    mean_call_ms: Option<f64>,
    slots_needed: Option<f64>,
    slots: u32,
    workers: u32,
    workers_needed: Option<u32>,
    late: LateView,
    forecast: Vec<StepView>,
}

#[derive(Serialize, ToSchema)]
struct LateView {
    calls: u64,
    because: Option<&'static str>,
    more_workers: Option<u32>,
}

#[derive(Serialize, ToSchema)]
struct StepView {
    at: Time,
    /// Calls due in the step, and calls that the workers can make in it.
    due: f64,
    capacity: Option<f64>,
}

/// What is due, what that takes, what is there, and a forecast of 24 hours.
#[utoipa::path(
    get, path = "/plan", operation_id = "get_plan", tag = "standing",
    params(Step),
    responses((status = 200, body = PlanView)),
)]
pub(super) async fn plan(State(app): State<Shared>, query: Query) -> Result<Response, Problem> {
    let minutes = step(&query)?;
    let plan = Plan::by_last_hour(&app, PATIENCE).await?;
    let capacity = plan.capacity().map(|per_second| rounded(per_second * 60.0 * minutes as f64));
    let point = |(at, due): (Time, f64)| StepView { at, due: rounded(due), capacity };
    let late = &plan.late;
    Ok(Json(PlanView {
        as_of: plan.planned.as_ref().map(|planned| planned.as_of),
        left_out: plan.planned.as_ref().map(|planned| planned.left_out),
        rate_per_s: plan.planned.as_ref().map(|planned| rounded(planned.demand.rate())),
        mean_call_ms: plan.mean_call.map(|mean| rounded(mean.as_secs_f64() * 1000.0)),
        slots_needed: plan.slots_needed().map(rounded),
        slots: plan.supply.slots,
        workers: plan.supply.workers,
        workers_needed: plan.workers_needed(),
        late: LateView {
            calls: late.calls,
            because: late.because.map(Because::as_str),
            more_workers: late.more_workers,
        },
        forecast: plan.forecast(minutes).into_iter().map(point).collect(),
    })
    .into_response())
}

fn step(query: &Query) -> Result<usize, Invalid> {
    query.check(&["step"])?;
    match query.get("step").map(str::parse) {
        None => Ok(STEP),
        Some(Ok(step)) if (1..=LONGEST).contains(&step) => Ok(step),
        Some(_) => {
            let detail = format!("`step` is a number of minutes from 1 to {LONGEST}");
            Err(Invalid::new("step", "out_of_range", detail))
        }
    }
}

/// What adding up fractions leaves behind is nothing to send.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_number_of_minutes() {
        let step = |query: &str| step(&Query::parse(Some(query))).map_err(|fault| fault.field.to_string());
        assert_eq!([step(""), step("step="), step("step=1"), step("step=60")], [Ok(10), Ok(10), Ok(1), Ok(60)]);
        for bad in ["0", "61", "-1", "1.5", "10m", "x", "99999999999999999999999"] {
            assert_eq!(step(&format!("step={bad}")), Err("step".to_owned()), "{bad}");
        }
        assert_eq!(step("step=1&step=2"), Err("step".to_owned()));
        assert_eq!(step("from=1"), Err("from".to_owned()));
    }
}
