//! Checks of the workers: whether there are any, and whether they are alike.

use std::collections::BTreeSet;

use super::Check;
use crate::Time;
use crate::figures::counted;
use crate::worker::Worker;

/// From here on zones are old, in years: governments change the rules several times a year.
const MAX_ZONES_AGE_YEARS: i32 = 2;

/// Whether workers live, and what keeps each from working as it should.
pub fn workers(workers: &[Worker]) -> Vec<Check> {
    let alive: Vec<&Worker> = workers.iter().filter(|worker| worker.alive).collect();
    let slots: u64 = alive.iter().map(|worker| u64::from(worker.beat.capacity)).sum();
    let lives = match alive.len() {
        0 => Check::bad("workers", "no worker lives, so nothing is called", "start `naptime worker`"),
        1 => Check::ok("workers", format!("1 worker lives, and makes up to {} at once", counted(slots, "call"))),
        many => Check::ok("workers", format!("{many} workers live, and make up to {} at once", counted(slots, "call"))),
    };
    let troubles = alive.into_iter().filter_map(|worker| {
        let (name, host, trouble) = (worker.beat.id.name(), &worker.beat.host, worker.beat.trouble.as_ref()?);
        let text = format!("the worker {name} on {host} cannot work as it should: {trouble}");
        Some(Check::bad("worker", text, "give its machine more of that, or lower WORKER_MAX_CAPACITY"))
    });
    [lives].into_iter().chain(troubles).collect()
}

/// Whether the workers and the page, of version `own`, are of one version.
pub fn versions(workers: &[Worker], own: &str) -> Check {
    let all: BTreeSet<&str> = alive(workers).map(|worker| &*worker.beat.version).chain([own]).collect();
    let all: Vec<&str> = all.into_iter().collect();
    match all[..] {
        [one] => Check::ok("versions", format!("the page and all workers are of version {one}")),
        _ => {
            let text = format!("the page and the workers are of several versions: {}", all.join(", "));
            Check::warn("versions", text, "deploy one version everywhere")
        }
    }
}

/// Whether the workers and the page, with zones of the release `own`, go by the same time zones, and how old they are.
pub fn zones(workers: &[Worker], own: &str, now: Time) -> Check {
    let releases = alive(workers).map(|worker| worker.beat.tzdb.as_deref().unwrap_or("unknown")).chain([own]);
    let releases: BTreeSet<&str> = releases.collect();
    let remedy = "update the package tzdata of each machine, or Naptime, and start again";
    if releases.len() > 1 {
        let all: Vec<&str> = releases.into_iter().collect();
        let text = format!("the page and the workers go by time zones of several releases: {}", all.join(", "));
        return Check::warn("zones", text, remedy);
    }
    let text = format!("the page and all workers go by the time zones of release {own}");
    let year = |text: &str| text.get(..4).and_then(|year| year.parse::<i32>().ok());
    match year(&now.to_string()).zip(year(own)) {
        Some((now, of_release)) if now - of_release >= MAX_ZONES_AGE_YEARS => {
            Check::warn("zones", format!("{text}, which is more than a year old"), remedy)
        }
        _ => Check::ok("zones", text),
    }
}

fn alive(workers: &[Worker]) -> impl Iterator<Item = &Worker> {
    workers.iter().filter(|worker| worker.alive)
}

#[cfg(test)]
mod tests {
    use super::super::CheckState::{self, Bad, Ok, Warn};
    use super::*;
    use crate::Heartbeat;

    fn worker(alive: bool, version: &str, release: Option<&str>, trouble: Option<&str>) -> Worker {
        let now = Time::from_millis(0);
        let beat = Heartbeat {
            id: uuid::Uuid::from_u128(1).into(),
            host: "here".to_owned(),
            pid: 1,
            version: version.to_owned(),
            tzdb: release.map(str::to_owned),
            capacity: 1_000,
            held: 0,
            started_at: now,
            stopping: false,
            trouble: trouble.map(str::to_owned),
        };
        Worker { beat, seen_at: now, alive }
    }

    #[test]
    fn workers_that_live_are_looked_at() {
        let well = worker(true, "1", None, None);
        let strained = worker(true, "1", None, Some("no file descriptors are left"));
        let gone = worker(false, "0", Some("2020a"), Some("gone"));
        let states = |all: &[Worker]| workers(all).into_iter().map(|check| check.state).collect::<Vec<CheckState>>();
        assert_eq!(states(&[]), [Bad]);
        assert_eq!(states(std::slice::from_ref(&gone)), [Bad]);
        assert_eq!(states(&[well.clone(), strained, gone]), [Ok, Bad]);
        let text = "2 workers live, and make up to 2,000 calls at once";
        assert_eq!(workers(&[well.clone(), well])[0].text, text);
    }

    #[test]
    fn versions_and_zones_should_be_one() {
        let now = "2026-11-30T09:00:00Z".parse().expect("a time");
        let check = |all: &[Worker], own: (&str, &str), expect: [CheckState; 2]| {
            let found = [versions(all, own.0), zones(all, own.1, now)];
            assert_eq!(found.each_ref().map(|check| check.state), expect, "{found:?}");
        };
        let workers = [worker(true, "1.0", Some("2026a"), None), worker(false, "0.9", Some("2020a"), None)];
        check(&workers, ("1.0", "2026a"), [Ok, Ok]);
        check(&workers, ("1.1", "2026b"), [Warn, Warn]);
        check(&[worker(true, "1.0", None, None)], ("1.0", "2026a"), [Ok, Warn]);
        check(&[], ("1.0", "2025c"), [Ok, Ok]);
        check(&[], ("1.0", "2024b"), [Ok, Warn]);
    }
}
