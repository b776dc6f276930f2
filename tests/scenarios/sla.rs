//! Are the SLAs met? Through the whole system: a breach shows while it lasts, ends when it does, and says why it was.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Cause, Pool, PoolChange, Time};
use naptime_mongo::MongoStore;
use naptime_sqlite::SqliteStore;
use naptime_store::{PageRef, WebStore};
use naptime_tests::eventually;
use naptime_tests::naptime::{Naptime, Start, Store};
use naptime_tests::target::{Answer, Signal, Target};
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(store:
    a_target_that_fails_is_told_while_it_does,
    workers_that_are_gone_are_told,
    what_is_switched_off_is_told,
    a_pool_that_is_switched_off_is_told,
    slots_that_are_full_are_told,
    outside_the_hours_of_an_sla_nothing_is_broken,
    without_an_sla_the_page_says_how_to_set_one,
    what_cannot_be_shown_is_named,
);

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A web, and a worker: all in one process on a file, two on MongoDB.
struct System {
    web: Web,
    worker: Option<Naptime>,
    capacity: &'static str,
}

impl System {
    async fn start(store: &impl Store, capacity: &'static str) -> Self {
        if store.env().0 == "NAPTIME_DB" {
            let web = Web::start(Naptime::up(store).env("WORKER_MAX_CAPACITY", capacity)).await;
            return Self { web, worker: None, capacity };
        }
        let web = Web::start(Naptime::web(store).env("WEB_WORKER_MAX_CAPACITY", "0")).await;
        let worker = Some(worker(Naptime::worker(store), capacity).await);
        Self { web, worker, capacity }
    }

    /// Kills whoever works.
    fn kill(&self) {
        self.worker.as_ref().unwrap_or(&self.web.naptime).kill9();
    }

    /// Starts what was killed again.
    async fn restart(&mut self, store: &impl Store) {
        match &mut self.worker {
            Some(old) => *old = worker(Naptime::worker(store), self.capacity).await,
            None => *self = Self::start(store, self.capacity).await,
        }
    }

    /// An endpoint that is called every second, and well at least every five, as it is once it was called.
    async fn add(&self, target: &Target) -> String {
        let (endpoint, _) =
            self.web.add(json!({"url": target.url("/steady"), "every": "1s", "sla": "5s", "active": true})).await;
        eventually(SOON, "its first good call", async || {
            let runs = self.web.items(&format!("{endpoint}/runs")).await;
            runs.iter().any(|run| run["outcome"] == "ok").then_some(())
        })
        .await;
        endpoint
    }

    async fn value(&self, path: &str) -> Value {
        let reply = self.web.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.value()
    }

    /// Waits until a breach of this cause lasts, and checks that every page and answer agrees.
    async fn lasts(&self, endpoint: &str, cause: &str) {
        let what = format!("a breach lasts: {cause}");
        let all = eventually(SOON, &what, async || {
            let all = self.value("/api/sla").await;
            (all["in_breach"][0]["cause"] == cause).then_some(all)
        })
        .await;
        assert_eq!((&all["met"], &all["in_breach"][0]["to"]), (&json!(false), &Value::Null), "{all}");
        let one = self.value(&format!("{endpoint}/sla")).await;
        assert_eq!((&one["met"], &one["breach"]["cause"]), (&json!(false), &json!(cause)), "{one}");
        assert_eq!(one["breach"]["from"], all["in_breach"][0]["from"]);
        assert_eq!(endpoint.rsplit('/').next(), all["in_breach"][0]["endpoint"]["id"].as_str());
        let words = cause.replace('_', " ");
        let page = self.web.get("/sla").await.text;
        assert!(page.contains("Not met: 1 of 1 endpoint in breach") && page.contains(&words), "{page}");
        let detail = self.web.get(endpoint.strip_prefix("/api").unwrap()).await.text;
        assert!(detail.contains(&words) && detail.contains(">in breach<"), "{detail}");
        assert!(self.web.get("/endpoints").await.text.contains(">in breach<"));
        eventually(SOON, "the figure of it", async || {
            self.web.get("/metrics").await.text.contains("naptime_sla_breached 1").then_some(())
        })
        .await;
    }

    /// Waits until the breach has ended, and checks how it is remembered. Returns it.
    async fn has_ended(&self, endpoint: &str, cause: &str) -> Value {
        let what = format!("a breach has ended: {cause}");
        let breach = eventually(SOON, &what, async || {
            let breaches = self.web.items("/api/sla/breaches").await;
            breaches.into_iter().find(|breach| breach["cause"] == cause)
        })
        .await;
        let lasted = breach["lasted_ms"].as_u64().unwrap();
        let counted = |view: &Value| view["longest_gap_ms"].as_u64().unwrap() >= lasted + 5_000;
        let all = eventually(SOON, "the SLA is met again", async || {
            Some(self.value("/api/sla").await).filter(|all| all["met"] == true && counted(all))
        })
        .await;
        assert_eq!((&all["endpoints"], &all["breached"]), (&json!(1), &json!(0)));
        let one = self.value(&format!("{endpoint}/sla")).await;
        for view in [&all, &one] {
            for lookback in ["hour", "day", "week", "retention"] {
                let share = view["share"][lookback].as_f64().unwrap();
                assert!(share > 0.0 && share < 1.0, "{lookback}: {view}");
            }
            assert!(counted(view), "{view} {breach}");
        }
        let page = self.web.get("/sla").await.text;
        assert!(page.contains("Met: the one endpoint with an SLA is within it"), "{page}");
        let list = self.web.get(&format!("{}/breaches", endpoint.strip_prefix("/api").unwrap())).await.text;
        assert!(list.contains(&cause.replace('_', " ")), "{list}");
        breach
    }
}

async fn worker(start: Start, capacity: &str) -> Naptime {
    let worker = start.env("WORKER_MAX_CAPACITY", capacity).start().await;
    worker.wait_line(SOON, "the worker is up", |line| line.contains("starts")).await;
    worker
}

/// The store itself, to look at it while nobody else is there.
async fn open(store: &impl Store) -> Arc<dyn WebStore> {
    let (variable, value) = store.env();
    if variable == "NAPTIME_DB" {
        return Arc::new(SqliteStore::open(value, naptime_sqlite::Options::default()).unwrap());
    }
    Arc::new(MongoStore::open(&value, naptime_mongo::Options::default()).await.unwrap())
}

async fn a_target_that_fails_is_told_while_it_does(store: &impl Store) {
    let target = Target::start().await;
    let system = System::start(store, "10").await;
    let endpoint = system.add(&target).await;
    target.on("/steady", Answer::status(500));
    system.lasts(&endpoint, "target_failed").await;
    target.on("/steady", Answer::ok());
    system.has_ended(&endpoint, "target_failed").await;
}

async fn workers_that_are_gone_are_told(store: &impl Store) {
    let target = Target::start().await;
    let mut system = System::start(store, "10").await;
    let endpoint = system.add(&target).await;
    system.kill();
    let looker = open(store).await;
    eventually(SOON, "it is told that no worker is there", async || {
        let page = looker.in_breach(&PageRef::first(10)).await.unwrap();
        page.items.iter().any(|it| it.breach.cause == Cause::NoWorker).then_some(())
    })
    .await;
    drop(looker);
    if system.worker.is_some() {
        system.lasts(&endpoint, "no_worker").await;
    }
    system.restart(store).await;
    let breach = system.has_ended(&endpoint, "no_worker").await;
    assert!(breach["lasted_ms"].as_u64().unwrap() > 3_000, "for as long as nobody was there: {breach}");
}

async fn what_is_switched_off_is_told(store: &impl Store) {
    let target = Target::start().await;
    let system = System::start(store, "10").await;
    let endpoint = system.add(&target).await;
    assert_eq!(system.web.patch(&endpoint, &json!({"active": false})).await.status, 200);
    system.lasts(&endpoint, "switched_off").await;
    assert_eq!(system.web.patch(&endpoint, &json!({"active": true})).await.status, 200);
    system.has_ended(&endpoint, "switched_off").await;
    // Another promise begins anew, and takes the breach of this one with it if there is one.
    assert_eq!(system.web.patch(&endpoint, &json!({"active": false})).await.status, 200);
    system.lasts(&endpoint, "switched_off").await;
    assert_eq!(system.web.patch(&endpoint, &json!({"sla": null})).await.status, 200);
    let all = eventually(SOON, "no promise runs", async || {
        Some(system.value("/api/sla").await).filter(|all| all["endpoints"] == 0)
    })
    .await;
    assert_eq!((&all["met"], &all["in_breach"]), (&json!(true), &json!([])), "{all}");
    let breaches = system.web.items("/api/sla/breaches").await;
    assert_eq!(breaches.iter().filter(|breach| breach["cause"] == "switched_off").count(), 2, "{breaches:?}");
}

async fn a_pool_that_is_switched_off_is_told(store: &impl Store) {
    let target = Target::start().await;
    let system = System::start(store, "10").await;
    let endpoint = system.add(&target).await;
    let pools = open(store).await;
    let pool = Pool::parse(&target.url("/")).unwrap();
    let switch = async |active| {
        let change = PoolChange { active: Some(active), ..PoolChange::default() };
        pools.change_pool(&pool, None, change).await.unwrap();
    };
    switch(false).await;
    system.lasts(&endpoint, "switched_off").await;
    switch(true).await;
    system.has_ended(&endpoint, "switched_off").await;
}

async fn slots_that_are_full_are_told(store: &impl Store) {
    let target = Target::start().await;
    let seen = Signal::default();
    target.on("/slow", Answer::ok().upon(&seen));
    let system = System::start(store, "1").await;
    let endpoint = system.add(&target).await;
    let slow = system.web.add_on_demand(&target.url("/slow"), &json!({"timeout": "40s"})).await;
    system.web.call_now(&slow).await;
    system.lasts(&endpoint, "late_start").await;
    seen.send();
    system.has_ended(&endpoint, "late_start").await;
}

async fn outside_the_hours_of_an_sla_nothing_is_broken(store: &impl Store) {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500));
    let system = System::start(store, "10").await;
    let now: Time = serde_json::from_value(system.value("/api/sla").await["at"].take()).unwrap();
    // An hour of the day, tomorrow's if need be, that begins in one to two hours.
    let opens = (now + 2 * HOUR).floor(HOUR);
    let clock = |at: Time| at.to_string()[11..16].to_owned();
    // The end of a day is shown as 24:00.
    let closes = clock(opens + HOUR).replace("00:00", "24:00");
    let within = format!("{}-{closes}", clock(opens));
    let [always, in_hours] = [json!("5s"), json!({"every": "5s", "within": within, "tz": "UTC"})].map(
        |sla| json!({"url": target.url("/fails"), "every": "1s", "sla": sla, "active": true, "retry": {"attempts": 1}}),
    );
    let (in_hours, _) = system.web.add(in_hours).await;
    let (always, _) = system.web.add(always).await;
    eventually(SOON, "the one around the clock is in breach", async || {
        (system.value(&format!("{always}/sla")).await["met"] == false).then_some(())
    })
    .await;
    // It is called as often.
    system.web.runs(&in_hours, 3).await;
    let one = system.value(&format!("{in_hours}/sla")).await;
    let deadline = opens + 5 * SECOND;
    assert_eq!((&one["met"], &one["deadline"]), (&json!(true), &json!(deadline.to_string())), "{one}");
    assert_eq!(one["sla"], json!({"every": "5s", "within": within, "tz": "UTC"}));
    let page = system.web.get(&in_hours.replace("/api", "")).await.text;
    assert!(page.contains(&format!("5s within {within}, UTC")), "{page}");
}

async fn without_an_sla_the_page_says_how_to_set_one(store: &impl Store) {
    let system = System::start(store, "1").await;
    let page = system.web.get("/sla").await.text;
    assert!(page.contains("No endpoint has an SLA") && page.contains("5m"), "{page}");
    assert!(!system.web.get("/").await.text.contains("href=\"/sla\">met"));
    let all = system.value("/api/sla").await;
    assert_eq!((&all["met"], &all["share"]["hour"]), (&json!(true), &Value::Null), "{all}");
    let plain = system.web.add_on_demand("http://127.0.0.1:9/", &json!({})).await;
    let one = system.value(&format!("{plain}/sla")).await;
    assert_eq!((&one["sla"], &one["met"], &one["breaches"]), (&Value::Null, &Value::Null, &json!([])), "{one}");
}

async fn what_cannot_be_shown_is_named(store: &impl Store) {
    let system = System::start(store, "1").await;
    let cases = [
        ("/api/sla?limit=0", 400, "limit"),
        ("/api/sla?cursor=x", 400, "cursor"),
        ("/api/sla?cursor=$gt", 400, "cursor"),
        ("/api/sla?since=now", 400, "since"),
        ("/api/sla/breaches?cursor=1.1", 400, "cursor"),
        ("/api/endpoints/01890000-0000-7000-8000-000000000000/sla", 404, "id"),
        ("/api/endpoints/nobody/sla", 400, "id"),
    ];
    for (path, status, field) in cases {
        let reply = system.web.get(path).await;
        assert_eq!((reply.status, &reply.value()["field"]), (status, &json!(field)), "{path}: {}", reply.text);
    }
    for path in ["/sla?lasting=x", "/sla?ended=x"] {
        assert_eq!(system.web.get(path).await.status, 400, "{path}");
    }
}
