//! What is done to many one-off jobs at once, by page: to those that are meant, and to no others.

use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use serde_json::json;

use super::web::{Web, on_both_stores};

on_both_stores!(those_that_are_meant_are_asked_about_and_treated, what_does_not_say_which_jobs_is_refused,);

async fn those_that_are_meant_are_asked_about_and_treated(start: Start) {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500));
    let web = Web::start(start).await;
    let (mut failed, mut later) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c"] {
        failed.push(web.enqueue(json!({"url": target.url("/fails"), "name": name, "tags": ["night"]})).await.0);
        later.push(web.enqueue(json!({"url": target.url("/later"), "in": "1h", "name": name})).await.0);
    }
    for path in &failed {
        web.job_is(path, "failed").await;
    }
    let list = web.get("/jobs?tag=night").await.text;
    assert!(list.contains("3 jobs in all.") && list.contains("form=\"bulk\""), "{list}");
    let ask = async |what: &str| {
        let leads = web.get(&format!("/jobs/bulk?{what}")).await;
        web.get(leads.header("location")).await.text
    };
    let id = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    target.on("/fails", Answer::ok());

    // Of those picked, one is not over, so there is nothing to retry.
    let picked = format!("id={}&id={}&id={}", id(&failed[0]), id(&failed[1]), id(&later[0]));
    let question = ask(&format!("action=retry&{picked}")).await;
    assert!(question.contains("Retry 2 jobs?"), "{question}");
    let reply = web.form(&format!("/jobs/bulk/retry?{picked}"), &[]).await;
    reply.leads_to("/jobs?done=retry&count=2");
    assert!(web.get("/jobs?done=retry&count=2").await.text.contains("2 jobs called again."));
    web.job_is(&failed[0], "done").await;
    web.job_is(&failed[1], "done").await;
    assert_eq!(web.get(&failed[2]).await.value()["state"], "failed", "it was not picked");
    assert_eq!(web.get(&later[0]).await.value()["rev"], 1, "it waits as before");

    // Of all that match, what is done is not meant unless that is said.
    let question = ask("action=retry&tag=night").await;
    assert!(question.contains("Retry 1 job?") && question.contains("<strong>failed</strong>"), "{question}");
    web.form("/jobs/bulk/retry?tag=night", &[]).await.leads_to("/jobs?tag=night&done=retry&count=1");
    web.job_is(&failed[2], "done").await;
    assert!(ask("action=retry&state=done").await.contains("Retry 3 jobs?"));

    assert!(ask("action=cancel&q=later+b").await.contains("Cancel 1 job?"));
    web.form("/jobs/bulk/cancel?q=later+b", &[]).await.leads_to("/jobs?q=later+b&done=cancel&count=1");
    assert!(ask("action=cancel&all=true").await.contains("Cancel 2 jobs?"));
    web.form("/jobs/bulk/cancel?all=true", &[]).await.leads_to("/jobs?done=cancel&count=2");
    assert_eq!(web.items("/api/jobs?state=cancelled").await.len(), 3);
    assert_eq!(web.items("/api/jobs?state=done").await.len(), 3);
}

async fn what_does_not_say_which_jobs_is_refused(start: Start) {
    let web = Web::start(start).await;
    let (path, _) = web.enqueue(json!({"url": "http://127.0.0.1:9/", "in": "1h"})).await;
    for what in
        ["cancel", "cancel?all=false", "cancel?id=x", "cancel?state=done", "retry?state=waiting", "erase?all=true"]
    {
        let path = format!("/jobs/bulk/{what}");
        assert_eq!((web.get(&path).await.status, web.form(&path, &[]).await.status), (400, 400), "{what}");
    }
    assert_eq!(web.get(&path).await.value()["state"], "waiting");
}
