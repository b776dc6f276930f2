//! What every scenario needs: a real MongoDB, the real program, a target that records its calls, a real browser.
//!
//! Servers are processes shared by the tests of one test binary; clients are not, as every `#[tokio::test]` has a
//! runtime of its own and a client dies with the runtime that it was made in.
#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should fail where it is")]

pub mod browser;
pub mod collector;
pub mod disk;
pub mod dns;
pub mod eventually;
pub mod guard;
pub mod host;
pub mod hostile;
pub mod http;
pub mod mongo;
pub mod naptime;
pub mod nginx;
pub mod port;
pub mod process;
pub mod rabbit;
pub mod scratch;
pub mod smtp;
pub mod sqlite;
pub mod target;
pub mod terminal;
pub mod tools;

pub use browser::Browser;
pub use collector::Collector;
pub use eventually::eventually;
pub use host::Host;
pub use naptime::Naptime;
pub use smtp::MailServer;
pub use target::{Answer, Call, Target};
pub use terminal::Terminal;
