//! One request and its answer: what is refused before any handler, and what the connection is told of how far it is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::Ending;
use super::progress::Progress;
use crate::http::problem::Problem;

/// How much of an answer is handed to hyper at a time. It takes an answer for sent as soon as it has all of it, and the
/// time for the next request runs from then on, however slow the line is.
const PIECE: usize = 16 * 1024;

/// Answers a request of `peer`.
pub(super) async fn answer(
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    progress: Arc<Progress>,
    health_only: bool,
    ending: Ending,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    // The address of the other side is what login attempts are counted by.
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(ending);
    progress.request_begins(!http_body::Body::is_end_stream(request.body()));
    let mut response = match refusal(&request, health_only) {
        Some(problem) => {
            let mut response = problem.into_response();
            close(response.headers_mut());
            response
        }
        None => {
            let request = request.map(|body| Body::new(Arriving { body, progress: progress.clone() }));
            router.call(request).await?
        }
    };
    // What is left of the body would have to be read before the next request could be.
    if progress.body_left() {
        close(response.headers_mut());
    }
    Ok(response.map(|body| Body::new(Leaving { body, piece: Bytes::new(), progress })))
}

fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Why a request is not handled, if it is not.
fn refusal<B>(request: &Request<B>, health_only: bool) -> Option<Problem> {
    let is_health = matches!(request.uri().path(), "/healthz" | "/readyz");
    if let Err(detail) = check_host(request.headers(), request.version(), is_health) {
        return Some(Problem::new(StatusCode::BAD_REQUEST, "bad_host", detail).at("Host"));
    }
    let detail = "too many requests are being answered; try again soon";
    (health_only && !is_health).then(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail))
}

/// Checks that a request names one host. Of several, a proxy might believe one and this server another. The health
/// checks of some platforms speak HTTP/1.0, which knows no `Host`.
fn check_host(headers: &HeaderMap, version: Version, is_health: bool) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err("the `Host` header is not a host, with or without a port"),
        (None, _) if is_health && version == Version::HTTP_10 => Ok(()),
        (None, _) => Err("the `Host` header is missing"),
        (Some(_), Some(_)) => Err("there is more than one `Host` header"),
    }
}

/// Whether this is a host, with or without a port, which may be blank (RFC 3986, section 3.2.3).
fn is_host(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| naptime_core::is_host(text.strip_suffix(':').unwrap_or(text)))
}

/// The body of a request, as it arrives.
struct Arriving {
    body: Incoming,
    progress: Arc<Progress>,
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.awaits_body(frame.is_pending());
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.progress.body_read();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.progress.awaits_body(false);
    }
}

/// The body of an answer, as it leaves.
struct Leaving {
    body: Body,
    /// What is left of its last frame.
    piece: Bytes,
    progress: Arc<Progress>,
}

impl http_body::Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.piece.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.piece = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let size = self.piece.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // hyper asks before it takes the first piece.
        self.body.size_hint()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.progress.request_ends();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &[&str], version: Version, path: &str, fine: bool) {
        let mut request = Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        *request.version_mut() = version;
        for host in hosts {
            request.headers_mut().append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        assert_eq!(refusal(&request, false).is_none(), fine, "{hosts:?} {version:?} {path}");
    }

    #[test]
    fn a_request_names_one_host() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:80",
            "[::1]:8080",
            "a_b.example",
            "naptime.example.",
            "localhost:",
        ] {
            check(&[host], Version::HTTP_11, "/", true);
        }
        for host in [
            "",
            "a b",
            "a,b",
            "me@localhost",
            "localhost/x",
            "localhost:port",
            "localhost::",
            ":80",
            ":",
            "http://localhost",
        ] {
            check(&[host], Version::HTTP_11, "/", false);
        }
        for path in ["/", "/healthz"] {
            check(&[], Version::HTTP_11, path, false);
            check(&["localhost", "localhost"], Version::HTTP_11, path, false);
            check(&["localhost", "evil.example"], Version::HTTP_10, path, false);
        }
        check(&[], Version::HTTP_10, "/", false);
        check(&[], Version::HTTP_10, "/healthz", true);
        check(&[], Version::HTTP_10, "/readyz", true);
    }
}
