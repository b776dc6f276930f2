//! Peers that hold connections to a web to no purpose, and open a new one for each that is closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::eventually;

/// For all of them to be there, on a busy machine.
const THERE: Duration = Duration::from_secs(60);
/// Between the bytes of those that send slowly, and before a closed connection is opened again.
const PAUSE: Duration = Duration::from_millis(500);

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It sends nothing.
    Silent,
    /// It sends a head that does not end, byte by byte.
    SlowHead,
    /// It sends a body that does not end, byte by byte, to where no login is asked for.
    SlowBody,
    /// It asks again and again, and reads nothing.
    NeverReads,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Silent, Self::SlowHead, Self::SlowBody, Self::NeverReads];
}

/// Hostile peers. They go when this is dropped.
#[derive(Debug)]
pub struct Hostile {
    _peers: JoinSet<()>,
    /// How many connections were opened.
    opened: Arc<AtomicUsize>,
}

impl Hostile {
    /// So many peers of each of these kinds, all connected once.
    pub async fn start(address: SocketAddr, kinds: &[Kind], of_each: usize) -> Self {
        let count = kinds.len() * of_each;
        allow_files(2 * count as u64);
        let (mut peers, opened) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for kind in kinds.iter().flat_map(|kind| std::iter::repeat_n(*kind, of_each)) {
            let opened = opened.clone();
            peers.spawn(async move {
                loop {
                    if let Ok(stream) = connect(address).await {
                        opened.fetch_add(1, Ordering::Relaxed);
                        let _ = behave(kind, stream).await;
                    }
                    sleep(PAUSE).await;
                }
            });
        }
        let hostile = Self { _peers: peers, opened };
        let what = format!("{count} hostile connections");
        eventually(THERE, &what, async || (hostile.opened() >= count).then_some(())).await;
        hostile
    }

    /// How many connections they have opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(address).await
}

/// Until the connection is closed.
async fn behave(kind: Kind, mut stream: TcpStream) -> std::io::Result<()> {
    match kind {
        Kind::Silent => stream.read(&mut [0]).await.map(drop),
        Kind::SlowHead => drip(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await,
        Kind::SlowBody => {
            let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\
                        Content-Type: application/x-www-form-urlencoded\r\n\r\n";
            drip(stream, head).await
        }
        Kind::NeverReads => loop {
            stream.write_all(b"GET /assets/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        },
    }
}

async fn drip(stream: TcpStream, begin: &str) -> std::io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    to.write_all(begin.as_bytes()).await?;
    let closed = async {
        let mut buffer = [0; 1024];
        while let Ok(1..) = from.read(&mut buffer).await {}
    };
    let sending = async {
        while to.write_all(b"x").await.is_ok() {
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = closed => {}
        () = sending => {}
    }
    Ok(())
}

/// Lets this process open so many files beside those of other tests, where it may.
fn allow_files(more: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = more + 4096;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
