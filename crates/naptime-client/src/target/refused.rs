//! Why a call is refused.

use axum_core::extract::rejection::BytesRejection;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

/// Why a call is refused. As an answer it is 400 for a header, 401 for a signature or its time, and what `axum` says of
/// a body, such as 413. Naptime tries none of these again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A header is missing, or is none that Naptime sends.
    #[error("the header {0} is missing or cannot be read")]
    Header(&'static str),
    /// No signature is there that a known secret makes.
    #[error("the call is not signed with a secret that is known here")]
    Signature,
    /// The call was signed longer ago than is tolerated, or the clocks of the two machines differ by more than that.
    #[error("the call was signed too long ago, or the clocks differ")]
    Time,
    /// The body broke off, or is longer than the server takes.
    #[error(transparent)]
    Body(#[from] BytesRejection),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Header(_) => StatusCode::BAD_REQUEST,
            Self::Signature | Self::Time => StatusCode::UNAUTHORIZED,
            Self::Body(rejection) => rejection.status(),
        };
        (status, self.to_string()).into_response()
    }
}
