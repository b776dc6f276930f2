//! One-off jobs by commands; what else `enqueue` takes is in `import`.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};

use super::naptime;
use crate::scenarios::web::{Web, on_both_stores};

on_both_stores!(a_job_is_waited_for_and_listed);

async fn a_job_is_waited_for_and_listed(start: Start) {
    let (web, target) = (Web::start(start).await, Target::start().await);
    target.on("/gone", Answer::status(410).body("no more"));
    naptime(&web, &["enqueue", &target.url("/"), "--wait", "--key", "one"]).await.says(0, &[" is done: ok 200 ok"]);
    let gone = naptime(&web, &["enqueue", &target.url("/gone"), "--wait", "--quiet"]).await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let id = gone.stdout.trim();
    naptime(&web, &["enqueue", &target.url("/later"), "--in", "1d", "--name", "later"]).await.says(0, &["call at 2"]);

    let jobs = naptime(&web, &["jobs"]).await;
    let states: Vec<_> = jobs.rows().into_iter().map(|row| (row[1], row[4], row[7], row[8])).collect();
    assert_eq!(states, [("waiting", "", "", "later"), ("failed", "failed", "", ""), ("done", "ok", "one", "")]);
    assert_eq!(naptime(&web, &["jobs", "--json"]).await.json(), web.items("/api/jobs").await, "the API's own");
    assert_eq!(naptime(&web, &["jobs", "--state", "failed,done", "--quiet"]).await.rows()[0], [id]);
    assert_eq!(naptime(&web, &["jobs", "-n", "1"]).await.rows().len(), 1);
    naptime(&web, &["jobs", "--state", "tired"]).await.says(64, &["\n  --state: "]);
    naptime(&web, &["show", id]).await.says(0, &["state\tfailed", "410", "no more"]);
    assert_eq!(naptime(&web, &["runs", id]).await.rows()[0][1], "failed");
    naptime(&web, &["enqueue", &target.url("/"), "--retries", "20"])
        .await
        .says(64, &["--retries: the retries may be from 0 to 19"]);
    naptime(&web, &["enqueue", &target.url("/"), "--retries", "x"])
        .await
        .says(64, &["--retries: the retries may be from 0 to 19"]);
}
