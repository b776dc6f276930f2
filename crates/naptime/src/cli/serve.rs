//! What the commands that stay are set by: each flag is also an environment variable of the same name.
//!
//! Values are taken as text here and read in [`crate::settings`], so that all faults are reported together.

use clap::Args;

#[derive(Args)]
pub(crate) struct MongoArgs {
    /// The MongoDB to use, a replica set; without it, `up` uses the embedded database file
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
    /// Where this worker's own metrics are to be read without a password, such as 127.0.0.1:9464 [default: nowhere]
    #[arg(long, env = "NAPTIME_METRICS", value_name = "ADDRESS:PORT")]
    pub(crate) naptime_metrics: Option<String>,
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
