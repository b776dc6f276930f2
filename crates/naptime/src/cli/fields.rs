//! What an endpoint or a job is, as flags, and as the fields of the API that they are sent as.

use clap::Args;
use serde_json::{Map, Value};

/// All that an endpoint is but its URL.
#[derive(Args)]
pub(crate) struct EndpointArgs {
    #[command(flatten)]
    timing: TimingArgs,
    #[command(flatten)]
    sla: SlaArgs,
    /// Skip a call that would leave later than this after its time
    #[arg(long, value_name = "DURATION")]
    late: Option<String>,
    /// Of the calls missed while nothing could be called: latest (one for all of them), all, or at most so many
    #[arg(long, value_name = "WHICH")]
    catch_up: Option<String>,
    /// It counts as failing once so many occurrences in a row did not end well [default: 2]
    #[arg(long, value_name = "N")]
    failing_after: Option<String>,
    #[command(flatten)]
    call: CallArgs,
    /// What you know it by, such as its name in a program of yours; no other endpoint may have the same
    #[arg(long)]
    key: Option<String>,
    /// A key to sign each call with, as Standard Webhooks says (whsec_…); two while one takes the other's place
    #[arg(long, value_name = "KEY")]
    sign: Vec<String>,
    /// The longest a call may take [default: 30s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

/// What is called and how: of endpoints and of jobs.
#[derive(Args)]
pub(crate) struct CallArgs {
    /// The HTTP method [default: GET]
    #[arg(long)]
    method: Option<String>,
    /// A header, such as 'Accept: text/plain'; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The body to send
    #[arg(long)]
    body: Option<String>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Show the body and the values of the query no more than credentials: on no page, in no list, log or message
    #[arg(long)]
    secret: bool,
    /// A word to find it by; may be repeated
    #[arg(long)]
    tag: Vec<String>,
    /// What a good answer says beside its status, like 'body contains paid' or 'json $.status is ok'; may be repeated
    #[arg(long, value_name = "CONDITION")]
    expect: Vec<String>,
    /// Which answers are kept: failures (the first and the last in a row, the first good one after them, one a day), all, none
    #[arg(long, value_name = "WHICH")]
    keep: Option<String>,
}

/// When an endpoint is called.
#[derive(Args)]
pub(crate) struct TimingArgs {
    /// How often: 10s, 5m, 1h 30m
    #[arg(long, value_name = "PERIOD")]
    every: Option<String>,
    /// Each call comes up to this much later, at random; with --every
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// On round times (:00, :05, ...) rather than spread by its id; with --every
    #[arg(long)]
    align: bool,
    /// In place of --every, a pattern: '0 9 * * MON-FRI', '@hourly', or six fields with the seconds first
    #[arg(long, value_name = "PATTERN")]
    cron: Option<String>,
    /// In place of --every, once at a random moment in each of these: 1h, 1d
    #[arg(long, value_name = "PERIOD")]
    random: Option<String>,
    /// The parts of the day, such as 09:00-17:00, 22:00-02:00 or 9-12,14-17; with --random
    #[arg(long, value_name = "FROM-TO")]
    window: Option<String>,
    /// The weekdays, such as mon-fri, sat,sun or weekend; with --random
    #[arg(long)]
    days: Option<String>,
    /// The time zone, such as Europe/Berlin; with --cron, --random, --from, --until, --except and --pause-until [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Not before this time: 2030-01-31T09:00:00Z, or a time in the zone of --tz
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Not in these times, such as 2026-12-25, 12-24..01-02 (each year), sat-sun or 'mon-fri 01:00-03:00'
    #[arg(long, value_name = "TIMES")]
    except: Option<String>,
    /// Paused until this time
    #[arg(long, value_name = "TIME")]
    pause_until: Option<String>,
    /// Why it is paused; without --pause-until, until somebody resumes it
    #[arg(long, value_name = "TEXT")]
    pause_note: Option<String>,
}

/// How often it is promised to be called well, and when.
#[derive(Args)]
struct SlaArgs {
    /// The longest allowed gap between good calls
    #[arg(long, value_name = "DURATION")]
    sla: Option<String>,
    /// The hours in which the SLA holds: 09:00-17:00 [default: all day]
    #[arg(long, value_name = "TIMES")]
    sla_within: Option<String>,
    /// The days on which the SLA holds: mon-fri [default: all]
    #[arg(long, value_name = "DAYS")]
    sla_days: Option<String>,
    /// The time zone of the hours of the SLA [default: that of the schedule]
    #[arg(long, value_name = "ZONE")]
    sla_tz: Option<String>,
}

impl EndpointArgs {
    /// The fields that are said.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = self.call.fields();
        fields.extend(self.timing.fields());
        fields.extend(self.sla.fields());
        put(&mut fields, "late", self.late.as_deref());
        put(&mut fields, "catch_up", self.catch_up.as_deref());
        put(&mut fields, "failing_after", self.failing_after.as_deref());
        put(&mut fields, "key", self.key.as_deref());
        put_all(&mut fields, "sign", &self.sign);
        put(&mut fields, "timeout", self.timeout.as_deref());
        fields
    }
}

impl CallArgs {
    /// The fields that are said.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        put(&mut fields, "method", self.method.as_deref());
        if !self.header.is_empty() {
            fields.insert("headers".to_owned(), self.header.join("\n").into());
        }
        put(&mut fields, "body", self.body.as_deref());
        put(&mut fields, "name", self.name.as_deref());
        put_if(&mut fields, "secret", self.secret);
        put_all(&mut fields, "tags", &self.tag);
        put_all(&mut fields, "expect", &self.expect);
        put(&mut fields, "keep", self.keep.as_deref());
        fields
    }
}

impl TimingArgs {
    /// The fields that are said.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, text) in [
            ("every", &self.every),
            ("jitter", &self.jitter),
            ("cron", &self.cron),
            ("random", &self.random),
            ("window", &self.window),
            ("days", &self.days),
            ("tz", &self.tz),
            ("from", &self.from),
            ("until", &self.until),
            ("except", &self.except),
        ] {
            put(&mut fields, name, text.as_deref());
        }
        put_if(&mut fields, "align", self.align);
        let mut pause = Map::new();
        put(&mut pause, "until", self.pause_until.as_deref());
        put(&mut pause, "note", self.pause_note.as_deref());
        if !pause.is_empty() {
            fields.insert("pause".to_owned(), pause.into());
        }
        fields
    }
}

impl SlaArgs {
    /// The fields that are said.
    fn fields(&self) -> Map<String, Value> {
        let (mut fields, mut sla) = (Map::new(), Map::new());
        for (name, text) in [("within", &self.sla_within), ("days", &self.sla_days), ("tz", &self.sla_tz)] {
            put(&mut sla, name, text.as_deref());
        }
        if sla.is_empty() {
            put(&mut fields, "sla", self.sla.as_deref());
        } else {
            put(&mut sla, "every", self.sla.as_deref());
            fields.insert("sla".to_owned(), sla.into());
        }
        fields
    }
}

/// Adds a field that is said.
pub(crate) fn put(fields: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    fields.extend(text.map(|text| (name.to_owned(), text.into())));
}

/// Adds a list that is said.
fn put_all(fields: &mut Map<String, Value>, name: &str, texts: &[String]) {
    if !texts.is_empty() {
        fields.insert(name.to_owned(), texts.into());
    }
}

/// Adds a switch that is set.
fn put_if(fields: &mut Map<String, Value>, name: &str, set: bool) {
    if set {
        fields.insert(name.to_owned(), true.into());
    }
}
