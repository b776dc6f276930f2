//! A call that is verified.

use axum_core::extract::{FromRef, FromRequest, Request};
use bytes::Bytes;

use super::{Call, Refused, Verifier};

/// A call that a known secret has signed: an extractor for handlers whose state has a [`Verifier`].
///
/// The signature covers the idempotency key, the time of sending and the body. It covers neither the URL nor the other
/// headers, so give endpoints that must not be mistaken for each other secrets of their own.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Which occurrence it is for. The key is the one that was signed.
    pub call: Call,
    /// The body as it was signed. The length that `axum` takes limits it, 2 MB unless a `DefaultBodyLimit` is set.
    pub body: Bytes,
}

impl<S> FromRequest<S> for Signed
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        let call = Verifier::from_ref(state).verify(&headers, &body)?;
        Ok(Self { call, body })
    }
}
