//! Keys: no two one-off jobs that are not deleted have the same, and no two endpoints.

use std::collections::BTreeSet;

use naptime_core::{Change, Edit, JobId, Outcome, Spec};
use tokio::task::JoinSet;

use super::Backend;
use super::case::{Case, new_job};
use super::queued::{all, keyed, of, once, settle};
use crate::{Added, Error, Treatment};

pub async fn a_key_is_added_once<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add(keyed("$key.a")).await;
    let answer = case.store.insert(vec![keyed("$key.a"), keyed("b"), keyed("b"), once("/")]).await.expect("added");
    let [taken, second, twice, free] = &answer[..] else { panic!("four answers: {answer:?}") };
    assert_eq!(taken, &Added::Existing(first.clone()));
    let Added::New(b) = second else { panic!("new: {second:?}") };
    assert_eq!(twice, &Added::Existing(b.clone()), "the second of a request finds the first");
    assert!(matches!(free, Added::New(_)), "{free:?}");
    assert_eq!(all(&case, &of(&[]), 10).await.len(), 3);
    // Done is not deleted: the key says that this has been asked for already.
    let claims = case.claim().await;
    for claim in &claims {
        settle(&case, claim, Outcome::Ok).await;
    }
    let done = case.get(first.id).await;
    assert_eq!(case.store.insert(vec![keyed("$key.a")]).await.expect("added"), [Added::Existing(done)]);
}

pub async fn however_many_of_a_request_have_one_key_it_is_added_once<B: Backend>() {
    const COUNT: usize = 1_500;
    let case = Case::<B>::new().await;
    for _ in 0..2 {
        let answer = case.store.insert((0..COUNT).map(|_| keyed("a")).collect()).await.expect("added");
        assert_eq!(answer.len(), COUNT);
        let ids: BTreeSet<JobId> = answer.into_iter().map(|added| added.into_job().id).collect();
        assert_eq!(ids.len(), 1);
    }
    assert_eq!(all(&case, &of(&[]), 10).await.len(), 1);
}

pub async fn a_key_is_free_once_its_job_is_cancelled<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add(keyed("a")).await;
    case.store.treat(first.id, None, Treatment::Cancel).await.expect("cancelled");
    let second = case.store.insert(vec![keyed("a")]).await.expect("added").remove(0);
    assert!(matches!(&second, Added::New(job) if job.id != first.id), "{second:?}");
    assert_eq!(case.store.insert(vec![keyed("a")]).await.expect("added"), [Added::Existing(second.into_job())]);
}

pub async fn of_those_who_add_a_key_at_the_same_time_one_does<B: Backend>() {
    const ROUNDS: usize = 10;
    let case = Case::<B>::new().await;
    for round in 0..ROUNDS {
        let key = format!("round {round}");
        let mut adding = JoinSet::new();
        for _ in 0..4 {
            let (store, key) = (case.backend.another().await, key.clone());
            adding.spawn(async move { store.insert(vec![once("/"), keyed(&key)]).await.expect("added").remove(1) });
        }
        let answers = adding.join_all().await;
        let new = answers.iter().filter(|added| matches!(added, Added::New(_))).count();
        assert_eq!(new, 1, "{answers:?}");
        let ids: BTreeSet<JobId> = answers.into_iter().map(|added| added.into_job().id).collect();
        assert_eq!(ids.len(), 1, "all of them know the one that is there");
    }
    assert_eq!(all(&case, &of(&[]), 100).await.len(), ROUNDS * 5);
}

pub async fn of_those_who_take_a_key_at_the_same_time_one_does<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = case.add_all((0..4).map(|_| new_job()).collect()).await;
    for round in 0..10 {
        let mut taking = JoinSet::new();
        for job in &jobs {
            let mut spec = Spec::clone(&case.get(job.id).await.spec);
            spec.key = Some(format!("round {round}"));
            let (store, id) = (case.backend.another().await, job.id);
            taking.spawn(async move { store.edit(id, None, Edit::Change(Change::to(spec))).await });
        }
        let answers = taking.join_all().await;
        let (took, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(took.len(), 1, "{others:?}");
        assert!(others.iter().all(|it| matches!(it, Err(Error::KeyTaken))), "{others:?}");
    }
}
