//! The command line: every flag is also an environment variable of the same name.
//!
//! Values are taken as text here and read in [`crate::settings`], so that all faults are reported together.

use clap::{Args, Parser, Subcommand};

/// Calls HTTP endpoints on schedule, from as many workers as you start, and shows whether the calls happen on time.
///
/// On one machine, `naptime up` is all there is to start: web page and worker, with an embedded database file. On
/// several, start `naptime web` and any number of `naptime worker`, all with the same MONGODB_URI.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start web page and worker in one process, on the embedded database file or on MONGODB_URI
    ///
    /// Calls to this machine and to private networks are allowed, unless NAPTIME_ALLOW_NETWORKS says otherwise.
    Up(UpArgs),
    /// Start the web page and API, with a small worker inside (needs MONGODB_URI)
    ///
    /// Only public addresses are called, unless NAPTIME_ALLOW_NETWORKS lists others.
    Web(WebArgs),
    /// Start a worker: start as many as you need, on as many machines as you like (needs MONGODB_URI)
    ///
    /// Only public addresses are called, unless NAPTIME_ALLOW_NETWORKS lists others.
    Worker(WorkerArgs),
    /// Add an endpoint
    ///
    /// It is called once it is switched on: with --activate, on the page, or by the API.
    Add(Box<AddArgs>),
    /// Show when an endpoint would be called, without a server: naptime next --cron '0 9 * * MON-FRI' --tz Europe/Berlin
    ///
    /// With -, each line of standard input is a JSON object with the fields of an endpoint that say when it is called
    /// (cron, tz, every, ...), and `after` and `n`; each answer has the schedule, the next calls, and every_ms, or an
    /// error. What depends on an endpoint's id (the grid of --every, H in a pattern, --jitter and --random) is shown for
    /// an id of zeros.
    Next(NextArgs),
    /// List the endpoints
    List(ListArgs),
    /// Have something called once, now or later
    ///
    /// An answer of 2xx is a success; 503, timeouts and failed connections are tried again, up to five times; anything else has failed.
    Enqueue(EnqueueArgs),
    /// Take over the jobs of another queue: the rows of a table `queued_job`
    ///
    /// Reads CSV with a header line, or a dump of PostgreSQL, MySQL or SQLite: INSERT, REPLACE and COPY. Of the columns,
    /// id and url must be there; method, body, params, headers, timeout (in seconds), run_at (in UTC), name, state and
    /// done_at are read as well. Each row that is not imported is named with its line, and the exit code is then 1.
    /// Importing a file again adds nothing twice.
    Import(ImportArgs),
    /// Prove on your database that calls come on time and once, also when workers are killed
    ///
    /// Makes a database of its own on the server (naptime_prove_..., dropped afterwards), starts a server to be called
    /// and workers, and holds the calls that came against the schedule and the books. Needs MONGODB_URI or --embedded.
    ///
    /// It may load the database server and this machine fully: nothing for a server that others count on. Each number of
    /// workers takes about 10 s more than --for, and 30 s more after kills.
    Prove(ProveArgs),
    /// Store or print the rules: what happens to endpoints on events
    #[command(subcommand)]
    Rules(RulesCommand),
}

#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// Store rules from a file: a JSON list of them, as the API takes them and `export` prints them
    ///
    /// A rule takes the place of the one of its name; others stay. If anything is wrong with one, nothing is stored.
    Import(RulesImportArgs),
    /// Print all rules, with the credentials they may hold
    Export(RulesExportArgs),
}

#[derive(Args)]
pub(crate) struct MongoArgs {
    /// The MongoDB to use, a replica set; without it, every command but `web`, `worker` and `prove` uses the embedded database file
    ///
    /// Read from MONGO_HOST, MONGO_PORT, MONGO_DB, MONGO_USER and MONGO_PASSWORD as well.
    #[arg(long, env = "MONGODB_URI", hide_env_values = true, value_name = "URI")]
    pub(crate) mongodb_uri: Option<String>,
    #[arg(long, env = "MONGO_HOST", hide = true)]
    pub(crate) mongo_host: Option<String>,
    #[arg(long, env = "MONGO_PORT", hide = true)]
    pub(crate) mongo_port: Option<String>,
    #[arg(long, env = "MONGO_DB", hide = true)]
    pub(crate) mongo_db: Option<String>,
    #[arg(long, env = "MONGO_USER", hide = true)]
    pub(crate) mongo_user: Option<String>,
    #[arg(long, env = "MONGO_PASSWORD", hide = true, hide_env_values = true)]
    pub(crate) mongo_password: Option<String>,
}

#[derive(Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    pub(crate) mongo: MongoArgs,
    /// The embedded database file [default: naptime.db]
    #[arg(long, env = "NAPTIME_DB", value_name = "FILE")]
    pub(crate) naptime_db: Option<String>,
    /// How long runs and deleted endpoints are kept [default: 7d]
    #[arg(long, env = "NAPTIME_RETENTION", value_name = "DURATION")]
    pub(crate) naptime_retention: Option<String>,
    /// The environment, such as production: a MongoDB database remembers the first one, and processes of others are
    /// refused [default: the app's name on Heroku (review apps, dyno metadata), Fly and Scalingo, the environment's on
    /// Railway]
    #[arg(long, env = "NAPTIME_ENV", value_name = "NAME")]
    pub(crate) naptime_env: Option<String>,
}

#[derive(Args)]
pub(crate) struct InputArgs {
    /// Networks that may be called beside the public internet, such as 10.0.0.0/8,127.0.0.1, or none. A cloud's metadata
    /// service is called only if its own address is listed
    #[arg(long, env = "NAPTIME_ALLOW_NETWORKS", value_name = "CIDR,...")]
    pub(crate) naptime_allow_networks: Option<String>,
    /// The shortest period that may be chosen, down to 100ms [default: 1s]
    #[arg(long, env = "NAPTIME_MIN_PERIOD", value_name = "DURATION")]
    pub(crate) naptime_min_period: Option<String>,
}

#[derive(Args)]
pub(crate) struct ListenArgs {
    /// The port the page listens on [default: 8080]
    #[arg(long, env = "PORT")]
    pub(crate) port: Option<String>,
    /// The address the page listens on [default: 127.0.0.1 for `up`, 0.0.0.0 for `web`]
    #[arg(long, env = "HOST", value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// The password of the page, of 12 characters at least; required where other machines can reach it
    #[arg(long, env = "NAPTIME_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub(crate) naptime_password: Option<String>,
    /// A bearer token for the API, of 24 characters at least; without a password, the pages are then shut
    #[arg(long, env = "NAPTIME_API_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) naptime_api_token: Option<String>,
    /// How many proxies in front add the client's address to X-Forwarded-For [default: 1 on Heroku, else 0]
    #[arg(long, env = "NAPTIME_TRUST_PROXY", value_name = "N")]
    pub(crate) naptime_trust_proxy: Option<String>,
    /// Threads of the process [default: the number of cores]
    #[arg(long, env = "WEB_MAX_THREADS", value_name = "N")]
    pub(crate) web_max_threads: Option<String>,
}

#[derive(Args)]
pub(crate) struct WorkArgs {
    /// The longest idle sleep between looks for work, at most 1s [default: 250ms]
    #[arg(long, env = "WORKER_SLEEP_TIME", value_name = "DURATION")]
    pub(crate) worker_sleep_time: Option<String>,
}

#[derive(Args)]
pub(crate) struct CapacityArgs {
    /// The most calls this worker makes at once [default: 100]
    #[arg(long, env = "WORKER_MAX_CAPACITY", value_name = "N")]
    pub(crate) worker_max_capacity: Option<String>,
}

#[derive(Args)]
pub(crate) struct EventArgs {
    /// The message broker that events come from, such as amqps://user:password@host/vhost
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) amqp_url: Option<String>,
    /// The same, as an add-on sets it; comes first
    #[arg(long, env = "CLOUDAMQP_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) cloudamqp_url: Option<String>,
    /// The queue that events come from [default: naptime.events]
    #[arg(long, env = "NAPTIME_EVENTS_QUEUE", value_name = "NAME")]
    pub(crate) naptime_events_queue: Option<String>,
}

#[derive(Args)]
pub(crate) struct AlertArgs {
    /// Where the page is, for the links in alerts, such as https://naptime.example.com
    #[arg(long, env = "NAPTIME_URL", value_name = "URL")]
    pub(crate) naptime_url: Option<String>,
    /// The server that takes mail, such as smtp://user:password@mail.example.com:587
    #[arg(long, env = "SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) smtp_url: Option<String>,
    /// Whom mail is from, such as 'Naptime <naptime@example.com>' [default: the user of SMTP_URL]
    #[arg(long, env = "SMTP_FROM", value_name = "ADDRESS")]
    pub(crate) smtp_from: Option<String>,
}

#[derive(Args)]
pub(crate) struct UpArgs {
    /// Add a sample endpoint: Naptime's own /healthz, every 5 s
    #[arg(long)]
    pub(crate) demo: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) events: EventArgs,
    #[command(flatten)]
    pub(crate) alerts: AlertArgs,
    #[command(flatten)]
    pub(crate) capacity: CapacityArgs,
}

#[derive(Args)]
pub(crate) struct WebArgs {
    /// The most calls the worker inside makes at once; 0: no worker inside [default: 10]
    #[arg(long, env = "WEB_WORKER_MAX_CAPACITY", value_name = "N")]
    pub(crate) web_worker_max_capacity: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) events: EventArgs,
    #[command(flatten)]
    pub(crate) alerts: AlertArgs,
}

#[derive(Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    #[command(flatten)]
    pub(crate) events: EventArgs,
    #[command(flatten)]
    pub(crate) alerts: AlertArgs,
    #[command(flatten)]
    pub(crate) capacity: CapacityArgs,
}

/// What `add` and `enqueue` have in common.
#[derive(Args)]
pub(crate) struct CallArgs {
    /// The HTTP method [default: GET]
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// A header, such as 'Accept: text/plain'; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// The body to send
    #[arg(long)]
    pub(crate) body: Option<String>,
    /// A name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Show the body and the values of the query no more than credentials: on no page, in no list, log or message
    #[arg(long)]
    pub(crate) secret: bool,
    /// A word to find it by; may be repeated
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// What a good answer says beside its status, like 'body contains paid' or 'json $.status is ok'; may be repeated
    #[arg(long, value_name = "CONDITION")]
    pub(crate) expect: Vec<String>,
    /// Which answers are kept: failures (the first and the last in a row, the first good one after them, one a day), all, none
    #[arg(long, value_name = "WHICH")]
    pub(crate) keep: Option<String>,
}

/// When an endpoint is called.
#[derive(Args)]
pub(crate) struct TimingArgs {
    /// How often: 10s, 5m, 1h 30m
    #[arg(long, value_name = "PERIOD")]
    pub(crate) every: Option<String>,
    /// Each call comes up to this much later, at random; with --every
    #[arg(long, value_name = "DURATION")]
    pub(crate) jitter: Option<String>,
    /// On round times (:00, :05, ...) rather than spread by its id; with --every
    #[arg(long)]
    pub(crate) align: bool,
    /// In place of --every, a pattern: '0 9 * * MON-FRI', '@hourly', or six fields with the seconds first
    #[arg(long, value_name = "PATTERN")]
    pub(crate) cron: Option<String>,
    /// In place of --every, once at a random moment in each of these: 1h, 1d
    #[arg(long, value_name = "PERIOD")]
    pub(crate) random: Option<String>,
    /// The parts of the day, such as 09:00-17:00, 22:00-02:00 or 9-12,14-17; with --random
    #[arg(long, value_name = "FROM-TO")]
    pub(crate) window: Option<String>,
    /// The weekdays, such as mon-fri, sat,sun or weekend; with --random
    #[arg(long)]
    pub(crate) days: Option<String>,
    /// The time zone, such as Europe/Berlin; with --cron, --random, --from, --until, --except and --pause-until [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// Not before this time: 2030-01-31T09:00:00Z, or a time in the zone of --tz
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Not in these times, such as 2026-12-25, 12-24..01-02 (each year), sat-sun or 'mon-fri 01:00-03:00'
    #[arg(long, value_name = "TIMES")]
    pub(crate) except: Option<String>,
    /// Paused until this time
    #[arg(long, value_name = "TIME")]
    pub(crate) pause_until: Option<String>,
    /// Why it is paused; without --pause-until, until somebody resumes it
    #[arg(long, value_name = "TEXT")]
    pub(crate) pause_note: Option<String>,
}

#[derive(Args)]
pub(crate) struct NextArgs {
    /// -: read one JSON object on each line of standard input, and answer on a line each
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with_all = ["TimingArgs", "after", "count", "json"])]
    pub(crate) lines: Option<String>,
    #[command(flatten)]
    pub(crate) timing: TimingArgs,
    /// From when on: 2030-01-31T09:00:00Z, or a time in the zone of --tz [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) after: Option<String>,
    /// How many calls, at most 1,000 [default: 5]
    #[arg(short = 'n', value_name = "N")]
    pub(crate) count: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The shortest period that may be chosen, down to 100ms [default: 1s]
    #[arg(long, env = "NAPTIME_MIN_PERIOD", value_name = "DURATION", hide = true)]
    pub(crate) naptime_min_period: Option<String>,
}

/// How often it is promised to be called well, and when.
#[derive(Args)]
pub(crate) struct SlaArgs {
    /// The longest allowed gap between good calls
    #[arg(long, value_name = "DURATION")]
    pub(crate) sla: Option<String>,
    /// The hours in which the SLA holds: 09:00-17:00 [default: all day]
    #[arg(long, value_name = "TIMES")]
    pub(crate) sla_within: Option<String>,
    /// The days on which the SLA holds: mon-fri [default: all]
    #[arg(long, value_name = "DAYS")]
    pub(crate) sla_days: Option<String>,
    /// The time zone of the hours of the SLA [default: that of the schedule]
    #[arg(long, value_name = "ZONE")]
    pub(crate) sla_tz: Option<String>,
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The URL to call
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) timing: TimingArgs,
    #[command(flatten)]
    pub(crate) sla: SlaArgs,
    /// Skip a call that would leave later than this after its time
    #[arg(long, value_name = "DURATION")]
    pub(crate) late: Option<String>,
    /// Of the calls missed while nothing could be called: latest (one for all of them), all, or at most so many
    #[arg(long, value_name = "WHICH")]
    pub(crate) catch_up: Option<String>,
    /// It counts as failing once so many occurrences in a row did not end well [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) failing_after: Option<String>,
    /// A key to sign each call with, as Standard Webhooks says (whsec_…); two while one takes the other's place
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Vec<String>,
    /// Switch it on at once
    #[arg(long)]
    pub(crate) activate: bool,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// The longest a call may take [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Only those whose URL, name or tag holds this text
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args)]
pub(crate) struct EnqueueArgs {
    /// The URL to call
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// The longest a call may take [default: 60s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
    /// How long from now to call it: 30s, 2h
    #[arg(long = "in", value_name = "DURATION")]
    pub(crate) after: Option<String>,
    /// When to call it: 2030-01-31T09:00:00Z, or a time in the zone of --tz
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The time zone of --at, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// What you know it by: with a key that a job has already, nothing is added
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// How often a call that failed for the time being is tried again, at most 19 times [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The file: .csv or .sql; -: standard input
    pub(crate) file: String,
    /// Rows that are done, or whose state is not known, as well
    #[arg(long)]
    pub(crate) all: bool,
    /// A backslash in an SQL string is a backslash, as PostgreSQL and SQLite have it, whatever the dump says
    #[arg(long, conflicts_with = "backslash_escapes")]
    pub(crate) standard_strings: bool,
    /// A backslash in an SQL string begins an escape, as MySQL has it, whatever the dump says
    #[arg(long)]
    pub(crate) backslash_escapes: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

#[derive(Args)]
pub(crate) struct RulesImportArgs {
    /// The file; -: standard input
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

#[derive(Args)]
pub(crate) struct RulesExportArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args)]
#[command(mut_arg("mongodb_uri", |uri| uri
    .help("The MongoDB to prove it on, a replica set; its user must be allowed to make databases")
    .long_help("The MongoDB to prove it on, a replica set. Its user must be allowed to make databases.\n\n\
                Read from MONGO_HOST, MONGO_PORT, MONGO_DB, MONGO_USER and MONGO_PASSWORD as well.")))]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) mongo: MongoArgs,
    /// On an embedded database file, in place of a MongoDB
    #[arg(long)]
    pub(crate) embedded: bool,
    /// How many endpoints are called [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) endpoints: Option<String>,
    /// The period of each [default: 1s]
    #[arg(long, value_name = "PERIOD")]
    pub(crate) every: Option<String>,
    /// How many workers; several numbers are tried in turn, such as 1,2,4 [default: 1]
    #[arg(long, value_name = "N,...")]
    pub(crate) workers: Option<String>,
    /// The most calls each worker makes at once [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<String>,
    /// How long the called server takes to answer [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub(crate) target_delay: Option<String>,
    /// How often a worker is killed (kill -9) and another started
    #[arg(long, value_name = "DURATION")]
    pub(crate) kill_every: Option<String>,
    /// How often a worker is asked to stop (SIGTERM) and another started
    #[arg(long, value_name = "DURATION")]
    pub(crate) stop_every: Option<String>,
    /// How far the workers' clocks are off, in turn ahead and behind; needs libfaketime
    #[arg(long, value_name = "DURATION")]
    pub(crate) skew: Option<String>,
    /// How long the calls are watched [default: 30s]
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) length: Option<String>,
    /// How many one-off jobs to add as well, all due at once
    #[arg(long, value_name = "N")]
    pub(crate) backlog: Option<String>,
    /// Write the report as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<String>,
}
