//! What stands in the tables: a column for each leg, a row for each figure. Terminal and page show the same.

use naptime_core::duration::show;

use crate::format::{NONE, count, counted, millis, rate, times};
use crate::{Disturbed, Lag, Ledger, Leg, Options, Report, Subject, Sustained};

/// A table: legs under one load, or what was sustained.
pub(crate) struct Table {
    /// Which load.
    pub(crate) title: String,
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// Its rows, in groups that belong together.
    pub(crate) groups: Vec<Vec<Row>>,
}

/// A row.
pub(crate) struct Row {
    /// What it tells.
    pub(crate) label: &'static str,
    /// For each column.
    pub(crate) cells: Vec<Cell>,
}

/// A figure.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// As text.
    pub(crate) text: String,
    /// Whether it is a fault.
    pub(crate) bad: bool,
}

impl Cell {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), bad: false }
    }
}

/// The tables of a report.
pub(crate) fn tables(report: &Report) -> Vec<Table> {
    let mut tables: Vec<Table> = loads(report).iter().map(|legs| of_load(&report.options, legs)).collect();
    if !report.sustained.is_empty() {
        tables.push(sustained(&report.sustained));
    }
    tables
}

/// The legs under one load each, in their order.
pub(crate) fn loads(report: &Report) -> Vec<Vec<&Leg>> {
    let mut loads: Vec<Vec<&Leg>> = Vec::new();
    for leg in &report.legs {
        let load = |leg: &Leg| (leg.backlog, leg.offered);
        let same = |legs: &&mut Vec<&Leg>| legs.first().is_some_and(|it| load(it) == load(leg));
        match loads.iter_mut().find(same) {
            Some(legs) => legs.push(leg),
            None => loads.push(vec![leg]),
        }
    }
    loads
}

/// What a load is, in words.
pub(crate) fn load(options: &Options, leg: &Leg) -> String {
    let what = match (leg.backlog, leg.offered) {
        (Some(jobs), _) => format!("{}, all due at once", counted(jobs, "one-off job")),
        (None, offered) => {
            let offered = offered.unwrap_or(0.0);
            let due = format!("{} calls/s due", rate(offered));
            // A step on the way to what is sustained has endpoints of its own.
            let asked = options.endpoints as f64 / options.every.as_secs_f64();
            if (offered - asked).abs() < 1e-6 {
                format!("{} every {}: {due}", counted(options.endpoints, "endpoint"), show(options.every))
            } else {
                format!("To find what is kept up: {due}")
            }
        }
    };
    let delay = if options.target_delay.is_zero() {
        String::new()
    } else {
        format!(", target takes {}", show(options.target_delay))
    };
    format!("{what}; capacity {}{delay}", options.capacity)
}

/// A column's name.
pub(crate) fn column(subject: Subject, workers: usize) -> String {
    match subject {
        Subject::Naptime => counted(workers, "worker"),
        Subject::Reference => format!("original, {workers}"),
    }
}

/// The calls per second that Naptime carried at most: of what it kept up, if that was looked for.
pub(crate) fn carried(report: &Report) -> Option<f64> {
    let sustained = report.sustained.iter().filter(|it| it.subject == Subject::Naptime).map(|it| it.calls_per_second);
    let legs = report.legs.iter().filter(|leg| leg.subject == Subject::Naptime).map(|leg| leg.verdict.calls_per_second);
    sustained.reduce(f64::max).or_else(|| legs.reduce(f64::max))
}

/// Calls per second by subject and number of workers, to be compared.
#[derive(Clone, Copy)]
struct Speed {
    subject: Subject,
    workers: usize,
    calls: f64,
}

impl Speed {
    /// How many times those of one worker it is; none for one worker itself.
    fn of_one(self, all: &[Speed]) -> Option<Cell> {
        let one = all.iter().find(|it| it.subject == self.subject && it.workers == 1)?;
        (self.workers > 1).then(|| Cell::new(times(self.calls / one.calls)))
    }

    /// How many times the original's best it is; none for the original itself.
    fn of_original(self, all: &[Speed]) -> Option<Cell> {
        let original = all.iter().filter(|it| it.subject == Subject::Reference).map(|it| it.calls).reduce(f64::max)?;
        (self.subject == Subject::Naptime).then(|| Cell::new(times(self.calls / original)))
    }
}

/// Makes rows for columns of one kind. A row that says nothing in any of them is left out.
fn row<T>(columns: &[T], label: &'static str, cell: impl Fn(&T) -> Option<Cell>) -> Option<Row> {
    let cells: Vec<Option<Cell>> = columns.iter().map(cell).collect();
    let said = cells.iter().any(Option::is_some);
    said.then(|| Row { label, cells: cells.into_iter().map(|cell| cell.unwrap_or_else(|| Cell::new(NONE))).collect() })
}

fn groups<const N: usize>(groups: [Vec<Option<Row>>; N]) -> Vec<Vec<Row>> {
    let groups = groups.into_iter().map(|rows| rows.into_iter().flatten().collect::<Vec<_>>());
    groups.filter(|rows| !rows.is_empty()).collect()
}

fn of_load(options: &Options, legs: &[&Leg]) -> Table {
    let speed = |leg: &Leg| Speed { subject: leg.subject, workers: leg.workers, calls: leg.verdict.calls_per_second };
    let speeds: Vec<Speed> = legs.iter().map(|leg| speed(leg)).collect();
    let row = |label, cell: &dyn Fn(&Leg) -> Option<Cell>| row(legs, label, |leg| cell(leg));
    let ours = |leg: &Leg| leg.subject == Subject::Naptime;
    // The original has no grid, so what was due is not known, and it is not judged.
    let due = |leg: &Leg, number: usize| ours(leg).then(|| Cell::new(count(number)));
    let fault = |leg: &Leg, number: usize| ours(leg).then(|| Cell { text: count(number), bad: number > 0 });
    let rare = |leg: &Leg, number: usize| fault(leg, number).filter(|cell| cell.bad);
    let lag = |leg: &Leg, of: fn(&Lag) -> f64| Some(Cell::new(millis(of(&leg.verdict.lag))));
    // Without a delay calls end at once, and none is seen to last.
    let overlapping = |leg: &Leg| match fault(leg, leg.verdict.overlapping)? {
        cell if cell.bad || !options.target_delay.is_zero() => Some(cell),
        _ => Some(Cell::new(NONE)),
    };
    let recovery = |leg: &Leg, of: fn(&Lag) -> f64| leg.verdict.recovery.map(|lag| Cell::new(millis(of(&lag))));
    let done = |leg: &Leg, kind: Disturbed| {
        let done = leg.disturbances.iter().filter(|it| it.kind == kind).count();
        (done > 0).then(|| Cell::new(count(done)))
    };
    let books = |leg: &Leg, of: fn(&Ledger) -> usize| leg.ledger.as_ref().map(|ledger| Cell::new(count(of(ledger))));
    let wrong = |leg: &Leg, of: fn(&Ledger) -> usize| rare(leg, leg.ledger.as_ref().map_or(0, of));
    let micros = |us: f64| Cell::new(if us.is_finite() { format!("{} µs", rate(us)) } else { NONE.to_owned() });
    Table {
        title: load(options, legs[0]),
        columns: legs.iter().map(|leg| column(leg.subject, leg.workers)).collect(),
        groups: groups([
            vec![
                row("calls/s", &|leg| Some(Cell::new(rate(leg.verdict.calls_per_second)))),
                row("of 1 worker", &|leg| speed(leg).of_one(&speeds)),
                row("of the original's best", &|leg| speed(leg).of_original(&speeds)),
            ],
            vec![
                row("due", &|leg| due(leg, leg.verdict.owed)),
                row("called", &|leg| due(leg, leg.verdict.called)),
                row("not called", &|leg| due(leg, leg.verdict.owed.saturating_sub(leg.verdict.called))),
            ],
            vec![
                row("early", &|leg| fault(leg, leg.verdict.early)),
                row("overlapping", &overlapping),
                row("repeated", &|leg| fault(leg, leg.verdict.repeated_unexplained)),
                row("never called again", &|leg| fault(leg, leg.verdict.never_called)),
                row("skipped without reason", &|leg| fault(leg, leg.verdict.skipped)),
                row("not due", &|leg| rare(leg, leg.verdict.unexpected)),
            ],
            vec![
                row("kills", &|leg| done(leg, Disturbed::Killed)),
                row("repeated by a kill", &|leg| {
                    let repeated = leg.verdict.repeated - leg.verdict.repeated_unexplained;
                    (!leg.verdict.recoveries.is_empty()).then(|| Cell::new(count(repeated)))
                }),
                row("recovery p99", &|leg| recovery(leg, |lag| lag.p99_ms)),
                row("recovery max", &|leg| recovery(leg, |lag| lag.max_ms)),
                row("claims lost", &|leg| {
                    let lost = leg.ledger.as_ref()?.lost_runs;
                    (lost > 0).then(|| Cell { text: count(lost), bad: leg.lost_unexplained() > 0 })
                }),
                row("restarts", &|leg| done(leg, Disturbed::Stopped)),
            ],
            vec![
                row("start lag p50", &|leg| lag(leg, |lag| lag.p50_ms)),
                row("p99", &|leg| lag(leg, |lag| lag.p99_ms)),
                row("p99.9", &|leg| lag(leg, |lag| lag.p999_ms)),
                row("max", &|leg| lag(leg, |lag| lag.max_ms)),
            ],
            vec![
                row("books agree", &|leg| {
                    let holds = leg.ledger.as_ref()?.holds();
                    Some(Cell { text: if holds { "yes" } else { "NO" }.to_owned(), bad: !holds })
                }),
                row("runs", &|leg| books(leg, |ledger| ledger.runs)),
                row("settled", &|leg| books(leg, |ledger| ledger.settled as usize)),
                row("counted as missed", &|leg| books(leg, |ledger| ledger.missed as usize)),
                row("calls without a run", &|leg| wrong(leg, |ledger| ledger.calls_without_run)),
                row("runs without a call", &|leg| wrong(leg, |ledger| ledger.runs_without_call)),
                row("runs too many", &|leg| wrong(leg, |ledger| ledger.repeated_runs)),
                row("jobs not accounted for", &|leg| wrong(leg, |ledger| ledger.unaccounted)),
                row("jobs still held", &|leg| wrong(leg, |ledger| ledger.held)),
            ],
            vec![
                row("CPU per call, workers", &|leg| Some(micros(leg.used.workers_us_per_call))),
                row("CPU per call, whole server", &|leg| leg.used.database_us_per_call.map(micros)),
                row("commands per call, whole server", &|leg| leg.used.commands_per_call.map(|it| Cell::new(rate(it)))),
                row("memory of a worker", &|leg| {
                    (leg.used.worker_mib > 0.0).then(|| Cell::new(format!("{:.0} MiB", leg.used.worker_mib)))
                }),
                row("other programs, cores", &|leg| Some(Cell::new(format!("{:.2}", leg.used.strangers)))),
            ],
        ]),
    }
}

fn sustained(all: &[Sustained]) -> Table {
    let speed = |it: &Sustained| Speed { subject: it.subject, workers: it.workers, calls: it.calls_per_second };
    let speeds: Vec<Speed> = all.iter().map(speed).collect();
    let lag = |it: &Sustained, of: fn(&Lag) -> f64| it.lag_at_80.map(|lag| Cell::new(millis(of(&lag))));
    Table {
        title: "The most calls per second that were kept up".to_owned(),
        columns: all.iter().map(|it| column(it.subject, it.workers)).collect(),
        groups: groups([
            vec![
                row(all, "calls/s", |it| Some(Cell::new(rate(it.calls_per_second)))),
                row(all, "of the original's best", |it| speed(it).of_original(&speeds)),
            ],
            vec![
                row(all, "start lag at 80 %, p50", |it| lag(it, |lag| lag.p50_ms)),
                row(all, "p99", |it| lag(it, |lag| lag.p99_ms)),
                row(all, "max", |it| lag(it, |lag| lag.max_ms)),
            ],
        ]),
    }
}

#[cfg(test)]
mod tests;
