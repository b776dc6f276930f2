//! Fills an empty store with a backup.

use std::io::{BufRead, Write};
use std::mem;
use std::time::Duration;

use anyhow::{bail, ensure};
use naptime_core::standing::Amount;
use naptime_core::{Breach, Job, KeptAnswer, Load, Run, Tier};
use naptime_embed::door;
use naptime_store::moving::{Arrival, Filling, HistoryItems, MoveError, Settings};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::line::{Counts, Line};
use super::reader::Reader;
use crate::moving::Stopped;

/// Each job may take 256 KiB.
const JOBS_PER_WRITE: usize = 100;
const HISTORY_ROWS_PER_WRITE: usize = 1_000;
/// Each answer may take 100 KiB.
const ANSWERS_PER_WRITE: usize = 100;
/// The pause before another attempt to open the store.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Fills the store, and opens it: all of the backup is there then. If that fails before it is opened, or is stopped, the
/// store is as empty as it was. `names`: of the file and the store, for people.
pub(super) async fn fill(
    store: &(impl Filling + ?Sized),
    mut reader: Reader<impl BufRead>,
    names: (&str, &str),
    stop: &CancellationToken,
) -> anyhow::Result<Counts> {
    let (id, (file, place)) = (reader.header.id, names);
    let arrival = store.announce(id, file).await?;
    if let Err(why) = put(store, arrival, &mut reader, names, stop).await {
        return Err(match store.take_back(id).await {
            Ok(()) => why.context(format!("nothing of {file} was imported")),
            Err(error) => why.context(format!(
                "what was imported cannot be removed ({error}), so {place} stays shut: import {file} again"
            )),
        });
    }
    open_up(store, id, names, stop).await?;
    Ok(reader.counts)
}

async fn put(
    store: &(impl Filling + ?Sized),
    arrival: Arrival,
    reader: &mut Reader<impl BufRead>,
    (file, place): (&str, &str),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    match arrival {
        Arrival::Open => bail!("it was imported into {place} before"),
        Arrival::Filling => {}
        Arrival::Announced => {
            tell(&format!("{} s until all processes see that {place} is shut", door::SEEN_AFTER.as_secs()));
            stop.run_until_cancelled(sleep(door::SEEN_AFTER)).await.ok_or(Stopped)?;
        }
    }
    let header = &reader.header;
    tell(&format!("importing {file}, exported from {} at {}, into {place}", header.from, header.at));
    store.begin_filling(header.id).await?;
    let mut batches = Batches::new(store);
    while let Some(line) = reader.next()? {
        if stop.is_cancelled() {
            return Err(Stopped.into());
        }
        batches.add(line).await?;
    }
    batches.finish().await
}

/// Opens the store. Once this has begun, jobs may be called, so it is tried until it is done.
async fn open_up(
    store: &(impl Filling + ?Sized),
    id: Uuid,
    (file, place): (&str, &str),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    loop {
        match store.open_up(id).await {
            Ok(()) => return Ok(()),
            Err(MoveError::Store(error)) if stop.is_cancelled() => {
                let why = format!("all of {file} is in {place}, but not all of it is called: import it again");
                return Err(anyhow::Error::from(error).context(why));
            }
            Err(MoveError::Store(error)) => tell(&format!("{place} cannot be opened yet; trying again: {error}")),
            Err(error) => return Err(error.into()),
        }
        // Whoever stops it then gets one more attempt.
        stop.run_until_cancelled(sleep(OPEN_AGAIN_AFTER)).await;
    }
}

/// What was read and is not put yet.
struct Batches<'a, Store: ?Sized> {
    store: &'a Store,
    jobs: Vec<Job>,
    runs: Vec<Run>,
    answers: Vec<KeptAnswer>,
    breaches: Vec<Breach>,
    load: Vec<(Tier, Load)>,
    /// Held until the end: some megabytes at most.
    settings: Settings,
}

impl<'a, Store: Filling + ?Sized> Batches<'a, Store> {
    fn new(store: &'a Store) -> Self {
        let settings = Settings::default();
        let (jobs, runs, answers, breaches, load) = Default::default();
        Self { store, jobs, runs, answers, breaches, load, settings }
    }

    async fn add(&mut self, line: Line) -> anyhow::Result<()> {
        match line {
            Line::Job(job) => self.jobs.push(job),
            Line::Gone(id) => {
                self.jobs.retain(|job| job.id != id);
                self.store.remove_jobs(&[id]).await?;
            }
            Line::Pool(pool) => self.settings.pools.push(pool),
            Line::Rule(rule) => self.settings.rules.push(rule),
            Line::Record(record) => self.settings.records.push(record),
            Line::Sum(sum) => {
                let amount = Amount { promised_ms: sum.promised_ms, breached_ms: sum.breached_ms };
                self.settings.sums.insert((sum.tier, sum.at), amount);
            }
            Line::Total(total) => self.settings.total = total,
            Line::Run(run) => self.runs.push(run),
            Line::Answer(answer) => self.answers.push(answer.into()),
            Line::Breach(breach) => self.breaches.push(breach),
            Line::Load(row) => self.load.push(row.into()),
            // The reader keeps it to itself.
            Line::End(_) => {}
        }
        self.put(JOBS_PER_WRITE, HISTORY_ROWS_PER_WRITE, ANSWERS_PER_WRITE).await
    }

    async fn finish(mut self) -> anyhow::Result<()> {
        self.put(1, 1, 1).await?;
        Ok(self.store.put_settings(&self.settings).await?)
    }

    /// Puts what is as much as this.
    async fn put(&mut self, jobs: usize, rows: usize, answers: usize) -> anyhow::Result<()> {
        if self.jobs.len() >= jobs {
            let left_out = self.store.put_jobs(&mem::take(&mut self.jobs)).await?;
            ensure!(left_out.is_empty(), "others before them have the keys of these jobs: {left_out:?}");
        }
        if self.runs.len() >= rows {
            self.store.put_history(HistoryItems::Runs(mem::take(&mut self.runs))).await?;
        }
        if self.answers.len() >= answers {
            self.store.put_history(HistoryItems::Answers(mem::take(&mut self.answers))).await?;
        }
        if self.breaches.len() >= rows {
            self.store.put_history(HistoryItems::Breaches(mem::take(&mut self.breaches))).await?;
        }
        if self.load.len() >= rows {
            self.store.put_history(HistoryItems::Load(mem::take(&mut self.load))).await?;
        }
        Ok(())
    }
}

/// Prints what is done. Whoever reads it may be gone: the import goes on.
fn tell(what: &str) {
    let _ = writeln!(std::io::stdout(), "{what}");
}
