//! Who is trusted, and what a pool may say of its connections.

use super::*;

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
    let Ok(key) = std::env::var("KEY_OF_THE_AUTHORITY") else {
        let certificate = Certificate::authority();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(certificate.pem.as_bytes()).unwrap();
        let environment =
            [("SSL_CERT_FILE", file.path().to_str().unwrap()), ("KEY_OF_THE_AUTHORITY", &certificate.key)];
        return in_a_child("tls::the_same_goes_for_the_file_that_the_environment_names", &environment).await;
    };
    let pem = std::fs::read_to_string(std::env::var("SSL_CERT_FILE").unwrap()).unwrap();
    let address = https(&Certificate { pem, key }, None).await;
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
