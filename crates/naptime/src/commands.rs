//! The commands that ask a running server. None of them opens a database: what they may do, and whether an input can be
//! used, the server says. (`export --all`, and `import` of what that wrote, are left to [`crate::backup`], which opens one.)
//!
//! A file each: what the command takes, what it asks for, and what it prints.

mod add;
mod apply;
mod call;
mod connect;
mod delete;
mod doctor;
mod edit;
mod enqueue;
mod export;
mod following;
mod import;
mod jobs;
mod list;
pub(crate) mod login;
mod logins;
mod output;
mod plan;
mod pools;
mod problems;
mod receivers;
mod restore;
mod rules;
mod runs;
mod show;
mod status;
mod switch;
mod table;
mod target;
mod told;
mod variables;
mod workers;
mod yaml;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Remote {
    /// Add an endpoint: naptime add https://example.com/cron --every 5m --activate
    ///
    /// It is called once it is switched on: with --activate, `naptime on`, on the page, or by the API. With a --key that an
    /// endpoint has already, nothing is added.
    Add(Box<add::AddArgs>),
    /// Make endpoints, pools, rules and receivers what a file says: naptime apply -f naptime.yaml
    ///
    /// It shows what it will add, change and delete, and what that does to the load, and asks. The file is YAML or JSON, or
    /// a folder of such files; ${NAME} in it is that variable of the environment. If anything is wrong with it, nothing is
    /// applied. With --plan it only shows, and ends with 2 if there is something to do.
    Apply(apply::ApplyArgs),
    /// Write everything into a file for `naptime apply`, or with --all into a backup
    ///
    /// In place of credentials the file for `naptime apply` has ${NAME}, and names each such variable.
    ///
    /// A backup has history, due times and credentials as well. It is read from the database itself, in use or not: the file
    /// of --naptime-db, or --mongodb-uri. Use the version that runs: a newer one upgrades the database when it opens it.
    /// `naptime import` takes the backup into an empty database of either kind.
    Export(Box<export::ExportArgs>),
    /// Change an endpoint: naptime edit report --every 10m
    ///
    /// What is not said stays as it is.
    Edit(Box<edit::EditArgs>),
    /// List the endpoints
    ///
    /// On a terminal as a table, elsewhere with tabs between: id, state, next call, last outcome, when that was, share of
    /// the last 24 hours' calls that ended well, how late 99 % of them were at most in milliseconds, schedule, method, URL,
    /// name, key.
    List(list::ListArgs),
    /// Show all there is to an endpoint or a one-off job
    Show(show::ShowArgs),
    /// Switch endpoints on
    On(switch::SwitchArgs),
    /// Switch endpoints off
    Off(switch::SwitchArgs),
    /// Pause endpoints until a time, or until they are resumed: naptime pause report --for 2h
    ///
    /// What would be called in the pause is not missed, and SLAs wait.
    Pause(switch::PauseArgs),
    /// Resume endpoints that are paused
    Resume(switch::SwitchArgs),
    /// Call endpoints now, whether or not they are switched on: naptime call report --wait
    ///
    /// With --wait it ends with 0 if the call ended well, and with 1 if it did not.
    Call(call::CallArgs),
    /// Delete endpoints; `naptime restore` brings them back while their runs are kept
    Delete(delete::DeleteArgs),
    /// Restore endpoints that were deleted; they come back switched off
    Restore(restore::RestoreArgs),
    /// Have something called once, now or later: naptime enqueue https://example.com/job --in 10m
    ///
    /// An answer of 2xx is a success; 503, timeouts and failed connections are tried again, up to five times; anything else has failed.
    Enqueue(Box<enqueue::EnqueueArgs>),
    /// Take over what is called elsewhere: from a crontab, a curl command, the file or list of another scheduler, or a backup
    ///
    /// Reads crontabs, curl commands, vercel.json, GitHub workflows, cron.yaml of App Engine, schedules of EventBridge,
    /// jobs of Cloud Scheduler and cron-job.org, CronJobs of Kubernetes, backups of Uptime Kuma, and the rows of a table
    /// `queued_job` (CSV, or a dump of PostgreSQL, MySQL or SQLite).
    ///
    /// It tells what becomes what, what differs, and what cannot be taken over, and goes on as `naptime apply` does: it
    /// shows what it will add and change, and asks. Endpoints are known by keys made of their names, so importing a file
    /// again changes nothing.
    ///
    /// A backup of `naptime export --all` is put into an empty database as it is, at once, and called from there.
    Import(Box<import::ImportArgs>),
    /// List the one-off jobs, the newest first
    ///
    /// On a terminal as a table, elsewhere with tabs between: id, state, next attempt, number of the last one, last outcome, method,
    /// URL, key, name.
    Jobs(jobs::JobsArgs),
    /// List runs, the last to end first, or follow them as they come
    ///
    /// On a terminal as a table, elsewhere with tabs between: when it ended, outcome, status, start lag and time taken in
    /// milliseconds, the id of the endpoint or job, worker, message.
    Runs(runs::RunsArgs),
    /// Show what needs somebody now, the worst first
    ///
    /// On a terminal as a table, elsewhere with tabs between: severity, kind, since, whose, cause, remedy.
    Problems(problems::ProblemsArgs),
    /// Say whether all is well: for cron, CI and monitors
    ///
    /// Ends with 0 if nothing is wrong, 1 if something is, and 2 if the server can't be reached.
    Status(status::StatusArgs),
    /// Look at the server, its database, workers and clocks, and say in plain words what is found
    Doctor(doctor::DoctorArgs),
    /// Show how many workers the work takes
    Plan(plan::PlanArgs),
    /// List the pools: what is true of each host
    ///
    /// On a terminal as a table, elsewhere with tabs between: pool, state, endpoints, how many of them are on, the most calls
    /// at once, the most calls a second.
    Pools(pools::PoolsArgs),
    /// List the workers
    ///
    /// On a terminal as a table, elsewhere with tabs between: id, name, state, calls under way, capacity, host, version,
    /// started, last seen, trouble.
    Workers(workers::WorkersArgs),
    /// List who is told of problems
    ///
    /// On a terminal as a table, elsewhere with tabs between: name, state, kind, from which severity on.
    Receivers(receivers::ReceiversArgs),
    /// List, store or print the rules: what happens to endpoints on events
    Rules(rules::RulesArgs),
}

/// Runs a command, and says how to end.
pub(crate) fn run(command: Remote) -> anyhow::Result<ExitCode> {
    block_on(async {
        let done = match command {
            Remote::Apply(args) => return apply::apply(&args).await,
            Remote::Import(args) => return import::import(&args).await,
            Remote::Call(args) => return call::call(&args).await,
            Remote::Enqueue(args) => return enqueue::enqueue(&args).await,
            Remote::Doctor(args) => return doctor::doctor(&args).await,
            Remote::Status(args) => return status::status(&args).await,
            Remote::Export(args) => export::export(&args).await,
            Remote::Add(args) => add::add(&args).await,
            Remote::Edit(args) => edit::edit(&args).await,
            Remote::List(args) => list::list(&args).await,
            Remote::Show(args) => show::show(&args).await,
            Remote::On(args) => switch::on(&args).await,
            Remote::Off(args) => switch::off(&args).await,
            Remote::Pause(args) => switch::pause(&args).await,
            Remote::Resume(args) => switch::resume(&args).await,
            Remote::Delete(args) => delete::delete(&args).await,
            Remote::Restore(args) => restore::restore(&args).await,
            Remote::Jobs(args) => jobs::jobs(&args).await,
            Remote::Runs(args) => runs::runs(&args).await,
            Remote::Problems(args) => problems::problems(&args).await,
            Remote::Plan(args) => plan::plan(&args).await,
            Remote::Pools(args) => pools::pools(&args).await,
            Remote::Workers(args) => workers::workers(&args).await,
            Remote::Receivers(args) => receivers::receivers(&args).await,
            Remote::Rules(args) => rules::run(&args).await,
        };
        done.map(|()| ExitCode::SUCCESS)
    })
}

/// Runs a command to its end.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// What a file holds; `-` is standard input.
fn read_file(file: &str) -> anyhow::Result<Vec<u8>> {
    read_all(file, open_file(file)?)
}

/// Opens a file to be read; `-` is standard input.
fn open_file(file: &str) -> anyhow::Result<Box<dyn BufRead>> {
    if file == "-" {
        return Ok(Box::new(stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {file}"))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// The rest of a file that was opened.
fn read_all(file: &str, mut input: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let name = if file == "-" { "standard input" } else { file };
    input.read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    Ok(bytes)
}
