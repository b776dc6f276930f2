//! What went wrong with a call, told from the types of its errors, never from their texts.

use std::error::Error;
use std::io;

use naptime_core::Outcome;

use super::resolve::{Blocked, NotFound};

/// Why there is no (whole) answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) outcome: Outcome,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into() }
    }
}

impl From<&Blocked> for Fault {
    fn from(blocked: &Blocked) -> Self {
        Self::new(Outcome::BlockedAddress, format!("{blocked} (see NAPTIME_ALLOW_NETWORKS)"))
    }
}

impl From<reqwest::Error> for Fault {
    /// The first of its causes, from the outside in, that says what happened decides. Its own text is not used, since
    /// that holds the URL.
    fn from(error: reqwest::Error) -> Self {
        if let Some(fault) = error.source().and_then(read) {
            fault
        } else if error.is_connect() || error.is_builder() {
            Self::new(Outcome::ConnectionFailed, "no connection could be made")
        } else {
            cut()
        }
    }
}

/// What an error or its causes say.
fn read(error: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(blocked) = error.downcast_ref::<Blocked>() {
        return Some(blocked.into());
    }
    if let Some(not_found) = error.downcast_ref::<NotFound>() {
        return Some(Fault::new(Outcome::DnsNotFound, not_found.to_string()));
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(Fault::new(Outcome::Tls, format!("no secure connection: {tls}")));
    }
    if let Some(http2) = error.downcast_ref::<h2::Error>() {
        return Some(read_http2(http2));
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        // The error wrapped in it says more than its kind. `source` skips that one.
        let wrapped = io.get_ref().and_then(|wrapped| read(wrapped));
        return Some(wrapped.unwrap_or_else(|| read_io(io)));
    }
    let cause = error.source().and_then(read);
    match error.downcast_ref::<hyper::Error>() {
        Some(http) => Some(read_http(http, cause)),
        None => cause,
    }
}

fn read_http(error: &hyper::Error, cause: Option<Fault>) -> Fault {
    if error.is_parse() {
        return invalid(error);
    }
    let no_answer = error.is_incomplete_message() || error.is_canceled() || error.is_closed() || error.is_user();
    match cause {
        Some(cause) => cause,
        // What is left without a cause are bytes that came unasked: a server that speaks first, which is not HTTP.
        None if !no_answer && error.source().is_none() => invalid(error),
        None => cut(),
    }
}

fn read_http2(error: &h2::Error) -> Fault {
    match error.get_io() {
        Some(error) => read_io(error),
        // The target ended the stream or the connection, which says nothing about why.
        None if error.is_remote() => cut(),
        None => invalid(error),
    }
}

fn read_io(error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => Fault::new(Outcome::ConnectionRefused, "the connection was refused"),
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof => cut(),
        Kind::TimedOut => Fault::new(Outcome::Timeout, "the target's machine did not respond"),
        // So hyper reports chunks that are none.
        Kind::InvalidData | Kind::InvalidInput => invalid(error),
        _ => Fault::new(Outcome::ConnectionFailed, format!("no connection could be made: {error}")),
    }
}

fn cut() -> Fault {
    Fault::new(Outcome::ConnectionReset, "the connection was closed before the answer was complete")
}

fn invalid(error: &dyn Error) -> Fault {
    Fault::new(Outcome::InvalidResponse, format!("what came back is not HTTP: {error}"))
}
