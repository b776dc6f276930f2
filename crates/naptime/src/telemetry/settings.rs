//! The variables of OpenTelemetry's specification, as far as they are not left to the SDK to read.

use std::time::Duration;

use naptime_core::{Endpoint, Invalid};

use super::sender::ClientSettings;
use crate::faults::{Faults, given};

/// What is sent, and how.
#[derive(Debug)]
pub(crate) struct TelemetrySettings {
    /// `OTEL_SERVICE_NAME`.
    pub(super) service: Option<String>,
    /// Whether calls are traced (`OTEL_TRACES_EXPORTER`).
    pub(super) spans: bool,
    /// Whether the log is sent (`OTEL_LOGS_EXPORTER`).
    pub(super) logs: bool,
    /// How often figures are sent (`OTEL_METRIC_EXPORT_INTERVAL`), if they are (`OTEL_METRICS_EXPORTER`).
    pub(super) interval: Option<Duration>,
    pub(super) client: ClientSettings,
}

/// Where signals go that do not go to `OTEL_EXPORTER_OTLP_ENDPOINT`.
const OTHER_ENDPOINTS: [&str; 3] =
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"];
/// How often figures are sent at least and at most, in milliseconds.
const INTERVAL_MS: (u32, u32) = (100, 3_600_000);

impl TelemetrySettings {
    /// Reads them from the environment. None if nothing is to be sent.
    pub(crate) fn read(faults: &mut Faults) -> Option<Self> {
        Self::from(|name| std::env::var(name).ok(), faults)
    }

    fn from(variable: impl Fn(&str) -> Option<String>, faults: &mut Faults) -> Option<Self> {
        let set = |name: &str| given(variable(name).as_ref()).map(|text| text.trim().to_owned());
        if set("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return None;
        }
        let endpoint = set("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let endpoint = faults
            .read("OTEL_EXPORTER_OTLP_ENDPOINT", Some(&endpoint), None, |text| Endpoint::parse_http(text).map(Some));
        let protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
        faults.read(protocol, set(protocol).as_ref(), (), |text| match text {
            "http/protobuf" => Ok(()),
            _ => Err(Invalid::new("", "not_known", format!("`{text}` is not spoken; only http/protobuf is"))),
        });
        let mut is_sent = |exporter| {
            faults.read(exporter, set(exporter).as_ref(), true, |text| match text {
                "otlp" => Ok(true),
                "none" => Ok(false),
                _ => Err(Invalid::new("", "not_known", format!("`{text}` is neither otlp nor none"))),
            })
        };
        let (spans, logs) = (is_sent("OTEL_TRACES_EXPORTER"), is_sent("OTEL_LOGS_EXPORTER"));
        let figures = is_sent("OTEL_METRICS_EXPORTER");
        let (every, (shortest, longest)) = ("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MS);
        let interval = faults.number(every, set(every).as_ref(), 60_000, shortest, longest);
        let interval = figures.then(|| Duration::from_millis(interval.into()));
        let endpoint = endpoint?;
        let is_tls = |url: &str| url.starts_with("https:");
        let client = ClientSettings {
            tls: is_tls(endpoint.pool().as_str())
                || OTHER_ENDPOINTS.into_iter().filter_map(&set).any(|url| is_tls(&url)),
            here: endpoint.is_localhost() || endpoint.literal_ip().is_some_and(|ip| ip.is_loopback()),
        };
        Some(Self { service: set("OTEL_SERVICE_NAME"), spans, logs, interval, client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of these variables, and which are at fault.
    fn read(variables: &[(&str, &str)]) -> (Option<TelemetrySettings>, String) {
        let mut faults = Faults::default();
        let find = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        let settings = TelemetrySettings::from(find, &mut faults);
        (settings, faults.to_string())
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

    #[test]
    fn nothing_is_sent_without_an_endpoint_or_if_it_is_disabled() {
        assert!(read(&[]).0.is_none());
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).0.is_none());
        assert!(read(&[("OTEL_SERVICE_NAME", "calls"), ("OTEL_TRACES_EXPORTER", "zipkin")]).0.is_none());
        assert!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "True")]).0.is_none());
        assert!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "false")]).0.is_some());
    }

    #[test]
    fn each_signal_can_be_left_out() {
        let sent = |more: &[(&str, &str)]| {
            let settings = read(&[&[ENDPOINT], more].concat()).0.unwrap();
            (settings.spans, settings.interval.map(|interval| interval.as_secs()), settings.logs)
        };
        assert_eq!(sent(&[]), (true, Some(60), true));
        assert_eq!(sent(&[("OTEL_METRIC_EXPORT_INTERVAL", "5000")]), (true, Some(5), true));
        assert_eq!(sent(&[("OTEL_TRACES_EXPORTER", "none")]), (false, Some(60), true));
        assert_eq!(sent(&[("OTEL_METRICS_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")]), (true, None, false));
    }

    #[test]
    fn certificates_are_read_only_if_a_collector_wants_them() {
        let client = |more: &[(&str, &str)]| {
            let ClientSettings { tls, here } = read(more).0.unwrap().client;
            (tls, here)
        };
        let endpoint = ENDPOINT.0;
        assert_eq!(client(&[ENDPOINT]), (false, true));
        assert_eq!(client(&[(endpoint, "HTTPS://otlp.example.com")]), (true, false));
        let other = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs.example.com/v1/logs");
        assert_eq!(client(&[(endpoint, "http://127.0.0.2:4318"), other]), (true, true));
    }

    #[test]
    fn all_faults_are_named_and_no_credential_is() {
        let wrong = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hidden@collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "10s"),
        ];
        let (settings, faults) = read(&wrong);
        assert!(settings.is_none());
        for (name, _) in wrong {
            assert!(faults.contains(&format!("\n  {name}: ")), "{name} in {faults}");
        }
        assert!(!faults.contains("hidden"), "{faults}");
    }
}
