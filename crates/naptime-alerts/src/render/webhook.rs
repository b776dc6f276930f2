//! JSON of our own, as `docs/api.md` describes it.

use naptime_core::Time;
use naptime_core::alert::{Alert, Event, Told};
use serde_json::{Value, json};

use crate::words::{MAX_NAMED, Message, lasted, link};

/// What is sent: type, time and data, as Standard Webhooks recommends.
pub(super) fn body(message: &Message, alert: Option<&Alert>, base: Option<&str>, now: Time) -> Value {
    let (kind, data) = match alert.map(|alert| &*alert.says) {
        None => ("test".to_owned(), json!({"title": message.title})),
        Some([told]) => {
            let mut data = problem(told, base, now);
            data["title"] = message.title.clone().into();
            (format!("problem.{}", told.event.as_str()), data)
        }
        Some(many) => {
            let named: Vec<Value> = many.iter().take(MAX_NAMED).map(|told| problem(told, base, now)).collect();
            let count = |event: Event| many.iter().filter(|told| told.event == event).count();
            let counts = json!({
                "opened": count(Event::Opened), "worse": count(Event::Worse), "lasts": count(Event::Lasts),
                "ended": count(Event::Ended),
            });
            ("problems.many".to_owned(), json!({"title": message.title, "counts": counts, "problems": named}))
        }
    };
    json!({"type": kind, "timestamp": now.to_string(), "data": data})
}

fn problem(told: &Told, base: Option<&str>, now: Time) -> Value {
    let lasted = u64::try_from(lasted(told, now).as_millis()).unwrap_or(u64::MAX);
    json!({
        "event": told.event,
        "problem": told.report,
        "opened_at": told.opened_at,
        "ended_at": told.ended_at,
        "lasted_ms": lasted,
        "url": link(told, base),
    })
}
