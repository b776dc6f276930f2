//! Settings, read from flags and environment as a whole before anything opens.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use naptime_alerts::Place;
use naptime_core::duration::{self, MIN_PERIOD};
use naptime_core::{AllowedNetworks, Endpoint, Invalid};
use naptime_embed::limits;
use naptime_embed::store::{Backend, StoreSettings};
use naptime_embed::working::host_name;
use naptime_events::Consumer;
use naptime_web::Secret;
use naptime_worker::call::{Handlers, Mailer};

use crate::cli::{AlertArgs, CapacityArgs, EventArgs, InputArgs, ListenArgs, MongoArgs, StoreArgs, WorkArgs};
use crate::faults::{Faults, given};

/// What may be called, and how often.
pub(crate) struct InputSettings {
    /// `NAPTIME_ALLOW_NETWORKS`.
    pub(crate) networks: AllowedNetworks,
    /// `NAPTIME_MIN_PERIOD`, one second by default.
    pub(crate) min_period: Duration,
}

/// Where the web listens, and who is let in.
pub(crate) struct Listen {
    /// `HOST`.
    pub(crate) host: IpAddr,
    /// `PORT`, 8080 by default.
    pub(crate) port: u16,
    /// `NAPTIME_PASSWORD`.
    pub(crate) password: Option<Secret>,
    /// `NAPTIME_API_TOKEN`.
    pub(crate) api_token: Option<Secret>,
    /// `NAPTIME_TRUST_PROXY`; 1 on Heroku, else 0.
    pub(crate) trusted_proxies: usize,
    /// `WEB_MAX_THREADS`; none: the number of cores.
    pub(crate) threads: Option<usize>,
}

/// Reads which store. A file is no place for several processes, so `needs_mongo` refuses one.
pub(crate) fn store(args: &StoreArgs, needs_mongo: bool, faults: &mut Faults) -> StoreSettings {
    let backend = match mongodb_uri(&args.mongo, faults) {
        Some(uri) => Backend::Mongo(uri),
        None => {
            if needs_mongo {
                faults.add(
                    "MONGODB_URI",
                    "not set; separate processes need a MongoDB (on one machine, `naptime up` needs none)",
                );
            }
            Backend::File(given(args.naptime_db.as_ref()).unwrap_or("naptime.db").into())
        }
    };
    let retention =
        faults.read("NAPTIME_RETENTION", args.naptime_retention.as_ref(), limits::DEFAULT_RETENTION, |text| {
            duration::parse_setting("retention", text, *limits::RETENTION.start(), *limits::RETENTION.end())
        });
    StoreSettings { backend, retention, environment: environment(args.naptime_env.as_ref(), faults) }
}

/// Reads `NAPTIME_ENV`. If it is not set, the name that a platform gives the app, or the environment, is it.
pub(crate) fn environment(text: Option<&String>, faults: &mut Faults) -> Option<String> {
    // What names a single service, such as Render's RENDER_SERVICE_NAME, differs between web and worker.
    let platform = || {
        // Set on Heroku's review apps, and with dyno metadata; on Fly; on Railway.
        let known = ["HEROKU_APP_NAME", "FLY_APP_NAME", "RAILWAY_ENVIRONMENT_NAME"];
        // On Scalingo, whose name for it others use, too.
        let scalingo = std::env::var_os("CONTAINER_VERSION").map(|_| "APP");
        let set = known.into_iter().chain(scalingo).filter_map(|name| std::env::var(name).ok());
        set.map(|name| name.trim().to_owned()).find(|name| !name.is_empty())
    };
    let name = given(text).map(|name| name.trim().to_owned()).or_else(platform)?;
    if name.chars().count() > limits::MAX_ENVIRONMENT_CHARS {
        faults.add("NAPTIME_ENV", format!("has more than {} characters", limits::MAX_ENVIRONMENT_CHARS));
    }
    Some(name)
}

/// Reads `MONGODB_URI`, or what `MONGO_HOST` and its like make up.
pub(crate) fn mongodb_uri(args: &MongoArgs, faults: &mut Faults) -> Option<String> {
    if let Some(uri) = given(args.mongodb_uri.as_ref()) {
        if !naptime_mongo::is_readable(uri) {
            // Not quoted: it may hold a password.
            faults.add(
                "MONGODB_URI",
                "cannot be read; it looks like mongodb://user:password@host1,host2/naptime?replicaSet=rs0, with special \
                 characters in user and password percent-encoded",
            );
        }
        return Some(uri.to_owned());
    }
    let host = given(args.mongo_host.as_ref())?;
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let port = faults.number("MONGO_PORT", args.mongo_port.as_ref(), 27_017, 1, 65_535);
    let db = given(args.mongo_db.as_ref()).unwrap_or("naptime");
    let credentials = match (given(args.mongo_user.as_ref()), given(args.mongo_password.as_ref())) {
        (Some(user), Some(password)) => format!("{}:{}@", encode(user), encode(password)),
        (Some(user), None) => format!("{}@", encode(user)),
        (None, Some(_)) => {
            faults.add("MONGO_USER", "not set, though MONGO_PASSWORD is");
            String::new()
        }
        (None, None) => String::new(),
    };
    Some(format!("mongodb://{credentials}{host}:{port}/{}", encode(db)))
}

impl InputSettings {
    /// Reads them; `networks` is what is allowed if nothing is set.
    pub(crate) fn read(args: &InputArgs, networks: AllowedNetworks, faults: &mut Faults) -> Self {
        // An empty value may mean "none" or "as it is by default", which are far apart for `up`.
        let networks = match args.naptime_allow_networks.as_deref().map(str::parse) {
            None => networks,
            Some(Ok(listed)) => listed,
            Some(Err(Invalid { detail, .. })) => {
                faults.add("NAPTIME_ALLOW_NETWORKS", detail);
                networks
            }
        };
        Self {
            networks,
            min_period: faults.read("NAPTIME_MIN_PERIOD", args.naptime_min_period.as_ref(), MIN_PERIOD, |text| {
                duration::parse_setting("min_period", text, *limits::PERIOD.start(), *limits::PERIOD.end())
            }),
        }
    }
}

impl Listen {
    /// Reads them; `host` is where to listen if nothing is set.
    pub(crate) fn read(args: &ListenArgs, host: [u8; 4], faults: &mut Faults) -> Self {
        let host: IpAddr = faults.read("HOST", args.host.as_ref(), host.into(), |text| {
            let text = if text == "localhost" { "127.0.0.1" } else { text.trim_matches(['[', ']']) };
            text.parse().map_err(|_| {
                Invalid::new("", "not_an_address", format!("`{text}` is not an address, such as 127.0.0.1"))
            })
        });
        let check_password = |text: &str| limits::check_secret(text, limits::MIN_PASSWORD_CHARS);
        let password = secret("NAPTIME_PASSWORD", args.naptime_password.as_ref(), check_password, faults);
        let api_token = secret("NAPTIME_API_TOKEN", args.naptime_api_token.as_ref(), limits::check_token, faults);
        if !host.is_loopback() && password.is_none() {
            faults.add(
                "NAPTIME_PASSWORD",
                format!("not set, though the page would be open to everybody who can reach {host}; set a password, or HOST=127.0.0.1"),
            );
        }
        let threads = args.web_max_threads.as_ref().filter(|text| given(Some(text)).is_some());
        let threads = threads.map(|text| faults.number("WEB_MAX_THREADS", Some(text), 1, 1, 1024) as usize);
        Self {
            host,
            port: u16::try_from(faults.number("PORT", args.port.as_ref(), 8080, 0, 65_535)).unwrap_or(8080),
            password,
            api_token,
            trusted_proxies: trusted_proxies(args.naptime_trust_proxy.as_ref(), faults),
            threads,
        }
    }
}

/// Reads a secret, and notes what is wrong with it.
fn secret(
    setting: &'static str,
    text: Option<&String>,
    check: impl Fn(&str) -> Result<(), String>,
    faults: &mut Faults,
) -> Option<Secret> {
    let text = given(text)?;
    if let Err(detail) = check(text) {
        faults.add(setting, detail);
    }
    Some(Secret::from(text))
}

/// Reads `NAPTIME_TRUST_PROXY`.
fn trusted_proxies(text: Option<&String>, faults: &mut Faults) -> usize {
    // On Heroku, its router is the only way to a process, and it says who called it.
    let on_heroku = std::env::var_os("DYNO").is_some_and(|name| !name.is_empty());
    faults.number("NAPTIME_TRUST_PROXY", text, u32::from(on_heroku), 0, limits::MAX_TRUSTED_PROXIES) as usize
}

/// Where events come from: `CLOUDAMQP_URL` or `AMQP_URL`, and `NAPTIME_EVENTS_QUEUE`; none if no broker is set.
pub(crate) fn events(args: &EventArgs, faults: &mut Faults) -> Option<Consumer> {
    let (setting, url) = match (given(args.cloudamqp_url.as_ref()), given(args.amqp_url.as_ref())) {
        (Some(url), _) => ("CLOUDAMQP_URL", url),
        (None, Some(url)) => ("AMQP_URL", url),
        (None, None) => return None,
    };
    let queue = given(args.naptime_events_queue.as_ref()).unwrap_or("naptime.events");
    let read = Consumer::new(url, queue);
    let setting = |field: &str| if field == "queue" { "NAPTIME_EVENTS_QUEUE" } else { setting };
    read.map_err(|invalid| faults.add(setting(&invalid.field), invalid.detail)).ok()
}

/// What alerts need besides what is in the store.
pub(crate) struct AlertSettings {
    /// `NAPTIME_URL`, and the server of `SMTP_URL`.
    pub(crate) place: Place,
    /// `SMTP_URL` and `SMTP_FROM`.
    pub(crate) mailer: Option<Mailer>,
}

impl AlertSettings {
    pub(crate) fn read(args: &AlertArgs, faults: &mut Faults) -> Self {
        let url = faults.read("NAPTIME_URL", args.naptime_url.as_ref(), None, |text| {
            Endpoint::parse_http(text).map(|url| Some(url.to_string().trim_end_matches('/').to_owned()))
        });
        let mailer = given(args.smtp_url.as_ref()).and_then(|url| {
            let read = Mailer::new(url, given(args.smtp_from.as_ref()));
            let setting = |field: &str| if field == "from" { "SMTP_FROM" } else { "SMTP_URL" };
            read.map_err(|invalid| faults.add(setting(&invalid.field), invalid.detail)).ok()
        });
        let mail = mailer.as_ref().map(|mailer| mailer.server().clone());
        Self { place: Place { url, mail }, mailer }
    }
}

/// Reads `WORKER_MAX_CAPACITY`.
pub(crate) fn capacity(args: &CapacityArgs, faults: &mut Faults) -> u32 {
    faults.number(
        "WORKER_MAX_CAPACITY",
        args.worker_max_capacity.as_ref(),
        limits::DEFAULT_CAPACITY,
        1,
        limits::MAX_CAPACITY,
    )
}

/// Reads `WEB_WORKER_MAX_CAPACITY`.
pub(crate) fn web_capacity(text: Option<&String>, faults: &mut Faults) -> u32 {
    faults.number("WEB_WORKER_MAX_CAPACITY", text, 10, 0, limits::MAX_CAPACITY)
}

/// Reads `NAPTIME_METRICS`: where a worker's own metrics are to be read, if anywhere.
pub(crate) fn metrics(args: &WorkArgs, faults: &mut Faults) -> Option<SocketAddr> {
    faults.read("NAPTIME_METRICS", args.naptime_metrics.as_ref(), None, |text| {
        text.trim().parse().map(Some).map_err(|_| {
            let detail = format!("`{text}` is not an address with a port, such as 127.0.0.1:9464 or [::]:9464");
            Invalid::new("", "not_an_address", detail)
        })
    })
}

/// The settings of a worker.
pub(crate) fn worker(
    args: &WorkArgs,
    capacity: u32,
    networks: AllowedNetworks,
    mailer: Option<Mailer>,
    faults: &mut Faults,
) -> naptime_worker::Settings {
    let sleep = faults.read("WORKER_SLEEP_TIME", args.worker_sleep_time.as_ref(), limits::DEFAULT_SLEEP, |text| {
        duration::parse_setting("sleep", text, *limits::SLEEP.start(), *limits::SLEEP.end())
    });
    // The program has none: calls of `job://` are for the apps that are embedded in.
    let handlers = Handlers::default();
    naptime_worker::Settings { capacity, sleep, networks, mailer, handlers, host: host_name() }
}
