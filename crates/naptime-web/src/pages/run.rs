//! One run: when it was, how it ended, and what was sent and answered, as far as that is kept.

use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use maud::{Markup, html};
use naptime_core::answer::{Body, MAX_BODY};
use naptime_core::{Job, Keep, KeptAnswer, Outcome, Run, Transcript, duration};
use naptime_store::Error;
use similar::{ChangeTag, TextDiff};
use uuid::Uuid;

use super::layout::{Layout, Tab};
use super::{PageError, curl, status, worker};
use crate::app::{App, Shared};
use crate::format;

/// How long two answers may be compared. What is not compared by then counts as different.
const LONGEST: Duration = Duration::from_millis(100);

pub(super) async fn show(
    State(app): State<Shared>,
    Path((job, run)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let (Ok(id), Ok(token)) = (Uuid::try_parse(&job), Uuid::try_parse(&run)) else { return Err(no_run(&app)) };
    let (id, token) = (id.into(), token.into());
    let found = tokio::try_join!(app.store.get(id), app.store.run(id, token), app.store.answer(id, token));
    let (job, run, answer) = match found {
        Ok((job, Some(run), answer)) => (job, run, answer),
        Ok((_, None, _)) | Err(Error::NotFound) => return Err(no_run(&app)),
        Err(error) => return Err(error.into()),
    };
    let good = match (&answer, run.outcome) {
        (None, _) | (_, Outcome::Ok) => None,
        _ => app.store.good_answer(id, run.finished).await?,
    };
    let now = app.now();
    let is_once = job.stage().is_some();
    let of = if is_once { format!("/jobs/{id}") } else { format!("/endpoints/{id}") };
    let name = if job.spec.name.is_empty() { job.spec.shown_endpoint().to_string() } else { job.spec.name.clone() };
    let body = html! {
        div.head {
            div.title {
                h1 { "Run at " (format::clock(now, run.started)) }
                p.where { "of " a href=(of) { (name) } }
            }
        }
        div.detail {
            section.state aria-label="How it went" { (facts(&job, &run, now)) }
            @if let Some(answer) = &answer { (phases(&answer.transcript)) }
            @match &answer {
                Some(answer) => {
                    (sent(&job, &answer.transcript))
                    (answered(&answer.transcript, good.as_ref(), &of, now))
                },
                None => (not_kept(&app, &job)),
            }
        }
    };
    let tab = if is_once { Tab::Jobs } else { Tab::Endpoints };
    Ok(Layout::new(&app, tab, &format!("Run of {name}")).page(&body))
}

fn no_run(app: &App) -> PageError {
    let kept = duration::show(app.settings.retention);
    let text = format!("There is no such run. Runs are kept for {kept}, and at most 10,000 of one job.");
    PageError::new(StatusCode::NOT_FOUND, "No such run", text)
}

fn facts(job: &Job, run: &Run, now: naptime_core::Time) -> Markup {
    html! {
        dl.facts {
            dt { "Outcome" }
            dd {
                (status::outcome(run.outcome, run.status))
                @if !run.message.is_empty() { " " span.message { (run.message) } }
            }
            dt { @if run.manual { "Asked for" } @else { "Due" } }
            dd { (format::exact(run.due)) " " span.dim { (format::relative(now, run.due)) } }
            dt { "Left" }
            dd { (format::exact(run.started)) " " span.dim { (format::took(run.start_lag())) " later" } }
            dt { "Ended" }
            dd { (format::exact(run.finished)) " " span.dim { "took " (format::took(run.took())) } }
            dt { "Attempt" }
            dd { (run.attempt) " of " (job.spec.retry.attempts.max(run.attempt)) }
            dt { "Worker" }
            dd { (worker::named(run.worker)) }
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

fn sent(job: &Job, transcript: &Transcript) -> Markup {
    html! {
        section aria-labelledby="sent" {
            h2 #sent { "What was sent" }
            (block("What was sent", &transcript.request))
            details {
                summary { "As a curl command" }
                (block("As a curl command", &curl::command(&job.spec)))
                p.note { "As it is set up now. In place of •••• put what is not shown." }
            }
        }
    }
}

fn answered(transcript: &Transcript, good: Option<&KeptAnswer>, of: &str, now: naptime_core::Time) -> Markup {
    let this = text(transcript);
    html! {
        section.answered aria-labelledby="answered" {
            h2 #answered { "What was answered" }
            @match good {
                None => (block("What was answered", &this)),
                Some(good) => {
                    @let (before, after) = compared(&text(&good.transcript), &this);
                    div.compared {
                        div {
                            h3 { "This time" }
                            (marked("This time", &after))
                        }
                        div {
                            h3 {
                                "When it went well, " a href={ "/runs/" (good.job) "/" (good.run) } { (format::relative(now, good.at)) }
                            }
                            (marked("When it went well", &before))
                        }
                    }
                    p.note { "Lines that differ are marked. The latest good answer that is kept is not always the last one; "
                        a href={ (of) "#runs" } { "all runs" } "." }
                },
            }
            @if !transcript.whole && !transcript.head.is_empty() {
                p.note { "It was cut off, or is longer than " (MAX_BODY / 1024) " KiB: of a body the beginning is kept." }
            }
        }
    }
}

/// An answer as one text.
fn text(transcript: &Transcript) -> String {
    let Transcript { head, body, .. } = transcript;
    match body {
        _ if head.is_empty() => "(no answer)\n".to_owned(),
        Body::Text(body) => format!("{head}\n{body}"),
        Body::Hex(digits) => format!("{head}\n(not UTF-8, in hexadecimal digits)\n{digits}"),
    }
}

/// A line, and whether the other text has none like it there.
type Line = (String, bool);

/// The lines of both.
fn compared(before: &str, after: &str) -> (Vec<Line>, Vec<Line>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let diff = TextDiff::configure().timeout(LONGEST).diff_lines(before, after);
    for change in diff.iter_all_changes() {
        let line = change.value().trim_end_matches('\n').to_owned();
        match change.tag() {
            ChangeTag::Delete => old.push((line, true)),
            ChangeTag::Insert => new.push((line, true)),
            ChangeTag::Equal => {
                old.push((line.clone(), false));
                new.push((line, false));
            }
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

fn not_kept(app: &App, job: &Job) -> Markup {
    let kept = match (job.spec.keep, job.spec.schedule.is_once()) {
        (Keep::All, _) => "All answers of this endpoint are kept since it says so, this one came before, or was lost",
        (Keep::None, _) => "No answer of this endpoint is kept, as it is set up",
        (Keep::Failures, true) => "Of a one-off job the first and the last of its failures are kept",
        (Keep::Failures, false) => {
            "Of each streak of failures the first and the last answer are kept, and the first good one after it"
        }
    };
    html! {
        section aria-labelledby="answered" {
            h2 #answered { "What was answered" }
            p.empty {
                "It was not kept. " (kept) "; all for " (duration::show(app.settings.retention)) "."
            }
            details {
                summary { "The call as a curl command" }
                (block("As a curl command", &curl::command(&job.spec)))
            }
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
