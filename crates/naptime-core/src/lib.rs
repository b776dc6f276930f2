//! The domain of Naptime: what a job is, when it is due, and how it changes hands.
//!
//! Everything here is pure. There is no I/O, no runtime, and no clock is read: the time is always an argument, because
//! the time that counts is the store's. Stores and workers carry out what is decided here.
//!
//! Start with [`state`], the state machine of a job.

pub mod claim;
pub mod duration;
pub mod edit;
pub mod endpoint;
pub mod invalid;
pub mod job;
pub mod load;
pub mod network;
pub mod request;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod state;
pub mod time;
pub mod worker;

pub use claim::{Claim, ClaimRef, Duty, Settled, Then};
pub use edit::{Change, Edit, NewJob};
pub use endpoint::{Channel, Endpoint, Pool};
pub use invalid::Invalid;
pub use job::{Job, JobId, Partition, Plan, Rev, Spec};
pub use load::{Histogram, Load, Tier};
pub use network::AllowedNetworks;
pub use request::{Headers, Method, Request};
pub use retry::Retry;
pub use run::{Outcome, Run};
pub use schedule::{Next, Schedule};
pub use state::{Counters, Last, Lock, Lost, State, Token};
pub use time::Time;
pub use worker::{Heartbeat, WorkerId};
