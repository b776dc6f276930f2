//! Which server is asked.

use std::time::Duration;

use clap::Args;
use naptime_client::{Builder, Client};

use super::logins::Logins;
use crate::faults::given;

/// Where `naptime up` listens unless it is told otherwise.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
/// How long a server that is busy, or waits for its database, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The server to ask [default: that of `naptime login`, or http://127.0.0.1:8080]
    #[arg(long, env = "NAPTIME_SERVER", value_name = "URL")]
    pub(super) server: Option<String>,
    /// The server's token: what is set there as NAPTIME_API_TOKEN [default: that of `naptime login`]
    #[arg(long, env = "NAPTIME_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(super) token: Option<String>,
}

impl ServerArgs {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Ok(self.builder()?.build()?)
    }

    /// A client to be built, of the server that is said, or the one of the last login.
    pub(super) fn builder(&self) -> anyhow::Result<Builder> {
        let said = (given(self.server.as_ref()), given(self.token.as_ref()));
        // Who says all needs no file, even one that cannot be read.
        let logins = if let (Some(_), Some(_)) = said { Logins::default() } else { Logins::load()? };
        let (server, token) = said;
        let server = server.or(logins.server.as_deref()).unwrap_or(DEFAULT_SERVER);
        Ok(Client::builder(server)?.token(token.or(logins.token(server))).patience(PATIENCE))
    }
}
