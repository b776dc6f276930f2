//! One run: when it was, how it ended, and what was sent and answered, as far as that is kept.

use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::answer::{Body, MAX_KEPT_BODY};
use naptime_core::{Keep, KeptAnswer, Outcome, Run, Skipped, Spec, Time, Transcript, WorkerId, duration};
use naptime_store::Error;
use similar::DiffOp;
use similar::algorithms::{Capture, myers};
use tokio::time::Instant;
use uuid::Uuid;

use super::curl;
use crate::app::{App, Shared};
use crate::kit::PageError;
use crate::kit::format;
use crate::kit::layout::{Layout, Tab};
use crate::kit::{status, worker};

/// How long two answers may be compared. What is not compared by then counts as different.
const DIFF_TIMEOUT: Duration = Duration::from_millis(100);

pub(super) async fn show(
    State(app): State<Shared>,
    Path((job, run)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let (Ok(id), Ok(token)) = (Uuid::try_parse(&job), Uuid::try_parse(&run)) else { return Err(no_run(&app)) };
    let (id, token) = (id.into(), token.into());
    let run = app.store.run(id, token).await?.ok_or_else(|| no_run(&app))?;
    let job = match app.store.get(id).await {
        Ok(job) => Some(job),
        // It has gone, or cannot be read; the run is told all the same.
        Err(Error::NotFound | Error::Corrupt(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let answer = readable(app.store.answer(id, token).await)?;
    let good = match (&answer, run.outcome) {
        (None, _) | (_, Outcome::Ok) => None,
        _ => readable(app.store.good_answer(id, run.finished).await)?,
    };
    let now = app.now();
    let spec = job.as_ref().map(|job| job.spec.as_ref());
    let is_once = job.as_ref().is_some_and(|job| job.stage().is_some());
    let name = match spec {
        None => id.to_string(),
        Some(spec) if spec.name.is_empty() => spec.shown_endpoint().to_string(),
        Some(spec) => spec.name.clone(),
    };
    let body = html! {
        div.head {
            div.title {
                h1 { @if run.skipped.is_some() { "Not called at " (format::clock(now, run.due)) } @else { "Run at " (format::clock(now, run.started)) } }
                p.of {
                    "of "
                    @if job.is_some() { a href={ @if is_once { "/jobs/" } @else { "/endpoints/" } (id) } { (name) } }
                    @else { "a job that is no longer there, " code { (name) } }
                }
            }
        }
        div.detail {
            section.state aria-label="How it went" {
                @match run.skipped {
                    Some(skipped) => (gap(&run, skipped, now)),
                    None => (facts(spec, &run, now)),
                }
            }
            @match &answer {
                _ if run.skipped.is_some() => {},
                Some(answer) => {
                    (phases(&answer.transcript))
                    (sent(spec, &answer.transcript))
                    (answered(&answer.transcript, good.as_ref(), now))
                },
                None => (not_kept(spec, &run)),
            }
        }
    };
    let tab = if is_once { Tab::Jobs } else { Tab::Endpoints };
    let zone = spec.and_then(|spec| spec.schedule.zone());
    Ok(Layout::new(&app, tab, &format!("Run of {name}")).in_zone(zone).page(&body))
}

/// An answer, unless it cannot be read: the rest of the page is worth showing.
fn readable(found: naptime_store::Result<Option<KeptAnswer>>) -> Result<Option<KeptAnswer>, PageError> {
    match found {
        Err(Error::Corrupt(why)) => {
            tracing::error!(why, "an answer cannot be read");
            Ok(None)
        }
        other => Ok(other?),
    }
}

fn no_run(app: &App) -> PageError {
    let kept = duration::show(app.settings.retention);
    let text = format!("There is no such run. Runs are kept for {kept}, and at most 10,000 of one job.");
    PageError::new(StatusCode::NOT_FOUND, "No such run", text)
}

fn facts(spec: Option<&Spec>, run: &Run, now: Time) -> Markup {
    html! {
        dl.facts {
            dt { "Outcome" }
            dd {
                (status::outcome(run.outcome, run.status))
                @if !run.message.is_empty() { " " span.message { (run.message) } }
            }
            dt { @if run.manual { "Asked for" } @else { "Due" } }
            dd { (format::precise(run.due)) " " span.dim { (format::relative(now, run.due)) } }
            dt { "Left" }
            dd { (format::precise(run.started)) " " span.dim { (format::took(run.start_lag())) " later" } }
            dt { "Ended" }
            dd { (format::precise(run.finished)) " " span.dim { "took " (format::took(run.took())) } }
            dt { "Attempt" }
            dd {
                (run.attempt)
                @if let Some(spec) = spec.filter(|_| !run.manual) { " of " (spec.retry.attempts.max(run.attempt)) }
            }
            dt { "Worker" }
            dd { (worker::named(run.worker)) }
        }
    }
}

/// What is known of occurrences that were not called.
fn gap(run: &Run, skipped: Skipped, now: Time) -> Markup {
    html! {
        dl.facts {
            dt { "Outcome" }
            dd { (status::outcome(run.outcome, None)) }
            dt { "Occurrences" }
            dd { (format::count(skipped.count)) }
            dt { "First due" }
            dd { (format::precise(run.due)) " " span.dim { (format::relative(now, run.due)) } }
            dt { "Found" }
            dd { (format::precise(run.finished)) " " span.dim { (format::took(run.start_lag())) " later" } }
            dt { "Why" }
            dd { (skipped.reason) }
            @if run.worker != WorkerId::NOBODY {
                dt { "Found by" }
                dd { (worker::named(run.worker)) }
            }
        }
    }
}

/// How long each part took.
fn phases(transcript: &Transcript) -> Markup {
    let all: Duration = transcript.phases.known().map(|(_, took)| took).sum();
    let share = |took: Duration| 100.0 * took.as_secs_f64() / all.as_secs_f64().max(1e-9);
    html! {
        @if transcript.phases.known().next().is_some() {
            section.phases aria-labelledby="phases" {
                h2 #phases { "Where the time went" }
                table {
                    thead { tr { th scope="col" { "Part" } th.number scope="col" { "Took" } th scope="col" { "Share" } } }
                    tbody {
                        @for (name, took) in transcript.phases.known() {
                            tr {
                                th scope="row" { (name) }
                                td.number { (short(took)) }
                                td { meter min="0" max="100" value=(format!("{:.1}", share(took))) aria-label=(name) {} }
                            }
                        }
                    }
                }
                @if transcript.phases.connect.is_none() && transcript.phases.first_byte.is_some() {
                    p.note { "On a connection that was there already." }
                }
            }
        }
    }
}

/// A part of a call: `0.25 ms`, `12 ms`.
fn short(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format::took(took) }
}

fn sent(spec: Option<&Spec>, transcript: &Transcript) -> Markup {
    html! {
        section aria-labelledby="sent" {
            h2 #sent { "What was sent" }
            (block("The request", &transcript.request))
            (as_curl(spec))
        }
    }
}

/// The call as a command for a shell, to be opened by who wants it.
pub(crate) fn as_curl(spec: Option<&Spec>) -> Markup {
    html! {
        @if let Some(command) = spec.and_then(curl::command) {
            details.curl {
                summary { "The call as it is set up now, as a curl command" }
                (block("The command", &command))
                p.note {
                    "Without what its pool and a signature add. Put what is not shown in place of ••••."
                }
            }
        }
    }
}

fn answered(transcript: &Transcript, good: Option<&KeptAnswer>, now: Time) -> Markup {
    let this = text(transcript);
    html! {
        section.answered aria-labelledby="answered" {
            h2 #answered { "What was answered" }
            @match good {
                None => (block("The answer", &this)),
                Some(good) => {
                    @let (before, after) = compared(&text(&good.transcript), &this);
                    div.compared {
                        div {
                            h3 { "This time" }
                            (marked("The answer of this time", &after))
                        }
                        div {
                            h3 {
                                "When it went well, " a href={ "/runs/" (good.job) "/" (good.run) } { (format::relative(now, good.at)) }
                            }
                            (marked("The answer when it went well", &before))
                        }
                    }
                    p.note { "Lines that differ are marked. The good answer is the latest that is kept, not the latest of all." }
                },
            }
            @if !transcript.whole && !transcript.head.is_empty() {
                p.note { "It was cut off, or is longer than " (MAX_KEPT_BODY / 1024) " KiB: of a body the beginning is kept." }
            }
        }
    }
}

/// An answer as one text.
fn text(transcript: &Transcript) -> String {
    let Transcript { head, body, .. } = transcript;
    match body {
        _ if head.is_empty() => "(no answer)\n".to_owned(),
        Body::Text(body) => {
            let body = body.replace("\r\n", "\n");
            format!("{head}\n{}\n", format::harmless(body.trim_end_matches('\n')))
        }
        Body::Hex(digits) => format!("{head}\n(not UTF-8, in hexadecimal digits)\n{digits}\n"),
    }
}

/// A line, and whether the other text has none like it there.
type Line = (String, bool);

/// The lines of both.
fn compared(before: &str, after: &str) -> (Vec<Line>, Vec<Line>) {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let (mut diff, deadline) = (Capture::new(), (Instant::now() + DIFF_TIMEOUT).into_std());
    let Ok(()) = myers::diff_deadline(&mut diff, &before, 0..before.len(), &after, 0..after.len(), Some(deadline));
    let differing = |lines: Vec<&str>| -> Vec<Line> { lines.into_iter().map(|line| (line.to_owned(), true)).collect() };
    let (mut old, mut new) = (differing(before), differing(after));
    for op in diff.ops() {
        if let DiffOp::Equal { old_index, new_index, len } = *op {
            old[old_index..][..len].iter_mut().for_each(|(_, differs)| *differs = false);
            new[new_index..][..len].iter_mut().for_each(|(_, differs)| *differs = false);
        }
    }
    (old, new)
}

fn marked(label: &str, lines: &[Line]) -> Markup {
    html! {
        pre.kept tabindex="0" role="region" aria-label=(label) {
            @for (line, differs) in lines {
                @if *differs && !line.trim().is_empty() { mark { (line) } } @else { (line) }
                "\n"
            }
        }
    }
}

fn block(label: &str, text: &str) -> Markup {
    html! { pre.kept tabindex="0" role="region" aria-label=(label) { "\n" (text) } }
}

fn not_kept(spec: Option<&Spec>, run: &Run) -> Markup {
    let why = match (run.outcome, spec) {
        (Outcome::Interrupted | Outcome::Lost, _) => "Nobody was there to hear what was answered.",
        (_, Some(spec)) if spec.endpoint.is_mail() => "Of mail nothing more than the message is kept.",
        (_, Some(spec)) if !spec.endpoint.is_http() => "Of a handler nothing more than its message is kept.",
        (_, Some(spec)) if spec.keep == Keep::None => "No answer is kept, as it is set up.",
        (_, Some(spec)) if spec.keep == Keep::All => "All are kept, but of more than 100 of one job the oldest go.",
        (_, Some(spec)) if spec.schedule.is_once() => {
            "Of the attempts of a one-off job the first and the last that failed are kept, and the good one after them."
        }
        _ => {
            "Of each streak of failures the first and the last answer are kept, and the first good one after them; while all \
             goes well, one a day. An endpoint may ask for all of them to be kept."
        }
    };
    html! {
        section aria-labelledby="answered" {
            h2 #answered { "What was answered" }
            p.empty { "It was not kept. " (why) }
            (as_curl(spec))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_told() {
        let (old, new) = compared("HTTP/1.1 200 OK\ndate: 1\n\nfine\n", "HTTP/1.1 500 Oh\ndate: 1\n\nfine\nnot\n");
        let line = |text: &str, differs| (text.to_owned(), differs);
        assert_eq!(old, [line("HTTP/1.1 200 OK", true), line("date: 1", false), line("", false), line("fine", false)]);
        assert_eq!(new[..3], [line("HTTP/1.1 500 Oh", true), line("date: 1", false), line("", false)]);
        assert_eq!(new[3..], [line("fine", false), line("not", true)]);
    }
}
