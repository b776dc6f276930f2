//! `naptime move`: from the embedded file to a MongoDB, while the one is in use.

mod mover;
mod told;

use std::path::{Path, PathBuf};

use naptime_core::Time;
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_embed::store::CannotOpen;
use naptime_mongo::MongoStore;
use naptime_sqlite::SqliteStore;
use naptime_store::moving::{Filling, Leaving, MoveStage};
use naptime_store::{Clock, History};
use tokio_util::sync::CancellationToken;

use self::mover::Mover;
use self::told::Step;
use crate::cli::MoveArgs;
use crate::faults::{Faults, given};
use crate::{settings, signals};

/// The move was stopped before it was done.
#[derive(Debug, thiserror::Error)]
#[error("stopped; start it again to go on")]
pub(crate) struct Stopped;

/// `naptime move`.
pub(crate) fn run(args: &MoveArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let settings = read(args, &mut faults);
    let settings = faults.check(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let stop = signals::stop_on_signal()?;
        if args.undo { undo(&settings).await } else { carry(&settings, &stop).await }
    });
    runtime.shutdown_background();
    done
}

struct Settings {
    file: PathBuf,
    to: Option<String>,
    environment: Option<String>,
}

fn read(args: &MoveArgs, faults: &mut Faults) -> Settings {
    let file: PathBuf = given(args.naptime_db.as_ref()).unwrap_or("naptime.db").into();
    if !file.is_file() {
        // To open it would make it.
        faults.add("NAPTIME_DB", format!("there is no file {}; name the one that `naptime up` uses", file.display()));
    }
    let to = given(args.to.as_ref()).map(str::to_owned);
    match &to {
        Some(uri) if !naptime_mongo::is_readable(uri) => {
            // Not quoted: it may hold a password.
            faults.add(
                "--to",
                "cannot be read; it looks like mongodb://user:password@host1,host2/naptime?replicaSet=rs0",
            );
        }
        None if !args.undo => faults.add("--to", "not set; name the MongoDB to move to"),
        _ => {}
    }
    Settings { file, to, environment: settings::environment(args.naptime_env.as_ref(), faults) }
}

async fn carry(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<()> {
    let from = open_file(&settings.file)?;
    let _lock = from.lock_for_move().map_err(CannotOpen::from)?;
    let uri = settings.to.as_deref().unwrap_or_default();
    let to = open_mongo(settings, uri).await?;
    let (from_name, to_name) = (settings.file.display().to_string(), naptime_mongo::shown(uri));
    // After the hand-over nothing is called until the move goes on, so nothing may be in its way.
    if from.last_move().await?.is_none_or(|last| last.stage < MoveStage::HandedOver) {
        check_versions(&from, &from_name).await?;
        check_versions(&to, &to_name).await?;
        check_clocks(from.now(), to.now())?;
    }
    Mover { from: &from, to: &to, from_name: &from_name, to_name: &to_name, stop }.run(told::tell).await
}

async fn undo(settings: &Settings) -> anyhow::Result<()> {
    let from = open_file(&settings.file)?;
    let _lock = from.lock_for_move().map_err(CannotOpen::from)?;
    let Some(begun) = from.last_move().await? else {
        anyhow::bail!("no move of {} has begun", settings.file.display());
    };
    Leaving::take_back(&from).await?;
    told::tell(&Step::TakenBack { from: &settings.file.display().to_string() });
    match &settings.to {
        Some(uri) => open_mongo(settings, uri).await?.take_back(begun.id).await?,
        None => told::tell(&Step::LeftBehind { to: &begun.to }),
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<SqliteStore, CannotOpen> {
    Ok(SqliteStore::open(path, naptime_sqlite::Options::default())?)
}

async fn open_mongo(settings: &Settings, uri: &str) -> Result<MongoStore, CannotOpen> {
    let options = naptime_mongo::Options { environment: settings.environment.clone(), ..Default::default() };
    MongoStore::connect(uri, options).await.map_err(CannotOpen::Target)
}

/// A process of another version may not know that it has to stop calling, or that it may not begin yet.
pub(crate) async fn check_versions(store: &(impl History + ?Sized), place: &str) -> anyhow::Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let other = store.workers().await?.into_iter().find(|worker| worker.alive && worker.beat.version != own);
    if let Some(worker) = other {
        let (name, version) = (worker.beat.id.name(), worker.beat.version);
        anyhow::bail!(
            "worker {name} on {place} is of version {version}, and this is {own}: start it with this one first"
        );
    }
    Ok(())
}

/// Due times and leases were reckoned by the one clock, and are gone by with the other.
fn check_clocks(from: Time, to: Time) -> anyhow::Result<()> {
    let apart = from.since(to).max(to.since(from));
    anyhow::ensure!(
        apart <= CLOCK_TOLERANCE,
        "the clock of this machine shows {from}, and that of the database {to}: set the wrong one first"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_five_seconds() {
        let is_fine = |from, to| check_clocks(Time::from_millis(from), Time::from_millis(to)).is_ok();
        assert!(is_fine(5_000, 10_000) && is_fine(10_000, 5_000));
        assert!(!is_fine(5_000, 10_001) && !is_fine(10_001, 5_000));
    }
}
