//! `naptime on`, `off`, `pause` and `resume`.

use std::time::Duration;

use clap::Args;
use naptime_client::{Endpoint, Timestamp};
use naptime_core::duration;
use serde_json::{Map, Value, json};

use super::connect::ServerArgs;
use super::output::OutputArgs;
use super::target::TargetsArgs;
use super::told::{next_call, shown, told};
use crate::cli::put;
use crate::faults::Faults;

/// The longest pause of `--for`. A pause without an end is `--note` alone.
const MAX_PAUSE: Duration = Duration::from_secs(3_660 * 86_400);

#[derive(Args)]
pub(crate) struct SwitchArgs {
    #[command(flatten)]
    targets: TargetsArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    targets: TargetsArgs,
    /// Until this time: 2030-01-31T09:00:00Z, or a time in the zone of the schedule
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// For so long: 30m, 2h
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
    length: Option<String>,
    /// Why it is paused; without --until and --for, until somebody resumes it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn on(args: &SwitchArgs) -> anyhow::Result<()> {
    change_all(&args.targets, &args.output, &args.server, &json!({"active": true}), |it| {
        format!("switched on {}: {}", shown(it), next_call(it))
    })
    .await
}

pub(super) async fn off(args: &SwitchArgs) -> anyhow::Result<()> {
    let sentence = |it: &Endpoint| format!("switched off {}", shown(it));
    change_all(&args.targets, &args.output, &args.server, &json!({"active": false}), sentence).await
}

pub(super) async fn pause(args: &PauseArgs) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let length = faults.read("--for", args.length.as_ref(), None, |text| {
        duration::parse_within("for", text, Duration::from_secs(1), MAX_PAUSE).map(Some)
    });
    let length = faults.check(length)?;
    let mut pause = Map::new();
    put(&mut pause, "until", args.until.as_deref());
    if let Some(length) = length {
        // Within ten years, so it is a time that there is.
        let until = Timestamp::now().checked_add(length)?;
        put(&mut pause, "until", Some(&until.to_string()));
    }
    put(&mut pause, "note", args.note.as_deref());
    if pause.is_empty() {
        let mut faults = Faults::default();
        faults.add("--until", "say until when with this or --for, or why with --note");
        return Err(faults.into());
    }
    let pause = json!({"pause": Value::from(pause)});
    let sentence = |it: &Endpoint| format!("paused {}: {}", shown(it), it.schedule.text);
    change_all(&args.targets, &args.output, &args.server, &pause, sentence).await
}

pub(super) async fn resume(args: &SwitchArgs) -> anyhow::Result<()> {
    let sentence = |it: &Endpoint| format!("resumed {}: {}", shown(it), next_call(it));
    change_all(&args.targets, &args.output, &args.server, &json!({"pause": null}), sentence).await
}

/// Makes the same change to each endpoint.
async fn change_all(
    targets: &TargetsArgs,
    output: &OutputArgs,
    server: &ServerArgs,
    change: &Value,
    sentence: impl Fn(&Endpoint) -> String,
) -> anyhow::Result<()> {
    let client = server.client()?;
    for endpoint in targets.find(&client).await? {
        let changed = client.change(endpoint.id, change).await?;
        told(output, &changed, sentence(&changed))?;
    }
    Ok(())
}
