//! `naptime doctor`: looks at what is between this machine and a Naptime that works, and says it in plain words.
//!
//! The command looks at what can only be seen from here: the way to the server, its clock, the page's address. The server
//! looks at all else itself (`/api/checks`).

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use naptime_client::{Checks, Client, Error, Timestamp};
use tokio::time::Instant;

use super::connect::ServerArgs;
use super::output::styled;
use super::table::{Cell, style_of};
use crate::exit;

/// How many requests the time of one is taken from.
const TIMED_REQUESTS: usize = 5;
/// From here on an answer takes long.
const SLOW_ANSWER: Duration = Duration::from_millis(500);
/// By how much this machine's clock may differ from the server's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// What is printed, and whether something is wrong.
#[derive(Default)]
struct Findings {
    is_wrong: bool,
}

impl Findings {
    fn good(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.tell("ok", text.into())
    }

    /// Something to know that keeps nothing from working.
    fn note(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.tell("warn", text.into())
    }

    fn wrong(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.tell("bad", text.into())
    }

    /// What the server found.
    fn all(&mut self, checks: &Checks) -> io::Result<()> {
        for check in &checks.items {
            let text = match &check.remedy {
                Some(remedy) => format!("{}; {remedy}", check.text),
                None => check.text.clone(),
            };
            self.tell(&check.state, text)?;
        }
        Ok(())
    }

    fn tell(&mut self, word: &str, text: String) -> io::Result<()> {
        self.is_wrong |= word == "bad";
        let (style, text) = (style_of(word), Cell::new(text).text);
        styled(&format!("{style}{word:<5}{style:#}{text}\n"))
    }
}

pub(super) async fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let client = args.server.builder()?.patience(Duration::ZERO).build()?;
    let mut found = Findings::default();
    let asked = Timestamp::now();
    let checks = client.checks().await?;
    let answered = Timestamp::now();
    reach(&client, &mut found).await?;
    clocks(checks.at, asked, answered, &mut found)?;
    address(&client, checks.url.as_deref(), &mut found).await?;
    found.all(&checks)?;
    version(&checks.version, &mut found)?;
    problems(&client, &mut found).await?;
    Ok(if found.is_wrong { ExitCode::from(exit::WRONG) } else { ExitCode::SUCCESS })
}

/// How fast the server is, and whether anybody can listen in.
async fn reach(client: &Client, found: &mut Findings) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..TIMED_REQUESTS {
        let asked = Instant::now();
        // That the database is not ready is an answer, too; the server tells why.
        let _ = client.ready().await;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    let (server, median) = (client.server(), times[TIMED_REQUESTS / 2]);
    let speed = format!("{server} answers, and the token is right; an answer takes {} ms", median.as_millis());
    if median > SLOW_ANSWER {
        found.note(speed)?;
    } else {
        found.good(speed)?;
    }
    if server.starts_with("http://") && !is_local(server) {
        found.note("the connection is not encrypted: whoever is in between reads the token; use https")?;
    }
    Ok(())
}

fn is_local(server: &str) -> bool {
    ["http://127.", "http://localhost", "http://[::1]"].iter().any(|local| server.starts_with(local))
}

/// Whether the database's clock, which said `at`, is this machine's, which said so before and after.
fn clocks(at: Timestamp, before: Timestamp, after: Timestamp, found: &mut Findings) -> io::Result<()> {
    let skew = if at < before { before.duration_since(at) } else { at.duration_since(after) };
    let skew = Duration::try_from(skew).unwrap_or_default();
    if skew > MAX_CLOCK_SKEW {
        let seconds = skew.as_secs();
        found
            .note(format!("the clocks of the database and of this machine differ by {seconds} s; one of them is wrong"))
    } else {
        found.good("the clocks of the database and of this machine agree")
    }
}

/// Whether the page is where the links in alerts lead.
async fn address(client: &Client, url: Option<&str>, found: &mut Findings) -> anyhow::Result<()> {
    let Some(url) = url else {
        match client.receivers().await {
            // Without receivers there are no alerts that need links.
            Ok(receivers) if receivers.is_empty() => {}
            Ok(_) => found.note("alerts have no links: NAPTIME_URL is not set; set it to where the page is")?,
            // The other checks tell why the server cannot say.
            Err(Error::Problem(_)) => {}
            Err(error) => return Err(error.into()),
        }
        return Ok(());
    };
    if url == client.server() {
        found.good("the links in alerts (NAPTIME_URL) lead here")?;
        return Ok(());
    }
    // Without the token: it is for the server that was named.
    let there = match Client::builder(url) {
        Ok(builder) => builder.patience(Duration::ZERO).build()?.ready().await,
        Err(error) => Err(error),
    };
    match there {
        Ok(()) => found.good(format!("the links in alerts (NAPTIME_URL) lead to {url}, which answers"))?,
        Err(error) => found.wrong(format!(
            "the links in alerts lead nowhere: {error} (from this machine); set NAPTIME_URL to where the page is"
        ))?,
    }
    Ok(())
}

fn version(server: &str, found: &mut Findings) -> io::Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    if server == own {
        found.good(format!("this command is of the same version as the server, {own}"))
    } else {
        found.note(format!("the server is of version {server}, and this command is of {own}"))
    }
}

async fn problems(client: &Client, found: &mut Findings) -> anyhow::Result<()> {
    match client.problems().await {
        Ok(problems) => match &problems.headline {
            None => found.good("nothing is wrong with what is called")?,
            Some(headline) => found.wrong(format!("{headline}; `naptime problems` says more"))?,
        },
        // While the database is away, it is not known what is wrong besides.
        Err(Error::Problem(problem)) => found.wrong(format!("problems cannot be looked for: {problem}"))?,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
