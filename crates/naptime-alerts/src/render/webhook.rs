//! JSON of our own, as `docs/api.md` describes it.

use naptime_core::Time;
use naptime_core::alert::{Alert, Event, Open, Says};
use serde_json::{Value, json};

use crate::words::{MAX_NAMED, Message, lasted, link};

/// What is sent: type, time and data, as Standard Webhooks recommends.
pub(super) fn body(message: &Message, alert: Option<&Alert>, base: Option<&str>, now: Time) -> Value {
    let (kind, data) = match alert.map(|alert| &alert.says) {
        None => ("test".to_owned(), json!({"title": message.title})),
        Some(Says::One(event, open)) => {
            let mut data = problem(*event, open, base, now);
            data["title"] = message.title.clone().into();
            (format!("problem.{}", event.as_str()), data)
        }
        Some(Says::Many(events)) => {
            let named: Vec<Value> = events
                .iter()
                .take(MAX_NAMED)
                .map(|(event, open)| {
                    let mut one = problem(*event, open, base, now);
                    one["event"] = event.as_str().into();
                    one
                })
                .collect();
            let count = |is: Event| events.iter().filter(|(event, _)| *event == is).count();
            let counts = json!({
                "opened": count(Event::Opened), "worse": count(Event::Worse), "lasts": count(Event::Lasts),
                "ended": count(Event::Ended),
            });
            ("problems.many".to_owned(), json!({"title": message.title, "counts": counts, "problems": named}))
        }
    };
    json!({"type": kind, "timestamp": now.to_string(), "data": data})
}

fn problem(event: Event, open: &Open, base: Option<&str>, now: Time) -> Value {
    let ended_at = open.gone_at.filter(|_| event == Event::Ended);
    let lasted = u64::try_from(lasted(open, now).as_millis()).unwrap_or(u64::MAX);
    json!({
        "problem": open.report,
        "opened_at": open.opened_at,
        "ended_at": ended_at,
        "lasted_ms": lasted,
        "url": link(open, base),
    })
}
