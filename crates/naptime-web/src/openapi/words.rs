//! What the fields of requests mean. That there are such fields, and what they may be, comes from their readers.

/// What a field means, by its path: `endpoint.retry.attempts`. Empty if nobody has said.
pub(super) fn describe(path: &str) -> &'static str {
    entry(path).map_or("", |(_, meaning)| meaning)
}

/// The entry of a path: its own, or that of all objects that have such a field.
fn entry(path: &str) -> Option<&'static (&'static str, &'static str)> {
    let of = |wanted: &str| MEANINGS.iter().find(|(path, _)| *path == wanted);
    of(path).or_else(|| path.split_once('.').and_then(|(_, rest)| of(rest)))
}

/// The entries that none of these paths finds.
#[cfg(test)]
pub(super) fn unused<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<&'static str> {
    let used: Vec<_> = paths.filter_map(entry).map(|(path, _)| *path).collect();
    MEANINGS.iter().map(|(path, _)| *path).filter(|path| !used.contains(path)).collect()
}

/// The meanings, by the path within its object; with the object before it where it means something else there.
const MEANINGS: &[(&str, &str)] = &[
    ("url", "What is called: `http` or `https`, or `job://name`, a handler in the process of the worker."),
    ("method", "The method: `GET` if nothing is said."),
    (
        "headers",
        "The headers that are sent: an object, a list of pairs, or a text with one `Name: value` on each line.",
    ),
    ("body", "The body that is sent."),
    ("secret", "Whether the body and all values of the query are write-only: shown as `••••`."),
    (
        "sign",
        "A key to sign calls with, as Standard Webhooks says, or two while one takes the other's place; write-only.",
    ),
    (
        "timeout",
        "The longest a call may take, answer included: 30s for an endpoint, 60s for a job if nothing is said. More than 5m only if the pool allows it.",
    ),
    ("success", "The statuses that mean success: `200-299` if nothing is said."),
    ("expect", "Up to 10 conditions that an answer must meet beside its status, such as `json $.status is ok`."),
    ("retry", "What is tried again."),
    ("retry.attempts", "How often it is called at most."),
    ("retry.backoff", "The pause before the second attempt; it doubles with each."),
    (
        "retry.on",
        "What is tried again: statuses, `timeout`, `unreachable` (nothing was sent), `connection` (the same, and connections that were cut), or `none`.",
    ),
    (
        "lease",
        "How long a claim lasts without renewal: how soon another worker calls after one died. 15s if nothing is said.",
    ),
    ("name", "A name for people."),
    ("tags", "Words to find it by."),
    ("keep", "Which answers are kept beyond their first two lines: `failures` (if nothing is said), `all` or `none`."),
    (
        "key",
        "What whoever sends it knows it by, in up to 200 characters. No two endpoints that are not deleted have the same.",
    ),
    ("active", "Whether it is called. A new endpoint is not, unless this says so."),
    ("every", "A period, such as `5m`. One of `every`, `cron` and `random` says when an endpoint is called."),
    (
        "align",
        "Whether the period is on round times, such as :00, :05 and :10; else the endpoint's id decides the moment within it, so that calls are spread.",
    ),
    ("jitter", "How much later than its time each call may come, at random."),
    ("cron", "A cron pattern of five fields, or six with seconds: `0 9 * * mon-fri`."),
    ("random", "Once at a random moment in each period of this length: `1h`, `1d`."),
    (
        "window",
        "The parts of the day that random moments lie in: `09:00-12:00, 14:00-17:00`. All day if nothing is said.",
    ),
    ("days", "The weekdays that random moments lie on: `mon-fri`."),
    ("tz", "The IANA time zone that the schedule is read in; UTC if nothing is said."),
    ("from", "The time before which it is not called. Without an offset, it is read in `tz`."),
    ("until", "The time after which it is not called; a call that is due then is made."),
    (
        "except",
        "When it is not called in between: up to 100 days, ranges of days, weekdays and parts of the day, such as `12-24..01-02` or `mon-fri 01:00-03:00`.",
    ),
    ("pause", "A pause until a time, or until somebody resumes it."),
    ("pause.until", "When it is called again."),
    ("pause.note", "Why it is paused, in up to 200 characters."),
    (
        "sla",
        "The longest allowed time between two successful calls: a duration, or an object if it holds in some hours only.",
    ),
    ("sla.every", "The longest allowed time between two successful calls."),
    ("sla.within", "The parts of the day in which it holds."),
    ("sla.days", "The weekdays on which it holds."),
    ("sla.tz", "The time zone of its hours."),
    (
        "steer",
        "The limits within which the target may set its period (`Naptime-Every`) and put off its next call (`Retry-After`).",
    ),
    ("steer.min", "The shortest period."),
    ("steer.max", "The longest period, and the longest time to be left alone."),
    ("failing_after", "After how many failed occurrences in a row it counts as failing; 2 if nothing is said."),
    ("late", "A call that would leave later than this after its time is skipped. None is, if nothing is said."),
    ("catch_up", "Which missed calls are made after all: `latest` (if nothing is said), `all`, or how many."),
    (
        "job.key",
        "What whoever asks for it knows it by. A second job of the same key is not added; the first is returned.",
    ),
    ("job.at", "When to call; now if nothing is said. At most ten years ahead."),
    ("job.in", "After what time to call, in place of `at`."),
    ("job.tz", "The time zone of an `at` that names none."),
    ("pool.active", "Whether anything of the pool is called."),
    ("pool.headers", "The headers sent with each call, unless the endpoint has one of that name."),
    ("pool.max_in_flight", "The most calls at a time."),
    ("pool.max_per_second", "The most calls per second."),
    ("pool.max_timeout", "The longest timeout of its endpoints and jobs."),
    ("pool.http1_only", "Whether HTTP/2 is not used, even if it is offered."),
    ("pool.extra_ca", "Certificates that are trusted beside those of the machine, as PEM."),
    ("pool.client_cert", "The certificate that a target is shown that asks who calls, with its chain, as PEM."),
    ("pool.client_key", "Its private key without a passphrase, as PEM; write-only."),
    (
        "pool.probe",
        "Whether its calls are held back while its host is down, but for one every 5 s that tries whether it is back; true if nothing is said.",
    ),
    ("rule.name", "That of the address, if it is said."),
    ("rule.event", "The event the rule waits for."),
    ("rule.job", "The key of the endpoint it acts on, as a template: `{{ key }}` if nothing is said."),
    (
        "rule.then",
        "What is done: `{\"upsert\": {…}}` with the fields of an endpoint as templates, `\"delete\"` or `\"switch_off\"`.",
    ),
    ("rule.enabled", "Whether it acts; true if nothing is said."),
    ("receiver.name", "That of the address, if it is said."),
    ("receiver.kind", "How it is reached: `email`, `slack`, `teams`, `telegram`, `ntfy`, `pagerduty` or `webhook`."),
    ("receiver.url", "Where alerts are sent. Of `telegram` and `pagerduty` only if it is not the usual place."),
    ("receiver.token", "The token of `telegram` or `ntfy`; write-only."),
    ("receiver.chat", "The chat of `telegram`."),
    ("receiver.routing_key", "The key of an integration of `pagerduty`; write-only."),
    ("receiver.to", "The addresses of `email`."),
    ("receiver.active", "Whether it is sent anything; true if nothing is said."),
    ("receiver.severity", "`bad`: only what is bad; `warn`: all."),
    ("receiver.kinds", "Only problems of these kinds."),
    ("receiver.pools", "Only problems of these pools and their endpoints."),
    ("receiver.tags", "Only problems of endpoints with one of these tags."),
    ("receiver.after", "How long a problem must have lasted to be told."),
    ("receiver.repeat", "How often it is told again while it lasts."),
    ("receiver.quiet", "Hours without alerts."),
    ("receiver.quiet.within", "The parts of the day."),
    ("receiver.quiet.days", "The weekdays."),
    ("receiver.quiet.tz", "The time zone of the hours."),
    ("mute.endpoint", "The id of an endpoint. One of `endpoint`, `pool` and `tag` says what is muted."),
    ("mute.pool", "A pool, with its endpoints."),
    ("mute.tag", "The endpoints of a tag."),
    ("mute.for", "For how long; or `until` when."),
    ("mute.until", "Until when, within a year."),
    ("mute.note", "Why."),
];
