//! Which requests are sent again at once, on another connection: those that the target did not process, and those that
//! may be repeated. Nothing else is, whatever the outcome: that is for the job's `retry` to decide.

use naptime_core::Method;

/// The most times that one request is sent again. nginx takes 1,000 requests on a connection and 128 at a time, so a
/// request is passed over once there; a server that takes no more than a fifth of what it lets us send at a time is
/// still reached.
pub(super) const MAX_RESENDS: u32 = 5;

/// How far a request came whose answer did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing of it was written: a connection used before was found closed, or takes no more requests.
    Unsent,
    /// The target says that it did not process it: its stream is above the last one of a GOAWAY, or was refused
    /// (RFC 9113, section 8.7).
    Refused,
    /// HTTP/1: a connection used before was closed without a byte of an answer, which servers do to idle connections,
    /// just when it was sent (RFC 9112, section 9.3.1).
    Unanswered {
        /// Whether all of it was written.
        whole: bool,
    },
    /// Nobody can know.
    Unknown,
}

impl Reach {
    /// Why the request is sent again; none if it is not. `repeatable`: its owner lets it be repeated after a
    /// connection was cut, and it carries a key by which the target can tell.
    pub(super) fn resend(self, method: Method, repeatable: bool) -> Option<&'static str> {
        match self {
            Self::Unsent => Some("the connection was closed before it was sent"),
            Self::Refused => Some("the target took no more requests on that connection"),
            Self::Unanswered { whole } if !whole || is_idempotent(method) || repeatable => {
                Some("the target had closed the connection")
            }
            Self::Unanswered { .. } | Self::Unknown => None,
        }
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: Method) -> bool {
    match method {
        Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options => true,
        Method::Post | Method::Patch => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_processed_or_may_be_repeated_is_sent_again() {
        fn check(reach: Reach, method: Method, repeatable: bool, expect: bool) {
            assert_eq!(reach.resend(method, repeatable).is_some(), expect, "{reach:?} {method} {repeatable}");
        }
        for method in Method::ALL {
            for repeatable in [false, true] {
                check(Reach::Unsent, method, repeatable, true);
                check(Reach::Refused, method, repeatable, true);
                check(Reach::Unanswered { whole: false }, method, repeatable, true);
                check(Reach::Unknown, method, repeatable, false);
            }
        }
        let whole = Reach::Unanswered { whole: true };
        check(whole, Method::Get, false, true);
        check(whole, Method::Put, false, true);
        check(whole, Method::Delete, false, true);
        check(whole, Method::Post, false, false);
        check(whole, Method::Patch, false, false);
        check(whole, Method::Post, true, true);
    }
}
