//! A name server on a UDP socket. It answers as it is told, or not at all.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is answered to questions for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This IPv4 address, good for so many seconds; there is no IPv6 address.
    Address(Ipv4Addr, u32),
    /// There is no such name.
    NoName,
    /// The server cannot say (SERVFAIL).
    Failure,
    /// Nothing, ever.
    Silence,
}

/// A name server. It answers `NoName` to what it was not told about. It ends when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    questions: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl NameServer {
    /// Starts one at this address.
    pub fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        // How long a socket takes to notice the end.
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || serve(&socket, &shared));
        Self { address, state, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, `name` is answered like this; `*.zone` stands for all names of a zone that are not told by
    /// themselves.
    pub fn on(&self, name: &str, reply: Reply) {
        self.state.replies.lock().unwrap().insert(name.to_owned(), reply);
    }

    /// How often it was asked for the IPv4 address of `name`.
    pub fn asked(&self, name: &str) -> usize {
        self.state.questions.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, state: &State) {
    let mut packet = [0; 1500];
    while !state.ended.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut packet) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(error) => panic!("{error}"),
        };
        if let Some(answer) = answer(&packet[..length], state) {
            // Who asked may be gone.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The answer to a question, in the form of RFC 1035; none to what is none, and where silence is asked for.
fn answer(packet: &[u8], state: &State) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const A: u16 = 1;
    let (mut labels, mut at) = (Vec::new(), HEADER);
    while packet.get(at).is_some_and(|&length| length > 0) {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(packet.get(at + 1..end)?).to_lowercase());
        at = end;
    }
    // The name's end, its type and its class.
    let question = packet.get(HEADER..at + 5)?;
    let is_ipv4 = packet.get(at + 1..at + 3)? == A.to_be_bytes();
    let name = labels.join(".");
    if is_ipv4 {
        state.questions.lock().unwrap().push(name.clone());
    }
    let replies = state.replies.lock().unwrap();
    let zone = labels.get(1..).map(|zone| format!("*.{}", zone.join(".")));
    let reply = replies.get(&name).or_else(|| replies.get(&zone?)).copied().unwrap_or(Reply::NoName);
    let (code, record) = match reply {
        Reply::Silence => return None,
        Reply::NoName => (3, None),
        Reply::Failure => (2, None),
        Reply::Address(ip, ttl) => (0, is_ipv4.then_some((ip, ttl))),
    };
    // An answer, with recursion wanted and to be had; one question, and as many answers as follow.
    let mut answer =
        [&packet[..2], &[0x81, 0x80 | code, 0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0], question].concat();
    if let Some((ip, ttl)) = record {
        // The name is that of the question; class IN, four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(ip.octets());
    }
    Some(answer)
}
