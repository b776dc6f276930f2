//! Random schedules that were stored before windows could pass midnight are read, and have the moments they had.
//!
//! The moments were worked out by the version before, for periods that divide a day and for periods of whole days.

use std::time::Duration;

use naptime_core::{Schedule, Time};

/// How late the call is that misses some.
const TWO_MONTHS: Duration = Duration::from_secs(60 * 86_400);
const VECTORS: &str = include_str!("vectors/random.tsv");

#[test]
fn stored_schedules_keep_their_moments() {
    let rows: Vec<&str> = VECTORS.lines().filter(|line| !line.starts_with("# ")).collect();
    let wrong: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(rows.len(), 400);
}

/// Whether the row is true, and what comes instead.
fn check(row: &str) -> Result<(), String> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [stored, after, missed, expect @ ..] = &columns[..] else { panic!("no row: {row}") };
    let time = |text: &&str| text.parse::<Time>().expect("a time");
    let schedule: Schedule = serde_json::from_str(stored).map_err(|fault| format!("{row}: {fault}"))?;
    let came = schedule.upcoming(time(after), expect.len());
    let late = schedule.next(came[0], time(after) + TWO_MONTHS);
    let expect: Vec<Time> = expect.iter().map(time).collect();
    let same = came == expect && late.missed.to_string() == *missed;
    if same { Ok(()) } else { Err(format!("{row}: {came:?}, {} missed", late.missed)) }
}
