//! What the program ends with, and what it says of an error.

use std::process::ExitCode;

use naptime_client::Error;
use naptime_embed::store::CannotOpen;

use crate::faults::Faults;
use crate::flags::add_faults;
use crate::moving;

/// It was refused or went wrong, or something is not as it should be.
pub(crate) const WRONG: u8 = 1;
/// The server cannot be reached, or what answers there is not Naptime.
pub(crate) const NOT_REACHABLE: u8 = 2;
/// Of `apply --plan` and `import --plan`: there is something to do.
pub(crate) const TO_DO: u8 = 2;
/// The settings or arguments are wrong (`EX_USAGE`).
pub(crate) const USAGE: u8 = 64;
/// The store cannot be opened or does not answer (`EX_UNAVAILABLE`).
pub(crate) const UNAVAILABLE: u8 = 69;
/// Ended by Ctrl-C, SIGTERM or SIGHUP before it was done.
pub(crate) const INTERRUPTED: u8 = 130;

/// Tells of an error, and how to end.
pub(crate) fn with(error: &anyhow::Error) -> ExitCode {
    // Whoever read the output has had enough of it.
    if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    if let Some(faults) = error.downcast_ref::<Faults>() {
        eprintln!("{faults}");
        return ExitCode::from(USAGE);
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        return ExitCode::from(of_server(error));
    }
    eprintln!("naptime: {error:#}");
    ExitCode::from(match error.downcast_ref() {
        Some(error) if naptime_prove::Error::is_interrupted(error) => INTERRUPTED,
        Some(_) => UNAVAILABLE,
        None if error.is::<moving::Stopped>() => INTERRUPTED,
        None if error.is::<CannotOpen>() || error.is::<naptime_store::Error>() => UNAVAILABLE,
        None => WRONG,
    })
}

/// Tells what a server, or its absence, has to do with it.
fn of_server(error: &Error) -> u8 {
    match error {
        Error::NotReachable { .. } => {
            eprintln!(
                "naptime: {error}; start `naptime up` there, or name another server with --server or NAPTIME_SERVER"
            );
            NOT_REACHABLE
        }
        Error::Unexpected { .. } => {
            eprintln!("naptime: {error}; name the server with --server or NAPTIME_SERVER");
            NOT_REACHABLE
        }
        Error::Unauthorized { .. } => {
            eprintln!(
                "naptime: {error}: what is set there as NAPTIME_API_TOKEN, given here by `naptime login`, --token or \
                 NAPTIME_TOKEN"
            );
            WRONG
        }
        Error::BadServer => usage("--server", error),
        Error::BadToken => usage("--token", error),
        Error::Problem(problem) if matches!(problem.status, 400 | 422) && !problem.faults().is_empty() => {
            let mut faults = Faults::default();
            add_faults(&mut faults, problem.faults());
            eprintln!("{faults}");
            USAGE
        }
        error => {
            eprintln!("naptime: {error}");
            WRONG
        }
    }
}

fn usage(flag: &'static str, error: &Error) -> u8 {
    let mut faults = Faults::default();
    faults.add(flag, error.to_string());
    eprintln!("{faults}");
    USAGE
}
