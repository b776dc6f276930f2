//! Opening a file: who may, and what is said where it cannot be.

use std::path::Path;

use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec};
use naptime_sqlite::{OpenError, Options, SqliteStore};
use naptime_store::Jobs;
use uuid::Uuid;

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default())
}

fn new_job() -> NewJob {
    let id = JobId::from(Uuid::new_v4());
    let spec = Spec::new(
        Endpoint::parse("http://target.test/").expect("a URL"),
        Schedule::every(std::time::Duration::from_secs(60), id),
    );
    NewJob { id, spec, active: true }
}

fn check_refused(path: &Path, expect: &str) {
    match open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => assert!(error.to_string().contains(expect), "{error}"),
    }
}

#[tokio::test]
async fn what_was_added_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let store = open(&path).expect("a new file");
    let added = store.insert(vec![new_job()]).await.expect("added").remove(0).into_job();
    drop(store);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("a file").file_name()).collect();
    assert_eq!(left, ["naptime.db"], "the file is whole by itself");
    let store = open(&path).expect("the same file");
    assert_eq!(store.get(added.id).await.expect("there"), added);
}

#[test]
fn processes_that_create_a_file_together_all_get_it() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("naptime.db");
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path).map(drop))).collect();
            for opened in opening {
                opened.join().expect("no panic").expect("opened");
            }
        });
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let _store = open(&path).expect("a new file");
    for name in ["naptime.db", "naptime.db-wal", "naptime.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}: it may hold credentials of targets");
    }
}

#[cfg(unix)]
#[test]
fn rights_of_other_users_are_taken_away() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    // Open, so that what SQLite puts beside it is there.
    let _open = open(&path).expect("a new file");
    let names = ["naptime.db", "naptime.db-wal", "naptime.db-shm"].map(|name| folder.path().join(name));
    for name in &names {
        std::fs::set_permissions(name, std::fs::Permissions::from_mode(0o664)).expect("ours");
    }
    let _again = open(&path).expect("the same file");
    for name in &names {
        let mode = std::fs::metadata(name).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    drop(open(&path).expect("a new file"));
    let connection = rusqlite::Connection::open(&path).expect("SQLite opens it");
    connection.pragma_update(None, "user_version", 99).expect("a version");
    check_refused(&path, "newer version of Naptime");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    assert_eq!(version, 99);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    let connection = rusqlite::Connection::open(&path).expect("SQLite opens it");
    connection.execute_batch("CREATE TABLE customers (name TEXT)").expect("a table");
    check_refused(&path, "not a database of Naptime");
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "delete", "not even its journal is changed");

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database at all, but long enough to be read as the header of one".repeat(9))
        .expect("written");
    check_refused(&text, "cannot open");
    check_refused(folder.path(), "cannot open");
    check_refused(&folder.path().join("no/such/folder/naptime.db"), "cannot open");
}
