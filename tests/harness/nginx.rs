//! A real nginx with TLS and HTTP/2, as it stands in front of most services.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::Process;
use crate::scratch::Scratch;
use crate::{eventually, port, tools};

/// How long a start may take on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(30);

/// An nginx that answers everything with 200 `ok`, with the settings it has by default: 1,000 requests to a connection,
/// 128 of them at a time.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    // Before the folder, so that it is gone when the folder is removed.
    process: Process,
    folder: Scratch,
}

/// A request that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The status.
    pub status: u16,
    /// The version of HTTP, such as `HTTP/2.0`.
    pub protocol: String,
    /// The header `Idempotency-Key`.
    pub key: String,
}

impl Nginx {
    /// Starts one with a certificate for `localhost`, and waits until it accepts connections.
    pub async fn start() -> Self {
        let (folder, port) = (Scratch::new(), port::free_port());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = folder.path();
        fs::write(dir.join("certificate.pem"), made.cert.pem()).unwrap();
        fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(dir.join("nginx.conf"), config(port)).unwrap();
        let dir = dir.to_str().unwrap();
        let args = ["-p", dir, "-c", "nginx.conf", "-e", "error.log"];
        let process = Process::spawn("nginx", &tools::nginx(), args, &[]);
        let nginx = Self { port, process, folder };
        eventually(START, "nginx accepts connections", async || {
            if let Some(status) = nginx.process.exited() {
                panic!("nginx ended with {status}:\n{}", nginx.read("error.log"));
            }
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        nginx
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The file with its certificate, for `SSL_CERT_FILE`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Reads its settings again: new processes take over, the old ones end their connections in good order.
    pub fn reload(&self) {
        self.process.signal("HUP");
    }

    /// How many requests its log has.
    pub fn count(&self) -> usize {
        self.read("access.log").bytes().filter(|byte| *byte == b'\n').count()
    }

    /// The requests in its log.
    pub fn served(&self) -> Vec<Served> {
        self.read("access.log").lines().map(parse).collect()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}

fn parse(line: &str) -> Served {
    let [status, protocol, key] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("a line is {line:?}") };
    Served { status: status.parse().unwrap(), protocol: protocol.to_owned(), key: key.to_owned() }
}

/// Paths are relative to its folder.
fn config(port: u16) -> String {
    format!(
        "daemon off;
         pid nginx.pid;
         error_log error.log notice;
         worker_processes 2;
         events {{ worker_connections 4096; }}
         http {{
             log_format calls '$status $server_protocol $http_idempotency_key';
             access_log access.log calls;
             client_body_temp_path body;
             proxy_temp_path proxy;
             fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi;
             scgi_temp_path scgi;
             server {{
                 listen 127.0.0.1:{port} ssl http2 backlog=4096;
                 ssl_certificate certificate.pem;
                 ssl_certificate_key key.pem;
                 location / {{ return 200 'ok'; }}
             }}
         }}
        "
    )
}
