//! Where alerts go.

use std::time::Duration;

use serde_json::Value;

use super::Limits;
use super::fields::{Fields, Said};
use crate::alert::{EVENTS_URL, Only, Quiet, Receiver, TELEGRAM_URL, To, shown_url};
use crate::problem::{Kind, Severity};
use crate::secret::MASK;
use crate::{Days, Endpoint, Hours, Invalid, Pool, SigningKeys, Windows, Zone, check_line};

/// The longest name of a receiver, in characters.
const MAX_NAME: usize = 40;
/// The longest time that a problem must have lasted.
const MAX_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The least and the most time between two alerts of the same.
const REPEATS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 24 * 3600));
/// The most addresses, tags, pools and kinds.
const MAX_LIST: usize = 20;
/// The longest address, by RFC 5321.
const MAX_ADDRESS: usize = 254;
/// The longest credential.
const MAX_CREDENTIAL: usize = 500;

/// Reads a receiver, of which there may be a `stored` one already: a mask keeps what it has, as long as the host is the
/// same.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_receiver(
    value: Value,
    name: &str,
    stored: Option<&Receiver>,
    limits: Limits<'_>,
) -> Result<Receiver, Vec<Invalid>> {
    let mut fields = Fields::of_value(value, "a receiver", limits.min_period)?;
    let sent = fields.text("name").value();
    if sent.is_some_and(|sent| sent != name) {
        fields.fault("name", "conflict", "`name` is not that of the address");
    }
    let checked = check_name(name);
    fields.note(checked);
    let active = fields.flag("active").or(true, true);
    let to = to(&mut fields, stored.map(|stored| &stored.to), limits);
    let only = only(&mut fields);
    let after = fields.duration("after", Duration::ZERO, MAX_AFTER).or(Duration::ZERO, Duration::ZERO);
    let repeat = fields.duration("repeat", REPEATS.0, REPEATS.1).value();
    let quiet = fields.within("quiet", "an object of `within`, `days` and `tz`", quiet).value();
    // The API adds it when it sends a receiver.
    fields.skip("rev");
    let name = name.to_owned();
    fields.finish("a receiver", to.map(|to| Receiver { name, active, to, only, after, repeat, quiet }))
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        let detail = "a name is 1 to 40 small letters, digits and hyphens";
        return Err(Invalid::new("name", "bad_name", detail));
    }
    Ok(())
}

fn to(fields: &mut Fields, stored: Option<&To>, limits: Limits<'_>) -> Option<To> {
    let kind = fields.text("kind").value();
    let kinds = To::KINDS.join(", ");
    let Some(kind) = kind else {
        if !fields.is_faulty("kind") {
            fields.fault("kind", "missing", format!("`kind` is missing: one of {kinds}"));
        }
        return None;
    };
    // What is stored of another kind is of no use.
    let stored = stored.filter(|stored| stored.kind() == kind);
    let made = match &*kind {
        "webhook" => {
            let (url, old) = url(fields, stored, limits, None)?;
            let keys = match old {
                Some(To::Webhook { sign, .. }) => sign.clone(),
                _ => SigningKeys::default(),
            };
            let sign = fields.list("sign", "keys", |sent| SigningKeys::read(sent, &keys));
            To::Webhook { url, sign: sign.or(SigningKeys::default(), SigningKeys::default()) }
        }
        "slack" => To::Slack { url: url(fields, stored, limits, None)?.0 },
        "teams" => To::Teams { url: url(fields, stored, limits, None)?.0 },
        "telegram" => {
            let (url, old) = url(fields, stored, limits, Some(TELEGRAM_URL))?;
            let old = match old {
                Some(To::Telegram { token, .. }) => Some(token),
                _ => None,
            };
            let (token, chat) = (credential(fields, "token", old), line(fields, "chat"));
            To::Telegram { url, token: token?, chat: chat? }
        }
        "ntfy" => {
            let (url, old) = url(fields, stored, limits, None)?;
            let old = match old {
                Some(To::Ntfy { token, .. }) => token.as_ref(),
                _ => None,
            };
            let token = if fields.says("token") { Some(credential(fields, "token", old)?) } else { None };
            To::Ntfy { url, token }
        }
        "pagerduty" => {
            let (url, old) = url(fields, stored, limits, Some(EVENTS_URL))?;
            let old = match old {
                Some(To::Pagerduty { routing_key, .. }) => Some(routing_key),
                _ => None,
            };
            To::Pagerduty { url, routing_key: credential(fields, "routing_key", old)? }
        }
        "email" => {
            let to = fields.list("to", "addresses", addresses).value();
            if to.is_none() && !fields.is_faulty("to") {
                fields.fault("to", "missing", "the address is missing; it looks like ops@example.com");
            }
            To::Email { to: to? }
        }
        _ => {
            fields.fault("kind", "unknown_kind", format!("there is no such kind; it may be {kinds}"));
            return None;
        }
    };
    Some(made)
}

/// The URL, and what is stored if that is for the same host.
fn url<'a>(
    fields: &mut Fields,
    stored: Option<&'a To>,
    limits: Limits<'_>,
    default: Option<&str>,
) -> Option<(String, Option<&'a To>)> {
    let old = match stored {
        Some(
            To::Webhook { url, .. }
            | To::Slack { url }
            | To::Teams { url }
            | To::Telegram { url, .. }
            | To::Ntfy { url, .. }
            | To::Pagerduty { url, .. },
        ) => Some(url),
        _ => None,
    };
    let read = fields.parsed("url", |text| match old {
        Some(old) if text == shown_url(old) => Endpoint::parse_http(old),
        _ => Endpoint::parse_http(text),
    });
    let endpoint = match (read, default) {
        (Said::Value(endpoint), _) => endpoint,
        (_, Some(default)) if !fields.is_faulty("url") => fields.note(Endpoint::parse_http(default))?,
        _ => {
            if !fields.is_faulty("url") {
                fields.fault("url", "missing", "the URL is missing; it looks like https://example.com/path");
            }
            return None;
        }
    };
    let checked = limits.networks.check(&endpoint);
    fields.note(checked)?;
    let is_same = |old: &&String| Endpoint::parse(old).is_ok_and(|old| old.pool() == endpoint.pool());
    let kept = stored.filter(|_| old.as_ref().is_some_and(is_same));
    Some((endpoint.to_string(), kept))
}

/// A credential, for which a mask keeps the `old` one.
fn credential(fields: &mut Fields, name: &'static str, old: Option<&String>) -> Option<String> {
    let read = fields.parsed(name, |text| match old {
        Some(old) if text == MASK => Ok(old.clone()),
        _ if text == MASK => Err(Invalid::new(name, "masked", "•••• stands for nothing here; write it out")),
        _ => {
            let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
            let detail = "it is empty, longer than 500 characters, or holds one that cannot be sent";
            let fits = !text.is_empty() && text.len() <= MAX_CREDENTIAL && is_sendable;
            if fits { Ok(text.to_owned()) } else { Err(Invalid::new(name, "bad_credential", detail)) }
        }
    });
    there(fields, name, read)
}

/// A text of one line that is not blank.
fn line(fields: &mut Fields, name: &'static str) -> Option<String> {
    let read = fields.parsed(name, |text| {
        let text = text.trim();
        let blank = || Invalid::new(name, "empty", format!("`{name}` is blank"));
        check_line(name, text, MAX_CREDENTIAL)?;
        if text.is_empty() { Err(blank()) } else { Ok(text.to_owned()) }
    });
    there(fields, name, read)
}

/// What was read, or that it is missing.
fn there<T>(fields: &mut Fields, name: &'static str, read: Said<T>) -> Option<T> {
    let value = read.value();
    if value.is_none() && !fields.is_faulty(name) {
        fields.fault(name, "missing", format!("`{name}` is missing"));
    }
    value
}

fn addresses(list: Vec<String>) -> Result<Vec<String>, Invalid> {
    if list.is_empty() || list.len() > MAX_LIST {
        return Err(Invalid::new("to", "bad_count", format!("there may be 1 to {MAX_LIST} addresses")));
    }
    let read = |text: String| {
        let text = text.trim().to_owned();
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"<>(),;:\\\"[]@".contains(&b))
        };
        match text.rsplit_once('@') {
            Some((local, domain)) if text.len() <= MAX_ADDRESS && fits(local) && fits(domain) => Ok(text),
            _ => {
                let detail = format!("`{text}` is no address; it looks like ops@example.com");
                Err(Invalid::new("to", "not_an_address", detail))
            }
        }
    };
    list.into_iter().map(read).collect()
}

fn only(fields: &mut Fields) -> Only {
    let severity = fields.parsed("severity", |text| match text {
        "bad" => Ok(Severity::Bad),
        "warn" => Ok(Severity::Warn),
        _ => Err(Invalid::new("severity", "unknown_severity", "`severity` is `bad` or `warn`")),
    });
    let kinds = fields.list("kinds", "kinds", |kinds| {
        let known = Kind::NAMES.join(", ");
        match kinds.iter().find(|kind| !Kind::NAMES.contains(&kind.as_str())) {
            Some(other) => {
                let detail = format!("`{other}` is no kind of problem; they are {known}");
                Err(Invalid::new("kinds", "unknown_kind", detail))
            }
            None => Ok(kinds),
        }
    });
    let pools = fields.list("pools", "pools", |pools| {
        let read = |text: String| Pool::parse(&text).map(|pool| pool.to_string());
        few("pools", pools)?.into_iter().map(read).collect()
    });
    let tags = fields.list("tags", "tags", |tags| few("tags", tags));
    Only {
        severity: severity.value(),
        kinds: kinds.value().unwrap_or_default(),
        pools: pools.value().unwrap_or_default(),
        tags: tags.value().unwrap_or_default(),
    }
}

fn few(name: &'static str, list: Vec<String>) -> Result<Vec<String>, Invalid> {
    let detail = || format!("there are more than {MAX_LIST} {name}");
    if list.len() > MAX_LIST { Err(Invalid::new(name, "too_many", detail())) } else { Ok(list) }
}

fn quiet(fields: &mut Fields) -> Option<Quiet> {
    let windows = fields.parsed("quiet.within", str::parse::<Windows>).value();
    let list = |list: Vec<String>| Days::parse_list(list.iter().map(String::as_str));
    let days = fields.list("quiet.days", "weekdays", list).or(Days::ALL, Days::ALL);
    let zone = fields.parsed("quiet.tz", Zone::parse).or(Zone::UTC, Zone::UTC);
    let hours = Hours { windows, days, zone };
    if hours.is_always() && !fields.is_faulty("quiet") {
        fields.fault("quiet.within", "missing", "say which hours are quiet, like 22:00-07:00, or which `days`");
        return None;
    }
    Some(Quiet(hours))
}
