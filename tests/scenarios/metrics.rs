//! What Prometheus reads: figures that add up over all workers, and what is made of them elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use naptime_tests::mongo::fresh_database;
use naptime_tests::naptime::Start;
use naptime_tests::port::free_port;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Naptime, eventually, http, tools};
use serde_json::{Value, json};
use tokio::process::Command;

use super::web::{SOON, Web};

/// Endpoints that answer well, beside the one that doesn't: so many that each of three workers has some among its
/// partitions. It would have none of them once in 17,000 times.
const ENDPOINTS: usize = 30;

/// An answer of `/metrics`: of each name, what its labels are and its value is.
struct Metrics(Vec<(String, BTreeMap<String, String>, f64)>);

impl Metrics {
    fn read(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.strip_suffix('}').and_then(|it| it.split_once('{')).unwrap_or((series, ""));
            let pairs = labels.split(',').filter(|pair| !pair.is_empty());
            let pair = |pair: &str| {
                let (label, value) = pair.split_once('=').unwrap();
                (label.to_owned(), value.trim_matches('"').to_owned())
            };
            (name.to_owned(), pairs.map(pair).collect(), value.parse().unwrap())
        });
        Self(samples.collect())
    }

    async fn of(web: &Web) -> Self {
        let reply = web.get("/metrics").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        Self::read(&reply.text)
    }

    async fn at(address: &str) -> Option<Self> {
        let reply = http::client().get(format!("http://{address}/metrics")).send().await.ok()?;
        Some(Self::read(&reply.error_for_status().ok()?.text().await.ok()?))
    }

    /// The sum of the series of this name that have the label's value; no number if there are none, as while the store
    /// does not answer.
    fn sum(&self, name: &str, label: Option<(&str, &str)>) -> f64 {
        let fits = |labels: &BTreeMap<String, String>| {
            label.is_none_or(|(label, value)| labels.get(label).is_some_and(|it| it == value))
        };
        let found: Vec<f64> =
            self.0.iter().filter(|(it, labels, _)| it == name && fits(labels)).map(|(.., value)| *value).collect();
        if found.is_empty() { f64::NAN } else { found.iter().sum() }
    }

    fn calls(&self) -> usize {
        self.sum("naptime_calls_total", None) as usize
    }
}

/// Adds the endpoints of a target, each called every other second.
async fn add_endpoints(web: &Web, target: &Target) {
    target.on("/fails", Answer::status(500));
    let paths = (0..ENDPOINTS).map(|n| format!("/{n}")).chain(["/fails".to_owned()]);
    for path in paths {
        web.add(json!({"url": target.url(&path), "every": "2s", "active": true})).await;
    }
}

/// Switches all endpoints off, and waits until `/metrics` counts as many calls as the target, and those that failed.
async fn adds_up(web: &Web, target: &Target) -> Metrics {
    let off = web.post("/api/endpoints/off?all=true", &json!({})).await;
    assert_eq!(off.status, 200, "{}", off.text);
    eventually(SOON, "nothing is called any more", async || {
        web.items("/api/endpoints?state=running").await.is_empty().then_some(())
    })
    .await;
    let metrics = eventually(SOON, "as many calls are counted as were made", async || {
        Some(Metrics::of(web).await).filter(|metrics| metrics.calls() == target.count())
    })
    .await;
    let failed = metrics.sum("naptime_calls_total", Some(("outcome", "failed")));
    assert_eq!(failed as usize, target.calls("/fails").len());
    assert_eq!(metrics.sum("naptime_call_seconds_count", None) as usize, target.count());
    assert_eq!(metrics.sum("naptime_call_seconds_bucket", Some(("le", "+Inf"))) as usize, target.count());
    metrics
}

fn on_a_port(start: Start) -> (Start, String) {
    let address = format!("127.0.0.1:{}", free_port());
    (start.env("NAPTIME_METRICS", &*address), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_of_all_workers_are_what_the_target_counted() {
    let database = fresh_database().await;
    let target = Target::start().await;
    let web = Web::start(Naptime::web(&database)).await;
    let (start, address) = on_a_port(Naptime::worker(&database));
    let first = start.start().await;
    let _second = Naptime::worker(&database).start().await;
    eventually(SOON, "three workers live", async || {
        (Metrics::of(&web).await.sum("naptime_workers_alive", None) == 3.0).then_some(())
    })
    .await;
    add_endpoints(&web, &target).await;
    let own = eventually(SOON, "one worker tells of calls of its own", async || {
        let own = Metrics::at(&address).await?;
        Some(own.sum("naptime_worker_calls_total", None)).filter(|calls| *calls >= 5.0)
    })
    .await;
    eventually(SOON, "its calls are among those of all", async || {
        (Metrics::of(&web).await.calls() as f64 >= own).then_some(())
    })
    .await;

    // What it counted last it hands over when it stops.
    first.sigterm();
    assert!(first.wait_exit(SOON).await.success());
    let known = target.count();
    target.wait_for(SOON, "the others go on", |calls| calls.len() > known + ENDPOINTS).await;
    let metrics = adds_up(&web, &target).await;
    assert!(target.count() as f64 > own, "not all calls were made by one worker");
    assert_eq!(metrics.sum("naptime_workers_needed", None), 1.0);
    assert_eq!((metrics.sum("naptime_late_calls", None), metrics.sum("naptime_store_up", None)), (0.0, 1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_of_an_embedded_worker_outlast_it() {
    let file = File::fresh();
    let target = Target::start().await;
    let (start, address) = on_a_port(Naptime::up(&file));
    let web = Web::start(start.clone()).await;
    add_endpoints(&web, &target).await;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 3 * ENDPOINTS).await;
    let before = adds_up(&web, &target).await.calls();
    let own = Metrics::at(&address).await.unwrap();
    assert_eq!(own.sum("naptime_worker_calls_total", None) as usize, before);
    assert_eq!(own.sum("naptime_worker_capacity", None), 100.0);

    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    let web = Web::start(start).await;
    assert_eq!(Metrics::of(&web).await.calls(), before, "the total goes on");
    let own = eventually(SOON, "its own figures", async || Metrics::at(&address).await).await;
    assert_eq!(own.sum("naptime_worker_calls_total", None), 0.0, "a new worker begins anew");
}

/// What a query in PromQL asks for: the metrics by their names, and the labels it goes by.
fn asked(query: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("naptime_"));
    // Labels are before `=` in braces, and in the brackets of `by`.
    let in_braces = query.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let matched = in_braces.flat_map(|(inside, _)| inside.split(',')).filter_map(|it| it.split(['=', '!']).next());
    let grouped = query.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    let grouped = grouped.flat_map(|(inside, _)| inside.split(','));
    (names.collect(), matched.chain(grouped).map(str::trim).filter(|it| !it.is_empty()).collect())
}

/// Asserts that each query asks for what is there, by labels that are there.
fn check_queries<'a>(metrics: &Metrics, queries: impl IntoIterator<Item = &'a str>) -> usize {
    let mut checked = 0;
    for query in queries {
        let (names, labels) = asked(query);
        assert!(!names.is_empty(), "{query} asks for nothing of Naptime's");
        let mut there: BTreeSet<&str> = BTreeSet::new();
        for name in names {
            let found: Vec<_> = metrics.0.iter().filter(|(it, ..)| it == name).collect();
            assert!(!found.is_empty(), "{name} in {query} is not there");
            there.extend(found.iter().flat_map(|(_, labels, _)| labels.keys().map(String::as_str)));
        }
        assert!(labels.is_subset(&there), "{query} goes by {labels:?}, and there are {there:?}");
        checked += 1;
    }
    checked
}

fn file_of_deploy(name: &str) -> String {
    fs::read_to_string(tools::workspace().join("deploy").join(name)).unwrap()
}

/// YAML as JSON.
async fn from_yaml(text: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    let mut python = Command::new("python3");
    let python = python.args(["-c", script, text]).env("PYTHONPATH", tools::python_path(&["schemathesis"]));
    let read = python.kill_on_drop(true).output().await.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

#[tokio::test]
async fn dashboard_and_autoscaler_and_guide_ask_for_metrics_that_there_are() {
    let file = File::fresh();
    let (start, address) = on_a_port(Naptime::up(&file));
    let web = Web::start(start).await;
    let all = eventually(SOON, "the worker lives", async || {
        Some(Metrics::of(&web).await).filter(|it| it.sum("naptime_workers_capacity", None) > 0.0)
    })
    .await;

    let dashboard: Value = serde_json::from_str(&file_of_deploy("grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(check_queries(&all, queries) >= panels.len(), "each panel shows something");

    let scaled = from_yaml(&file_of_deploy("keda.yaml")).await;
    assert_eq!(
        (&scaled["kind"], &scaled["spec"]["scaleTargetRef"]["name"]),
        (&json!("ScaledObject"), &json!("worker"))
    );
    let trigger = &scaled["spec"]["triggers"][0];
    // The number of workers is what is asked for, so each is for one.
    assert_eq!((&trigger["type"], &trigger["metadata"]["threshold"]), (&json!("prometheus"), &json!("1")));
    assert_eq!(check_queries(&all, [trigger["metadata"]["query"].as_str().unwrap()]), 1);

    // The guide has a row for each metric, and for no other.
    let own = eventually(SOON, "its own figures", async || Metrics::at(&address).await).await;
    let parts = ["_bucket", "_sum", "_count"];
    let whole = |name: &str| parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned();
    let there: BTreeSet<String> = [all, own].iter().flat_map(|it| it.0.iter().map(|(name, ..)| whole(name))).collect();
    let guide = fs::read_to_string(tools::workspace().join("docs/metrics.md")).unwrap();
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `naptime_")?.split_once('`'));
    let told: BTreeSet<String> = rows.map(|(name, _)| format!("naptime_{name}")).collect();
    assert_eq!(told, there);
}
