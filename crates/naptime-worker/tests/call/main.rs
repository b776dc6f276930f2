//! Outbound calls against real sockets.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod addresses;
mod answered;
mod certificate;
mod connections;
mod environment;
mod faults;
mod frames;
mod ground;
mod heads;
mod http2;
mod resend;
mod sent;
mod tls;
