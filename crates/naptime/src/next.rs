//! `naptime next`: when an endpoint would be called.

use std::io::{BufRead, Write};
use std::time::Duration;

use naptime_core::duration::{self, MAX_PERIOD, MIN_PERIOD, SHORTEST_PERIOD};
use naptime_core::input::{self, BOUNDS, Limits, TIMING, kind};
use naptime_core::{AllowedNetworks, Invalid, JobId, Schedule, Time, Timing, Zone, read_at};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cli::{NextArgs, put};
use crate::clock::wall_clock;
use crate::faults::Faults;
use crate::flags::add_faults;

/// How many calls are shown if nothing is said.
const SHOWN: u64 = 5;
/// The most that may be asked for.
const MAX_SHOWN: u64 = 1_000;

/// The calls to come.
struct Upcoming {
    schedule: Schedule,
    /// By whose clock they are shown.
    zone: Zone,
    times: Vec<Time>,
}

/// `naptime next`.
pub(crate) fn next(args: &NextArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let min_period = faults.read("NAPTIME_MIN_PERIOD", args.naptime_min_period.as_ref(), MIN_PERIOD, |text| {
        duration::parse_setting("min_period", text, SHORTEST_PERIOD, MAX_PERIOD)
    });
    let networks = AllowedNetworks::public_only();
    let limits = Limits { networks: &networks, min_period, now: wall_clock() };
    if args.lines.is_some() {
        faults.check(())?;
        let (input, out) = (std::io::stdin().lock(), std::io::BufWriter::new(std::io::stdout().lock()));
        return Ok(answer_lines(input, out, limits)?);
    }
    let mut fields = args.timing.fields();
    put(&mut fields, "after", args.after.as_deref());
    put(&mut fields, "n", args.count.as_deref());
    let read = read(fields.into(), limits).map_err(|invalid| add_faults(&mut faults, invalid)).ok();
    let Some(upcoming) = faults.check(read)? else { return Ok(()) };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", upcoming.json())?;
    } else {
        upcoming.print(&mut out, limits.now)?;
    }
    Ok(())
}

/// Answers each line on a line of its own.
fn answer_lines(input: impl BufRead, mut out: impl Write, limits: Limits<'_>) -> std::io::Result<()> {
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str(&line)
            .map_err(|error| vec![Invalid::new("", "bad_json", format!("the line is not JSON: {error}"))])
            .and_then(|value| read(value, limits));
        let answer = read.map_or_else(|faults| error(&faults), |upcoming| upcoming.json());
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

/// The first fault, and all of them.
fn error(faults: &[Invalid]) -> Value {
    let first = faults.first();
    json!({"error": {
        "field": first.map(|fault| &fault.field),
        "code": first.map(|fault| fault.code),
        "detail": first.map(|fault| &fault.detail),
        "errors": faults,
    }})
}

/// Reads the timing of an endpoint, `after` and `n`.
fn read(value: Value, limits: Limits<'_>) -> Result<Upcoming, Vec<Invalid>> {
    let Value::Object(mut fields) = value else {
        let detail = format!("a timing must be an object, not {}", kind(&value));
        return Err(vec![Invalid::new("", "wrong_type", detail)]);
    };
    let mut faults = Vec::new();
    let count = count(&mut fields).unwrap_or_else(|fault| {
        faults.push(fault);
        SHOWN
    });
    let after = fields.shift_remove("after");
    let unknown = fields.keys().filter(|name| !TIMING.contains(&name.as_str())).take(50);
    faults.extend(unknown.map(|name| {
        Invalid::new(name.clone(), "unknown_field", format!("`{name}` is not a field that says when it is called"))
    }));
    // Of an `every` without bounds, which has no zone of its own, it is that of `after` and of the table.
    let says = |name: &&str| fields.get(*name).is_some_and(|value| !value.is_null());
    let is_plain = says(&"every") && !BOUNDS.iter().any(says);
    let mut zone = None;
    if let Some(Value::String(name)) = fields.get("tz").filter(|_| is_plain) {
        zone = Zone::parse(name).map_err(|fault| faults.push(fault)).ok();
        fields.shift_remove("tz");
    }
    let schedule = match input::read_schedule(&Value::Object(fields), limits, JobId::from(Uuid::nil()), None) {
        Ok(schedule) => schedule,
        Err(found) => {
            faults.extend(found);
            return Err(faults);
        }
    };
    let zone = zone.or_else(|| Zone::parse(schedule.zone()?).ok());
    let after = match after {
        None | Some(Value::Null) => Ok(limits.now),
        Some(Value::String(text)) => {
            read_at(&text, zone.as_ref()).map_err(|fault| Invalid { field: "after".into(), ..fault })
        }
        Some(other) => {
            Err(Invalid::new("after", "wrong_type", format!("`after` must be a string, not {}", kind(&other))))
        }
    };
    match after {
        Ok(after) if faults.is_empty() => {
            let times = schedule.upcoming(after, usize::try_from(count).unwrap_or(usize::MAX));
            Ok(Upcoming { schedule, zone: zone.unwrap_or(Zone::UTC), times })
        }
        Ok(_) => Err(faults),
        Err(fault) => {
            faults.push(fault);
            Err(faults)
        }
    }
}

/// How many calls are asked for.
fn count(fields: &mut Map<String, Value>) -> Result<u64, Invalid> {
    let said = fields.shift_remove("n");
    let number = match &said {
        None | Some(Value::Null) => Some(SHOWN),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    number
        .filter(|number| (1..=MAX_SHOWN).contains(number))
        .ok_or_else(|| Invalid::new("n", "out_of_range", format!("`n` must be a whole number from 1 to {MAX_SHOWN}")))
}

impl Upcoming {
    fn json(&self) -> Value {
        let mut answer = json!({"schedule": Timing::of(&self.schedule)});
        if let Schedule::Every { period, .. } = self.schedule.base() {
            answer["every_ms"] = json!(u64::try_from(period.as_millis()).unwrap_or(u64::MAX));
        }
        answer["next"] = json!(self.times);
        answer
    }

    /// A table in the zone of the endpoint, and in one's own if that is another.
    fn print(&self, out: &mut impl Write, now: Time) -> std::io::Result<()> {
        let theirs = &self.zone;
        let differs = |mine: &Zone| self.times.iter().any(|time| mine.show(*time) != theirs.show(*time));
        let mine = own_zone().filter(differs);
        writeln!(out, "{}", self.schedule.describe())?;
        if let Some(note) = Zone::note(theirs.name()) {
            writeln!(out, "{note}")?;
        }
        if self.times.is_empty() {
            return writeln!(out, "no call to come");
        }
        let head = mine.as_ref().map_or_else(String::new, |mine| format!("{:<34}", mine.name()));
        writeln!(out, "{:<34}{head}", theirs.name())?;
        for time in &self.times {
            let own = mine.as_ref().map_or_else(String::new, |mine| format!("{:<34}", mine.show(*time)));
            let until = Duration::from_secs(time.since(now).as_secs());
            writeln!(out, "{:<34}{own}in {}", theirs.show(*time), duration::show(until))?;
        }
        Ok(())
    }
}

/// The zone of this machine, if it is one with a name.
pub(crate) fn own_zone() -> Option<Zone> {
    let zone = jiff::tz::TimeZone::try_system().ok()?;
    Zone::parse(zone.iana_name()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line is answered with, as compact JSON.
    fn answer(line: &str) -> String {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(1_767_225_600_000) };
        let mut out = Vec::new();
        answer_lines(line.as_bytes(), &mut out, limits).expect("written");
        String::from_utf8(out).expect("text").trim_end().to_owned()
    }

    #[test]
    fn each_line_is_answered() {
        let check = |line: &str, expect: &str| assert_eq!(answer(line), expect, "{line}");
        check(
            r#"{"cron": "30 2 * * *", "tz": "Europe/Berlin", "after": "2026-03-28T00:00:00Z", "n": 2}"#,
            r#"{"schedule":{"kind":"cron","cron":"30 2 * * *","tz":"Europe/Berlin","text":"cron 30 2 * * * (Europe/Berlin)"},"next":["2026-03-28T01:30:00.000Z","2026-03-29T01:00:00.000Z"]}"#,
        );
        // A time without a zone is one of the zone of the schedule, or of that which is said.
        check(
            r#"{"every": "1h", "align": true, "tz": "Asia/Kolkata", "after": "2026-01-01 00:00", "n": 1}"#,
            r#"{"schedule":{"kind":"every","every":"1h","align":true,"text":"every 1h, on round times"},"every_ms":3600000,"next":["2025-12-31T19:00:00.000Z"]}"#,
        );
        check(
            r#"{"cron": "@daily", "tz": "Asia/Tokyo", "after": "2026-01-01 00:00", "n": "1"}"#,
            r#"{"schedule":{"kind":"cron","cron":"@daily","tz":"Asia/Tokyo","text":"cron @daily (Asia/Tokyo)"},"next":["2026-01-01T15:00:00.000Z"]}"#,
        );
        check(
            r#"{"every": 300000, "align": true, "n": 1}"#,
            r#"{"schedule":{"kind":"every","every":"5m","align":true,"text":"every 5m, on round times"},"every_ms":300000,"next":["2026-01-01T00:05:00.000Z"]}"#,
        );
        assert_eq!(answer("\n{\"every\": \"5m\"}\n\n").lines().count(), 1, "a blank line asks for nothing");
    }

    #[test]
    fn what_is_refused_says_why() {
        let check = |line: &str, field: &str, code: &str| {
            let answer: Value = serde_json::from_str(&answer(line)).expect("JSON");
            assert_eq!((&answer["error"]["field"], &answer["error"]["code"]), (&json!(field), &json!(code)), "{line}");
        };
        check("x", "", "bad_json");
        check("[]", "", "wrong_type");
        check(r#"{"every": "5M"}"#, "every", "ambiguous");
        check(r#"{"cron": "MON 9 * * *"}"#, "cron", "bad_cron");
        check(r#"{"every": "5m", "n": 0}"#, "n", "out_of_range");
        check(r#"{"every": "5m", "n": 1001}"#, "n", "out_of_range");
        check(r#"{"every": "5m", "after": "soon"}"#, "after", "not_a_time");
        check(r#"{"every": "5m", "tz": "Mars"}"#, "tz", "unknown_zone");
        check(r#"{"every": "5m", "after": 5}"#, "after", "wrong_type");
        check(r#"{"every": "5m", "url": "https://a.test/"}"#, "url", "unknown_field");
    }
}
