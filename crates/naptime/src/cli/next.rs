//! What `naptime next` takes.

use clap::Args;

use super::TimingArgs;

#[derive(Args)]
pub(crate) struct NextArgs {
    /// -: read one JSON object on each line of standard input, and answer on a line each
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with_all = ["TimingArgs", "after", "count", "json"])]
    pub(crate) lines: Option<String>,
    #[command(flatten)]
    pub(crate) timing: TimingArgs,
    /// From when on: 2030-01-31T09:00:00Z, or a time in the zone of --tz [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) after: Option<String>,
    /// How many calls, at most 1,000 [default: 5]
    #[arg(short = 'n', value_name = "N")]
    pub(crate) count: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The shortest period that may be chosen, down to 100ms [default: 1s]
    #[arg(long, env = "NAPTIME_MIN_PERIOD", value_name = "DURATION", hide = true)]
    pub(crate) naptime_min_period: Option<String>,
}
