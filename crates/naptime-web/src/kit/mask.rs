//! Credentials, as they are shown. How a mask that is sent back is read is said in `naptime_core::input`.

use naptime_core::secret;
pub(crate) use naptime_core::secret::MASK;
use naptime_core::{Headers, Request, Spec};

/// The headers as they are shown.
pub(crate) fn masked(headers: &Headers) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name, if secret::is_secret(name, value) { MASK } else { value })).collect()
}

/// The body as it is shown.
pub(crate) fn body(request: &Request) -> Option<&str> {
    request.body.as_deref().map(|body| if request.secret { MASK } else { body })
}

/// A URL that was typed where the one of `stored` was shown.
pub(crate) fn unmasked_url(sent: &str, stored: &Spec) -> String {
    secret::unmask_url(sent, &stored.endpoint.to_string(), stored.request.secret)
}
