//! Look-ups against a real name server.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::future::join_all;

use super::*;

#[path = "../../../../../tests/harness/dns.rs"]
#[allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "the harness of the scenarios")]
mod dns;

use dns::{NameServer, Reply};

const SOON: Duration = Duration::from_secs(20);
const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// A time that is over as soon as it has begun.
const SHORT: Duration = Duration::from_millis(100);
/// Times in which nothing changes that a test does not ask for.
const QUICK: Times = Times {
    limits: Limits { lookup: Duration::from_secs(2), question: Duration::from_secs(1) },
    negative: SHORT,
    stale: SOON,
    patience: SHORT,
    reread: Duration::ZERO,
};
/// Limits that a stall of this machine does not use up.
const PATIENT: Limits = Limits { lookup: Duration::from_secs(60), question: Duration::from_secs(30) };

struct Place {
    server: NameServer,
    folder: tempfile::TempDir,
    resolver: Resolver,
}

/// A name server, and a resolver that asks it; `conf` follows in its `resolv.conf`.
fn place(times: Times, conf: &str, hosts: &str) -> Place {
    let server = NameServer::start((ONE, 0).into());
    let folder = tempfile::tempdir().unwrap();
    let files = Files {
        resolv_conf: folder.path().join("resolv.conf"),
        hosts: folder.path().join("hosts"),
        port: server.address().port(),
    };
    fs::write(&files.resolv_conf, format!("nameserver 127.0.0.1\n{conf}\n")).unwrap();
    fs::write(&files.hosts, hosts).unwrap();
    let resolver = Resolver::with(Arc::new("127.0.0.0/8".parse().unwrap()), files, times);
    Place { server, folder, resolver }
}

impl Place {
    /// The addresses of a host, or the error's text.
    async fn find(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        self.resolver.addresses(host).await.map_err(|error| error.to_string())
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, host: &str, wanted: Result<Vec<IpAddr>, String>) {
        let end = Instant::now() + SOON;
        while self.find(host).await != wanted {
            assert!(Instant::now() < end, "{host} never was {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn found(ip: Ipv4Addr) -> Result<Vec<IpAddr>, String> {
    Ok(vec![ip.into()])
}

fn none(text: &str) -> Result<Vec<IpAddr>, String> {
    Err(text.to_owned())
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_and_no_longer() {
    let place = place(QUICK, "", "");
    place.server.on("long.test", Reply::Address(ONE, 300));
    place.server.on("short.test", Reply::Address(ONE, 1));
    place.server.on("zero.test", Reply::Address(ONE, 0));
    for host in ["long.test", "short.test", "zero.test"] {
        assert_eq!(place.find(host).await, found(ONE), "{host}");
        place.server.on(host, Reply::Address(TWO, 300));
    }
    place.until("zero.test", found(TWO)).await;
    place.until("short.test", found(TWO)).await;
    assert_eq!(place.find("long.test").await, found(ONE));
    assert_eq!(place.server.asked("long.test"), 1);
}

#[tokio::test]
async fn names_that_hang_cost_themselves_only() {
    let limits = Limits { lookup: Duration::from_secs(8), question: Duration::from_secs(4) };
    let place = place(Times { limits, ..TIMES }, "", "");
    place.server.on("*.hang.test", Reply::Silence);
    let hanging: Vec<String> = (0..500).map(|n| format!("{}.hang.test", n % 250)).collect();
    let hanging = async { (join_all(hanging.iter().map(|host| place.find(host))).await, Instant::now()) };
    let healthy = async {
        for n in 0..100 {
            let host = format!("{n}.well.test");
            place.server.on(&host, Reply::Address(ONE, 300));
            assert_eq!(place.find(&host).await, found(ONE), "{host}");
        }
        Instant::now()
    };
    let ((hanging, hung_until), answered_by) = tokio::join!(hanging, healthy);
    for (n, end) in hanging.into_iter().enumerate() {
        assert_eq!(end, none(&format!("{}.hang.test: the name server did not answer", n % 250)));
    }
    assert!(answered_by < hung_until);
}

#[tokio::test]
async fn all_who_wait_for_a_name_share_one_lookup_and_it_ends_with_them() {
    let place = place(Times { limits: PATIENT, ..TIMES }, "options timeout:30", "");
    place.server.on("held.test", Reply::Silence);
    let all = join_all((0..50).map(|_| place.find("held.test")));
    assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err(), "answered");
    assert_eq!(place.server.asked("held.test"), 1);
    place.server.on("held.test", Reply::Address(ONE, 300));
    assert_eq!(place.find("held.test").await, found(ONE));
    assert_eq!(place.server.asked("held.test"), 2, "a new one");
}

#[tokio::test]
async fn that_there_is_none_is_kept_briefly() {
    let place = place(Times { negative: Duration::from_secs(1), ..QUICK }, "", "");
    let cases = [
        ("no.test", Reply::NoName, "no.test: there is no such name"),
        ("fails.test", Reply::Failure, "fails.test: the name server could not say: Server Failure"),
        ("hangs.test", Reply::Silence, "hangs.test: the name server did not answer"),
    ];
    for (host, reply, text) in cases {
        place.server.on(host, reply);
        assert_eq!(place.find(host).await, none(text));
        let asked = place.server.asked(host);
        assert_eq!(place.find(host).await, none(text));
        assert_eq!(place.server.asked(host), asked, "{host} was asked for again");
        place.server.on(host, Reply::Address(ONE, 300));
        place.until(host, found(ONE)).await;
    }
}

#[tokio::test]
async fn an_old_answer_serves_while_nobody_can_say() {
    let place = place(Times { limits: PATIENT, ..QUICK }, "options timeout:30", "");
    for (host, reply) in [("hangs.test", Reply::Silence), ("fails.test", Reply::Failure)] {
        place.server.on(host, Reply::Address(ONE, 0));
        assert_eq!(place.find(host).await, found(ONE));
        place.server.on(host, reply);
        let asked = Instant::now();
        assert_eq!(place.find(host).await, found(ONE), "{host}");
        assert_eq!(place.find(host).await, found(ONE), "{host}, again");
        assert!(asked.elapsed() < PATIENT.question, "it took {:?}", asked.elapsed());
        // That there is none is an answer, as is another address.
        place.server.on(host, Reply::NoName);
        place.until(host, none(&format!("{host}: there is no such name"))).await;
        place.server.on(host, Reply::Address(TWO, 300));
        place.until(host, found(TWO)).await;
    }
}

#[tokio::test]
async fn an_old_answer_does_not_serve_for_ever() {
    let place = place(Times { stale: SHORT, ..QUICK }, "", "");
    place.server.on("fails.test", Reply::Address(ONE, 0));
    assert_eq!(place.find("fails.test").await, found(ONE));
    place.server.on("fails.test", Reply::Failure);
    place.until("fails.test", none("fails.test: the name server could not say: Server Failure")).await;
}

#[tokio::test]
async fn what_may_not_be_called_is_left_out_of_every_answer() {
    let place = place(QUICK, "", "10.0.0.1 listed\n10.0.0.1 both\n127.0.0.2 both\n");
    place.server.on("inside.test", Reply::Address(Ipv4Addr::new(10, 0, 0, 1), 300));
    for _ in 0..2 {
        for host in ["inside.test", "listed", "10.0.0.1", "[fd00::1]", "::ffff:10.0.0.1"] {
            let shown = host.trim_matches(['[', ']']);
            let blocked = format!("{shown} is in a network that may not be called");
            assert_eq!(place.find(host).await, Err(blocked));
        }
        assert_eq!(place.find("both").await, found(TWO));
    }
    assert_eq!(place.server.asked("inside.test"), 1, "kept, and checked again");
}

#[tokio::test]
async fn names_are_read_as_the_system_reads_them() {
    let place = place(QUICK, "search corp.test lab.test\noptions ndots:1", "127.0.0.2 Listed listed.alias # comment\n");
    place.server.on("short.lab.test", Reply::Address(ONE, 300));
    place.server.on("dots.far.test", Reply::Address(ONE, 300));
    place.server.on("dots.only.corp.test", Reply::Address(TWO, 300));
    place.server.on("dots.far.test.corp.test", Reply::Address(TWO, 300));
    place.server.on("under_score.test", Reply::Address(ONE, 300));
    place.server.on("hangs.test", Reply::Silence);
    place.server.on("hangs.test.corp.test", Reply::Address(TWO, 300));
    place.server.on("listed.corp.test", Reply::Address(ONE, 300));
    let cases = [
        ("listed", found(TWO)),
        ("listed.", found(TWO)),
        ("listed.alias", found(TWO)),
        ("localhost", found(ONE)),
        ("localhost.", found(ONE)),
        ("app.localhost", found(ONE)),
        ("short", found(ONE)),
        ("short.", none("short.: there is no such name")),
        ("dots.far.test", found(ONE)),
        ("dots.far.test.", found(ONE)),
        ("dots.only", found(TWO)),
        ("under_score.test", found(ONE)),
        ("nowhere", none("nowhere: there is no such name")),
        ("a..b", none("a..b: there is no such name")),
    ];
    for (host, expect) in cases {
        assert_eq!(place.find(host).await, expect, "{host}");
    }
    // Somebody else's name must not stand in for one that nobody answers for.
    assert!(place.find("hangs.test").await.is_err());
    let long = format!("{}.test", "x".repeat(64));
    assert_eq!(place.find(&long).await, Err(format!("{long}: there is no such name")));
}

#[tokio::test]
async fn the_next_server_is_asked_if_one_does_not_answer() {
    let place = place(QUICK, "", "");
    place.server.on("a.test", Reply::Address(ONE, 300));
    // Nobody listens on 127.0.0.9.
    let conf = "nameserver 127.0.0.9\nnameserver 127.0.0.1\n";
    fs::write(place.folder.path().join("resolv.conf"), conf).unwrap();
    let slow = Times { limits: Limits { lookup: SOON, question: SHORT }, ..QUICK };
    let resolver = Resolver::with(place.resolver.networks.clone(), place.resolver.names.files.clone(), slow);
    assert_eq!(resolver.addresses("a.test").await.unwrap(), [IpAddr::from(ONE)]);
}

#[tokio::test]
async fn a_change_of_the_configuration_is_followed() {
    let place = place(QUICK, "", "");
    place.server.on("a.test", Reply::Address(ONE, 300));
    assert_eq!(place.find("a.test").await, found(ONE));
    fs::write(place.folder.path().join("hosts"), "127.0.0.2 a.test").unwrap();
    place.until("a.test", found(TWO)).await;
    fs::remove_file(place.folder.path().join("hosts")).unwrap();
    place.until("a.test", found(ONE)).await;
    let file = place.folder.path().join("resolv.conf");
    fs::write(&file, "# nothing\n").unwrap();
    let unusable = format!("a.test: {} cannot be used: io error: no nameservers found in config", file.display());
    place.until("a.test", Err(unusable)).await;
    fs::remove_file(&file).unwrap();
    let unread = format!("a.test: {} cannot be read: No such file or directory (os error 2)", file.display());
    place.until("a.test", Err(unread)).await;
    assert_eq!(place.find("localhost").await, found(ONE));
    fs::write(&file, "nameserver 127.0.0.1\n").unwrap();
    place.until("a.test", found(ONE)).await;
}

#[tokio::test]
async fn no_more_names_are_kept_than_there_is_room_for() {
    let place = place(TIMES, "", "");
    place.server.on("kept.test", Reply::Address(ONE, 300));
    for n in 0..MAX_NAMES + 10 {
        // Known to be none without a question.
        let _ = place.find(&format!("{n}..test")).await;
        if n % 1000 == 0 {
            assert_eq!(place.find("kept.test").await, found(ONE));
        }
    }
    assert_eq!(place.find("kept.test").await, found(ONE));
    assert_eq!(place.server.asked("kept.test"), 1);
    assert!(place.resolver.names.lock().entries.len() <= MAX_NAMES);
}
