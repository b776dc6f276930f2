//! The stream: what happens is told as it happens, and goes on where it was.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use futures::future::join_all;
use naptime_client::{Client, Event, Filter};
use naptime_core::Time;
use naptime_tests::Naptime;
use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use reqwest::header::COOKIE;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::login::{cookie, locked};
use super::web::{SOON, Web, on_both_stores, send};

on_both_stores!(
    what_happens_is_told,
    a_filter_knows_of_new_endpoints,
    a_stream_goes_on_where_it_was_cut,
    a_command_follows_a_server_that_is_started_anew,
    a_stream_ends_with_the_server,
);

/// Less than the server waits for other requests when it stops.
const AT_ONCE: Duration = Duration::from_secs(8);

/// A stream that is read.
struct Told {
    response: Response,
    text: String,
    last_id: String,
}

impl Told {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.timeout(Duration::from_secs(300)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { response, text: String::new(), last_id: String::new() }
    }

    async fn of(web: &Web, query: &str) -> Self {
        Self::open(web.request(Method::GET, &format!("/api/stream?{query}"))).await
    }

    /// Goes on where another one was.
    async fn after(web: &Web, query: &str, last_id: &str) -> Self {
        let request = web.request(Method::GET, &format!("/api/stream?{query}"));
        Self::open(request.header("Last-Event-ID", last_id)).await
    }

    /// The next block, as fields; none if the stream has ended.
    async fn block(&mut self) -> Option<Vec<(String, String)>> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let fields = block.lines().filter_map(|line| line.split_once(": "));
                let fields: Vec<_> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                self.text = rest.to_owned();
                return Some(fields);
            }
            let part = timeout(SOON, self.response.chunk()).await.expect("silent").expect("broken off")?;
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// The next event with its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            let block = self.block().await.expect("the stream has ended");
            let field = |name: &str| block.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            self.last_id = field("id").expect("an id");
            if let (Some(event), Some(data)) = (field("event"), field("data")) {
                return (event, serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// Reads on until this comes, and returns it.
    async fn until(&mut self, event: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (found, data) = self.next().await;
            if found == event && is_it(&data) {
                return data;
            }
        }
    }

    /// The ids of as many further runs, which is all that comes.
    async fn runs(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let (event, run) = self.next().await;
            assert_eq!(event, "run", "{run}");
            ids.push(run["job"].as_str().unwrap().to_owned());
        }
        ids
    }
}

/// Has something called once, and returns its id once that is over.
async fn call(web: &Web, target: &Target) -> String {
    let path = web.enqueue(json!({"url": target.url("/")})).await.0;
    web.runs(&path, 1).await;
    path.rsplit('/').next().unwrap().to_owned()
}

async fn what_happens_is_told(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    target.on("/cards", Answer::status(500).body("out of paper"));
    let mut told = Told::of(&web, "").await;
    let (first, open) = told.next().await;
    assert_eq!((&*first, &open["items"]), ("problems", &json!([])));

    let endpoint = json!({"url": target.url("/cards"), "every": "1s", "failing_after": 1, "active": true});
    let (path, added) = web.add(endpoint).await;
    let edit = told.until("endpoint", |_| true).await;
    assert_eq!((&edit["id"], &edit["rev"], &edit["event"]), (&added["id"], &json!(1), &json!("added")));
    let run = told.until("run", |run| run["outcome"] == "failed").await;
    let listed = web.items("/api/runs?outcome=failed").await;
    assert!(listed.contains(&run), "as in the list: {run}");
    let problem = told.until("problem", |it| it["event"] == "opened").await;
    assert_eq!((&problem["problem"]["kind"], &problem["problem"]["endpoint"]["id"]), (&json!("failing"), &added["id"]));
    // Who comes now is told what is open.
    let (event, open) = Told::of(&web, "kinds=problems").await.next().await;
    assert_eq!((&*event, &open["items"][0]["id"]), ("problems", &problem["problem"]["id"]));
    let (_, other) = Told::of(&web, "kinds=problems&tag=other").await.next().await;
    assert_eq!(other["items"], json!([]));

    assert_eq!(web.patch(&path, &json!({"name": "the cards"})).await.status, 200);
    let edit = told.until("endpoint", |_| true).await;
    assert_eq!((&edit["rev"], &edit["event"]), (&json!(2), &json!("edited")));
    target.on("/cards", Answer::ok());
    let ended = told.until("problem", |it| it["event"] == "ended").await;
    assert_eq!(ended["problem"]["id"], problem["problem"]["id"]);
    web.delete(&path).await;
    told.until("endpoint", |it| it["event"] == "deleted").await;

    let ask = |query: &str| web.request(Method::GET, &format!("/api/stream{query}"));
    send(ask("?kinds=runs,pools")).await.is_problem(400, "unknown_word", "kinds");
    send(ask("?outcome=tired")).await.is_problem(400, "unknown_word", "outcome");
    send(ask("").header("Last-Event-ID", "7")).await.is_problem(400, "bad_cursor", "Last-Event-ID");
}

async fn a_filter_knows_of_new_endpoints(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    let mut told = Told::of(&web, "kinds=runs&outcome=ok&tag=paper").await;
    let other = web.add_on_demand(&target.url("/other"), &json!({})).await;
    let fails = web.add_on_demand(&target.url("/fails"), &json!({"tags": ["paper"]})).await;
    let paper = web.add_on_demand(&target.url("/paper"), &json!({"tags": ["paper"]})).await;
    target.on("/fails", Answer::status(500));
    for path in [&other, &fails, &paper] {
        web.call_now(path).await;
        web.runs(path, 1).await;
    }
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(told.runs(1).await, [id(&paper)]);
    // It is no longer one of these.
    assert_eq!(web.patch(&paper, &json!({"tags": []})).await.status, 200);
    assert_eq!(web.patch(&other, &json!({"tags": ["paper"]})).await.status, 200);
    for path in [&paper, &other] {
        web.call_now(path).await;
        web.runs(path, 2).await;
    }
    assert_eq!(told.runs(1).await, [id(&other)]);
}

async fn a_stream_goes_on_where_it_was_cut(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    let mut told = Told::of(&web, "kinds=runs").await;
    let before = call(&web, &target).await;
    assert_eq!(told.runs(1).await, [before]);
    let last_id = told.last_id.clone();
    drop(told);
    let mut missed = BTreeSet::new();
    for _ in 0..3 {
        missed.insert(call(&web, &target).await);
    }
    let mut told = Told::after(&web, "kinds=runs", &last_id).await;
    assert_eq!(BTreeSet::from_iter(told.runs(3).await), missed);
    // What comes now is next, so nothing came twice.
    let now = call(&web, &target).await;
    assert_eq!(told.runs(1).await, [now]);

    // What is too long ago is said to be missing.
    let found: i64 = last_id.split('.').nth(1).unwrap().parse().unwrap();
    let old = found - 400_000;
    let foreign = format!("{old}.{old}.{}.1.1.1", "0".repeat(32));
    let (event, gap) = Told::after(&web, "kinds=runs", &foreign).await.next().await;
    let since = Time::from_millis(old).to_string();
    assert_eq!((&*event, gap), ("gap", json!({"kind": "runs", "since": since})));
}

#[tokio::test]
async fn another_web_takes_a_stream_up() {
    let (database, target) = (naptime_tests::mongo::fresh_database().await, Target::start().await);
    let (one, two) = tokio::join!(Web::start(Naptime::web(&database)), Web::start(Naptime::web(&database)));
    let mut told = Told::of(&one, "").await;
    let before = call(&one, &target).await;
    told.until("run", |run| run["job"] == *before).await;
    one.naptime.kill9();
    let meanwhile = call(&two, &target).await;
    let mut told = Told::after(&two, "", &told.last_id).await;
    let after = call(&two, &target).await;
    let mut runs = Vec::new();
    while runs.last() != Some(&after) {
        let (event, data) = told.next().await;
        assert_ne!(event, "gap", "{data}");
        runs.extend((event == "run").then(|| data["job"].as_str().unwrap().to_owned()));
    }
    // What it may have been told is told again, and what it can't have been told is told once.
    runs.retain(|run| *run != before);
    assert_eq!(runs, [meanwhile, after]);
}

async fn a_command_follows_a_server_that_is_started_anew(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start.clone()).await;
    let first = call(&web, &target).await;
    let follow = web.naptime.ask("runs").args(&["--follow"]).launch();
    follow.wait_line(SOON, "what was there", |line| line.contains(&first)).await;
    follow.wait_line(SOON, "it follows", |line| line.contains("follows the runs")).await;
    let client = Client::builder(&web.naptime.url("")).unwrap().build().unwrap();
    let mut told = client.stream(Filter::new().with("kinds", "runs,problems"));
    assert!(matches!(told.try_next().await.unwrap(), Some(Event::Open)));
    let second = call(&web, &target).await;
    follow.wait_line(SOON, "what comes", |line| line.contains(&second)).await;
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    follow
        .wait_line(SOON, "it is away", |line| line.contains("nothing answers at") && line.contains("trying on"))
        .await;
    let web = Web::start(start).await;
    let third = call(&web, &target).await;
    follow.wait_line(SOON, "it is back", |line| line.contains("the server answers again")).await;
    follow.wait_line(SOON, "what came meanwhile", |line| line.contains(&third)).await;
    let jobs: Vec<_> = follow.stdout().lines().map(|line| line.split('\t').nth(5).unwrap().to_owned()).collect();
    assert_eq!(jobs, [first, second.clone(), third.clone()], "each once, as they ended");

    let (mut runs, mut turns) = (Vec::new(), Vec::new());
    while runs.last() != Some(&third) {
        match timeout(SOON, told.try_next()).await.unwrap().unwrap().unwrap() {
            Event::Run(run) => runs.push(run.job.to_string()),
            Event::Problems(_) => turns.push("problems"),
            // It is looked at only now.
            Event::Lost(_) | Event::Problem(_) => {}
            Event::Open => turns.push("open"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((runs, turns), (vec![second, third], vec!["problems", "open", "problems"]));
}

async fn a_stream_ends_with_the_server(start: Start) {
    let web = Web::start(start).await;
    let mut told = Told::of(&web, "kinds=problems").await;
    told.next().await;
    let stopped = Instant::now();
    web.naptime.sigterm();
    while told.block().await.is_some() {}
    assert!(web.naptime.wait_exit(SOON).await.success());
    assert!(stopped.elapsed() < AT_ONCE, "{:?}", stopped.elapsed());
}

#[tokio::test]
async fn a_stream_ends_with_the_session() {
    let file = File::fresh();
    let web = Web::start(locked(&file)).await;
    let ask = || web.request(Method::GET, "/api/stream?kinds=problems");
    send(ask()).await.is_problem(401, "unauthorized", "");
    let cookie = cookie(&web).await;
    let mut told = Told::open(ask().header(COOKIE, &cookie)).await;
    told.next().await;
    send(web.request(Method::POST, "/logout").header(COOKIE, &cookie)).await.leads_to("/login");
    while told.block().await.is_some() {}
}

#[tokio::test]
async fn streams_leave_room_for_others() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let mut open = join_all((0..64).map(|_| Told::of(&web, "kinds=endpoints"))).await;
    let refused = web.request(Method::GET, "/api/stream").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(web.get("/api/endpoints").await.status, 200);
    open.pop();
    naptime_tests::eventually(SOON, "there is room again", async || {
        let answer = web.request(Method::GET, "/api/stream").send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}
