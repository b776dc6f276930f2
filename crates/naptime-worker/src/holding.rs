//! One claim from its taking to its end: wait until it is time, call, say what comes next.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{Claim, Duty, Outcome, Run, Settled, Steered, Then, Time, WorkerId};
use naptime_store::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::LOOKAHEAD;
use crate::call::{Answer, Call, CallHeaders, Outbound};
use crate::held::{Held, Registry};
use crate::hosts;
use crate::link::Link;
use crate::meter::Meter;
use crate::pools::Pools;
use crate::presence::Presence;
use crate::runtime::Runtime;
use crate::settling::Settler;
use crate::slots::Slots;
use crate::trace::CallTracer;
use crate::waiting::Waiting;

/// How long a change that the target asked for may take. The settle waits for it, and its slot.
const STEERING: Duration = Duration::from_secs(2);

/// What the task of a claim works with.
pub(crate) struct Holding {
    pub(crate) me: WorkerId,
    pub(crate) link: Link,
    pub(crate) outbound: Arc<dyn Outbound>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) tracer: Option<Arc<dyn CallTracer>>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) registry: Registry,
    pub(crate) settler: Settler,
    pub(crate) waiting: Arc<Waiting>,
    /// The tasks that are at work.
    pub(crate) tasks: TaskTracker,
    /// Told to stop: claims whose call has not left are given back.
    pub(crate) stopping: CancellationToken,
    /// The time after that is up: calls are cut.
    pub(crate) cutting: CancellationToken,
}

impl Holding {
    /// Sets a claim to work, in a task of its own.
    pub(crate) fn start(self: &Arc<Self>, claim: Claim, held: Held) {
        let here = self.clone();
        let task = async move { here.work(claim, held).await };
        self.runtime.spawn(Box::pin(self.tasks.track_future(task)));
    }

    async fn work(&self, claim: Claim, held: Held) {
        let settled = match claim.duty() {
            Duty::Settle(then) => claim.settled_uncalled(then),
            Duty::Call { at, due, manual } => {
                if self.wait_until(&held, at).await {
                    self.call(&claim, &held, due, manual).await
                } else {
                    claim.settled(None, Then::GiveBack)
                }
            }
        };
        let is_gated = || self.pools.is_gated(claim.job.spec.endpoint.pool());
        let settled = self.presence.explained(&claim, settled, is_gated).await;
        self.settler.settle(held, settled);
    }

    /// Waits until `at` by the store's time. False if no call may be made: the worker stops, or the claim is not safe.
    async fn wait_until(&self, held: &Held, at: Time) -> bool {
        loop {
            let left = self.link.until(at);
            if left.is_zero() {
                return !self.stopping.is_cancelled() && held.is_safe();
            }
            // Nothing is claimed so far ahead: the store's clock was set back, and the job is planned anew.
            if left > LOOKAHEAD + CLOCK_TOLERANCE {
                return false;
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return false,
                () = held.gone.cancelled() => return false,
                () = self.runtime.wait(left) => {}
            }
        }
    }

    async fn call(&self, claim: &Claim, held: &Held, due: Time, manual: bool) -> Settled {
        let job = &claim.job;
        let (transport, request) = self.pools.request(&job.spec);
        let span = self.tracer.as_ref().map(|tracer| tracer.begin());
        let traceparent = span.as_ref().map(|span| span.parent());
        let headers = CallHeaders { traceparent, ..CallHeaders::new(job.id, due, manual) };
        let headers = headers.signed(&request, self.link.now());
        let call = Call {
            endpoint: &job.spec.endpoint,
            request: &request,
            success: &job.spec.success,
            expect: &job.spec.expect,
            headers: &headers,
            transport: &transport,
            repeatable: job.spec.retry.repeats_cut_calls(),
            keep: claim.keeps(self.link.now()),
            attempt: claim.attempt(),
            now: self.link.now(),
        };
        let (mut started, left) = (self.link.now(), Instant::now());
        held.call_leaves();
        let answer = tokio::select! {
            biased;
            answer = self.outbound.call(call) => match answer {
                Ok(answer) => answer,
                Err(fault) => {
                    self.slots.strain.note(fault, self.registry.len());
                    if let Some(span) = span {
                        span.end(job, None);
                    }
                    return claim.settled(None, Then::GiveBack);
                }
            },
            () = held.gone.cancelled() => interrupted("the worker could not hold its claim any longer"),
            () = self.cutting.cancelled() => interrupted("the worker was stopped"),
        };
        let now = self.link.now();
        if started > now + CLOCK_TOLERANCE {
            // The store's clock was set back during the call.
            started = now - left.elapsed();
        }
        let finished = now.max(started);
        let mut run = Run {
            token: claim.lock.token,
            job: job.id,
            worker: self.me,
            due,
            started,
            finished,
            outcome: answer.outcome,
            status: answer.status,
            message: answer.message,
            attempt: claim.attempt(),
            manual,
            skipped: None,
        };
        let pause = answer.retry_after.map(|asked| asked.pause(run.finished));
        let then = claim.conclude(&run, pause);
        if let Some(cut) = claim.pause_cut(&run, pause, then) {
            run.add_note(&cut);
        }
        self.meter.record(&run, claim.is_first_call());
        match span {
            Some(span) => {
                span.log(&|| log(&run, claim));
                span.end(job, Some(&run));
            }
            None => log(&run, claim),
        }
        steer(&self.link, claim, &run, answer.every.as_deref(), pause).await;
        if let Some(down) = held.host_was_down() {
            hosts::tell(&self.link, job.spec.endpoint.pool(), down, &run).await;
        }
        let hold_over = self.waiting.holds_over(claim, held, &run, then).then(|| self.runtime.id().into());
        let answer = answer.transcript.map(|transcript| Arc::new(claim.kept(&run, *transcript)));
        Settled { hold_over, answer, ..claim.settled(Some(run), then) }
    }
}

fn interrupted(why: &str) -> Answer {
    Answer {
        outcome: Outcome::Interrupted,
        status: None,
        message: why.to_owned(),
        retry_after: None,
        every: None,
        transcript: None,
    }
}

/// Changes the schedule as the target asked, if it may. Before the settle, which leaves `due` as an edit set it. That
/// is all an answer is owed: what cannot be done now is not done.
async fn steer(link: &Link, claim: &Claim, run: &Run, every: Option<&str>, pause: Option<Duration>) {
    let job = &claim.job;
    let pool = job.spec.endpoint.pool();
    let steered = match claim.steered(run, every, pause) {
        Ok(None) => return,
        Ok(Some(steered)) => steered,
        Err(fault) => {
            tracing::warn!(job = %job.id, %pool, "{pool} asks for a period that cannot be read: {fault}");
            return;
        }
    };
    let what = match &steered {
        Steered::Schedule(schedule) => format!("to be called {}", schedule.describe()),
        Steered::PutOff { until, .. } => format!("not to be called before {until}"),
    };
    // To whoever edited the job during the call, or deleted it, the answer says nothing.
    let edit = link.steer(job.id, job.rev, steered);
    match tokio::time::timeout(STEERING, edit).await {
        Ok(Ok(())) => tracing::info!(job = %job.id, %pool, "{pool} asks {what}"),
        Ok(Err(Error::Stale(_) | Error::Deleted | Error::NotFound)) => {
            tracing::info!(job = %job.id, %pool, "{pool} asks {what}, but was edited meanwhile");
        }
        Ok(Err(error)) => tracing::warn!(job = %job.id, %pool, %error, "{pool} asks {what}, in vain"),
        Err(_) => tracing::warn!(job = %job.id, %pool, "{pool} asks {what}, in vain: the store does not answer"),
    }
}

/// One line for each call: what failed as a warning. No channel, which may hold secrets in its query.
fn log(run: &Run, claim: &Claim) {
    let pool = claim.job.spec.endpoint.pool();
    let (outcome, status) = (run.outcome.as_str(), run.status);
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (lag, took) = (millis(run.start_lag()), millis(run.took()));
    if run.outcome == Outcome::Ok {
        tracing::info!(target: "naptime::calls", job = %run.job, %pool, status, lag_ms = lag, took_ms = took, "called {pool}");
    } else {
        // One line for each call, whatever the target says.
        let message = run.message.replace('\n', " / ");
        tracing::warn!(target: "naptime::calls", job = %run.job, %pool, outcome, status, lag_ms = lag, took_ms = took, attempt = run.attempt, "called {pool}: {message}");
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Schedule;

    use super::*;
    use crate::settling::ToSettle;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sets the one job that is due to work, whose calls take so long.
    async fn start(bench: &mut Workbench, takes: Duration) -> ToSettle {
        *bench.target.takes.lock().expect("no panic") = takes;
        for (claim, held) in bench.hold().await {
            bench.holding.start(claim, held);
        }
        bench.to_settle.take().expect("it is there")
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_made_at_its_time_and_handed_over_with_its_run() {
        let mut bench = Workbench::with_slots(1).await;
        bench.once("http://a.test/", Duration::from_millis(90)).await;
        let mut to_settle = start(&mut bench, SECOND).await;
        let (_held, settled) = to_settle.recv().await.expect("it is handed over");
        let run = settled.run.expect("it was called");
        assert_eq!((run.outcome, run.start_lag(), run.took()), (Outcome::Ok, Duration::ZERO, SECOND));
        assert_eq!(settled.then, Then::Next { due: None, missed: 0 });
        assert_eq!(bench.calls(), [90]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_has_not_left_is_given_back_by_a_worker_that_stops() {
        let mut bench = Workbench::with_slots(1).await;
        bench.once("http://a.test/", Duration::from_millis(90)).await;
        let mut to_settle = start(&mut bench, SECOND).await;
        bench.stopping.cancel();
        let (_held, settled) = to_settle.recv().await.expect("it is handed over");
        assert_eq!((settled.then, settled.run), (Then::GiveBack, None));
        assert_eq!(bench.calls().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_goes_on_until_it_is_cut() {
        let mut bench = Workbench::with_slots(1).await;
        let every = Schedule::aligned(Duration::from_millis(200));
        bench.add("http://a.test/", every).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut to_settle = start(&mut bench, 3600 * SECOND).await;
        tokio::time::sleep(SECOND).await;
        bench.stopping.cancel();
        tokio::time::sleep(10 * SECOND).await;
        assert!(to_settle.try_recv().is_err(), "it goes on");
        bench.cutting.cancel();
        let (_held, settled) = to_settle.recv().await.expect("it is handed over");
        assert_eq!(settled.run.map(|run| run.outcome), Some(Outcome::Interrupted));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_called_after_its_fence() {
        let mut bench = Workbench::with_slots(1).await;
        bench.once("http://a.test/", Duration::ZERO).await;
        let (claim, held) = bench.hold().await.pop().expect("it is due");
        // As after the process was stopped: no timer has fired meanwhile.
        tokio::time::advance(Duration::from_millis(14_001)).await;
        bench.holding.start(claim, held);
        let (_held, settled) = bench.to_settle.take().expect("it is there").recv().await.expect("it is handed over");
        assert_eq!((settled.then, bench.calls().len()), (Then::GiveBack, 0));
    }
}
