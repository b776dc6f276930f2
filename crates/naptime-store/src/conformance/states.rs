//! Endpoints by their state: each list has those that are in it, and as many as are counted.

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_core::{Bounds, Edit, JobId, NewJob, Outcome, Pause, PoolChange, Schedule, Time};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, endpoint, rarely, run};
use super::listing::{all, named};
use crate::{EndpointState, JobQuery, LATE_AFTER, PageRef, ScheduleKind, Sort, SortBy};

/// The pool of those that are looked at. A case leaves others behind.
const POOL: &str = "http://state.test";

/// An endpoint that is switched on, and not due.
fn quiet(channel: &str, now: Time) -> NewJob {
    let mut new = named(&format!("{POOL}{channel}"), "", &[]);
    (new.active, new.spec.schedule) = (true, rarely(now));
    new
}

fn paused(channel: &str, now: Time, until: Option<Time>) -> NewJob {
    let mut new = quiet(channel, now);
    let pause = Pause { until, note: "the disk is full".to_owned() };
    let bounds = Bounds { pause: Some(pause), ..Bounds::none() };
    new.spec.schedule = new.spec.schedule.within(bounds).expect("it has occurrences");
    new
}

/// Adds an endpoint that is due in seconds, hourly.
async fn add_due<B: Backend>(case: &Case<B>, url: &str) -> JobId {
    case.add_changed(SECONDS, |new| new.spec.endpoint = endpoint(url)).await.id
}

/// Calls an endpoint, the only one that is due, so often that it ends like that. Then it is not due any more.
async fn called<B: Backend>(case: &Case<B>, channel: &str, ends: &[Outcome]) {
    let id = add_due(case, &format!("{POOL}{channel}")).await;
    for outcome in ends {
        case.advance_to(case.get(id).await.state.due.expect("due")).await;
        let claim = case.claim_only(id).await;
        let run = run(&claim, *outcome);
        let then = claim.conclude(&run, None);
        case.settle(claim.settled(Some(run), then)).await;
    }
    let now = case.now().await;
    case.change(id, |spec| spec.schedule = rarely(now)).await;
}

/// The channels of what a query finds of the pool.
async fn found<B: Backend>(case: &Case<B>, query: &JobQuery) -> Vec<String> {
    let listed = all(case, query, 100).await;
    let of_pool = listed.iter().filter(|job| job.endpoint.pool().as_str() == POOL);
    of_pool.map(|job| job.endpoint.channel().to_string()).collect()
}

/// A store with an endpoint in each state.
async fn with_all_states<B: Backend>() -> Case<B> {
    let case = Case::<B>::new().await;
    let mut broken = quiet("/breach", case.now().await);
    broken.spec.sla = Some(HOUR.into());
    case.add(broken).await;
    called(&case, "/failing", &[Outcome::Failed, Outcome::RedirectNotFollowed]).await;
    called(&case, "/failed-once", &[Outcome::Failed]).await;
    called(&case, "/flapping", &[Outcome::Failed, Outcome::Ok].repeat(7)[..13]).await;
    let put_off = add_due(&case, &format!("{POOL}/put-off")).await;
    let now = case.now().await;
    case.edit(put_off, Edit::PutOff { until: now + 50 * HOUR, cut: None }).await;
    let mut once = quiet("/once", now);
    once.spec.schedule = Schedule::Once { at: now + HOUR };
    case.add_all(vec![
        NewJob { active: false, ..quiet("/off", now) },
        quiet("/fine", now),
        paused("/paused", now, None),
        NewJob { active: false, ..paused("/off-and-paused", now, Some(now + HOUR)) },
        paused("/paused-until-lately", now, Some(now + Duration::from_secs(1))),
        once,
    ])
    .await;
    let deleted = case.add(quiet("/deleted", now)).await;
    case.edit(deleted.id, Edit::Delete).await;
    // One is called; then others come due, of which nobody calls any.
    let running = add_due(&case, &format!("{POOL}/running")).await;
    case.change(running, |spec| spec.lease = Duration::from_secs(300)).await;
    case.advance_to(case.get(running).await.state.due.expect("due")).await;
    case.claim_only(running).await;
    add_due(&case, "http://gated.test/").await;
    let gated = endpoint("http://gated.test/");
    let rev = case.store.pool(gated.pool()).await.expect("the pool").settings.rev;
    let limit = PoolChange { max_per_second: Some(Some(1)), ..PoolChange::default() };
    case.store.change_pool(gated.pool(), Some(rev), limit).await.expect("changed");
    for channel in ["/late-for-longest", "/late"] {
        let late = add_due(&case, &format!("{POOL}{channel}")).await;
        case.advance_to(case.get(late).await.state.due.expect("due") + Duration::from_secs(1)).await;
    }
    case.advance(LATE_AFTER).await;
    case
}

/// Those that each list has. The case ends before what is late or held is no more.
fn expected() -> [(EndpointState, &'static [&'static str]); 10] {
    [
        (EndpointState::Failing, &["/failing"]),
        (EndpointState::PutOff, &["/put-off"]),
        (EndpointState::Flapping, &["/flapping"]),
        (EndpointState::Late, &["/late-for-longest", "/late"]),
        (EndpointState::Breach, &["/breach"]),
        (EndpointState::Running, &["/running"]),
        (EndpointState::Paused, &["/off-and-paused", "/paused"]),
        (
            EndpointState::On,
            &[
                "/breach",
                "/failed-once",
                "/failing",
                "/fine",
                "/flapping",
                "/late",
                "/late-for-longest",
                "/paused",
                "/paused-until-lately",
                "/put-off",
                "/running",
            ],
        ),
        (EndpointState::Off, &["/off", "/off-and-paused"]),
        (
            EndpointState::Healthy,
            &["/failed-once", "/fine", "/late", "/late-for-longest", "/paused-until-lately", "/running"],
        ),
    ]
}

pub async fn each_state_lists_those_that_are_in_it<B: Backend>() {
    let case = with_all_states::<B>().await;
    let counts = case.store.states().await.expect("counts");
    for (state, expect) in expected() {
        let query = JobQuery::of_state(state);
        assert_eq!(found(&case, &query).await, expect, "{state:?}");
        assert_eq!(all(&case, &query, 1).await, all(&case, &query, 100).await, "{state:?}");
        assert_eq!(counts[&state], all(&case, &query, 100).await.len() as u64, "{state:?} is counted");
        assert!(state != EndpointState::Late || counts[&state] == 2, "what waits for its pool is not late");
        assert_eq!(found(&case, &JobQuery { deleted: true, ..query }).await, [""; 0], "{state:?}");
    }
}

pub async fn filters_of_a_state_add_up<B: Backend>() {
    let case = with_all_states::<B>().await;
    for (state, expect) in expected() {
        let of = |query: JobQuery| JobQuery { state: Some(state), ..query };
        let sorted: BTreeSet<&str> = expect.iter().copied().collect();
        for sort in [SortBy::Url, SortBy::Name].map(|by| Sort { by, descending: false }) {
            let query = of(JobQuery { sort: Some(sort), ..JobQuery::default() });
            let found: Vec<String> = found(&case, &query).await;
            assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), sorted, "{state:?} by {sort}");
            assert!(sort.by == SortBy::Name || found.is_sorted(), "{state:?}: {found:?}");
        }
        for (active, other) in [(true, EndpointState::On), (false, EndpointState::Off)] {
            let others = expected().into_iter().find(|(it, _)| *it == other).expect("a list").1;
            let both: Vec<&str> = expect.iter().copied().filter(|channel| others.contains(channel)).collect();
            assert_eq!(found(&case, &of(JobQuery { active: Some(active), ..JobQuery::default() })).await, both);
        }
        let text = |text: &str| Some(text.to_owned());
        let some = expect[0];
        assert!(found(&case, &of(JobQuery { q: text(some), ..JobQuery::default() })).await.contains(&some.to_owned()));
        assert_eq!(found(&case, &of(JobQuery { pool: text(POOL), ..JobQuery::default() })).await, expect, "{state:?}");
        for query in [
            JobQuery { q: text("state.test nothing"), ..JobQuery::default() },
            JobQuery { pool: text("http://other.test"), ..JobQuery::default() },
            JobQuery { tag: text("none"), ..JobQuery::default() },
            JobQuery { schedule: Some(ScheduleKind::Cron), ..JobQuery::default() },
        ] {
            assert_eq!(found(&case, &of(query)).await, [""; 0], "{state:?}");
        }
        let every = JobQuery { schedule: Some(ScheduleKind::Every), ..JobQuery::default() };
        assert_eq!(found(&case, &of(every)).await, expect, "{state:?}");
    }
}

pub async fn what_changes_leaves_its_state<B: Backend>() {
    let case = Case::<B>::new().await;
    called(&case, "/a", &[Outcome::Failed, Outcome::Failed]).await;
    let one = case.store.list(&JobQuery::of_state(EndpointState::Failing), &PageRef::first(9)).await.expect("a page");
    let id = one.items[0].id;
    let states = async || {
        let mut of = Vec::new();
        for state in EndpointState::ALL {
            let found = found(&case, &JobQuery::of_state(state)).await;
            of.extend(found.first().map(|_| state.as_str()));
        }
        of
    };
    assert_eq!(states().await, ["failing", "on"]);
    let schedule = case.get(id).await.spec.schedule.clone();
    let bounds = Bounds { pause: Some(Pause { until: None, note: "x".to_owned() }), ..Bounds::none() };
    let halted = schedule.clone().within(bounds).expect("it has occurrences");
    case.change(id, |spec| spec.schedule = halted).await;
    assert_eq!(states().await, ["paused", "on"], "what is not called does not fail");
    case.change(id, |spec| spec.schedule = schedule.resumed()).await;
    case.edit(id, Edit::CallNow).await;
    let claim = case.claim_only(id).await;
    assert!(states().await.contains(&"running"));
    case.outlive_leases().await;
    assert!(!states().await.contains(&"running"), "nobody holds it any more");
    case.settle_ok(&claim).await;
    assert_eq!(states().await, ["on", "healthy"]);
    case.switch(id, false).await;
    assert_eq!(states().await, ["off"]);
    case.edit(id, Edit::Delete).await;
    assert_eq!(states().await, [""; 0]);
}
