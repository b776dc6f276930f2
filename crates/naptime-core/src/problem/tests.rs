use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::plan::{Because, Late};
use crate::worker::Worker;
use crate::{Breach, Heartbeat, Last, Outcome, PoolSettings, Recent, Trouble};

const NOW: Time = Time::from_millis(1_800_000_000_000);

static NO_ALERTS: LazyLock<BTreeMap<String, u64>> = LazyLock::new(BTreeMap::new);
static NONE: LazyLock<HashMap<Pool, u64>> = LazyLock::new(HashMap::new);

fn ago(seconds: u64) -> Time {
    NOW - Duration::from_secs(seconds)
}

fn worker(n: u128, version: &str) -> Worker {
    let beat = Heartbeat {
        id: Uuid::from_u128(n).into(),
        host: String::new(),
        pid: 1,
        version: version.to_owned(),
        tzdb: Some("2026f".to_owned()),
        capacity: 10,
        held: 0,
        started_at: ago(100),
        stopping: false,
        trouble: None,
    };
    Worker { beat, seen_at: ago(1), alive: true }
}

fn facts<'a>(workers: &'a [Worker], ailing: &'a [Ailing]) -> Facts<'a> {
    let count = |is: fn(&Ailing) -> bool| ailing.iter().filter(|it| is(it)).count() as u64;
    Facts {
        now: NOW,
        fault: None,
        active: 40,
        workers,
        late: Late { calls: 0, because: None, more_workers: None },
        late_since: None,
        waiting: &[],
        ailing,
        failing: count(|it| matches!(it.trouble, Some((Trouble::Failing, _)))),
        put_off: count(|it| matches!(it.trouble, Some((Trouble::PutOff, _)))),
        flapping: count(|it| matches!(it.trouble, Some((Trouble::Flapping, _)))),
        in_breach: count(|it| it.breach.is_some()),
        failed_jobs: 0,
        failed_alerts: &NO_ALERTS,
        pool_sizes: &NONE,
    }
}

fn ailing(n: u128, url: &str, outcome: Outcome, status: Option<u16>) -> Ailing {
    let last = Last { due: ago(3), started: ago(3), finished: ago(2), outcome, status, message: "out of paper".into() };
    Ailing {
        id: Uuid::from_u128(n).into(),
        endpoint: Endpoint::parse(url).expect("a URL"),
        name: String::new(),
        tags: vec!["cards".to_owned()],
        due: Some(NOW + Duration::from_secs(3600)),
        trouble: Some((Trouble::Failing, ago(60))),
        breach: None,
        recent: Recent { failures: 3, ..Recent::default() },
        last: Some(last),
    }
}

/// What is found, each as `whose: kind`, and the headline.
fn said(facts: &Facts<'_>) -> (Vec<String>, Option<String>) {
    let found = find(facts);
    let each = |problem: &Problem| format!("{}: {}", problem.of.title(), problem.kind.as_str());
    (found.problems.iter().map(each).collect(), found.headline())
}

fn check(facts: &Facts<'_>, expect: &[&str], headline: &str) {
    let (found, sentence) = said(facts);
    assert_eq!((found, sentence.as_deref()), (expect.iter().map(ToString::to_string).collect(), Some(headline)));
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let workers = [worker(1, "1.0.0"), worker(2, "1.0.0")];
    let found = find(&facts(&workers, &[]));
    assert_eq!((&found, found.headline(), found.severity()), (&Found::default(), None, None));
    // Nothing is switched on, so no worker is missed.
    assert_eq!(find(&Facts { active: 0, ..facts(&[], &[]) }), Found::default());
}

#[test]
fn the_worst_comes_first() {
    let workers = [worker(1, "1.0.0"), worker(2, "1.1.0")];
    let (failing, mut late) = (
        ailing(1, "https://cards.test/charge", Outcome::Failed, Some(500)),
        ailing(2, "https://other.test/", Outcome::Ok, Some(200)),
    );
    late.trouble = None;
    late.breach = Some(Breach { job: late.id, from: ago(9), to: None, cause: Cause::TargetFailed });
    let mut flapping = ailing(3, "https://third.test/", Outcome::Ok, Some(200));
    flapping.trouble = Some((Trouble::Flapping, ago(99)));
    let all = [flapping, late, failing];
    let mut facts = facts(&workers, &all);
    facts.late = Late { calls: 7, because: Some(Because::SlotsFull), more_workers: Some(2) };
    check(
        &facts,
        &[
            "https://cards.test/charge: failing",
            "https://other.test/: in_breach",
            "Naptime: slots_full",
            "https://third.test/: flapping",
            "Naptime: versions",
        ],
        "1 endpoint fails, 1 endpoint is in breach of its SLA, 7 calls are late, 1 endpoint fails now and then",
    );
    let found = find(&facts);
    assert_eq!((found.total, found.severity()), (5, Some(Severity::Bad)));
    let causes: Vec<String> = found.problems.iter().map(|problem| problem.kind.cause()).collect();
    assert_eq!(causes[0], "The last 3 occurrences failed.");
    assert_eq!(causes[2], "7 calls are late because the slots of the workers are taken; 2 more workers would do.");
    assert_eq!(found.problems[0].message.as_deref(), Some("failed 500: out of paper"));
}

#[test]
fn a_host_that_is_down_is_one_problem() {
    let url = |n: u128| format!("https://down.test/{n}");
    let mut all: Vec<Ailing> = (1..=2).map(|n| ailing(n, &url(n), Outcome::ConnectionRefused, None)).collect();
    // It answers, and so it fails for a reason of its own.
    all.push(ailing(9, &url(9), Outcome::Failed, Some(500)));
    let workers = [worker(1, "1.0.0")];
    check(
        &facts(&workers, &all),
        &["https://down.test/1: failing", "https://down.test/2: failing", "https://down.test/9: failing"],
        "3 endpoints fail",
    );
    all.push(ailing(3, &url(3), Outcome::Failed, Some(503)));
    check(
        &facts(&workers, &all),
        &["https://down.test: pool_down", "https://down.test/9: failing"],
        "1 pool is down, 1 endpoint fails",
    );
    let found = find(&facts(&workers, &all));
    assert_eq!(found.problems[0].kind, Kind::PoolDown { endpoints: 3 });
    assert_eq!((found.total, found.problems[0].since), (2, Some(ago(60))));
    // Of a host that answers most of its endpoints well, some are slow.
    let pool = Pool::parse("https://down.test").expect("a pool");
    let sizes = HashMap::from([(pool.clone(), 7)]);
    assert_eq!(find(&Facts { pool_sizes: &sizes, ..facts(&workers, &all) }).failing, 4);
    assert_eq!(by_host(&all).into_keys().collect::<Vec<_>>(), [&pool]);
    let sizes = HashMap::from([(pool, 6)]);
    assert_eq!(find(&Facts { pool_sizes: &sizes, ..facts(&workers, &all) }).failing, 1);
}

#[test]
fn a_large_pool_is_down_by_how_many_fail_and_not_by_how_many_were_looked_at() {
    let all: Vec<Ailing> =
        (1..=500).map(|n| ailing(n, &format!("https://large.test/{n}"), Outcome::ConnectionRefused, None)).collect();
    let members: Vec<&Ailing> = all.iter().collect();
    let is_down = |failing, of| LookedAt { failing, of }.is_down(&members, 10_000);
    assert!(!is_down(500, 500) && !is_down(1_000, 1_001) && !is_down(1_000, 9_999));
    assert!(is_down(500, 5_000) && is_down(1_000, 10_000));
}

#[test]
fn the_calls_of_a_host_are_held_back_once_it_has_been_down_for_a_while() {
    let all: Vec<Ailing> =
        (1..=3).map(|n| ailing(n, &format!("https://down.test/{n}"), Outcome::ConnectionRefused, None)).collect();
    // They have failed for a minute, the last time two seconds ago.
    let failing: Vec<&Ailing> = all.iter().collect();
    assert!(is_to_be_spared(&failing, None, NOW) && is_to_be_spared(&failing, Some(ago(61)), NOW));
    assert!(!is_to_be_spared(&failing, Some(ago(30)), NOW), "half a minute ago it answered others, and failed these");
    assert!(!is_to_be_spared(&failing[..2], None, NOW), "two are two problems");
    assert!(!is_to_be_spared(&failing, Some(ago(9)), NOW), "it answers somebody");
    let begun = all[0].trouble.map(|(trouble, _)| (trouble, ago(9)));
    let lately = Ailing { trouble: begun, ..all[0].clone() };
    assert!(!is_to_be_spared(&[&lately, &all[1], &all[2]], None, NOW), "it may be over in a moment");
    // As endpoints that are seldom called are found, long after the host came back.
    let old = |it: &Ailing| {
        let last = it.last.clone().map(|last| Last { finished: ago(900), ..last });
        Ailing { last, trouble: Some((Trouble::Failing, ago(1_000))), ..it.clone() }
    };
    let old: Vec<Ailing> = all.iter().map(old).collect();
    assert!(!is_to_be_spared(&old.iter().collect::<Vec<_>>(), Some(ago(600)), NOW));
}

#[test]
fn what_waits_for_a_host_that_is_down_has_no_other_problem() {
    let mut pool = PoolSettings::new(Pool::parse("https://down.test").expect("a pool"), ago(900));
    pool.heed(crate::pool::Sign::Down, ago(800));
    let waiting = [(pool, ago(700))];
    let mut all: Vec<Ailing> =
        (1..=3).map(|n| ailing(n, &format!("https://down.test/{n}"), Outcome::Timeout, None)).collect();
    // It was not called before the host was down.
    let mut late = ailing(4, "https://down.test/4", Outcome::Ok, Some(200));
    (late.trouble, late.breach) =
        (None, Some(Breach { job: late.id, from: ago(9), to: None, cause: Cause::LateStart }));
    all.push(late);
    let workers = [worker(1, "1.0.0")];
    check(&Facts { waiting: &waiting, ..facts(&workers, &all) }, &["https://down.test: pool_down"], "1 pool is down");
}

#[test]
fn what_follows_from_a_problem_of_all_is_none_of_its_own() {
    let breach = |n: u128, cause| {
        let mut ailing = ailing(n, &format!("https://{n}.test/"), Outcome::Ok, Some(200));
        ailing.trouble = Some((Trouble::Flapping, ago(99)));
        ailing.breach = Some(Breach { job: ailing.id, from: ago(9), to: None, cause });
        ailing
    };
    let all = [breach(1, Cause::NoWorker), breach(2, Cause::LateStart), breach(3, Cause::SwitchedOff)];
    let pool = |host: &str| PoolSettings::new(Pool::parse(&format!("https://{host}.test")).expect("a pool"), NOW);
    let waiting = [
        (PoolSettings { active: false, ..pool("3") }, ago(9)),
        (PoolSettings { max_in_flight: Some(1), ..pool("slow") }, ago(900)),
    ];
    let nobody = Facts { waiting: &waiting, ..facts(&[], &all) };
    let found = find(&nobody);
    assert_eq!((found.in_breach, found.flapping), (1, 2), "that of a late start has another cause");
    let (named, _) = said(&nobody);
    assert_eq!(
        named,
        [
            "Naptime: no_worker",
            "https://2.test/: in_breach",
            "https://3.test: pool_off",
            "https://1.test/: flapping",
            "https://3.test/: flapping"
        ]
    );
    let workers = [worker(1, "1.0.0")];
    let late = Late { calls: 7, because: Some(Because::SlotsFree), more_workers: Some(0) };
    let found = find(&Facts { waiting: &waiting, late, ..facts(&workers, &all) });
    assert_eq!((found.in_breach, found.flapping, found.total), (1, 2, 6), "{found:?}");
}

#[test]
fn calls_that_wait_while_the_last_worker_stops_are_told() {
    let mut stopping = worker(1, "1.0.0");
    stopping.beat.stopping = true;
    let workers = [stopping];
    assert_eq!(find(&facts(&workers, &[])), Found::default(), "another may be starting");
    let late = Late { calls: 1, because: Some(Because::NoWorker), more_workers: None };
    check(&Facts { late, ..facts(&workers, &[]) }, &["Naptime: no_worker"], "No worker is running");
}

#[test]
fn what_its_target_has_put_off_is_told_until_when() {
    let mut put_off = ailing(1, "https://cards.test/", Outcome::Failed, Some(429));
    put_off.trouble = Some((Trouble::PutOff, ago(60)));
    let (workers, mut all) = ([worker(1, "1.0.0")], [put_off]);
    check(&facts(&workers, &all), &["https://cards.test/: put_off"], "1 endpoint was put off by its target");
    let found = find(&facts(&workers, &all));
    assert_eq!((found.total, found.severity()), (1, Some(Severity::Warn)));
    let cause = found.problems[0].kind.cause();
    assert_eq!(cause, "Its target asked not to be called until 2027-01-15 09:00:00 UTC.");
    all[0].breach = Some(Breach { job: all[0].id, from: ago(9), to: None, cause: Cause::TargetFailed });
    check(&facts(&workers, &all), &["https://cards.test/: in_breach"], "1 endpoint is in breach of its SLA");
}

#[test]
fn what_fails_and_breaks_its_sla_is_one_problem() {
    let mut failing = ailing(1, "https://cards.test/charge", Outcome::Timeout, None);
    failing.name = "charge cards".to_owned();
    failing.breach = Some(Breach { job: failing.id, from: ago(9), to: None, cause: Cause::TargetFailed });
    let (workers, all) = ([worker(1, "1.0.0")], [failing]);
    check(&facts(&workers, &all), &["charge cards: failing"], "1 endpoint fails");
    let found = find(&facts(&workers, &all));
    assert_eq!((found.total, found.in_breach), (1, 0));
    assert_eq!(found.problems[0].kind.cause(), "The last 3 occurrences failed, and its SLA is in breach.");
}

#[test]
fn without_workers_or_database_that_is_the_headline() {
    let mut gone = worker(1, "1.0.0");
    (gone.alive, gone.seen_at) = (false, ago(30));
    let workers = [gone];
    let late = Late { calls: 12, because: Some(Because::NoWorker), more_workers: None };
    let facts = Facts { late, late_since: Some(ago(20)), ..facts(&workers, &[]) };
    check(&facts, &["Naptime: no_worker"], "No worker is running");
    assert_eq!(find(&facts).problems[0].since, Some(ago(30)));
    let away = Facts { fault: Some("the disk of the database is full"), ..facts };
    check(&away, &["Naptime: database"], "No calls: the disk of the database is full");
}

#[test]
fn a_pool_that_holds_its_calls_back_is_named() {
    let pool = |host: &str| PoolSettings::new(Pool::parse(&format!("https://{host}.test")).expect("a pool"), NOW);
    let off = PoolSettings { active: false, ..pool("off") };
    let slow = PoolSettings { max_per_second: Some(1), max_in_flight: Some(2), ..pool("slow") };
    let quick = PoolSettings { max_per_second: Some(9), ..pool("quick") };
    let waiting = [(slow, ago(90)), (off, ago(3)), (quick, ago(3))];
    let workers = [worker(1, "1.0.0")];
    let facts = Facts { waiting: &waiting, ..facts(&workers, &[]) };
    check(
        &facts,
        &["https://off.test: pool_off", "https://slow.test: pool_limit"],
        "1 pool is off with calls due, 1 pool is held back by its limit",
    );
    let cause = find(&facts).problems[1].kind.cause();
    assert_eq!(cause, "Its limit of 2 calls at a time and 1 call a second holds calls back.");
}

#[test]
fn those_that_were_not_looked_at_are_counted() {
    let (workers, all) = ([worker(1, "1.0.0")], [ailing(1, "https://cards.test/", Outcome::Failed, Some(500))]);
    let found = find(&Facts { failing: 1000, ..facts(&workers, &all) });
    assert_eq!((found.problems.len(), found.total, found.failing), (1, 1000, 1000));
    assert_eq!(found.headline().as_deref(), Some("1000 endpoints fail"));
    let counts = find(&Facts { put_off: 700, flapping: 600, in_breach: 800, ..facts(&workers, &all) });
    let counts: BTreeMap<&str, u64> = counts.counts().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counts, [("failing", 1), ("in_breach", 800), ("put_off", 700), ("flapping", 600)].into());
}
