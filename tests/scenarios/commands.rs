//! The command line: `add` and `list` beside running processes, help, and what is said when something is wrong.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use naptime_tests::guard::Guarded;
use naptime_tests::mongo;
use naptime_tests::naptime::{Naptime, Start, Store, binary};
use naptime_tests::port::free_port;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use naptime_tests::{eventually, http, tools};

/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);
const COMMANDS: [&str; 5] = ["up", "web", "worker", "add", "list"];
/// The settings or arguments are wrong.
const USAGE: Option<i32> = Some(64);
/// The store cannot be opened.
const UNAVAILABLE: Option<i32> = Some(69);

/// A command that has ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    output: String,
    took: Duration,
}

async fn run(start: Start) -> Ended {
    // Built before the clock runs.
    binary();
    let begun = Instant::now();
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    Ended { code, stdout: process.stdout(), output: process.output(), took: begun.elapsed() }
}

/// A command with what it cannot do without.
fn command(store: &impl Store, name: &str) -> Start {
    let start = Naptime::command(store, name);
    if name == "add" { start.args(&["http://127.0.0.1/", "--every", "5m"]) } else { start }
}

/// The files of an embedded store.
fn files(file: &File) -> usize {
    fs::read_dir(file.path().parent().unwrap()).unwrap().count()
}

/// Adds an endpoint that is on and one that is off, beside what calls them.
async fn check_add_and_list(store: &impl Store) {
    let target = Target::start().await;
    let add = |path: &str, more: &[&str]| {
        let start = Naptime::command(store, "add").args(&[&target.url(path), "--every", "1s"]);
        run(start.args(more))
    };
    let on = ["--activate", "--name", "the first", "--method", "post", "--body", "hello"];
    let on = add("/on", &[&on[..], &["--header", "X-A: b", "--header", "X-C: d", "--tag", "night"]].concat()).await;
    assert_eq!(on.code, Some(0), "{}", on.output);
    assert!(on.stdout.contains("every 1s") && on.stdout.contains("next call 2"), "{}", on.stdout);
    let off = add("/off", &[]).await;
    assert_eq!(off.code, Some(0), "{}", off.output);
    assert!(off.stdout.contains("switched off"), "{}", off.stdout);

    target.wait_for(SOON, "the running worker calls what was added", |calls| calls.len() >= 2).await;
    let call = &target.calls("/on")[0];
    assert_eq!((&*call.method, &call.body[..]), ("POST", &b"hello"[..]));
    assert_eq!((call.header("X-A"), call.header("X-C")), (Some("b"), Some("d")));
    assert_eq!(target.calls("/off").len(), 0);

    let listed = eventually(SOON, "the list shows the outcome", async || {
        let listed = run(Naptime::command(store, "list")).await;
        assert_eq!(listed.code, Some(0), "{}", listed.output);
        listed.stdout.contains("  ok  ").then_some(listed.stdout)
    })
    .await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    let line = |path: &str| *lines.iter().find(|line| line.contains(&target.url(path))).unwrap();
    for part in ["  on ", "every 1s", "POST", "the first"] {
        assert!(line("/on").contains(part), "{part}: {}", line("/on"));
    }
    for part in ["  off  ", "GET", "not called yet"] {
        assert!(line("/off").contains(part), "{part}: {}", line("/off"));
    }
    let found = run(Naptime::command(store, "list").arg("night")).await;
    assert_eq!(found.stdout.lines().count(), 1, "{}", found.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn add_and_list_work_beside_a_running_up() {
    let file = File::fresh();
    let _up = Naptime::up(&file).start().await;
    check_add_and_list(&file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn add_and_list_work_on_mongodb() {
    let database = mongo::fresh_database().await;
    let _worker = Naptime::worker(&database).start().await;
    check_add_and_list(&database).await;
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
    ("WORKER_MAX_CAPACITY", "-1"),
    ("WEB_WORKER_MAX_CAPACITY", "1e99"),
    ("MONGODB_URI", "postgres://u:hidden@localhost/x"),
    ("AMQP_URL", "http://u:hidden@localhost/x"),
];

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_settings_are_named_at_once_and_nothing_is_created() {
    for (name, unread) in [
        ("up", &["WEB_WORKER_MAX_CAPACITY"][..]),
        ("web", &["WORKER_MAX_CAPACITY"]),
        ("worker", &["PORT", "HOST", "WEB_MAX_THREADS", "WEB_WORKER_MAX_CAPACITY"]),
    ] {
        let file = File::fresh();
        let start = WRONG.iter().fold(command(&file, name), |start, (name, value)| start.env(name, *value));
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
async fn all_wrong_arguments_of_add_are_named_at_once() {
    let file = File::fresh();
    let add = Naptime::command(&file, "add").env("NAPTIME_RETENTION", "for ever");
    let wrong =
        ["ftp://example.com/", "--every", "0", "--method", "FETCH", "--header", "Connection: x", "--timeout", "2h"];
    let ended = run(add.args(&wrong).args(&["--tag", "", "--name", &"x".repeat(5_000)])).await;
    assert_eq!(ended.code, USAGE, "{}", ended.output);
    for argument in ["NAPTIME_RETENTION", "URL", "--every", "--method", "--header", "--timeout", "--tag", "--name"] {
        assert_eq!(ended.output.matches(&format!("\n  {argument}: ")).count(), 1, "{argument}: {}", ended.output);
    }
    for wrong in
        [&["add"][..], &["add", "http://127.0.0.1/"], &["up", "--port"], &["serve"], &["list", "--every", "1s"]]
    {
        let ended = run(Naptime::command(&file, wrong[0]).args(&wrong[1..])).await;
        assert_eq!(ended.code, USAGE, "{wrong:?}: {}", ended.output);
    }
    assert_eq!(files(&file), 0);
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
        let ended = run(command(&file, name).env("NAPTIME_PASSWORD", "something-long")).await;
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
        let ended = run(command(&file, "up").env("HOST", host)).await;
        assert_eq!(ended.code, USAGE, "{host}: {}", ended.output);
        assert!(ended.output.contains("\n  NAPTIME_PASSWORD: "), "{host}: {}", ended.output);
    }
    assert_eq!(files(&file), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_secrets_are_refused_with_a_way_to_make_long_ones() {
    let file = File::fresh();
    let check = async |setting: &str, value: &str, expect: &str| {
        let ended = run(command(&file, "up").env(setting, value)).await;
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
    let ended = run(command(&file, "up").env("NAPTIME_TRUST_PROXY", "yes")).await;
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
    let capacity = &["WORKER_SLEEP_TIME", "WORKER_MAX_CAPACITY"][..];
    let web = &["WORKER_SLEEP_TIME", "WEB_WORKER_MAX_CAPACITY"][..];
    let expected = [
        [stores, rules, listen, capacity, events, &["--demo"]].concat(),
        [stores, rules, listen, web, events].concat(),
        [stores, rules, capacity, events].concat(),
        [stores, rules, &["--every", "--activate", "<URL>"]].concat(),
        stores.to_vec(),
    ];
    for (name, expected) in COMMANDS.into_iter().zip(expected) {
        let help = run(Naptime::command(&file, name).arg("--help")).await;
        assert_eq!(help.code, Some(0), "{name}: {}", help.output);
        for word in expected {
            assert!(help.stdout.contains(word), "{name} --help does not name {word}: {}", help.stdout);
        }
        let whole = run(Naptime::command(&file, "--help")).await;
        assert_eq!(whole.code, Some(0));
        assert!(whole.stdout.lines().any(|line| line.trim_start().starts_with(name)), "{}", whole.stdout);
    }
    assert_eq!(files(&file), 0);
}

const SECRET: &str = "s3cret-and-hidden-from-all";

fn with_secrets(start: Start) -> Start {
    let uri = format!("mongodb://user:{SECRET}@127.0.0.1:{}/x?replicaSet=x", free_port());
    let start = start.env("MONGODB_URI", uri).env("MONGO_PASSWORD", SECRET);
    start.env("NAPTIME_PASSWORD", SECRET).env("NAPTIME_API_TOKEN", SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_repeated() {
    let file = File::fresh();
    let unescaped = format!("mongodb://user:{SECRET}/%@127.0.0.1/x");
    for name in COMMANDS {
        let start = || with_secrets(command(&file, name));
        for (what, start) in [
            ("help", start().arg("--help")),
            ("a short help", start().arg("-h")),
            ("an unknown flag", start().arg(format!("--unknown={SECRET}"))),
            ("wrong settings", start().env("NAPTIME_RETENTION", "x")),
            ("another scheme", start().env("MONGODB_URI", format!("mysql://user:{SECRET}@localhost/"))),
            ("an URI that is none", start().env("MONGODB_URI", &unescaped)),
        ] {
            let ended = run(start).await;
            assert!(!ended.output.contains(SECRET), "{name}, {what}: {}", ended.output);
            assert_eq!(ended.code == Some(0), what.contains("help"), "{name}, {what}: {}", ended.output);
        }
    }
    // The others wait for a database that cannot be reached.
    let ended = run(with_secrets(command(&file, "list"))).await;
    assert!(!ended.output.contains(SECRET) && ended.code != Some(0), "{}", ended.output);
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

/// What is said of a store that cannot be opened: one line that holds these words, soon.
async fn check_unavailable(start: Start, words: &[&str]) {
    let ended = run(start).await;
    assert_eq!(ended.code, UNAVAILABLE, "{}", ended.output);
    assert!(ended.took < Duration::from_secs(12), "it took {:?}", ended.took);
    let errors: Vec<&str> = ended.output.lines().filter(|line| line.starts_with("naptime: ")).collect();
    let [line] = errors[..] else { panic!("not one line: {}", ended.output) };
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_that_is_not_there_is_named() {
    let port = free_port();
    let file = File::fresh();
    let uri = format!("mongodb://127.0.0.1:{port}/naptime?replicaSet=naptime");
    // What goes on until it is stopped waits for it instead: `opening`.
    let start = command(&file, "list").env("MONGODB_URI", &uri);
    check_unavailable(start, &["MongoDB", "MONGODB_URI", &format!("127.0.0.1:{port}")]).await;
    // One that is there, but says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let start = command(&file, "list").env("MONGODB_URI", format!("mongodb://{address}/"));
    check_unavailable(start, &["MongoDB", &address]).await;
    assert_eq!(files(&file), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_that_is_no_replica_set_is_told_so() {
    let folder = Scratch::new();
    let port = free_port();
    let args = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--port", &port.to_string(), "--dbpath"];
    let args = args.into_iter().chain([folder.path().to_str().unwrap()]);
    let _mongod = Guarded::spawn(&tools::mongod(), args, |_| {}).unwrap();
    eventually(2 * SOON, "mongod listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok())
        .await;
    let file = File::fresh();
    let start = command(&file, "worker").env("MONGODB_URI", format!("mongodb://127.0.0.1:{port}/naptime"));
    check_unavailable(start, &["MongoDB", "replica set"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_can_be_given_in_parts() {
    let database = mongo::fresh_database().await;
    let hosts = database.uri.trim_start_matches("mongodb://").split('/').next().unwrap();
    let (host, port) = hosts.split_once(':').unwrap();
    let parts = |name| {
        let start = command(&database, name).without("MONGODB_URI");
        start.env("MONGO_HOST", host).env("MONGO_PORT", port).env("MONGO_DB", &database.name)
    };
    let added = run(parts("add")).await;
    assert_eq!(added.code, Some(0), "{}", added.output);
    let listed = run(command(&database, "list")).await;
    assert_eq!(listed.stdout.lines().count(), 1, "by the whole URI: {}", listed.output);

    let ended = run(parts("list").env("MONGO_PORT", "0").env("MONGO_PASSWORD", SECRET)).await;
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
        for name in ["up", "add", "list"] {
            let start = command(&File::fresh(), name).env("NAPTIME_DB", &shown).env("PORT", "0");
            check_unavailable(start, &[&shown]).await;
        }
    }
    assert_eq!(fs::read(&text).unwrap(), before, "what was there is as it was");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
