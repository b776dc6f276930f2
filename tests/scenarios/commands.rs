//! The commands that stay running: help, and what is said when a setting or the database is wrong.

use std::fs;
use std::path::Path;
use std::time::Duration;

use naptime_tests::http;
use naptime_tests::mongo::{self, Alone};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::port::free_port;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;

/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);
/// What stays running.
const STAYING: [&str; 3] = ["up", "web", "worker"];
/// Some of what asks a server.
const ASKING: [&str; 3] = ["add", "list", "status"];
/// The settings or arguments are wrong.
const USAGE: Option<i32> = Some(64);
/// The store cannot be opened.
const UNAVAILABLE: Option<i32> = Some(69);

/// A command that has ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    output: String,
}

async fn run(start: Start) -> Ended {
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    Ended { code, stdout: process.stdout(), output: process.output() }
}

/// The files of an embedded store.
fn files(file: &File) -> usize {
    fs::read_dir(file.path().parent().unwrap()).unwrap().count()
}

/// Wrong settings, each to be named.
const WRONG: &[(&str, &str)] = &[
    ("NAPTIME_RETENTION", "for ever"),
    ("NAPTIME_ALLOW_NETWORKS", "10.0.0.0/33"),
    ("NAPTIME_MIN_PERIOD", "1us"),
    ("PORT", "65536"),
    ("HOST", "somewhere"),
    ("WEB_MAX_THREADS", "0"),
    ("WORKER_SLEEP_TIME", "NaN"),
    ("NAPTIME_METRICS", "9464"),
    ("WORKER_MAX_CAPACITY", "-1"),
    ("WEB_WORKER_MAX_CAPACITY", "1e99"),
    ("MONGODB_URI", "postgres://u:hidden@localhost/x"),
    ("AMQP_URL", "http://u:hidden@localhost/x"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hidden@localhost:4318"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
];

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_settings_are_named_at_once_and_nothing_is_created() {
    for (name, unread) in [
        ("up", &["WEB_WORKER_MAX_CAPACITY"][..]),
        ("web", &["WORKER_MAX_CAPACITY"]),
        ("worker", &["PORT", "HOST", "WEB_MAX_THREADS", "WEB_WORKER_MAX_CAPACITY"]),
    ] {
        let file = File::fresh();
        let start = WRONG.iter().fold(Naptime::command(&file, name), |start, (name, value)| start.env(name, *value));
        let ended = run(start).await;
        assert_eq!(ended.code, USAGE, "{name}: {}", ended.output);
        for (setting, _) in WRONG {
            let named = ended.output.matches(&format!("\n  {setting}: ")).count();
            let expected = usize::from(!unread.contains(setting));
            assert_eq!(named, expected, "{name}, {setting}: {}", ended.output);
        }
        assert!(!ended.output.contains("hidden"), "{}", ended.output);
        assert_eq!(ended.stdout, "", "{name}");
        assert_eq!(files(&file), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_calls_are_shown_without_a_server() {
    let file = File::fresh();
    let next = async |args: &[&str]| {
        let ended = run(Naptime::command(&file, "next").args(args).env("TZ", "America/New_York")).await;
        (ended.code, ended.output)
    };
    let berlin = ["--cron", "0 9 * * MON", "--tz", "Europe/Berlin", "--after", "2026-12-01 00:00", "-n", "1"];
    let (code, shown) = next(&berlin).await;
    assert_eq!(code, Some(0), "{shown}");
    for words in ["cron 0 9 * * MON (Europe/Berlin)", "Mon 2026-12-07 09:00:00 CET", "Mon 2026-12-07 03:00:00 EST"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let (code, shown) = next(&["--every", "5M"]).await;
    assert_eq!(code, USAGE, "{shown}");
    assert!(shown.contains("  --every: `5M` could be minutes or months"), "{shown}");
    let (_, shown) = next(&["--window", "9-17"]).await;
    assert!(shown.contains("say `--every`"), "in the words of the command line: {shown}");
    assert_eq!(files(&file), 0, "no database is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn separate_processes_without_a_mongodb_are_told_what_to_set() {
    for name in ["web", "worker"] {
        let file = File::fresh();
        let ended = run(Naptime::command(&file, name).env("NAPTIME_PASSWORD", "something-long")).await;
        assert_eq!(ended.code, USAGE, "{name}: {}", ended.output);
        assert!(ended.output.contains("\n  MONGODB_URI: "), "{name}: {}", ended.output);
        assert!(ended.output.contains("`naptime up`"), "{name}: {}", ended.output);
        assert_eq!(files(&file), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_others_can_reach_wants_a_password() {
    let file = File::fresh();
    for host in ["0.0.0.0", "::", "10.1.2.3"] {
        let ended = run(Naptime::command(&file, "up").env("HOST", host)).await;
        assert_eq!(ended.code, USAGE, "{host}: {}", ended.output);
        assert!(ended.output.contains("\n  NAPTIME_PASSWORD: "), "{host}: {}", ended.output);
    }
    assert_eq!(files(&file), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_secrets_are_refused_with_a_way_to_make_long_ones() {
    let file = File::fresh();
    let check = async |setting: &str, value: &str, expect: &str| {
        let ended = run(Naptime::command(&file, "up").env(setting, value)).await;
        assert_eq!(ended.code, USAGE, "{value}: {}", ended.output);
        let named = ended.output.lines().find(|line| line.starts_with(&format!("  {setting}: "))).unwrap();
        assert!(named.contains(expect), "{named}");
        assert!(!ended.output.contains(value), "{}", ended.output);
    };
    let (password, token) = ("NAPTIME_PASSWORD", "NAPTIME_API_TOKEN");
    check(password, "elevenchars", "has 11 characters, and must have at least 12; `openssl rand -base64 24`").await;
    // Eleven characters are more bytes.
    check(password, "ÄÖÜäöüßÄÖÜä", "has 11 characters").await;
    check(token, "twenty-three-characters", "has 23 characters, and must have at least 24; `openssl rand").await;
    check(token, "a token that is long enough", "has a blank").await;
    let ended = run(Naptime::command(&file, "up").env("NAPTIME_TRUST_PROXY", "yes")).await;
    assert_eq!(ended.code, USAGE, "{}", ended.output);
    assert!(ended.output.contains("NAPTIME_TRUST_PROXY: `yes` is not a whole number from 0 to 10"), "{}", ended.output);
    assert_eq!(files(&file), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_what_can_be_set() {
    let file = File::fresh();
    let stores = &["MONGODB_URI", "MONGO_HOST", "MONGO_PASSWORD", "NAPTIME_DB", "NAPTIME_RETENTION"][..];
    let rules = &["NAPTIME_ALLOW_NETWORKS", "NAPTIME_MIN_PERIOD"][..];
    let events = &["AMQP_URL", "NAPTIME_EVENTS_QUEUE"][..];
    let listen =
        &["PORT", "HOST", "NAPTIME_PASSWORD", "NAPTIME_API_TOKEN", "NAPTIME_TRUST_PROXY", "WEB_MAX_THREADS"][..];
    let capacity = &["WORKER_SLEEP_TIME", "NAPTIME_METRICS", "WORKER_MAX_CAPACITY"][..];
    let web = &["WORKER_SLEEP_TIME", "WEB_WORKER_MAX_CAPACITY"][..];
    let expected = [
        [stores, rules, listen, capacity, events, &["--demo"]].concat(),
        [stores, rules, listen, web, events].concat(),
        [stores, rules, capacity, events].concat(),
        vec!["NAPTIME_SERVER", "NAPTIME_TOKEN", "--every", "--activate", "<URL>"],
        vec!["NAPTIME_SERVER", "NAPTIME_TOKEN", "--state", "--json", "--quiet"],
        vec!["NAPTIME_SERVER", "NAPTIME_TOKEN", "--quiet"],
    ];
    let whole = run(Naptime::command(&file, "--help")).await;
    assert_eq!(whole.code, Some(0));
    assert!(whole.stdout.contains("Exit codes:"), "{}", whole.stdout);
    for (name, expected) in STAYING.into_iter().chain(ASKING).zip(expected) {
        let help = run(Naptime::command(&file, name).arg("--help")).await;
        assert_eq!(help.code, Some(0), "{name}: {}", help.output);
        for word in expected {
            assert!(help.stdout.contains(word), "{name} --help does not name {word}: {}", help.stdout);
        }
        assert!(whole.stdout.lines().any(|line| line.trim_start().starts_with(name)), "{}", whole.stdout);
    }
    assert_eq!(files(&file), 0);
}

const SECRET: &str = "s3cret-and-hidden-from-all";

fn with_secrets(start: Start) -> Start {
    let uri = format!("mongodb://user:{SECRET}@127.0.0.1:{}/x?replicaSet=x", free_port());
    let start = start.env("MONGODB_URI", uri).env("MONGO_PASSWORD", SECRET);
    start.env("NAPTIME_PASSWORD", SECRET).env("NAPTIME_API_TOKEN", SECRET).env("NAPTIME_TOKEN", SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_repeated() {
    let file = File::fresh();
    let unescaped = format!("mongodb://user:{SECRET}/%@127.0.0.1/x");
    let check = async |name: &str, what: &str, start: Start| {
        let ended = run(start).await;
        assert!(!ended.output.contains(SECRET), "{name}, {what}: {}", ended.output);
        assert_eq!(ended.code == Some(0), what.contains("help"), "{name}, {what}: {}", ended.output);
    };
    for name in STAYING.into_iter().chain(["list", "status"]) {
        let start = || with_secrets(Naptime::command(&file, name));
        check(name, "help", start().arg("--help")).await;
        check(name, "a short help", start().arg("-h")).await;
        check(name, "an unknown flag", start().arg(format!("--unknown={SECRET}"))).await;
    }
    for name in STAYING {
        let start = || with_secrets(Naptime::command(&file, name));
        check(name, "wrong settings", start().env("NAPTIME_RETENTION", "x")).await;
        let other = format!("mysql://user:{SECRET}@localhost/");
        check(name, "another scheme", start().env("MONGODB_URI", other)).await;
        check(name, "an URI that is none", start().env("MONGODB_URI", &unescaped)).await;
    }
    for name in ["list", "status"] {
        let start = |server: String| with_secrets(Naptime::command(&file, name)).env("NAPTIME_SERVER", server);
        check(name, "no server", start(format!("http://127.0.0.1:{}", free_port()))).await;
        check(name, "a URL with a password", start(format!("http://u:{SECRET}@127.0.0.1/"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_logged() {
    let file = File::fresh();
    let up = with_secrets(Naptime::up(&file)).without("MONGODB_URI").env("RUST_LOG", "trace").start().await;
    let login = http::client().post(up.url("/login")).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(login.body(format!("password={SECRET}")).send().await.unwrap().status(), 303);
    let api = http::client().get(up.url("/api/endpoints")).bearer_auth(SECRET);
    assert_eq!(api.send().await.unwrap().status(), 200);
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());
    assert!(up.output().contains("POST /login: 303"), "it logs in detail: {}", up.output());
    assert!(!up.output().contains(SECRET));
}

/// What is said of a store that cannot be opened, in place of waiting for it: one line that holds these words.
async fn check_unavailable(start: Start, words: &[&str]) {
    let ended = run(start).await;
    assert_eq!(ended.code, UNAVAILABLE, "{}", ended.output);
    let errors: Vec<&str> = ended.output.lines().filter(|line| line.starts_with("naptime: ")).collect();
    let [line] = errors[..] else { panic!("not one line: {}", ended.output) };
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_that_is_no_replica_set_is_told_so() {
    let alone = Alone::start().await;
    let file = File::fresh();
    let start = Naptime::command(&file, "worker").env("MONGODB_URI", alone.uri("naptime"));
    check_unavailable(start, &["MongoDB", "replica set"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_can_be_given_in_parts() {
    let database = mongo::fresh_database().await;
    let hosts = database.uri.trim_start_matches("mongodb://").split('/').next().unwrap();
    let (host, port) = hosts.split_once(':').unwrap();
    let parts = |start: Start| {
        let start = start.without("MONGODB_URI");
        start.env("MONGO_HOST", host).env("MONGO_PORT", port).env("MONGO_DB", &database.name)
    };
    let by_parts = parts(Naptime::web(&database)).start().await;
    let add = by_parts.ask("add").args(&["http://127.0.0.1/", "--every", "5m"]);
    let added = run(add).await;
    assert_eq!(added.code, Some(0), "{}", added.output);
    let by_uri = Naptime::web(&database).start().await;
    let listed = run(by_uri.ask("list")).await;
    assert_eq!(listed.stdout.lines().count(), 1, "by the whole URI: {}", listed.output);

    let wrong = parts(Naptime::command(&database, "worker")).env("MONGO_PORT", "0").env("MONGO_PASSWORD", SECRET);
    let ended = run(wrong).await;
    assert_eq!(ended.code, USAGE, "{}", ended.output);
    assert!(ended.output.contains("\n  MONGO_PORT: ") && ended.output.contains("\n  MONGO_USER: "), "{}", ended.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = Scratch::new();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database\n".repeat(100)).unwrap();
    let before = fs::read(&text).unwrap();
    // Root may write anywhere, but not here.
    let unwritable = Path::new("/proc/naptime.db").to_owned();
    let missing = folder.path().join("no/such/folder/naptime.db");
    for file in [&text, &unwritable, &missing, &folder.path().to_owned()] {
        let shown = file.display().to_string();
        let start = Naptime::command(&File::fresh(), "up").env("NAPTIME_DB", &shown).env("PORT", "0");
        check_unavailable(start, &[&shown]).await;
    }
    assert_eq!(fs::read(&text).unwrap(), before, "what was there is as it was");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
