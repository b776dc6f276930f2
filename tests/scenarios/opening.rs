//! What a database must be before anything works on it: there, able to do what a claim needs, of the same environment.

use std::io;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mongodb::bson::{Document, doc};
use naptime_mongo::{MongoStore, OpenError, Options};
use naptime_tests::http;
use naptime_tests::mongo::{self, Database, ReplicaSet};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::{Browser, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const SOON: Duration = Duration::from_secs(20);
const UNAVAILABLE: Option<i32> = Some(69);
/// What a worker says once it has opened its store.
const STARTS: &str = " starts";
/// What a process says while its database is away.
const WAITS: &str = "waiting for it";

/// The answer of a server to a command; none: as MongoDB does.
type Manner = fn(&Document) -> Option<Document>;

/// A server that speaks MongoDB's protocol: a real one, with some answers of its own.
struct LookAlike {
    uri: String,
    _serving: tokio::task::JoinHandle<()>,
}

impl LookAlike {
    /// In front of this database.
    async fn of(database: &Database, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let real = database.uri.split(['/', '?']).nth(2).unwrap().to_owned();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&real).await.unwrap();
                tokio::spawn(speak(client, server, manner));
            }
        });
        let uri = format!("mongodb://{address}/{}?directConnection=true", database.name);
        Self { uri, _serving: serving }
    }
}

/// Passes on what both sides say, but for the commands that the look-alike answers itself.
async fn speak(client: TcpStream, server: TcpStream, manner: Manner) {
    let ((mut from_client, to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let to_client = Mutex::new(to_client);
    let commands = async {
        while let Ok(message) = message(&mut from_client).await {
            match command(&message).as_ref().and_then(manner) {
                Some(answer) => reply(&mut *to_client.lock().await, &message, &answer).await?,
                None => to_server.write_all(&message).await?,
            }
        }
        io::Result::Ok(())
    };
    let answers = async {
        while let Ok(message) = message(&mut from_server).await {
            to_client.lock().await.write_all(&message).await?;
        }
        io::Result::Ok(())
    };
    tokio::select! { _ = commands => {} _ = answers => {} }
}

/// A whole message: its length is its first four bytes.
async fn message(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let mut message = length.to_vec();
    message.resize(u32::from_le_bytes(length) as usize, 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// The command of an `OP_MSG`: after the head of 16 bytes, flags, and the kind of the first section.
fn command(message: &[u8]) -> Option<Document> {
    const OP_MSG: [u8; 4] = 2013_u32.to_le_bytes();
    let is_command = message[12..16] == OP_MSG && message[20] == 0;
    is_command.then(|| Document::from_reader(&message[21..]).unwrap())
}

async fn reply(to: &mut OwnedWriteHalf, asked: &[u8], answer: &Document) -> io::Result<()> {
    let body = answer.to_vec().unwrap();
    let length = u32::try_from(21 + body.len()).unwrap();
    // Length, id, the id of the command, OP_MSG, flags, kind.
    let head = [&length.to_le_bytes(), &[0; 4], &asked[4..8], &asked[12..16], &[0; 4]].concat();
    to.write_all(&[head, vec![0], body].concat()).await
}

fn not_known(what: &str) -> Option<Document> {
    Some(doc! {"ok": 0.0, "errmsg": format!("{what} is not known here"), "code": 59, "codeName": "CommandNotFound"})
}

fn name(command: &Document) -> &str {
    command.keys().next().unwrap()
}

/// What is common to all of them: a name of its own.
fn as_other(command: &Document) -> Option<Document> {
    let build = doc! {"ok": 1.0, "version": "7.0.77", "ferretdb": {"version": "v2.1.0"}};
    (name(command) == "buildInfo").then_some(build)
}

fn worker(uri: &str) -> Start {
    Naptime::worker(&Database { uri: uri.to_owned(), name: String::new() })
}

/// A process that ends at once, and what it says.
async fn refused(start: Start) -> String {
    let begun = Instant::now();
    let process = start.launch();
    let status = process.wait_exit(SOON).await;
    assert_eq!(status.code(), UNAVAILABLE, "{}", process.output());
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert!(!process.output().contains(WAITS), "{}", process.output());
    let output = process.output();
    output.lines().find(|line| line.starts_with("naptime: ")).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_alike_is_refused_by_what_it_cannot_do() {
    let check = async |manner: Manner, lacks: &str| {
        let database = mongo::fresh_database().await;
        let other = LookAlike::of(&database, manner).await;
        let line = refused(worker(&other.uri)).await;
        for word in [lacks, "7.0.77", "ferretdb v2.1.0"] {
            assert!(line.contains(word), "{word}: {line}");
        }
        let collections = database.open().await.list_collection_names().await.unwrap();
        assert!(collections.iter().all(|name| name == "probe"), "nothing looks as if it worked: {collections:?}");
    };
    check(
        |it| {
            let failed = doc! {"code": 79, "errmsg": "no write concern majority is known"};
            let answer = doc! {"ok": 1.0, "n": 1, "writeConcernError": failed};
            as_other(it).or((name(it) == "update" && it.contains_key("writeConcern")).then_some(answer))
        },
        "a write acknowledged by a majority",
    )
    .await;
    check(
        |it| {
            as_other(it)
                .or_else(|| not_known("$$NOW").filter(|_| name(it) == "update" && it.to_string().contains("$$NOW")))
        },
        "$$NOW",
    )
    .await;
    check(
        |it| {
            as_other(it)
                .or_else(|| not_known("hint").filter(|_| name(it) == "findAndModify" && it.contains_key("hint")))
        },
        "findAndModify with a hint",
    )
    .await;
    check(
        |it| as_other(it).or_else(|| not_known("commitTransaction").filter(|_| name(it) == "commitTransaction")),
        "a transaction",
    )
    .await;
    check(
        |it| {
            // A server that says yes and does nothing.
            let nothing = doc! {"ok": 1.0, "n": 0, "nModified": 0};
            as_other(it).or((name(it) == "update").then_some(nothing))
        },
        "a write acknowledged by a majority",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_keeps_nothing_of_the_trial() {
    let database = mongo::fresh_database().await;
    let same = LookAlike::of(&database, |_| None).await;
    for _ in 0..2 {
        MongoStore::open(&same.uri, Options::default()).await.unwrap();
    }
    let probe = database.open().await.collection::<Document>("probe");
    assert_eq!(probe.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_steps_down_is_no_look_alike() {
    let database = mongo::fresh_database().await;
    let stepping = LookAlike::of(&database, |it| {
        let no_primary = doc! {"ok": 0.0, "errmsg": "not primary", "code": 10_107, "codeName": "NotWritablePrimary"};
        (name(it) == "update").then_some(no_primary)
    })
    .await;
    let worker = worker(&stepping.uri).launch();
    worker.wait_line(SOON, "it waits", |line| line.contains(WAITS)).await;
    worker.sigterm();
    assert!(worker.wait_exit(SOON).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_of_one_environment() {
    let database = mongo::fresh_database().await;
    let starts = async |start: Start| {
        let worker = start.launch();
        worker.wait_line(SOON, "it starts", |line| line.contains(STARTS)).await;
        worker
    };
    let worker = || Naptime::worker(&database);
    let environments = database.open().await.collection::<Document>("environment");
    starts(worker()).await;
    assert_eq!(environments.count_documents(doc! {}).await.unwrap(), 0, "none is set, so none is written");
    starts(worker().env("HEROKU_APP_NAME", "shop")).await;
    starts(worker().env("NAPTIME_ENV", "shop").env("FLY_APP_NAME", "another")).await;

    let line = refused(worker().env("HEROKU_APP_NAME", "shop-pr-12")).await;
    for word in ["`shop`", "`shop-pr-12`", "NAPTIME_ENV=shop", &database.name] {
        assert!(line.contains(word), "{word}: {line}");
    }
    refused(worker().env("APP", "shop-pr-12").env("CONTAINER_VERSION", "1")).await;
    refused(Naptime::web(&database).env("NAPTIME_ENV", "test")).await;
    // Many programs know a variable of this name.
    starts(worker().env("APP", "x")).await;
    let nameless = starts(worker()).await;
    nameless.wait_line(SOON, "a warning", |line| line.contains("belongs to the environment shop")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_environment_wins() {
    let database = mongo::fresh_database().await;
    let opened = join_all((0..8).map(|n| {
        let options = Options { environment: Some(format!("review-{n}")), ..Options::default() };
        MongoStore::connect(&database.uri, options)
    }))
    .await;
    let mut refused = 0;
    for error in opened.iter().filter_map(|opened| opened.as_ref().err()) {
        assert!(matches!(error, OpenError::OtherEnvironment { .. }), "{error}");
        refused += 1;
    }
    assert_eq!(refused, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_yet_is_waited_for() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    mongo.kill(0);
    let (worker, web) = (Naptime::worker(&database).launch(), Naptime::web(&database).launch());
    let leaving = Naptime::worker(&database).launch();
    for process in [&worker, &web, &leaving] {
        process.wait_line(SOON, "it waits", |line| line.contains(WAITS)).await;
    }
    leaving.sigterm();
    assert!(leaving.wait_exit(SOON).await.success(), "it does not wait for the database to stop");

    let client = http::client();
    let get = async |path: &str| client.get(web.url(path)).send().await.unwrap();
    let status = async |path: &str| get(path).await.status().as_u16();
    assert_eq!((status("/healthz").await, status("/readyz").await, status("/").await), (200, 503, 503));
    for path in ["/healthz", "/"] {
        let reply = get(path).await;
        assert_eq!(reply.headers()["connection"], "close", "a connection that is used again would be cut soon");
    }
    let text = get("/").await.text().await.unwrap();
    assert!(text.contains("waiting for its database"), "{text}");

    let browser = Browser::start().await;
    browser.goto(web.url("/")).await.unwrap();

    mongo.restart(0).await;
    eventually(2 * SOON, "the web is ready", async || (status("/readyz").await == 200).then_some(())).await;
    worker.wait_line(2 * SOON, "it starts", |line| line.contains(STARTS)).await;
    eventually(SOON, "the page comes by itself", async || {
        (browser.title().await.unwrap() == "Overview · Naptime").then_some(())
    })
    .await;
    for process in [&worker, &web] {
        let lines = process.lines();
        let said = lines.iter().filter(|line| line.text.contains(WAITS)).count();
        // And again after a minute, which a busy machine may take.
        assert!((1..=2).contains(&said), "{}", process.output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_not_waited_out() {
    let database = mongo::fresh_database().await;
    let uri = database.uri.replace("mongodb://", "mongodb://nobody:wrong-password@");
    let line = refused(worker(&uri)).await;
    assert!(line.contains("does not accept the user or the password") && !line.contains("wrong-password"), "{line}");
}
