//! Endpoints by how their last call ended.

use naptime_core::{Edit, JobId, Outcome};

use super::Backend;
use super::case::{Case, SECONDS, endpoint, run};
use super::listing::{all, check, named};
use super::queued::once;
use crate::{Ended, EndpointState, JobQuery, Sort, SortBy};

pub async fn endpoints_are_found_by_how_their_last_call_ended<B: Backend>() {
    let case = Case::<B>::new().await;
    let ends = [("/ok", Outcome::Ok), ("/failed", Outcome::Failed), ("/b", Outcome::Timeout), ("/a", Outcome::Timeout)];
    let mut added: Vec<JobId> = Vec::new();
    for (channel, _) in ends {
        let set = |new: &mut naptime_core::NewJob| {
            new.spec.endpoint = endpoint(&format!("http://ended.test{channel}"));
            new.spec.name = format!("it is {channel}");
            (new.spec.failing_after, new.spec.retry.attempts) = (1, 1);
        };
        added.push(case.add_changed(SECONDS, set).await.id);
    }
    // One that was not called is in no such list, nor is a one-off job.
    case.add_all(vec![named("http://ended.test/never", "", &[]), once("/failed")]).await;
    case.advance(2 * SECONDS).await;
    let claims = case.claim().await;
    assert_eq!(claims.len(), ends.len() + 1);
    for claim in claims {
        let channel = claim.job.spec.endpoint.channel().to_string();
        let (_, outcome) = ends.into_iter().find(|(it, _)| *it == channel).expect("one of these");
        let run = run(&claim, outcome);
        let then = claim.conclude(&run, None);
        case.settle(claim.settled(Some(run), then)).await;
    }

    let by = |ended| JobQuery { outcome: Some(ended), ..JobQuery::default() };
    let slow = || by(Ended::As(Outcome::Timeout));
    check(&case, by(Ended::Badly), &["/failed", "/b", "/a"]).await;
    check(&case, slow(), &["/b", "/a"]).await;
    check(&case, by(Ended::As(Outcome::Tls)), &[]).await;
    check(&case, JobQuery { q: Some("/a".to_owned()), ..slow() }, &["/a"]).await;
    check(&case, JobQuery { active: Some(false), ..slow() }, &[]).await;
    let states: [(EndpointState, &[&str]); 4] = [
        (EndpointState::Failing, &["/b", "/a"]),
        (EndpointState::On, &["/b", "/a"]),
        (EndpointState::Off, &[]),
        (EndpointState::Healthy, &[]),
    ];
    for (state, expect) in states {
        check(&case, JobQuery { state: Some(state), ..slow() }, expect).await;
    }
    for descending in [false, true] {
        let query = JobQuery { sort: Some(Sort { by: SortBy::Name, descending }), ..slow() };
        let listed: Vec<String> = all(&case, &query, 1).await.iter().map(|job| job.name.clone()).collect();
        assert_eq!(listed, if descending { ["it is /b", "it is /a"] } else { ["it is /a", "it is /b"] });
    }

    // By what is so now.
    let [_, failed, _, gone] = added[..] else { panic!("four were added") };
    case.edit(failed, Edit::CallNow).await;
    let claim = case.claim_only(failed).await;
    case.settle_ok(&claim).await;
    case.edit(gone, Edit::Delete).await;
    check(&case, by(Ended::Badly), &["/b"]).await;
    check(&case, JobQuery { deleted: true, ..slow() }, &["/a"]).await;
    case.edit(gone, Edit::Restore).await;
    check(&case, JobQuery { active: Some(false), ..slow() }, &["/a"]).await;
}
