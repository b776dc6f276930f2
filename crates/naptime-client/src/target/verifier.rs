//! Whether a call was signed with a secret that both sides know, as Standard Webhooks says
//! (<https://www.standardwebhooks.com>).

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use super::call::text;
use super::{Call, Refused};

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret has, by the specification.
const SECRET_BYTES: RangeInclusive<usize> = 24..=64;
/// How far from now a call may have been signed, as most libraries of the specification have it.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Verifies signed calls.
///
/// ```
/// use naptime_client::target::{Refused, Verifier};
///
/// // The second secret takes the place of the first, which Naptime may still sign with.
/// let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];
/// let verifier = Verifier::new(secrets)?;
///
/// let unsigned = http::HeaderMap::new();
/// assert!(matches!(verifier.verify(&unsigned, b"{}"), Err(Refused::Signature)));
/// # Ok::<(), naptime_client::target::BadSecret>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Hmac<Sha256>>,
    tolerance: Duration,
}

/// A text is no secret, or there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and 24 to 64 bytes in base64, and at least one is needed")]
pub struct BadSecret;

impl Verifier {
    /// Takes calls that one of these secrets has signed: one secret, or two while one takes the other's place.
    ///
    /// # Errors
    /// If a secret is not `whsec_` and 24 to 64 bytes in base64, or if there is none.
    pub fn new<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Result<Self, BadSecret> {
        let keys: Option<Vec<_>> = secrets.into_iter().map(|secret| key(secret.as_ref())).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or(BadSecret)?;
        Ok(Self { keys, tolerance: TOLERANCE })
    }

    /// Takes calls that were signed at most this far from now, by the clock of this machine; 5 min unless it is set.
    #[must_use]
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Verifies a call by its headers and its body, and returns which occurrence it is for. Signatures are compared in
    /// constant time.
    ///
    /// # Errors
    /// [`Refused`] says why it is not to be believed.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refused> {
        self.verify_at(Timestamp::now(), headers, body)
    }

    fn verify_at(&self, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refused> {
        let signatures = text(headers, "webhook-signature").map_err(|_| Refused::Signature)?;
        let (id, sent) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
        // Other versions may stand beside the one that is known.
        let signatures =
            signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
        let signatures: Vec<Vec<u8>> = signatures.collect();
        let is_signed = self.keys.iter().any(|key| {
            let mut mac = key.clone();
            [id.as_bytes(), b".", sent.as_bytes(), b".", body].iter().for_each(|part| mac.update(part));
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        });
        if !is_signed {
            return Err(Refused::Signature);
        }
        let sent: i64 = sent.parse().map_err(|_| Refused::Header("webhook-timestamp"))?;
        if now.as_second().abs_diff(sent) > self.tolerance.as_secs() {
            return Err(Refused::Time);
        }
        // The header Idempotency-Key has the same key, but no signature covers that.
        Ok(Call { key: id.to_owned(), ..Call::read(headers)? })
    }
}

impl fmt::Debug for Verifier {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("tolerance", &self.tolerance).finish_non_exhaustive()
    }
}

/// The key that a secret stands for. The equals signs at its end may be missing.
fn key(secret: &str) -> Option<Hmac<Sha256>> {
    let bytes = STANDARD_NO_PAD.decode(secret.trim().strip_prefix(PREFIX)?.trim_end_matches('=')).ok()?;
    Hmac::new_from_slice(&bytes).ok().filter(|_| SECRET_BYTES.contains(&bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    /// The headers of the example, with others in place of some.
    fn headers(others: &[(&'static str, &'static str)]) -> HeaderMap {
        let example = [
            ("webhook-id", ID),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", SIGNATURE),
            ("idempotency-key", ID),
            ("naptime-due", "2021-02-25T15:02:09.000Z"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in example.iter().chain(others) {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    /// What becomes of a call that comes so many seconds after it was signed.
    fn verified(secrets: &[&str], after: i64, headers: &HeaderMap, body: &[u8]) -> Result<Call, String> {
        let now = Timestamp::from_second(SENT + after).expect("in range");
        let verifier = Verifier::new(secrets).expect("secrets");
        verifier.verify_at(now, headers, body).map_err(|refused| format!("{refused:?}"))
    }

    #[test]
    fn a_call_is_known_by_any_secret_of_either_side() {
        let expect = Call { key: ID.to_owned(), due: "2021-02-25T15:02:09Z".parse().expect("a time") };
        let both =
            headers(&[("webhook-signature", "v1a,AAAA v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]);
        for (secrets, headers) in
            [(&[SECRET][..], &headers(&[])), (&[OTHER, SECRET], &headers(&[])), (&[SECRET], &both)]
        {
            assert_eq!(verified(secrets, 1, headers, BODY).as_ref(), Ok(&expect), "{headers:?}");
        }
        // What is believed is the key that was signed.
        let forged = headers(&[("idempotency-key", "another")]);
        assert_eq!(verified(&[SECRET], 1, &forged, BODY), Ok(expect));
    }

    #[test]
    fn what_is_not_signed_so_is_refused() {
        let check =
            |secrets: &[&str], after: i64, others: &[(&'static str, &'static str)], body: &[u8], expect: &str| {
                assert_eq!(verified(secrets, after, &headers(others), body), Err(expect.to_owned()), "{others:?}");
            };
        check(&[OTHER], 0, &[], BODY, "Signature");
        check(&[SECRET], 0, &[], b"{}", "Signature");
        check(&[SECRET], 0, &[("webhook-id", "another")], BODY, "Signature");
        check(&[SECRET], 0, &[("webhook-timestamp", "1614265331")], BODY, "Signature");
        check(&[SECRET], 0, &[("webhook-signature", "g0hM9SsE")], BODY, "Signature");
        check(&[SECRET], 300, &[("naptime-due", "soon")], BODY, "Header(\"naptime-due\")");
        check(&[SECRET], 301, &[], BODY, "Time");
        check(&[SECRET], -301, &[], BODY, "Time");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_none_is_shown() {
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!", "whsec_dG9vIHNob3J0"] {
            assert_eq!(Verifier::new([SECRET, bad]).err(), Some(BadSecret), "{bad}");
        }
        assert_eq!(Verifier::new([""; 0]).err(), Some(BadSecret));
        assert_eq!(format!("{:?}", Verifier::new([SECRET])), "Ok(Verifier { tolerance: 300s, .. })");
    }
}
