//! A text that must not be shown.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// A password or token. Its debug output does not show it.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Whether it holds anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `guess` is the secret. The time it takes says nothing of where they differ, nor of the length.
    pub(crate) fn matches(&self, guess: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()).as_slice().ct_eq(Sha256::digest(guess).as_slice()).into()
    }

    /// A key that follows from it, another one for each `purpose`.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 64] {
        let mut hash = Sha512::new();
        hash.update(purpose.as_bytes());
        // The purpose cannot run into the secret.
        hash.update([0]);
        hash.update(self.0.as_bytes());
        hash.finalize().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_itself_only_and_is_not_shown() {
        let secret = Secret::new("open sesame");
        assert!(secret.matches(b"open sesame"));
        assert!(!secret.matches(b"open sesam"));
        assert!(!secret.matches(b""));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_ne!(secret.derive("a"), secret.derive("b"));
    }
}
