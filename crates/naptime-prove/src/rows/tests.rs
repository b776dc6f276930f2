//! Which tables and rows there are, and what stands in them.

use crate::sample;

use super::*;

fn cells(report: &Report, table: usize, label: &str) -> Option<Vec<String>> {
    let tables = tables(report);
    let row = tables[table].groups.iter().flatten().find(|row| row.label == label)?;
    Some(row.cells.iter().map(|cell| if cell.bad { format!("!{}", cell.text) } else { cell.text.clone() }).collect())
}

#[test]
fn each_load_has_a_table_and_only_what_there_is_has_a_row() {
    let report = sample::good();
    let tables = tables(&report);
    assert_eq!(tables.iter().map(|table| table.columns.len()).collect::<Vec<_>>(), [3]);
    assert_eq!(tables[0].title, "1,000 endpoints every 1s: 1,000 calls/s due; capacity 100");
    let of = |label| cells(&report, 0, label);
    assert_eq!(of("of 1 worker"), Some(["–", "1.00x", "1.00x"].map(String::from).to_vec()));
    for absent in ["kills", "recovery p99", "jobs still held", "restarts"] {
        assert!(of(absent).is_none(), "{absent}");
    }
}

#[test]
fn each_load_is_compared_with_one_worker() {
    let mut report = sample::full();
    report.legs[0].verdict.overlapping = 2;
    assert_eq!(tables(&report).len(), 2);
    assert_eq!(cells(&report, 0, "overlapping").unwrap(), ["!2", "0", "0"]);
    assert_eq!(cells(&report, 1, "of 1 worker").unwrap(), ["–", "1.17x", "1.27x"]);
}

#[test]
fn overlaps_are_told_only_where_calls_last() {
    let mut report = sample::good();
    assert_eq!(cells(&report, 0, "overlapping").unwrap(), ["–", "–", "–"]);
    report.options.target_delay = std::time::Duration::from_millis(200);
    assert_eq!(cells(&report, 0, "overlapping").unwrap(), ["0", "0", "0"]);
}

#[test]
fn claims_are_lost_with_a_worker_that_is_killed() {
    let mut report = sample::full();
    report.legs.iter_mut().take(2).for_each(|leg| leg.ledger.lost_runs = 4);
    report.legs[1].disturbances.clear();
    assert_eq!(cells(&report, 0, "claims lost").unwrap(), ["4", "!4", "–"]);
    assert!(report.legs[0].holds() && !report.legs[1].holds());
}

#[test]
fn what_is_wrong_in_the_books_has_a_row() {
    let mut report = sample::good();
    report.legs[2].ledger.held = 3;
    assert_eq!(cells(&report, 0, "jobs still held").unwrap(), ["–", "–", "!3"]);
    assert_eq!(cells(&report, 0, "books agree").unwrap(), ["yes", "yes", "!NO"]);
}
