//! Adds an endpoint, calls it, and shows its runs, on the Naptime of this machine (`naptime up`):
//!
//! ```sh
//! cargo run -p naptime-client --example endpoints
//! ```
#![allow(clippy::print_stdout, reason = "an example shows on the terminal what comes")]

use futures::TryStreamExt;
use naptime_client::{Client, Error, Filter, NewEndpoint};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let naptime = Client::builder("http://127.0.0.1:8080")?.build()?;
    // Naptime's own `/healthz`, as that is there to be called.
    let health = NewEndpoint::every("http://127.0.0.1:8080/healthz", "5s").name("health").active(true);
    let added = match naptime.add(&health).await {
        Ok(added) => added,
        // The code is for programs, and the detail for people.
        Err(Error::Problem(problem)) => {
            println!("refused: {} ({})", problem.detail, problem.code);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    println!("{} is called next at {:?}", added.url, added.due);

    naptime.call(added.id).await?;
    let mut runs = naptime.runs_of(added.id, Filter::new()).items();
    while let Some(run) = runs.try_next().await? {
        println!("{} {} {}", run.finished, run.outcome, run.message);
    }
    Ok(())
}
