//! What an app says of its Naptime, read as a whole before anything opens.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use naptime_alerts::Place;
use naptime_core::duration::show;
use naptime_core::{AllowedNetworks, Endpoint, Invalid};
use naptime_events::Consumer;
use naptime_store::Shut;
use naptime_web::Secret;
use naptime_worker::CallTracer;
use naptime_worker::call::Mailer;
use tokio::sync::watch;

use crate::builder::Naptime;
use crate::limits;
use crate::store::{Backend, StoreSettings};
use crate::working::host_name;

/// What everything is started with.
pub(crate) struct Settings {
    pub(crate) store: StoreSettings,
    /// Such as `/naptime`; empty for `/`.
    pub(crate) mount: String,
    pub(crate) worker: naptime_worker::Settings,
    pub(crate) tracer: Option<Arc<dyn CallTracer>>,
    pub(crate) events: Option<Consumer>,
    pub(crate) web: naptime_web::Settings,
}

impl Settings {
    /// Reads them, or tells all faults.
    pub(crate) fn read(said: Naptime) -> Result<Self, Vec<Invalid>> {
        let mut faults = Faults(said.faults);
        if let Backend::Mongo(uri) = &said.backend
            && !naptime_mongo::is_readable(uri)
        {
            // Not quoted: it may hold a password.
            faults.add("mongodb", "cannot be read; it looks like mongodb://user:password@host/naptime?replicaSet=rs0");
        }
        let mount = said.mount.trim_end_matches('/').to_owned();
        if !is_path(&mount) {
            let detail = format!("`{mount}` is no path such as /naptime, of letters, digits, `-`, `_`, `.` and `/`");
            faults.add("mount", detail);
        }
        if !(1..=limits::MAX_CAPACITY).contains(&said.worker_max_capacity) {
            faults.add("worker_max_capacity", format!("is not from 1 to {}", limits::MAX_CAPACITY));
        }
        if said.trust_proxy > limits::MAX_TRUSTED_PROXIES {
            faults.add("trust_proxy", format!("is not from 0 to {}", limits::MAX_TRUSTED_PROXIES));
        }
        faults.within("worker_sleep_time", said.worker_sleep_time, &limits::SLEEP);
        faults.within("min_period", said.min_period, &limits::PERIOD);
        faults.within("retention", said.retention, &limits::RETENTION);
        let password = said.password.as_deref();
        faults.check("password", password.map(|text| limits::check_secret(text, limits::MIN_PASSWORD_CHARS)));
        faults.check("api_token", said.api_token.as_deref().map(limits::check_token));
        if said.env.as_deref().is_some_and(|name| name.chars().count() > limits::MAX_ENVIRONMENT_CHARS) {
            faults.add("env", format!("has more than {} characters", limits::MAX_ENVIRONMENT_CHARS));
        }
        let networks = said.allow_networks.as_deref().map(str::parse::<AllowedNetworks>);
        let networks = faults.read("allow_networks", networks).unwrap_or_else(AllowedNetworks::public_only);
        let url = faults.read("url", said.url.as_deref().map(Endpoint::parse_http));
        let url = url.map(|url| url.to_string().trim_end_matches('/').to_owned());
        let mailer = said.smtp_url.as_deref().map(|url| Mailer::new(url, said.smtp_from.as_deref()));
        let mailer = faults.read_fields(mailer, |field| if field == "from" { "smtp_from" } else { "smtp_url" });
        let events = said.amqp_url.as_deref().map(|url| Consumer::new(url, &said.events_queue));
        let events = faults.read_fields(events, |field| if field == "queue" { "events_queue" } else { "amqp_url" });
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        let place = Place { url, mail: mailer.as_ref().map(|mailer| mailer.server().clone()) };
        Ok(Self {
            store: StoreSettings { backend: said.backend, retention: said.retention, environment: said.env },
            mount,
            worker: naptime_worker::Settings {
                capacity: said.worker_max_capacity,
                sleep: said.worker_sleep_time,
                networks: networks.clone(),
                mailer,
                handlers: said.handlers,
                host: host_name(),
            },
            tracer: said.tracer,
            events,
            web: naptime_web::Settings {
                password: said.password.map(Secret::from),
                is_guarded: said.is_guarded,
                api_token: said.api_token.map(Secret::from),
                trusted_proxies: said.trust_proxy as usize,
                networks,
                min_period: said.min_period,
                retention: said.retention,
                place,
                shut: watch::channel(None::<Shut>).1,
            },
        })
    }
}

/// Whether it is empty, or a path of plain segments.
fn is_path(path: &str) -> bool {
    let is_plain = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    path.is_empty() || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain))
}

/// What is wrong so far, each under the name of its setting.
struct Faults(Vec<Invalid>);

impl Faults {
    fn add(&mut self, setting: &'static str, detail: impl Into<String>) {
        self.0.push(Invalid::new(setting, "bad_setting", detail));
    }

    fn within(&mut self, setting: &'static str, value: Duration, bounds: &RangeInclusive<Duration>) {
        if !bounds.contains(&value) {
            self.add(setting, format!("is not from {} to {}", show(*bounds.start()), show(*bounds.end())));
        }
    }

    fn check(&mut self, setting: &'static str, checked: Option<Result<(), String>>) {
        if let Some(Err(detail)) = checked {
            self.add(setting, detail);
        }
    }

    fn read<T>(&mut self, setting: &'static str, read: Option<Result<T, Invalid>>) -> Option<T> {
        self.read_fields(read, |_| setting)
    }

    /// The same of what has several settings, which are told apart by the field of the fault.
    fn read_fields<T>(
        &mut self,
        read: Option<Result<T, Invalid>>,
        setting: impl Fn(&str) -> &'static str,
    ) -> Option<T> {
        read?.map_err(|fault| self.add(setting(&fault.field), fault.detail)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(said: Naptime) -> Vec<String> {
        let faults = Settings::read(said).err().unwrap_or_default();
        faults.iter().map(|fault| fault.field.to_string()).collect()
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let said = Naptime::mongodb("nowhere")
            .mount("naptime")
            .handler("no name", async |_| Ok(""))
            .worker_max_capacity(0)
            .worker_sleep_time(Duration::from_secs(2))
            .min_period(Duration::ZERO)
            .retention(Duration::ZERO)
            .password("short")
            .api_token("short")
            .trust_proxy(11)
            .env("x".repeat(101))
            .allow_networks("all")
            .url("app.example.com")
            .smtp_url("smtp://mail.test")
            .smtp_from("nobody")
            .amqp_url("amqp://127.0.0.1")
            .events_queue("");
        let expect = [
            "handler",
            "mongodb",
            "mount",
            "worker_max_capacity",
            "trust_proxy",
            "worker_sleep_time",
            "min_period",
            "retention",
            "password",
            "api_token",
            "env",
            "allow_networks",
            "url",
            "smtp_from",
            "events_queue",
        ];
        assert_eq!(faults(said), expect);
    }

    #[test]
    fn a_mount_is_a_path_of_plain_segments() {
        for (path, is_one) in [
            ("", true),
            ("/", true),
            ("/naptime", true),
            ("/a/b-c_d.e/", true),
            ("naptime", false),
            ("//naptime", false),
            ("/a//b", false),
            ("/../a", false),
            ("/{id}", false),
            ("/a\"b", false),
        ] {
            assert_eq!(faults(Naptime::embedded("any.db").mount(path)).is_empty(), is_one, "{path}");
        }
    }
}
