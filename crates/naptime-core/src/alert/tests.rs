use std::time::Duration;

use super::*;
use crate::problem::{Found, Kind, Problem, Severity, Whose};
use crate::{Endpoint, JobId, Mute, Pool, Receiver, Time};

const NOW: Time = Time::from_millis(1_800_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn failing(n: u128, by_host: bool) -> Problem {
    let endpoint = Endpoint::parse(&format!("https://a.test/{n}")).expect("a URL");
    let of = Whose::Endpoint { id: Uuid::from_u128(n).into(), endpoint, name: String::new() };
    problem(of, Kind::Failing { failures: 2, breach: false, by_host })
}

fn flapping(n: u128) -> Problem {
    Problem { kind: Kind::Flapping { failed: 7, of: 20 }, ..failing(n, false) }
}

fn pool(kind: Kind) -> Problem {
    problem(Whose::Pool(Pool::parse("https://a.test").expect("a pool")), kind)
}

fn down() -> Problem {
    pool(Kind::PoolDown { endpoints: 3 })
}

fn problem(of: Whose, kind: Kind) -> Problem {
    let tags = ["cards".to_owned()].into();
    Problem { of, kind, tags, since: Some(NOW), called_at: Some(NOW), message: None }
}

/// The same, last called so many seconds after the beginning.
fn called(problem: Problem, seconds: u64) -> Problem {
    Problem { called_at: Some(NOW + Duration::from_secs(seconds)), ..problem }
}

fn receiver(name: &str) -> Receiver {
    Receiver {
        name: name.to_owned(),
        active: true,
        to: To::Slack { url: "https://hooks.test/secret".to_owned() },
        only: Only::default(),
        added_at: NOW,
        after: Duration::ZERO,
        repeat: None,
        quiet: None,
    }
}

/// A book that is looked at again and again, and whose alerts are always sent.
#[derive(Default)]
struct Looks {
    book: Book,
    receivers: Vec<Receiver>,
    mutes: Vec<Mute>,
    /// The endpoints that are not found because of something worse.
    hidden: Vec<u128>,
}

impl Looks {
    fn to(receivers: Vec<Receiver>) -> Self {
        Self { receivers, ..Self::default() }
    }

    /// What is sent so many seconds after the beginning, if that is found: `receiver event problem`.
    fn at(&mut self, seconds: u64, found: &[Problem]) -> Vec<String> {
        let alerts = self.alerts(seconds, found);
        let short = |told: &Told| {
            let id = told.report.id.rsplit(['-', ':']).next().unwrap_or_default();
            id.trim_start_matches('0').to_owned()
        };
        let say = |alert: &Alert| match &*alert.says {
            [told] => format!("{} {} {}", alert.receiver, told.event.as_str(), short(told)),
            many => format!("{} many {}", alert.receiver, many.len()),
        };
        alerts.iter().map(say).collect()
    }

    fn alerts(&mut self, seconds: u64, found: &[Problem]) -> Vec<Alert> {
        let now = NOW + Duration::from_secs(seconds);
        let hidden = self.hidden.iter().map(|n| Uuid::from_u128(*n).into()).collect();
        self.book.note(&Found { problems: found.to_vec(), hidden, ..Found::default() }, now);
        self.book.decide(&self.receivers, &self.mutes, now);
        self.book.tidy(&self.receivers.iter().map(Receiver::key).collect(), now);
        // What is kept is all that the next look knows.
        let stored = serde_json::to_string(&self.book).expect("JSON");
        self.book = serde_json::from_str(&stored).expect("what was stored");
        std::mem::take(&mut self.book.outbox)
    }
}

#[test]
fn a_problem_is_told_once_when_it_opens_and_once_when_it_ends() {
    let mut told = Looks::to(vec![receiver("a"), receiver("b")]);
    let opened: Vec<_> = told.alerts(0, &[failing(1, false)]).iter().map(|alert| Some(alert.id)).collect();
    assert_eq!(opened.len(), 2);
    assert_eq!(told.at(5, &[failing(1, false)]), Vec::<String>::new());
    assert_eq!(told.at(9, &[failing(1, false), failing(2, false)]), ["a opened 2", "b opened 2"]);
    let ended = told.alerts(10, &[failing(2, false)]);
    assert_eq!(
        ended.iter().map(|it| (&*it.receiver, it.says[0].event)).collect::<Vec<_>>(),
        [("a", Event::Ended), ("b", Event::Ended)]
    );
    assert_eq!(ended.iter().map(|it| it.says[0].replaces).collect::<Vec<_>>(), opened);
    assert_eq!(told.at(11, &[]), ["a ended 2", "b ended 2"]);
    assert_eq!((told.at(12, &[]), told.book.open.len()), (vec![], 0));
    assert_eq!(told.at(13, &[failing(1, false)]), ["a opened 1", "b opened 1"], "that is another one");
}

#[test]
fn what_gets_worse_is_told_and_what_eases_is_not() {
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[flapping(1)]), ["a opened 1"]);
    assert_eq!(told.at(1, &[failing(1, false)]), ["a worse 1"]);
    assert_eq!(told.at(2, &[flapping(1)]), Vec::<String>::new());
    assert_eq!(told.at(3, &[failing(1, false)]), Vec::<String>::new(), "it was told already that it was so bad");
    assert_eq!(told.at(4, &[]), ["a ended 1"]);
}

#[test]
fn a_host_that_dies_is_told_once() {
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[failing(1, true)]), Vec::<String>::new(), "others may follow");
    assert_eq!(told.at(2, &[failing(1, true), failing(2, true)]), Vec::<String>::new());
    told.hidden = vec![1, 2, 3];
    assert_eq!(told.at(4, &[down()]), ["a opened //a.test"]);
    assert_eq!(told.at(600, &[down()]), Vec::<String>::new());
    // It comes back, and the first has not been called since.
    told.hidden = vec![];
    assert_eq!(told.at(601, &[called(failing(1, true), 500)]), Vec::<String>::new());
    assert_eq!(told.at(621, &[called(failing(1, true), 500)]), ["a ended //a.test"]);
    assert_eq!(told.at(700, &[called(failing(1, true), 500)]), Vec::<String>::new());
    assert_eq!(told.at(701, &[called(failing(1, true), 701)]), Vec::<String>::new(), "now it has");
    assert_eq!(told.at(706, &[called(failing(1, true), 701)]), ["a opened 1"]);
    assert_eq!((told.at(707, &[]), told.at(712, &[])), (vec![], vec!["a ended 1".to_owned()]));
    assert!(told.book.open.is_empty(), "{:?}", told.book);
}

#[test]
fn a_host_that_comes_and_goes_is_told_once() {
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[down()]), ["a opened //a.test"]);
    for at in (5..60).step_by(10) {
        assert_eq!((told.at(at, &[]), told.at(at + 5, &[down()])), (vec![], vec![]));
    }
}

#[test]
fn a_host_that_hangs_at_its_limit_is_down() {
    let mut told = Looks::to(vec![receiver("a")]);
    let limit = pool(Kind::PoolLimit { in_flight: Some(1), per_second: None });
    let both = [down(), limit];
    assert_eq!(told.at(0, &both), ["a opened //a.test"]);
    assert_eq!(told.at(1, &both), Vec::<String>::new());
    assert_eq!(told.at(60, &both), ["a opened //a.test"], "and its limit");
}

#[test]
fn an_endpoint_that_was_told_is_not_over_while_its_host_is_down() {
    let mut told = Looks::to(vec![receiver("a")]);
    told.at(0, &[failing(1, true)]);
    assert_eq!(told.at(6, &[failing(1, true)]), ["a opened 1"]);
    told.hidden = vec![1, 2, 3];
    assert_eq!(told.at(8, &[down()]), ["a opened //a.test"]);
    assert_eq!(told.at(60, &[down()]), Vec::<String>::new());
    told.hidden = vec![];
    assert_eq!((told.at(61, &[]), told.at(66, &[])), (vec![], vec!["a ended 1".to_owned()]));
    assert_eq!(told.at(81, &[]), ["a ended //a.test"]);
}

#[test]
fn nothing_is_over_while_nothing_can_be_known() {
    let mut told = Looks::to(vec![receiver("a")]);
    let nobody = problem(Whose::Fleet, Kind::NoWorker { active: 1 });
    assert_eq!(told.at(0, &[failing(1, false)]), ["a opened 1"]);
    assert_eq!(told.at(1, &[nobody]), ["a opened no_worker"]);
    assert_eq!(told.at(2, &[failing(1, false)]), ["a ended no_worker"]);
}

#[test]
fn what_comes_back_while_another_has_still_to_be_told_of_the_end_is_told_again() {
    // Quiet from an hour after the beginning.
    let quiet = serde_json::json!({"within": "09:00-10:00", "tz": "UTC"});
    let quiet = Receiver { quiet: Some(serde_json::from_value(quiet).expect("hours")), ..receiver("b") };
    let mut told = Looks::to(vec![receiver("a"), quiet]);
    assert_eq!(told.at(0, &[failing(1, false)]), ["a opened 1", "b opened 1"]);
    assert_eq!(told.at(3_600, &[]), ["a ended 1"]);
    let again = told.alerts(3_700, &[failing(1, false)]);
    assert_eq!(again.len(), 1, "the other thinks that it lasts: {again:?}");
    assert_eq!(again[0].says[0].opened_at, NOW + Duration::from_secs(3_700));
    assert_eq!(told.at(3_800, &[]), ["a ended 1"]);
    let last = told.alerts(7_200, &[]);
    assert_eq!((&*last[0].receiver, last[0].says[0].opened_at), ("b", NOW), "the one that it was told of");
}

#[test]
fn a_receiver_that_was_added_anew_is_told_of_what_lasts() {
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[failing(1, false)]), ["a opened 1"]);
    told.receivers = vec![Receiver { added_at: NOW + SECOND, ..receiver("a") }];
    assert_eq!(told.at(1, &[failing(1, false)]), ["a opened 1"]);
    // While it is off nothing is sent; the end is told when it is on.
    told.receivers[0].active = false;
    assert_eq!((told.at(2, &[]), told.at(3, &[])), (vec![], vec![]));
    told.receivers[0].active = true;
    assert_eq!(told.at(4, &[]), ["a ended 1"]);
}

#[test]
fn nobody_is_told_that_they_cannot_be_told() {
    let mut told = Looks::to(vec![receiver("a"), receiver("b")]);
    let failed = problem(Whose::Fleet, Kind::AlertsFailed { receiver: "a".to_owned(), alerts: 3 });
    assert_eq!(told.at(0, &[failed]), ["b opened a"]);
}

#[test]
fn a_clock_that_was_ahead_keeps_nobody_from_being_told() {
    let mut told = Looks::to(vec![Receiver { repeat: Some(60 * SECOND), ..receiver("a") }]);
    let all: Vec<Problem> = (1..=30).map(|n| failing(n, false)).collect();
    assert_eq!(told.at(36_000, &all), ["a many 30"]);
    told.book.move_back(NOW);
    assert_eq!(told.at(1, &all[1..]), Vec::<String>::new(), "within the minute");
    assert_eq!(told.at(60, &all[..2]), ["a many 30"]);
    assert_eq!(told.at(121, &all[..1]), ["a lasts 1", "a ended 2"]);
}

#[test]
fn a_receiver_hears_of_what_it_asked_for() {
    let only = |only: Only| Receiver { only, ..receiver("a") };
    let check = |of: Only, expect: bool| {
        let mut told = Looks::to(vec![only(of)]);
        assert_eq!(!told.at(0, &[failing(1, false)]).is_empty(), expect, "{:?}", told.receivers[0].only);
    };
    let list = |text: &str| vec![text.to_owned()];
    check(Only { severity: Some(Severity::Bad), ..Only::default() }, true);
    check(Only { kinds: list("failing"), ..Only::default() }, true);
    check(Only { kinds: list("flapping"), ..Only::default() }, false);
    check(Only { pools: list("https://a.test"), ..Only::default() }, true);
    check(Only { pools: list("https://b.test"), ..Only::default() }, false);
    check(Only { tags: list("cards"), ..Only::default() }, true);
    check(Only { tags: list("mail"), kinds: list("failing"), ..Only::default() }, false);
    let mut told = Looks::to(vec![only(Only { severity: Some(Severity::Bad), ..Only::default() })]);
    assert_eq!(told.at(0, &[flapping(1)]), Vec::<String>::new());
    assert_eq!(told.at(1, &[failing(1, false)]), ["a opened 1"]);
}

#[test]
fn it_is_told_after_a_while_and_again_until_somebody_knows() {
    let waits = Receiver { after: 60 * SECOND, repeat: Some(300 * SECOND), ..receiver("a") };
    let mut told = Looks::to(vec![waits]);
    let found = [failing(1, false)];
    assert_eq!((told.at(0, &found), told.at(59, &found)), (vec![], vec![]));
    assert_eq!(told.at(60, &found), ["a opened 1"]);
    assert_eq!(told.at(359, &found), Vec::<String>::new());
    assert_eq!(told.at(360, &found), ["a lasts 1"]);
    told.book.open.values_mut().for_each(|open| open.acknowledged_at = Some(NOW));
    assert_eq!(told.at(1_000, &found), Vec::<String>::new());
    assert_eq!(told.at(1_001, &[]), ["a ended 1"]);
    // What is over before it is told never was.
    assert_eq!((told.at(2_000, &found), told.at(2_030, &[]), told.at(2_100, &[])), (vec![], vec![], vec![]));
}

#[test]
fn what_is_muted_is_not_told_but_its_end_is() {
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[failing(1, false)]), ["a opened 1"]);
    let id: JobId = Uuid::from_u128(2).into();
    let mute = |of: Muted| Mute { of, until: NOW + 100 * SECOND, note: String::new() };
    for of in [Muted::Endpoint(id), Muted::Pool("https://a.test".to_owned()), Muted::Tag("cards".to_owned())] {
        told.mutes = vec![mute(of)];
        assert_eq!(told.at(1, &[failing(1, false), failing(2, false)]), Vec::<String>::new());
    }
    assert_eq!(told.at(2, &[failing(2, false)]), ["a ended 1"]);
    assert_eq!(told.at(100, &[failing(2, false)]), ["a opened 2"], "the mute is over");
}

#[test]
fn what_lasts_is_told_after_quiet_hours() {
    // 2027-01-15T08:00:00Z.
    let quiet = serde_json::json!({"within": "07:00-09:00", "tz": "UTC"});
    let mut told =
        Looks::to(vec![Receiver { quiet: Some(serde_json::from_value(quiet).expect("hours")), ..receiver("a") }]);
    assert_eq!(told.at(0, &[failing(1, false), failing(2, false)]), Vec::<String>::new());
    assert_eq!(told.at(3_599, &[failing(1, false)]), Vec::<String>::new());
    assert_eq!(told.at(3_600, &[failing(1, false)]), ["a opened 1"]);
}

#[test]
fn a_storm_comes_as_one() {
    let mut told = Looks::to(vec![receiver("a")]);
    let all: Vec<Problem> = (1..=100).map(|n| failing(n, false)).collect();
    assert_eq!(told.at(0, &all[..5]).len(), 5);
    assert_eq!(told.at(1, &all[..50]), ["a many 45"]);
    assert_eq!(told.at(2, &all), Vec::<String>::new(), "one in a minute");
    assert_eq!(told.at(61, &all), ["a many 50"]);
    assert_eq!(told.at(130, &all[1..]), ["a ended 1"]);
    let pager = To::Pagerduty { url: EVENTS_URL.to_owned(), routing_key: "k".to_owned() };
    let mut told = Looks::to(vec![Receiver { to: pager, ..receiver("a") }]);
    assert_eq!(told.at(0, &all).len(), 100, "each opens an incident of its own");
}

#[test]
fn what_flickers_is_told_when_it_lasts() {
    let late = || problem(Whose::Fleet, Kind::Late { calls: 7 });
    let mut told = Looks::to(vec![receiver("a")]);
    assert_eq!((told.at(0, &[late()]), told.at(5, &[]), told.at(10, &[late()])), (vec![], vec![], vec![]));
    assert_eq!(told.at(60, &[late()]), ["a opened late"]);
    assert_eq!((told.at(61, &[]), told.at(100, &[late()]), told.at(101, &[])), (vec![], vec![], vec![]));
    assert_eq!(told.at(161, &[]), ["a ended late"]);
}

#[test]
fn what_a_target_says_each_time_is_no_news() {
    let mut book = Book::default();
    let found = |problem: Problem| Found { problems: vec![problem], ..Found::default() };
    book.note(&found(failing(1, false)), NOW);
    let before = book.clone();
    let again = Problem { message: Some("failed 500: other".to_owned()), ..called(failing(1, false), 3) };
    book.note(&found(again), NOW + 3 * SECOND);
    assert!(book != before && !book.is_news_after(&before));
    book.note(&found(flapping(1)), NOW + 6 * SECOND);
    assert!(book.is_news_after(&before));
}

#[test]
fn each_alert_has_an_id_of_its_own() {
    let mut told = Looks::to(vec![receiver("a"), receiver("b")]);
    let mut ids = std::collections::BTreeSet::new();
    for (at, found) in [(0, vec![failing(1, false)]), (1, vec![]), (2, vec![failing(1, false), failing(2, false)])] {
        ids.extend(told.alerts(at, &found).iter().map(|alert| alert.id));
    }
    assert_eq!(ids.len(), 8);
}

#[test]
fn what_is_shown_has_no_credentials() {
    let to = To::Telegram { url: TELEGRAM_URL.to_owned(), token: "123:word".to_owned(), chat: "7".to_owned() };
    let shown = Receiver { to, ..receiver("a") }.shown();
    assert_eq!((&shown["token"], &shown["url"]), (&"••••".into(), &TELEGRAM_URL.into()));
    assert_eq!(receiver("a").shown()["url"], "https://hooks.test/••••");
    let stored = serde_json::to_value(receiver("a")).expect("JSON");
    assert_eq!(serde_json::from_value::<Receiver>(stored).expect("what was stored"), receiver("a"));
}
