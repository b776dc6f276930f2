//! Events from a message queue, with the real broker.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use naptime_core::Invalid;
use naptime_events::{Consumer, Event, Handled, Handler, MAX_BYTES};
use naptime_tests::eventually;
use naptime_tests::rabbit::{self, Broker, Client};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);

type Answer = dyn Fn(&Event, usize) -> Option<Handled> + Send + Sync;

/// Answers as it is told to, and remembers what it was asked.
struct Script {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    /// `answer` gets the event and how many came before it; with `None` it never answers.
    fn new(answer: impl Fn(&Event, usize) -> Option<Handled> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    fn done() -> Arc<Self> {
        Self::new(|_, _| Some(Handled::Done))
    }

    /// The keys it was asked for, in order.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn wait_for(&self, keys: &[&str]) {
        let what = format!("{keys:?} are handled");
        eventually(SOON, &what, async || (self.asked().len() >= keys.len()).then_some(())).await;
        assert_eq!(self.asked(), keys);
    }
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, event: &Event) -> Handled {
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(event.key.clone());
            asked.len() - 1
        };
        match (self.answer)(event, before) {
            Some(handled) => handled,
            None => std::future::pending().await,
        }
    }

    async fn begin(&self, _: &str, _: Uuid) -> Result<u32, String> {
        Ok(1)
    }

    async fn end(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A consumer at work.
struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    fn start(uri: &str, queue: &str, handler: &Arc<Script>) -> Self {
        let consumer = Consumer::new(uri, queue).unwrap();
        let (handler, stop) = (Arc::clone(handler), CancellationToken::new());
        let stopped = stop.clone();
        let task = tokio::spawn(async move { consumer.run(&*handler, &stopped).await });
        Self { task, stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// A queue of its own, which is there.
async fn fresh_queue() -> (Client, String) {
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    (client, queue)
}

fn event(key: &str) -> Vec<u8> {
    format!(r#"{{"event": "twitter.linked", "key": "{key}", "data": {{"token": "abc"}}}}"#).into_bytes()
}

async fn uri() -> String {
    rabbit::shared().await.uri()
}

/// The next message of the queue of dead letters, which may not be there yet.
pub(super) async fn dead(queue: &str) -> BasicGetMessage {
    let broker = rabbit::shared().await;
    eventually(SOON, "a dead letter", async || {
        // Asking a queue that isn't there ends the channel.
        let fresh = broker.client().await;
        let get = BasicGetOptions { no_ack: true };
        fresh.channel.basic_get(format!("{queue}.dead").into(), get).await.ok().flatten()
    })
    .await
}

/// Waits until so many consume the queue.
async fn consumers(broker: &Broker, queue: &str, count: u32) {
    eventually(SOON, &format!("{count} consume"), async || {
        // Asking for a queue that isn't there ends the channel.
        let fresh = broker.client().await;
        let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = fresh.channel.queue_declare(queue.into(), look, FieldTable::default()).await;
        found.ok().filter(|found| found.consumer_count() == count)
    })
    .await;
}

pub(super) fn header(message: &BasicGetMessage, name: &str) -> String {
    let headers = message.delivery.properties.headers().clone().unwrap();
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn each_event_is_handled_once_and_in_order() {
    let (client, queue) = fresh_queue().await;
    for key in ["a", "b", "c"] {
        client.publish(&queue, &event(key)).await;
    }
    let handler = Script::done();
    let running = Running::start(&uri().await, &queue, &handler);
    handler.wait_for(&["a", "b", "c"]).await;
    client.publish(&queue, &event("d")).await;
    handler.wait_for(&["a", "b", "c", "d"]).await;
    running.stop().await;
    assert!(client.take(&queue).await.is_none(), "all are acknowledged");
    assert!(client.take(&format!("{queue}.dead")).await.is_none());
}

#[tokio::test]
async fn an_event_that_must_wait_is_tried_again_before_the_next() {
    let (client, queue) = fresh_queue().await;
    client.publish(&queue, &event("a")).await;
    client.publish(&queue, &event("b")).await;
    let handler = Script::new(|_, before| {
        Some(if before == 0 { Handled::Later("the store is away".into()) } else { Handled::Done })
    });
    let running = Running::start(&uri().await, &queue, &handler);
    handler.wait_for(&["a", "a", "b"]).await;
    running.stop().await;
    assert!(client.take(&queue).await.is_none(), "all are acknowledged");
}

#[tokio::test]
async fn an_event_that_still_waits_at_the_end_goes_back() {
    let (client, queue) = fresh_queue().await;
    client.publish(&queue, &event("a")).await;
    let handler = Script::new(|_, _| Some(Handled::Later("the store is away".into())));
    let running = Running::start(&uri().await, &queue, &handler);
    handler.wait_for(&["a"]).await;
    running.stop().await;
    let back = eventually(SOON, "the event is back", async || client.take(&queue).await).await;
    assert_eq!(back.delivery.data, event("a"));
}

#[tokio::test]
async fn what_cannot_be_handled_is_put_aside_with_its_reason() {
    let (client, queue) = fresh_queue().await;
    let handler = Script::new(|event, _| {
        let unknown = || Handled::Refused(Invalid::new("event", "unknown_event", "no rule is for it"));
        Some(if event.key == "refused" { unknown() } else { Handled::Done })
    });
    let running = Running::start(&uri().await, &queue, &handler);
    let too_large = vec![b' '; MAX_BYTES + 1];
    let refused = event("refused");
    let cases: [(&[u8], &str, &str); 5] = [
        (b"{", "event", "not_json"),
        (&too_large, "event", "too_large"),
        (br#"{"event": "a"}"#, "key", "missing"),
        (br#"{"event": "a", "key": "b", "keys": 1}"#, "keys", "unknown_field"),
        (&refused, "event", "unknown_event"),
    ];
    for (body, field, code) in cases {
        let mut headers = FieldTable::default();
        headers.insert("x-sender".into(), AMQPValue::LongString("me".into()));
        // Both would keep the copy from its queue.
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_message_id("m-1".into())
            .with_user_id("guest".into())
            .with_expiration("60000".into());
        client.publish_with(&queue, body, properties).await;
        let letter = dead(&queue).await;
        assert!(letter.delivery.data == body, "{code}: the body is the original's");
        assert_eq!(
            (header(&letter, "x-naptime-field"), header(&letter, "x-naptime-code")),
            (field.into(), code.into())
        );
        assert!(!header(&letter, "x-naptime-reason").is_empty(), "{code}");
        assert_eq!(header(&letter, "x-sender"), "me");
        let properties = &letter.delivery.properties;
        assert_eq!(properties.message_id().as_ref().map(ShortString::as_str), Some("m-1"));
        assert_eq!((properties.delivery_mode(), properties.expiration()), (&Some(2), &None));
    }
    client.publish(&queue, &event("a")).await;
    handler.wait_for(&["refused", "a"]).await;
    running.stop().await;
    assert!(client.take(&queue).await.is_none(), "all are acknowledged");
}

#[tokio::test]
async fn nothing_is_lost_when_the_queue_of_dead_letters_is_deleted() {
    let (client, queue) = fresh_queue().await;
    let handler = Script::done();
    let running = Running::start(&uri().await, &queue, &handler);
    client.publish(&queue, &event("a")).await;
    handler.wait_for(&["a"]).await;
    client.delete(&format!("{queue}.dead")).await;
    client.publish(&queue, b"not an event").await;
    assert_eq!(dead(&queue).await.delivery.data, b"not an event");
    running.stop().await;
}

#[tokio::test]
async fn an_event_whose_consumer_died_is_handled_by_another() {
    let (client, queue) = fresh_queue().await;
    let stuck = Script::new(|_, _| None);
    let first = Running::start(&uri().await, &queue, &stuck);
    client.publish(&queue, &event("a")).await;
    stuck.wait_for(&["a"]).await;
    let handler = Script::done();
    let second = Running::start(&uri().await, &queue, &handler);
    first.task.abort();
    handler.wait_for(&["a"]).await;
    second.stop().await;
}

#[tokio::test]
async fn of_two_consumers_one_gets_all_and_the_other_takes_over() {
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    let (first, second) = (Script::done(), Script::done());
    let one = Running::start(&broker.uri(), &queue, &first);
    // It makes the queue that all others find.
    consumers(broker, &queue, 1).await;
    let two = Running::start(&broker.uri(), &queue, &second);
    consumers(broker, &queue, 2).await;
    for key in ["a", "b", "c", "d"] {
        client.publish(&queue, &event(key)).await;
    }
    first.wait_for(&["a", "b", "c", "d"]).await;
    assert!(second.asked().is_empty());
    one.stop().await;
    client.publish(&queue, &event("e")).await;
    second.wait_for(&["e"]).await;
    two.stop().await;
}

#[tokio::test]
async fn a_broker_that_was_away_is_found_again() {
    let broker = Broker::start().await;
    let queue = broker.fresh_queue();
    let client = broker.client().await;
    client.declare(&queue).await;
    let handler = Script::done();
    let running = Running::start(&broker.uri(), &queue, &handler);
    client.publish(&queue, &event("before")).await;
    handler.wait_for(&["before"]).await;
    broker.stop().await;
    broker.restart().await;
    broker.client().await.publish(&queue, &event("after")).await;
    // Longer than the longest pause between two attempts.
    eventually(Duration::from_secs(90), "the event after", async || {
        handler.asked().contains(&"after".to_owned()).then_some(())
    })
    .await;
    // It ends at once while it waits for a broker, too.
    broker.kill();
    tokio::time::timeout(SOON, running.stop()).await.unwrap();
}
