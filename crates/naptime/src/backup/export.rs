//! Writes everything that a store holds.
//!
//! Jobs come first, then settings, then history: so the history has at least all that the jobs say of themselves, also of a
//! store that is in use meanwhile.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use naptime_core::{Job, JobId};
use naptime_store::moving::{Contents, HistoryCursor, HistoryItems, Settings};
use tokio_util::sync::CancellationToken;

use super::line::{Counts, First, Header, Line, Sum};
use crate::moving::Stopped;

/// Each job may take 256 KiB.
const JOBS_PER_READ: usize = 100;
const HISTORY_ROWS_PER_READ: usize = 1_000;

/// Writes all there is.
pub(super) async fn write(
    store: &(impl Contents + ?Sized),
    header: Header,
    out: &mut impl Write,
    stop: &CancellationToken,
) -> anyhow::Result<Counts> {
    let mut lines = Lines { out, counts: Counts::default() };
    lines.write(&First { naptime: header })?;
    write_jobs(store, &mut lines, stop).await?;
    lines.settings(store.settings().await?)?;
    let mut next = Some(HistoryCursor::START);
    while let Some(after) = next {
        go_on(stop)?;
        let part = store.history_after(after, HISTORY_ROWS_PER_READ).await?;
        lines.history(part.items)?;
        next = part.next;
    }
    let counts = lines.counts.clone();
    lines.write(&Line::End(counts))?;
    Ok(lines.counts)
}

/// Writes the jobs while they change. If a key has passed to a job from one that is written already, that one is taken out of
/// the backup, and written again after all others, as it is by then. So at no line two jobs have the same key.
async fn write_jobs(
    store: &(impl Contents + ?Sized),
    lines: &mut Lines<'_, impl Write>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut owners, mut last) = (Owners::default(), None);
    loop {
        go_on(stop)?;
        let jobs = store.jobs_after(last, JOBS_PER_READ).await?;
        let is_last = jobs.len() < JOBS_PER_READ;
        last = jobs.last().map(|job| job.id);
        lines.jobs(jobs, &mut owners)?;
        if is_last {
            break;
        }
    }
    // Each of these may have another's key by now, and take that one out.
    while !owners.out.is_empty() {
        go_on(stop)?;
        let ids = owners.out.split_off(owners.out.len().saturating_sub(JOBS_PER_READ));
        lines.jobs(store.jobs_of(&ids).await?, &mut owners)?;
    }
    Ok(())
}

/// Which job of the backup has which key.
#[derive(Default)]
struct Owners {
    /// By the hashes of keys.
    jobs: HashMap<u64, JobId>,
    hasher: RandomState,
    /// The jobs that were taken out of the backup and not written again yet.
    out: Vec<JobId>,
}

impl Owners {
    /// Notes the key of a job that is not deleted. Returns the other job that had it.
    fn note(&mut self, job: &Job) -> Option<JobId> {
        let key = job.spec.key.as_ref().filter(|_| job.deleted_at.is_none())?;
        // Keys of one-off jobs are a space of their own.
        let hash = self.hasher.hash_one((key, job.spec.schedule.is_once()));
        self.jobs.insert(hash, job.id).filter(|owner| *owner != job.id)
    }
}

/// Lines that are written and counted.
struct Lines<'a, W> {
    out: &'a mut W,
    counts: Counts,
}

impl<W: Write> Lines<'_, W> {
    fn jobs(&mut self, jobs: Vec<Job>, owners: &mut Owners) -> anyhow::Result<()> {
        for job in jobs {
            if let Some(owner) = owners.note(&job) {
                self.line(Line::Gone(owner))?;
                owners.out.push(owner);
            }
            self.line(Line::Job(job))?;
        }
        Ok(())
    }

    fn settings(&mut self, settings: Settings) -> anyhow::Result<()> {
        let Settings { pools, rules, records, sums, total } = settings;
        pools.into_iter().try_for_each(|pool| self.line(Line::Pool(pool)))?;
        rules.into_iter().try_for_each(|rule| self.line(Line::Rule(rule)))?;
        records.into_iter().try_for_each(|record| self.line(Line::Record(record)))?;
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(key, _)| *key);
        for ((tier, at), amount) in sums {
            let (promised_ms, breached_ms) = (amount.promised_ms, amount.breached_ms);
            self.line(Line::Sum(Sum { tier, at, promised_ms, breached_ms }))?;
        }
        self.line(Line::Total(total))
    }

    fn history(&mut self, items: HistoryItems) -> anyhow::Result<()> {
        match items {
            HistoryItems::Runs(runs) => runs.into_iter().try_for_each(|run| self.line(Line::Run(run))),
            HistoryItems::Answers(answers) => {
                answers.into_iter().try_for_each(|answer| self.line(Line::Answer(answer.into())))
            }
            HistoryItems::Breaches(breaches) => {
                breaches.into_iter().try_for_each(|breach| self.line(Line::Breach(breach)))
            }
            HistoryItems::Load(rows) => rows.into_iter().try_for_each(|row| self.line(Line::Load(row.into()))),
        }
    }

    fn line(&mut self, line: Line) -> anyhow::Result<()> {
        self.counts.add(&line);
        self.write(&line)
    }

    fn write(&mut self, line: &impl serde::Serialize) -> anyhow::Result<()> {
        // Not by serde_json's writer, whose errors hide that whoever reads is gone.
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(self.out.write_all(&text)?)
    }
}

/// Fails if the export is to stop.
fn go_on(stop: &CancellationToken) -> Result<(), Stopped> {
    if stop.is_cancelled() { Err(Stopped) } else { Ok(()) }
}
