//! The web as programs use it, and browsers without a script: requests, and what they are answered.

use std::time::Duration;

use naptime_core::Time;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::{eventually, http};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Value, json};

/// For what comes soon on an idle machine, and later on a busy one.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Each of these scenarios on both stores: `naptime up` on a fresh file, and `naptime web` on a fresh database. After
/// `store:`, those that start more than that, and get the store.
macro_rules! on_both_stores {
    (store: $($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&naptime_tests::sqlite::File::fresh()).await;
            })*
        }

        mod mongodb {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&naptime_tests::mongo::fresh_database().await).await;
            })*
        }
    };
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                let file = naptime_tests::sqlite::File::fresh();
                super::$scenario(naptime_tests::Naptime::up(&file)).await;
            })*
        }

        mod mongodb {
            $(#[tokio::test]
            async fn $scenario() {
                let database = naptime_tests::mongo::fresh_database().await;
                super::$scenario(naptime_tests::Naptime::web(&database)).await;
            })*
        }
    };
}
pub(crate) use on_both_stores;

/// A started `naptime` with a client of its own.
pub(crate) struct Web {
    pub(crate) naptime: Naptime,
    client: Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Web {
    pub(crate) async fn start(start: Start) -> Self {
        Self { naptime: start.start().await, client: http::client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.naptime.url(path))
    }

    /// Asks again while the store does not answer in time, as on a machine that stands still for some seconds.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let what = format!("the store answers {path}");
        eventually(SOON, &what, async || {
            let reply = reply_to(self.request(Method::GET, path)).await;
            let is_away = reply.status == 503 && reply.text.contains("unavailable");
            Some(reply).filter(|_| !is_away).map(Reply::not_a_fault)
        })
        .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, json: &Value) -> Reply {
        self.json(Method::POST, path, json.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, json: &Value) -> Reply {
        self.json(Method::PATCH, path, json.to_string()).await
    }

    /// Sends what may be JSON or claims to be.
    pub(crate) async fn json(&self, method: Method, path: &str, text: impl Into<reqwest::Body>) -> Reply {
        send(self.request(method, path).header(CONTENT_TYPE, "application/json").body(text)).await
    }

    /// Sends a form.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        send(with_form(self.request(Method::POST, path), fields)).await
    }

    /// Adds an endpoint, and returns its path in the API and what it is like.
    pub(crate) async fn add(&self, endpoint: Value) -> (String, Value) {
        let reply = self.post("/api/endpoints", &endpoint).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        (reply.header("location").to_owned(), reply.value())
    }

    /// Adds an endpoint that is called only when asked to.
    pub(crate) async fn add_on_demand(&self, url: &str, more: &Value) -> String {
        let mut endpoint = json!({"url": url, "every": "1d", "retry": {"attempts": 1}});
        for (name, value) in more.as_object().into_iter().flatten() {
            endpoint[name] = value.clone();
        }
        self.add(endpoint).await.0
    }

    pub(crate) async fn call_now(&self, endpoint: &str) {
        let reply = send(self.request(Method::POST, &format!("{endpoint}/call"))).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    /// The items of a list.
    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.value()["items"].as_array().unwrap().clone()
    }

    /// The runs of an endpoint or a job, oldest first, once there are `count`, and once it is settled: a run is recorded
    /// before that. Rows of what was not called, which there are on a busy machine, are left out.
    pub(crate) async fn runs(&self, endpoint: &str, count: usize) -> Vec<Value> {
        let what = format!("{count} runs of {endpoint}");
        eventually(SOON, &what, async || {
            let mut runs = self.items(&format!("{endpoint}/runs")).await;
            runs.retain(|run| run["skipped"].is_null());
            runs.reverse();
            let counted = self.get(endpoint).await.value()["counters"]["runs"].as_u64();
            Some(runs).filter(|runs| runs.len() >= count && counted.is_none_or(|counted| counted >= count as u64))
        })
        .await
    }
}

/// Sends a request. No request whatever may be answered with a fault of the server.
pub(crate) async fn send(request: RequestBuilder) -> Reply {
    reply_to(request).await.not_a_fault()
}

async fn reply_to(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (url, status, headers) = (response.url().clone(), response.status().as_u16(), response.headers().clone());
    Reply { url, status, headers, text: response.text().await.unwrap() }
}

/// The request with the body of a form.
pub(crate) fn with_form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(query(fields))
}

/// Parameters as a form or the query of a URL carries them.
pub(crate) fn query(fields: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://any/", fields).unwrap();
    url.query().unwrap_or_default().to_owned()
}

impl Reply {
    fn not_a_fault(self) -> Self {
        assert!(self.status < 500, "{}: {} {}", self.url, self.status, self.text);
        self
    }

    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status, code and field of a problem document, which it must be.
    pub(crate) fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.value();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(problem["status"], self.status);
        assert!(!text("detail").is_empty() && !text("title").is_empty(), "{problem}");
        (self.status, text("code"), text("field"))
    }

    /// Asserts what the problem is.
    pub(crate) fn is_problem(&self, status: u16, code: &str, field: &str) {
        assert_eq!(self.problem(), (status, code.to_owned(), field.to_owned()), "{}", self.text);
    }

    /// Asserts that it leads to `location`, as a form that was accepted does.
    pub(crate) fn leads_to(&self, location: &str) {
        assert_eq!((self.status, self.header("location")), (303, location), "{}", self.text);
    }
}

/// A text as it stands in a page.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Asserts that all times in here are RFC 3339 in UTC with milliseconds.
pub(crate) fn check_times(json: &Value) {
    let is_time = |name: &str| name.ends_with("_at") || ["due", "started", "finished", "at", "last_ok"].contains(&name);
    match json {
        Value::Array(items) => items.iter().for_each(check_times),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if is_time(name) => {
                        let time: Time = text.parse().unwrap();
                        assert_eq!((time.to_string(), text.len()), (text.clone(), 24), "{name}");
                    }
                    Value::Null => {}
                    other => {
                        assert!(!is_time(name), "{name}: {other}");
                        check_times(other);
                    }
                }
            }
        }
        _ => {}
    }
}
