//! From addresses to a socket: the first that answers, without waiting long for one that does not (RFC 8305).

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;

/// How long an address is waited for before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// How long one address may take in all. A SYN that got lost is sent again after 1, 3 and 7 s.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most addresses that are tried: a name may have very many.
const MAX_ADDRESSES: usize = 10;

/// Connects to the first of these addresses that lets us. With several, IPv6 and IPv4 take turns.
///
/// # Errors
/// What the first address said that says more than that its network cannot be reached from here.
pub(super) async fn connect(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let socket = match addresses {
        [only] => connect_to(*only, port).await?,
        several => race(alternating(several), port).await?,
    };
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn connect_to(address: IpAddr, port: u16) -> io::Result<TcpStream> {
    match tokio::time::timeout(ADDRESS_TIMEOUT, TcpStream::connect((address, port))).await {
        // Where IPv6 is switched off, this is what its addresses give, not that all ports are in use.
        Ok(Err(error)) if address.is_ipv6() && error.kind() == ErrorKind::AddrNotAvailable => {
            Err(ErrorKind::NetworkUnreachable.into())
        }
        Ok(end) => end,
        Err(_) => Err(ErrorKind::TimedOut.into()),
    }
}

async fn race(addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter().take(MAX_ADDRESSES).map(|address| connect_to(address, port)).peekable();
    let mut running = FuturesUnordered::new();
    let mut told = io::Error::from(ErrorKind::NetworkUnreachable);
    loop {
        running.extend(waiting.next());
        // At the end of the head start, or as soon as all that run have failed, the next one starts.
        let head_start = tokio::time::sleep(HEAD_START);
        tokio::pin!(head_start);
        loop {
            tokio::select! {
                end = running.next() => match end {
                    Some(Ok(socket)) => return Ok(socket),
                    Some(Err(error)) => {
                        if matches!(told.kind(), ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable) {
                            told = error;
                        }
                        if waiting.peek().is_some() {
                            break;
                        }
                    }
                    None => return Err(told),
                },
                () = &mut head_start, if waiting.peek().is_some() => break,
            }
        }
    }
}

/// The addresses in their order, but so that the families take turns.
fn alternating(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|ip| ip.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::with_capacity(addresses.len());
    while turns.len() < addresses.len() {
        turns.extend(first.next());
        turns.extend(second.next());
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn loopback(last: u8) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, last).into()
    }

    /// An address that takes no SYN: the queue of its listener is full.
    async fn silent(ip: IpAddr, port: u16) -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip, port)).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
            queued.push(stream);
        }
        (listener, queued)
    }

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_keep_us_from_the_next() {
        let (listener, _queued) = silent(loopback(1), 0).await;
        let port = listener.local_addr().unwrap().port();
        let _answers = TcpListener::bind((loopback(2), port)).await.unwrap();
        let socket = connect(&[loopback(1), loopback(2)], port).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap().ip(), loopback(2));
        let alone = tokio::time::timeout(Duration::from_secs(1), connect(&[loopback(1)], port)).await;
        assert!(alone.is_err(), "it is silent indeed: {alone:?}");
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_followed_by_the_next_and_all_are_tried() {
        let listener = TcpListener::bind((loopback(9), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses: Vec<IpAddr> = (2..=9).map(loopback).collect();
        let socket = connect(&addresses, port).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap().ip(), loopback(9));
        let error = connect(&addresses[..3], port).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn families_take_turns() {
        fn check(given: &[&str], expect: &[&str]) {
            let parse = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
            assert_eq!(alternating(&parse(given)), parse(expect));
        }
        check(&["::1", "::2", "1.1.1.1", "::3", "2.2.2.2"], &["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]);
        check(&["1.1.1.1", "2.2.2.2"], &["1.1.1.1", "2.2.2.2"]);
        check(&["1.1.1.1", "2.2.2.2", "::1"], &["1.1.1.1", "::1", "2.2.2.2"]);
    }
}
