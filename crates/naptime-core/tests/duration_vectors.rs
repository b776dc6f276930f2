//! What people write for a duration, and what it is read as: every row of `vectors/durations.tsv`.

use naptime_core::duration;

#[test]
fn every_row_is_read_as_it_says() {
    let rows = include_str!("vectors/durations.tsv").lines().filter(|row| !row.starts_with('#'));
    let mut wrong = Vec::new();
    for row in rows {
        let (text, expect) = row.split_once('\t').expect("a text and what it means");
        let read = duration::parse("every", text).ok();
        // Seconds with up to three decimals, all of which a float holds to the millisecond.
        let millis = |seconds: &str| (seconds.parse::<f64>().expect("seconds") * 1000.0).round() as u128;
        let expect = (expect != "refuse").then(|| millis(expect));
        if read.map(|duration| duration.as_millis()) != expect {
            wrong.push(format!("{text:?} is {read:?}, not {expect:?} ms"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
