//! Servers that break the connection below HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server on a free port of 127.0.0.1 that does one wrong thing to every connection.
#[derive(Debug)]
pub struct Misbehaving {
    address: SocketAddr,
    scheme: &'static str,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy)]
enum Fault {
    Reset,
    BadTls,
    NotHttp,
}

impl Misbehaving {
    /// Reads the request, then resets the connection.
    pub async fn resetting() -> Self {
        Self::start("http", Fault::Reset).await
    }

    /// Answers a TLS greeting with something else.
    pub async fn bad_tls() -> Self {
        Self::start("https", Fault::BadTls).await
    }

    /// Answers with something that is not HTTP.
    pub async fn not_http() -> Self {
        Self::start("http", Fault::NotHttp).await
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn start(scheme: &'static str, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(misbehave(stream, fault));
            }
        });
        Self { address, scheme, connections, task }
    }
}

async fn misbehave(mut stream: TcpStream, fault: Fault) {
    let _ = stream.read(&mut [0; 4096]).await;
    let answer = match fault {
        Fault::Reset => {
            // With this the system sends RST, not FIN, when the stream is dropped.
            stream.set_zero_linger().unwrap();
            return;
        }
        Fault::BadTls => "HTTP/1.1 400 this is not TLS\r\n\r\n",
        Fault::NotHttp => "SSH-2.0-OpenSSH_9.2p1\r\n",
    };
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
