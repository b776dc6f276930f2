//! The document of the API: it is valid, names what the handlers read, and every answer is as it says.

use std::path::PathBuf;
use std::process::Output;
use std::time::Instant;

use naptime_tests::naptime::Start;
use naptime_tests::scratch::Scratch;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Naptime, tools};
use serde_json::{Value, json};
use tokio::process::Command;

use super::web::{Web, on_both_stores};

on_both_stores!(every_answer_is_as_the_document_says);

/// The most cases of one operation in each phase.
const CASES: u32 = 25;

/// Runs a Python program among the packages of Schemathesis.
async fn python(args: &[&str], folder: &Scratch) -> Output {
    let path = tools::python_path(&["schemathesis"]);
    let mut command = Command::new("python3");
    command.args(args).env("PYTHONPATH", path).current_dir(folder.path()).kill_on_drop(true).output().await.unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

async fn document(web: &Web) -> Value {
    let reply = web.get("/api/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    reply.value()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[tokio::test]
async fn the_document_is_valid() {
    let (store, folder) = (naptime_tests::sqlite::File::fresh(), Scratch::new());
    let web = Web::start(Naptime::up(&store)).await;
    let document = document(&web).await;
    assert_eq!(document["openapi"], "3.1.0");
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let checked = python(&["-m", "openapi_spec_validator", &file.display().to_string()], &folder).await;
    assert!(checked.status.success(), "{}", text(&checked));

    let mut ids = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap());
        }
    }
    assert!(ids.len() >= 50, "{ids:?}");
    // The page has all of it.
    let page = web.get("/docs").await;
    assert_eq!(page.status, 200);
    for id in ids {
        assert!(page.text.contains(&format!("id=\"{id}\"")), "{id}");
    }
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    for code in codes {
        assert!(page.text.contains(code.as_str().unwrap()), "{code}");
    }
}

#[tokio::test]
async fn the_parameters_of_the_document_are_those_that_are_read() {
    let store = naptime_tests::sqlite::File::fresh();
    let web = Web::start(Naptime::up(&store)).await;
    let (_, endpoint) = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d"})).await;
    let job = web.post("/api/jobs", &json!({"url": "http://127.0.0.1:9/", "in": "1d"})).await.value();
    let mut checked = 0;
    for (path, item) in entries(&document(&web).await["paths"]) {
        for (method, operation) in entries(item) {
            let documented: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            if documented.is_empty() {
                continue;
            }
            let id = if path.starts_with("/api/jobs") { &job["id"] } else { &endpoint["id"] };
            let path = path.replace("{id}", id.as_str().unwrap()).replace("{name}", "known");
            let method = method.to_uppercase().parse().unwrap();
            // A body is read before the parameters.
            let reply = web.json(method, &format!("{path}?no_such=1"), "{}").await;
            let detail = reply.value()["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(reply.value()["code"], "unknown_parameter", "{path}: {detail}");
            let (_, read) = detail.rsplit_once(": ").unwrap();
            let mut read: Vec<&str> = read.split(", ").collect();
            let mut documented = documented;
            read.sort_unstable();
            documented.sort_unstable();
            assert_eq!(read, documented, "{path}");
            checked += 1;
        }
    }
    assert!(checked > 15, "{checked}");
}

/// Adds one of everything, so that there are answers that are not empty. Returns the parameters of what can be looked at.
async fn furnish(web: &Web, target: &Target) -> String {
    target.on("/fails", Answer::status(500).body("out of paper"));
    let on_demand = json!({"keep": "all", "sla": "2d", "active": true, "tags": ["a"], "key": "known"});
    let endpoint = web.add_on_demand(&target.url("/fails"), &on_demand).await;
    web.call_now(&endpoint).await;
    let run = web.runs(&endpoint, 1).await.remove(0);
    let job = web.enqueue(json!({"url": target.url("/fails"), "retry": {"attempts": 1}, "key": "known"})).await.0;
    web.runs(&job, 1).await;
    let put = async |path: &str, body: Value| {
        let reply = web.json(reqwest::Method::PUT, path, body.to_string()).await;
        assert!(reply.status < 300, "{}", reply.text);
    };
    put("/api/rules/known", json!({"event": "e", "then": {"upsert": {"url": target.url("/"), "every": "1d"}}})).await;
    put("/api/receivers/known", json!({"kind": "webhook", "url": target.url("/"), "severity": "bad"})).await;
    let mute = web.post("/api/mutes", &json!({"tag": "a", "for": "1h", "note": "x"})).await;
    assert_eq!(mute.status, 201, "{}", mute.text);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let known = [
        ("get_endpoint", vec![("id", id(&endpoint))]),
        ("list_endpoint_runs", vec![("id", id(&endpoint))]),
        ("get_endpoint_sla", vec![("id", id(&endpoint))]),
        ("get_endpoint_by_key", vec![("key", "known".to_owned())]),
        ("get_job", vec![("id", id(&job))]),
        ("list_job_runs", vec![("id", id(&job))]),
        ("get_run", vec![("job", id(&endpoint)), ("run", run["id"].as_str().unwrap().to_owned())]),
        ("get_rule", vec![("name", "known".to_owned())]),
        ("get_receiver", vec![("name", "known".to_owned())]),
        ("get_pool", vec![("pool", target.url(""))]),
    ];
    let section = |(operation, parameters): &(&str, Vec<(&str, String)>)| {
        let parameters = parameters.iter().map(|(name, value)| format!("\"path.{name}\" = {value:?}"));
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        format!("\n[[operations]]\ninclude-operation-id = \"{operation}\"\nparameters = {{ {parameters} }}\n")
    };
    known.iter().map(section).collect()
}

/// The hosts of the examples do not exist, and texts that are made up are hardly ever URLs, so nobody else is called.
async fn every_answer_is_as_the_document_says(start: Start) {
    let (target, folder, web) = (Target::start().await, Scratch::new(), Web::start(start).await);
    let known = furnish(&web, &target).await;

    let settings: PathBuf = tools::workspace().join("tests/schemathesis.toml");
    let settings = std::fs::read_to_string(settings).unwrap() + known.as_str();
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, settings).unwrap();
    let begun = Instant::now();
    let cases = CASES.to_string();
    let location = web.naptime.url("/api/openapi.json");
    let run = python(
        &[
            "-m",
            "schemathesis.cli",
            "--config-file",
            &file.display().to_string(),
            "run",
            &location,
            "--checks",
            "all",
            // What is deleted can be looked at for a while, and brought back. A blank parameter counts as not said, and a
            // list may be a text, so much of what does not fit the document is taken; what is refused is tested in
            // `bad_input`.
            "--exclude-checks",
            "use_after_free,negative_data_rejection",
            "--max-examples",
            &cases,
            "--seed",
            "1",
            "--mode",
            "all",
            // Its caches are not for threads.
            "--workers",
            "1",
            "--no-shrink",
            "--warnings",
            "off",
        ],
        &folder,
    )
    .await;
    let told = text(&run);
    let end: Vec<&str> = told.lines().rev().take(400).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    eprintln!("Schemathesis took {:?}", begun.elapsed());
    assert!(run.status.success(), "{}", end.join("\n"));
    // It is still there. What was there before may have been deleted.
    assert_eq!(web.get("/api/endpoints").await.status, 200);
}
