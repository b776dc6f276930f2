//! `naptime enqueue` and `naptime import`, by a running server, on both stores.

use std::fs;
use std::time::Duration;

use naptime_tests::mongo;
use naptime_tests::naptime::Naptime;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Call, Target};

use super::web::{SOON, Web};

const CSV: &str = r#"id,url,method,params,body,headers,timeout,run_at,state,priority,created_at
1,TARGET/1,POST,a=1&b=2,,,120,,queued,5,2020-01-01 00:00:00
2,TARGET/2,GET,q=x%20y,,"{""X-A"": ""b""}",,NULL,pending,5,
3,TARGET/3,GET,,,,,,done,5,
4,not a url,GET,,,,x,,queued,5,
5,TARGET/5,PUT,,"two
lines, ""quoted""",X-B: c,60s,2020-01-31 09:00:00,retrying,5,
6,TARGET/6,GET,,,,,,weird,5,
7,TARGET/7,GET
8,TARGET/8,GET,,,,,2099-01-01 00:00:00,queued,5,
9,TARGET/9,POST,"{""a"": 1}",,,,2030-01-31T09:00:00Z,queued,5,
"#;

const SQL: &str = r#"-- A dump; with a semicolon in a comment
SET NAMES utf8mb4; /* and ; here */
CREATE TABLE `queued_job` (`id` int, `url` text DEFAULT 'a;b');
INSERT INTO `other` (`id`, `url`) VALUES (1, 'TARGET/other;'), (2, 'x');
INSERT INTO `queued_job` (`id`, `url`, `method`, `body`, `headers`, `created_at`, `done`) VALUES
 (1, 'TARGET/1', 'POST', 'it''s \"quoted\"\n(two); lines', NULL, NOW(), 0),
 (2, 'TARGET/2', 'GET', NULL, 'X-A: b', CURRENT_TIMESTAMP, FALSE),
 (3, 'TARGET/3', 'GET', NULL, NULL, '2020-01-01', 1),
 (4, 'TARGET/4', 'GET', UNHEX('00'), NULL, NULL, 0),
 (5, 'TARGET/5', 'GET', NULL, NULL, NULL),
 (NULL, 'TARGET/6', 'GET', NULL, NULL, NULL, 0);
INSERT INTO queued_job VALUES (7, 'TARGET/7');
insert ignore into app.queued_job (id, url, method) values (8, 'TARGET/8', E'DELETE');
"#;

async fn run(web: &Web, command: &str, args: &[&str]) -> (Option<i32>, String) {
    let process = web.naptime.ask(command).args(args).launch();
    let code = process.wait_exit(SOON).await.code();
    (code, process.output())
}

/// Imports a file twice. Returns what was said the first time.
async fn import_twice(web: &Web, name: &str, text: &str, target: &Target) -> String {
    let folder = Scratch::new();
    let file = folder.path().join(name);
    fs::write(&file, text.replace("TARGET", &target.url(""))).unwrap();
    let file = file.to_str().unwrap();
    let (code, first) = run(web, "import", &[file]).await;
    assert_eq!(code, Some(1), "there are bad rows: {first}");
    let (_, second) = run(web, "import", &[file]).await;
    assert!(second.contains("imported 0, "), "{second}");
    first
}

fn call(target: &Target, path: &str) -> Call {
    let calls = target.calls(path);
    assert_eq!(calls.len(), 1, "{path} is called once: {calls:?}");
    calls[0].clone()
}

async fn rows_of_csv_are_taken_over(web: &Web) {
    let target = Target::start().await;
    let said = import_twice(web, "queued.csv", CSV, &target).await;
    assert!(said.contains("imported 4, there already 0, done already 1, not readable 4"), "{said}");
    assert!(said.contains("column priority says nothing") && !said.contains("column created_at"), "{said}");
    for (line, field) in [(5, "url"), (5, "timeout"), (8, "state"), (9, "row"), (10, "run_at")] {
        assert!(said.contains(&format!("line {line}: {field}: ")), "line {line}, {field}: {said}");
    }
    target.wait_for(SOON, "what is due is called", |calls| calls.len() == 3).await;
    let form = call(&target, "/1");
    assert_eq!(
        (&form.body[..], form.header("content-type")),
        (&b"a=1&b=2"[..], Some("application/x-www-form-urlencoded"))
    );
    let query = call(&target, "/2");
    assert_eq!((&*query.uri, query.header("x-a")), ("/2?q=x%20y", Some("b")));
    let put = call(&target, "/5");
    assert_eq!((&*put.method, &put.body[..], put.header("x-b")), ("PUT", &b"two\nlines, \"quoted\""[..], Some("c")));
    let later = web.items("/api/jobs?state=waiting").await;
    assert_eq!(later.len(), 1, "{later:?}");
    assert_eq!((&later[0]["key"], &later[0]["at"]), (&"queued_job:9".into(), &"2030-01-31T09:00:00.000Z".into()));
}

async fn rows_of_sql_are_taken_over(web: &Web) {
    let target = Target::start().await;
    let said = import_twice(web, "dump.sql", SQL, &target).await;
    assert!(said.contains("8 rows: imported 4, there already 0, done already 1, not readable 3"), "{said}");
    for (line, what) in [(9, "UNHEX"), (10, "6 values, and 7 columns"), (11, "id: ")] {
        let line = format!("line {line}: ");
        assert!(said.lines().any(|text| text.contains(&line) && text.contains(what)), "{line}{what}: {said}");
    }
    target.wait_for(SOON, "they are called", |calls| calls.len() == 4).await;
    assert_eq!(call(&target, "/7").method, "GET", "by the columns of its CREATE TABLE");
    assert_eq!(&call(&target, "/1").body[..], b"it's \"quoted\"\n(two); lines");
    assert_eq!(call(&target, "/2").header("x-a"), Some("b"));
    assert_eq!(call(&target, "/8").method, "DELETE");
    assert_eq!(web.items("/api/jobs?q=other").await.len(), 0);
    // As another database writes it.
    let file = Scratch::new();
    let path = file.path().join("other.sql");
    fs::write(
        &path,
        "INSERT INTO queued_job (id, url, body, state) VALUES ('u-1', 'TARGET/b', '{\"a\": \"\\\\n\"}', 'done')"
            .replace("TARGET", &target.url("")),
    )
    .unwrap();
    let (code, said) = run(web, "import", &[path.to_str().unwrap(), "--all", "--standard-strings"]).await;
    assert_eq!(code, Some(0), "{said}");
    target.wait_for(SOON, "even what was done", |calls| calls.len() == 5).await;
    assert_eq!(&call(&target, "/b").body[..], b"{\"a\": \"\\\\n\"}");
}

async fn a_job_is_asked_for_by_command(web: &Web) {
    let target = Target::start().await;
    target.on("/slow", Answer::ok().after(Duration::from_secs(1)));
    let args = ["--method", "post", "--body", "hello", "--header", "X-A: b", "--timeout", "120s", "--key", "one"];
    let url = target.url("/slow");
    let (code, said) = run(web, "enqueue", &[&[&*url], &args[..]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    let id = said.split_whitespace().skip_while(|word| *word != "as").nth(1).unwrap().trim_end_matches(':');
    assert!(said.contains(&format!("/jobs/{id}")), "where to look: {said}");
    let job = web.job_is(&format!("/api/jobs/{id}"), "done").await;
    assert_eq!((&job["timeout"], &job["key"]), (&"2m".into(), &"one".into()));
    let made = call(&target, "/slow");
    assert_eq!((&*made.method, &made.body[..], made.header("x-a")), ("POST", &b"hello"[..], Some("b")));
    let (code, said) = run(web, "enqueue", &[&url, "--key", "one"]).await;
    assert!(code == Some(0) && said.contains(id) && said.contains("already"), "{said}");

    let (_, said) = run(web, "enqueue", &[&target.url("/later"), "--in", "1d", "--retries", "0"]).await;
    assert!(said.contains("call at 2"), "{said}");
    let later = web.items("/api/jobs?state=waiting").await;
    assert_eq!(later.len(), 1);
    let later = web.get(&format!("/api/jobs/{}", later[0]["id"].as_str().unwrap())).await.value();
    assert_eq!(later["retry"]["attempts"], 1);
    let (_, said) = run(web, "enqueue", &[&target.url("/past"), "--at", "2020-01-31T09:00:00Z"]).await;
    assert!(said.contains("called now"), "{said}");
    target.wait_for(SOON, "it is called now", |calls| calls.len() == 2).await;

    let bad = ["nowhere", "--at", "soon", "--in", "5s", "--retries", "20", "--timeout", "0", "--key", ""];
    let (code, said) = run(web, "enqueue", &bad).await;
    assert_eq!(code, Some(64), "{said}");
    for argument in ["URL", "--at", "--retries", "--timeout", "--key"] {
        assert!(said.contains(&format!("  {argument}: ")), "{argument} in {said}");
    }
    let (code, said) = run(web, "import", &["/nowhere/at all.csv"]).await;
    assert!(code == Some(1) && said.contains("cannot read"), "{said}");
    assert_eq!(target.count(), 2);
}

#[tokio::test]
async fn a_job_is_asked_for_by_command_on_sqlite() {
    let file = File::fresh();
    a_job_is_asked_for_by_command(&Web::start(Naptime::up(&file)).await).await;
}

#[tokio::test]
async fn a_job_is_asked_for_by_command_on_mongodb() {
    let database = mongo::fresh_database().await;
    a_job_is_asked_for_by_command(&Web::start(Naptime::web(&database)).await).await;
}

#[tokio::test]
async fn rows_are_taken_over_on_sqlite() {
    let file = File::fresh();
    rows_of_csv_are_taken_over(&Web::start(Naptime::up(&file)).await).await;
    let file = File::fresh();
    rows_of_sql_are_taken_over(&Web::start(Naptime::up(&file)).await).await;
}

#[tokio::test]
async fn rows_are_taken_over_on_mongodb() {
    let database = mongo::fresh_database().await;
    rows_of_csv_are_taken_over(&Web::start(Naptime::web(&database)).await).await;
    let database = mongo::fresh_database().await;
    rows_of_sql_are_taken_over(&Web::start(Naptime::web(&database)).await).await;
}
