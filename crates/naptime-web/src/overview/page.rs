//! The overview: whether calls happen on time, and who makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::State;
use maud::{Markup, html};
use naptime_alerts::Kept;
use naptime_core::load::{BEHIND, Figures, Point, REPORTED_EVERY, fold};
use naptime_core::problem::Found;
use naptime_core::worker::Worker;
use naptime_core::{Standing, Tier, Time, WorkerId, duration};
use naptime_store::JobCount;

use super::headline::{Facts, headline};
use super::load_table;
use super::span::Span;
use crate::app::Shared;
use crate::http::query::Query;
use crate::kit::PageError;
use crate::kit::charts::{Chart, Form, Line};
use crate::kit::format;
use crate::kit::layout::{Layout, Tab, linked_tile, live, tile};
use crate::kit::scale::Measure;
use crate::kit::worker;
use crate::plan;
use crate::problems;
use crate::sla;

/// The most workers with a line of their own: each has its colour.
const WORKER_LINES: usize = worker::COLOURS;

pub(super) async fn show(State(app): State<Shared>, query: Query) -> Result<Markup, PageError> {
    let span = Span::read(&query)?;
    let as_table = query.get("as") == Some("table");
    let (now, store) = (app.now(), &app.store);
    let (hour_from, hour_to) = Span::default().around(now);
    let (from, to) = span.around(now);
    let fault = app.health.fault(store).await;
    let (look, kept, endpoints, workers, hour, rows, stood) = tokio::try_join!(
        app.watcher.look(&app),
        naptime_alerts::settings(&**store),
        store.count(),
        store.workers(),
        store.load(Tier::Minute, hour_from, hour_to),
        store.load(span.tier(), from, to),
        app.recent.standing(store),
    )?;
    let hour = hour.iter().fold(Figures::default(), |mut sum, row| {
        sum.add(&row.figures);
        sum
    });
    let capacity = plan::section(&app, &workers, &hour, fault.as_deref()).await?;
    let points = fold(&rows, from, to, span.width());
    let lines = WorkerLines::of(&points);
    let body = html! {
        (live("summary", &summary(endpoints, &workers, &hour, &look.found, &kept, now)))
        (live("figures", &figures(endpoints, &workers, (hour_from, &hour), &stood.standing)))
        section aria-labelledby="load" {
            div.head {
                h2 #load { "Load" }
                (span.links())
            }
            @if as_table { (live("charts", &load_table::table(&points, span, now))) }
            @else { (live("charts", &charts(&points, span, now, &lines))) }
            p.note {
                @if as_table { a href=(span.link()) { "As charts" } }
                @else { a href={ (span.link()) "&as=table" } { "As a table" } }
            }
        }
        (capacity)
        section aria-labelledby="workers" {
            h2 #workers { "Workers" }
            (live("workers", &workers_table(&workers, &lines, now)))
        }
    };
    Ok(Layout::new(&app, Tab::Overview, "Overview").page(&body))
}

/// What needs somebody.
fn summary(endpoints: JobCount, workers: &[Worker], hour: &Figures, found: &Found, kept: &Kept, now: Time) -> Markup {
    let workers = workers.iter().filter(|worker| worker.alive).count();
    let said = headline(&Facts { endpoints, workers, found, hour });
    html! {
        div class={ "headline " (said.tone) } {
            h1 { (said.sentence) }
            @if !said.more.is_empty() { p { (said.more) } }
            @if said.add { a.button.primary href="/endpoints/new" { "Add an endpoint" } }
        }
        (problems::list(found, kept, now))
    }
}

/// The tiles. `hour` are the figures since then.
fn figures(endpoints: JobCount, workers: &[Worker], (since, hour): (Time, &Figures), standing: &Standing) -> Markup {
    let alive: Vec<&Worker> = workers.iter().filter(|worker| worker.alive).collect();
    let sum = |figure: fn(&Worker) -> u32| alive.iter().map(|worker| u64::from(figure(worker))).sum::<u64>();
    let (held, capacity) = (sum(|worker| worker.beat.held), sum(|worker| worker.beat.capacity));
    let used = (capacity > 0).then(|| held as f64 / capacity as f64);
    let well = (hour.calls > 0).then(|| 1.0 - hour.errors as f64 / hour.calls as f64);
    let lag = |quantile| format::bound(hour.lag.percentile(quantile));
    let runs = |outcome: &str| format!("/runs?outcome={outcome}&from={since}");
    html! {
        dl.tiles {
            (linked_tile("Calls, last hour", &format::count(hour.calls), "", &runs("called")))
            (linked_tile("Ended well", &well.map_or("–".to_owned(), format::percent),
                &format!("{} did not", format::count(hour.errors)), &runs("bad")))
            (tile("Start lag", &lag(0.5), &format!("p99 {}", lag(0.99))))
            (linked_tile("Workers alive", &alive.len().to_string(), "", "#workers"))
            (tile("Capacity used", &used.map_or("–".to_owned(), format::percent),
                &format!("{} of {}", format::count(held), format::count(capacity))))
            (linked_tile("Endpoints active", &format::count(endpoints.active),
                &format!("of {}", format::count(endpoints.total)), "/endpoints?state=on"))
            (sla::overview_tile(standing))
        }
    }
}

fn charts(points: &[Point], span: Span, now: Time, workers: &WorkerLines) -> Markup {
    let width = span.width();
    let at: Vec<f64> = points.iter().map(|point| point.at as f64 / 1000.0).collect();
    let each = |value: &dyn Fn(&Point) -> Option<f64>| points.iter().map(value).collect::<Vec<_>>();
    let rate = each(&|point| rate(point, width, now));
    let errors = each(&|point| heard(point).then_some(point.all.errors as f64));
    let working = each(&|point| heard(point).then_some(point.workers.len() as f64));
    let percentile = |of: &dyn Fn(&Figures) -> Option<u64>| {
        // What is above the last bound is drawn at it.
        each(&|point| of(&point.all).map(|ms| ms.min(3_600_000) as f64))
    };
    let chart = |title, measure, form, lines, empty| Chart { title, measure, form, at: &at, lines, empty }.figure();
    let pair = |p50, p99| vec![Line::new("p50", "--p50", p50), Line::new("p99", "--p99", p99)];
    let lag = pair(percentile(&|all| all.lag.percentile(0.5)), percentile(&|all| all.lag.percentile(0.99)));
    let took = pair(percentile(&|all| all.took.percentile(0.5)), percentile(&|all| all.took.percentile(0.99)));
    let errors = vec![Line::new(span.each(), "--errors", errors)];
    let working = vec![Line::new("", "--workers", working)];
    html! {
        div.charts {
            (chart("Calls per second", Measure::Rate, Form::Area, vec![Line::new("", "--calls", rate)], "No calls yet."))
            (chart("Start lag", Measure::Millis, Form::Line, lag, "No calls yet."))
            (chart("Request time", Measure::Millis, Form::Line, took, "No calls yet."))
            (chart("Errors", Measure::Count, Form::Steps, errors, "No calls yet."))
            (chart("Capacity used", Measure::Share, Form::Line, workers.used(points), "No worker was heard of."))
            (chart("Workers", Measure::Count, Form::Steps, working, "No worker was heard of."))
        }
        @if span.is_behind() {
            p.note {
                "The newest second is " (duration::show(BEHIND)) " old: workers report every "
                (duration::show(REPORTED_EVERY)) "."
            }
        }
        @if workers.left_out > 0 {
            p.note { "Capacity used: the " (WORKER_LINES) " busiest workers; " (workers.left_out) " more are left out." }
        }
    }
}

/// Whether a worker was heard of. Where none was, nothing was measured.
pub(super) fn heard(point: &Point) -> bool {
    point.all.samples > 0 || point.all.calls > 0
}

/// The calls per second of a point; none if nothing was measured.
pub(super) fn rate(point: &Point, width: Duration, now: Time) -> Option<f64> {
    heard(point).then(|| point.all.calls as f64 / seconds(point, width, now))
}

/// The time that a point's calls were made in. The last step is still under way, and what workers report of it is some
/// seconds old; the samples, one a second, say how much they have reported at least.
fn seconds(point: &Point, width: Duration, now: Time) -> f64 {
    let at = Time::from_millis(point.at);
    if at + width <= now {
        return width.as_secs_f64();
    }
    let sampled = point.workers.values().map(|figures| figures.samples).max().unwrap_or(0);
    // A worker that came late has sampled less than there was.
    let reported = (sampled as f64).max((now - BEHIND).since(at).as_secs_f64());
    reported.clamp(1.0, width.as_secs_f64())
}

/// The workers with a line of their own, the busiest ones.
struct WorkerLines {
    /// The number of each one's colour.
    colours: BTreeMap<WorkerId, u8>,
    /// How many more there were.
    left_out: usize,
}

impl WorkerLines {
    fn of(points: &[Point]) -> Self {
        let mut held: BTreeMap<WorkerId, u64> = BTreeMap::new();
        for (&id, figures) in points.iter().flat_map(|point| &point.workers) {
            // One that was idle all the time is there too.
            *held.entry(id).or_default() += figures.held;
        }
        let mut ids: Vec<WorkerId> = held.keys().copied().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(held.get(id).copied()));
        let left_out = ids.len().saturating_sub(WORKER_LINES);
        // By id, so that a worker keeps its colour while the order of business changes.
        let shown: BTreeSet<WorkerId> = ids.into_iter().take(WORKER_LINES).collect();
        Self { colours: worker::colours(shown), left_out }
    }

    /// How much of its capacity each one used.
    fn used(&self, points: &[Point]) -> Vec<Line> {
        let line = |(&id, colour): (&WorkerId, &u8)| {
            let used = |point: &Point| point.workers.get(&id).and_then(Figures::used);
            Line::new(id.name(), format!("--worker-{colour}"), points.iter().map(used).collect())
        };
        self.colours.iter().map(line).collect()
    }

    /// Picture and name of a worker, in the colour of its line if it has one.
    fn named(&self, id: WorkerId) -> Markup {
        self.colours.get(&id).map_or_else(|| worker::named(id), |&colour| worker::coloured(id, colour))
    }
}

fn workers_table(workers: &[Worker], lines: &WorkerLines, now: Time) -> Markup {
    if workers.is_empty() {
        return html! { p.empty { "No worker was heard of in the last day. " code { "naptime worker" } " starts one." } };
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table of workers" {
            table {
                thead {
                    tr {
                        th scope="col" { "Worker" }
                        th scope="col" { "State" }
                        th.number scope="col" { "Held" }
                        th scope="col" { "Host" }
                        th.number scope="col" { "Process" }
                        th scope="col" { "Version" }
                        th scope="col" { "Time zones" }
                        th scope="col" { "Up since" }
                        th scope="col" { "Last seen" }
                    }
                }
                tbody {
                    @for worker in workers {
                        @let beat = &worker.beat;
                        tr.gone[!worker.alive] {
                            th scope="row" { (lines.named(beat.id)) }
                            td {
                                @if !worker.alive {
                                    span.pill.calm { "gone" }
                                } @else if beat.stopping {
                                    span.pill.calm { "stopping" }
                                } @else {
                                    span.pill.good { "alive" }
                                }
                                @if let Some(trouble) = beat.trouble.as_ref().filter(|_| worker.alive) {
                                    " " span.pill.bad { "trouble" } " " (trouble)
                                }
                            }
                            td.number {
                                (format::count(beat.held)) " / " (format::count(beat.capacity))
                                meter min="0" max=(beat.capacity.max(1)) value=(beat.held) { (beat.held) }
                            }
                            td { (beat.host) }
                            td.number { (beat.pid) }
                            td { (beat.version) }
                            td { (beat.tzdb.as_deref().unwrap_or("–")) }
                            td { (format::time(now, beat.started_at)) }
                            td { (format::time(now, worker.seen_at)) }
                        }
                    }
                }
            }
        }
    }
}
