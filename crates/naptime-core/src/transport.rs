//! How connections to a pool are made.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How connections to a pool are made. Calls share connections only with calls of an equal transport.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// Whether HTTP/2 is not offered.
    pub http1_only: bool,
    /// Certificates that are trusted beside those of the machine: one or more, as PEM.
    pub extra_ca: Option<String>,
    /// What a client shows to a server that asks who it is: a certificate, the chain that vouches for it, and its
    /// private key, as PEM.
    pub client_cert: Option<String>,
}

impl Transport {
    /// Whether nothing differs from the default, as with nearly all pools.
    pub fn is_default(&self) -> bool {
        !self.http1_only && self.extra_ca.is_none() && self.client_cert.is_none()
    }
}

impl fmt::Debug for Transport {
    /// Leaves out the certificates, one of which comes with its private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("http1_only", &self.http1_only)
            .field("extra_ca", &self.extra_ca.is_some())
            .field("client_cert", &self.client_cert.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_stored_without_it_and_never_shows_a_key() {
        assert!(serde_json::from_str::<Transport>("{}").is_ok_and(|transport| transport.is_default()));
        let transport = Transport { client_cert: Some("secret".to_owned()), ..Transport::default() };
        assert!(!transport.is_default() && !format!("{transport:?}").contains("secret"));
    }
}
