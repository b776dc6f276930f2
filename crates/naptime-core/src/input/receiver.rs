//! Where alerts go.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Limits;
use super::fields::{Fields, Said, text};
use super::shape::Kind as FieldKind;
use crate::alert::{EVENTS_URL, Only, Quiet, Receiver, TELEGRAM_URL, To, shown_url};
use crate::problem::{Kind, Severity};
use crate::secret::MASK;
use crate::{Days, Endpoint, Hours, Invalid, Pool, SigningKeys, Spec, Windows, Zone, check_line};

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
    let made = receiver(&mut fields, name, stored, limits);
    // The API adds these when it sends a receiver.
    for name in ["rev", "added_at"] {
        fields.skip(name);
    }
    fields.finish("a receiver", made)
}

pub(super) fn receiver(
    fields: &mut Fields,
    name: &str,
    stored: Option<&Receiver>,
    limits: Limits<'_>,
) -> Option<Receiver> {
    let sent = fields.text("name").value();
    if sent.is_some_and(|sent| sent != name) {
        fields.fault("name", "conflict", "`name` is not that of the address");
    }
    let checked = check_name(name);
    fields.note(checked);
    let active = fields.flag("active").or(true, true);
    let to = to(fields, stored.map(|stored| &stored.to), limits);
    let only = only(fields);
    let after = fields.duration("after", Duration::ZERO, MAX_AFTER).or(Duration::ZERO, Duration::ZERO);
    let repeat = fields.duration("repeat", REPEATS.0, REPEATS.1).value();
    let quiet = fields.within("quiet", "an object of `within`, `days` and `tz`", quiet).value();
    to.map(|to| {
        let same = stored.filter(|stored| stored.to.is_same_place(&to));
        let added_at = same.map_or(limits.now, |stored| stored.added_at);
        Receiver { name: name.to_owned(), active, to, only, added_at, after, repeat, quiet }
    })
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        let detail = "a name is 1 to 40 small letters, digits and hyphens";
        return Err(Invalid::new("name", "bad_name", detail));
    }
    Ok(())
}

/// The fields that only some kinds have.
const OF_KINDS: [&str; 6] = ["url", "sign", "token", "chat", "routing_key", "to"];

fn to(fields: &mut Fields, stored: Option<&To>, limits: Limits<'_>) -> Option<To> {
    let kind = fields.text("kind").value();
    let kinds = To::KINDS.join(", ");
    // What is stored of another kind is of no use.
    let stored = stored.filter(|stored| kind.as_deref() == Some(stored.kind()));
    match kind.as_deref() {
        Some("webhook") => {
            let (url, kept) = url(fields, stored, limits, None);
            let keys = match kept {
                Some(To::Webhook { sign, .. }) => sign.clone(),
                _ => SigningKeys::default(),
            };
            let sign = fields.list("sign", "keys", |sent| SigningKeys::read(sent, &keys));
            Some(To::Webhook { url: url?, sign: sign.or(SigningKeys::default(), SigningKeys::default()) })
        }
        Some("slack") => Some(To::Slack { url: url(fields, stored, limits, None).0? }),
        Some("teams") => Some(To::Teams { url: url(fields, stored, limits, None).0? }),
        Some("telegram") => {
            let (url, kept) = url(fields, stored, limits, Some(TELEGRAM_URL));
            let (token, chat) = (credential(fields, "token", kept), line(fields, "chat"));
            Some(To::Telegram { url: url?, token: token?, chat: chat? })
        }
        Some("ntfy") => {
            let (url, kept) = url(fields, stored, limits, None);
            let has_topic = url.as_deref().and_then(|url| Endpoint::parse(url).ok()).is_none_or(|url| {
                let topic = url.channel().as_str().rsplit('/').next().unwrap_or_default();
                !topic.is_empty() && !topic.contains('?')
            });
            if !has_topic {
                fields.fault("url", "no_topic", "the URL has no topic; it looks like https://ntfy.sh/your-topic");
            }
            let token =
                if fields.says("token") || fields.is_noting() { credential(fields, "token", kept) } else { None };
            Some(To::Ntfy { url: url?, token })
        }
        Some("pagerduty") => {
            let (url, kept) = url(fields, stored, limits, Some(EVENTS_URL));
            let routing_key = credential(fields, "routing_key", kept);
            Some(To::Pagerduty { url: url?, routing_key: routing_key? })
        }
        Some("email") => {
            let to = fields.list("to", "addresses", addresses);
            there(fields, "to", to).map(|to| To::Email { to })
        }
        Some(_) => {
            fields.fault("kind", "unknown_kind", format!("there is no such kind; it may be {kinds}"));
            skip_all(fields);
            None
        }
        None => {
            if !fields.is_faulty("kind") {
                fields.fault("kind", "missing", format!("`kind` is missing: one of {kinds}"));
            }
            skip_all(fields);
            None
        }
    }
}

/// Nothing is said of the fields of a kind that is none.
fn skip_all(fields: &mut Fields) {
    for name in OF_KINDS {
        fields.skip(name);
    }
}

/// The URL, and what is stored if that is for the same host.
fn url<'a>(
    fields: &mut Fields,
    stored: Option<&'a To>,
    limits: Limits<'_>,
    default: Option<&str>,
) -> (Option<String>, Option<&'a To>) {
    let old = stored.and_then(To::url);
    let read = fields.parsed("url", |text| match old {
        Some(old) if text == shown_url(old) => Endpoint::parse_http(old),
        _ => Endpoint::parse_http(text),
    });
    let endpoint = match (read.value(), default) {
        // What is wrong with the others is told as well.
        (None, _) if fields.is_faulty("url") => return (None, stored),
        (Some(endpoint), _) => Some(endpoint),
        (None, Some(default)) => fields.note(Endpoint::parse_http(default)),
        (None, None) => {
            fields.fault("url", "missing", "the URL is missing; it looks like https://example.com/path");
            None
        }
    };
    let checked = endpoint.and_then(|endpoint| {
        let checked = limits.networks.check(&endpoint);
        fields.note(checked).map(|()| endpoint)
    });
    let Some(endpoint) = checked else { return (None, stored) };
    let is_same = |old: &str| Endpoint::parse(old).is_ok_and(|old| old.pool() == endpoint.pool());
    let kept = stored.filter(|_| old.is_some_and(is_same));
    (Some(endpoint.to_string()), kept)
}

/// A credential, for which a mask keeps the one that is stored.
fn credential(fields: &mut Fields, name: &'static str, kept: Option<&To>) -> Option<String> {
    let read = fields.parsed(name, |text| match kept.and_then(To::credential) {
        Some(old) if text == MASK => Ok(old.to_owned()),
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
    // The id of a chat is a number, and longer than a form may hold as one.
    let read = fields.read(name, FieldKind::TextOrNumber, |value| {
        let text = match value {
            Value::Number(number) => number.to_string(),
            other => text(name, other)?.trim().to_owned(),
        };
        let blank = || Invalid::new(name, "empty", format!("`{name}` is blank"));
        check_line(name, &text, MAX_CREDENTIAL)?;
        if text.is_empty() { Err(blank()) } else { Ok(text) }
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
        // Only what needs no escape in a URL.
        let fits = |part: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-=~!$*'&".contains(&byte);
            !part.is_empty() && !part.split('.').any(str::is_empty) && part.bytes().all(is_plain)
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
        let kinds: Vec<String> = kinds.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
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
    let tags = fields.list("tags", "tags", |tags| Spec::check_tags(&tags).map(|()| tags));
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
