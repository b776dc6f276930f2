//! What went wrong with a call, told from the types of its errors, never from their texts.

use std::error::Error;
use std::io;

use naptime_core::Outcome;
use rustix::io::Errno;

use super::resolve::LookupError;
use super::secure;
use super::stream::TooMuch;

/// Why there is no (whole) answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) outcome: Outcome,
    pub(super) message: String,
}

/// This machine could not make the call: nothing was sent, and the target has no part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalFault {
    /// `EMFILE`, `ENFILE`.
    #[error("no file descriptors are left")]
    NoDescriptors,
    /// `EADDRNOTAVAIL`: all ports for connections to one address are in use.
    #[error("no local ports are left")]
    NoPorts,
    /// `ENOMEM`, `ENOBUFS`.
    #[error("no memory is left for connections")]
    NoMemory,
}

impl LocalFault {
    /// What an error of the system says of this machine, by its number.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => Some(Self::NoDescriptors),
            Errno::ADDRNOTAVAIL => Some(Self::NoPorts),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::NoMemory),
            _ => None,
        }
    }
}

/// Whose fault it is that there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The target's, or of what lies between: it ends the call.
    Target(Fault),
    /// This machine's: it says nothing about the target.
    Local(LocalFault),
}

impl From<Fault> for NoAnswer {
    fn from(fault: Fault) -> Self {
        Self::Target(fault)
    }
}

impl NoAnswer {
    /// Why no socket came about.
    pub(super) fn connecting(error: &io::Error) -> Self {
        LocalFault::of(error).map_or_else(|| Self::Target(Fault::connecting(error)), Self::Local)
    }
}

impl Fault {
    pub(super) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into() }
    }
}

impl From<LookupError> for NoAnswer {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Blocked { .. } => {
                Fault::new(Outcome::BlockedAddress, format!("{error} (see NAPTIME_ALLOW_NETWORKS)")).into()
            }
            LookupError::NotFound { .. } => Fault::new(Outcome::DnsNotFound, error.to_string()).into(),
            LookupError::Local(fault) => Self::Local(fault),
        }
    }
}

impl Fault {
    /// Why no connection came about. Nothing of a request was sent.
    ///
    /// The first of the error's causes, from the outside in, that says what happened decides.
    pub(super) fn connecting(error: &(dyn Error + 'static)) -> Self {
        match read(error) {
            Some(fault) if fault.outcome == Outcome::ConnectionReset => {
                Self::new(Outcome::ConnectionFailed, "the connection was closed before anything could be sent")
            }
            Some(fault) if fault.outcome == Outcome::ConnectionFailed => {
                Self::new(Outcome::ConnectionFailed, format!("no connection could be made: {}", fault.message))
            }
            Some(fault) => fault,
            None => Self::new(Outcome::ConnectionFailed, "no connection could be made"),
        }
    }

    /// Why there is no answer, on a connection that was there.
    pub(super) fn sending(error: &(dyn Error + 'static)) -> Self {
        match read(error) {
            // In TLS 1.3 the target says only now that it does not take our certificate, and then nothing was processed.
            Some(fault) if fault.outcome == Outcome::Tls && find(error).is_some_and(refuses_certificate) => fault,
            Some(fault) if matches!(fault.outcome, Outcome::ConnectionFailed | Outcome::Tls) => {
                Self::new(Outcome::ConnectionReset, format!("the connection was lost: {}", fault.message))
            }
            fault => fault.unwrap_or_else(cut),
        }
    }

    /// Interim answers (1xx), and no other.
    pub(super) fn interim_answers() -> Self {
        Self::new(Outcome::InvalidResponse, "the target sends interim answers (1xx) without end")
    }
}

/// What an error or its causes say.
fn read(error: &(dyn Error + 'static)) -> Option<Fault> {
    if error.is::<TooMuch>() {
        return Some(Fault::interim_answers());
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(Fault::new(Outcome::Tls, secure::describe(tls)));
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

/// The first of an error and its causes that is a `T`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => find(wrapped),
        None => find(error.source()?),
    }
}

/// Whether the target says that it does not take our certificate, or wants one. Other alerts may come at any time, also
/// after a request was processed.
fn refuses_certificate(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                // Its signature does not fit, or not its issuer's. Only handshakes know this one.
                | Alert::DecryptError
        )
    )
}

fn read_http(error: &hyper::Error, cause: Option<Fault>) -> Fault {
    if error.is_parse_too_large() {
        let message = "the head of the answer is longer than 64 KiB or 1,000 lines";
        return Fault::new(Outcome::InvalidResponse, message);
    }
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
        _ => Fault::new(Outcome::ConnectionFailed, error.to_string()),
    }
}

fn cut() -> Fault {
    Fault::new(Outcome::ConnectionReset, "the connection was closed before the answer was complete")
}

fn invalid(error: &dyn Error) -> Fault {
    Fault::new(Outcome::InvalidResponse, format!("what came back is not HTTP: {error}"))
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription as Alert;

    use super::*;

    #[test]
    fn only_an_alert_about_our_certificate_says_that_nothing_was_processed() {
        let outcome = |alert| Fault::sending(&rustls::Error::AlertReceived(alert)).outcome;
        for alert in [Alert::CertificateRequired, Alert::BadCertificate, Alert::UnknownCA, Alert::DecryptError] {
            assert_eq!(outcome(alert), Outcome::Tls, "{alert:?}");
        }
        for alert in [Alert::InternalError, Alert::BadRecordMac, Alert::UnexpectedMessage, Alert::CloseNotify] {
            assert_eq!(outcome(alert), Outcome::ConnectionReset, "{alert:?}");
        }
    }
}
