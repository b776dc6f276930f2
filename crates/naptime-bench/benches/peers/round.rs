//! One round: every product once, one after the other.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use mongodb::bson::doc;
use naptime_bench::Used;
use naptime_tests::mongo::ReplicaSet;

use crate::args::Args;
use crate::product::Product;
use crate::{naptime, original, peer};

/// Cores that others may keep busy without a word about it: nearly nothing.
pub(crate) const FEW_STRANGERS: f64 = 0.1;

/// The figures of one round.
#[derive(Default)]
pub(crate) struct Round {
    found: Vec<Figures>,
    /// Products that could not be measured, and calls that were wrong.
    pub(crate) failures: Vec<String>,
}

/// The figures of one product.
pub(crate) struct Figures {
    pub(crate) product: Product,
    /// One-off jobs that were all due.
    pub(crate) backlog: Rate,
    /// Jobs that were due every second.
    pub(crate) recurring: Rate,
}

/// The figures of one workload.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) calls_per_second: f64,
    pub(crate) used: Used,
}

impl Round {
    /// Measures all products. A product that fails is noted, and the next one follows.
    pub(crate) async fn run(args: &Args, number: usize) -> Self {
        let mut round = Self::default();
        round.run_naptime(args, number).await;
        for product in Product::PEERS.into_iter().filter(|product| args.wants(*product)) {
            let start = Instant::now();
            match peer::measure(args, product).await {
                Ok(figures) => round.found(number, start, figures),
                Err(error) => round.failed(&error.context(product.title())),
            }
        }
        round
    }

    /// Measures all that works on MongoDB. The server has ended when this returns.
    async fn run_naptime(&mut self, args: &Args, number: usize) {
        let products = [Product::Before, Product::Naptime, Product::Original];
        let products: Vec<Product> = products.into_iter().filter(|product| args.wants(*product)).collect();
        if products.is_empty() {
            return;
        }
        let mongo = ReplicaSet::start(1).await;
        if let Err(error) = give_room(&mongo).await {
            self.failed(&error.context("cannot give mongod more memory"));
        }
        for product in products {
            let start = Instant::now();
            let measured = match (product, &args.before) {
                (Product::Original, _) => original::measure(args, &mongo).await.map(|figures| (figures, None)),
                (Product::Before, Some(before)) => naptime::measure(args, product, before, &mongo, number).await,
                _ => naptime::measure(args, product, &args.naptime, &mongo, number).await,
            };
            match measured {
                Ok((figures, faults)) => {
                    self.found(number, start, figures);
                    faults.iter().for_each(|fault| self.failed(fault));
                }
                Err(error) => self.failed(&error.context(product.title())),
            }
        }
    }

    /// The figures of a product.
    pub(crate) fn of(&self, product: Product) -> Option<&Figures> {
        self.found.iter().find(|it| it.product == product)
    }

    /// The most cores that other users of this machine kept busy in a workload.
    pub(crate) fn strangers(&self) -> f64 {
        let rates = self.found.iter().flat_map(|it| [it.backlog, it.recurring]);
        rates.map(|rate| rate.used.strangers).fold(0.0, f64::max)
    }

    fn found(&mut self, number: usize, start: Instant, figures: Figures) {
        let seconds = start.elapsed().as_secs_f64();
        let (name, Figures { backlog, recurring, .. }) = (figures.product.title(), &figures);
        eprintln!("bench: round {number}, {seconds:.0} s: {name}: backlog {backlog}; recurring {recurring}");
        self.found.push(figures);
    }

    fn failed(&mut self, error: &anyhow::Error) {
        eprintln!("bench: {error:#}");
        self.failures.push(format!("{error:#}"));
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Used { workers_us, database_us, strangers } = self.used;
        write!(f, "{:.0} calls/s at {workers_us:.0} + {database_us:.0} us", self.calls_per_second)?;
        if strangers > FEW_STRANGERS {
            write!(f, ", while strangers kept {strangers:.2} cores busy")?;
        }
        Ok(())
    }
}

/// Gives mongod the cache that it takes by default on a machine with 9 GiB: the tests start it with a small one.
async fn give_room(mongo: &ReplicaSet) -> Result<()> {
    let admin = mongo.fresh_database().client().await.database("admin");
    admin.run_command(doc! {"setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=4GB"}).await?;
    Ok(())
}
