//! Alerts as requests, in the form that each kind of receiver takes.

mod chats;
mod pager;
#[cfg(test)]
mod tests;
mod webhook;

use std::time::Duration;

use naptime_core::alert::{Alert, Receiver, To};
use naptime_core::{
    Endpoint, Headers, Invalid, JobId, Method, NewJob, Pool, Request, Retry, Schedule, SigningKeys, Spec, Temporary,
    Time,
};
use serde_json::Value;
use uuid::Uuid;

use crate::Place;
use crate::words::{Message, clip};

/// The tag of all alerts.
pub const TAG: &str = "naptime-alert";

/// The tag of the alerts to one receiver.
pub(crate) fn tag_of(receiver: &str) -> String {
    format!("to-{receiver}")
}

/// How often a delivery is tried, and the first pause: over an hour and a half in all.
const ATTEMPTS: u32 = 11;
const BACKOFF: Duration = Duration::from_secs(5);
/// How long a delivery may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is sent where.
struct Sending {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Value,
    sign: SigningKeys,
    /// Whether there is a credential in the body.
    secret: bool,
    /// Whether the path is one.
    secret_path: bool,
}

impl Sending {
    fn to(url: &str, body: Value) -> Self {
        let (headers, sign) = (Vec::new(), SigningKeys::default());
        Self { url: url.to_owned(), headers, body, sign, secret: false, secret_path: true }
    }
}

/// The jobs that send an alert: one, or one for each address.
///
/// # Errors
/// If the receiver cannot be sent anything.
pub(crate) fn jobs(alert: &Alert, receiver: &Receiver, place: &Place) -> Result<Vec<NewJob>, Invalid> {
    let message = Message::of(alert, place.url.as_deref());
    made(&message, Some(alert), alert.id, receiver, place, alert.at)
}

/// The jobs that send a test to a receiver.
///
/// # Errors
/// If it cannot be sent anything: at `to`, if it is to get mail and no server is set.
pub fn test(id: Uuid, receiver: &Receiver, place: &Place, now: Time) -> Result<Vec<NewJob>, Invalid> {
    made(&Message::test(place.url.as_deref()), None, id, receiver, place, now)
}

/// Checks whether a receiver can be sent anything.
///
/// # Errors
/// At `to`, if it is to get mail and no server is set.
pub(crate) fn check(receiver: &Receiver, place: &Place) -> Result<(), Invalid> {
    match &receiver.to {
        To::Email { .. } => mail_server(place).map(drop),
        _ => Ok(()),
    }
}

fn mail_server(place: &Place) -> Result<&Pool, Invalid> {
    let detail = "no mail server is set; set SMTP_URL";
    place.mail.as_ref().ok_or_else(|| Invalid::new("to", "no_mail_server", detail))
}

/// The ids of the jobs that send an alert: one, or one for each address.
pub(crate) fn ids(alert: Uuid, receiver: &Receiver) -> Vec<JobId> {
    let count = match &receiver.to {
        To::Email { to } => to.len() as u128,
        _ => 1,
    };
    (0..count).map(|place| Uuid::from_u128(alert.as_u128() ^ place).into()).collect()
}

fn made(
    message: &Message,
    alert: Option<&Alert>,
    id: Uuid,
    receiver: &Receiver,
    place: &Place,
    now: Time,
) -> Result<Vec<NewJob>, Invalid> {
    let sending = match &receiver.to {
        To::Email { to } => {
            let server = mail_server(place)?;
            let one = |(id, address): (JobId, &String)| {
                let subject = vec![("Subject".to_owned(), header(&message.title))];
                let request = Request {
                    method: Method::Post,
                    headers: Headers::new(subject)?,
                    body: Some(message.text()),
                    timeout: TIMEOUT,
                    ..Request::default()
                };
                // Each address is a delivery of its own, so that one that is refused does not send the others again.
                Ok(job(id, Endpoint::parse(&format!("{server}/{address}"))?, request, message, receiver, now))
            };
            return ids(id, receiver).into_iter().zip(to).map(one).collect();
        }
        To::Webhook { url, sign } => {
            let body = webhook::body(message, alert, place.url.as_deref(), now);
            Sending { sign: sign.clone(), ..Sending::to(url, body) }
        }
        To::Slack { url } => Sending::to(url, chats::slack(message)),
        To::Teams { url } => Sending::to(url, chats::teams(message)),
        To::Telegram { url, token, chat } => Sending::to(
            &format!("{}/bot{token}/sendMessage", url.trim_end_matches('/')),
            chats::telegram(message, chat),
        ),
        To::Ntfy { url, token } => {
            let (server, topic) = url.trim_end_matches('/').rsplit_once('/').unwrap_or((url, ""));
            let headers = token.iter().map(|token| ("Authorization", format!("Bearer {token}"))).collect();
            let body = chats::ntfy(message, topic);
            // The topic is in the body.
            Sending { headers, secret: true, secret_path: false, ..Sending::to(&format!("{server}/"), body) }
        }
        To::Pagerduty { url, routing_key } => {
            let body = pager::event(message, alert, routing_key, place.url.as_deref());
            Sending { secret: true, secret_path: false, ..Sending::to(url, body) }
        }
    };
    let headers = [("Content-Type", "application/json".to_owned())].into_iter().chain(sending.headers);
    let request = Request {
        method: Method::Post,
        headers: Headers::new(headers.map(|(name, value)| (name.to_owned(), value)).collect())?,
        body: Some(sending.body.to_string()),
        timeout: TIMEOUT,
        secret: sending.secret,
        secret_path: sending.secret_path,
        sign: sending.sign,
    };
    Ok(vec![job(id.into(), Endpoint::parse(&sending.url)?, request, message, receiver, now)])
}

fn job(id: JobId, to: Endpoint, request: Request, message: &Message, receiver: &Receiver, now: Time) -> NewJob {
    // What a mail server refuses for now begins with 4, and for good with 5.
    let statuses = if to.is_mail() { "400-499" } else { "429,500-599" }.parse();
    let on = Temporary { timeout: true, unreachable: true, connection: true, ..Temporary::default() };
    let on = Temporary { statuses: statuses.unwrap_or(on.statuses.clone()), ..on };
    let spec = Spec {
        request,
        name: clip(&message.title, naptime_core::job::MAX_NAME),
        tags: vec![TAG.to_owned(), tag_of(&receiver.name)],
        retry: Retry { attempts: ATTEMPTS, backoff: BACKOFF, on },
        ..Spec::new(to, Schedule::Once { at: now })
    };
    NewJob { id, spec, active: true }
}

/// A text that may stand in a header: the mail library writes it as RFC 2047 asks.
fn header(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
