//! Breaches of SLAs as rows, and the sums of what has ended.

use async_trait::async_trait;
use naptime_core::standing::{self, Amount, Ended};
use naptime_core::{Breach, Cause, Job, JobId, Lookback, Standing, Tier, Time, worker};
use naptime_store::{Breached, Page, PageRef, Position, Slas};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, named_params};

use crate::fault::Fault;
use crate::queue::readable;
use crate::rows::{self, COLUMNS, blob, time, uuid};
use crate::{SqliteStore, pools, workers};

#[async_trait]
impl Slas for SqliteStore {
    async fn standing(&self) -> naptime_store::Result<Standing> {
        let retention = self.inner.retention;
        let work = move |connection: &Connection, now: Time| {
            let mut all = lasting(connection, now, Lookback::starts(now, retention))?;
            for (amount, window) in all.amounts.iter_mut().zip(Lookback::ALL) {
                let more = ended(connection, window, window.start(now, retention))?;
                amount.promised_ms += more.promised_ms;
                amount.breached_ms += more.breached_ms;
            }
            Ok(all)
        };
        self.read(work).await
    }

    async fn standing_of(&self, job: &Job) -> naptime_store::Result<Option<Standing>> {
        const SQL: &str = "SELECT coalesce(sum(max(0, ended - max(began, ?3))), 0) FROM breaches
            WHERE job = ?1 AND ended > ?2 AND ended > ?3";
        let (job, retention) = (job.clone(), self.inner.retention);
        let work = move |connection: &Connection, now: Time| {
            let Some(watch) = job.state.watch else { return Ok(None) };
            let mut statement = connection.prepare_cached(SQL)?;
            let mut ended = [0; 4];
            for (sum, start) in ended.iter_mut().zip(Lookback::starts(now, retention)) {
                let start = start.max(watch.since).millis();
                *sum = statement.query_row((blob(job.id.uuid()), watch.since.millis(), start), |row| row.get(0))?;
            }
            Ok(Standing::of(&job, ended.map(i64::unsigned_abs), now, retention))
        };
        self.read(work).await
    }

    async fn in_breach(&self, page: &PageRef) -> naptime_store::Result<Page<Breached>> {
        let page = page.clone();
        let work = move |connection: &Connection, now: Time| {
            let sql = format!(
                "SELECT {COLUMNS}, deadline FROM due INDEXED BY due_deadline CROSS JOIN jobs USING (seq) WHERE deadline < :now
                 AND (deadline, due.id) > (:deadline, :id) ORDER BY deadline, due.id LIMIT :limit"
            );
            let (deadline, id) = page.after()?.map_or((i64::MIN, [0; 16]), |after| (after.at.millis(), blob(after.id)));
            let parameters =
                named_params! {":now": now.millis(), ":deadline": deadline, ":id": id, ":limit": page.probe()};
            let mut statement = connection.prepare_cached(&sql)?;
            let read = |row: &Row<'_>| {
                let last = Position { at: time(row, "deadline")?, id: uuid(row, "id")? };
                rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
            };
            let Page { items: jobs, next, prev, unreadable } =
                rows::page_of(statement.query_map(parameters, read)?, &page)?;
            let since = worker::present_since(&workers::all(connection, now)?, now);
            let mut items = Vec::new();
            for job in jobs {
                let off_at = pool_off_at(connection, &job, now)?;
                if let Some(breach) = job.breach(now, since) {
                    items.push(Breached { breach: breach.in_pool_off_at(off_at), job: Some(job.into()) });
                }
            }
            Ok(Page { items, next, prev, unreadable })
        };
        self.read(work).await
    }

    async fn breaches(&self, job: Option<JobId>, page: &PageRef) -> naptime_store::Result<Page<Breached>> {
        const ALL: &str = "SELECT * FROM breaches INDEXED BY breaches_newest
            WHERE (ended, job) < (:ended, :id) ORDER BY ended DESC, job DESC LIMIT :limit";
        const OF_ONE: &str = "SELECT * FROM breaches INDEXED BY breaches_of
            WHERE job = :job AND ended < :ended ORDER BY ended DESC LIMIT :limit";
        let page = page.clone();
        let work = move |connection: &Connection, _: Time| {
            // Nothing ends at the end of time.
            let (ended, id) = page.after()?.map_or((i64::MAX, [0; 16]), |after| (after.at.millis(), blob(after.id)));
            let found: Vec<Breach> = match job {
                None => {
                    let parameters = named_params! {":ended": ended, ":id": id, ":limit": page.probe()};
                    connection.prepare_cached(ALL)?.query_map(parameters, breach)?.collect::<Result<_, _>>()?
                }
                Some(job) => {
                    let job = blob(job.uuid());
                    let parameters = named_params! {":job": job, ":ended": ended, ":limit": page.probe()};
                    connection.prepare_cached(OF_ONE)?.query_map(parameters, breach)?.collect::<Result<_, _>>()?
                }
            };
            let mut items = Vec::new();
            for breach in found {
                let job = readable(breach.job, rows::find_slim(connection, breach.job))?;
                items.push(Breached { breach, job: job.map(Into::into) });
            }
            Ok(Page::of(items, &page, |last| cursor(last.breach.to.unwrap_or(last.breach.from), last)))
        };
        self.read(work).await
    }
}

/// Keeps what has ended: breaches, and what they and `promise` add to the sums. A breach that is there already stays as
/// it is, and adds nothing.
pub(crate) fn keep(
    connection: &Connection,
    breaches: &[Breach],
    promise: Option<Ended>,
    now: Time,
    retention: std::time::Duration,
) -> Result<(), Fault> {
    const SUM: &str = "INSERT INTO sla (tier, at, promised_ms, breached_ms) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (tier, at) DO UPDATE
        SET promised_ms = promised_ms + excluded.promised_ms, breached_ms = breached_ms + excluded.breached_ms";
    let mut ended: Vec<Ended> = promise.into_iter().collect();
    for breach in breaches {
        if put_breach(connection, breach)? {
            ended.push(Ended::Breach(breach.from, breach.to.unwrap_or(breach.from)));
        }
    }
    let mut add = connection.prepare_cached(SUM)?;
    for ((tier, at), amount) in standing::sums(&ended, now, retention) {
        add.execute((tier.seconds(), at.millis(), signed(amount.promised_ms), signed(amount.breached_ms)))?;
    }
    Ok(())
}

/// Keeps a breach, unless it is there. Returns whether it is new.
pub(crate) fn put_breach(connection: &Connection, breach: &Breach) -> Result<bool, Fault> {
    const SQL: &str =
        "INSERT INTO breaches (job, began, ended, cause) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (job, began) DO NOTHING";
    let to = breach.to.unwrap_or(breach.from);
    let row = (blob(breach.job.uuid()), breach.from.millis(), to.millis(), breach.cause.as_str());
    Ok(connection.prepare_cached(SQL)?.execute(row)? == 1)
}

/// Puts a sum in the place of the one that is there.
pub(crate) fn put_sum(connection: &Connection, tier: Tier, at: Time, amount: Amount) -> Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO sla (tier, at, promised_ms, breached_ms) VALUES (?1, ?2, ?3, ?4)";
    let row = (tier.seconds(), at.millis(), signed(amount.promised_ms), signed(amount.breached_ms));
    connection.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// The breach that an edit ends.
pub(crate) fn breach_ended(
    connection: &Connection,
    before: &Job,
    after: &Job,
    now: Time,
) -> Result<Option<Breach>, Fault> {
    let since = worker::present_since(&workers::all(connection, now)?, now);
    let off_at = pool_off_at(connection, before, now)?;
    Ok(after.breach_ended_since(before, now, since).map(|breach| breach.in_pool_off_at(off_at)))
}

/// Now, if the job's pool is switched off.
fn pool_off_at(connection: &Connection, job: &Job, now: Time) -> Result<Option<Time>, Fault> {
    let pool = pools::find(connection, job.spec.endpoint.pool())?;
    Ok(pool.filter(|settings| !settings.active).map(|_| now))
}

/// Removes up to `limit` breaches that ended before `before`. Returns how many.
pub(crate) fn purge(connection: &Connection, before: Time, limit: usize) -> Result<usize, Fault> {
    const SQL: &str = "DELETE FROM breaches WHERE (job, began) IN
        (SELECT job, began FROM breaches WHERE ended < ?1 ORDER BY ended LIMIT ?2)";
    Ok(connection.prepare_cached(SQL)?.execute((before.millis(), i64::try_from(limit).unwrap_or(i64::MAX)))?)
}

/// Removes the sums that are looked at no longer.
pub(crate) fn purge_sums(connection: &Connection, now: Time, retention: std::time::Duration) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached("DELETE FROM sla WHERE tier = ?1 AND at < ?2")?;
    for tier in Tier::ALL {
        let kept = Lookback::kept(tier, now, retention).unwrap_or(now);
        statement.execute((tier.seconds(), kept.millis()))?;
    }
    Ok(())
}

/// What lasts, of all jobs under a promise, by the index alone.
fn lasting(connection: &Connection, now: Time, starts: [Time; 4]) -> Result<Standing, Fault> {
    const SQL: &str = "SELECT count(*) AS endpoints, coalesce(sum(deadline < :now), 0) AS breached,
            max(coalesce(max(longest_ms), 0), coalesce(:now - min(deadline - sla_ms), 0)) AS longest,
            coalesce(sum(max(0, :now - max(promised_since, :hour))), 0) AS promised_0,
            coalesce(sum(max(0, :now - max(promised_since, :day))), 0) AS promised_1,
            coalesce(sum(max(0, :now - max(promised_since, :week))), 0) AS promised_2,
            coalesce(sum(max(0, :now - max(promised_since, :all))), 0) AS promised_3,
            coalesce(sum(max(0, :now - max(deadline, :hour))), 0) AS breached_0,
            coalesce(sum(max(0, :now - max(deadline, :day))), 0) AS breached_1,
            coalesce(sum(max(0, :now - max(deadline, :week))), 0) AS breached_2,
            coalesce(sum(max(0, :now - max(deadline, :all))), 0) AS breached_3
        FROM due INDEXED BY due_deadline WHERE deadline IS NOT NULL";
    let [hour, day, week, all] = starts.map(Time::millis);
    let parameters = named_params! {":now": now.millis(), ":hour": hour, ":day": day, ":week": week, ":all": all};
    let read = |row: &Row<'_>| {
        let number = |column: &str| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
        let mut standing = Standing {
            endpoints: number("endpoints")?,
            breached: number("breached")?,
            longest_ms: number("longest")?,
            ..Standing::default()
        };
        for (index, amount) in standing.amounts.iter_mut().enumerate() {
            amount.promised_ms = number(&format!("promised_{index}"))?;
            amount.breached_ms = number(&format!("breached_{index}"))?;
        }
        Ok(standing)
    };
    Ok(connection.prepare_cached(SQL)?.query_row(parameters, read)?)
}

/// What has ended, over one window.
fn ended(connection: &Connection, window: Lookback, start: Time) -> Result<Amount, Fault> {
    const SQL: &str = "SELECT coalesce(sum(promised_ms), 0), coalesce(sum(breached_ms), 0) FROM sla
        WHERE tier = ?1 AND at >= ?2";
    let amount = |row: &Row<'_>| {
        let [promised_ms, breached_ms] = [row.get::<_, i64>(0)?, row.get(1)?].map(i64::unsigned_abs);
        Ok(Amount { promised_ms, breached_ms })
    };
    Ok(connection.prepare_cached(SQL)?.query_row((window.tier().seconds(), start.millis()), amount)?)
}

pub(crate) fn breach(row: &Row<'_>) -> rusqlite::Result<Breach> {
    let cause: String = row.get("cause")?;
    let unknown = || format!("unknown cause {cause}").into();
    Ok(Breach {
        job: uuid(row, "job")?.into(),
        from: time(row, "began")?,
        to: Some(time(row, "ended")?),
        cause: Cause::from_name(&cause)
            .ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, unknown()))?,
    })
}

fn cursor(at: Time, last: &Breached) -> String {
    Position { at, id: last.breach.job.uuid() }.write()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
