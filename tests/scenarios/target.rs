//! A server that is called, built with the client's means for that: it verifies calls, and works once for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRef, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use naptime_client::target::{Guard, Signed, Verifier};
use naptime_tests::sqlite::File;
use naptime_tests::{Naptime, http};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::web::{SOON, Web};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const WRONG: &str = "whsec_d3JvbmcgYnV0IGxvbmcgZW5vdWdoIGZvciBhIGtleQ==";

/// What the server's handlers share, and the test with them.
#[derive(Clone)]
struct App {
    verifier: Verifier,
    guard: Guard,
    /// The headers of the calls that were verified, in the order in which they came.
    verified: watch::Sender<Vec<HeaderMap>>,
    /// How often the work was done.
    worked: Arc<AtomicUsize>,
    /// The work ends once it is let.
    may_end: Arc<Semaphore>,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

async fn handler(State(app): State<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Signed { call, body } = match Signed::from_request(request, &app).await {
        Ok(signed) => signed,
        Err(refused) => return refused.into_response(),
    };
    app.verified.send_modify(|verified| verified.push(headers));
    let guard = app.guard.clone();
    let work = async move {
        app.worked.fetch_add(1, Ordering::SeqCst);
        app.may_end.acquire().await.unwrap().forget();
        format!("worked on {} for {}", String::from_utf8_lossy(&body), call.due)
    };
    guard.once(&call.key, work).await
}

impl App {
    /// Starts the server, which ends with the test. Returns its URL too.
    async fn start() -> (Self, String) {
        let app = Self {
            verifier: Verifier::new([SECRET, NEXT]).unwrap(),
            guard: Guard::default(),
            verified: watch::Sender::default(),
            worked: Arc::default(),
            may_end: Arc::new(Semaphore::new(0)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/work", listener.local_addr().unwrap());
        let router = Router::new().fallback(handler).with_state(app.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        (app, url)
    }

    /// Waits until so many calls were verified.
    async fn has_verified(&self, count: usize) {
        let mut verified = self.verified.subscribe();
        let waited = tokio::time::timeout(SOON, verified.wait_for(|verified| verified.len() >= count)).await;
        waited.expect("the calls come").unwrap();
    }
}

/// Has a one-off job called. Returns its path.
async fn enqueue(web: &Web, url: &str, more: &Value) -> String {
    let mut job = json!({"url": url, "method": "POST", "body": "{}"});
    for (name, value) in more.as_object().unwrap() {
        job[name] = value.clone();
    }
    let reply = web.post("/api/jobs", &job).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.header("location").to_owned()
}

/// Waits until a job is over. Returns it.
async fn over(web: &Web, job: &str) -> Value {
    naptime_tests::eventually(SOON, "the job is over", async || {
        let job = web.get(job).await.value();
        ["done", "failed"].contains(&job["state"].as_str().unwrap()).then_some(job)
    })
    .await
}

#[tokio::test]
async fn a_repeated_call_is_answered_with_what_the_first_one_did() {
    let file = File::fresh();
    let (web, (app, url)) = (Web::start(Naptime::up(&file)).await, App::start().await);
    let retry = json!({"attempts": 20, "backoff": "100ms", "on": "timeout"});
    let job = enqueue(&web, &url, &json!({"sign": SECRET, "timeout": "1s", "retry": retry})).await;
    // The first call is given up after its second. The next one finds the work under way, and waits for it.
    app.has_verified(2).await;
    app.may_end.add_permits(1);
    let job = over(&web, &job).await;
    assert_eq!(job["state"], "done", "{job}");
    let message = job["last"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("worked on {} for 20"), "{job}");

    // The same call once more, as whoever listened on the way would send it.
    let headers = app.verified.borrow()[0].clone();
    let again = http::client().post(&url).headers(headers).body("{}").send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.text().await.unwrap()), (200, message));
    assert_eq!(app.worked.load(Ordering::SeqCst), 1, "the work was done once");
    // Another occurrence is another call.
    app.may_end.add_permits(1);
    let other = enqueue(&web, &url, &json!({"sign": SECRET})).await;
    assert_eq!(over(&web, &other).await["state"], "done");
    assert_eq!(app.worked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_needs_one_of_the_secrets() {
    let file = File::fresh();
    let (web, (app, url)) = (Web::start(Naptime::up(&file)).await, App::start().await);
    app.may_end.add_permits(Semaphore::MAX_PERMITS);
    for sign in [json!(WRONG), json!(null)] {
        let refused = over(&web, &enqueue(&web, &url, &json!({"sign": sign})).await).await;
        assert_eq!((&refused["state"], &refused["last"]["status"]), (&json!("failed"), &json!(401)), "{refused}");
        let message = refused["last"]["message"].as_str().unwrap();
        assert!(message.contains("not signed with a secret that is known here"), "{message}");
    }
    assert_eq!(app.verified.borrow().len(), 0);
    for sign in [json!(SECRET), json!(NEXT), json!([WRONG, NEXT])] {
        let taken = over(&web, &enqueue(&web, &url, &json!({"sign": sign})).await).await;
        assert_eq!((&taken["state"], &taken["last"]["status"]), (&json!("done"), &json!(200)), "{taken}");
    }
}
