//! `naptime export --all` and `naptime import` of what it wrote: between the two kinds of store, and what is called after.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use naptime_core::load::Figures;
use naptime_core::{CatchUp, Endpoint, JobId, Load, NewJob, Outcome, PoolChange, Schedule, Spec};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::{Clock, Expect, History, Jobs, Moves, PageRef, Pools, Records, Rules};
use naptime_tests::naptime::{Naptime, Store};
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{eventually, mongo};
use serde_json::json;
use uuid::Uuid;

use super::ground::{add, add_all, by_occurrence, due, every, occurrences, open, runs};

const SECOND: Duration = Duration::from_secs(1);
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(60);

fn beside(file: &File) -> SqliteStore {
    SqliteStore::open(file.path(), Options::default()).unwrap()
}

/// How a command on a store ended, and what it wrote.
async fn ended(store: &impl Store, words: &[&str]) -> (Option<i32>, String) {
    let command = Naptime::command(store, words[0]).args(&words[1..]).launch();
    (command.wait_exit(SOON).await.code(), command.output())
}

/// Writes a backup, and returns where it is.
async fn export(store: &impl Store, folder: &Scratch, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    let (code, said) = ended(store, &["export", "--all", "-o", path.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{said}");
    path
}

async fn import(store: &impl Store, backup: &Path) -> (Option<i32>, String) {
    ended(store, &["import", backup.to_str().unwrap()]).await
}

/// The lines of a backup in the order of their texts, but for the first, which tells when and where it was made.
fn lines(backup: &Path) -> Vec<String> {
    let text = fs::read_to_string(backup).unwrap();
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn kinds(lines: &[String]) -> BTreeSet<&str> {
    lines.iter().map(|line| line.split('"').nth(1).unwrap()).collect()
}

/// The sample has jobs in each phase, one among them that was lost four times, runs and a pool with limits.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_the_same_after_the_way_to_mongodb_and_back() {
    let (file, database, back, folder) = (File::fresh(), mongo::fresh_database().await, File::fresh(), Scratch::new());
    let sample = rusqlite::Connection::open(file.path()).unwrap();
    sample.execute_batch(include_str!("../../crates/naptime-sqlite/tests/version_7.sql")).unwrap();
    let store = beside(&file);
    sample.execute_batch(include_str!("../../crates/naptime-sqlite/tests/history.sql")).unwrap();
    let figures = Figures { calls: 3, outcomes: [(Outcome::Ok, 3)].into(), ..Figures::default() };
    store.add_load(&[Load { at: store.now(), worker: Uuid::new_v4().into(), figures }]).await.unwrap();
    let rule = json!({"name": "shop", "event": "order", "job": "{{ id }}", "then": "delete", "enabled": true});
    store.put_rule(serde_json::from_value(rule).unwrap(), Expect::Anything).await.unwrap();
    store.put_record("receiver/1", None, json!({"url": "https://hooks.test/s3cret", "quiet": null})).await.unwrap();
    let pool = store.pools(None, &PageRef::first(1)).await.unwrap().items.remove(0).settings.pool;
    let change = PoolChange { probe: Some(false), ..PoolChange::default() };
    store.change_pool(&pool, None, change).await.unwrap();

    let first = export(&file, &folder, "first.ndjson").await;
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    let all = lines(&first);
    let expected = ["answer", "breach", "end", "job", "load", "pool", "record", "rule", "run", "sum", "total"];
    assert_eq!(kinds(&all), expected.into());
    assert!(all.iter().any(|line| line.contains("https://hooks.test/s3cret")), "what is masked elsewhere");
    let (code, said) = import(&database, &first).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("imported 9 endpoints and jobs and "), "{said}");
    let second = export(&database, &folder, "second.ndjson").await;
    assert_eq!(lines(&second), all);
    let (code, said) = import(&back, &second).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lines(&export(&back, &folder, "third.ndjson").await), all);

    let (code, said) = import(&database, &first).await;
    assert!(code == Some(1) && said.contains("was imported into") && said.contains("before"), "{said}");
    let (code, said) = import(&database, &second).await;
    assert!(code == Some(1) && said.contains("the database is not empty: it has endpoints or jobs"), "{said}");

    let broken = rusqlite::Connection::open(back.path()).unwrap();
    assert_eq!(broken.execute("UPDATE answers SET transcript = 'none'", []).unwrap(), 1);
    let fourth = folder.path().join("fourth.ndjson");
    let (code, said) = ended(&back, &["export", "--all", "-o", fourth.to_str().unwrap()]).await;
    assert!(code == Some(0) && said.contains("cannot be read"), "whoever exports is told: {said}");
    assert!(!kinds(&lines(&fourth)).contains("answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_from_a_backup_of_a_mongodb_whose_worker_was_killed() {
    const ENDPOINTS: usize = 3;
    let (database, file, target, folder) =
        (mongo::fresh_database().await, File::fresh(), Target::start().await, Scratch::new());
    target.on("/slow", Answer::never());
    let store = open(&database).await;
    let worker = Naptime::worker(&database).start().await;
    let every_second = |n| {
        let mut new = every(SECOND, &target.url(&format!("/e/{n}")));
        new.spec.misfire.catch_up = CatchUp::ALL;
        new
    };
    let endpoints = add_all(&store, (0..ENDPOINTS).map(every_second).collect()).await;
    let once = |path: &str, after: Duration| {
        let endpoint = Endpoint::parse(&target.url(path)).unwrap();
        let mut spec = Spec::new(endpoint, Schedule::Once { at: store.now() + after });
        spec.retry.attempts = 10;
        NewJob { id: JobId::from(Uuid::now_v7()), spec, active: true }
    };
    let (slow, later) = (once("/slow", Duration::ZERO), once("/later", 30 * SECOND));
    let (slow, later) = (add(&store, slow).await, add(&store, later).await);
    let all_called_from = |since: usize| {
        move |calls: &[Call]| {
            let paths: BTreeSet<&str> = calls.iter().skip(since).map(Call::path).collect();
            (0..ENDPOINTS).all(|n| paths.contains(format!("/e/{n}").as_str()))
        }
    };
    target.wait_for(SOON, "all are called", all_called_from(0)).await;
    target.wait_for(SOON, "the slow call", |calls| calls.iter().any(|call| call.path() == "/slow")).await;
    eventually(SOON, "a run is recorded", async || (!runs(&store, endpoints[0].id).await.is_empty()).then_some(()))
        .await;
    worker.kill9();
    worker.wait_exit(SOON).await;

    let backup = export(&database, &folder, "killed.ndjson").await;
    assert!(kinds(&lines(&backup)).is_superset(&["answer", "job", "run"].into()));
    let (code, said) = import(&file, &backup).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lines(&export(&file, &folder, "imported.ndjson").await), lines(&backup));

    target.on("/slow", Answer::ok());
    // What the killed worker had sent has come by now.
    let known = target.count();
    let up = Naptime::up(&file).start().await;
    target.wait_for(SOON, "calls go on", all_called_from(known)).await;
    for path in ["/slow", "/later"] {
        let what = format!("the call of {path}");
        target.wait_for(SOON, &what, |calls| calls.iter().skip(known).any(|call| call.path() == path)).await;
    }
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());

    let (new, calls) = (beside(&file), target.all_calls());
    for (occurrence, of_one) in by_occurrence(&calls) {
        // Whoever called was killed before it could say so.
        let may_repeat = of_one[0].path() == "/slow" || calls[..known].iter().any(|call| due(call) == due(of_one[0]));
        assert!(of_one.len() == 1 || (may_repeat && of_one.len() == 2), "{occurrence}: {} calls", of_one.len());
    }
    for (n, first) in endpoints.iter().enumerate() {
        let now = new.get(first.id).await.unwrap();
        let counters = now.state.counters;
        assert_eq!((counters.missed, counters.settled), (0, occurrences(first, &now)), "/e/{n}");
        let dues: BTreeSet<i64> = target.calls(&format!("/e/{n}")).iter().map(due).collect();
        assert_eq!(dues.len() as u64, occurrences(first, &now), "/e/{n}: each occurrence was called");
    }
    let outcomes: Vec<Outcome> = runs(&new, slow.id).await.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Outcome::Lost, Outcome::Ok]);
    assert_eq!(runs(&new, later.id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_a_fault_leaves_the_database_as_it_was() {
    let (file, empty, folder) = (File::fresh(), File::fresh(), Scratch::new());
    add(&beside(&file), every(SECOND, "http://127.0.0.1:1/")).await;
    let backup = export(&file, &folder, "backup.ndjson").await;
    let text = fs::read_to_string(&backup).unwrap();
    let without_end = text.lines().filter(|line| !line.starts_with(r#"{"end""#)).map(|line| format!("{line}\n"));
    let faulty = [
        (without_end.collect::<String>(), "it was cut off after line "),
        (text[..text.len() / 2].to_owned(), "it was cut off within line "),
        (text.replace(r#"{"job":{"id""#, r#"{"job":{"di""#), "line 2: missing field `id`"),
        (text.replace(r#""format":1"#, r#""format":2"#), "it is in format 2, and this version"),
    ];
    for (text, why) in faulty {
        let path = folder.path().join("faulty.ndjson");
        fs::write(&path, text).unwrap();
        let (code, said) = import(&empty, &path).await;
        let expected = format!("nothing of {} was imported: {why}", path.display());
        assert!(code == Some(1) && said.contains(&expected), "{said}");
        let store = beside(&empty);
        assert_eq!((store.shut().await.unwrap(), store.count().await.unwrap().total), (None, 0));
    }
    let path = backup.to_str().unwrap();
    let (code, said) = ended(&empty, &["import", path, "--plan", "--prune", "--project", "shop"]).await;
    let why = "a backup is put into a database as it is, at once; leave out --plan, --prune, --project";
    assert!(code == Some(1) && said.contains(why), "{said}");
    let (code, said) = import(&file, &backup).await;
    assert!(code == Some(1) && said.contains("the database is not empty"), "{said}");
    let (code, said) = ended(&File::fresh(), &["export", "--all"]).await;
    assert!(code == Some(64) && said.contains("NAPTIME_DB: there is no file "), "{said}");

    let (code, said) = import(&empty, &backup).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ended(&empty, &["export", "--all"]).await;
    assert!(code == Some(0) && said.lines().any(|line| line.starts_with(r#"{"job":"#)), "{said}");
}
