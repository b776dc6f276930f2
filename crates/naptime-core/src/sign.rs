//! Keys that calls are signed with, as Standard Webhooks says (<https://www.standardwebhooks.com>): so a target can tell
//! that a call is from here, and not an old one that somebody sends again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Invalid;
use crate::secret::MASK;

/// What a key begins with.
const PREFIX: &str = "whsec_";
/// The bytes of a key, at least and at most.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The most keys: one, and one that takes its place.
const MAX_KEYS: usize = 2;

/// The keys that calls are signed with: none, one, or two while one takes the place of the other. They are not shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningKeys(Vec<String>);

/// What a signed call carries, beside its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `webhook-timestamp`: when the call left, in seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`: a signature by each key, with blanks between.
    pub value: String,
}

impl SigningKeys {
    /// Reads keys as they were sent. A mask keeps the one of `old` at its place.
    ///
    /// # Errors
    /// At `sign`, if there are too many, one is none, or a mask stands for nothing.
    pub fn read(sent: Vec<String>, old: &Self) -> Result<Self, Invalid> {
        if sent.len() > MAX_KEYS {
            let detail = "there are more than two keys: one, and one that takes its place";
            return Err(Invalid::new("sign", "too_many", detail));
        }
        if sent.len() < old.0.len() && sent.iter().any(|text| text == MASK) {
            let detail = "which of the keys •••• stands for is not clear; write out the one that stays";
            return Err(Invalid::new("sign", "masked", detail));
        }
        let key = |(place, text): (usize, String)| {
            if text == MASK {
                let detail = "•••• stands for a key that is not kept; write it out";
                return old.0.get(place).cloned().ok_or_else(|| Invalid::new("sign", "masked", detail));
            }
            match bytes(&text) {
                Some(key) if KEY_BYTES.contains(&key.len()) => Ok(text),
                _ => {
                    let detail =
                        "a key is `whsec_` and 24 to 64 bytes in base64, as `openssl rand -base64 32` prints them";
                    Err(Invalid::new("sign", "not_a_key", detail))
                }
            }
        };
        sent.into_iter().enumerate().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys as they are shown: a mask for each.
    pub fn masked(&self) -> Vec<&'static str> {
        self.0.iter().map(|_| MASK).collect()
    }

    /// Signs a call that leaves at `timestamp`; none without keys.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<Signature> {
        let by = |key: &String| {
            // Any length will do for a key, so this is never none.
            let mut mac = Hmac::<Sha256>::new_from_slice(&bytes(key)?).ok()?;
            [id, ".", &timestamp.to_string(), ".", body].iter().for_each(|part| mac.update(part.as_bytes()));
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        let signatures: Vec<String> = self.0.iter().filter_map(by).collect();
        (!signatures.is_empty()).then(|| Signature { timestamp, value: signatures.join(" ") })
    }
}

/// The bytes of a key that is written so. The equals signs at its end may be missing.
fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.strip_prefix(PREFIX)?.trim_end_matches('=')).ok()
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.masked()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sent: &[&str], old: &SigningKeys) -> Result<SigningKeys, &'static str> {
        SigningKeys::read(sent.iter().map(ToString::to_string).collect(), old).map_err(|fault| fault.code)
    }

    /// The example of the specification.
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_call_is_signed_as_the_specification_says() {
        let keys = read(&[KEY], &SigningKeys::default()).expect("a key");
        let signed = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let value = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned();
        assert_eq!(signed, Some(Signature { timestamp: 1_614_265_330, value: value.clone() }));
        let other = format!("whsec_{}", STANDARD.encode([7; 24]));
        let both = read(&[MASK, &other], &keys).expect("two keys");
        let signed = both.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert!(signed.is_some_and(|signed| signed.value.starts_with(&format!("{value} v1,"))));
        assert_eq!(SigningKeys::default().sign("id", 1, ""), None);
        // The one that leaves is the older one, whose mask is the first.
        assert_eq!(read(&[MASK], &both), Err("masked"));
        assert!(read(&[&other], &both).is_ok_and(|keys| keys.0 == [other]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let none = SigningKeys::default();
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
        assert_eq!(read(&[], &none), Ok(none.clone()));
        assert!(read(&[of(24).trim_end_matches('='), &of(64)], &none).is_ok());
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!", &of(23), &of(65)] {
            assert_eq!(read(&[bad], &none), Err("not_a_key"), "{bad}");
        }
        assert_eq!(read(&[KEY, KEY, KEY], &none), Err("too_many"));
        assert_eq!(read(&[MASK], &none), Err("masked"));
        let keys = read(&[KEY], &none).expect("a key");
        assert_eq!(format!("{keys:?}"), r#"["••••"]"#);
    }
}
