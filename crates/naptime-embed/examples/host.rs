//! An app with Naptime in it: pages and API at `/naptime`, and functions of the app that are called on schedule.
//!
//! ```sh
//! cargo run -p naptime-embed --example host
//! naptime add job://hello --every 1s --activate --server http://localhost:8080/naptime     # in another terminal
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use naptime_embed::{Failure, HandlerCall, Naptime, Running};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let naptime = store().mount("/naptime").handler("hello", hello).handler("flaky", flaky).handler("slow", slow);
    let naptime = naptime.start().await?;

    let app = Router::new().route("/", get(async || "the app's own page\n")).merge(naptime.router());
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop(naptime)).await?;
    Ok(())
}

async fn hello(call: HandlerCall) -> Result<String, Failure> {
    Ok(format!("hello from the app, for {}", call.due))
}

/// Fails at the first attempt at each occurrence.
async fn flaky(call: HandlerCall) -> Result<&'static str, Failure> {
    if call.attempt == 1 {
        return Err(Failure::new("out of paper").retry_after(Duration::from_millis(100)));
    }
    Ok("printed")
}

/// Takes two seconds.
async fn slow(_: HandlerCall) -> Result<&'static str, Failure> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok("done")
}

/// Where Naptime keeps everything: a file of its own, or a MongoDB that other processes share.
fn store() -> Naptime {
    match std::env::var("MONGODB_URI") {
        Ok(uri) => Naptime::mongodb(uri),
        Err(_) => Naptime::embedded(std::env::var("NAPTIME_DB").unwrap_or_else(|_| "naptime.db".to_owned())),
    }
}

/// Waits until the process is to end, and until Naptime has. The server answers meanwhile, and ends after it.
async fn stop(naptime: Running) {
    let mut term = signal(SignalKind::terminate()).expect("a signal that can be waited for");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    naptime.shutdown().await;
}
