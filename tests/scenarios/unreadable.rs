//! What is stored and cannot be read, because a later version wrote it or somebody by hand: it is named, and nothing else
//! suffers for it.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::{Answer, Naptime, Target, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::web::{Web, query};

const IN_TIME: Duration = Duration::from_secs(20);

/// Writes into the database by hand what no version of Naptime would.
trait Spoil {
    fn up(&self) -> Start;

    /// Makes a row unreadable.
    async fn spoil(&self, row: &Row);
}

enum Row {
    Configuration(Uuid),
    DueWork(Uuid),
    RunOf(Uuid),
    Pool(String),
    Rule(&'static str),
}

impl Spoil for File {
    fn up(&self) -> Start {
        Naptime::up(self)
    }

    async fn spoil(&self, row: &Row) {
        let file = rusqlite::Connection::open(self.path()).unwrap();
        let (sql, key): (&str, Box<dyn rusqlite::ToSql>) = match row {
            Row::Configuration(id) => ("UPDATE jobs SET spec = '{}' WHERE id = ?1", Box::new(id.into_bytes())),
            Row::DueWork(id) => ("UPDATE due SET state = '{}' WHERE id = ?1", Box::new(id.into_bytes())),
            Row::RunOf(id) => ("UPDATE runs SET worker = x'00' WHERE job = ?1", Box::new(id.into_bytes())),
            Row::Pool(name) => {
                ("UPDATE pools SET transport = 'pigeon', known = 1 WHERE pool = ?1", Box::new(name.clone()))
            }
            Row::Rule(name) => ("UPDATE rules SET rule = '{}' WHERE name = ?1", Box::new(*name)),
        };
        assert!(file.execute(sql, [key]).unwrap() > 0);
    }
}

impl Spoil for naptime_tests::mongo::Database {
    fn up(&self) -> Start {
        Naptime::up(self)
    }

    async fn spoil(&self, row: &Row) {
        let id = |id: &Uuid| mongodb::bson::Uuid::from_bytes(id.into_bytes());
        let (collection, filter, set) = match row {
            Row::Configuration(it) => ("jobs", doc! {"_id": id(it)}, doc! {"schedule": {"kind": "sundial"}}),
            Row::DueWork(it) => ("due", doc! {"_id": id(it)}, doc! {"counters": "many"}),
            Row::RunOf(it) => ("runs", doc! {"job": id(it)}, doc! {"worker": "otter"}),
            Row::Pool(name) => ("pools", doc! {"_id": name}, doc! {"transport": "pigeon", "known": true}),
            Row::Rule(name) => ("rules", doc! {"_id": *name}, doc! {"rev": "first"}),
        };
        let collection = self.open().await.collection::<Document>(collection);
        assert!(collection.update_many(filter, doc! {"$set": set}).await.unwrap().modified_count > 0);
    }
}

mod sqlite {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_read_is_named_and_takes_nothing_with_it() {
        check(&File::fresh()).await;
    }
}

mod mongodb_ {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_read_is_named_and_takes_nothing_with_it() {
        check(&naptime_tests::mongo::fresh_database().await).await;
    }
}

fn id_of(path: &str) -> Uuid {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

fn names(value: &Value, list: &str, name: &str) -> Vec<String> {
    value[list].as_array().into_iter().flatten().map(|it| it[name].as_str().unwrap().to_owned()).collect()
}

async fn check(store: &impl Spoil) {
    let target = Target::start().await;
    target.on("/", Answer::ok());
    let web = Web::start(store.up()).await;
    let mut paths = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let (path, _) = web.add(json!({"url": target.url(&format!("/{name}")), "every": "1h"})).await;
        paths.push(path);
    }
    let other = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1h"})).await.0;
    let job = web.post("/api/jobs", &json!({"url": target.url("/job"), "in": "1h"})).await;
    let job: Uuid = job.value()["id"].as_str().unwrap().parse().unwrap();
    let called = web.post("/api/jobs", &json!({"url": target.url("/called")})).await.value();
    let called = format!("/api/jobs/{}", called["id"].as_str().unwrap());
    web.runs(&called, 1).await;
    let rule = json!({"event": "user.left", "then": "switch_off"});
    for name in ["fine", "spoiled"] {
        let reply = web.json(Method::PUT, &format!("/api/rules/{name}"), rule.to_string()).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    web.call_now(&paths[3]).await;
    let runs = format!("{}/runs", paths[3]);
    let is_recorded = async || (!web.items(&runs).await.is_empty()).then_some(());
    eventually(IN_TIME, "the call is recorded", is_recorded).await;

    let (configuration, due_work) = (id_of(&paths[0]), id_of(&paths[1]));
    for row in [
        Row::Configuration(configuration),
        Row::DueWork(due_work),
        Row::DueWork(job),
        Row::RunOf(id_of(&paths[3])),
        Row::RunOf(id_of(&called)),
        Row::Pool("http://127.0.0.1:9".to_owned()),
        Row::Rule("spoiled"),
    ] {
        store.spoil(&row).await;
    }

    // By pages of one, in the API: each is an item or named, and none ends the list.
    let (mut found, mut unreadable, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = web.get(&format!("/api/endpoints?limit=1{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.value();
        found.extend(names(&page, "items", "id"));
        unreadable.extend(names(&page, "unreadable", "id"));
        assert!(found.len() + unreadable.len() <= 5, "it goes round in circles");
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&{}", query(&[("cursor", next)]));
    }
    found.sort_unstable();
    unreadable.sort_unstable();
    let sorted = |ids: &[Uuid]| {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(found, sorted(&[id_of(&paths[2]), id_of(&paths[3]), id_of(&other)]));
    assert_eq!(unreadable, sorted(&[configuration, due_work]));
    let jobs = web.get("/api/jobs").await.value();
    assert_eq!(names(&jobs, "unreadable", "id"), [job.to_string()]);
    for runs in [runs, format!("{called}/runs")] {
        let runs = web.get(&runs).await.value();
        assert_eq!((runs["items"].as_array().unwrap().len(), names(&runs, "unreadable", "id").len()), (0, 1));
    }
    assert_eq!(names(&web.get("/api/pools").await.value(), "unreadable", "id"), ["http://127.0.0.1:9"]);
    let rules = web.get("/api/rules").await.value();
    assert_eq!(
        (names(&rules, "items", "name"), names(&rules, "unreadable", "id")),
        (vec!["fine".to_owned()], vec!["spoiled".to_owned()])
    );

    // On the pages.
    for (path, shown) in [
        ("/endpoints", configuration.to_string()),
        ("/endpoints", due_work.to_string()),
        ("/endpoints", "/c</span>".to_owned()),
        ("/jobs", job.to_string()),
        (paths[3].strip_prefix("/api").unwrap(), "cannot read".to_owned()),
        ("/pools", "http://127.0.0.1:9</code>".to_owned()),
        ("/pools", target.url("").trim_end_matches('/').to_owned()),
        ("/rules", "spoiled".to_owned()),
        ("/", "Naptime".to_owned()),
        ("/api/plan", "workers".to_owned()),
    ] {
        let page = web.get(path).await;
        assert!(page.status == 200 && page.text.contains(&shown), "{path} does not show {shown}: {}", page.text);
    }

    // The others are called, also by a worker that starts now.
    let path = paths[2].clone();
    web.call_now(&path).await;
    target.wait_for(IN_TIME, "another is called", |calls| calls.iter().any(|call| call.path() == "/c")).await;
    let log = web.naptime.output();
    for id in [configuration, due_work] {
        assert!(log.contains(&id.to_string()), "the log does not name {id}: {log}");
    }
    drop(web);
    target.forget();
    let web = Web::start(store.up()).await;
    web.call_now(&path).await;
    target.wait_for(IN_TIME, "another is called", |calls| calls.iter().any(|call| call.path() == "/c")).await;
}
