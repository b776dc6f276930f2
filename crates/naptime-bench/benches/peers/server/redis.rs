//! Redis, as BullMQ's guide to production wants it.

use std::fs::File;
use std::net::TcpStream;

use anyhow::Result;
use naptime_tests::guard::Guarded;
use naptime_tests::scratch::Scratch;
use naptime_tests::{port, tools};

use super::Server;

/// The settings that BullMQ's guide to production asks for; snapshots are off, since the append-only file replaces them.
///
/// The file is written to the disk once a second: a machine that dies loses the last second, which MongoDB and PostgreSQL
/// would keep.
pub(crate) const SETTINGS: [&str; 8] =
    ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--save", ""];

pub(super) fn start(folder: Scratch) -> Result<Server> {
    let port = port::free_port();
    let log = File::create(folder.path().join("log"))?;
    let (number, path) = (port.to_string(), folder.path().display().to_string());
    let own = ["--bind", "127.0.0.1", "--port", &number, "--dir", &path];
    let process = Guarded::spawn(&tools::program("redis-server"), own.iter().chain(&SETTINGS), |command| {
        command.stdout(log);
    })?;
    Ok(Server { uri: format!("redis://127.0.0.1:{port}"), name: "redis-server", end: "TERM", process, folder })
}

/// Whether the server takes connections.
pub(super) fn is_ready(server: &Server) -> bool {
    TcpStream::connect(server.uri.trim_start_matches("redis://")).is_ok()
}
