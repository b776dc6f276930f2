//! The database servers of the peers. Each workload starts one, on a free port and with an empty folder.

mod postgres;
mod redis;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use naptime_tests::guard::Guarded;
use naptime_tests::scratch::Scratch;
use naptime_tests::tools;

use crate::product::Product;

pub(crate) use postgres::SETTINGS as POSTGRES;
pub(crate) use redis::SETTINGS as REDIS;

/// The longest time that a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The longest time that a server may take to end before it is killed.
const END_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two looks at a server.
const LOOK: Duration = Duration::from_millis(20);

/// A running server. It ends when this is dropped, and its folder is removed.
pub(crate) struct Server {
    /// The address for clients.
    pub(crate) uri: String,
    name: &'static str,
    /// The signal that ends it at once and in order.
    end: &'static str,
    // Before the folder, so that it is gone when the folder is removed.
    process: Guarded,
    folder: Scratch,
}

impl Server {
    /// Starts the server of a peer, and waits until it answers.
    pub(crate) async fn start(product: Product) -> Result<Self> {
        let mut server = match product {
            Product::BullMq => redis::start(Scratch::new())?,
            Product::PgBoss | Product::GraphileWorker => postgres::start(Scratch::new())?,
            Product::Naptime | Product::Before | Product::Original => bail!("{} works on MongoDB", product.title()),
        };
        let ready = match product {
            Product::BullMq => redis::is_ready,
            _ => postgres::is_ready,
        };
        let start = Instant::now();
        while !ready(&server) {
            if let Some(status) = server.process.exited() {
                bail!("{} ended with {status}:\n{}", server.name, server.last_words());
            }
            if start.elapsed() > START_LIMIT {
                bail!("{} did not answer within {} s:\n{}", server.name, START_LIMIT.as_secs(), server.last_words());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The last lines of its log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.signal(self.end);
        let start = Instant::now();
        while self.process.exited().is_none() && start.elapsed() < END_LIMIT {
            std::thread::sleep(LOOK);
        }
    }
}

/// The versions of Redis and PostgreSQL.
pub(crate) fn versions() -> String {
    let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
    let redis = output_of(Command::new(tools::program("redis-server")).arg("--version"));
    let redis = redis.split_once("v=").and_then(|(_, rest)| first(rest)).unwrap_or_default();
    let postgres = postgres::program("postgres").map(|program| output_of(Command::new(program).arg("--version")));
    let postgres = postgres.unwrap_or_default();
    let postgres = postgres.split_once("(PostgreSQL) ").and_then(|(_, rest)| first(rest)).unwrap_or_default();
    format!("Redis {redis}, PostgreSQL {postgres}")
}

/// The output of a command.
fn output_of(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}
