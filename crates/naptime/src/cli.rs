//! The command line. Settings of what stays running are in [`serve`]; what a command asks a server for is beside it, in
//! [`crate::commands`].

mod fields;
mod moving;
mod next;
mod prove;
mod serve;

use clap::{Parser, Subcommand};

use crate::commands::{self, Remote};

pub(crate) use fields::{CallArgs, EndpointArgs, TimingArgs, put};
pub(crate) use moving::MoveArgs;
pub(crate) use next::NextArgs;
pub(crate) use prove::ProveArgs;
pub(crate) use serve::{
    AlertArgs, CapacityArgs, EventArgs, InputArgs, ListenArgs, MongoArgs, StoreArgs, UpArgs, WebArgs, WorkArgs,
    WorkerArgs,
};

/// Calls HTTP endpoints on schedule, from as many workers as you start, and shows whether the calls happen on time.
///
/// On one machine, `naptime up` is all there is to start: web page and worker, with an embedded database file. On
/// several, start `naptime web` and any number of `naptime worker`, all with the same MONGODB_URI.
///
/// All other commands but `next`, `move`, `prove` and those of backups (`export --all`) ask a running server: the one on this
/// machine, or that of --server, NAPTIME_SERVER or `naptime login`.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `main` ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    refused, or gone wrong; of `status`: something is wrong; of `call --wait` and `enqueue --wait`: it did not end well
  2    the server cannot be reached; of `apply --plan`: there is something to do
  64   wrong arguments or settings
  69   the database cannot be opened
  130  stopped";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start web page and worker in one process, on the embedded database file or on MONGODB_URI
    ///
    /// Calls to this machine and to private networks are allowed, unless NAPTIME_ALLOW_NETWORKS says otherwise.
    Up(UpArgs),
    /// Start the web page and API, with a small worker inside (needs MONGODB_URI)
    ///
    /// Only public addresses are called, unless NAPTIME_ALLOW_NETWORKS lists others.
    Web(WebArgs),
    /// Start a worker: start as many as you need, on as many machines as you like (needs MONGODB_URI)
    ///
    /// Only public addresses are called, unless NAPTIME_ALLOW_NETWORKS lists others.
    Worker(WorkerArgs),
    #[command(flatten)]
    Remote(Remote),
    /// Store the token of a server, and ask that server from now on
    ///
    /// The token is asked for, or read from standard input. It is kept in the folder for settings
    /// ($XDG_CONFIG_HOME/naptime, or ~/.config/naptime), where no other user can read it. --server and NAPTIME_SERVER
    /// come first; other servers keep their tokens.
    Login(commands::login::LoginArgs),
    /// Forget the token of a server
    Logout(commands::login::LogoutArgs),
    /// Show when an endpoint would be called, without a server: naptime next --cron '0 9 * * MON-FRI' --tz Europe/Berlin
    ///
    /// With -, each line of standard input is a JSON object with the fields of an endpoint that say when it is called
    /// (cron, tz, every, ...), and `after` and `n`; each answer has the schedule, the next calls, and every_ms, or an
    /// error. What depends on an endpoint's id (the grid of --every, H in a pattern, --jitter and --random) is shown for
    /// an id of zeros.
    Next(NextArgs),
    /// Move everything from the embedded database file to a MongoDB, while `naptime up` runs
    ///
    /// Endpoints, jobs and settings are copied first. Then nothing more is called from the file, what is under way is
    /// waited for, and calls go on from the MongoDB: each of what is due is called once, and what became due in between a
    /// moment later. The history follows. `naptime web` and `worker` may be started there before or after.
    ///
    /// If it fails or is stopped before that, calls go on from the file. If it is killed, start it again, or take it back
    /// with --undo. Sessions of people are not moved: they log in again.
    Move(MoveArgs),
    /// Prove on your database that calls come on time and once, also when workers are killed
    ///
    /// Makes a database of its own on the server (naptime_prove_..., dropped afterwards), starts a server to be called
    /// and workers, and holds the calls that came against the schedule and the books. Needs MONGODB_URI or --embedded.
    ///
    /// It may load the database server and this machine fully: nothing for a server that others count on. Each number of
    /// workers takes about 10 s more than --for, and 30 s more after kills.
    Prove(ProveArgs),
    /// Print what completes commands in a shell: naptime completions bash > /etc/bash_completion.d/naptime
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: clap_complete::Shell,
    },
    /// Print the manual page: naptime man > naptime.1
    Man,
}
