//! A target that speaks TLS, and its certificate.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use naptime_core::Transport;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ground::Target;

pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
}

impl Certificate {
    pub(crate) fn fresh() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// One that says that it is an authority.
    pub(crate) fn authority() -> Self {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// One that ends with this year's beginning.
    pub(crate) fn until(year: i32) -> Self {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { pem: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }
}

/// A transport that trusts this certificate.
pub(crate) fn trusting(certificate: &Certificate) -> Transport {
    Transport { extra_ca: Some(certificate.pem.clone()), ..Transport::default() }
}

pub(crate) type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A server that speaks TLS on 127.0.0.1, and prefers HTTP/2.
pub(crate) async fn tls_target<F>(certificate: &Certificate, serve: F) -> SocketAddr
where
    F: Fn(TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
{
    tls_target_for(certificate, None, &["h2", "http/1.1"], serve).await
}

/// A server that speaks TLS, to anybody or to the one who shows this certificate, and these protocols.
pub(crate) async fn tls_target_for<F>(
    certificate: &Certificate,
    client: Option<&Certificate>,
    protocols: &[&str],
    serve: F,
) -> SocketAddr
where
    F: Fn(TlsStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
{
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = client.map(|client| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(client.der()).unwrap();
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .build()
            .unwrap()
    });
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.unwrap_or_else(rustls::server::WebPkiClientVerifier::no_client_auth))
        .with_single_cert(vec![certificate.der()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serve = Arc::new(serve);
    let target = Target::start(move |connection| {
        let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
        async move {
            if let Ok(stream) = acceptor.accept(connection.stream).await {
                serve(stream).await;
            }
        }
    })
    .await;
    target.address
}
