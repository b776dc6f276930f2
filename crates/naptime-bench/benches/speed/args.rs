//! The arguments of the benchmark.

use crate::pieces::Piece;

const USAGE: &str = "cargo xtask bench [--only NAME]...";

/// What to run.
pub(crate) struct Args {
    only: Vec<Piece>,
}

impl Args {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut only = Vec::new();
        // Cargo adds `--bench` of its own.
        let mut args = args.filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--only" => {
                    let name = args.next().ok_or_else(|| format!("--only wants a name; usage: {USAGE}"))?;
                    only.push(name.parse()?);
                }
                _ => return Err(format!("no such argument: {arg}; usage: {USAGE}")),
            }
        }
        Ok(Self { only })
    }

    /// Whether a piece is to be run: if it was asked for, or none was.
    pub(crate) fn wants(&self, piece: Piece) -> bool {
        self.only.is_empty() || self.only.contains(&piece)
    }
}
