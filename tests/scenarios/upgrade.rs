//! A database of the version before: what becomes of it, and of programs of that version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use futures::future::join_all;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::{Hint, IndexOptions};
use naptime_core::{Job, Outcome, Pool, Stage, Then, Time};
use naptime_mongo::{MongoStore, OpenError, Options};
use naptime_store::{Clock, Gates, JobQuery, Jobs, PageRef, Queue, Queued, QueuedQuery, Rules, Runs, Slas};
use naptime_tests::mongo::{self, Database};

use super::ground::want;

/// When the sample was made.
const THEN: Time = Time::from_millis(1_795_881_083_500);
/// What a program of the version before finds its work by.
fn old_peek() -> Document {
    doc! {"gate": 1, "partition": 1, "claim_at": 1, "_id": 1, "size": 1, "pool": 1}
}

/// A database as the version before left it: documents, and the indexes that its programs name.
async fn of_the_version_before() -> Database {
    let sample: BTreeMap<String, Vec<Document>> =
        serde_json::from_str(include_str!("../samples/mongodb_version_0.json")).unwrap();
    let database = mongo::fresh_database().await;
    let db = database.open().await;
    for (name, documents) in sample {
        db.collection::<Document>(&name).insert_many(documents).await.unwrap();
    }
    let jobs = db.collection::<Document>("jobs");
    let ever = doc! {"claim_at": {"$gt": mongodb::bson::DateTime::from_millis(0)}};
    jobs.create_index(index(old_peek(), ever)).await.unwrap();
    jobs.create_index(IndexModel::builder().keys(doc! {"active": 1, "stage": 1}).build()).await.unwrap();
    database
}

fn index(keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// The store, on a clock that shows when the sample was made.
async fn open_then(database: &Database) -> MongoStore {
    let real = MongoStore::open(&database.uri, Options::default()).await.unwrap().now();
    let clock_offset = Arc::new(AtomicI64::new(THEN.millis() - real.millis()));
    MongoStore::open(&database.uri, Options { clock_offset, ..Options::default() }).await.unwrap()
}

async fn find(store: &MongoStore, name: &str) -> Job {
    for deleted in [false, true] {
        let query = JobQuery { q: Some(name.to_owned()), deleted, ..JobQuery::default() };
        let page = store.list(&query, &PageRef::first(50)).await.unwrap();
        if let Some(found) = page.items.into_iter().find(|it| it.name == name) {
            return store.get(found.id).await.unwrap();
        }
    }
    panic!("no endpoint {name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_version_before_keeps_everything() {
    let database = of_the_version_before().await;
    // Several start at the same time.
    join_all((0..4).map(|_| MongoStore::open(&database.uri, Options::default()))).await.into_iter().for_each(
        |opened| {
            opened.unwrap();
        },
    );
    let store = open_then(&database).await;
    let due = database.open().await.collection::<Document>("due");
    assert_eq!(due.count_documents(doc! {}).await.unwrap(), 12);

    let idle = find(&store, "idle").await;
    let at = Time::from_millis(1_795_881_289_864);
    assert_eq!((idle.state.due, idle.state.claim_at(), idle.rev.0, idle.plan.0), (Some(at), Some(at), 1, 1));
    assert_eq!(idle.spec.tags, ["one", "two"]);
    assert_eq!((idle.state.counters.runs, idle.state.counters.ok), (1, 1));
    assert_eq!(idle.state.last.as_ref().map(|last| last.outcome), Some(Outcome::Ok));
    assert!(idle.state.last_ok.is_some() && idle.state.watch.is_some_and(|watch| watch.longest_ms == 25_622));
    assert_eq!(store.runs(idle.id, &PageRef::first(9)).await.unwrap().items.len(), 1);

    let often = find(&store, "often").await;
    assert_eq!((often.spec.request.body.as_deref(), often.state.counters.settled), (Some("a body"), 33));
    let off = find(&store, "off").await;
    assert_eq!((off.active, off.state.due), (false, None));
    assert!(find(&store, "deleted").await.deleted_at.is_some());
    assert_eq!(store.standing().await.unwrap().endpoints, 2);
    let breached = store.in_breach(&PageRef::first(9)).await.unwrap().items;
    assert_eq!(breached.into_iter().filter_map(|it| Some(it.job?.name)).collect::<Vec<_>>(), ["breach"]);
    assert_eq!(store.count().await.unwrap().total, 8);

    // A number without a unit was one of milliseconds.
    let poll = store.rule("poll").await.unwrap();
    let template = serde_json::to_value(poll.rule.template().unwrap()).unwrap();
    assert_eq!((&template["every"], &template["retry"]["backoff"]), (&"300000ms".into(), &"1500ms".into()));
    assert_eq!((poll.rev.0, &template["headers"]), (4, &serde_json::json!([["X-A", "{{ data.a }}"]])));

    // What was searched by held the whole URL once.
    let query = JobQuery { q: Some("token=abc".to_owned()), ..JobQuery::default() };
    assert!(store.list(&query, &PageRef::first(9)).await.unwrap().items.is_empty(), "a secret is searched");
    assert_eq!(find(&store, "masked").await.spec.endpoint.channel().as_str(), "/masked?token=abc");

    let stages = store.stages().await.unwrap();
    assert_eq!([Stage::Waiting, Stage::Retrying, Stage::Done].map(|stage| stages[&stage]), [1, 1, 1]);
    let keyed = store.queued(&QueuedQuery::default(), &PageRef::first(9)).await.unwrap().items;
    assert_eq!(keyed.into_iter().filter_map(|it| it.key).collect::<Vec<_>>(), ["retrying-1", "later-1", "done-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_and_due_is_called_as_before() {
    let database = of_the_version_before().await;
    let store = open_then(&database).await;
    let held = find(&store, "held").await;
    let lock = held.state.lock().cloned().expect("it was held when the sample was made");
    let want = want(20);
    let claims = store.claim(&want).await.unwrap().claims;
    let mut names: Vec<&str> = claims.iter().map(|claim| claim.job.spec.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["breach", "often"], "its lease lasts, and the others are not due");
    store.settle(&claims.iter().map(|claim| claim.settled(None, Then::GiveBack)).collect::<Vec<_>>()).await.unwrap();

    let later = MongoStore::open(&database.uri, Options::default()).await.unwrap();
    let claims = later.claim(&want).await.unwrap().claims;
    let again = claims.iter().find(|claim| claim.job.id == held.id).expect("its lease is over");
    let lost: Vec<_> = again.lock.lost.iter().map(|lost| (lost.token, lost.attempt)).collect();
    assert_eq!((lost, again.attempt()), (vec![(lock.token, lock.attempt)], lock.attempt + 1));
    assert!(lock.attempt > 0, "it had a call to make");
    let gated = find(&store, "gated").await;
    assert!(claims.iter().all(|claim| claim.job.id != gated.id), "its pool has a limit");
    let pool = Pool::parse("http://localhost:8970").unwrap();
    assert_eq!(later.next_in(&[pool]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_the_version_before_are_kept_out() {
    let database = of_the_version_before().await;
    let jobs = database.open().await.collection::<Document>("jobs");
    let mut added = jobs.find_one(doc! {"name": "off"}).await.unwrap().unwrap();
    MongoStore::open(&database.uri, Options::default()).await.unwrap();

    let ever = doc! {"$gt": mongodb::bson::DateTime::from_millis(0)};
    let partitions: Vec<i32> = (0..64).collect();
    let peek = doc! {"gate": "", "partition": {"$in": partitions}, "claim_at": &ever};
    let found = jobs.find_one(peek).hint(Hint::Keys(old_peek())).await.unwrap();
    assert_eq!(found, None, "they find nothing to claim");
    jobs.create_index(index(old_peek(), doc! {"claim_at": ever})).await.expect_err("they don't start");
    added.insert("_id", mongodb::bson::Uuid::new());
    jobs.insert_one(added).await.expect_err("nothing that they add is lost");
    let workers = database.open().await.collection::<Document>("workers");
    let beat = doc! {"$set": {"left": false, "seen_at": mongodb::bson::DateTime::now()}};
    let beat = workers.update_one(doc! {"_id": mongodb::bson::Uuid::new()}, beat).upsert(true);
    beat.await.expect_err("they don't count as living, so no partition is left to them");
    // A restart of ours is none of that.
    MongoStore::open(&database.uri, Options::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_is_refused_by_name() {
    let database = mongo::fresh_database().await;
    MongoStore::open(&database.uri, Options::default()).await.unwrap();
    let schema = database.open().await.collection::<Document>("schema");
    schema.update_one(doc! {}, doc! {"$set": {"version": 7_i64}}).await.unwrap();
    let refused = MongoStore::connect(&database.uri, Options::default()).await.err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 7, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("version 7"), "{refused}");
}
