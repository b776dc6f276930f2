//! The simulator: real workers on a store in memory, with one virtual clock and one seed, and everything that can go wrong
//! with them.
//!
//! ```text
//!   scenario ──▶ world ──▶ workers (naptime-worker) ──▶ network ──▶ store (naptime-store::memory)
//!                  │            │ calls                                │ after every step
//!                  │            ▼                                      ▼
//!                  │         target ────────── each call ─────────▶ witness
//!                  └──▶ verdict: the witness, the judge of `prove`, the books
//! ```
//!
//! All of a run is on one thread, on a clock of tokio that is paused: it goes on to the next timer when there is nothing
//! left to do. So a minute takes milliseconds, and a seed gives the same run again. A process is killed by dropping its
//! tasks, and frozen by not polling them, which is why a worker takes its [`Runtime`](naptime_worker::Runtime) from
//! outside. What is simulated of the network is the requests to the store and the calls, each late or lost as a whole:
//! that needs no sockets. (`turmoil` simulates those, by fixed ticks, and cannot freeze a host; `madsim` takes the place
//! of tokio itself, which the drivers in this workspace do not allow.)

mod attempts;
mod hosts;
mod link;
mod network;
mod node;
mod people;
mod random;
pub mod scenario;
pub mod shrink;
pub mod sweep;
mod target;
pub mod trace;
pub mod verdict;
mod witness;
mod world;

use scenario::Scenario;
use trace::Trace;
use verdict::Report;
use world::World;

/// Plays a scenario, and judges it.
pub fn run(scenario: &Scenario, trace: Trace) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O takes nothing that could be missing");
    runtime.block_on(async {
        let world = World::new(scenario.clone(), trace);
        let until = world.play().await;
        verdict::judge_all(&world, until).await
    })
}
