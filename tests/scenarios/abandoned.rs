//! What a process leaves behind that dies within a transaction: the server keeps it open for a minute, and with it holds
//! whatever it has changed.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::{Document, Uuid, doc};
use naptime_core::{Change, Edit, Job};
use naptime_mongo::MongoStore;
use naptime_store::{Added, Jobs};
use naptime_tests::eventually;
use naptime_tests::mongo::{self, Database};
use naptime_tests::naptime::Naptime;
use naptime_tests::target::{Call, Target};

use super::ground::{add, add_all, every, on_demand, open};

/// For what comes soon on an idle machine, and later on a busy one. The server would take a minute.
const SOON: Duration = Duration::from_secs(30);

/// Begins a transaction as Naptime does, and abandons it after this write.
async fn abandon(database: &Database, write: impl AsyncFn(&mongodb::Database, &mut ClientSession) -> bool) {
    let uri = format!("{}&appName=naptime", database.uri);
    let client = Database { uri, ..database.clone() }.client().await;
    let db = client.database(&database.name);
    let session = eventually(SOON, "nobody else writes the same", async || {
        let mut session = client.start_session().await.unwrap();
        session.start_transaction().await.unwrap();
        write(&db, &mut session).await.then_some(session)
    })
    .await;
    // When it is dropped, the driver ends it; not so when its process is killed.
    std::mem::forget(session);
}

/// The same, with a write to the due work of a job.
async fn abandon_edit(database: &Database, job: &Job) {
    let id = Uuid::from_bytes(job.id.uuid().into_bytes());
    abandon(database, async |db, session| {
        let change = doc! {"$set": {"abandoned": true}};
        db.collection::<Document>("due").update_one(doc! {"_id": id}, change).session(session).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_up_no_call() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let paths = ["/edited", "/another", "/third"];
    let jobs = paths.map(|path| every(Duration::from_secs(1), &target.url(path)));
    let jobs = add_all(&open(&database).await, jobs.into()).await;
    let _worker = Naptime::worker(&database).start().await;
    let all_called = async |times: usize| {
        let is_called = |calls: &[Call], path| calls.iter().filter(|call| call.uri == path).count() >= times;
        let what = format!("each is called {times} times");
        target.wait_for(SOON, &what, |calls| paths.iter().all(|path| is_called(calls, *path))).await;
    };
    all_called(1).await;
    abandon_edit(&database, &jobs[0]).await;
    all_called(target.count() + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_up_no_edit() {
    let database = mongo::fresh_database().await;
    let store = open(&database).await;
    let job = add(&store, on_demand("http://127.0.0.1/")).await;
    abandon_edit(&database, &job).await;
    let on = Edit::Change(Change { active: Some(true), ..Change::default() });
    let edited = eventually(SOON, "it is edited", async || store.edit(job.id, None, on.clone()).await.ok()).await;
    assert!(edited.active);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_up_no_start_that_makes_an_index() {
    let database = mongo::fresh_database().await;
    let job = add(&open(&database).await, on_demand("http://127.0.0.1/")).await;
    let due = database.open().await.collection::<Document>("due");
    due.drop_indexes().await.unwrap();
    abandon_edit(&database, &job).await;
    let options = naptime_mongo::Options::default;
    eventually(SOON, "another starts", async || MongoStore::open(&database.uri, options()).await.ok()).await;
    assert!(due.list_index_names().await.unwrap().len() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_up_nobody_who_adds_the_same() {
    let database = mongo::fresh_database().await;
    let store = open(&database).await;
    let new = on_demand("http://127.0.0.1/");
    add(&store, new.clone()).await;
    let db = database.open().await;
    let [jobs, due] = ["jobs", "due"].map(|name| db.collection::<Document>(name));
    let stored = jobs.find_one_and_delete(doc! {}).await.unwrap().unwrap();
    due.delete_one(doc! {}).await.unwrap();
    abandon(&database, async |db, session| {
        db.collection::<Document>("jobs").insert_one(&stored).session(session).await.is_ok()
    })
    .await;
    let added = store.insert(vec![new]).await.unwrap();
    assert!(matches!(added[..], [Added::New(_)]), "{added:?}");
}
