//! Outbound calls, and every rule they obey.
//!
//! | rule | where |
//! |---|---|
//! | the deadline covers name lookup, connection, TLS and the whole answer | [`Caller::call`] |
//! | only permitted addresses are connected to, whatever name they hide behind | `connection`, `resolve` |
//! | a name that nobody answers for costs its own calls only | `resolve`, `name_servers` |
//! | a fault of this machine is no outcome of the target | `fault` |
//! | addresses are raced, so that one that is silent does not end the call | `connect` |
//! | redirects are not followed, proxies in the environment not used, cookies not kept, bodies not inflated | nothing here does |
//! | of an answer's body, 64 KiB are read; then the connection is dropped and the status decides | `read_body` |
//! | which statuses mean success is for the job to say | `outcome` |
//! | and so is what an answer of such a status must say beside | [`Expect`] |
//! | connections are kept for further calls, for a while, and not after a timeout | `kept` |
//! | nothing is sent twice that may have been processed and must not be repeated | `resend` |
//! | credentials that a target repeats are not kept | [`Caller::call`] |
//! | mail goes to the server of the settings, whoever asks | `mail` |
//! | a handler in this process answers as a target does | `handlers` |
//! | every end of a call has a named outcome, found by the types of the errors | `fault` |
//!
//! **What is sent again.** Retries are decided by the job's [`Retry`](naptime_core::Retry). Below them, within one call,
//! a request is sent again on another connection if the protocol says that the target did not process it (an HTTP/2
//! stream above the last one of a GOAWAY, or refused), or if nothing of it was written, or not all (a kept connection
//! turned out to be closed). On HTTP/1, one that was sent whole on a kept connection, which was closed without a byte of
//! an answer, may have been processed; it is sent again if that does no harm: its method is idempotent, or its job
//! allows to repeat it. If a connection ends otherwise, the call ends as `connection_reset`.
//!
//! This stands on `hyper` for HTTP/1 and on `h2` for HTTP/2, one layer below the usual clients: those don't tell on
//! which connection a request was, nor whether it was processed.

mod answer;
mod connect;
mod connection;
mod fault;
mod handlers;
mod http1;
mod http2;
mod kept;
mod mail;
mod name_servers;
mod outbound;
mod outgoing;
mod page;
mod resend;
mod resolve;
mod retry_after;
mod secure;
mod stream;
mod timing;
mod tls;
mod transcript;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::response::Parts;
use http::{HeaderValue, StatusCode};
use naptime_core::answer::{KeepIf, MAX_KEPT_BODY, Phases};
use naptime_core::expect::Answered;
use naptime_core::run::with_note;
use naptime_core::secret::redact;
use naptime_core::{
    AllowedNetworks, Endpoint, Expect, JobId, Outcome, Request, Signature, Statuses, Time, Transcript, Transport,
};
use rustls::RootCertStore;
use tokio::time::Instant;

use connection::{Body, Connection, Connector};
pub use fault::LocalFault;
use fault::{Fault, NoAnswer};
pub use handlers::{Failure, HandlerCall, Handlers};
use kept::Kept;
pub use mail::Mailer;
pub use outbound::Outbound;
use outgoing::{Origin, Outgoing};
use resend::{MAX_RESENDS, Reach};
pub use retry_after::RetryAfter;
pub use timing::Timing;

/// How much of an answer's body is read, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How much of it is kept in memory, to find the first lines in.
const KEPT: usize = 4 * 1024;

/// The most transports beside the default one whose connections are kept, before those without any are forgotten.
const MAX_TRANSPORTS: usize = 64;

/// Makes calls. One serves a whole worker; a clone shares its connections.
#[derive(Clone)]
pub struct Caller {
    connector: Arc<Connector>,
    timing: Timing,
    roots: Arc<RootCertStore>,
    user_agent: HeaderValue,
    /// What sends mail, if this worker does.
    mailer: Option<Mailer>,
    /// What is called in this process.
    handlers: Handlers,
    /// The connections of nearly all pools.
    kept: Arc<Kept>,
    /// Those of pools that say how they are made.
    others: Arc<Mutex<HashMap<Transport, Arc<Kept>>>>,
}

/// A call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Where it goes.
    pub endpoint: &'a Endpoint,
    /// What is sent, and how long it may take. A header `Host` names the target in place of the URL's host.
    pub request: &'a Request,
    /// The statuses that mean success.
    pub success: &'a Statuses,
    /// What an answer with such a status must say beside.
    pub expect: &'a Expect,
    /// What Naptime says of it.
    pub headers: &'a CallHeaders,
    /// How the connection is made.
    pub transport: &'a Transport,
    /// Whether its owner lets it be repeated after a connection was cut.
    pub repeatable: bool,
    /// Whether what is sent and answered is to be kept.
    pub keep: KeepIf,
    /// Which attempt at its occurrence it is, from 1 on.
    pub attempt: u32,
    /// The time by the store's clock, for what is said of a certificate.
    pub now: Time,
}

/// The headers with which Naptime says what a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallHeaders {
    /// `Idempotency-Key`: the same for every attempt at one occurrence, and for no other.
    pub idempotency_key: String,
    /// `Naptime-Due`: the occurrence, or when the call was asked for.
    pub due: Time,
    /// What proves that it is from here, if its owner wants that. The id is the idempotency key.
    pub signature: Option<Signature>,
    /// `traceparent`, if calls are traced. A header of that name of one's own comes first.
    pub traceparent: Option<String>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if it came. It did even if the body after it took too long or was cut.
    pub status: Option<u16>,
    /// The first two lines of the body that say something, or what went wrong; at most
    /// [`MAX_MESSAGE`](naptime_core::run::MAX_MESSAGE) characters, without query strings.
    pub message: String,
    /// The pause that the target asked for, with whatever status.
    pub retry_after: Option<RetryAfter>,
    /// The period that the target asked for (`Naptime-Every`), as it wrote it, with a whole 2xx answer.
    pub every: Option<String>,
    /// What was sent and answered, if that is to be kept.
    pub transcript: Option<Box<Transcript>>,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct SetupError(String);

impl CallHeaders {
    /// Those of a call of `job` for the occurrence `due`; if it is `manual`, `due` is when it was asked for.
    pub fn new(job: JobId, due: Time, manual: bool) -> Self {
        let kind = if manual { "-manual" } else { "" };
        Self { idempotency_key: format!("{job}-{}{kind}", due.millis()), due, signature: None, traceparent: None }
    }

    /// The same, signed if the request is to be, for a call that leaves at `now`.
    #[must_use]
    pub fn signed(self, request: &Request, now: Time) -> Self {
        let body = request.body.as_deref().unwrap_or_default();
        let signature = request.sign.sign(&self.idempotency_key, now.millis().div_euclid(1000), body);
        Self { signature, ..self }
    }
}

impl Caller {
    /// A caller that reaches the public internet and `networks`, and calls itself `Naptime/<version>`.
    ///
    /// # Errors
    /// If TLS cannot be set up, or the version cannot be sent as a header.
    pub fn new(networks: AllowedNetworks, version: &str) -> Result<Self, SetupError> {
        Self::with_timing(networks, version, Timing::default())
    }

    /// The same with other times.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_timing(networks: AllowedNetworks, version: &str, timing: Timing) -> Result<Self, SetupError> {
        let user_agent = HeaderValue::from_str(&format!("Naptime/{version}"))
            .map_err(|_| SetupError("the version cannot be sent as a header".to_owned()))?;
        let roots = Arc::new(tls::roots_of_machine());
        let kept = kept(&roots, &Transport::default(), timing).map_err(SetupError)?;
        let connector = Arc::new(Connector::new(networks, timing));
        let (mailer, handlers, others) = Default::default();
        Ok(Self { connector, timing, roots, user_agent, mailer, handlers, kept, others })
    }

    /// The same, sending mail.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Mailer>) -> Self {
        Self { mailer, ..self }
    }

    /// The same, calling these handlers.
    #[must_use]
    pub fn with_handlers(self, handlers: Handlers) -> Self {
        Self { handlers, ..self }
    }

    /// Makes a call, within the timeout of its request. It ends well with one of its statuses of success. Dropping the
    /// future aborts the call and its connection.
    ///
    /// # Errors
    /// If this machine cannot make calls at the moment. Nothing was sent then that the target may have processed.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, LocalFault> {
        let timeout = call.request.timeout;
        if call.endpoint.is_mail() {
            return Ok(self.mail(call, timeout).await);
        }
        if let Some(name) = call.endpoint.handler() {
            return Ok(self.handlers.call(name, call).await);
        }
        let mut progress = Progress::default();
        let (outcome, message) = match tokio::time::timeout(timeout, self.exchange(call, &mut progress)).await {
            Ok(Ok(end)) => end,
            Ok(Err(NoAnswer::Target(fault))) => (fault.outcome, fault.message),
            Ok(Err(NoAnswer::Local(fault))) => match progress.cut.take() {
                None => return Err(fault),
                Some(cut) => (cut.outcome, cut.message),
            },
            Err(_) => {
                let limit = naptime_core::duration::show(timeout);
                let what = if progress.head.is_some() { "the answer was not complete" } else { "no answer" };
                (Outcome::Timeout, format!("{what} within {limit}"))
            }
        };
        // A target may repeat what it was sent.
        let redact = |text: &str| redact(text, call.endpoint, call.request).into_owned();
        let message = answer::clip(&redact(&message));
        Ok(Answer {
            outcome,
            status: progress.head.as_ref().map(|head| head.status.as_u16()),
            message: match progress.resent {
                None => message,
                Some((times, why)) => with_note(&message, &resent_note(times, why)),
            },
            retry_after: progress.head.as_ref().and_then(|head| RetryAfter::read(&head.headers)),
            every: progress.every.as_ref().map(|every| redact(every)),
            transcript: call.keep.covers(outcome).then(|| Box::new(self.transcript(call, &progress))),
        })
    }

    async fn mail(&self, call: Call<'_>, timeout: Duration) -> Answer {
        let (outcome, message) = match &self.mailer {
            Some(mailer) => match tokio::time::timeout(timeout, mailer.call(call)).await {
                Ok(answer) => return answer,
                Err(_) => (Outcome::Timeout, format!("not sent within {}", naptime_core::duration::show(timeout))),
            },
            None => (Outcome::ConnectionFailed, "this worker sends no mail; SMTP_URL is not set".to_owned()),
        };
        Answer { outcome, status: None, message, retry_after: None, every: None, transcript: None }
    }

    fn transcript(&self, call: Call<'_>, progress: &Progress) -> Transcript {
        let Call { endpoint, request, headers, .. } = call;
        let outgoing = Origin::of(endpoint).map(|origin| Outgoing {
            origin,
            endpoint,
            request,
            own: headers,
            user_agent: &self.user_agent,
        });
        let whole = progress.whole && progress.body.len() <= MAX_KEPT_BODY;
        let (head, body) = match &progress.head {
            Some(head) => (
                transcript::head(head, endpoint, request),
                transcript::body(head, &progress.body, whole, endpoint, request),
            ),
            None => Default::default(),
        };
        Transcript {
            request: outgoing.map(|outgoing| transcript::request(&outgoing)).unwrap_or_default(),
            head,
            body,
            whole,
            phases: progress.phases,
        }
    }

    /// One request and its answer, on as many connections as that takes.
    async fn exchange(&self, call: Call<'_>, progress: &mut Progress) -> Result<(Outcome, String), NoAnswer> {
        let begun = Instant::now();
        let Call { endpoint, request, headers, transport, .. } = call;
        let origin = Origin::of(endpoint)?;
        let outgoing = Outgoing { origin, endpoint, request, own: headers, user_agent: &self.user_agent };
        let kept = self.kept(transport)?;
        let (mut taken, head, mut answer) = loop {
            let fresh = progress.resent.is_some();
            let mut taken = kept.take(origin, &self.connector, fresh, &mut progress.phases).await?;
            progress.sent = Some(Instant::now());
            let failure = match taken.connection.send(&outgoing).await {
                Ok((head, body)) => break (taken, head, body),
                Err(failure) => failure,
            };
            let times = progress.resent.map_or(0, |(times, _)| times);
            match failure.reach.resend(request.method, call.repeatable) {
                Some(why) if times < MAX_RESENDS => {
                    progress.resent = Some((times + 1, why));
                    if matches!(failure.reach, Reach::Unanswered { .. }) {
                        progress.cut = Some(failure.fault);
                    }
                }
                _ => return Err(failure.fault.into()),
            }
        };
        let head_at = Instant::now();
        progress.phases.first_byte = progress.sent.map(|sent| micros(head_at - sent));
        let Progress { head: known, body, .. } = progress;
        let head = known.insert(head);
        let status = head.status;
        let outcome = outcome(status, call.success);
        let room = if !call.expect.is_empty() {
            MAX_ANSWER
        } else if call.keep.covers(outcome) {
            MAX_KEPT_BODY
        } else {
            KEPT
        };
        let read = read_body(&mut taken.connection, &mut answer, body, room).await?;
        drop(answer);
        let certificate = taken.connection.certificate_ends().map(|ends| ends.since(call.now));
        kept.give_back(origin, taken, read.is_some());
        let whole = read == Some(body.len());
        let unmet = if outcome == Outcome::Ok && !call.expect.is_empty() {
            let answered =
                Answered { body, whole, headers: &head.headers, encoding: None, took: begun.elapsed(), certificate };
            unmet(call.expect, answered).await
        } else {
            None
        };
        let message = match outcome {
            Outcome::RedirectNotFollowed => answer::redirect_message(status, &head.headers, endpoint),
            _ => answer::message(outcome, status, &head.headers, &body[..body.len().min(KEPT)]),
        };
        progress.every = answer::every(status, &head.headers);
        progress.whole = whole;
        progress.phases.rest = Some(micros(head_at.elapsed()));
        Ok(match unmet {
            Some(unmet) => (Outcome::Failed, format!("{unmet}\n{message}")),
            None => (outcome, message),
        })
    }

    /// The connections of this transport.
    fn kept(&self, transport: &Transport) -> Result<Arc<Kept>, Fault> {
        if transport.is_default() {
            return Ok(Arc::clone(&self.kept));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = others.get(transport) {
            return Ok(Arc::clone(kept));
        }
        if others.len() >= MAX_TRANSPORTS {
            others.retain(|_, kept| Arc::strong_count(kept) > 1 || !kept.is_empty());
        }
        let kept = kept(&self.roots, transport, self.timing).map_err(|what| Fault::new(Outcome::Tls, what))?;
        others.insert(transport.clone(), Arc::clone(&kept));
        Ok(kept)
    }
}

/// What is known of a call while it lasts, and stays known if it ends at its deadline.
#[derive(Default)]
struct Progress {
    /// Status and headers of the answer.
    head: Option<Parts>,
    /// The beginning of its body.
    body: Vec<u8>,
    /// Whether that is all of it.
    whole: bool,
    every: Option<String>,
    phases: Phases,
    /// When the request began to be sent.
    sent: Option<Instant>,
    /// How often the request was sent again, and why the last time.
    resent: Option<(u32, &'static str)>,
    /// How a request ended that the target may have processed though it was sent again.
    cut: Option<Fault>,
}

/// No connections yet, of this transport.
fn kept(roots: &Arc<RootCertStore>, transport: &Transport, timing: Timing) -> Result<Arc<Kept>, String> {
    Ok(Arc::new(Kept::new(tls::config(roots, transport)?, timing)))
}

fn resent_note(times: u32, why: &str) -> String {
    match times {
        1 => format!("(sent again: {why})"),
        times => format!("(sent again {times} times: {why})"),
    }
}

/// Reads the body up to [`MAX_ANSWER`], keeps its beginning, and returns how long it is. Of what is longer, which stays
/// unread, that is not known.
async fn read_body(
    connection: &mut Connection,
    answer: &mut Body,
    kept: &mut Vec<u8>,
    room: usize,
) -> Result<Option<usize>, Fault> {
    let mut read = 0;
    while let Some(chunk) = connection.read(answer).await? {
        let room = room - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        read += chunk.len();
        if read >= MAX_ANSWER {
            return Ok(None);
        }
    }
    Ok(Some(read))
}

/// The first condition that an answer does not meet. To look for it may take some time, in which other calls are to go on.
async fn unmet(expect: &Expect, answered: Answered<'_>) -> Option<String> {
    let Answered { whole, took, certificate, .. } = answered;
    let (expect, body, headers) = (expect.clone(), answered.body.to_vec(), answered.headers.clone());
    let look = move || {
        let encoding = answer::encoding(&headers);
        expect.unmet(Answered { body: &body, whole, headers: &headers, encoding, took, certificate })
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.unwrap_or_else(|_| Some("what is expected could not be looked for".to_owned()))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How a call with this status ended. Of the 3xx, only these are redirects: 304, for one, says that nothing is new.
fn outcome(status: StatusCode, success: &Statuses) -> Outcome {
    match status.as_u16() {
        status if success.contains(status) => Outcome::Ok,
        301 | 302 | 303 | 307 | 308 => Outcome::RedirectNotFollowed,
        _ => Outcome::Failed,
    }
}
