//! What Prometheus reads: of all workers from the store (`/metrics`), and of one worker on a port of its own. What each
//! metric means is in `docs/metrics.md`.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use naptime_core::load::Figures;
use naptime_core::{Outcome, Standing, WorkerId};

use crate::app::{App, Shared};
use crate::plan::Plan;
use text::MetricsText;

/// How long to wait for the work that is due to be added up. If that is not enough, what was added up last has to do.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one worker tells of itself.
#[derive(Clone, Debug)]
pub struct OwnFigures {
    /// Its identity.
    pub worker: WorkerId,
    /// The calls it has made since it was started.
    pub figures: Figures,
    /// The claims it holds.
    pub held: u32,
    /// The most claims it holds at once.
    pub capacity: u32,
}

/// `/metrics` and `/healthz` of one worker, for a port of its own. Nothing is asked of whoever reads them.
pub fn worker_router(figures: impl Fn() -> OwnFigures + Send + Sync + 'static) -> Router {
    let figures = Arc::new(figures);
    let metrics = move || {
        let own = figures();
        async move { of_worker(&own) }
    };
    Router::new().route("/healthz", get(async || "ok")).route("/metrics", get(metrics))
}

/// The figures of all workers, as the store knows them.
pub(crate) async fn of_all(State(app): State<Shared>) -> Response {
    let mut text = MetricsText::default();
    let known = Known::gather(&app).await;
    let is_up = known.is_ok();
    text.gauge("naptime_store_up", "Whether the database answers.", u64::from(is_up));
    match known {
        Ok(known) => known.write(&mut text),
        Err(error) => tracing::warn!(%error, "no metrics of the workers: the store does not answer"),
    }
    text.into_response()
}

fn of_worker(own: &OwnFigures) -> Response {
    let mut text = MetricsText::default();
    let OwnFigures { worker, figures, held, capacity } = own;
    text.gauges("naptime_worker_info", "1, with the name of this worker.", "name", [(&*worker.name(), 1)]);
    text.gauge("naptime_worker_capacity", "The most calls this worker makes at once.", u64::from(*capacity));
    text.gauge("naptime_worker_held", "Jobs this worker holds.", u64::from(*held));
    write_calls(&mut text, "naptime_worker", "this worker", figures);
    text.into_response()
}

/// The counters of calls, under names that begin so.
fn write_calls(text: &mut MetricsText, prefix: &str, by_whom: &str, figures: &Figures) {
    let mut outcomes: BTreeMap<Outcome, u64> = Outcome::counted().map(|outcome| (outcome, 0)).collect();
    outcomes.extend(&figures.outcomes);
    let outcomes = outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count));
    text.counters(&format!("{prefix}_calls_total"), &format!("Calls made by {by_whom}."), "outcome", outcomes);
    let help = format!("How long calls by {by_whom} took.");
    text.histogram(&format!("{prefix}_call_seconds"), &help, &figures.took, figures.took_ms);
    let help = format!("How late first calls by {by_whom} left.");
    text.histogram(&format!("{prefix}_start_lag_seconds"), &help, &figures.lag, figures.lag_ms);
}

/// What the store knows of all.
struct Known {
    alive: u64,
    total: Figures,
    standing: Standing,
    /// How many there are of each kind.
    problems: Vec<(&'static str, u64)>,
    plan: Plan,
}

impl Known {
    async fn gather(app: &App) -> naptime_store::Result<Self> {
        let store = &app.store;
        let (workers, hour) = tokio::try_join!(store.workers(), Plan::last_hour(app))?;
        let (total, stood, look, plan) = tokio::try_join!(
            store.total(),
            app.recent.standing(store),
            app.watcher.look(app),
            Plan::make(app, &workers, &hour, PATIENCE),
        )?;
        let alive = workers.iter().filter(|worker| worker.alive).count() as u64;
        Ok(Self { alive, total, standing: stood.standing, problems: look.found.counts().collect(), plan })
    }

    fn write(&self, text: &mut MetricsText) {
        let Self { alive, total, standing, problems, plan } = self;
        write_calls(text, "naptime", "all workers", total);
        text.gauge("naptime_workers_alive", "Workers that live.", *alive);
        let slots = u64::from(plan.supply.slots);
        text.gauge("naptime_workers_capacity", "The most calls that workers make at once.", slots);
        text.gauge("naptime_workers_held", "Jobs that workers hold.", u64::from(plan.supply.held));
        if let Some(workers) = plan.workers_to_run() {
            let help = "Workers of the size of the largest that an autoscaler is to run.";
            text.gauge("naptime_workers_needed", help, workers.into());
        }
        text.gauge("naptime_late_calls", "Calls that have been due for more than a second.", plan.late.calls);
        text.gauge("naptime_sla_endpoints", "Endpoints with an SLA that runs.", standing.endpoints);
        text.gauge("naptime_sla_breached", "Endpoints whose SLA is not met now.", standing.breached);
        text.gauges("naptime_problems", "Problems there are now.", "kind", problems.iter().copied());
    }
}
