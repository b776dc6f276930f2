//! Incidents: opened and ended under the same key.

use naptime_core::alert::{Alert, Event, Told};
use serde_json::{Value, json};

use crate::words::{Message, Tone, clip};

/// The longest summary, by PagerDuty.
const MAX_SUMMARY: usize = 1_000;
/// The longest key, by PagerDuty.
const MAX_KEY: usize = 255;

/// <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>.
pub(super) fn event(message: &Message, alert: Option<&Alert>, routing_key: &str, base: Option<&str>) -> Value {
    // Each problem is an alert of its own.
    let told = alert.and_then(|alert| alert.says.first());
    let key = told.map_or_else(|| "naptime/test".to_owned(), key);
    if told.is_some_and(|told| told.event == Event::Ended) {
        return json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": key});
    }
    let severity = match message.tone {
        Tone::Bad => "critical",
        Tone::Warn => "warning",
        Tone::Good => "info",
    };
    let source = told.and_then(|told| told.report.pool.as_deref()).unwrap_or("Naptime");
    let links: Vec<Value> = message.link.iter().map(|link| json!({"href": link, "text": "Open in Naptime"})).collect();
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Naptime",
        "client_url": base,
        "links": links,
        "payload": {
            "summary": clip(&message.title, MAX_SUMMARY),
            "source": source,
            "severity": severity,
            "custom_details": {"what": message.lines.join("\n")},
        },
    })
}

/// The key of a problem, from when it opens until it ends.
fn key(told: &Told) -> String {
    let key = format!("naptime/{}/{}", told.opened_at.millis(), told.report.id);
    clip(&key, MAX_KEY)
}
