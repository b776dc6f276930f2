//! Runs of all jobs.

use std::time::Duration;

use naptime_core::{JobId, Outcome, Run, Time};

use super::Backend;
use super::case::{Case, new_job, new_token, new_worker};
use crate::latest::{How, RunQuery};
use crate::{Error, PageRef};

const SECOND: Duration = Duration::from_secs(1);

fn some_run(job: JobId, finished: Time, outcome: Outcome) -> Run {
    Run {
        token: new_token(),
        job,
        worker: new_worker(),
        due: finished - SECOND,
        started: finished - SECOND,
        finished,
        outcome,
        status: None,
        message: String::new(),
        attempt: 1,
        manual: false,
        skipped: None,
    }
}

/// All that match, by pages of this size.
async fn all<B: Backend>(case: &Case<B>, query: &RunQuery, limit: usize) -> Vec<Run> {
    let (mut found, mut page) = (Vec::new(), PageRef::first(limit));
    loop {
        let read = case.store.all_runs(query, &page).await.expect("a page");
        assert!(read.items.len() <= limit);
        found.extend(read.items);
        page.cursor = read.next;
        if page.cursor.is_none() {
            return found;
        }
    }
}

pub async fn runs_of_all_jobs_come_latest_first_without_gap_or_repeat<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [case.add(new_job()).await.id, case.add(new_job()).await.id];
    let now = case.now().await;
    // Several end in the same millisecond, and pages end between them.
    let mut expect = Vec::new();
    for n in 0..53_u32 {
        let run = some_run(jobs[n as usize % 2], now - (n * 7 % 53 / 5) * SECOND, Outcome::Ok);
        case.record(run.clone()).await;
        expect.push(run);
    }
    let first = all(&case, &RunQuery::default(), 100).await;
    assert!(first.is_sorted_by(|a, b| a.finished >= b.finished), "latest first");
    let tokens = |runs: &[Run]| {
        let mut tokens: Vec<_> = runs.iter().map(|run| run.token).collect();
        tokens.sort();
        tokens
    };
    assert_eq!(tokens(&first), tokens(&expect));
    for limit in [1, 2, 3, 7, 52, 53, 54] {
        assert_eq!(all(&case, &RunQuery::default(), limit).await, first, "{limit} to a page");
    }
}

pub async fn runs_of_all_jobs_are_filtered<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [case.add(new_job()).await.id, case.add(new_job()).await.id, case.add(new_job()).await.id];
    let now = case.now().await;
    let outcomes = [Outcome::Ok, Outcome::Failed, Outcome::Timeout, Outcome::Ok, Outcome::Lost, Outcome::Failed];
    let mut runs = Vec::new();
    for (n, outcome) in (0u32..).zip(outcomes) {
        let run = some_run(jobs[n as usize % 3], now - n * SECOND, outcome);
        case.record(run.clone()).await;
        runs.push(run);
    }
    let any = RunQuery::default;
    let queries = [
        any(),
        RunQuery { how: Some(How::As(Outcome::Ok)), ..any() },
        RunQuery { how: Some(How::Badly), ..any() },
        RunQuery { how: Some(How::As(Outcome::Failed)), ..any() },
        RunQuery { worker: Some(runs[2].worker), ..any() },
        RunQuery { worker: Some(new_worker()), ..any() },
        RunQuery { jobs: Some(vec![jobs[0], jobs[2]]), ..any() },
        RunQuery { jobs: Some(Vec::new()), ..any() },
        RunQuery { from: Some(runs[3].finished), ..any() },
        RunQuery { until: Some(runs[1].finished), ..any() },
        RunQuery { from: Some(runs[4].finished), until: Some(runs[0].finished), how: Some(How::Badly), ..any() },
    ];
    for query in queries {
        let expect: Vec<&Run> = runs.iter().filter(|run| query.fits(run)).collect();
        let found = all(&case, &query, 2).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expect, "{query:?}");
    }
}

pub async fn a_cursor_of_all_runs_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    for cursor in ["", "x", "1.", ".1", "{\"$gt\": \"\"}", "null", &"9".repeat(5000)] {
        let page = PageRef { limit: 5, cursor: Some(cursor.to_owned()) };
        let answer = case.store.all_runs(&RunQuery::default(), &page).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}
