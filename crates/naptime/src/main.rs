//! The `naptime` command: what calls (`up`, `web`, `worker`), what takes everything to another store, and what asks a
//! server that runs.
//!
//! Settings are read as a whole before anything opens.

mod backup;
mod cli;
mod clock;
mod commands;
mod descriptors;
mod exit;
mod faults;
mod flags;
mod holding_page;
mod logging;
mod metrics;
mod moving;
mod next;
mod prove;
mod serve;
mod settings;
mod shell;
mod signals;
mod telemetry;
#[cfg(test)]
mod testing;
mod waiting;
mod zones;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { 0 };
            // Nothing is left to be done if even this cannot be written.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    // Before anything opens: what is started from here inherits it.
    descriptors::raise();
    run(cli.command).unwrap_or_else(|error| exit::with(&error))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Remote(command) => return commands::run(command),
        Command::Up(args) => serve::up(&args),
        Command::Web(args) => serve::web(&args),
        Command::Worker(args) => serve::worker(&args),
        Command::Login(args) => commands::login::login(&args),
        Command::Logout(args) => commands::login::logout(&args),
        Command::Next(args) => next::next(&args),
        Command::Move(args) => moving::run(&args),
        Command::Prove(args) => prove::prove(&args),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man => shell::man(),
    };
    done.map(|()| ExitCode::SUCCESS)
}
