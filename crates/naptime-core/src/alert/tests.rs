use std::time::Duration;

use super::*;
use crate::problem::{Kind, Problem, Report, Severity, Whose};
use crate::{Endpoint, JobId, Mute, Pool, Receiver, Time};

const NOW: Time = Time::from_millis(1_800_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn failing(n: u128, by_host: bool) -> Report {
    let endpoint = Endpoint::parse(&format!("https://a.test/{n}")).expect("a URL");
    let of = Whose::Endpoint { id: Uuid::from_u128(n).into(), endpoint, name: String::new() };
    told(of, Kind::Failing { failures: 2, breach: false, by_host })
}

fn flapping(n: u128) -> Report {
    Report { severity: Severity::Warn, kind: "flapping".to_owned(), ..failing(n, false) }
}

fn down() -> Report {
    told(Whose::Pool(Pool::parse("https://a.test").expect("a pool")), Kind::PoolDown { endpoints: 3 })
}

fn told(of: Whose, kind: Kind) -> Report {
    let tags = ["cards".to_owned()].into();
    Report::from(&Problem { of, kind, tags, since: Some(NOW), message: None })
}

fn receiver(name: &str) -> Receiver {
    Receiver {
        name: name.to_owned(),
        active: true,
        to: To::Slack { url: "https://hooks.test/secret".to_owned() },
        only: Only::default(),
        after: Duration::ZERO,
        repeat: None,
        quiet: None,
    }
}

/// A book that is looked at again and again, and whose alerts are always sent.
#[derive(Default)]
struct Told {
    book: Book,
    receivers: Vec<Receiver>,
    mutes: Vec<Mute>,
}

impl Told {
    fn to(receivers: Vec<Receiver>) -> Self {
        Self { receivers, ..Self::default() }
    }

    /// What is sent so many seconds after the beginning, if that is found: `receiver event problem`.
    fn at(&mut self, seconds: u64, found: &[Report]) -> Vec<String> {
        let now = NOW + Duration::from_secs(seconds);
        self.book.note(found, now);
        let alerts = self.book.alerts(&self.receivers, &self.mutes, now);
        alerts.iter().for_each(|alert| self.book.note_sent(alert, now));
        for id in self.book.done(&self.receivers, now) {
            self.book.open.remove(&id);
        }
        let short = |open: &Open| {
            open.report.id.rsplit(['-', ':']).next().unwrap_or_default().trim_start_matches('0').to_owned()
        };
        let say = |alert: &Alert| match &alert.says {
            Says::One(event, open) => format!("{} {} {}", alert.receiver, event.as_str(), short(open)),
            Says::Many(events) => format!("{} many {}", alert.receiver, events.len()),
        };
        alerts.iter().map(say).collect()
    }
}

#[test]
fn a_problem_is_told_once_when_it_opens_and_once_when_it_ends() {
    let mut told = Told::to(vec![receiver("a"), receiver("b")]);
    assert_eq!(told.at(0, &[failing(1, false)]), ["a opened 1", "b opened 1"]);
    assert_eq!(told.at(5, &[failing(1, false)]), Vec::<String>::new());
    assert_eq!(told.at(9, &[failing(1, false), failing(2, false)]), ["a opened 2", "b opened 2"]);
    assert_eq!(told.at(10, &[failing(2, false)]), ["a ended 1", "b ended 1"]);
    assert_eq!(told.at(11, &[]), ["a ended 2", "b ended 2"]);
    assert_eq!((told.at(12, &[]), told.book.open.len()), (vec![], 0));
    assert_eq!(told.at(13, &[failing(1, false)]), ["a opened 1", "b opened 1"], "that is another one");
}

#[test]
fn what_gets_worse_is_told_and_what_eases_is_not() {
    let mut told = Told::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[flapping(1)]), ["a opened 1"]);
    assert_eq!(told.at(1, &[failing(1, false)]), ["a worse 1"]);
    assert_eq!(told.at(2, &[flapping(1)]), Vec::<String>::new());
    assert_eq!(told.at(3, &[failing(1, false)]), Vec::<String>::new(), "it was told already that it was so bad");
    assert_eq!(told.at(4, &[]), ["a ended 1"]);
}

#[test]
fn a_host_that_dies_is_told_once() {
    let mut told = Told::to(vec![receiver("a")]);
    assert_eq!(told.at(0, &[failing(1, true)]), Vec::<String>::new(), "others may follow");
    assert_eq!(told.at(2, &[failing(1, true), failing(2, true)]), Vec::<String>::new());
    assert_eq!(told.at(4, &[down()]), ["a opened //a.test"]);
    assert_eq!(told.at(60, &[down()]), Vec::<String>::new());
    assert_eq!(told.at(61, &[]), ["a ended //a.test"]);
    told.at(70, &[]);
    assert_eq!(told.book.open.len(), 0, "those of which nobody was told are gone as well");
}

#[test]
fn an_endpoint_that_was_told_is_not_over_while_its_host_is_down() {
    let mut told = Told::to(vec![receiver("a")]);
    told.at(0, &[failing(1, true)]);
    assert_eq!(told.at(6, &[failing(1, true)]), ["a opened 1"]);
    assert_eq!(told.at(8, &[down()]), ["a opened //a.test"]);
    assert_eq!(told.at(60, &[down()]), Vec::<String>::new());
    assert_eq!(told.at(61, &[]), ["a ended //a.test"]);
    assert_eq!(told.at(66, &[]), ["a ended 1"]);
}

#[test]
fn a_receiver_hears_of_what_it_asked_for() {
    let only = |only: Only| Receiver { only, ..receiver("a") };
    let check = |of: Only, expect: bool| {
        let mut told = Told::to(vec![only(of)]);
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
    let mut told = Told::to(vec![only(Only { severity: Some(Severity::Bad), ..Only::default() })]);
    assert_eq!(told.at(0, &[flapping(1)]), Vec::<String>::new());
    assert_eq!(told.at(1, &[failing(1, false)]), ["a opened 1"]);
}

#[test]
fn it_is_told_after_a_while_and_again_until_somebody_knows() {
    let waits = Receiver { after: 60 * SECOND, repeat: Some(300 * SECOND), ..receiver("a") };
    let mut told = Told::to(vec![waits]);
    let found = [failing(1, false)];
    assert_eq!((told.at(0, &found), told.at(59, &found)), (vec![], vec![]));
    assert_eq!(told.at(60, &found), ["a opened 1"]);
    assert_eq!(told.at(359, &found), Vec::<String>::new());
    assert_eq!(told.at(360, &found), ["a lasts 1"]);
    for open in told.book.open.values_mut() {
        open.acknowledged_at = Some(NOW);
    }
    assert_eq!(told.at(1_000, &found), Vec::<String>::new());
    assert_eq!(told.at(1_001, &[]), ["a ended 1"]);
    // What is over before it is told never was.
    assert_eq!((told.at(2_000, &found), told.at(2_030, &[]), told.at(2_100, &[])), (vec![], vec![], vec![]));
}

#[test]
fn what_is_muted_is_not_told_but_its_end_is() {
    let mut told = Told::to(vec![receiver("a")]);
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
        Told::to(vec![Receiver { quiet: Some(serde_json::from_value(quiet).expect("hours")), ..receiver("a") }]);
    assert_eq!(told.at(0, &[failing(1, false), failing(2, false)]), Vec::<String>::new());
    assert_eq!(told.at(3_599, &[failing(1, false)]), Vec::<String>::new());
    assert_eq!(told.at(3_600, &[failing(1, false)]), ["a opened 1"]);
}

#[test]
fn a_storm_comes_as_one() {
    let mut told = Told::to(vec![receiver("a")]);
    let all: Vec<Report> = (1..=100).map(|n| failing(n, false)).collect();
    assert_eq!(told.at(0, &all[..5]).len(), 5);
    assert_eq!(told.at(1, &all[..50]), ["a many 45"]);
    assert_eq!(told.at(2, &all), Vec::<String>::new(), "one in a minute");
    assert_eq!(told.at(61, &all), ["a many 50"]);
    assert_eq!(told.at(130, &all[1..]), ["a ended 1"]);
    let pager = To::Pagerduty { url: EVENTS_URL.to_owned(), routing_key: "k".to_owned() };
    let mut told = Told::to(vec![Receiver { to: pager, ..receiver("a") }]);
    assert_eq!(told.at(0, &all).len(), 100, "each opens an incident of its own");
}

#[test]
fn what_flickers_is_told_when_it_lasts() {
    let late = || told(Whose::Fleet, Kind::Late { calls: 7 });
    let mut told = Told::to(vec![receiver("a")]);
    assert_eq!((told.at(0, &[late()]), told.at(5, &[]), told.at(10, &[late()])), (vec![], vec![], vec![]));
    assert_eq!(told.at(60, &[late()]), ["a opened late"]);
    assert_eq!((told.at(61, &[]), told.at(100, &[late()]), told.at(101, &[])), (vec![], vec![], vec![]));
    assert_eq!(told.at(161, &[]), ["a ended late"]);
}

#[test]
fn an_alert_that_was_not_noted_comes_under_the_same_id() {
    let mut book = Book::default();
    book.note(&[failing(1, false)], NOW);
    let receivers = [receiver("a"), receiver("b")];
    let ids = |book: &mut Book, at: u64| -> Vec<Uuid> {
        book.alerts(&receivers, &[], NOW + Duration::from_secs(at)).iter().map(Alert::id).collect()
    };
    let first = ids(&mut book, 0);
    let stored = serde_json::to_string(&book.open).expect("JSON");
    book.open = serde_json::from_str(&stored).expect("what was stored");
    assert_eq!(ids(&mut book, 3), first);
    assert_ne!(first[0], first[1]);
    let alert = book.alerts(&receivers, &[], NOW).remove(0);
    book.note_sent(&alert, NOW);
    book.note(&[], NOW);
    let ended = book.alerts(&receivers[..1], &[], NOW).remove(0).id();
    assert!(!first.contains(&ended));
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
