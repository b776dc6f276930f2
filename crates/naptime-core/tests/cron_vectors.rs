//! Cron patterns come when two other implementations of Vixie's rules say that they do.
//!
//! The times were worked out with the zone data of 2026f. If a later release changes the law of a zone for times to come,
//! its rows have to follow.

use naptime_core::{Cron, Schedule, Time, Zone};

const VECTORS: &str = include_str!("vectors/cron.tsv");

#[test]
fn patterns_come_at_the_times_of_the_vectors() {
    let rows: Vec<&str> = VECTORS.lines().filter(|line| !line.starts_with("# ")).collect();
    let wrong: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(rows.len(), 3_000);
}

/// Whether the row is true, and what comes instead.
fn check(row: &str) -> Result<(), String> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [pattern, zone, after, expect @ ..] = &columns[..] else { panic!("no row: {row}") };
    let time = |text: &&str| text.parse::<Time>().expect("a time");
    let expect: Vec<Time> = expect.iter().map(time).collect();
    let cron =
        Cron::parse(pattern, Zone::parse(zone).expect("a zone"), 0).map_err(|fault| format!("{row}: {fault}"))?;
    let came = Schedule::Cron(cron).upcoming(time(after), expect.len());
    if came == expect { Ok(()) } else { Err(format!("{row}: {came:?}")) }
}
