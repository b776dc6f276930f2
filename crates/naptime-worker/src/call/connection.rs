//! A connection to a target, in whichever version of HTTP it speaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::response::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use naptime_core::answer::Phases;
use naptime_core::{AllowedNetworks, Outcome, Time};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::connect::connect;
use super::fault::{Fault, NoAnswer};
use super::http1::Http1;
use super::http2::{self, Http2};
use super::micros;
use super::outgoing::{Origin, Outgoing};
use super::resend::Reach;
use super::resolve::Resolver;
use super::stream::{Counted, Socket};
use super::timing::Timing;

/// How long the target may take to agree on TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes connections, to permitted addresses only.
pub(super) struct Connector {
    resolver: Resolver,
    timing: Timing,
}

/// A new connection.
pub(super) enum New {
    Http1(Http1),
    Http2(Http2),
}

/// The right to one request on a connection. To drop it before the answer is whole cuts the call.
pub(super) enum Connection {
    Http1(Http1),
    Http2(http2::Stream),
}

/// The body of an answer, as it comes.
pub(super) enum Body {
    Http1(Incoming),
    Http2(RecvStream),
}

/// A request without an answer.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) reach: Reach,
}

impl Connector {
    pub(super) fn new(networks: AllowedNetworks, timing: Timing) -> Self {
        Self { resolver: Resolver::new(Arc::new(networks)), timing }
    }

    /// Connects to `origin`. The addresses that are checked are the addresses that are connected to: a name cannot
    /// change its mind in between. `phases` says how long each part took, as far as it came.
    pub(super) async fn open(
        &self,
        origin: Origin<'_>,
        tls: &Arc<ClientConfig>,
        phases: &mut Phases,
    ) -> Result<New, NoAnswer> {
        let begun = Instant::now();
        let addresses = self.resolver.addresses(origin.host).await?;
        let looked_up = Instant::now();
        phases.lookup = Some(micros(looked_up - begun));
        let socket = connect(&addresses, origin.port).await.map_err(|error| NoAnswer::connecting(&error))?;
        let connected = Instant::now();
        phases.connect = Some(micros(connected - looked_up));
        if !origin.secure {
            return Ok(New::Http1(Http1::start(Counted::new(Socket::Plain(socket))).await?));
        }
        let name = ServerName::try_from(origin.host.to_owned())
            .map_err(|_| Fault::new(Outcome::Tls, "the host cannot be named in a certificate"))?;
        let agreed = timeout(TLS_TIMEOUT, TlsConnector::from(Arc::clone(tls)).connect(name, socket)).await;
        let socket = match agreed {
            Ok(agreed) => agreed.map_err(|error| Fault::connecting(&error))?,
            Err(_) => {
                let silent = "no secure connection: the target did not agree on one within 10s";
                return Err(Fault::new(Outcome::ConnectionFailed, silent).into());
            }
        };
        phases.tls = Some(micros(connected.elapsed()));
        let http2 = socket.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = Counted::new(Socket::Tls(Box::new(socket)));
        if http2 {
            Ok(New::Http2(Http2::start(stream, self.timing).await?))
        } else {
            Ok(New::Http1(Http1::start(stream).await?))
        }
    }
}

impl Connection {
    /// When the target's certificate ends; none without one.
    pub(super) fn certificate_ends(&self) -> Option<Time> {
        match self {
            Self::Http1(connection) => connection.certificate_ends(),
            Self::Http2(stream) => stream.certificate_ends(),
        }
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<(Parts, Body), Failure> {
        let unsendable = |fault| Failure { fault, reach: Reach::Unknown };
        match self {
            Self::Http1(connection) => {
                let request = outgoing.for_http1().map_err(unsendable)?;
                let (head, body) = connection.send(request).await?.into_parts();
                Ok((head, Body::Http1(body)))
            }
            Self::Http2(stream) => {
                let (request, body) = outgoing.for_http2().map_err(unsendable)?;
                let (head, body) = stream.send(request, body).await?.into_parts();
                Ok((head, Body::Http2(body)))
            }
        }
    }

    /// The next piece of the body; none at its end.
    pub(super) async fn read(&mut self, body: &mut Body) -> Result<Option<Bytes>, Fault> {
        match (self, body) {
            (_, Body::Http1(body)) => {
                while let Some(frame) = body.frame().await {
                    // Trailers are not looked at.
                    if let Ok(data) = frame.map_err(|error| Fault::sending(&error))?.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(None)
            }
            (connection, Body::Http2(body)) => match body.data().await {
                None => Ok(None),
                Some(Ok(data)) => {
                    // It fails if the stream has ended, and then nothing more is to come.
                    let _ = body.flow_control().release_capacity(data.len());
                    Ok(Some(data))
                }
                Some(Err(error)) => Err(match connection {
                    Self::Http2(stream) => stream.fault(&error),
                    Self::Http1(_) => Fault::sending(&error),
                }),
            },
        }
    }
}
