//! Events from a queue of an AMQP 0-9-1 broker such as RabbitMQ, each handled at least once.
//!
//! A message is acknowledged only when it was handled, or when the broker has it in the queue of dead letters. Messages
//! are handled one after the other, and of several workers at a queue one gets them all (see `queue.rs`), so events of
//! one key keep their order.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use naptime_core::Invalid;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::event::Event;
use crate::suspicion::Suspicious;
use crate::{dead, queue};

/// Messages that the broker sends ahead.
const PREFETCH: u16 = 50;

/// Both sides notice within about this time that the other one is gone.
const HEARTBEAT_SECONDS: u16 = 10;

/// How long it may take until a connection is ready, and how long to say goodbye.
const CONNECT: Duration = Duration::from_secs(15);
pub(crate) const CLOSE: Duration = Duration::from_secs(3);

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is done with events.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles one event. It may come again, even if it was handled: what is done must be the same done twice.
    async fn handle(&self, event: &Event) -> Handled;

    /// Notes that `consumer` begins with a message that came before, so that its consumer may have died over it. Returns
    /// how many consumers have begun with it and not ended it, this one included.
    ///
    /// # Errors
    /// Why that can't be noted now.
    async fn begin(&self, message: &str, consumer: Uuid) -> Result<u32, String>;

    /// Notes that the message was handled, or is given back whole.
    ///
    /// # Errors
    /// Why that can't be noted now.
    async fn end(&self, message: &str) -> Result<(), String>;
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// All is done and stored.
    Done,
    /// It can never be handled, for this reason. It is put aside.
    Refused(Invalid),
    /// It can't be handled now, for this reason. It is tried again, and what comes after it waits.
    Later(String),
}

/// A queue to consume.
pub struct Consumer {
    uri: AMQPUri,
    queue: String,
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    #[error("the broker did not answer within {} s", CONNECT.as_secs())]
    NoAnswer,
    #[error("the broker ended the subscription")]
    Ended,
    #[error("the broker did not take a message into the queue of dead letters")]
    DeadLetterRefused,
}

impl Consumer {
    /// A consumer of `queue` at `url`, such as `amqps://user:password@host/vhost`. Nothing is opened yet.
    ///
    /// # Errors
    /// At `url` or `queue`. The URL is not repeated, as it holds a password.
    pub fn new(url: &str, queue: &str) -> Result<Self, Invalid> {
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            Invalid::new("url", "bad_url", "not an address of a broker; it looks like amqps://user:password@host/vhost")
        })?;
        // What ends in a slash means the default host, whatever the letter of the standard says.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        // A name has at most 255 bytes, and that of the dead letters is the longer one.
        if queue.is_empty() || queue::dead(queue).len() > 255 {
            return Err(Invalid::new("queue", "bad_queue", "the name of a queue has 1 to 250 bytes"));
        }
        Ok(Self { uri, queue: queue.to_owned() })
    }

    /// Consumes until `stop`. Connects again for as long as it takes; an outage is logged once, and its end.
    pub async fn run(&self, handler: &dyn Handler, stop: &CancellationToken) {
        let mut pause = Pause::default();
        let mut is_down = false;
        // Lives as long as the process: a message that comes again after a lost connection killed nobody.
        let me = Uuid::new_v4();
        loop {
            let Some(opened) = stop.run_until_cancelled(self.open()).await else { return };
            let lost = match opened {
                Err(lost) => lost,
                Ok(link) => {
                    info!(queue = self.queue, host = self.uri.authority.host, "consuming events from {}", self.queue);
                    is_down = false;
                    let since = Instant::now();
                    let Err(lost) = link.consume(handler, me, stop).await else {
                        let _ = timeout(CLOSE, link.connection.close(200, "OK".into())).await;
                        return;
                    };
                    // One that is lost at once, again and again, is no reason to hurry.
                    if since.elapsed() >= LONGEST_PAUSE {
                        pause = Pause::default();
                    }
                    lost
                }
            };
            if !is_down {
                warn!(queue = self.queue, host = self.uri.authority.host, %lost, "no events from {}", self.queue);
                is_down = true;
            }
            if stop.run_until_cancelled(sleep(pause.next())).await.is_none() {
                return;
            }
        }
    }

    async fn open(&self) -> Result<Link, Lost> {
        timeout(CONNECT, Link::open(self)).await.unwrap_or(Err(Lost::NoAnswer))
    }
}

/// A connection that delivers.
struct Link {
    connection: Connection,
    channel: Channel,
    deliveries: lapin::Consumer,
    queue: String,
}

impl Link {
    async fn open(from: &Consumer) -> Result<Self, Lost> {
        let properties = ConnectionProperties::default().with_connection_name("naptime".into());
        let connection = Connection::connect_uri(from.uri.clone(), properties).await?;
        queue::declare(&connection, &from.queue).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let queue = from.queue.as_str();
        let deliveries = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        Ok(Self { connection, channel, deliveries, queue: from.queue.clone() })
    }

    /// Handles what comes, until `stop`. What was sent ahead and not handled goes back to the queue.
    async fn consume(&self, handler: &dyn Handler, me: Uuid, stop: &CancellationToken) -> Result<(), Lost> {
        let mut deliveries = self.deliveries.clone();
        while let Some(next) = stop.run_until_cancelled(deliveries.next()).await {
            let delivery = next.ok_or(Lost::Ended)??;
            let handled = match Event::read(&delivery.data) {
                Ok(event) => handle(&Suspicious::new(handler, &delivery, me), &event, &delivery, stop).await?,
                Err(reason) => Handled::Refused(reason),
            };
            match handled {
                Handled::Done => {}
                Handled::Refused(reason) => self.bury(&delivery, &reason).await?,
                Handled::Later(_) => return Ok(()),
            }
            // False: the channel is gone, and the message will come again.
            if !delivery.ack(BasicAckOptions::default()).await? {
                return Err(Lost::Ended);
            }
        }
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, reason: &Invalid) -> Result<(), Lost> {
        let dead = queue::dead(&self.queue);
        dead::publish(&self.channel, &dead, delivery, reason).await?;
        // Not the detail, which may quote from the event.
        let (field, code) = (&*reason.field, reason.code);
        warn!(queue = self.queue, field, code, "an event that cannot be handled went to {dead}");
        Ok(())
    }
}

/// Asks until the answer is final. `Later` comes out only on `stop`.
///
/// The message is held meanwhile: given back, it would come again at once, and behind others of its key.
async fn handle(
    handler: &Suspicious<'_>,
    event: &Event,
    delivery: &Delivery,
    stop: &CancellationToken,
) -> Result<Handled, Lost> {
    let mut pause = Pause::default();
    let mut is_first = true;
    loop {
        let handled = handler.handle(event).await;
        let Handled::Later(reason) = &handled else { return Ok(handled) };
        if std::mem::take(&mut is_first) {
            warn!(event = event.event, reason, "an event must wait");
        }
        if stop.run_until_cancelled(sleep(pause.next())).await.is_none() {
            handler.give_back().await;
            return Ok(handled);
        }
        // The broker has it again, and gives it to somebody.
        if !delivery.acker.usable() {
            handler.give_back_once_possible(stop).await;
            return Err(Lost::Ended);
        }
    }
}

/// Pauses that double, from 1 s to 30 s, with jitter, so that not all workers come back in the same moment.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(SHORTEST_PAUSE)
    }
}

impl Pause {
    fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(rand::random_range(0.75..1.25));
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
        pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_not_repeated() {
        for url in ["http://u:secret@host/", "u:secret@host", "amqp://u:secret@host:port/", "amqp:u:secret"] {
            let fault = Consumer::new(url, "events").err().unwrap();
            assert_eq!(fault.code, "bad_url", "{url}");
            assert!(!fault.detail.contains("secret"), "{url}");
        }
        let code = |queue: &str| Consumer::new("amqp://host", queue).err().map(|fault| fault.code);
        assert_eq!(code(""), Some("bad_queue"));
        assert_eq!(code(&"q".repeat(251)), Some("bad_queue"));
        assert_eq!(code(&"q".repeat(250)), None);
    }

    #[test]
    fn the_default_host_is_meant_with_and_without_a_slash() {
        for url in ["amqp://host", "amqp://host/", "amqp://host/%2f"] {
            assert_eq!(Consumer::new(url, "events").unwrap().uri.vhost, "/", "{url}");
        }
        let uri = Consumer::new("amqps://u:p%40@host/mine?heartbeat=30", "events").unwrap().uri;
        assert_eq!((uri.vhost.as_str(), uri.authority.userinfo.password.as_str()), ("mine", "p@"));
        assert_eq!((uri.authority.port, uri.query.heartbeat), (5671, Some(30)));
    }

    #[test]
    fn pauses_grow_up_to_30_s() {
        let mut pause = Pause::default();
        let pauses: Vec<Duration> = std::iter::repeat_with(|| pause.next()).take(8).collect();
        assert!(pauses.iter().all(|it| (SHORTEST_PAUSE..=LONGEST_PAUSE).contains(it)), "{pauses:?}");
        assert!(pauses[0] < Duration::from_millis(1_300) && pauses[7] > Duration::from_secs(22), "{pauses:?}");
    }
}
