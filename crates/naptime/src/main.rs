//! The `naptime` command: `up`, `web`, `worker`, `add`, `next`, `list`, `enqueue`, `import`, `rules`, `prove`.
//!
//! It alone chooses a backend. Settings are read as a whole before anything opens.

mod add;
mod cli;
mod commands;
mod descriptors;
mod enqueue;
mod faults;
mod holding_page;
mod import;
mod list;
mod logging;
mod next;
mod prove;
mod rules;
mod serve;
mod settings;
mod store;
mod waiting;
mod zones;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::faults::Faults;

/// The settings or arguments are wrong (`EX_USAGE`).
const USAGE: u8 = 64;
/// The store cannot be opened or does not answer (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;
/// Ended by Ctrl-C, SIGTERM or SIGHUP before it was done.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Nothing is left to be done if even this cannot be written.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    // Before anything opens: what is started from here inherits it.
    descriptors::raise();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(faults) = error.downcast_ref::<Faults>() {
                eprintln!("{faults}");
                return ExitCode::from(USAGE);
            }
            eprintln!("naptime: {error:#}");
            ExitCode::from(match error.downcast_ref() {
                Some(error) if naptime_prove::Error::is_interrupted(error) => INTERRUPTED,
                Some(_) => UNAVAILABLE,
                None if error.is::<store::CannotOpen>() || error.is::<naptime_store::Error>() => UNAVAILABLE,
                None => 1,
            })
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(args) => serve::up(&args),
        Command::Web(args) => serve::web(&args),
        Command::Worker(args) => serve::worker(&args),
        Command::Add(args) => add::add(&args),
        Command::List(args) => list::list(&args),
        Command::Next(args) => next::next(&args),
        Command::Rules(command) => rules::run(&command),
        Command::Enqueue(args) => enqueue::enqueue(&args),
        Command::Import(args) => import::import(&args),
        Command::Prove(args) => prove::prove(&args),
    }
}
