//! The Node.js programs that drive the peers. `cargo xtask` copies `node/` to `target/tools/peers` and installs the
//! packages there.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use naptime_tests::process::Process;
use naptime_tests::tools;
use serde_json::Value;

use crate::product::Product;

/// The longest time that adding the jobs may take.
const FILL_LIMIT: Duration = Duration::from_secs(120);
/// The pause between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

/// A workload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// One-off jobs that are all due.
    Backlog,
    /// Jobs that are due every second.
    Recurring,
}

/// The programs of one peer under one workload.
pub(crate) struct Node {
    product: Product,
    work: Work,
    env: [(String, String); 4],
}

impl Node {
    /// Programs that keep their jobs in `database` and call the target at `origin`, at most `capacity` calls at once.
    pub(crate) fn new(product: Product, work: Work, database: &str, origin: &str, capacity: usize) -> Self {
        let env = [
            ("DATABASE", database.to_owned()),
            ("TARGET", origin.to_owned()),
            ("CAPACITY", capacity.to_string()),
            // Some packages check less with it.
            ("NODE_ENV", "production".to_owned()),
        ];
        Self { product, work, env: env.map(|(name, value)| (name.to_owned(), value)) }
    }

    /// Adds `count` jobs.
    pub(crate) async fn fill(&self, count: usize) -> Result<()> {
        let process = self.start("fill", count);
        let start = Instant::now();
        loop {
            match process.exited() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("adding {count} jobs ended with {status}:\n{}", process.output()),
                None if start.elapsed() > FILL_LIMIT => {
                    bail!("adding {count} jobs took more than {} s:\n{}", FILL_LIMIT.as_secs(), process.output())
                }
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Starts a worker, which works until it is killed.
    pub(crate) fn work(&self) -> Process {
        self.start("work", 0)
    }

    fn start(&self, role: &str, count: usize) -> Process {
        let work = match self.work {
            Work::Backlog => "backlog",
            Work::Recurring => "recurring",
        };
        let main = folder().join("main.mjs").display().to_string();
        let args = [&main, self.product.name(), role, work, &count.to_string()];
        Process::spawn(self.product.name(), &tools::program("node"), args, &self.env)
    }
}

/// The settings of a peer, as its driver tells them.
pub(crate) fn settings(product: Product, capacity: usize) -> Result<String> {
    // The driver wants an address, and calls nobody.
    let env = [("TARGET", "http://127.0.0.1:1"), ("CAPACITY", &*capacity.to_string())];
    let mut command = Command::new(tools::program("node"));
    let output = command.arg(folder().join("main.mjs")).args([product.name(), "settings"]).envs(env).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The versions of Node.js and of the packages that matter here.
pub(crate) fn versions() -> Result<String> {
    let lock: Value = serde_json::from_slice(&std::fs::read(folder().join("package-lock.json"))?)?;
    let version = |name: &str| {
        let version = lock["packages"][format!("node_modules/{name}")]["version"].as_str().unwrap_or("?");
        format!("{name} {version}")
    };
    let node = Command::new(tools::program("node")).arg("--version").output()?;
    let node = format!("Node.js {}", String::from_utf8_lossy(&node.stdout).trim().trim_start_matches('v'));
    let packages = Product::PEERS.map(|product| version(product.name()));
    let clients = ["ioredis", "pg", "undici"].map(version);
    Ok([&[node][..], &packages, &clients].concat().join(", "))
}

fn folder() -> PathBuf {
    tools::workspace().join("target/tools/peers")
}
