//! How the calls of a day went, as lists tell it.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Edit, JobId, Outcome};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, endpoint, ids, run, want};
use super::listing::all;
use crate::{JobQuery, Store};

const URL: &str = "http://day.test/";

/// Has the endpoint called by who works on this store, when it can be claimed next, with this end.
async fn call<B: Backend>(case: &Case<B>, store: &Arc<dyn Store>, id: JobId, outcome: Outcome) {
    case.advance_to(case.get(id).await.state.claim_at().expect("to be called")).await;
    case.advance(SECONDS).await;
    let claims = store.claim(&want()).await.expect("claimed").claims;
    assert_eq!(ids(&claims), [id]);
    let run = run(&claims[0], outcome);
    let then = claims[0].conclude(&run, None);
    store.settle(&[claims[0].settled(Some(run), then)]).await.expect("settled");
}

/// What a list says: calls, those that ended well, and those whose lag counts.
async fn listed<B: Backend>(case: &Case<B>) -> (u64, u64, u64) {
    let jobs = all(case, &JobQuery { url: Some(endpoint(URL)), ..JobQuery::default() }, 10).await;
    // A run may end a little after now, and in the next hour.
    let day = jobs[0].last_day.figures(case.store.now() + Duration::from_secs(1));
    (day.calls, day.ok, day.lag.count())
}

pub async fn the_calls_of_a_day_add_up<B: Backend>() {
    let case = Case::<B>::new().await;
    let id = case.add_changed(SECONDS, |new| new.spec.endpoint = endpoint(URL)).await.id;
    let stores = [case.store.clone(), case.backend.another().await];
    assert_eq!(listed(&case).await, (0, 0, 0));
    // Each of these is an hour after the one before it, and another worker's.
    for (n, outcome) in [Outcome::Ok, Outcome::Failed, Outcome::Ok, Outcome::Timeout].into_iter().enumerate() {
        call(&case, &stores[n % 2], id, outcome).await;
    }
    assert_eq!(listed(&case).await, (4, 2, 4));
    // What timed out is tried again: another call, but no other occurrence.
    call(&case, &stores[0], id, Outcome::Ok).await;
    assert_eq!(listed(&case).await, (5, 3, 4));
    // A call out of turn counts, and an edit takes nothing away.
    case.edit(id, Edit::CallNow).await;
    let claim = case.claim_only(id).await;
    case.settle_ok(&claim).await;
    case.rename(id, "another").await;
    assert_eq!(listed(&case).await, (6, 4, 5));
    // A settle that is repeated counts nothing twice.
    case.edit(id, Edit::CallNow).await;
    let claim = case.claim_only(id).await;
    let settled = case.settle_ok(&claim).await;
    case.settle(settled).await;
    assert_eq!(listed(&case).await, (7, 5, 6));
}

pub async fn what_is_older_than_a_day_does_not_count<B: Backend>() {
    let case = Case::<B>::new().await;
    let id = case.add_changed(SECONDS, |new| new.spec.endpoint = endpoint(URL)).await.id;
    call(&case, &case.store, id, Outcome::Failed).await;
    case.advance(HOUR * 22).await;
    call(&case, &case.store, id, Outcome::Ok).await;
    assert_eq!(listed(&case).await, (2, 1, 2));
    case.advance(HOUR * 4).await;
    assert_eq!(listed(&case).await, (1, 1, 1), "the first call is 26 hours ago");
    call(&case, &case.store, id, Outcome::Failed).await;
    assert_eq!(listed(&case).await, (2, 1, 2));
    case.switch(id, false).await;
    case.advance(HOUR * 26).await;
    assert_eq!(listed(&case).await, (0, 0, 0), "nobody has called it since");
}
