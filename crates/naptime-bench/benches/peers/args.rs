//! The arguments, as `cargo xtask bench --peers --help` lists them.

use std::path::PathBuf;
use std::time::Duration;

use crate::product::Product;

const USAGE: &str = "see cargo xtask bench --peers --help";

/// The arguments.
pub(crate) struct Args {
    /// Measurements of each product.
    pub(crate) rounds: usize,
    /// One-off jobs that are timed.
    pub(crate) backlog: usize,
    /// Recurring jobs, each due once a second.
    pub(crate) offered: usize,
    /// The time in which recurring calls are counted.
    pub(crate) window: Duration,
    /// Worker processes of each product.
    pub(crate) workers: usize,
    /// Calls that one worker process makes at once.
    pub(crate) capacity: usize,
    /// The binary that the ratios are of.
    pub(crate) naptime: PathBuf,
    /// Another binary of Naptime.
    pub(crate) before: Option<PathBuf>,
    only: Vec<Product>,
}

impl Args {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            rounds: 1,
            backlog: 20_000,
            offered: 10_000,
            window: Duration::from_secs(10),
            workers: 1,
            capacity: 500,
            naptime: PathBuf::new(),
            before: None,
            only: Vec::new(),
        };
        // Cargo adds `--bench` of its own.
        let mut args = args.filter(|arg| arg != "--bench");
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} wants a value; {USAGE}"))?;
            match name.as_str() {
                "--rounds" => read.rounds = number(&name, &value)?,
                "--backlog" => read.backlog = number(&name, &value)?,
                "--offered" => read.offered = number(&name, &value)?,
                "--seconds" => read.window = Duration::from_secs(number(&name, &value)? as u64),
                "--workers" => read.workers = number(&name, &value)?,
                "--capacity" => read.capacity = number(&name, &value)?,
                "--naptime" => read.naptime = program(&name, &value)?,
                "--before" => read.before = Some(program(&name, &value)?),
                "--only" => read.only.push(value.parse()?),
                _ => return Err(format!("no such argument: {name}; {USAGE}")),
            }
        }
        if read.naptime.as_os_str().is_empty() {
            return Err(format!("--naptime is missing; {USAGE}"));
        }
        Ok(read)
    }

    /// Whether a product is measured.
    pub(crate) fn wants(&self, product: Product) -> bool {
        let is_there = product != Product::Before || self.before.is_some();
        is_there && (self.only.is_empty() || self.only.contains(&product))
    }
}

fn number(name: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{name}: {value} is not a number of 1 and more"))
}

fn program(name: &str, value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    if path.is_file() { Ok(path) } else { Err(format!("{name}: there is no file {value}")) }
}
