//! `naptime login` and `naptime logout`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use naptime_client::Client;

use super::connect::ServerArgs;
use super::logins::Logins;
use crate::faults::given;

#[derive(Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args)]
pub(crate) struct LogoutArgs {
    /// The server to forget [default: that of the last login]
    #[arg(long, env = "NAPTIME_SERVER", value_name = "URL")]
    server: Option<String>,
}

pub(crate) fn login(args: &LoginArgs) -> anyhow::Result<()> {
    // What is already there is looked at first: nobody should type a token for nothing.
    let mut logins = Logins::load()?;
    let server = args.server.builder()?.build()?.server().to_owned();
    let token = match given(args.server.token.as_ref()) {
        Some(token) => token.trim().to_owned(),
        None => ask(&server)?,
    };
    let token = Some(token.as_str()).filter(|token| !token.is_empty());
    let client = Client::builder(&server)?.token(token).patience(Duration::ZERO).build()?;
    super::block_on(async { Ok(client.workers().await?) })?;
    logins.add(&server, token);
    let path = logins.save()?;
    writeln!(std::io::stdout(), "logged in: {server} is asked from now on ({})", path.display())?;
    Ok(())
}

pub(crate) fn logout(args: &LogoutArgs) -> anyhow::Result<()> {
    let mut logins = Logins::load()?;
    let server = given(args.server.as_ref()).map(str::to_owned).or(logins.server.clone());
    let Some(server) = server.filter(|server| logins.remove(server)) else {
        anyhow::bail!("no login of this server is kept");
    };
    logins.save()?;
    writeln!(std::io::stdout(), "logged out of {server}")?;
    Ok(())
}

/// Asks for the token without showing it, or reads it from standard input.
fn ask(server: &str) -> std::io::Result<String> {
    if std::io::stdin().is_terminal() {
        let prompt = format!("Token of {server} (NAPTIME_API_TOKEN there; none: Enter): ");
        return Ok(rpassword::prompt_password(prompt)?.trim().to_owned());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
