//! What the benchmarks stand on: runs of `naptime prove`, the search for the highest rate that is kept up by them, and
//! what Naptime is compared with: the algorithm that it began with, and the costs of the parts of a call by themselves.
//!
//! `cargo xtask bench` runs `benches/speed`, and `cargo xtask bench --peers` runs `benches/peers`.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]

mod http;
mod meter;
pub mod original;
mod prove;
pub mod raw;
mod search;
pub mod sustained;

pub use meter::{Meter, Used};
pub use prove::prove;
