//! TLS: its faults, who is trusted and for how long, and what a pool may say of its connections.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use naptime_core::answer::KeepIf;
use naptime_core::{Endpoint, Expect, Outcome, Statuses, Transport};
use naptime_worker::call::Call;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::certificate::{Certificate, TlsStream, tls_target, tls_target_for, trusting};
use super::ground::{
    CUT, LONG, OK, START, Target, call, call_through, call_with, caller, check, get, headers, in_a_child, read_request,
};

#[tokio::test]
async fn plain_text_where_tls_is_spoken_is_a_tls_fault() {
    let target = Target::start(|mut connection| async move {
        let _ = connection.stream.read(&mut [0; 1024]).await;
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let answer = call(&format!("https://{}/?key=secret", target.address), LONG).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
    assert!(!answer.message.contains("secret"), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_a_tls_fault() {
    let target = tls_target(&Certificate::fresh(), |_| Box::pin(async {})).await;
    let answer = call(&format!("https://localhost:{}/", target.port()), LONG).await;
    check(
        &answer,
        Outcome::Tls,
        None,
        "no secure connection: the certificate is not issued by an authority that this machine trusts",
    );
}

/// A certificate that this process trusts, which it reads from its environment. Where it does not yet, the test is run in
/// a process that does, and there is none for this one.
async fn trusted_by_the_machine(test: &'static str, made: fn() -> Certificate) -> Option<Certificate> {
    if let Ok(key) = std::env::var("KEY_OF_THE_CERTIFICATE") {
        let pem = std::fs::read_to_string(std::env::var("SSL_CERT_FILE").unwrap()).unwrap();
        return Some(Certificate { pem, key });
    }
    let certificate = made();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificate.pem.as_bytes()).unwrap();
    let environment = [("SSL_CERT_FILE", file.path().to_str().unwrap()), ("KEY_OF_THE_CERTIFICATE", &certificate.key)];
    in_a_child(test, &environment).await;
    None
}

#[tokio::test]
async fn trusted_certificates_and_http_2() {
    let trusted = trusted_by_the_machine("tls::trusted_certificates_and_http_2", Certificate::fresh);
    let Some(certificate) = trusted.await else { return };
    let opened = Arc::new(Mutex::new(Vec::new()));
    let streams = Arc::clone(&opened);
    let address = tls_target(&certificate, move |stream| {
        let streams = Arc::clone(&streams);
        Box::pin(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let path = request.uri().path().to_owned();
                streams.lock().unwrap().push(path.clone());
                match path.as_str() {
                    "/reset" => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                    "/cut" => return,
                    _ => {
                        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                        body.send_data("over HTTP/2".into(), true).unwrap();
                    }
                }
            }
        })
    })
    .await;
    let caller = caller();
    let call =
        async |path: &str| call_with(&caller, &format!("https://localhost:{}{path}", address.port()), &get(LONG)).await;
    check(&call("/1").await, Outcome::Ok, Some(200), "over HTTP/2");
    check(&call("/reset").await, Outcome::ConnectionReset, None, CUT);
    check(&call("/cut").await, Outcome::ConnectionReset, None, CUT);
    check(&call("/2").await, Outcome::Ok, Some(200), "over HTTP/2");
    assert_eq!(*opened.lock().unwrap(), ["/1", "/reset", "/cut", "/2"], "none was sent again");
    // The name of the certificate does not fit.
    let answer = call_with(&caller, &format!("https://{address}/"), &get(LONG)).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
}

#[tokio::test]
async fn a_certificate_must_last_as_long_as_is_expected() {
    let certificate = Certificate::until(2100);
    for protocol in ["http/1.1", "h2"] {
        let serve = move |mut stream: TlsStream| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move {
                if protocol == "http/1.1" {
                    assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        .await
                        .unwrap();
                    return;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(http::Response::new(()), true).unwrap();
                }
            })
        };
        let target = tls_target_for(&certificate, None, &[protocol], serve).await;
        let endpoint = Endpoint::parse(&format!("https://localhost:{}/", target.port())).unwrap();
        let (caller, transport) = (caller(), trusting(&certificate));
        let called = async |expect: &str| {
            let call = Call {
                endpoint: &endpoint,
                request: &get(LONG),
                success: &Statuses::success(),
                headers: &headers(),
                transport: &transport,
                repeatable: false,
                expect: &Expect::read(expect.lines()).unwrap(),
                keep: KeepIf::default(),
                attempt: 1,
                now: START,
            };
            caller.call(call).await.unwrap()
        };
        check(&called("certificate lasts 14d").await, Outcome::Ok, Some(200), "");
        let soon = called("certificate lasts 40000d").await;
        assert_eq!(soon.outcome, Outcome::Failed, "{protocol}: {soon:?}");
        assert!(soon.message.starts_with("expected: certificate lasts 40000d; it ends in "), "{soon:?}");
    }
}

#[tokio::test]
async fn a_machine_without_ca_certificates_still_makes_plain_calls() {
    if std::env::var_os("WITHOUT_CERTIFICATES").is_none() {
        let environment =
            [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null"), ("WITHOUT_CERTIFICATES", "1")];
        return in_a_child("tls::a_machine_without_ca_certificates_still_makes_plain_calls", &environment).await;
    }
    let target = Target::answering(OK).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "hello");
    let target = tls_target(&Certificate::fresh(), |_| Box::pin(async {})).await;
    let answer = call(&format!("https://localhost:{}/", target.port()), LONG).await;
    assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
}

#[tokio::test]
async fn a_certificate_that_is_trusted_itself_is_taken_though_it_says_that_it_is_an_authority() {
    // `openssl req -x509` makes such ones.
    for certificate in [Certificate::fresh(), Certificate::authority()] {
        let address = https(&certificate, None).await;
        let caller = caller();
        let url = format!("https://localhost:{}/", address.port());
        let answer = call_through(&caller, &url, &trusting(&certificate), get(LONG), false).await;
        check(&answer, Outcome::Ok, Some(200), "hello");
        // Its name has to fit.
        let other = format!("https://{address}/");
        let answer = call_through(&caller, &other, &trusting(&certificate), get(LONG), false).await;
        assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
        // Another's trust does not help, and neither does another one's connection.
        for stranger in [trusting(&Certificate::authority()), Transport::default()] {
            let answer = call_through(&caller, &url, &stranger, get(LONG), false).await;
            assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_same_goes_for_the_file_that_the_environment_names() {
    let test = "tls::the_same_goes_for_the_file_that_the_environment_names";
    let Some(certificate) = trusted_by_the_machine(test, Certificate::authority).await else { return };
    let address = https(&certificate, None).await;
    check(&call(&format!("https://localhost:{}/", address.port()), LONG).await, Outcome::Ok, Some(200), "hello");
}

#[tokio::test]
async fn a_pool_may_show_a_certificate_of_its_own() {
    let (server, client) = (Certificate::fresh(), Certificate::fresh());
    let address = https(&server, Some(&client)).await;
    let url = format!("https://localhost:{}/", address.port());
    let caller = caller();
    let known = Transport { client_cert: Some(format!("{}{}", client.pem, client.key)), ..trusting(&server) };
    check(&call_through(&caller, &url, &known, get(LONG), false).await, Outcome::Ok, Some(200), "hello");
    let stranger = Certificate::fresh();
    let stranger = Transport { client_cert: Some(format!("{}{}", stranger.pem, stranger.key)), ..trusting(&server) };
    for transport in [trusting(&server), stranger] {
        let answer = call_through(&caller, &url, &transport, get(LONG), false).await;
        assert_eq!(answer.outcome, Outcome::Tls, "{answer:?}");
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_named() {
    async fn check_transport(transport: Transport, message: &str) {
        let answer = call_through(&caller(), "https://localhost:1/", &transport, get(LONG), false).await;
        check(&answer, Outcome::Tls, None, message);
    }
    let empty = Transport { extra_ca: Some("nothing".to_owned()), ..Transport::default() };
    check_transport(empty, "the pool's CA holds no certificate").await;
    let keyless = Transport { client_cert: Some(Certificate::fresh().pem), ..Transport::default() };
    let answer = call_through(&caller(), "https://localhost:1/", &keyless, get(LONG), false).await;
    assert!(answer.message.starts_with("the key of the pool's client certificate cannot be read"), "{answer:?}");
}

#[tokio::test]
async fn http_1_1_only_is_what_the_target_is_offered() {
    let certificate = Certificate::fresh();
    let address = tls_target(&certificate, |mut stream| {
        Box::pin(async move {
            let version = if stream.get_ref().1.alpn_protocol() == Some(b"h2") { "2" } else { "1" };
            assert_eq!(version, "1");
            while read_request(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
            }
        })
    })
    .await;
    let url = format!("https://localhost:{}/", address.port());
    let transport = Transport { http1_only: true, ..trusting(&certificate) };
    check(&call_through(&caller(), &url, &transport, get(LONG), false).await, Outcome::Ok, Some(200), "hello");
}

/// A server that speaks HTTP/1.1 over TLS, to anybody or to the one who shows this certificate.
async fn https(certificate: &Certificate, client: Option<&Certificate>) -> SocketAddr {
    tls_target_for(certificate, client, &[], |mut stream| {
        Box::pin(async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
            }
        })
    })
    .await
}
