//! One peer: its workers under both workloads, each on a server of its own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use naptime_bench::Meter;
use naptime_prove::{Clock, Target};
use naptime_tests::process::Process;

use crate::args::Args;
use crate::judge;
use crate::node::{Node, Work};
use crate::product::Product;
use crate::round::{Figures, Rate};
use crate::server::Server;

/// Calls of a backlog that are not timed: connections are made in them, and Node.js compiles what runs often.
const WARM_UP_CALLS: usize = 1_000;
/// The time before recurring calls are counted. `naptime prove` takes as long with workers that are always late.
const WARM_UP: Duration = Duration::from_secs(10);
/// The longest time without a call.
const QUIET_LIMIT: Duration = Duration::from_secs(20);
/// The pause between two looks at the target.
const LOOK: Duration = Duration::from_millis(5);

/// Measures a peer under both workloads.
pub(crate) async fn measure(args: &Args, product: Product) -> Result<Figures> {
    let backlog = backlog(args, product).await.context("backlog")?;
    let recurring = recurring(args, product).await.context("recurring calls")?;
    Ok(Figures { product, backlog, recurring })
}

async fn backlog(args: &Args, product: Product) -> Result<Rate> {
    let jobs = WARM_UP_CALLS + args.backlog;
    let peer = Peer::start(args, product, Work::Backlog, jobs).await?;
    peer.called(WARM_UP_CALLS).await?;
    let before = peer.meter();
    peer.called(jobs).await?;
    let after = peer.meter();
    let calls_per_second = judge::drained(&peer.target.since(0), WARM_UP_CALLS, jobs)?;
    Ok(Rate { calls_per_second, used: before.until(&after, args.backlog as f64) })
}

async fn recurring(args: &Args, product: Product) -> Result<Rate> {
    let peer = Peer::start(args, product, Work::Recurring, args.offered).await?;
    peer.called(1).await?;
    peer.wait(WARM_UP).await?;
    let (before, from_us) = (peer.meter(), Clock::default().now_us());
    peer.wait(args.window).await?;
    let (after, to_us) = (peer.meter(), Clock::default().now_us());
    let (calls_per_second, never_called) = judge::kept(&peer.target.since(0), args.offered, (from_us, to_us));
    if never_called > 0 {
        eprintln!("bench: {}: {never_called} of {} jobs were never called", product.title(), args.offered);
    }
    let calls = calls_per_second * (to_us - from_us) as f64 / 1e6;
    Ok(Rate { calls_per_second, used: before.until(&after, calls) })
}

/// Workers at work. The fields end in this order.
struct Peer {
    workers: Vec<Process>,
    server: Server,
    target: Target,
}

impl Peer {
    /// Starts server and target, adds the jobs, and then starts the workers.
    async fn start(args: &Args, product: Product, work: Work, jobs: usize) -> Result<Self> {
        let target = Target::start(Duration::ZERO, Clock::default())?;
        let server = Server::start(product).await?;
        let node = Node::new(product, work, &server.uri, &target.origin(), args.capacity);
        node.fill(jobs).await?;
        let workers = (0..args.workers).map(|_| node.work()).collect();
        Ok(Self { workers, server, target })
    }

    /// Waits for the call with this number, counted from 1.
    async fn called(&self, number: usize) -> Result<()> {
        let (mut known, mut known_at) = (0, Instant::now());
        while known < number {
            if known_at.elapsed() > QUIET_LIMIT {
                let seconds = QUIET_LIMIT.as_secs();
                bail!("{known} calls of {number} came, and then none for {seconds} s:\n{}", self.output());
            }
            self.wait(LOOK).await?;
            let now = self.target.count();
            if now > known {
                (known, known_at) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Waits, and fails if a worker has ended meanwhile.
    async fn wait(&self, time: Duration) -> Result<()> {
        tokio::time::sleep(time).await;
        match self.workers.iter().find_map(Process::exited) {
            Some(status) => bail!("a worker ended with {status}:\n{}", self.output()),
            None => Ok(()),
        }
    }

    fn output(&self) -> String {
        self.workers.iter().map(Process::output).collect()
    }

    fn meter(&self) -> Meter {
        let workers: Vec<u32> = self.workers.iter().map(Process::pid).collect();
        Meter::read(&workers, self.server.pid())
    }
}
