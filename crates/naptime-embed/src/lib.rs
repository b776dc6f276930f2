//! Naptime inside an app of one's own: its pages and its API under a path of the app, its worker beside it, and functions
//! of the app in place of URLs.
//!
//! ```no_run
//! use naptime_embed::{HandlerCall, Naptime};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let naptime = Naptime::embedded("naptime.db")
//!     .mount("/naptime")
//!     .handler("report", async |call: HandlerCall| Ok(format!("the report of {}", call.due)))
//!     .start()
//!     .await?;
//! let app = axum::Router::new().merge(naptime.router());
//! # let _: axum::Router = app;
//! naptime.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! An endpoint with the URL `job://report` is then a call of that function, claimed, retried and recorded as a call by
//! HTTP is. The guide is `docs/guides/embed.md`.
//!
//! The process stays the app's: nothing here sets a subscriber of `tracing`, a panic hook, signal handlers or limits of the
//! process, reads the environment for settings, or ends the process.
//!
//! The program `naptime` is made of the same parts: [`store`], [`door`], [`working`] and [`limits`].

#![warn(missing_docs)]

pub mod door;
pub mod limits;
pub mod store;
pub mod working;

mod builder;
mod running;
mod settings;

pub use builder::Naptime;
pub use naptime_core::{Headers, Invalid, Job, Method, Run, Time};
pub use naptime_web::Router;
pub use naptime_worker::call::{Failure, HandlerCall};
pub use naptime_worker::{CallSpan, CallTracer};
pub use running::{CannotStart, Running};
