//! Mail: a call of `smtp://mail.example.com/ops@example.com` is a message to that address.
//!
//! The server, its password and the sender are the settings of this worker, and not of the job.

use std::error::Error;
use std::fmt;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use naptime_core::{Endpoint, Invalid, Outcome, Pool};
use url::Url;

use super::{Answer, Call, answer};

/// Sends mail.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: Pool,
    from: Mailbox,
}

impl Mailer {
    /// One that sends by the server of a URL, as `from`. Without that it is the user, if that is an address.
    ///
    /// `smtps` is encrypted from the start. `smtp` is once the server offers it, and has to be where there is a password
    /// and the server is another machine; `?tls=required` and `?tls=opportunistic` say otherwise.
    ///
    /// # Errors
    /// At `url` or `from`.
    pub fn new(url: &str, from: Option<&str>) -> Result<Self, Invalid> {
        let invalid = |detail: String| Invalid::new("url", "not_a_mail_server", detail);
        let shape = "it looks like smtp://user:password@mail.example.com:587, or smtps://... for TLS from the start";
        let mut url = Url::parse(url).map_err(|_| invalid(shape.to_owned()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if !matches!(url.scheme(), "smtp" | "smtps") || !matches!(url.path(), "" | "/") || host.is_empty() {
            return Err(invalid(shape.to_owned()));
        }
        let is_here = matches!(&*host, "localhost" | "127.0.0.1" | "[::1]");
        if url.scheme() == "smtp" && !url.query_pairs().any(|(name, _)| name == "tls") {
            let tls = if url.password().is_some() && !is_here { "required" } else { "opportunistic" };
            url.query_pairs_mut().append_pair("tls", tls);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str());
        let transport = transport.map_err(|error| invalid(error.to_string()))?.build();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let server = Pool::parse(&format!("{}://{host}{port}", url.scheme()));
        let server = server.map_err(|_| invalid(shape.to_owned()))?;
        let user = url.username().replace("%40", "@");
        let of_user = if user.contains('@') { user } else { format!("naptime@{}", host.trim_matches(['[', ']'])) };
        let from: Mailbox = from
            .unwrap_or(&of_user)
            .parse()
            .map_err(|_| Invalid::new("from", "not_an_address", "it looks like Naptime <naptime@example.com>"))?;
        Ok(Self { transport, server, from })
    }

    /// The server, without user and password: the pool of all that it sends.
    pub fn server(&self) -> &Pool {
        &self.server
    }

    /// Sends one message. What it is about is in the header `Subject`.
    pub(super) async fn call(&self, call: Call<'_>) -> Answer {
        if call.endpoint.pool() != &self.server {
            // Another worker may be set otherwise, or this one soon.
            return answer(Outcome::ConnectionFailed, &format!("this worker sends mail by {}", self.server));
        }
        match self.message(call) {
            Ok(message) => match self.transport.send(message).await {
                Ok(reply) => {
                    let said = reply.first_line().unwrap_or_default();
                    let status = reply.code().to_string().parse().ok();
                    Answer { status, ..answer(Outcome::Ok, said) }
                }
                Err(error) => of_error(&error),
            },
            Err(detail) => answer(Outcome::Failed, &detail),
        }
    }

    fn message(&self, call: Call<'_>) -> Result<Message, String> {
        let to: Mailbox = address(call.endpoint).parse().map_err(|_| "it is no address".to_owned())?;
        let mut headers = call.request.headers.iter();
        let subject = headers.find(|(name, _)| name.eq_ignore_ascii_case("subject")).map_or("", |(_, value)| value);
        // The same for every attempt, so that mailboxes know one that comes twice.
        let id = format!("<{}@naptime>", call.headers.idempotency_key);
        let message = Message::builder().from(self.from.clone()).to(to).subject(subject).message_id(Some(id));
        let body = call.request.body.clone().unwrap_or_default();
        message.header(ContentType::TEXT_PLAIN).body(body).map_err(|error| error.to_string())
    }
}

/// The address of an endpoint.
fn address(endpoint: &Endpoint) -> String {
    endpoint.channel().as_str().trim_start_matches('/').to_owned()
}

fn answer(outcome: Outcome, message: &str) -> Answer {
    Answer { outcome, status: None, message: answer::clip(message), retry_after: None, every: None, transcript: None }
}

/// What came of a message that was not taken.
fn of_error(error: &SmtpError) -> Answer {
    // Of an error, the cause says more than its kind.
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !message.contains(&cause_text) {
            message = format!("{message}: {cause_text}");
        }
        source = cause.source();
    }
    let outcome = match error {
        error if error.is_timeout() => Outcome::Timeout,
        error if error.status().is_some() => Outcome::Failed,
        error if error.is_tls() => Outcome::Tls,
        error if error.is_client() => Outcome::Failed,
        _ => Outcome::ConnectionFailed,
    };
    let status = error.status().and_then(|code| code.to_string().parse().ok());
    Answer { status, ..answer(outcome, &message) }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<(String, String), &'static str> {
        let mailer = Mailer::new(url, None).map_err(|fault| fault.code)?;
        Ok((mailer.server.to_string(), mailer.from.to_string()))
    }

    #[test]
    fn the_server_is_told_without_its_password() {
        let check = |url: &str, pool: &str, from: &str| {
            assert_eq!(server(url), Ok((pool.to_owned(), from.to_owned())), "{url}");
        };
        check("smtp://me:word@mail.test:2525", "smtp://mail.test:2525", "naptime@mail.test");
        check("smtps://me%40a.test:word@mail.test", "smtps://mail.test", "me@a.test");
        for bad in ["", "mail.test", "http://mail.test", "smtp://", "smtp://mail.test/x", "smtp://mail.test?tls=maybe"]
        {
            assert_eq!(server(bad), Err("not_a_mail_server"), "{bad}");
        }
        let fault = Mailer::new("smtp://mail.test", Some("nobody")).unwrap_err();
        assert_eq!((&*fault.field, fault.code), ("from", "not_an_address"));
    }
}
