//! What the benchmarks stand on beside `naptime prove`: the algorithm that Naptime began with, the costs of the parts of
//! a call by themselves, and the search for the highest rate that is kept up.
//!
//! `cargo xtask bench` runs `benches/speed`, and `cargo xtask bench --peers` runs `benches/peers`.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]

mod http;
mod meter;
pub mod original;
pub mod raw;
mod search;
pub mod sustained;

pub use meter::{Meter, Used};
