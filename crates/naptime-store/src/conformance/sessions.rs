//! Sessions of people who are logged in.

use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR};
use crate::sessions::{MAX_SESSIONS, SESSION_LENGTH, SessionId};

fn new_id() -> SessionId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    id[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    SessionId(id)
}

async fn begin<B: Backend>(case: &Case<B>) -> SessionId {
    let id = new_id();
    case.store.begin_session(id).await.expect("it begins");
    id
}

async fn has<B: Backend>(case: &Case<B>, id: SessionId) -> bool {
    case.store.has_session(id).await.expect("an answer")
}

pub async fn all_get_the_salt_that_came_first<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut stores = vec![case.store.clone()];
    for _ in 0..3 {
        stores.push(case.backend.another().await);
    }
    let ask = |n: usize| stores[n % stores.len()].salt(*Uuid::new_v4().as_bytes());
    let salts = join_all((0..16).map(ask)).await;
    let first = salts[0].as_ref().expect("a salt");
    for salt in &salts {
        assert_eq!(salt.as_ref().expect("a salt"), first);
    }
    let later = case.backend.another().await;
    assert_eq!(&later.salt([7; 16]).await.expect("a salt"), first);
}

pub async fn a_session_lasts_two_weeks<B: Backend>() {
    let case = Case::<B>::new().await;
    let id = begin(&case).await;
    assert!(has(&case, id).await && !has(&case, new_id()).await);
    assert!(case.backend.another().await.has_session(id).await.expect("an answer"), "every process knows it");
    case.advance(SESSION_LENGTH - HOUR).await;
    assert!(has(&case, id).await);
    let younger = begin(&case).await;
    case.advance(HOUR).await;
    assert!(!has(&case, id).await && has(&case, younger).await);
    // The next login removes what has ended, and nothing else.
    let next = begin(&case).await;
    assert!(!has(&case, id).await && has(&case, younger).await && has(&case, next).await);
}

pub async fn a_session_that_was_ended_is_gone_for_all<B: Backend>() {
    let case = Case::<B>::new().await;
    let (id, other) = (begin(&case).await, begin(&case).await);
    let another = case.backend.another().await;
    another.end_session(id).await.expect("it ends");
    assert!(!has(&case, id).await && has(&case, other).await);
    another.end_session(id).await.expect("ending it again changes nothing");
    another.end_session(new_id()).await.expect("nor does ending what never began");
    assert!(has(&case, other).await);
}

pub async fn the_oldest_of_too_many_sessions_end<B: Backend>() {
    let case = Case::<B>::new().await;
    let oldest = begin(&case).await;
    case.advance(Duration::from_secs(60)).await;
    let second = begin(&case).await;
    case.advance(Duration::from_secs(60)).await;
    let mut others = Vec::new();
    while others.len() < MAX_SESSIONS - 1 {
        let count = (MAX_SESSIONS - 1 - others.len()).min(20);
        others.extend(join_all((0..count).map(|_| begin(&case))).await);
    }
    assert!(!has(&case, oldest).await, "one too many");
    assert!(has(&case, second).await);
    for id in others {
        assert!(has(&case, id).await);
    }
}
