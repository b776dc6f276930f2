//! Breaches of SLAs, and the sums of what has ended.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::standing::{self, Amount, Ended};
use naptime_core::{Breach, Job, JobId, Lookback, Standing, Tier, Time, worker};

use super::{MemoryStore, State, list};
use crate::{Breached, Page, PageRef, Position, Result, Slas};

/// What has ended.
#[derive(Default)]
pub(super) struct SlaTable {
    /// Breaches by what identifies them, job and beginning, each with its end.
    breaches: BTreeMap<(JobId, Time), (Time, Breach)>,
    sums: BTreeMap<(Tier, Time), Amount>,
}

#[async_trait]
impl Slas for MemoryStore {
    async fn standing(&self) -> Result<Standing> {
        Ok(self.with(|state, now| {
            let mut all = Standing::default();
            let lasting = state.jobs.all().filter_map(|job| Standing::of(job, [0; 4], now, state.retention));
            lasting.for_each(|one| all.add(&one));
            for (amount, window) in all.amounts.iter_mut().zip(Lookback::ALL) {
                let start = window.start(now, state.retention);
                let rows = state.sla.sums.iter().filter(|((tier, at), _)| *tier == window.tier() && *at >= start);
                for (_, more) in rows {
                    amount.promised_ms += more.promised_ms;
                    amount.breached_ms += more.breached_ms;
                }
            }
            all
        }))
    }

    async fn standing_of(&self, job: &Job) -> Result<Option<Standing>> {
        let Some(watch) = job.state.watch else { return Ok(None) };
        Ok(self.with(|state, now| {
            let ended_ms = Lookback::starts(now, state.retention).map(|start| {
                let start = start.max(watch.since);
                state.sla.of(job.id).map(|(to, breach)| ms(to.since(breach.from.max(start)))).sum()
            });
            Standing::of(job, ended_ms, now, state.retention)
        }))
    }

    async fn in_breach(&self, page: &PageRef) -> Result<Page<Breached>> {
        let after = page.after()?.map(|after| (after.at, after.id));
        Ok(self.with(|state, now| {
            let since = worker::present_since(&state.workers.all(now), now);
            let lasting = state.jobs.all().filter_map(|job| Some((job, job.breach(now, since)?)));
            let place = |breach: &Breach| (breach.from, breach.job.uuid());
            let mut found: Vec<_> =
                lasting.filter(|(_, breach)| after.is_none_or(|after| place(breach) > after)).collect();
            found.sort_by_key(|(_, breach)| place(breach));
            let cursor = |breach: &Breach| Position { at: breach.from, id: breach.job.uuid() }.write();
            Page::of(found, page, |(_, breach)| cursor(breach)).map(|(job, breach)| Breached {
                breach: breach.in_pool_off_at(state.off_at(job, now)),
                job: Some(list::summary(job)),
            })
        }))
    }

    async fn breaches(&self, job: Option<JobId>, page: &PageRef) -> Result<Page<Breached>> {
        self.with(|state, _| {
            let all = state.sla.breaches.values().filter(|(_, breach)| job.is_none_or(|job| job == breach.job));
            let page = list::newest_first(all.map(|(to, breach)| ((*to, breach.job.uuid()), breach)), page)?;
            let summary = |id| state.jobs.get(id).map(list::summary);
            Ok(page.map(|breach| Breached { breach: breach.clone(), job: summary(breach.job) }))
        })
    }
}

impl State {
    /// The breach that an edit ends.
    pub(super) fn breach_ended_since(&self, before: &Job, after: &Job, now: Time) -> Option<Breach> {
        let since = worker::present_since(&self.workers.all(now), now);
        let breach = after.breach_ended_since(before, now, since)?;
        Some(breach.in_pool_off_at(self.off_at(before, now)))
    }

    /// Now, if the job's pool is switched off.
    fn off_at(&self, job: &Job, now: Time) -> Option<Time> {
        self.pools.get(job.spec.endpoint.pool()).filter(|entry| !entry.settings.active).map(|_| now)
    }
}

impl SlaTable {
    /// Keeps what has ended: breaches, and what they and `promise` add to the sums. A breach that is there already stays
    /// as it is, and adds nothing.
    pub(super) fn keep(&mut self, breaches: &[Breach], promise: Option<Ended>, now: Time, retention: Duration) {
        let mut ended: Vec<Ended> = promise.into_iter().collect();
        for breach in breaches {
            let to = breach.to.unwrap_or(breach.from);
            if let Entry::Vacant(vacant) = self.breaches.entry((breach.job, breach.from)) {
                vacant.insert((to, breach.clone()));
                ended.push(Ended::Breach(breach.from, to));
            }
        }
        for (row, more) in standing::sums(&ended, now, retention) {
            let amount = self.sums.entry(row).or_default();
            amount.promised_ms += more.promised_ms;
            amount.breached_ms += more.breached_ms;
        }
    }

    /// Removes the breaches that ended longer ago than they are kept, and the sums that are looked at no longer.
    pub(super) fn purge(&mut self, now: Time, retention: Duration) {
        self.breaches.retain(|_, (to, _)| *to >= now - retention);
        self.sums.retain(|(tier, at), _| Lookback::kept(*tier, now, retention).is_some_and(|kept| *at >= kept));
    }

    /// Removes what lies after `soon`, because the clock was ahead.
    pub(super) fn clear_after(&mut self, soon: Time) {
        self.breaches.retain(|_, (to, _)| *to <= soon);
        self.sums.retain(|(_, at), _| *at <= soon);
    }

    /// The breaches of a job, each with its end.
    fn of(&self, job: JobId) -> impl Iterator<Item = &(Time, Breach)> {
        let from_first = self.breaches.range((job, Time::from_millis(i64::MIN))..);
        from_first.take_while(move |((of, _), _)| *of == job).map(|(_, breach)| breach)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
