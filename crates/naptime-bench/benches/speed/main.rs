//! `cargo xtask bench`: how fast, how punctual and how small the release build is, beside a real mongod.
//!
//! Most of it is `naptime prove` with the arguments that are printed, its figures held to bars. What that does not look
//! at, lists and one-off jobs by API, is measured here. What Naptime is compared with is in the library of this crate.
//! Everything runs on this machine and ends with this process.
//!
//! Figures in milliseconds depend on the machine and on who else uses it. The comparisons are made within one run.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]
#![allow(clippy::print_stdout, reason = "a benchmark talks on stdout")]

mod args;
mod ground;
mod pieces;
mod prove;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use naptime_tests::mongo::ReplicaSet;

use crate::args::Args;
use crate::pieces::{Piece, Setting};
use crate::table::Table;

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::from(64);
        }
    };
    // Before anything else runs.
    eprintln!("bench: building Naptime, which may take some minutes");
    naptime_tests::naptime::binary();
    let setting = Setting { mongo: ReplicaSet::start(1).await };
    let mut table = Table::default();
    if let Err(error) = ground::give_room(&setting.mongo).await {
        eprintln!("bench: cannot give mongod more memory: {error:#}");
        return ExitCode::FAILURE;
    }
    for piece in Piece::ALL.into_iter().filter(|piece| args.wants(*piece)) {
        eprintln!("bench: {} ...", piece.name());
        let start = Instant::now();
        if let Err(error) = piece.run(&setting, &mut table).await {
            table.failed(piece.name(), &format!("{error:#}"));
        }
        eprintln!("bench: {} took {:.0} s", piece.name(), start.elapsed().as_secs_f64());
    }
    println!("\n{table}");
    if table.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
