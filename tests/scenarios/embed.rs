//! Naptime inside an app of one's own: functions of the app in place of URLs, and pages and API under a path of the app.
//!
//! The app is the example of `naptime-embed`, as a reader starts it.

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_tests::sqlite::File;
use naptime_tests::{Host, Naptime, eventually, http, mongo};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::web::{Reply, SOON, send, with_form};

const BASE: &str = "/naptime";

/// The app with a client of its own.
struct App {
    host: Host,
    client: Client,
}

impl App {
    async fn on(file: &File) -> Self {
        Self { host: Host::start(file).await, client: http::client() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.host.url(path))
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    /// Posts to the API, and returns where what was added is.
    async fn add(&self, path: &str, new: Value) -> String {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        let reply = send(request.body(new.to_string())).await;
        assert!(matches!(reply.status, 201 | 202), "{}", reply.text);
        reply.header("location").to_owned()
    }

    /// The runs of an endpoint or a job, oldest first, once there are `count`.
    async fn runs(&self, path: &str, count: usize) -> Vec<Value> {
        eventually(SOON, &format!("{count} runs of {path}"), async || {
            let reply = self.get(&format!("{path}/runs")).await;
            let mut runs = reply.value()["items"].as_array().unwrap().clone();
            runs.retain(|run| run["skipped"].is_null());
            runs.reverse();
            Some(runs).filter(|runs| runs.len() >= count)
        })
        .await
    }

    async fn job_is(&self, path: &str, state: &str) -> Value {
        eventually(SOON, &format!("{path} is {state}"), async || {
            Some(self.get(path).await.value()).filter(|job| job["state"] == state)
        })
        .await
    }
}

/// Outcome, status and first line of the message.
fn end(run: &Value) -> (&str, Option<u64>, &str) {
    let message = run["message"].as_str().unwrap();
    (run["outcome"].as_str().unwrap(), run["status"].as_u64(), message.lines().next().unwrap_or_default())
}

#[tokio::test]
async fn functions_are_called_as_urls_are() {
    let file = File::fresh();
    let app = App::on(&file).await;
    assert_eq!(app.get("/").await.text, "the app's own page\n");

    let endpoint = json!({"url": "job://hello", "every": "1s", "active": true, "name": "greeting"});
    let hello = app.add("/naptime/api/endpoints", endpoint).await;
    let known = app.get(&hello).await.value();
    assert_eq!((&known["pool"], &known["channel"]), (&json!("job://hello"), &json!("/")));
    let runs = app.runs(&hello, 3).await;
    let due = |run: &Value| run["due"].as_str().unwrap().parse::<naptime_core::Time>().unwrap();
    for run in &runs {
        assert_eq!(end(run), ("ok", Some(200), &*format!("hello from the app, for {}", due(run))));
    }
    assert!(runs.windows(2).all(|pair| due(&pair[1]).since(due(&pair[0])) >= Duration::from_secs(1)), "{runs:?}");

    let flaky = json!({"url": "job://flaky", "retry": {"backoff": "100ms"}});
    let flaky = app.add("/naptime/api/jobs", flaky).await;
    app.job_is(&flaky, "done").await;
    let runs = app.runs(&flaky, 2).await;
    assert_eq!(end(&runs[0]), ("failed", Some(503), "out of paper"));
    assert_eq!((end(&runs[1]), &runs[1]["attempt"]), (("ok", Some(200), "printed"), &json!(2)));
    assert_eq!(runs[0]["due"], runs[1]["due"]);

    let slow =
        app.add("/naptime/api/jobs", json!({"url": "job://slow", "timeout": "1s", "retry": {"attempts": 1}})).await;
    app.job_is(&slow, "failed").await;
    assert_eq!(end(&app.runs(&slow, 1).await[0]), ("timeout", None, "no answer within 1s"));

    let request = app.request(Method::POST, "/naptime/api/endpoints").header("content-type", "application/json");
    send(request.body(json!({"url": "job://", "every": "1s"}).to_string())).await.is_problem(422, "bad_host", "url");
}

#[tokio::test]
async fn a_worker_without_the_function_says_so() {
    let database = mongo::fresh_database().await;
    let web = super::web::Web::start(Naptime::web(&database)).await;
    let (job, _) = web.enqueue(json!({"url": "job://hello", "retry": {"attempts": 1}})).await;
    eventually(SOON, "the job has failed", async || {
        Some(web.get(&job).await.value()).filter(|job| job["state"] == "failed")
    })
    .await;
    let runs = web.runs(&job, 1).await;
    assert_eq!(end(&runs[0]), ("connection_failed", None, "no handler `hello` in this worker"));
    web.naptime.sigterm();
    web.naptime.wait_exit(SOON).await;

    let app = App { host: Host::start(&database).await, client: http::client() };
    let job = format!("{BASE}{job}");
    let retried = send(app.request(Method::POST, &format!("{job}/retry"))).await;
    assert!(matches!(retried.status, 200 | 202), "{}", retried.text);
    app.job_is(&job, "done").await;
    let runs = app.runs(&job, 2).await;
    assert_eq!(end(runs.last().unwrap()).0, "ok", "{runs:?}");
}

/// The addresses of this server in a page, each with the attribute that holds it.
fn addresses(page: &str) -> Vec<(&str, String)> {
    let found = [" href=\"", " src=\"", " action=\"", " formaction=\"", " data-preview=\""].map(|attribute| {
        let values = page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        values.map(move |value| (attribute.trim_matches([' ', '=', '"']), value.replace("&amp;", "&")))
    });
    found.into_iter().flatten().filter(|(_, address)| address.starts_with('/')).collect()
}

#[tokio::test]
async fn all_addresses_lie_under_the_path() {
    let file = File::fresh();
    let app = App::on(&file).await;
    let new = json!({"url": "job://hello", "every": "1s", "active": true, "sla": "10s", "tags": ["greetings"]});
    let hello = app.add("/naptime/api/endpoints", new).await;
    app.runs(&hello, 1).await;
    let job = app.add("/naptime/api/jobs", json!({"url": "job://hello"})).await;
    app.job_is(&job, "done").await;
    // What a form leads to. Further runs would be further pages.
    let id = hello.rsplit('/').next().unwrap();
    let switch = app.request(Method::POST, &format!("{BASE}/endpoints/{id}/switch"));
    send(with_form(switch, &[("active", "false")])).await.leads_to(&format!("{BASE}/endpoints/{id}"));

    // From page to page, each of a kind of list once, whatever its filter.
    let (mut seen, mut waiting) = (BTreeSet::from([BASE.to_owned()]), vec![BASE.to_owned()]);
    while let Some(path) = waiting.pop() {
        let reply = app.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        if !reply.header("content-type").starts_with("text/html") {
            continue;
        }
        for (attribute, address) in addresses(&reply.text) {
            assert!(address.starts_with("/naptime/"), "{path}: {attribute}={address}");
            let bare = address.split(['?', '#']).next().unwrap().to_owned();
            // What has no page of its own is where a form is sent.
            if ["href", "src"].contains(&attribute) && seen.insert(bare) {
                waiting.push(address);
            }
        }
    }
    for path in
        ["/endpoints", "/endpoints/new", "/runs", "/jobs", "/pools/job/hello", "/sla", "/alerts", "/rules", "/docs"]
    {
        assert!(seen.contains(&format!("{BASE}{path}")), "{path} is not in {seen:?}");
    }
    assert!(seen.contains(&format!("{BASE}/endpoints/{id}")) && seen.contains("/naptime/assets/style.css"), "{seen:?}");
    assert_eq!(app.get("/naptime/assets/style.css").await.header("content-type"), "text/css; charset=utf-8");

    // What is not there, and what the API says of itself.
    let nothing = app.get("/naptime/nothing").await;
    assert!(nothing.status == 404 && nothing.text.contains("href=\"/naptime/endpoints\""), "{}", nothing.text);
    let document = app.get("/naptime/api/openapi.json").await.value();
    assert_eq!(document["servers"], json!([{"url": BASE}]));
}

#[tokio::test]
async fn a_stop_lets_calls_end_and_ends_streams() {
    let file = File::fresh();
    let app = App::on(&file).await;
    let slow = app.add("/naptime/api/jobs", json!({"url": "job://slow"})).await;
    app.job_is(&slow, "running").await;
    let stream = app.request(Method::GET, "/naptime/api/stream").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    app.host.sigterm();
    let rest = stream.text().await.unwrap();
    assert!(app.host.wait_exit(SOON).await.success(), "{rest}");

    // The file is free for another process, which finds the call recorded.
    let app = App::on(&file).await;
    app.job_is(&slow, "done").await;
    let runs = app.runs(&slow, 1).await;
    assert_eq!((runs.len(), end(&runs[0])), (1, ("ok", Some(200), "done")));
}
