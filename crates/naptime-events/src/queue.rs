//! The two queues: the one events come from, and the one for those that cannot be handled.

use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind};

/// The queue for events that cannot be handled.
pub(crate) fn dead(queue: &str) -> String {
    format!("{queue}.dead")
}

/// Makes both queues if they aren't there; one that is there is used as it is.
pub(crate) async fn declare(connection: &Connection, queue: &str) -> lapin::Result<()> {
    // One consumer gets all, and the others wait to take over: with several workers at one queue, events of one key
    // could be handled out of order.
    let mut single = FieldTable::default();
    single.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    ensure(connection, queue, single).await?;
    ensure(connection, &dead(queue), FieldTable::default()).await
}

async fn ensure(connection: &Connection, name: &str, arguments: FieldTable) -> lapin::Result<()> {
    let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    // A refused declaration ends its channel, so each has its own.
    let channel = connection.create_channel().await?;
    match channel.queue_declare(name.into(), look, FieldTable::default()).await {
        Err(error) if is_missing(&error) => {}
        looked => return looked.map(drop),
    }
    let make = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let channel = connection.create_channel().await?;
    channel.queue_declare(name.into(), make, arguments).await.map(drop)
}

fn is_missing(error: &lapin::Error) -> bool {
    let missing = AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND);
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == missing)
}
