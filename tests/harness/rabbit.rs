//! A real RabbitMQ: one broker shared by the tests of a process, and brokers of their own for those that
//! stop it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::OnceCell;

use crate::guard::Guarded;
use crate::scratch::Scratch;
use crate::{eventually, port, tools};

/// It takes about 4 s alone.
const START: Duration = Duration::from_secs(90);

static SHARED: OnceCell<Broker> = OnceCell::const_new();

/// The broker that all tests of this process share, started when first asked for. Not to be stopped: a test that wants
/// to do that starts its own.
pub async fn shared() -> &'static Broker {
    SHARED.get_or_init(Broker::start).await
}

/// One broker: its process, which may come and go, and its ports and data, which stay.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    distribution_port: u16,
    names_port: u16,
    queues: AtomicU32,
    // Before the folder, so that they are gone when the folder is removed.
    process: Mutex<Option<Guarded>>,
    _names: Guarded,
    folder: Scratch,
}

impl Broker {
    /// Starts a broker and waits until it accepts connections.
    pub async fn start() -> Self {
        let names_port = port::free_port();
        // Erlang would start one of its own accord, as a daemon that outlives the test.
        let names = Guarded::spawn(
            &tools::rabbitmq().1,
            ["-port", &names_port.to_string(), "-address", "127.0.0.1"],
            |command| {
                command.env_clear();
            },
        );
        let broker = Self {
            port: port::free_port(),
            distribution_port: port::free_port(),
            names_port,
            queues: AtomicU32::new(0),
            process: Mutex::new(None),
            _names: names.unwrap(),
            folder: Scratch::new(),
        };
        broker.restart().await;
        broker
    }

    /// Its address, with the password that everybody knows.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    /// The name of a queue that isn't there yet.
    pub fn fresh_queue(&self) -> String {
        format!("events-{}", self.queues.fetch_add(1, Ordering::Relaxed))
    }

    /// Ends it in good order. Its ports and its data stay for [`restart`](Self::restart).
    pub async fn stop(&self) {
        self.process.lock().unwrap().as_mut().unwrap().signal("TERM");
        let ended = async || self.process.lock().unwrap().as_mut().unwrap().exited();
        eventually(START, "RabbitMQ ends", ended).await;
        self.kill();
    }

    /// Kills it with SIGKILL and waits until it is gone. It may forget what it was told within the last 2 s, queues
    /// included: that's how long Erlang's log waits for more to write.
    pub fn kill(&self) {
        self.process.lock().unwrap().take();
    }

    /// Starts a broker again that was stopped or killed, and waits until it accepts
    /// connections.
    pub async fn restart(&self) {
        self.launch();
        eventually(START, "RabbitMQ accepts connections", async || {
            let ended = self.process.lock().unwrap().as_mut().and_then(Guarded::exited);
            if let Some(status) = ended {
                panic!("RabbitMQ ended with {status}:\n{}", self.end_of_log());
            }
            // A plain connection first: it is refused at once, and costs nothing.
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            Connection::connect(&self.uri(), ConnectionProperties::default()).await.ok()
        })
        .await;
    }

    /// A connection for this test; it must not be taken to another runtime.
    pub async fn client(&self) -> Client {
        let connection = Connection::connect(&self.uri(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Client { connection, channel }
    }

    fn launch(&self) {
        let mut process = self.process.lock().unwrap();
        assert!(process.is_none(), "this broker is running");
        let folder = self.folder.path();
        let config = folder.join("advanced.config");
        // In this form, as the other one costs a second to translate.
        let listeners = format!("{{tcp_listeners, [{{\"127.0.0.1\", {}}}]}}", self.port);
        fs::write(&config, format!("[{{rabbit, [{listeners}, {{disk_free_limit, 1000000}}]}}].\n")).unwrap();
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let set = |command: &mut Command| {
            command
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("LC_ALL", "C.UTF-8")
                // For the secret that Erlang's nodes share.
                .env("HOME", folder)
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .env("ERL_EPMD_PORT", self.names_port.to_string())
                .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
                .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
                .env("RABBITMQ_NODENAME", "naptime@localhost")
                // Nothing from this machine's own installation.
                .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
                .env("RABBITMQ_CONFIG_FILE", folder.join("none"))
                .env("RABBITMQ_ADVANCED_CONFIG_FILE", &config)
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
                .env("RABBITMQ_ENABLED_PLUGINS", "")
                .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
                .env("RABBITMQ_PID_FILE", folder.join("pid"))
                .env("RABBITMQ_LOGS", "-")
                .stderr(log.try_clone().unwrap())
                .stdout(log);
        };
        let nothing: [&Path; 0] = [];
        *process = Some(Guarded::spawn(&tools::rabbitmq().0, nothing, set).unwrap());
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// What others do with the broker: they publish, and look into queues.
pub struct Client {
    /// The connection, which must be kept.
    pub connection: Connection,
    /// A channel, for what isn't here.
    pub channel: Channel,
}

impl Client {
    /// Makes a durable queue without further arguments.
    pub async fn declare(&self, queue: &str) {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    }

    /// Deletes a queue and what is in it.
    pub async fn delete(&self, queue: &str) {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// Publishes a message that outlives the broker, and waits until the broker has it. The queue must be there.
    pub async fn publish(&self, queue: &str, body: &[u8]) {
        self.publish_with(queue, body, BasicProperties::default()).await;
    }

    /// The same with properties.
    pub async fn publish_with(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = properties.with_delivery_mode(2);
        let sent = self.channel.basic_publish("".into(), queue.into(), options, body, properties).await.unwrap();
        let confirmation = sent.await.unwrap();
        assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "there is no queue {queue}");
    }

    /// Takes a message out of a queue, if one is there that nobody holds.
    pub async fn take(&self, queue: &str) -> Option<BasicGetMessage> {
        self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stopped_broker_comes_back_with_its_messages() {
        let broker = Broker::start().await;
        let client = broker.client().await;
        client.declare("q").await;
        client.publish("q", b"kept").await;
        broker.stop().await;
        broker.restart().await;
        let message = broker.client().await.take("q").await.unwrap();
        assert_eq!(message.delivery.data, b"kept");
    }
}
