//! One claim from its taking to its end: wait until it is time, call, say what comes next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{Claim, Duty, Outcome, Run, Settled, Steered, Then, Time};
use naptime_store::Error;

use crate::call::{Answer, Call, CallHeaders};
use crate::held::Held;
use crate::presence::with_breach;
use crate::{LOOKAHEAD, Shared};

/// How long a change that the target asked for may take. The settle waits for it, and its slot.
const STEERING: Duration = Duration::from_secs(2);

/// Sets a claim to work, in a task of its own.
pub(crate) fn start(shared: &Arc<Shared>, claim: Claim, held: Held) {
    let shared_here = shared.clone();
    shared.holding.spawn(async move {
        let settled = match claim.duty() {
            Duty::Settle(then) => claim.settled_uncalled(then),
            Duty::Call { at, due, manual } => {
                if wait_until(&shared_here, &held, at).await {
                    call(&shared_here, &claim, &held, due, manual).await
                } else {
                    claim.settled(None, Then::GiveBack)
                }
            }
        };
        let settled = with_breach(&shared_here, &claim, settled).await;
        shared_here.settle(held, settled);
    });
}

/// Waits until `at` by the store's time. False if no call may be made: the worker stops, or the claim is not safe.
async fn wait_until(shared: &Shared, held: &Held, at: Time) -> bool {
    loop {
        let left = shared.store.until(at);
        if left.is_zero() {
            return !shared.stopping.is_cancelled() && held.is_safe();
        }
        // Nothing is claimed so far ahead: the store's clock was set back, and the job is planned anew.
        if left > LOOKAHEAD + CLOCK_TOLERANCE {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = shared.stopping.cancelled() => return false,
            () = held.gone.cancelled() => return false,
        }
    }
}

async fn call(shared: &Shared, claim: &Claim, held: &Held, due: Time, manual: bool) -> Settled {
    let job = &claim.job;
    let headers = CallHeaders::new(job.id, due, manual);
    let (transport, request) = shared.pools.request(&job.spec);
    let call = Call {
        endpoint: &job.spec.endpoint,
        request: &request,
        success: &job.spec.success,
        headers: &headers,
        transport: &transport,
        repeatable: job.spec.retry.repeats_cut_calls(),
    };
    let (mut started, left) = (shared.store.now(), Instant::now());
    held.call_leaves();
    let answer = tokio::select! {
        answer = shared.caller.call(call) => match answer {
            Ok(answer) => answer,
            Err(fault) => {
                shared.slots.strain.note(fault, shared.registry.len());
                return claim.settled(None, Then::GiveBack);
            }
        },
        () = held.gone.cancelled() => interrupted("the worker could not hold its claim any longer"),
        () = shared.cutting.cancelled() => interrupted("the worker was stopped"),
    };
    let now = shared.store.now();
    if started > now + CLOCK_TOLERANCE {
        // The store's clock was set back during the call.
        started = now - left.elapsed();
    }
    let finished = now.max(started);
    let mut run = Run {
        token: claim.lock.token,
        job: job.id,
        worker: shared.id,
        due,
        started,
        finished,
        outcome: answer.outcome,
        status: answer.status,
        message: answer.message,
        attempt: claim.attempt(),
        manual,
    };
    let pause = answer.retry_after.map(|asked| asked.pause(run.finished));
    let then = claim.conclude(&run, pause);
    if let Some(cut) = claim.pause_cut(&run, pause, then) {
        run.add_note(&cut);
    }
    shared.meter.record(&run, claim.is_first_call());
    log(&run, claim);
    steer(shared, claim, &run, answer.every.as_deref(), pause).await;
    claim.settled(Some(run), then)
}

fn interrupted(why: &str) -> Answer {
    Answer { outcome: Outcome::Interrupted, status: None, message: why.to_owned(), retry_after: None, every: None }
}

/// Changes the schedule as the target asked, if it may. Before the settle, which leaves `due` as an edit set it. That
/// is all an answer is owed: what cannot be done now is not done.
async fn steer(shared: &Shared, claim: &Claim, run: &Run, every: Option<&str>, pause: Option<Duration>) {
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
    let edit = shared.store.steer(job.id, job.rev, steered);
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
