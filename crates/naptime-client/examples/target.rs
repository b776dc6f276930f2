//! A server that Naptime calls. It verifies each call, and does the work of a repeated call once:
//!
//! ```sh
//! export SECRET="whsec_$(openssl rand -base64 32)"
//! cargo run -p naptime-client --features target --example target
//! naptime add http://127.0.0.1:9000/report --method post --every 10s --sign "$SECRET" --activate     # in another terminal
//! ```
#![allow(clippy::print_stdout, reason = "an example shows on the terminal what comes")]

use axum::extract::{FromRef, State};
use axum::response::Response;
use axum::{Router, routing::post};
use naptime_client::target::{Guard, Signed, Verifier};
use tokio::net::TcpListener;

#[derive(Clone)]
struct App {
    verifier: Verifier,
    guard: Guard,
}

/// `Signed` finds the verifier in the state.
impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

async fn report(State(app): State<App>, Signed { call, body }: Signed) -> Response {
    app.guard
        .once(&call.key, async move {
            println!("writes the report that was due at {}, from {} bytes", call.due, body.len());
            "written"
        })
        .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // While a secret takes the place of another: both, with a comma between.
    let secrets = std::env::var("SECRET")?;
    let state = App { verifier: Verifier::new(secrets.split(','))?, guard: Guard::default() };
    let listener = TcpListener::bind("127.0.0.1:9000").await?;
    println!("listens on http://{}/report", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/report", post(report)).with_state(state)).await?;
    Ok(())
}
