//! What a deployment asks of its database while there is nothing to do.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::naptime::Naptime;

use super::web::Web;

/// How long it is watched: a few rounds of everything that recurs.
const WATCHED: Duration = Duration::from_secs(20);
/// The most commands of a web and a worker together in that time: six a second. The few of this test's own client count.
const MOST: i64 = 6 * 20;

/// Commands that the server has carried out for its clients. Deletes are left out: nearly all are its own, of what has
/// expired, a few dozen once a minute.
async fn commands(database: &mongodb::Database) -> i64 {
    let status = database.run_command(doc! {"serverStatus": 1}).await.unwrap();
    let commands = status.get_document("metrics").unwrap().get_document("commands").unwrap();
    let total = |name: &str| {
        let command: &Document = commands.get_document(name).unwrap();
        command.get_i64("total").unwrap()
    };
    ["find", "getMore", "insert", "update", "aggregate", "findAndModify", "hello"].map(total).iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_and_a_worker_ask_little_of_a_database_while_nothing_is_due() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let _web = Web::start(Naptime::web(&database)).await;
    let _worker = Naptime::worker(&database).start().await;
    let server = database.open().await;
    // Only time tells how often something happens.
    tokio::time::sleep(WATCHED / 2).await;
    let before = commands(&server).await;
    tokio::time::sleep(WATCHED).await;
    let asked = commands(&server).await - before;
    assert!(asked <= MOST, "{asked} commands in {WATCHED:?}");
    assert!(asked > 20, "the workers live: {asked} commands");
}
