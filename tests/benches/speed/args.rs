//! The arguments of the benchmark.

use std::time::Duration;

use crate::pieces::Piece;

const USAGE: &str = "cargo xtask bench [--only NAME]... [--for DURATION]";

/// What to run.
pub(crate) struct Args {
    only: Vec<Piece>,
    /// How long the main load is watched.
    pub(crate) length: Duration,
}

impl Args {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self { only: Vec::new(), length: Duration::from_secs(60) };
        // Cargo adds `--bench` of its own.
        let mut args = args.filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value; usage: {USAGE}"));
            match arg.as_str() {
                "--only" => read.only.push(value()?.parse()?),
                "--for" => {
                    let (shortest, longest) = (Duration::from_secs(5), Duration::from_secs(3600));
                    read.length = naptime_core::duration::parse_within("--for", &value()?, shortest, longest)
                        .map_err(|invalid| format!("--for: {}", invalid.detail))?;
                }
                _ => return Err(format!("no such argument: {arg}; usage: {USAGE}")),
            }
        }
        Ok(read)
    }

    /// Whether a piece is to be run: if it was asked for, or none was.
    pub(crate) fn wants(&self, piece: Piece) -> bool {
        self.only.is_empty() || self.only.contains(&piece)
    }
}
