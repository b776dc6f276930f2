//! Why there is no secure connection, in words: with names, and with dates instead of seconds since 1970.

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error, InvalidMessage};

/// Names of a certificate that are listed before the rest is only counted.
const MAX_NAMES: usize = 3;

/// What went wrong.
pub(super) fn describe(error: &Error) -> String {
    let why = match error {
        Error::InvalidCertificate(why) => of_certificate(why),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the target does not speak TLS on this port; is it meant to be http?".to_owned()
        }
        other => other.to_string(),
    };
    format!("no secure connection: {why}")
}

fn of_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired => "the certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the certificate expired on {}", date(*not_after))
        }
        CertificateError::NotValidYet => "the certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", date(*not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("the certificate is for {}, not for {}", names(presented), expected.to_str())
        }
        CertificateError::ExpiredRevocationListContext { next_update, .. } => {
            format!("the list of revoked certificates is valid only until {}", date(*next_update))
        }
        CertificateError::UnknownIssuer => {
            "the certificate is not issued by an authority that this machine trusts".to_owned()
        }
        CertificateError::BadSignature => "the certificate is not signed by the authority that it names".to_owned(),
        CertificateError::Revoked => "the certificate has been revoked".to_owned(),
        CertificateError::Other(other) if other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) => {
            "the certificate is its own authority, which this machine does not trust; a pool may name it as its CA"
                .to_owned()
        }
        other => format!("invalid certificate: {other}"),
    }
}

/// A time as people read it, to the second, in UTC.
fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    match seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(time) => time.strftime("%Y-%m-%d at %H:%M:%S UTC").to_string(),
        // Beyond the year 9999, which some certificates use for "never".
        None => "a day after the year 9999".to_owned(),
    }
}

/// The names that a certificate is for, each as rustls has it: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(MAX_NAMES).map(bare).collect();
    match presented.len() {
        0 => return "no name at all".to_owned(),
        count if count > MAX_NAMES => names.push(format!("{} more", count - MAX_NAMES)),
        _ => {}
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(why: CertificateError, expect: &str) {
        assert_eq!(describe(&Error::InvalidCertificate(why)), format!("no secure connection: {expect}"));
    }

    #[test]
    fn times_are_dates() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (now, then) = (at(1_767_323_045), at(1_735_787_045));
        let expired = CertificateError::ExpiredContext { time: now, not_after: then };
        check(expired, "the certificate expired on 2025-01-02 at 03:04:05 UTC");
        let early = CertificateError::NotValidYetContext { time: then, not_before: now };
        check(early, "the certificate is not valid before 2026-01-02 at 03:04:05 UTC");
        let list = CertificateError::ExpiredRevocationListContext { time: now, next_update: then };
        check(list, "the list of revoked certificates is valid only until 2025-01-02 at 03:04:05 UTC");
        let never = CertificateError::NotValidYetContext { time: then, not_before: at(u64::MAX) };
        check(never, "the certificate is not valid before a day after the year 9999");
    }

    #[test]
    fn names_are_named() {
        let check_names = |presented: &[&str], expect: &str| {
            let expected = rustls::pki_types::ServerName::try_from("c.example").unwrap();
            let presented = presented.iter().map(|&name| name.to_owned()).collect();
            check(CertificateError::NotValidForNameContext { expected, presented }, expect);
        };
        check_names(&["DnsName(\"a.example\")"], "the certificate is for a.example, not for c.example");
        let many = ["DnsName(\"a\")", "IpAddress(127.0.0.1)", "DnsName(\"*.b\")", "DnsName(\"d\")", "DnsName(\"e\")"];
        check_names(&many, "the certificate is for a, 127.0.0.1, *.b, 2 more, not for c.example");
        check_names(&[], "the certificate is for no name at all, not for c.example");
    }

    #[test]
    fn the_rest_is_said_as_it_is() {
        let unknown = "the certificate is not issued by an authority that this machine trusts";
        check(CertificateError::UnknownIssuer, unknown);
        let plain = describe(&Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(plain.ends_with("is it meant to be http?"), "{plain}");
        assert_eq!(describe(&Error::DecryptError), format!("no secure connection: {}", Error::DecryptError));
    }
}
