//! What somebody sees who has just built Naptime and starts it in an empty folder.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use naptime_core::Time;
use naptime_tests::naptime::binary;
use naptime_tests::port::free_port;
use naptime_tests::process::Process;
use naptime_tests::scratch::Scratch;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{eventually, http};
use serde_json::{Value, json};

/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);

/// An empty folder, and a port in place of 8080, which may be taken here. Nothing else is set.
struct Newcomer {
    folder: Scratch,
    port: u16,
}

impl Newcomer {
    fn new() -> Self {
        // Built before any clock runs.
        binary();
        Self { folder: Scratch::new(), port: free_port() }
    }

    /// `naptime <words>`, typed in the folder.
    fn types(&self, words: &str) -> Process {
        self.types_with_port(words, self.port)
    }

    fn types_with_port(&self, words: &str, port: u16) -> Process {
        self.runs(&format!("exec \"$NAPTIME\" {words}"), port)
    }

    /// A line of shell, run in the folder.
    fn runs(&self, line: &str, port: u16) -> Process {
        let folder = self.folder.path().display().to_string();
        let server = format!("http://127.0.0.1:{}", self.port);
        let env = [("PORT", port.to_string()), ("NAPTIME", binary().display().to_string()), ("NAPTIME_SERVER", server)];
        let env = env.map(|(name, value)| (name.to_owned(), value));
        let script = format!("cd \"$1\" && {line}");
        Process::spawn(line, Path::new("/bin/sh"), ["-c", &script, "sh", &folder], &env)
    }

    async fn page(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        http::client().get(url).send().await.ok()?.error_for_status().ok()?.text().await.ok()
    }

    async fn api(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&self.page(path).await?).ok()
    }

    /// The runs of the only endpoint, newest first, and its id; waits for `count` of them.
    async fn runs_of_the_sample(&self, count: usize, within: Duration) -> (String, Vec<Value>) {
        eventually(within, "runs of the sample in the API", async || {
            let endpoints = self.api("/api/endpoints").await?;
            let endpoints = endpoints["items"].as_array()?;
            assert!(endpoints.len() <= 1, "more than the sample: {endpoints:?}");
            let id = endpoints.first()?["id"].as_str()?.to_owned();
            let mut runs = self.api(&format!("/api/endpoints/{id}/runs")).await?["items"].as_array()?.clone();
            // Where the machine stands still, some may not be called.
            runs.retain(|run| run["skipped"].is_null());
            (runs.len() >= count).then_some((id, runs))
        })
        .await
    }

    /// The names in the folder.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("naptime.db")
    }
}

/// Whether the line is one JSON object, as log collectors want it.
fn is_json(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_called_at_once_and_seen() {
    let newcomer = Newcomer::new();
    let up = newcomer.types("up --demo");
    let (id, runs) = newcomer.runs_of_the_sample(1, SOON).await;
    let endpoint = newcomer.api(&format!("/api/endpoints/{id}")).await.unwrap();
    let [created, due] =
        [&endpoint["created_at"], &runs.last().unwrap()["due"]].map(|at| at.as_str().unwrap().parse::<Time>().unwrap());
    assert!(due.since(created) <= Duration::from_secs(5), "added at {created}, due at {due}");
    assert_eq!((&runs[0]["outcome"], &runs[0]["status"]), (&json!("ok"), &json!(200)));
    let page = newcomer.page(&format!("/endpoints/{id}")).await.unwrap();
    assert!(page.contains(">ok 200<") && page.contains("every 5s"), "{page}");
    assert!(newcomer.page("/endpoints").await.unwrap().contains(">ok 200<"));
    up.sigterm();
    assert_eq!(up.wait_exit(SOON).await.code(), Some(0));
    let others: Vec<String> = newcomer.files().into_iter().filter(|name| !name.starts_with("naptime.db")).collect();
    assert_eq!(others, Vec::<String>::new(), "files beside the database");
    assert!(newcomer.database().is_file());
    let lines = up.lines();
    assert!(lines.len() >= 3, "{}", up.output());
    for line in lines {
        assert!(!line.is_error && is_json(&line.text), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_the_same_sample() {
    let newcomer = Newcomer::new();
    let up = newcomer.types("up --demo");
    let (id, runs) = newcomer.runs_of_the_sample(1, SOON).await;
    up.signal("INT");
    assert_eq!(up.wait_exit(SOON).await.code(), Some(0));

    let up = newcomer.types("up --demo");
    let (same, _) = newcomer.runs_of_the_sample(runs.len() + 1, SOON).await;
    assert_eq!(same, id);
    up.sigterm();
    assert_eq!(up.wait_exit(SOON).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_on_the_same_file_is_told_so() {
    let newcomer = Newcomer::new();
    let up = newcomer.types("up");
    up.wait_line(SOON, "the page is up", |line| line.contains("the page is at")).await;
    eventually(SOON, "it answers", async || newcomer.page("/readyz").await).await;
    let second = newcomer.types_with_port("up", free_port());
    assert_eq!(second.wait_exit(SOON).await.code(), Some(69), "{}", second.output());
    let file = newcomer.database().canonicalize().unwrap();
    let file = file.to_str().unwrap();
    let told: Vec<_> = second.lines().into_iter().filter(|line| line.is_error).collect();
    let [line] = &told[..] else { panic!("not one line: {told:?}") };
    assert!(line.text.contains(file) && line.text.contains("another process"), "{line:?}");
    assert_eq!(up.exited(), None, "the first goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_and_nothing_is_created() {
    let newcomer = Newcomer::new();
    let _taken = TcpListener::bind(("127.0.0.1", newcomer.port)).unwrap();
    let up = newcomer.types("up --demo");
    let code = up.wait_exit(SOON).await.code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    let told: Vec<_> = up.lines().into_iter().filter(|line| line.is_error).collect();
    let [line] = &told[..] else { panic!("not one line: {told:?}") };
    let address = format!("127.0.0.1:{}", newcomer.port);
    assert!(line.text.contains(&address) && line.text.contains("PORT"), "{line:?}");
    assert_eq!(newcomer.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_people_can_read_it_and_ctrl_c_ends_it() {
    let newcomer = Newcomer::new();
    let keys = newcomer.folder.path().join("keys");
    assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
    // Open for reading as well, so that opening does not wait for the other side.
    let mut keyboard = fs::File::options().read(true).write(true).open(&keys).unwrap();
    // `script` (of bsdutils, which every Debian has) gives it a terminal of its own and ends as it does.
    let script = "exec script --quiet --return --command 'exec \"$NAPTIME\" up --demo' /dev/null <keys";
    let up = newcomer.runs(script, newcomer.port);
    let url = format!("http://127.0.0.1:{}", newcomer.port);
    let line = up.wait_line(SOON, "where the page is", |line| line.contains(&url)).await;
    assert!(line.contains("the page is at") && line.contains("INFO"), "{line}");
    newcomer.runs_of_the_sample(1, SOON).await;
    assert!(up.lines().iter().all(|line| !is_json(&line.text)), "{}", up.output());

    keyboard.write_all(b"\x03").unwrap();
    assert_eq!(up.wait_exit(SOON).await.code(), Some(0), "{}", up.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_does_not_wait_for_calls() {
    let newcomer = Newcomer::new();
    let target = Target::start().await;
    target.on("/", Answer::never());
    let up = newcomer.types("up");
    eventually(SOON, "it answers", async || newcomer.page("/readyz").await).await;
    let added = newcomer.types(&format!("add {} --every 1s --activate", target.url("/")));
    assert_eq!(added.wait_exit(SOON).await.code(), Some(0), "{}", added.output());
    target.wait_for(SOON, "a call", |calls| calls.len() == 1).await;
    up.signal("INT");
    up.wait_line(SOON, "it stops", |line| line.contains(" stops")).await;
    let asked = Instant::now();
    up.signal("INT");
    assert_eq!(up.wait_exit(SOON).await.code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
}
