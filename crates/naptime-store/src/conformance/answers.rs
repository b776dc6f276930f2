//! Answers that are kept.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::answer::{Body, MAX_ANSWERS, Phases};
use naptime_core::{Claim, JobId, KeptAnswer, Outcome, Run, Settled, Token, Transcript};

use super::Backend;
use super::case::{Case, HOUR, new_job, new_token, run};

const DAY: Duration = Duration::from_secs(86_400);

/// What a target says. Whatever it holds is read back as it was.
fn said(text: &str) -> Transcript {
    Transcript {
        request: "POST https://example.com/$x?key=\u{2022}".to_owned(),
        head: "HTTP/1.1 500\nX-One: \"{$ne: null}\" \u{1F9A6}".to_owned(),
        body: if text.is_empty() { Body::Hex("00ff".to_owned()) } else { Body::Text(text.to_owned()) },
        whole: text.len().is_multiple_of(2),
        phases: Phases { connect: Some(1_250), first_byte: Some(u64::from(u32::MAX)), ..Phases::default() },
    }
}

/// Has the claim end so, and keeps what was answered.
pub(super) async fn end<B: Backend>(case: &Case<B>, claim: &Claim, outcome: Outcome, text: &str) -> KeptAnswer {
    let run = run(claim, outcome);
    let kept = claim.kept(&run, said(text));
    let then = claim.conclude(&run, None);
    case.settle(Settled { answer: Some(Arc::new(kept.clone())), ..claim.settled(Some(run), then) }).await;
    kept
}

/// The next call of a job ends so.
async fn next<B: Backend>(case: &Case<B>, id: JobId, outcome: Outcome, text: &str) -> Token {
    let due = case.get(id).await.state.due.expect("due");
    case.advance_to(due).await;
    let claim = case.claim_only(id).await;
    end(case, &claim, outcome, text).await.run
}

async fn body<B: Backend>(case: &Case<B>, id: JobId, run: Token) -> Option<Body> {
    case.store.answer(id, run).await.expect("read").map(|answer| answer.transcript.body)
}

pub async fn an_answer_is_read_back_as_it_was<B: Backend>() {
    let case = Case::<B>::new().await;
    for text in ["out of paper", "", "\u{202e} $set <b> \" \\ \u{0}"] {
        let claim = case.add_claimed().await;
        let kept = end(&case, &claim, Outcome::Failed, text).await;
        let found = case.store.answer(kept.job, kept.run).await.expect("read").expect("it is kept");
        assert_eq!((found.well, found.at, found.transcript), (false, kept.at, kept.transcript));
        assert_eq!(found.place.name, kept.place.name);
        let other = case.add(new_job()).await.id;
        assert_eq!(case.store.answer(other, kept.run).await.expect("read"), None, "of another job");
    }
}

pub async fn a_run_is_found_by_its_claim<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    case.settle_ok(&claim).await;
    let runs: Vec<Run> = case.runs(claim.job.id).await;
    let found = case.store.run(claim.job.id, claim.lock.token).await.expect("read");
    assert_eq!(found.as_ref(), runs.first());
    let other = case.add(new_job()).await.id;
    assert_eq!(case.store.run(other, claim.lock.token).await.expect("read"), None);
}

/// Of a streak of failures the first and the last are kept, and the first good one after it.
pub async fn a_streak_keeps_its_ends<B: Backend>() {
    let case = Case::<B>::new().await;
    let id = case.add_due_in(HOUR).await.id;
    case.change(id, |spec| spec.retry.attempts = 1).await;
    let well = next(&case, id, Outcome::Ok, "fine").await;
    let mut bad = Vec::new();
    for text in ["one", "two", "three"] {
        bad.push(next(&case, id, Outcome::Failed, text).await);
    }
    let text = |text: &str| Some(Body::Text(text.to_owned()));
    assert_eq!(body(&case, id, bad[0]).await, text("one"));
    assert_eq!((body(&case, id, bad[1]).await, body(&case, id, bad[2]).await), (None, text("three")));
    let good_before = async |run: Token| {
        let at = case.store.run(id, run).await.expect("read").expect("it is there").finished;
        case.store.good_answer(id, at).await.expect("read").map(|answer| answer.transcript.body)
    };
    assert_eq!(good_before(bad[0]).await, text("fine"));
    assert_eq!(good_before(well).await, None, "before the first there was none");
    let again = next(&case, id, Outcome::Ok, "fine again").await;
    let next_streak = next(&case, id, Outcome::Timeout, "four").await;
    assert_eq!(body(&case, id, again).await, text("fine again"));
    assert_eq!(good_before(next_streak).await, text("fine again"));
    // The streak before is as it was.
    assert_eq!((body(&case, id, bad[0]).await, body(&case, id, bad[2]).await), (text("one"), text("three")));
}

pub async fn answers_are_purged_with_their_runs<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let kept = end(&case, &claim, Outcome::Failed, "young").await;
    let run = Run { token: new_token(), finished: kept.at - 400 * DAY, ..run(&claim, Outcome::Failed) };
    let old = KeptAnswer { at: run.finished, run: run.token, ..claim.kept(&run, said("old")) };
    let token = run.token;
    record(&case, &claim, run, old).await;
    assert!(body(&case, kept.job, kept.run).await.is_some());
    case.store.purge().await.expect("purged");
    assert!(body(&case, kept.job, kept.run).await.is_some());
    assert_eq!(body(&case, kept.job, token).await, None);
}

/// Has a run be recorded with its answer, and the claim be as it was.
async fn record<B: Backend>(case: &Case<B>, claim: &Claim, run: Run, answer: KeptAnswer) {
    let settled = claim.settled(Some(run), naptime_core::Then::GiveBack);
    case.settle(Settled { answer: Some(Arc::new(answer)), ..settled }).await;
}

/// Who was found lost and comes back has nothing to say any more: another may have called meanwhile.
pub async fn an_answer_of_a_lost_claim_is_not_kept<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    case.outlive_leases().await;
    let second = case.claim_only(claim.job.id).await;
    let kept = end(&case, &second, Outcome::Failed, "of the second").await;
    let late = end(&case, &claim, Outcome::Failed, "of the first").await;
    assert_eq!(body(&case, late.job, late.run).await, None);
    assert_eq!(body(&case, kept.job, kept.run).await, Some(Body::Text("of the second".to_owned())));
}

/// Beyond [`MAX_ANSWERS`] the oldest go, sooner or later, and never one of the newest.
pub async fn the_newest_answers_of_a_job_stay<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let base = run(&claim, Outcome::Failed);
    let mut tokens = Vec::new();
    for n in 0..MAX_ANSWERS + 150 {
        let run = Run { token: new_token(), ..base.clone() };
        let mut kept = claim.kept(&run, said(&n.to_string()));
        kept.at = base.finished + Duration::from_millis(u64::try_from(n).expect("small"));
        kept.place.name = format!("run {n}");
        tokens.push(run.token);
        record(&case, &claim, run, kept).await;
    }
    let id = claim.job.id;
    for token in &tokens[tokens.len() - MAX_ANSWERS..] {
        assert!(body(&case, id, *token).await.is_some());
    }
    let is_gone = async || body(&case, id, tokens[0]).await.is_none();
    for _ in 0..2_000 {
        if is_gone().await {
            return;
        }
        case.advance(Duration::from_millis(100)).await;
    }
    panic!("the first is still there");
}
