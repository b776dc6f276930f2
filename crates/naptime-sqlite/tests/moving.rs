//! A file that everything is moved out of: what it lets be done at each stage.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{
    Claim, Edit, Endpoint, JobId, NewJob, Outcome, Partition, Rooms, Run, Schedule, Settled, Spec, Then,
};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::moving::{Contents, Leaving, MoveError, MoveStage, Shut};
use naptime_store::{Clock, Error, Jobs, Moves, Queue, Runs, Want};
use tempfile::TempDir;
use uuid::Uuid;

fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("naptime.db"), Options::default()).expect("a store")
}

fn every_100_ms() -> NewJob {
    let id = JobId::from(Uuid::new_v4());
    let endpoint = Endpoint::parse("http://target.test/").expect("a URL");
    NewJob { id, spec: Spec::new(endpoint, Schedule::every(Duration::from_millis(100), id)), active: true }
}

fn want() -> Want {
    Want {
        worker: Uuid::from_u128(1).into(),
        token: Uuid::now_v7().into(),
        slots: 1000,
        bytes: 1 << 30,
        partitions: Partition::all().collect(),
        late: Duration::ZERO,
        // What is due soon can be claimed, unless something keeps it from that.
        lookahead: Duration::from_secs(1),
        gate: None,
        rooms: Rooms::default(),
    }
}

async fn claim(store: &SqliteStore) -> Vec<Claim> {
    store.claim(&want()).await.expect("a look").claims
}

/// The end of a call that went well, which asks to hold the job over.
fn called(store: &SqliteStore, claim: &Claim) -> Settled {
    let now = store.now();
    let run = Run {
        token: claim.lock.token,
        job: claim.job.id,
        worker: claim.lock.worker,
        due: claim.lock.at,
        started: now,
        finished: now,
        outcome: Outcome::Ok,
        status: Some(200),
        message: String::new(),
        attempt: 1,
        manual: false,
        skipped: None,
    };
    let then = claim.conclude(&run, None);
    Settled { hold_over: Some(Uuid::now_v7().into()), ..claim.settled(Some(run), then) }
}

#[tokio::test]
async fn what_is_held_is_settled_and_nothing_else_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let job = store.insert(vec![every_100_ms()]).await.expect("added").remove(0).into_job();
    let claims = claim(&store).await;
    let [first] = claims.as_slice() else { panic!("{claims:?}") };
    // What is held over waits for its time, and has to be given back.
    let held_over = store.settle(&[called(&store, first)]).await.expect("settled");
    let [waiting] = held_over.as_slice() else { panic!("{held_over:?}") };

    let begun = store.begin_move("mongodb://there/naptime").await.expect("it begins");
    assert_eq!(store.shut().await.expect("an answer"), None, "calls go on meanwhile");
    // As another process has it.
    let other = open(&folder);
    other.close().await.expect("closed");
    assert!(matches!(store.shut().await, Ok(Some(Shut::Leaving { for_good: false, .. }))));
    assert_eq!(store.edited(waiting.lock.worker).await.expect("an answer"), [waiting.reference()]);
    assert!(matches!(store.insert(vec![every_100_ms()]).await, Err(Error::Shut(_))));
    assert!(matches!(store.edit_each(&[job.id], &Edit::CallNow).await, Err(Error::Shut(_))));
    assert_eq!(store.held().await.expect("an answer").count, 1);
    assert!(matches!(other.seal().await, Err(MoveError::Held(1))));

    assert!(store.renew(&[waiting.reference()]).await.expect("renewed").is_empty());
    assert_eq!(store.settle(&[called(&store, waiting)]).await.expect("settled"), [], "nothing more is held over");
    assert_eq!(store.held().await.expect("an answer").count, 0);
    assert_eq!(claim(&store).await, [], "it is due soon, and closed");
    other.seal().await.expect("sealed");

    let copied = other.jobs_after(None, 10).await.expect("jobs");
    assert_eq!(copied, [store.get(job.id).await.expect("the job")]);
    assert_eq!(copied[0].state.counters.settled, 2);
    other.take_back().await.expect("taken back");
    assert!(matches!(other.hand_over().await, Err(MoveError::TakenBack)));
    assert_eq!(claim(&store).await.len(), 1, "calls go on here");
    let again = store.begin_move("mongodb://elsewhere/naptime").await.expect("it begins");
    assert_eq!((again.id, again.stage), (begun.id, MoveStage::Copying));
}

#[tokio::test]
async fn what_is_sealed_does_not_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock_offset = Arc::default();
    let options = Options { clock_offset: Arc::clone(&clock_offset), ..Options::default() };
    let store = SqliteStore::open(folder.path().join("naptime.db"), options).expect("a store");
    let job = store.insert(vec![every_100_ms()]).await.expect("added").remove(0).into_job();
    let claims = claim(&store).await;
    let [held] = claims.as_slice() else { panic!("{claims:?}") };
    store.begin_move("mongodb://there/naptime").await.expect("it begins");
    store.close().await.expect("closed");
    // Whoever holds it is frozen for longer than a lease.
    clock_offset.store(60_000, std::sync::atomic::Ordering::SeqCst);
    store.seal().await.expect("sealed");
    let before = store.get(job.id).await.expect("the job");

    assert_eq!(store.renew(&[held.reference()]).await.expect("an answer"), [held.reference()]);
    assert_eq!(store.settle(&[called(&store, held)]).await.expect("an answer"), []);
    store.settle(&[held.settled(None, Then::GiveBack)]).await.expect("an answer");
    assert_eq!(store.get(job.id).await.expect("the job"), before);
    assert_eq!(store.run(job.id, held.lock.token).await.expect("an answer"), None, "the other store finds it lost");
    assert_eq!(claim(&store).await, []);
    store.hand_over().await.expect("handed over");
    assert!(matches!(store.take_back().await, Err(MoveError::HandedOver { .. })));
    assert!(matches!(store.begin_move("mongodb://elsewhere/naptime").await, Err(MoveError::HandedOver { .. })));
    assert!(matches!(store.shut().await, Ok(Some(Shut::Leaving { for_good: true, .. }))));
}
