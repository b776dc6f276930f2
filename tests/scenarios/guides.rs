//! The guides, as a reader follows them: each command of a page is run, in order and in one shell, and must print what
//! the page shows.

mod links;
mod page;

use std::path::Path;
use std::time::Duration;

use naptime_tests::host;
use naptime_tests::mongo;
use naptime_tests::naptime::binary;
use naptime_tests::port::free_port;
use naptime_tests::process::Process;
use naptime_tests::scratch::Scratch;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::tools;

use page::{Page, fits};

use super::web::SOON;

/// For a whole page: a dozen commands, and waiting for what they do.
const PAGE_TIME: Duration = Duration::from_secs(90);

/// What the pages write, and what it stands for here.
struct Stage {
    folder: Scratch,
    target: Target,
    port: u16,
    mongodb_uri: String,
}

impl Stage {
    async fn new(page: &Page) -> Self {
        // Built before any clock runs.
        binary();
        let needs_mongodb = page.blocks.iter().any(|block| block.commands.contains("mongodb://"));
        let mongodb_uri = if needs_mongodb { mongo::fresh_database().await.uri } else { String::new() };
        let target = Target::start().await;
        for path in ["/broken", "/cards"] {
            target.on(path, Answer::status(500).body("out of paper"));
        }
        target.on("/status", Answer::ok().body(r#"{"status": "ok"}"#));
        let folder = Scratch::new();
        // The program under test may have any name (`NAPTIME_BIN`); the pages call it `naptime`.
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(binary(), folder.path().join("bin/naptime")).unwrap();
        if page.commands().any(|line| line == HOST) {
            std::os::unix::fs::symlink(host::program(), folder.path().join("bin/host")).unwrap();
        }
        Self { folder, target, port: free_port(), mongodb_uri }
    }

    /// What a page says, with what is here in place of what stands for it.
    fn here(&self, text: &str) -> String {
        let target = self.target.url("");
        text.replace("https://example.com", &target)
            .replace("https/example.com", &target.replace("://", "/"))
            .replace("localhost:8080", &format!("127.0.0.1:{}", self.port))
            .replace("mongodb://db1,db2,db3/naptime?replicaSet=rs0", &self.mongodb_uri)
    }

    /// The page as a script. Servers run beside it until it ends; if it fails, their log is printed.
    fn script(&self, page: &Page) -> String {
        let mut script = "set -eu\nexec 2>&1\ncd \"$HOME\"\nservers=\n".to_owned();
        script +=
            "trap 'code=$?; kill $servers 2>/dev/null || true; wait; [ $code = 0 ] || cat \"$HOME/servers.log\"; ";
        script += "exit $code' EXIT\n";
        if !page.commands().any(|line| server(line).is_some()) {
            script += &start_server("naptime up", "/readyz");
        }
        for (n, block) in page.blocks.iter().enumerate() {
            script += &format!("echo '{}'\n", mark(n));
            for line in self.here(&block.commands).lines() {
                script += &match server(line) {
                    Some((program, ready)) => start_server(program, ready),
                    None => format!("{line}\n"),
                };
            }
        }
        script
    }

    /// Runs the page, and holds what it printed against what the page shows.
    async fn follow(&self, page: &Page) {
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.folder.path().join("bin").display().to_string();
        let env = [
            ("PATH", format!("{programs}:{path}")),
            ("HOME", self.folder.path().display().to_string()),
            ("PORT", self.port.to_string()),
            ("NAPTIME_SERVER", format!("http://127.0.0.1:{}", self.port)),
            // `web` and `worker` call public addresses only.
            ("NAPTIME_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value));
        let shell = Process::spawn(&page.name, Path::new("/bin/sh"), ["-c", &self.script(page)], &env);
        let status = shell.wait_exit(PAGE_TIME).await;
        assert!(status.success(), "{}: a command ended with {status}", page.name);
        let output = shell.output();
        for (n, block) in page.blocks.iter().enumerate() {
            let printed = output.split(&mark(n)).nth(1).unwrap().split(&mark(n + 1)).next().unwrap();
            for shown in &block.shows {
                let shown = self.here(shown);
                let found = printed.lines().any(|line| fits(line, &shown));
                assert!(found, "{}:{}: no line like\n  {shown}\nin\n{printed}", page.name, block.line);
            }
        }
    }
}

/// How a reader starts the app that Naptime is embedded in. It is built already.
const HOST: &str = "cargo run -p naptime-embed --example host";

/// The program that a command starts, if it stays running, and the path at which it says that it is ready.
fn server(line: &str) -> Option<(&str, &str)> {
    match line.trim() {
        HOST => Some(("host", "/naptime/readyz")),
        line @ ("naptime up" | "naptime web" | "naptime worker") => Some((line, "/readyz")),
        _ => None,
    }
}

/// A server, and a wait until it answers; the script fails at once if it has ended. A worker is not waited for, since nobody
/// can ask it.
fn start_server(program: &str, ready: &str) -> String {
    let ready = format!("until curl -fs -o /dev/null \"$NAPTIME_SERVER{ready}\"; do kill -0 $!; sleep 0.1; done");
    format!("{program} >>\"$HOME/servers.log\" 2>&1 &\nservers=\"$servers $!\"\n{ready}\n")
}

/// The line between the output of two blocks.
fn mark(n: usize) -> String {
    format!("--- block {n} ---")
}

/// Follows a page, and returns the calls that came of it.
async fn follow(name: &str) -> Vec<Call> {
    let page = Page::read(name);
    let stage = Stage::new(&page).await;
    stage.follow(&page).await;
    stage.target.all_calls()
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule() {
    let calls = follow("schedule").await;
    assert!(calls.iter().any(|call| call.path() == "/pay"));
}

#[tokio::test(flavor = "multi_thread")]
async fn retries() {
    let calls = follow("retries").await;
    // By hand, as a job, and perhaps as a job that is called again.
    assert!(calls.iter().filter(|call| call.path() == "/broken").count() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts() {
    let page = Page::read("alerts");
    let stage = Stage::new(&page).await;
    stage.follow(&page).await;
    let tells = |call: &Call, what: &str| {
        call.path() == "/alerts" && String::from_utf8_lossy(&call.body).contains(&format!("\"type\":\"{what}\""))
    };
    // The server has stopped, and it lets calls end before.
    let is_told = |calls: &[Call]| ["test", "problem.opened"].iter().all(|what| calls.iter().any(|it| tells(it, what)));
    stage.target.wait_for(SOON, "the receiver is told", is_told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secure() {
    let calls = follow("secure").await;
    let charge = calls.iter().find(|call| call.path() == "/charge").unwrap();
    assert!(charge.header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")), "{charge:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scale() {
    follow("scale").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events() {
    follow("events").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embed() {
    let page = Page::read("embed");
    let example = tools::workspace().join("crates/naptime-embed/examples/host.rs");
    let example = std::fs::read_to_string(example).unwrap();
    assert!(!page.code.is_empty());
    for code in &page.code {
        assert!(example.contains(code), "this is not in the example:\n{code}");
    }
    let stage = Stage::new(&page).await;
    stage.follow(&page).await;
}

#[test]
fn each_guide_is_followed() {
    let folder = std::fs::read_dir(tools::workspace().join("docs/guides")).unwrap();
    let mut names: Vec<String> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["alerts.md", "embed.md", "events.md", "retries.md", "scale.md", "schedule.md", "secure.md"]);
}
