use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::alert::Book;
use naptime_core::problem::{Found, Kind, Problem, Whose};
use naptime_core::{Endpoint, Receiver};
use serde_json::json;

use super::*;

const NOW: Time = Time::from_millis(1_800_000_000_000);

fn receiver(to: Value) -> Receiver {
    let mut json = json!({"name": "a", "active": true, "after": "0ms", "added_at": NOW});
    json.as_object_mut().expect("an object").extend(to.as_object().cloned().unwrap_or_default());
    serde_json::from_value(json).expect("a receiver")
}

fn failing(n: u128, name: &str) -> Problem {
    let endpoint = Endpoint::parse(&format!("https://a.test/{n}")).expect("a URL");
    let of = Whose::Endpoint { id: Uuid::from_u128(n).into(), endpoint, name: name.to_owned() };
    let kind = Kind::Failing { failures: 2, breach: false, by_host: false };
    let message = Some("failed 500: out of <paper>".to_owned());
    Problem { of, kind, tags: [].into(), since: Some(NOW - Duration::from_secs(90)), called_at: None, message }
}

/// The alerts that a receiver gets of these.
fn alerts(receiver: &Receiver, found: &[Problem]) -> Vec<Alert> {
    let mut book = Book::default();
    book.note(&Found { problems: found.to_vec(), ..Found::default() }, NOW);
    book.decide(std::slice::from_ref(receiver), &[], NOW);
    book.outbox
}

/// The one request that a receiver gets of these.
fn request(receiver: &Receiver, found: &[Problem]) -> (NewJob, Value) {
    let alerts = alerts(receiver, found);
    assert_eq!(alerts.len(), 1);
    let place = Place { url: Some("https://naptime.test".to_owned()), mail: None };
    let mut jobs = jobs(&alerts[0], receiver, &place).expect("it can be sent");
    assert_eq!(jobs.len(), 1);
    let job = jobs.remove(0);
    let body = serde_json::from_str(job.spec.request.body.as_deref().unwrap_or_default()).expect("JSON");
    (job, body)
}

#[test]
fn an_alert_says_what_since_when_and_where() {
    let hook = receiver(json!({"kind": "webhook", "url": "https://hook.test/x"}));
    let (job, body) = request(&hook, &[failing(7, "charge")]);
    assert_eq!((job.spec.endpoint.to_string(), &*job.spec.name), ("https://hook.test/x".to_owned(), "charge: failing"));
    assert_eq!((job.spec.tags, job.spec.request.method), (vec![TAG.to_owned(), "to-a".to_owned()], Method::Post));
    let data = &body["data"];
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("problem.opened"), &json!("2027-01-15T08:00:00.000Z")));
    assert_eq!((&data["lasted_ms"], &data["ended_at"]), (&json!(90_000), &Value::Null));
    assert_eq!(data["url"], "https://naptime.test/endpoints/00000000-0000-0000-0000-000000000007");
    let chat = receiver(json!({"kind": "slack", "url": "https://chat.test/x"}));
    let (_, body) = request(&chat, &[failing(7, "charge")]);
    let text = "The last 2 occurrences failed.\nfailed 500: out of &lt;paper&gt;\nSince 2027-01-15 07:58:30 UTC.\nhttps://a.test/7";
    assert_eq!(body["attachments"][0]["text"], text);
}

#[test]
fn a_storm_is_counted_and_the_first_are_named() {
    let hook = receiver(json!({"kind": "webhook", "url": "https://hook.test/x"}));
    let found: Vec<Problem> = (1..=30).map(|n| failing(n, "")).collect();
    let (job, body) = request(&hook, &found);
    assert_eq!(job.spec.name, "30 problems: 30 new");
    assert_eq!((&body["type"], &body["data"]["counts"]["opened"]), (&json!("problems.many"), &json!(30)));
    assert_eq!(body["data"]["problems"].as_array().map(Vec::len), Some(20));
}

#[test]
fn each_address_is_a_delivery_of_its_own() {
    let ops = receiver(json!({"kind": "email", "to": ["ops@a.test", "dev@a.test"]}));
    let alert = alerts(&ops, &[failing(7, "a\u{7}b")]).remove(0);
    assert!(jobs(&alert, &ops, &Place::default()).is_err_and(|fault| fault.code == "no_mail_server"));
    let mail = naptime_core::Pool::parse("smtp://mail.test:587").ok();
    let made = jobs(&alert, &ops, &Place { url: None, mail }).expect("it can be sent");
    let to: BTreeMap<String, JobId> = made.iter().map(|job| (job.spec.endpoint.to_string(), job.id)).collect();
    assert_eq!(to.keys().collect::<Vec<_>>(), ["smtp://mail.test:587/dev@a.test", "smtp://mail.test:587/ops@a.test"]);
    assert_eq!(made[0].spec.request.headers.iter().next(), Some(("Subject", "a b: failing")));
    assert_ne!(made[0].id, made[1].id);
}

#[test]
fn a_target_puts_no_links_into_a_chat() {
    let teams = receiver(json!({"kind": "teams", "url": "https://chat.test/x"}));
    let said = Problem { message: Some("[x](https://evil.test) *b*".to_owned()), ..failing(7, "a_b") };
    let (_, body) = request(&teams, &[said]);
    let texts = &body["attachments"][0]["content"]["body"];
    assert_eq!(texts[0]["text"], r"a\_b: failing");
    assert_eq!(texts[2]["text"], r"\[x\]\(https://evil.test\) \*b\*");
}
