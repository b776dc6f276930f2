//! A database that takes no writes: its disk is full, or its user may only read.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mongodb::bson::doc;
use naptime_mongo::{MongoStore, OpenError, Options};
use naptime_tests::disk::SmallDisk;
use naptime_tests::eventually;
use naptime_tests::mongo::{Database, ReplicaSet};
use naptime_tests::naptime::Naptime;
use naptime_tests::scratch::Scratch;
use naptime_tests::target::Target;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::web::{Web, escaped, with_form};

const SOON: Duration = Duration::from_secs(60);

/// Waits until the program says, wherever somebody may look, that it is not ready, and why.
async fn says_why(web: &Web, endpoint: &str, why: &str) {
    eventually(SOON, &format!("it is not ready: {why}"), async || {
        let answer = web.request(Method::GET, "/readyz").send().await.ok()?;
        let status = answer.status();
        let problem: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        (status == 503 && problem["code"] == "not_ready" && problem["detail"] == why).then_some(())
    })
    .await;
    assert_eq!(web.get("/healthz").await.status, 200, "the process itself is well");
    let checks = web.get("/api/checks").await.value();
    let mut bad = checks["items"].as_array().unwrap().iter().filter(|check| check["state"] == "bad");
    assert!(bad.any(|check| check["text"].as_str().unwrap().contains(why)), "{checks}");
    let overview = web.get("/").await.text;
    assert!(overview.contains(&escaped(&format!("No calls: {why}"))), "{overview}");

    let patch = web.request(Method::PATCH, endpoint).header(CONTENT_TYPE, "application/json").body(r#"{"name": "x"}"#);
    let answer = patch.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "not_writable", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    let switch = format!("{}/switch", endpoint.replace("/api", ""));
    let answer = with_form(web.request(Method::POST, &switch), &[("active", "false")]).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let page = answer.text().await.unwrap();
    assert!(page.contains(&escaped(&format!("Nothing was saved, because {why}."))), "{page}");
}

/// Waits until it is ready again, and calls go on as if nothing had been.
async fn goes_on(web: &Web, target: &Target, endpoint: &str) {
    eventually(SOON, "it is ready again", async || {
        (web.request(Method::GET, "/readyz").send().await.ok()?.status() == 200).then_some(())
    })
    .await;
    let known = target.count();
    target.wait_for(SOON, "calls go on", |calls| calls.len() >= known + 3).await;
    let stored = web.get(endpoint).await.value();
    assert_eq!((&stored["name"], &stored["active"]), (&json!("before"), &json!(true)), "nothing was changed");
    let overview = web.get("/").await.text;
    assert!(!overview.contains("No calls: "), "{overview}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_outlasted() {
    let disk = SmallDisk::new(8);
    let target = Target::start().await;
    let web = Web::start(Naptime::up(&disk)).await;
    let added = web.add(json!({"url": target.url("/"), "every": "1s", "active": true, "name": "before"})).await;
    let (endpoint, first) = added;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 2).await;

    disk.fill();
    says_why(&web, &endpoint, "the disk of the database is full").await;
    let line = |text: &str| text.contains("the store takes no writes: the disk of the database is full");
    web.naptime.wait_line(SOON, "the worker says so", line).await;
    disk.free();
    goes_on(&web, &target, &endpoint).await;
    web.naptime.wait_line(SOON, "the worker says so", |line| line.contains("the store takes writes again")).await;

    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());
    let web = Web::start(Naptime::up(&disk)).await;
    let now = web.get(&endpoint).await.value();
    let count = |name: &str| now["counters"][name].as_u64().unwrap();
    let ms = |value: &Value| value.as_str().unwrap().parse::<naptime_core::Time>().unwrap().millis();
    let occurrences = (ms(&now["due"]) - ms(&first["due"])) / 1000;
    assert_eq!(i64::try_from(count("settled") + count("missed")).unwrap(), occurrences, "{now}");
    let calls = target.all_calls();
    let keys: HashSet<&str> = calls.iter().map(|call| call.header("Idempotency-Key").unwrap()).collect();
    assert_eq!(keys.len(), calls.len(), "each occurrence is called once");
}

/// A replica set whose user `app` has a role that can be changed.
struct WithUsers {
    set: ReplicaSet,
    _key: Scratch,
}

impl WithUsers {
    async fn start(database: &str, role: &str) -> Self {
        let set = ReplicaSet::start(1).await;
        let folder = Scratch::new();
        let this = Self { set, _key: folder };
        let admin = this.set.fresh_database().client().await.database("admin");
        admin.run_command(doc! {"createUser": "root", "pwd": "secret", "roles": ["root"]}).await.unwrap();
        let roles = vec![doc! {"role": role, "db": database}];
        admin.run_command(doc! {"createUser": "app", "pwd": "secret", "roles": roles}).await.unwrap();
        let key = this._key.path().join("key");
        fs::write(&key, "AnyTextOfTheseSigns012345").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        this.set.kill(0);
        this.set.restart_with(0, &["--keyFile", key.to_str().unwrap()]).await;
        this.set.primary().await;
        this
    }

    /// The database as a user sees it.
    fn database(&self, name: &str, user: &str) -> Database {
        let any = self.set.fresh_database();
        let uri = any.uri.replace("mongodb://", &format!("mongodb://{user}:secret@"));
        let uri = uri.replace(&format!("/{}", any.name), &format!("/{name}")) + "&authSource=admin";
        Database { uri, name: name.to_owned() }
    }

    async fn set_role(&self, database: &str, role: &str) {
        let admin = self.database("admin", "root").client().await.database("admin");
        let roles = vec![doc! {"role": role, "db": database}];
        admin.run_command(doc! {"updateUser": "app", "roles": roles}).await.unwrap();
    }
}

#[tokio::test]
async fn a_user_that_may_only_read_is_told_and_outlasted() {
    let mongo = WithUsers::start("calls", "readWrite").await;
    let target = Target::start().await;
    let web = Web::start(Naptime::up(&mongo.database("calls", "app"))).await;
    let added = web.add(json!({"url": target.url("/"), "every": "1s", "active": true, "name": "before"})).await;
    let (endpoint, _) = added;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 2).await;

    mongo.set_role("calls", "read").await;
    says_why(&web, &endpoint, "the user of the database may only read it").await;
    mongo.set_role("calls", "readWrite").await;
    goes_on(&web, &target, &endpoint).await;
}

#[tokio::test]
async fn a_user_that_may_not_upgrade_a_database_is_told_what_it_takes() {
    let mongo = WithUsers::start("calls", "readWrite").await;
    // Made by a version whose collections demand nothing of their documents.
    let before = mongo.database("calls", "root").client().await.database("calls");
    before.create_collection("jobs").await.unwrap();
    let database = mongo.database("calls", "app");
    let refused = MongoStore::connect(&database.uri, Options::default()).await.err().unwrap();
    assert!(matches!(refused, OpenError::NotAllowedToUpgrade { .. }), "{refused}");
    assert!(refused.to_string().contains("`calls`") && refused.to_string().contains("dbAdmin"), "{refused}");
    mongo.set_role("calls", "dbOwner").await;
    MongoStore::connect(&database.uri, Options::default()).await.unwrap();
    mongo.set_role("calls", "readWrite").await;
    MongoStore::connect(&database.uri, Options::default()).await.unwrap();
}
