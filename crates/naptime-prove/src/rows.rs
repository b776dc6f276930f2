//! What stands in the tables: a column for each leg, a row for each figure. Terminal and page show the same.

use naptime_core::duration::show;

use crate::format::{NONE, count, counted, millis, rate, times};
use crate::{Disturbed, Lag, Ledger, Leg, Options, Report};

/// A table: legs under one load.
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
    loads(report).map(|legs| of_load(&report.options, legs)).collect()
}

/// The legs under one load each, in their order.
pub(crate) fn loads(report: &Report) -> impl Iterator<Item = &[Leg]> {
    report.legs.chunk_by(|leg, next| leg.backlog == next.backlog)
}

/// What a load is, in words.
pub(crate) fn load(options: &Options, leg: &Leg) -> String {
    let what = match leg.backlog {
        Some(jobs) => format!("{}, all due at once", counted(jobs, "one-off job")),
        None => {
            let (endpoints, due) = (counted(options.endpoints, "endpoint"), rate(leg.offered.unwrap_or(0.0)));
            format!("{endpoints} every {}: {due} calls/s due", show(options.every))
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
pub(crate) fn column(leg: &Leg) -> String {
    counted(leg.workers, "worker")
}

/// Makes a row. One that says nothing in any column is left out.
fn row(legs: &[Leg], label: &'static str, cell: impl Fn(&Leg) -> Option<Cell>) -> Option<Row> {
    let cells: Vec<Option<Cell>> = legs.iter().map(cell).collect();
    let said = cells.iter().any(Option::is_some);
    said.then(|| Row { label, cells: cells.into_iter().map(|cell| cell.unwrap_or_else(|| Cell::new(NONE))).collect() })
}

fn groups<const N: usize>(groups: [Vec<Option<Row>>; N]) -> Vec<Vec<Row>> {
    let groups = groups.into_iter().map(|rows| rows.into_iter().flatten().collect::<Vec<_>>());
    groups.filter(|rows| !rows.is_empty()).collect()
}

fn of_load(options: &Options, legs: &[Leg]) -> Table {
    let row = |label, cell: &dyn Fn(&Leg) -> Option<Cell>| row(legs, label, cell);
    let speed = |leg: &Leg| leg.verdict.calls_per_second;
    let of_one = |leg: &Leg| {
        let one = legs.iter().find(|it| it.workers == 1)?;
        (leg.workers > 1).then(|| Cell::new(times(speed(leg) / speed(one))))
    };
    let due = |number: usize| Some(Cell::new(count(number)));
    let fault = |number: usize| Some(Cell { text: count(number), bad: number > 0 });
    let rare = |number: usize| fault(number).filter(|cell| cell.bad);
    let lag = |leg: &Leg, of: fn(&Lag) -> f64| Some(Cell::new(millis(of(&leg.verdict.lag))));
    // Without a delay calls end at once, and none is seen to last.
    let overlapping = |leg: &Leg| match fault(leg.verdict.overlapping)? {
        cell if cell.bad || !options.target_delay.is_zero() => Some(cell),
        _ => Some(Cell::new(NONE)),
    };
    let recovery = |leg: &Leg, of: fn(&Lag) -> f64| leg.verdict.recovery.map(|lag| Cell::new(millis(of(&lag))));
    let done = |leg: &Leg, kind: Disturbed| {
        let done = leg.disturbances.iter().filter(|it| it.kind == kind).count();
        (done > 0).then(|| Cell::new(count(done)))
    };
    let books = |leg: &Leg, of: fn(&Ledger) -> usize| Some(Cell::new(count(of(&leg.ledger))));
    let wrong = |leg: &Leg, of: fn(&Ledger) -> usize| rare(of(&leg.ledger));
    let micros = |us: f64| Cell::new(if us.is_finite() { format!("{} µs", rate(us)) } else { NONE.to_owned() });
    Table {
        title: load(options, &legs[0]),
        columns: legs.iter().map(column).collect(),
        groups: groups([
            vec![row("calls/s", &|leg| Some(Cell::new(rate(speed(leg))))), row("of 1 worker", &of_one)],
            vec![
                row("due", &|leg| due(leg.verdict.owed)),
                row("called", &|leg| due(leg.verdict.called)),
                row("not called", &|leg| due(leg.verdict.owed.saturating_sub(leg.verdict.called))),
            ],
            vec![
                row("early", &|leg| fault(leg.verdict.early)),
                row("overlapping", &overlapping),
                row("repeated", &|leg| fault(leg.verdict.repeated_unexplained)),
                row("never called again", &|leg| fault(leg.verdict.never_called)),
                row("skipped without reason", &|leg| fault(leg.verdict.skipped)),
                row("not due", &|leg| rare(leg.verdict.unexpected)),
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
                    let lost = leg.ledger.lost_runs;
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
                    let holds = leg.ledger.holds();
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

#[cfg(test)]
mod tests;
