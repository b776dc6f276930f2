//! The client for Rust programs, against a real server.

use std::time::Duration;

use futures::TryStreamExt;
use naptime_client::{Client, Error, Filter, NewEndpoint, NewJob, Uuid};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::port::free_port;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use tokio::time::Instant;

use super::web::{SOON, on_both_stores};

on_both_stores!(endpoints_come_page_by_page, jobs_are_asked_for_and_waited_for);

fn client(naptime: &Naptime) -> Client {
    Client::builder(&naptime.url("/")).unwrap().build().unwrap()
}

async fn endpoints_come_page_by_page(start: Start) {
    let naptime = start.start().await;
    let client = client(&naptime);
    for n in 1..=5 {
        let endpoint = NewEndpoint::every(&format!("http://127.0.0.1:9/{n}"), "1d").name("one of five").sla("2d");
        let added = client.add(&endpoint).await.unwrap();
        assert_eq!((&*added.schedule.text, added.active), ("every 1d", false));
        assert_eq!(added.json()["sla"], "2d", "what has no type is there");
    }
    let pages: Vec<_> = client.endpoints(Filter::new().with("limit", 2)).pages().try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [2, 2, 1]);
    let all: Vec<_> = client.endpoints(Filter::new().with("limit", 2)).items().try_collect().await.unwrap();
    assert_eq!(all.iter().map(|it| it.url.chars().last().unwrap()).collect::<String>(), "12345");

    let first = &all[0];
    let changed = client.change(first.id, &NewEndpoint::cron(&first.url, "@daily", "UTC").active(true)).await.unwrap();
    assert!(changed.active && changed.due.is_some() && changed.rev > first.rev);
    let error = client.change(first.id, &NewEndpoint::every(&first.url, "5M")).await.unwrap_err();
    let Error::Problem(problem) = &error else { panic!("{error:?}") };
    assert_eq!((problem.status, error.code(), problem.field.as_deref()), (422, Some("ambiguous"), Some("every")));
    client.delete(first.id).await.unwrap();
    assert!(client.endpoint(first.id).await.unwrap().deleted_at.is_some());
    assert!(!client.restore(first.id).await.unwrap().active);
    assert!(client.endpoint(Uuid::nil()).await.unwrap_err().is_not_found());
    let keyed = client.put_by_key("six", &NewEndpoint::every("http://127.0.0.1:9/6", "1d")).await.unwrap();
    assert_eq!(client.endpoint_by_key("six").await.unwrap().id, keyed.id);
}

async fn jobs_are_asked_for_and_waited_for(start: Start) {
    let (naptime, target) = (start.start().await, Target::start().await);
    let client = client(&naptime);
    let job = client.enqueue(&NewJob::now(&target.url("/")).key("one").method("POST").body("{}")).await.unwrap();
    assert_eq!((job.key.as_deref(), &job.note), (Some("one"), &None));
    let again = client.enqueue(&NewJob::now(&target.url("/")).key("one")).await.unwrap();
    assert!(again.id == job.id && again.note.is_some(), "{again:?}");
    naptime_tests::eventually(SOON, "it is over", async || {
        let job = client.job(job.id).await.unwrap();
        job.is_over().then(|| assert_eq!(job.state, "done"))
    })
    .await;
    let attempts: Vec<_> = client.attempts(job.id, Filter::new()).items().try_collect().await.unwrap();
    assert_eq!((attempts.len(), &attempts[0]["outcome"]), (1, &"ok".into()));
    let run = client.runs(Filter::new().with("job", job.id)).page(None).await.unwrap().items.remove(0);
    assert_eq!((run.job, run.status), (job.id, Some(200)));
    assert_eq!(client.run(run.job, run.id).await.unwrap().id, run.id);

    let many = [NewJob::after(&target.url("/"), "1d"), NewJob::now("nowhere"), NewJob::after(&target.url("/"), "1d")];
    let many = client.enqueue_many(&many).await.unwrap();
    assert_eq!((many.added, many.existing, many.refused), (2, 0, 1));
    let refused = many.items.iter().find(|item| item.error.is_some()).unwrap();
    assert_eq!((refused.line, &*refused.error.as_ref().unwrap().faults()[0].field), (2, "url"));
    client.cancel(many.items[0].id.unwrap()).await.unwrap();
    assert_eq!(client.job(many.items[0].id.unwrap()).await.unwrap().state, "cancelled");
}

#[tokio::test]
async fn a_server_that_waits_for_its_database_is_waited_for() {
    let port = free_port();
    let uri = format!("mongodb://127.0.0.1:{}/naptime?replicaSet=naptime", free_port());
    let file = File::fresh();
    let web = Naptime::command(&file, "web").env("MONGODB_URI", uri).env("HOST", "127.0.0.1");
    let web = web.env("PORT", port.to_string()).launch();
    let server = format!("http://127.0.0.1:{port}");
    let ask = async |patience: Duration| {
        let client = Client::builder(&server).unwrap().patience(patience).build().unwrap();
        client.workers().await.unwrap_err()
    };
    let error = naptime_tests::eventually(SOON, "it listens", async || {
        Some(ask(Duration::ZERO).await).filter(|error| !matches!(error, Error::NotReachable { .. }))
    })
    .await;
    let Error::Problem(problem) = error else { panic!("{error:?}") };
    assert_eq!(
        (problem.status, &*problem.code, problem.retry_after),
        (503, "unavailable", Some(Duration::from_secs(5)))
    );
    let asked = Instant::now();
    ask(Duration::from_secs(6)).await;
    assert!(asked.elapsed() >= Duration::from_secs(5), "it asked again after the time that it was told");
    web.kill9();
}

#[tokio::test]
async fn guessing_ends_with_the_time_to_wait() {
    let file = File::fresh();
    let naptime = Naptime::up(&file).env("NAPTIME_API_TOKEN", "a-token-of-24-characters-").start().await;
    let with = |token: &str| {
        let builder = Client::builder(&naptime.url("")).unwrap().token(Some(token)).patience(Duration::ZERO);
        builder.build().unwrap()
    };
    with("a-token-of-24-characters-").workers().await.unwrap();
    let guesser = with("wrong");
    for _ in 0..10 {
        assert!(matches!(guesser.workers().await, Err(Error::Unauthorized { .. })));
    }
    let error = guesser.workers().await.unwrap_err();
    let Error::Problem(problem) = &error else { panic!("{error:?}") };
    assert_eq!((problem.status, error.code()), (429, Some("too_many_attempts")));
    assert!(problem.retry_after.is_some_and(|wait| wait > Duration::from_secs(1)), "{problem:?}");
}
