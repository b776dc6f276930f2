//! Heroku-like platforms: the Procfile as it is, run by honcho, and app.json.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use naptime_store::Jobs;
use naptime_tests::guard::Watcher;
use naptime_tests::mongo::{self, Database};
use naptime_tests::naptime::{Naptime, binary};
use naptime_tests::port::free_port;
use naptime_tests::process::Process;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Call, Target};
use naptime_tests::{eventually, http, tools};
use serde_json::{Value, json};

use super::ground::{by_occurrence, occurrences, open};

const SECOND: Duration = Duration::from_secs(1);
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);
const ENDPOINTS: usize = 100;
/// Honcho, which kills after as long as Heroku does. By itself it waits for 5 s.
const PATIENT_HONCHO: &str = "import honcho.manager as m, honcho.command as c; m.KILL_WAIT = 30; c.main()";
const TOKEN: &str = "a-token-for-the-api-of-24";

/// The ids of the processes that have this database in their environment: all that honcho has started, and itself.
fn processes_on(database: &Database) -> Vec<u32> {
    let uri = database.uri.as_bytes();
    let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| {
        // A process that has just ended has none.
        let env = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        env.windows(uri.len()).any(|part| part == uri)
    })
    .collect()
}

/// What the Procfile names, started by honcho in a folder of its own.
struct Platform {
    honcho: Process,
    base: String,
    /// Honcho's processes have sessions of their own: they would outlive a honcho that is killed.
    watcher: Option<Watcher>,
    _folder: Scratch,
}

impl Platform {
    async fn start(database: &Database) -> Self {
        let folder = Scratch::new();
        let built = folder.path().join("target/release");
        fs::create_dir_all(&built).unwrap();
        fs::copy(tools::workspace().join("Procfile"), folder.path().join("Procfile")).unwrap();
        symlink(fs::canonicalize(binary()).unwrap(), built.join("naptime")).unwrap();
        let port = free_port();
        let env = [
            ("MONGODB_URI", database.uri.clone()),
            ("NAPTIME_PASSWORD", "a long password".to_owned()),
            ("NAPTIME_API_TOKEN", TOKEN.to_owned()),
            ("NAPTIME_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            // The web gets this one, each other process one of its own.
            ("PORT", port.to_string()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value));
        let script = "cd \"$1\" && PYTHONPATH=\"$2\" exec python3 -c \"$3\" start -c web=1,worker=2";
        let lib = tools::honcho().parent().unwrap().join("../lib").display().to_string();
        let args = ["-c", script, "sh", &folder.path().display().to_string(), &lib, PATIENT_HONCHO];
        let honcho = Process::spawn("honcho start", Path::new("/bin/sh"), args, &env);
        eventually(SOON, "all processes are started", async || {
            let lines = honcho.lines();
            (lines.iter().filter(|line| line.text.contains(" started (pid=")).count() == 3).then_some(())
        })
        .await;
        let ids = processes_on(database).iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let watcher = Watcher::start("kill -s KILL $1", ids).ok();
        let platform = Self { honcho, base: format!("http://127.0.0.1:{port}"), watcher, _folder: folder };
        let ready = format!("{}/readyz", platform.base);
        eventually(SOON, "the web is ready", async || {
            http::client().get(&ready).send().await.ok()?.error_for_status().ok()
        })
        .await;
        platform
    }

    /// Sends a request to the API and returns what it answered.
    async fn send(&self, client: &reqwest::Client, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let request = client.request(method, format!("{}{path}", self.base)).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take().filter(|_| std::thread::panicking()) {
            watcher.act();
        }
    }
}

/// The longest time that each path went without a call.
fn gaps(calls: &[Call]) -> HashMap<&str, Duration> {
    let mut starts: HashMap<&str, Vec<Instant>> = HashMap::new();
    for call in calls {
        starts.entry(call.path()).or_default().push(call.start);
    }
    let longest = |starts: Vec<Instant>| starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX);
    starts.into_iter().map(|(path, starts)| (path, longest(starts))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn honcho_runs_a_web_and_two_workers_that_call_a_hundred_endpoints_every_second() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let client = http::client();
    let platform = Platform::start(&database).await;
    let mut ids = Vec::new();
    for n in 0..ENDPOINTS {
        let new = json!({"url": target.url(&format!("/{n}")), "every": "1s"});
        let added = platform.send(&client, reqwest::Method::POST, "/api/endpoints", &new).await;
        assert_eq!(added["active"], json!(false));
        ids.push(added["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(target.count(), 0, "nothing is called until it is switched on");
    for id in &ids {
        let path = format!("/api/endpoints/{id}");
        platform.send(&client, reqwest::Method::PATCH, &path, &json!({"active": true})).await;
    }
    let store = open(&database).await;
    let mut first = Vec::new();
    for id in &ids {
        first.push(store.get(id.parse().unwrap()).await.unwrap());
    }
    eventually(SOON, "two workers and the web's own live", async || {
        let workers = platform.send(&client, reqwest::Method::GET, "/api/workers", &json!({})).await;
        let alive = workers["items"].as_array().unwrap().iter().filter(|worker| worker["alive"] == json!(true));
        (alive.count() == 3).then_some(())
    })
    .await;

    target.forget();
    let counted = Instant::now();
    let least = 15 * SECOND;
    target
        .wait_for(3 * SOON, "15 s of calls", |calls| calls.last().is_some_and(|call| call.start > counted + least))
        .await;
    let calls = target.all_calls();
    let gaps = gaps(&calls);
    assert_eq!(gaps.len(), ENDPOINTS, "each is called");
    let worst = gaps.iter().max_by_key(|(_, gap)| **gap).unwrap();
    assert!(*worst.1 <= 15 * SECOND, "{} was not called for {:?}", worst.0, worst.1);
    assert!(calls.len() >= ENDPOINTS * 4, "{} calls in 15 s", calls.len());

    platform.honcho.sigterm();
    let asked = Instant::now();
    platform.honcho.wait_exit(SOON).await;
    assert!(asked.elapsed() < SOON);
    let output = platform.honcho.output();
    for name in ["web.1", "worker.1", "worker.2"] {
        assert!(output.contains(&format!("{name} stopped (rc=0)")), "{name} did not end by itself");
    }
    assert_eq!(processes_on(&database), Vec::<u32>::new(), "something is left running");

    let calls = target.all_calls();
    assert!(calls.iter().all(|call| call.answered), "a call was cut");
    for (occurrence, calls) in by_occurrence(&calls) {
        assert_eq!(calls.len(), 1, "{occurrence} was called more than once");
    }
    for first in &first {
        let now = store.get(first.id).await.unwrap();
        assert_eq!(now.state.lock(), None);
        let counters = now.state.counters;
        // Between the switch and the first look at it, some may have been called already.
        let before = first.state.counters;
        let since = (counters.settled + counters.missed) - (before.settled + before.missed);
        assert_eq!(since, occurrences(first, &now), "{counters:?}");
    }
}

/// The names of the processes in the Procfile.
fn processes() -> BTreeSet<String> {
    let text = fs::read_to_string(tools::workspace().join("Procfile")).unwrap();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
}

#[tokio::test]
async fn app_json_and_procfile_and_program_fit_together() {
    let text = fs::read_to_string(tools::workspace().join("app.json")).unwrap();
    let app: Value = serde_json::from_str(&text).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let review = &app["environments"]["review"];
    for formation in [&app["formation"], &review["formation"]] {
        assert_eq!(keys(formation), processes());
        for process in formation.as_object().unwrap().values() {
            // Eco dynos sleep when nobody looks at the page.
            assert!(process["size"].as_str().is_some_and(|size| size != "eco"), "{process}");
        }
    }
    for process in app["formation"].as_object().unwrap().values() {
        assert!(process["quantity"].as_u64().is_some_and(|quantity| quantity >= 1), "{process}");
    }
    // The worker inside the page makes the calls of a review app, in a database of its own.
    assert_eq!(review["formation"]["web"]["quantity"], json!(1));
    assert_ne!(review["env"]["NAPTIME_ENV"], app["env"]["NAPTIME_ENV"]);
    assert!(app["stack"].is_string());
    assert!(app["description"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(app["env"]["NAPTIME_PASSWORD"]["generator"], json!("secret"));
    let buildpack = app["buildpacks"][0]["url"].as_str().unwrap();
    assert!(buildpack.contains("rust"), "{buildpack}");
    let config = fs::read_to_string(tools::workspace().join("RustConfig")).unwrap();
    let flags = config.lines().find_map(|line| line.strip_prefix("RUST_CARGO_BUILD_FLAGS="));
    let flags: Vec<&str> = flags.unwrap().trim_matches('"').split(' ').collect();
    // The Procfile has the program of this profile.
    assert!(flags.contains(&"--release") && flags.ends_with(&["--package", "naptime"]), "{flags:?}");

    let mut known = String::new();
    for process in processes() {
        let help = Naptime::command(&File::fresh(), &process).arg("--help").launch();
        assert!(help.wait_exit(SOON).await.success(), "the program has no `{process}`");
        known += &help.stdout();
    }
    for (variable, setting) in app["env"].as_object().unwrap() {
        assert!(known.contains(&format!("[env: {variable}")), "{variable} is no setting");
        assert!(setting["description"].as_str().is_some_and(|text| !text.is_empty()), "{variable}");
    }
}
