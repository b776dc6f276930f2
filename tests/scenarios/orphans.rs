//! What a process leaves behind that dies within a transaction: the server keeps it open for a minute, and locks what it
//! has written.

use std::collections::HashMap;
use std::time::Duration;

use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::{ClientOptions, DriverInfo};
use mongodb::{Client, ClientSession};
use naptime_core::{Change, Edit, Job, Then};
use naptime_mongo::MongoStore;
use naptime_store::{Added, Jobs, Queue};
use naptime_tests::eventually;
use naptime_tests::mongo::{Database, ReplicaSet};
use naptime_tests::naptime::Naptime;
use naptime_tests::target::{Call, Target};

use super::ground::{add, add_all, every, on_demand, open, want};

/// For what comes soon on an idle machine, and later on a busy one. The server would take a minute.
const SOON: Duration = Duration::from_secs(30);
const ANYWHERE: &str = "http://127.0.0.1/";

/// A database on a server of its own: what waits in other tests would end the orphans of these.
async fn fresh() -> (ReplicaSet, Database) {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    (mongo, database)
}

/// A client that the server takes for one of Naptime's.
async fn client(database: &Database) -> Client {
    let mut options = ClientOptions::parse(&database.uri).await.unwrap();
    options.driver_info = Some(DriverInfo::builder().name("naptime".to_owned()).build());
    Client::with_options(options).unwrap()
}

/// Begins a transaction and leaves it open after this write, which is tried until nobody else writes the same.
async fn orphan(database: &Database, write: impl AsyncFn(&mongodb::Database, &mut ClientSession) -> bool) {
    let client = client(database).await;
    let db = client.database(&database.name);
    let session = eventually(SOON, "nobody else writes the same", async || {
        let mut session = client.start_session().await.unwrap();
        session.start_transaction().await.unwrap();
        write(&db, &mut session).await.then_some(session)
    })
    .await;
    // The driver ends it when it is dropped, which a process that is killed does not.
    std::mem::forget(session);
}

/// The same with a write to the due work of a job.
async fn orphan_of(database: &Database, job: &Job) {
    orphan(database, async |db, session| touch(db, session, job).await).await;
}

async fn touch(db: &mongodb::Database, session: &mut ClientSession, job: &Job) -> bool {
    let due = db.collection::<Document>("due");
    let by_id = doc! {"_id": Uuid::from_bytes(job.id.uuid().into_bytes())};
    let touched = due.update_one(by_id, doc! {"$inc": {"touched": 1}}).session(session).await;
    touched.is_ok_and(|touched| touched.matched_count == 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_up_no_worker() {
    let (_mongo, database) = fresh().await;
    let target = Target::start().await;
    let paths = ["/edited", "/another", "/third"];
    let jobs = paths.map(|path| every(Duration::from_secs(1), &target.url(path)));
    let jobs = add_all(&open(&database).await, jobs.into()).await;
    let _worker = Naptime::worker(&database).start().await;
    let counts = |calls: &[Call]| {
        let count = |path: &'static str| (path, calls.iter().filter(|call| call.uri == path).count());
        paths.map(count).into_iter().collect::<HashMap<_, _>>()
    };
    target.wait_for(SOON, "all are called", |calls| counts(calls).values().all(|count| *count > 0)).await;
    orphan_of(&database, &jobs[0]).await;
    let so_far = counts(&target.all_calls());
    let are_called_twice = |calls: &[Call]| counts(calls).iter().all(|(path, count)| *count >= so_far[path] + 2);
    target.wait_for(SOON, "all are called twice more", are_called_twice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_up_no_call_that_is_asked_for_no_claim_no_renewal_and_no_settle() {
    let (_mongo, database) = fresh().await;
    let store = open(&database).await;
    let job = add(&store, on_demand(ANYWHERE)).await;

    orphan_of(&database, &job).await;
    eventually(SOON, "it is asked for", async || store.edit(job.id, None, Edit::CallNow).await.ok()).await;

    orphan_of(&database, &job).await;
    let claim = eventually(SOON, "it is claimed", async || store.lock(&want(1), &[job.id]).await.ok()?.pop()).await;

    orphan_of(&database, &job).await;
    let lost = eventually(SOON, "it is renewed", async || store.renew(&[claim.reference()]).await.ok()).await;
    assert_eq!(lost, []);

    orphan_of(&database, &job).await;
    let given_back = claim.settled(None, Then::GiveBack);
    eventually(SOON, "it is settled", async || store.settle(std::slice::from_ref(&given_back)).await.ok()).await;
    assert!(store.get(job.id).await.unwrap().state.lock().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_up_no_edit() {
    let (_mongo, database) = fresh().await;
    let store = open(&database).await;
    let job = add(&store, on_demand(ANYWHERE)).await;
    orphan_of(&database, &job).await;
    let on = Edit::Change(Change::switch(true));
    let edited = eventually(SOON, "it is edited", async || store.edit(job.id, None, on.clone()).await.ok()).await;
    assert!(edited.active);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_up_nobody_who_adds_the_same() {
    let (_mongo, database) = fresh().await;
    let store = open(&database).await;
    let new = on_demand(ANYWHERE);
    add(&store, new.clone()).await;
    let db = database.open().await;
    let [jobs, due] = ["jobs", "due"].map(|name| db.collection::<Document>(name));
    let stored = jobs.find_one_and_delete(doc! {}).await.unwrap().unwrap();
    due.delete_one(doc! {}).await.unwrap();
    orphan(&database, async |db, session| {
        db.collection::<Document>("jobs").insert_one(&stored).session(session).await.is_ok()
    })
    .await;
    let added = store.insert(vec![new]).await.unwrap();
    assert!(matches!(added[..], [Added::New(_)]), "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_up_no_start_that_makes_an_index() {
    let (_mongo, database) = fresh().await;
    let job = add(&open(&database).await, on_demand(ANYWHERE)).await;
    let due = database.open().await.collection::<Document>("due");
    due.drop_indexes().await.unwrap();
    orphan_of(&database, &job).await;
    let options = naptime_mongo::Options::default;
    eventually(SOON, "another starts", async || MongoStore::open(&database.uri, options()).await.ok()).await;
    assert!(due.list_index_names().await.unwrap().len() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_no_orphan() {
    let (_mongo, database) = fresh().await;
    let store = open(&database).await;
    let job = add(&store, on_demand(ANYWHERE)).await;
    let client = client(&database).await;
    let db = client.database(&database.name);
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    assert!(touch(&db, &mut session, &job).await);
    let ask = async move || store.edit(job.id, None, Edit::CallNow).await.ok();
    let waits = tokio::spawn(async move { eventually(SOON, "it is asked for", ask).await });
    // Between statements for longer in all than an orphan may be, and never for long at a time.
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_millis(350)).await;
        db.collection::<Document>("jobs").find_one(doc! {}).session(&mut session).await.unwrap();
    }
    session.commit_transaction().await.unwrap();
    waits.await.unwrap();
}
