//! Which occurrence a call is for.

use axum_core::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;

use super::Refused;

/// Which occurrence a call is for, as its headers say.
///
/// As an extractor it believes the headers, whoever sent them. Take [`Signed`](super::Signed) where that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// `Idempotency-Key`: the same for all attempts at one occurrence, and for no other occurrence of any endpoint.
    pub key: String,
    /// `Naptime-Due`: the time of the occurrence, or when a call out of turn was asked for. No signature covers it.
    pub due: Timestamp,
}

impl Call {
    /// Reads the headers of a call.
    ///
    /// # Errors
    /// [`Refused::Header`] if one of the two is missing, or is none of Naptime's.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let key = text(headers, "idempotency-key")?.to_owned();
        let due = text(headers, "naptime-due")?.parse().map_err(|_| Refused::Header("naptime-due"))?;
        Ok(Self { key, due })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Self::read(&parts.headers)
    }
}

/// A header that must be there.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Refused> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|text| !text.is_empty()).ok_or(Refused::Header(name))
}
