//! A mail server that keeps what it is sent.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;
use crate::{eventually, port, tools};

const START: Duration = Duration::from_secs(30);

/// A mail server without TLS and without a password, on this machine.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    process: Process,
}

/// Prints each message as a line of JSON.
const SERVER: &str = r"
import email, email.policy, json, sys, time
from aiosmtpd.controller import Controller

class Keep:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'subject': message['Subject'],
                'id': message['Message-ID'], 'text': message.get_body().get_content()}
        print(json.dumps(kept), flush=True)
        return '250 kept'

Controller(Keep(), hostname='127.0.0.1', port=int(sys.argv[1])).start()
print('ready', flush=True)
while True:
    time.sleep(3600)
";

impl MailServer {
    /// Starts one.
    pub async fn start() -> Self {
        let port = port::free_port();
        let path = tools::python_path(&["aiosmtpd", "atpublic", "attrs"]);
        let args = ["-c", SERVER, &port.to_string()];
        let process =
            Process::spawn("aiosmtpd", Path::new("/usr/bin/python3"), args, &[("PYTHONPATH".to_owned(), path)]);
        process.wait_line(START, "it is ready", |line| line == "ready").await;
        Self { port, process }
    }

    /// What `SMTP_URL` is set to.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The messages so far.
    pub fn messages(&self) -> Vec<Value> {
        self.process.lines().iter().filter_map(|line| serde_json::from_str(&line.text).ok()).collect()
    }

    /// Waits for so many messages.
    pub async fn wait_for(&self, timeout: Duration, count: usize) -> Vec<Value> {
        let enough = async || Some(self.messages()).filter(|messages| messages.len() >= count);
        eventually(timeout, &format!("{count} messages"), enough).await
    }
}
