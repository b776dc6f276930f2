//! What is wrong with a real server's certificate is said with dates and names.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::answer::KeepIf;
use naptime_core::{AllowedNetworks, Endpoint, Expect, Outcome, Request, Statuses, Time, Transport};
use naptime_worker::call::{Call, CallHeaders, Caller};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const LONG: Duration = Duration::from_secs(20);

/// The environment in which the test finds its authority.
const AUTHORITY: &str = "SSL_CERT_FILE";

/// An authority of this name, which signs certificates.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server on 127.0.0.1 with a certificate for `names`, valid from one year's beginning to another's.
async fn server(issuer: &CertifiedIssuer<'_, KeyPair>, names: &[&str], (from, to): (i32, i32)) -> SocketAddr {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 2), date_time_ymd(to, 1, 2));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // The handshake fails, which is what the tests are about.
            drop(acceptor.accept(stream).await);
        }
    });
    address
}

async fn check(server: SocketAddr, expect: &str) {
    let caller = Caller::new(AllowedNetworks::local(), "1").unwrap();
    let endpoint = Endpoint::parse(&format!("https://localhost:{}/", server.port())).unwrap();
    let request = Request { timeout: LONG, ..Request::default() };
    let headers = CallHeaders {
        idempotency_key: "job-1".to_owned(),
        due: Time::from_millis(0),
        signature: None,
        traceparent: None,
    };
    let (success, transport) = (Statuses::success(), Transport::default());
    let call = Call {
        endpoint: &endpoint,
        request: &request,
        success: &success,
        headers: &headers,
        transport: &transport,
        repeatable: false,
        expect: &Expect::default(),
        keep: KeepIf::default(),
        attempt: 1,
        now: Time::from_millis(0),
    };
    let answer = caller.call(call).await.unwrap();
    let message = format!("no secure connection: {expect}");
    assert_eq!((answer.outcome, answer.message), (Outcome::Tls, message));
}

#[tokio::test]
async fn dates_and_names_are_told() {
    // Which authorities are trusted is read from the environment of the process.
    let Some(file) = std::env::var_os("AUTHORITY_OF_THE_TEST") else {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "dates_and_names_are_told", "--nocapture"]);
        child.env(AUTHORITY, file.path()).env("AUTHORITY_OF_THE_TEST", file.path());
        let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    };
    let trusted = authority("ours");
    std::fs::write(file, trusted.pem()).unwrap();
    let localhost = &["localhost"][..];
    let expired = server(&trusted, localhost, (2020, 2025)).await;
    check(expired, "the certificate expired on 2025-01-02 at 00:00:00 UTC").await;
    let early = server(&trusted, localhost, (2100, 2101)).await;
    check(early, "the certificate is not valid before 2100-01-02 at 00:00:00 UTC").await;
    let of_others = server(&trusted, &["a.example", "*.b.example"], (2020, 2100)).await;
    check(of_others, "the certificate is for a.example, *.b.example, not for localhost").await;
    let of_nobody = server(&authority("another"), localhost, (2020, 2100)).await;
    check(of_nobody, "the certificate is not issued by an authority that this machine trusts").await;
    let forged = server(&authority("ours"), localhost, (2020, 2100)).await;
    check(forged, "the certificate is not signed by the authority that it names").await;
}
