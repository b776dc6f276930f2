//! What `naptime move` is set by.

use clap::Args;

#[derive(Args)]
pub(crate) struct MoveArgs {
    /// The MongoDB to move to, a replica set, such as mongodb://host/naptime; its database must be empty
    #[arg(long, env = "MONGODB_URI", hide_env_values = true, value_name = "URI")]
    pub(crate) to: Option<String>,
    /// The embedded database file to move from [default: naptime.db]
    #[arg(long, env = "NAPTIME_DB", value_name = "FILE")]
    pub(crate) naptime_db: Option<String>,
    /// The environment of the MongoDB database, as for `web` and `worker`
    #[arg(long, env = "NAPTIME_ENV", value_name = "NAME")]
    pub(crate) naptime_env: Option<String>,
    /// Take a move back that was killed before all was handed over: calls go on from the file
    #[arg(long)]
    pub(crate) undo: bool,
}
