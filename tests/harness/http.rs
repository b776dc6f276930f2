//! An HTTP client for the tests' own requests.

use std::time::Duration;

/// A client without proxy, redirects or cookies, with a timeout of 30 s. One per test.
pub fn client() -> reqwest::Client {
    choose_crypto();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// The workspace builds reqwest without a cryptography of its own, and no client can be made before one is chosen.
pub(crate) fn choose_crypto() {
    // An error says that one is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
