//! What `naptime prove` is set by.

use clap::Args;

use super::MongoArgs;

#[derive(Args)]
#[command(mut_arg("mongodb_uri", |uri| uri
    .help("The MongoDB to prove it on, a replica set; its user must be allowed to make databases")
    .long_help("The MongoDB to prove it on, a replica set. Its user must be allowed to make databases.\n\n\
                Read from MONGO_HOST, MONGO_PORT, MONGO_DB, MONGO_USER and MONGO_PASSWORD as well.")))]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) mongo: MongoArgs,
    /// On an embedded database file, in place of a MongoDB
    #[arg(long)]
    pub(crate) embedded: bool,
    /// How many endpoints are called [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) endpoints: Option<String>,
    /// The period of each [default: 1s]
    #[arg(long, value_name = "PERIOD")]
    pub(crate) every: Option<String>,
    /// How many workers; several numbers are tried in turn, such as 1,2,4 [default: 1]
    #[arg(long, value_name = "N,...")]
    pub(crate) workers: Option<String>,
    /// The most calls each worker makes at once [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<String>,
    /// How long the called server takes to answer [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub(crate) target_delay: Option<String>,
    /// How often a worker is killed (kill -9) and another started
    #[arg(long, value_name = "DURATION")]
    pub(crate) kill_every: Option<String>,
    /// How often a worker is asked to stop (SIGTERM) and another started
    #[arg(long, value_name = "DURATION")]
    pub(crate) stop_every: Option<String>,
    /// How far the workers' clocks are off, in turn ahead and behind; needs libfaketime
    #[arg(long, value_name = "DURATION")]
    pub(crate) skew: Option<String>,
    /// How long the calls are watched [default: 30s]
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) length: Option<String>,
    /// How many one-off jobs to add as well, all due at once
    #[arg(long, value_name = "N")]
    pub(crate) backlog: Option<String>,
    /// Write the report as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<String>,
}
