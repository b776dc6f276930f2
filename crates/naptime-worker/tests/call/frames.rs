//! A server of HTTP/2 that writes its frames by hand, so that it can do what a proper one never does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::certificate::TlsStream;

const PREFACE: usize = 24;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// Kinds of frames, by their numbers in RFC 9113.
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

pub(crate) const REFUSED_STREAM: u32 = 7;

/// The server's side of one connection.
pub(crate) struct Frames(TlsStream);

impl Frames {
    /// None: the client hung up at once, having no use for the connection.
    pub(crate) async fn start(mut stream: TlsStream) -> Option<Self> {
        stream.read_exact(&mut [0; PREFACE]).await.ok()?;
        let mut frames = Self(stream);
        frames.write(SETTINGS, 0, 0, &[]).await;
        Some(frames)
    }

    /// The stream of the next request. None: the client is gone.
    pub(crate) async fn request(&mut self) -> Option<u32> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.ok()?;
            match head[3] {
                HEADERS => return Some(stream),
                SETTINGS if head[4] != ACK => self.write(SETTINGS, ACK, 0, &[]).await,
                PING if head[4] != ACK => self.write(PING, ACK, 0, &payload).await,
                _ => {}
            }
        }
    }

    /// Answers 200, without a body.
    pub(crate) async fn answer(&mut self, stream: u32) {
        // 0x88 is `:status: 200` of HPACK's static table.
        self.write(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]).await;
    }

    /// Sends an interim answer: 100 Continue.
    pub(crate) async fn interim(&mut self, stream: u32) {
        // `:status` of the static table, with a value of its own that is not remembered.
        self.write(HEADERS, END_HEADERS, stream, b"\x08\x03100").await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, reason: u32) {
        self.write(RESET, 0, stream, &reason.to_be_bytes()).await;
    }

    /// Says that streams above `last` were not processed.
    pub(crate) async fn go_away(&mut self, last: u32) {
        self.write(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat()).await;
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        // The client may be gone already.
        let _ = self.0.write_all(&[&head, payload].concat()).await;
        let _ = self.0.flush().await;
    }
}
