//! `naptime enqueue`: have something called once.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use naptime_client::{Client, Item, Job};
use serde_json::json;

use super::connect::ServerArgs;
use super::output::{Form, OutputArgs, json as print_json, line};
use crate::cli::{CallArgs, put};
use crate::exit;

/// How often it is looked whether the job is over.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Args)]
pub(crate) struct EnqueueArgs {
    /// The URL to call
    url: String,
    #[command(flatten)]
    call: CallArgs,
    /// The longest a call may take [default: 60s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// How long from now to call it: 30s, 2h
    #[arg(long = "in", value_name = "DURATION")]
    after: Option<String>,
    /// When to call it: 2030-01-31T09:00:00Z, or a time in the zone of --tz
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The time zone of --at, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// What you know it by: with a key that a job has already, nothing is added
    #[arg(long)]
    key: Option<String>,
    /// How often a call that failed for the time being is tried again, at most 19 times [default: 5]
    #[arg(long, value_name = "N")]
    retries: Option<String>,
    /// Wait until it is over, say how, and end with 0 only if it is done
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn enqueue(args: &EnqueueArgs) -> anyhow::Result<ExitCode> {
    let mut fields = args.call.fields();
    for (name, text) in
        [("timeout", &args.timeout), ("at", &args.at), ("tz", &args.tz), ("in", &args.after), ("key", &args.key)]
    {
        put(&mut fields, name, text.as_deref());
    }
    put(&mut fields, "url", Some(&args.url));
    if let Some(text) = &args.retries {
        // One attempt more than retries. What is no number, the server refuses.
        let attempts =
            text.trim().parse::<u32>().map_or_else(|_| json!(text), |retries| json!(retries.saturating_add(1)));
        fields.insert("retry".to_owned(), json!({"attempts": attempts}));
    }
    let client = args.server.client()?;
    let job = client.enqueue(&fields).await?;
    if !args.wait {
        print(&args.output, &job, &added(&job))?;
        return Ok(ExitCode::SUCCESS);
    }
    let job = wait(&client, job).await?;
    print(&args.output, &job, &over(&job))?;
    Ok(if job.state == "done" { ExitCode::SUCCESS } else { ExitCode::from(exit::WRONG) })
}

async fn wait(client: &Client, mut job: Item<Job>) -> naptime_client::Result<Item<Job>> {
    while !job.is_over() {
        tokio::time::sleep(LOOK_EVERY).await;
        job = client.job(job.id).await?;
    }
    Ok(job)
}

fn print(output: &OutputArgs, job: &Item<Job>, sentence: &str) -> std::io::Result<()> {
    match output.form() {
        Form::Json => print_json(job.json()),
        Form::Ids => line(&job.id.to_string()),
        Form::Table | Form::Tabs => line(sentence),
    }
}

/// What is said of a job that was asked for.
fn added(job: &Job) -> String {
    let log = format!("its log is at /jobs/{0} on the page, and at /api/jobs/{0}/runs", job.id);
    let what = match (&job.note, job.at) {
        (Some(note), _) if note.contains("already") => {
            return format!("there is a job of this key already, {}: {}\n{log}", job.id, job.state);
        }
        (Some(note), _) => note.replace('`', ""),
        (None, Some(at)) => format!("call at {at}"),
        (None, None) => job.state.clone(),
    };
    format!("enqueued {} as {}: {what}\n{log}", job.url, job.id)
}

/// What is said of a job that is over.
fn over(job: &Job) -> String {
    let how = job.last.as_ref().map_or_else(String::new, |last| {
        let status = last.status.map_or_else(String::new, |status| format!(" {status}"));
        format!(": {}{status} {}", last.outcome, last.message.replace('\n', " "))
    });
    format!("job {} is {}{how}", job.id, job.state).trim_end().to_owned()
}
