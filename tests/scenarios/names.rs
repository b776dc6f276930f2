//! Names of hosts, with a name server of the test's in the program's own `/etc/resolv.conf`.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};

use naptime_tests::dns::{NameServer, Reply};
use naptime_tests::naptime::Start;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use naptime_tests::{Naptime, eventually};
use serde_json::{Value, json};

use super::web::{SOON, Web};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

static NEXT: AtomicU8 = AtomicU8::new(64);

/// The configuration of a machine whose name server is the test's.
struct Machine {
    server: NameServer,
    folder: Scratch,
}

impl Machine {
    fn new() -> Self {
        // An address for each test of each process: the port of name servers is always the same.
        let [.., a, b] = std::process::id().to_be_bytes();
        let ip = Ipv4Addr::new(127, NEXT.fetch_add(1, Ordering::Relaxed), a, b);
        let machine = Self { server: NameServer::start((ip, 53).into()), folder: Scratch::new() };
        machine.configure(&format!("nameserver {ip}\n"));
        machine
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.folder.path().join("resolv.conf"), text).unwrap();
    }

    /// Starts it with this `/etc/resolv.conf` in place of the real one, in a mount namespace of its own.
    fn run(&self, start: Start) -> Start {
        let mount = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        let file = self.folder.path().join("resolv.conf").display().to_string();
        start.under(&["unshare", "--mount", "sh", "-c", mount, file.as_str()])
    }
}

/// The outcomes of an endpoint's runs so far, with their messages.
async fn ends(web: &Web, endpoint: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let runs = web.items(&format!("{endpoint}/runs?limit=500")).await;
    // On a busy machine some may not be called.
    let called = runs.iter().filter(|run| run["skipped"].is_null());
    called.map(|run| (text(&run["outcome"]), text(&run["message"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_hang_cost_their_own_endpoints_only() {
    let machine = Machine::new();
    machine.server.on("*.hang.test", Reply::Silence);
    machine.server.on("*.well.test", Reply::Address(HERE, 1));
    let target = Target::start().await;
    let url = |host: String| target.url("/").replace("127.0.0.1", &host);
    let file = File::fresh();
    let web = Web::start(machine.run(Naptime::up(&file))).await;
    let mut hanging = Vec::new();
    for n in 0..40 {
        let endpoint = json!({"url": url(format!("{n}.hang.test")), "every": "1s", "active": true});
        hanging.push(web.add(endpoint).await.0);
    }
    // All are being looked up.
    eventually(SOON, "the hanging names are asked for", async || {
        (0..40).all(|n| machine.server.asked(&format!("{n}.hang.test")) > 0).then_some(())
    })
    .await;
    let mut healthy = Vec::new();
    for n in 0..10 {
        let url = url(format!("{n}.well.test"));
        healthy.push(web.add(json!({"url": url, "every": "1s", "timeout": "30s", "active": true})).await.0);
    }
    // Well before a call's timeout, and with a reason.
    let reason = |host: usize| format!("{host}.hang.test: the name server did not answer");
    for (n, endpoint) in hanging.iter().enumerate() {
        let runs = web.runs(endpoint, 1).await;
        assert_eq!((&runs[0]["outcome"], &runs[0]["message"]), (&json!("dns_not_found"), &json!(reason(n))));
    }
    let called = |host: usize, calls: &[naptime_tests::Call]| {
        let host = format!("{host}.well.test:");
        calls.iter().filter(|call| call.header("host").is_some_and(|it| it.starts_with(&host))).count()
    };
    target.wait_for(2 * SOON, "15 calls of each", |calls| (0..10).all(|n| called(n, calls) >= 15)).await;
    for endpoint in &healthy {
        let ends = ends(&web, endpoint).await;
        assert!(ends.iter().all(|(outcome, _)| outcome == "ok"), "{ends:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_name_server_is_followed_and_a_machine_without_one_starts() {
    let machine = Machine::new();
    machine.server.on("here.test", Reply::Address(HERE, 300));
    let conf = format!("nameserver {}\n", machine.server.address().ip());
    machine.configure("# none\n");
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(machine.run(Naptime::up(&file))).await;
    let url = target.url("/").replace("127.0.0.1", "here.test");
    let (endpoint, _) = web.add(json!({"url": url, "every": "1s", "active": true})).await;
    let none = "here.test: /etc/resolv.conf cannot be used: io error: no nameservers found in config";
    let runs = web.runs(&endpoint, 1).await;
    assert_eq!((&runs[0]["outcome"], &runs[0]["message"]), (&json!("dns_not_found"), &json!(none)));
    machine.configure(&conf);
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
}
