//! Occurrences that were not called, as rows among the runs.

use naptime_core::{Change, Edit, Misfire, Outcome, Run, SkipReason, Then, WorkerId};

use super::Backend;
use super::case::{Case, HOUR, SECONDS};
use crate::PageRef;
use crate::latest::{How, RunQuery};

/// Whether the rows of a job say what its counter says.
async fn add_up<B: Backend>(case: &Case<B>, job: &naptime_core::Job) {
    let told: u64 = case.skipped(job.id).await.iter().map(|(_, count, _)| count).sum();
    assert_eq!(case.get(job.id).await.state.counters.missed, told);
}

pub async fn a_late_call_leaves_a_row_of_what_it_stands_for<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    let due = job.state.due.expect("due");
    case.advance(3 * HOUR).await;
    let claim = case.claim_only(job.id).await;
    let settled = case.settle_ok(&claim).await;
    assert_eq!(case.skipped(job.id).await, [(due + HOUR, 3, SkipReason::SlotsFull)]);
    add_up(&case, &job).await;
    case.settle(settled).await;
    assert_eq!(case.skipped(job.id).await.len(), 1, "a settle that is repeated adds nothing");
    // The next gap is another row.
    case.advance(3 * HOUR).await;
    case.settle_ok(&case.claim_only(job.id).await).await;
    assert_eq!(case.skipped(job.id).await.len(), 2);
    add_up(&case, &job).await;
}

pub async fn what_is_too_late_to_be_called_leaves_a_row<B: Backend>() {
    let case = Case::<B>::new().await;
    let late =
        |new: &mut naptime_core::NewJob| new.spec.misfire = Misfire { late: Some(SECONDS), ..Misfire::default() };
    let job = case.add_changed(SECONDS, late).await;
    let due = job.state.due.expect("due");
    case.advance(2 * HOUR + 4 * SECONDS).await;
    let claim = case.claim_only(job.id).await;
    let naptime_core::Duty::Settle(then @ Then::Skip { .. }) = claim.duty() else { panic!("it is late: {claim:?}") };
    case.settle(claim.settled_uncalled(then)).await;
    assert_eq!(case.skipped(job.id).await, [(due, 3, SkipReason::Late)]);
    add_up(&case, &job).await;
}

pub async fn a_lease_that_was_waited_for_is_told<B: Backend>() {
    let case = Case::<B>::new().await;
    let lost = case.add_claimed().await;
    case.advance(2 * HOUR).await;
    let claim = case.claim_only(lost.job.id).await;
    case.settle_ok(&claim).await;
    let rows = case.skipped(lost.job.id).await;
    assert_eq!(rows.iter().map(|(_, count, reason)| (*count, *reason)).collect::<Vec<_>>(), [(2, SkipReason::Lease)]);
    add_up(&case, &lost.job).await;
}

pub async fn an_edit_leaves_a_row_of_what_it_drops<B: Backend>() {
    let case = Case::<B>::new().await;
    let held = case.add_claimed().await;
    let job = case.add_due_in(SECONDS).await;
    let due = job.state.due.expect("due");
    case.advance(2 * HOUR + 2 * SECONDS).await;
    case.switch(job.id, false).await;
    assert_eq!(case.skipped(job.id).await, [(due, 3, SkipReason::Edited)]);
    let page = case.store.runs(job.id, &PageRef::first(10)).await.expect("a page");
    assert_eq!(page.items.iter().map(|run| run.worker).collect::<Vec<_>>(), [WorkerId::NOBODY]);
    // The one that is being called is not dropped.
    case.edit(held.job.id, Edit::Change(Change::switch(false))).await;
    case.settle_ok(&held).await;
    assert_eq!(case.skipped(held.job.id).await.iter().map(|(_, count, _)| *count).sum::<u64>(), 2);
    for job in [&job, &held.job] {
        add_up(&case, job).await;
    }
}

pub async fn rows_are_found_among_the_runs_of_all<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.advance(HOUR).await;
    let claim = case.claim_only(job.id).await;
    case.settle_ok(&claim).await;
    let found = async |how| {
        let query = RunQuery { how: Some(how), ..RunQuery::default() };
        case.store.all_runs(&query, &PageRef::first(10)).await.expect("a page").items
    };
    let rows = found(How::As(Outcome::Skipped)).await;
    assert_eq!(rows.iter().map(|run| run.skipped.map(|it| it.count)).collect::<Vec<_>>(), [Some(1)]);
    assert_eq!(found(How::Badly).await, [] as [Run; 0], "what was not called did not end badly");
    assert_eq!(found(How::Called).await.len(), 1);
    let row = &rows[0];
    assert_eq!(case.store.run(row.job, row.token).await.expect("it is read").as_ref(), Some(row));
}
