//! An async client of Naptime's API: add what is to be called, and see how the calls went.
//!
//! A server that runs on this machine (`naptime up`) asks for no token:
//!
//! ```no_run
//! use futures::TryStreamExt;
//! use naptime_client::{Client, Filter, NewEndpoint, NewJob};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> naptime_client::Result<()> {
//! let naptime = Client::builder("http://127.0.0.1:8080")?.build()?;
//!
//! let endpoint = NewEndpoint::every("https://example.com/cron", "5m").name("nightly report").active(true);
//! let added = naptime.add(&endpoint).await?;
//! println!("{} is called next at {:?}", added.url, added.due);
//!
//! let job = naptime.enqueue(&NewJob::now("https://example.com/hook").key("order-7")).await?;
//! println!("job {} is {}", job.id, job.state);
//!
//! let mut failing = naptime.endpoints(Filter::new().with("state", "failing")).items();
//! while let Some(endpoint) = failing.try_next().await? {
//!     println!("{} fails", endpoint.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What the API answers is an [`Item`]: the fields that programs ask for most, with types, and beside them all that was
//! sent as JSON. So a field that this version does not know is not lost. Lists are streams that ask for one page after
//! the other ([`List`]), and [`Client::stream`] tells what happens as it happens. An answer of 429 or 503 with `Retry-After` is waited for, within bounds
//! ([`Builder::patience`]).
//!
//! The feature `target` adds the module of that name, for programs that Naptime calls: it verifies signed calls, and
//! answers repeated ones without doing the work again.

mod builder;
mod client;
mod code;
mod endpoints;
mod error;
mod fields;
mod filter;
mod item;
mod jobs;
mod list;
mod pools;
mod retry;
mod rules;
mod runs;
mod sse;
mod standing;
mod stream;
#[cfg(feature = "target")]
pub mod target;
mod time;

pub use builder::Builder;
pub use client::Client;
pub use code::{
    ApplyChange, ApplyField, ApplyLoad, ApplyPlan, BeforeAndAfter, BusyMinute, DueTogether, Export, ExportedSecret,
};
pub use endpoints::{Endpoint, LastDay, LastRun, Schedule, Trouble};
pub use error::{Error, Fault, ProblemDocument, Result};
pub use fields::{NewEndpoint, NewJob};
pub use filter::Filter;
pub use item::Item;
pub use jiff::Timestamp;
pub use jobs::{Enqueued, Job, ManyEnqueued};
pub use list::{List, Page, Unreadable};
pub use pools::{Pool, PoolDown};
pub use rules::Rule;
pub use runs::{Run, WorkerName};
pub use standing::{Check, Checks, Late, Plan, Problem, Problems, Receiver, Worker};
pub use stream::{EndpointChange, Event, Gap, OpenProblems, ProblemChange};
pub use uuid::Uuid;
