//! Dead letters: messages that cannot be handled, put aside as they came with the reason beside them.

use lapin::message::Delivery;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};
use naptime_core::Invalid;

use crate::amqp::Lost;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// The most of the sender's headers, as printed. All headers must fit in one frame, which has 128 KiB by default.
const MAX_HEADERS: usize = 64 * 1024;

const PERSISTENT: u8 = 2;

/// Publishes a copy to `queue` and waits until the broker has it. The message itself is still to be acknowledged.
pub(crate) async fn publish(channel: &Channel, queue: &str, delivery: &Delivery, reason: &Invalid) -> Result<(), Lost> {
    // Mandatory: if the queue has been deleted, the message comes back instead of vanishing.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = properties(&delivery.properties, reason);
    let sent = channel.basic_publish("".into(), queue.into(), options, &delivery.data, properties).await?;
    match sent.await? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(Lost::DeadLetterRefused),
    }
}

/// What the sender said of the message, and the reason. Left out is what would make the copy vanish (its expiry) or be
/// refused (its user, who is not ours).
fn properties(sent: &BasicProperties, reason: &Invalid) -> BasicProperties {
    let mut headers = sent.headers().clone().unwrap_or_default();
    if format!("{headers:?}").len() > MAX_HEADERS {
        headers = FieldTable::default();
    }
    let mut add = |name: &str, text: &str| {
        let text: String = text.chars().take(MAX_REASON).collect();
        headers.insert(name.into(), AMQPValue::LongString(text.into()));
    };
    add("x-naptime-field", &reason.field);
    add("x-naptime-code", reason.code);
    add("x-naptime-reason", &reason.detail);

    let mut kept = BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(headers);
    if let Some(it) = sent.content_type() {
        kept = kept.with_content_type(it.clone());
    }
    if let Some(it) = sent.content_encoding() {
        kept = kept.with_content_encoding(it.clone());
    }
    if let Some(it) = sent.correlation_id() {
        kept = kept.with_correlation_id(it.clone());
    }
    if let Some(it) = sent.message_id() {
        kept = kept.with_message_id(it.clone());
    }
    if let Some(it) = sent.timestamp() {
        kept = kept.with_timestamp(*it);
    }
    if let Some(it) = sent.kind() {
        kept = kept.with_type(it.clone());
    }
    if let Some(it) = sent.app_id() {
        kept = kept.with_app_id(it.clone());
    }
    kept
}
