//! What is to be called, as programs say it.

use serde::Serialize;
use serde_json::{Map, Value};

/// An endpoint to be added: called again and again.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct NewEndpoint(Map<String, Value>);

/// A one-off job to be asked for: called once, now or later.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct NewJob(Map<String, Value>);

/// Setters of the fields that endpoints and one-off jobs have in common.
macro_rules! common_setters {
    ($new:ident) => {
        impl $new {
            /// A name to find it by.
            #[must_use]
            pub fn name(self, name: &str) -> Self {
                self.set("name", name)
            }

            /// The HTTP method; `GET` unless it is set.
            #[must_use]
            pub fn method(self, method: &str) -> Self {
                self.set("method", method)
            }

            /// The body that is sent.
            #[must_use]
            pub fn body(self, body: &str) -> Self {
                self.set("body", body)
            }

            /// A secret to sign each call with, `whsec_…`, so that its target can verify where it comes from.
            #[must_use]
            pub fn sign(self, secret: &str) -> Self {
                self.set("sign", secret)
            }

            /// Any field of the API.
            #[must_use]
            pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
                self.0.insert(field.to_owned(), value.into());
                self
            }
        }
    };
}

common_setters!(NewEndpoint);
common_setters!(NewJob);

impl NewEndpoint {
    /// Called every so often: `10s`, `5m`, `1h 30m`.
    pub fn every(url: &str, period: &str) -> Self {
        Self(Map::new()).set("url", url).set("every", period)
    }

    /// Called by a cron pattern in a time zone, such as `Europe/Berlin`.
    pub fn cron(url: &str, pattern: &str, tz: &str) -> Self {
        Self(Map::new()).set("url", url).set("cron", pattern).set("tz", tz)
    }

    /// Whether it is called; it is not unless this says so.
    #[must_use]
    pub fn active(self, active: bool) -> Self {
        self.set("active", active)
    }

    /// The longest allowed gap between good calls.
    #[must_use]
    pub fn sla(self, sla: &str) -> Self {
        self.set("sla", sla)
    }
}

impl NewJob {
    /// Called as soon as a worker is free.
    pub fn now(url: &str) -> Self {
        Self(Map::new()).set("url", url)
    }

    /// Called so long from now: `30s`, `2h`.
    pub fn after(url: &str, wait: &str) -> Self {
        Self::now(url).set("in", wait)
    }

    /// What you know it by. A second job of the same key is not added.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.set("key", key)
    }
}
