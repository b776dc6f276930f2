//! Who is trusted: the certificates of this machine, those of a pool, and what a pool shows of itself.

use std::sync::Arc;

use naptime_core::{Time, Transport};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// The authorities that this machine trusts: those in `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's.
pub(super) fn roots_of_machine() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a CA certificate of this machine cannot be read");
    }
    let mut roots = RootCertStore::empty();
    for certificate in found.certs {
        if let Err(error) = roots.add(certificate) {
            tracing::warn!(%error, "a CA certificate of this machine cannot be used");
        }
    }
    if roots.is_empty() {
        // A slim container has none, and needs none for plain HTTP.
        tracing::warn!("no CA certificates on this machine: all https calls will fail");
    }
    roots
}

/// When a certificate ends; none if it cannot be read.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Time> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Time::from_millis(read.validity().not_after.timestamp().saturating_mul(1_000)))
}

/// The settings for connections of one transport.
///
/// # Errors
/// What is wrong with the transport's certificates, in words for its owner.
pub(super) fn config(machine: &Arc<RootCertStore>, transport: &Transport) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = Arc::clone(machine);
    if let Some(pem) = &transport.extra_ca {
        let roots = Arc::make_mut(&mut roots);
        for certificate in certificates(pem, "the pool's CA")? {
            roots.add(certificate).map_err(|error| format!("the pool's CA cannot be used: {error}"))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = match Trusted::new(&roots, &provider) {
        Some(trusted) => builder.dangerous().with_custom_certificate_verifier(Arc::new(trusted)),
        None => builder.with_root_certificates(roots),
    };
    let mut config = match &transport.client_cert {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let chain = certificates(pem, "the pool's client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
                .map_err(|error| format!("the key of the pool's client certificate cannot be read: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the pool's client certificate cannot be used: {error}"))?
        }
    };
    let offered: &[&[u8]] = if transport.http1_only { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn certificates(pem: &str, whose: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(list) if list.is_empty() => Err(format!("{whose} holds no certificate")),
        Ok(list) => Ok(list),
        Err(error) => Err(format!("{whose} cannot be read: {error}")),
    }
}

/// Checks certificates as the web does, and takes one more kind: a certificate that is itself among the trusted ones,
/// though it says that it is an authority. `openssl req -x509` makes such certificates, and other clients take them.
#[derive(Debug)]
struct Trusted {
    inner: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
}

impl Trusted {
    /// None if nobody is trusted.
    fn new(roots: &Arc<RootCertStore>, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let inner =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build().ok()?;
        Some(Self { inner, roots: Arc::clone(roots) })
    }

    /// Whether this certificate, by its subject and key, is one of the trusted.
    fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        let mut alone = RootCertStore::empty();
        let added = alone.add(certificate.clone().into_owned()).is_ok();
        added && alone.roots.iter().all(|anchor| self.roots.roots.contains(anchor))
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The dates were looked at before this was said, the name was not.
            Err(error) if is_authority(&error) && self.names(end_entity) => {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            end => end,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Whether a certificate was refused because it is an authority's.
fn is_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref::<webpki::Error>().is_some_and(|error| *error == webpki::Error::CaUsedAsEndEntity)
        }
        _ => false,
    }
}
