//! Events from a real broker.

use ::mongodb::bson::{Document, doc};
use naptime_tests::eventually;
use naptime_tests::mongo::{self, ReplicaSet};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::rabbit::{self, Client};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use serde_json::{Value, json};

use super::{event, link, named, one, rule};
use crate::scenarios::events::{dead, header};
use crate::scenarios::web::{SOON, Web, on_both_stores};

on_both_stores!(events_make_change_and_delete_an_endpoint, what_cannot_be_handled_goes_to_the_dead_letters);

/// A program that takes events from a queue of its own.
async fn consuming(start: Start) -> (Client, String, Web) {
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let start = start.env("AMQP_URL", broker.uri()).env("NAPTIME_EVENTS_QUEUE", queue.clone());
    (client, queue, Web::start(start).await)
}

async fn publish(client: &Client, queue: &str, event: &Value) {
    client.publish(queue, event.to_string().as_bytes()).await;
}

/// Waits until everything published so far is handled: what comes after it is.
async fn catch_up(web: &Web, client: &Client, queue: &str, marker: &str) {
    publish(client, queue, &event("twitter.linked", marker, &json!({"token": "t", "every": "1d"}))).await;
    one(web, marker).await;
}

async fn events_make_change_and_delete_an_endpoint(start: Start) {
    let target = Target::start().await;
    let (client, queue, web) = consuming(start).await;
    rule(&web, "link", &link(&target)).await;
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete"})).await;

    let linked = event("twitter.linked", "user-123", &json!({"token": "abc\"d"}));
    publish(&client, &queue, &linked).await;
    target.wait_for(SOON, "calls every second", |calls| calls.len() >= 3).await;
    let calls = target.all_calls();
    let call = &calls[0];
    assert_eq!((call.method.as_str(), call.uri.as_str()), ("POST", "/timeline?user=user-123"));
    assert_eq!(call.header("authorization"), Some("Bearer abc\"d"));
    assert_eq!(serde_json::from_slice::<Value>(&call.body).unwrap(), json!({"token": "abc\"d"}));
    let made = one(&web, "user-123").await;
    assert_eq!((&made["schedule"]["every"], &made["active"], &made["rev"]), (&json!("1s"), &json!(true), &json!(1)));
    assert_eq!(made["tags"], json!(["twitter"]));

    // At least once: it may come again.
    for _ in 0..3 {
        publish(&client, &queue, &linked).await;
    }
    catch_up(&web, &client, &queue, "marker-1").await;
    let same = one(&web, "user-123").await;
    assert_eq!((&same["id"], &same["rev"], &same["changes"]), (&made["id"], &json!(1), &json!([])));

    // What is another is changed, and the rest is as the template says again.
    let path = format!("/api/endpoints/{}", made["id"].as_str().unwrap());
    assert_eq!(web.patch(&path, &json!({"timeout": "7s", "every": "3s", "tags": []})).await.status, 200);
    let other = event("twitter.linked", "user-123", &json!({"token": "new"}));
    publish(&client, &queue, &other).await;
    catch_up(&web, &client, &queue, "marker-2").await;
    let changed = one(&web, "user-123").await;
    assert_eq!((&changed["id"], &changed["rev"]), (&made["id"], &json!(3)));
    for field in ["timeout", "schedule", "tags"] {
        assert_eq!(changed[field], made[field], "{field}");
    }
    assert_eq!((&changed["changes"][1]["by"], &changed["changes"][1]["rule"]), (&json!("rule"), &json!("link")));
    target
        .wait_for(SOON, "the new token", |calls| {
            calls.iter().any(|call| call.header("authorization") == Some("Bearer new"))
        })
        .await;

    for _ in 0..2 {
        publish(&client, &queue, &event("twitter.unlinked", "user-123", &json!({}))).await;
    }
    catch_up(&web, &client, &queue, "marker-3").await;
    assert_eq!(named(&web, "user-123").await, Vec::<Value>::new());
    target.forget();
    // Somebody else's goes on.
    assert_eq!(named(&web, "marker-1").await.len(), 1);
    publish(&client, &queue, &linked).await;
    target.wait_for(SOON, "it is called anew", |calls| calls.len() >= 2).await;
    assert_ne!(one(&web, "user-123").await["id"], made["id"]);

    // Off, by another rule that takes effect at once.
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "switch_off"})).await;
    for _ in 0..2 {
        publish(&client, &queue, &event("twitter.unlinked", "user-123", &json!({}))).await;
    }
    catch_up(&web, &client, &queue, "marker-4").await;
    let off = one(&web, "user-123").await;
    assert_eq!((&off["active"], &off["rev"]), (&json!(false), &json!(2)));
    assert!(client.take(&queue).await.is_none() && client.take(&format!("{queue}.dead")).await.is_none());
}

async fn what_cannot_be_handled_goes_to_the_dead_letters(start: Start) {
    let target = Target::start().await;
    let (client, queue, web) = consuming(start).await;
    rule(&web, "link", &link(&target)).await;
    let anywhere =
        json!({"event": "anywhere", "then": {"upsert": {"url": "{{ data.url }}", "every": "{{ data.every }}"}}});
    rule(&web, "anywhere", &anywhere).await;
    // Beside one that could be carried out: of an event all or nothing is.
    let also = json!({"event": "anywhere", "job": "also-{{ key }}",
        "then": {"upsert": {"url": target.url("/"), "every": "1h", "name": "also"}}});
    rule(&web, "also", &also).await;
    let url = target.url("/");
    let cases = [
        (event("twitter.lnked", "u", &json!({})), "event", "unknown_event"),
        (event("twitter.linked", "u", &json!({})), "headers", "does_not_render"),
        (event("twitter.linked", "u", &json!({"token": "a\nb"})), "headers", "bad_value"),
        (event("anywhere", "u", &json!({"url": "http://10.0.0.1/", "every": "1h"})), "url", "blocked_address"),
        (event("anywhere", "u", &json!({"url": "http://169.254.169.254/", "every": "1h"})), "url", "blocked_address"),
        (event("anywhere", "u", &json!({"url": url, "every": "5 bananas"})), "every", "not_a_duration"),
        (event("anywhere", "u", &json!({"url": url, "every": "1us"})), "every", "out_of_range"),
    ];
    for (event, field, code) in &cases {
        publish(&client, &queue, event).await;
        let letter = dead(&queue).await;
        assert_eq!(serde_json::from_slice::<Value>(&letter.delivery.data).unwrap(), *event);
        let reason = header(&letter, "x-naptime-reason");
        assert_eq!((header(&letter, "x-naptime-field").as_str(), &*reason), (*field, &*reason));
        if *code != "bad_value" {
            assert_eq!(header(&letter, "x-naptime-code"), *code, "{reason}");
        }
        assert!(!reason.is_empty());
    }
    catch_up(&web, &client, &queue, "marker").await;
    assert_eq!(web.items("/api/endpoints").await.len(), 1, "nothing but the marker is stored");
    assert!(!web.naptime.output().contains("bananas"), "what an event holds is not logged");
}

/// Each is killed with kill -9 while it handles the event: the rules take it a second, and the log says when.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_two_workers_died_over_is_put_aside() {
    let database = mongo::fresh_database().await;
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let target = Target::start().await;
    let web = Web::start(Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0")).await;
    rule(&web, "link", &link(&target)).await;
    for n in 0..2 {
        let heavy = json!({"event": "heavy", "job": format!("{{{{ key }}}}/{n}"),
            "then": {"upsert": {"url": target.url("/{{ key }}"), "every": "1d", "name": "heavy"}}});
        rule(&web, &format!("heavy-{n}"), &heavy).await;
    }
    let worker = || {
        let start = Naptime::worker(&database).env("AMQP_URL", broker.uri());
        start.env("NAPTIME_EVENTS_QUEUE", queue.clone())
    };
    let heavy = event("heavy", "user-123", &json!({}));
    // A transaction that is left open has the key of the second rule's job, so no worker comes to the event's end.
    let jobs = database.open().await.collection::<Document>("jobs");
    let mut in_the_way = jobs.client().start_session().await.unwrap();
    in_the_way.start_transaction().await.unwrap();
    let same_key = doc! {"live_key": "user-123/1", "shelf": "endpoints"};
    jobs.insert_one(same_key).bypass_document_validation(true).session(&mut in_the_way).await.unwrap();

    let first = worker().start().await;
    publish(&client, &queue, &heavy).await;
    // What waits behind it was sent ahead to the same worker, and is not to blame.
    publish(&client, &queue, &event("twitter.linked", "behind", &json!({"token": "t", "every": "1d"}))).await;
    eventually(SOON, "the event is being handled", async || {
        jobs.find_one(doc! {"live_key": "user-123/0"}).await.unwrap().map(drop)
    })
    .await;
    first.kill9();
    let second = worker().start().await;
    second.wait_line(SOON, "that it is handled again", |line| line.contains("is handled again")).await;
    second.kill9();
    let third = worker().start().await;
    let letter = dead(&queue).await;
    assert_eq!(serde_json::from_slice::<Value>(&letter.delivery.data).unwrap(), heavy);
    assert_eq!(header(&letter, "x-naptime-code"), "worker_died");
    one(&web, "behind").await;
    // Sent once more, it is a new one.
    in_the_way.abort_transaction().await.unwrap();
    publish(&client, &queue, &heavy).await;
    catch_up(&web, &client, &queue, "after").await;
    assert!(client.take(&format!("{queue}.dead")).await.is_none());
    assert_eq!(jobs.count_documents(doc! {"name": "heavy"}).await.unwrap(), 2);
    drop(third);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_alone_consumes_and_the_other_takes_over() {
    let database = mongo::fresh_database().await;
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let target = Target::start().await;
    let web =
        Web::start(Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0").env("AMQP_URL", broker.uri())).await;
    rule(&web, "link", &link(&target)).await;
    let worker = || {
        // The first of both counts.
        let start = Naptime::worker(&database).env("AMQP_URL", "amqp://nobody:hidden@127.0.0.1:1");
        start.env("CLOUDAMQP_URL", broker.uri()).env("NAPTIME_EVENTS_QUEUE", queue.clone())
    };
    let (one, _two) = (worker().start().await, worker().start().await);
    catch_up(&web, &client, &queue, "first").await;
    one.kill9();
    catch_up(&web, &client, &queue, "second").await;
    assert_eq!(web.items("/api/endpoints").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_store_is_away_is_applied_later() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let (client, queue, web) = consuming(Naptime::web(&database)).await;
    rule(&web, "link", &link(&target)).await;
    catch_up(&web, &client, &queue, "before").await;
    mongo.kill(0);
    publish(&client, &queue, &event("twitter.linked", "user-123", &json!({"token": "abc"}))).await;
    web.naptime.wait_line(SOON, "that it waits", |line| line.contains("an event must wait")).await;
    mongo.restart(0).await;
    target.wait_for(2 * SOON, "the call", |calls| calls.iter().any(|it| it.uri.contains("user-123"))).await;
    assert!(client.take(&format!("{queue}.dead")).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_said_once_and_without_its_password() {
    let file = File::fresh();
    let up = Naptime::up(&file).env("AMQP_URL", "amqp://nobody:hidden@127.0.0.1:1/vhost").start().await;
    up.wait_line(SOON, "that there is no broker", |line| line.contains("no events from naptime.events")).await;
    // Tried again meanwhile.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let output = up.output();
    assert_eq!(output.matches("no events from").count(), 1, "{output}");
    assert!(!output.contains("hidden") && !output.contains("lapin"), "{output}");
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());
}
