//! The domain of Naptime: what a job is, when it is due, and how it changes hands.
//!
//! Everything here is pure. There is no I/O, no runtime, and no clock is read: the time is always an argument, because
//! the time that counts is the store's. Stores and workers carry out what is decided here.
//!
//! Start with [`state`], the state machine of a job.
//!
//! ```
//! use naptime_core::{Cron, Schedule, Zone};
//!
//! let mornings = Cron::parse("0 9 * * MON-FRI", Zone::parse("Europe/Berlin")?, 0)?;
//! let calls = Schedule::Cron(mornings).upcoming("2027-01-01T00:00:00Z".parse()?, 2);
//! // A Friday, and the Monday after it.
//! assert_eq!(calls[0].to_string(), "2027-01-01T08:00:00.000Z");
//! assert_eq!(calls[1].to_string(), "2027-01-04T08:00:00.000Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod alert;
pub mod answer;
pub mod applied;
pub mod at;
pub mod check;
pub mod claim;
pub mod curl;
pub mod duration;
pub mod edit;
pub mod endpoint;
pub mod expect;
pub mod figures;
pub mod input;
pub mod invalid;
pub mod job;
mod last_day;
mod line;
pub mod load;
pub mod misfire;
pub mod network;
pub mod pem;
pub mod pick;
pub mod plan;
pub mod pool;
pub mod problem;
pub mod recent;
pub mod request;
pub mod retry;
pub mod rooms;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod set_back;
pub mod sign;
pub mod skipped;
pub mod sla;
pub mod spread;
pub mod stage;
pub mod standing;
pub mod state;
pub mod statuses;
pub mod steer;
mod text;
pub mod time;
pub mod transport;
pub mod worker;

pub use alert::{Mute, Receiver};
pub use answer::{Keep, KeptAnswer, Transcript};
pub use applied::{Applied, SaidFields};
pub use at::read_at;
pub use check::{Check, CheckState};
pub use claim::{Claim, ClaimRef, Duty, Settled, Then};
pub use curl::Curl;
pub use edit::{By, Change, Edit, NewJob, Noted, SpecChange};
pub use endpoint::{Channel, Endpoint, Pool};
pub use expect::Expect;
pub use input::Limits;
pub use invalid::Invalid;
pub use job::{Job, JobId, Partition, Plan, Rev, Spec, search_range};
pub use last_day::{DayFigures, LastDay};
pub use line::check_line;
pub use load::{Histogram, Load, Tier};
pub use misfire::{CatchUp, Misfire};
pub use network::AllowedNetworks;
pub use pick::{Candidate, Pick, Picked, Seen};
pub use pool::{Pass, PassId, PoolChange, PoolSettings};
pub use recent::{Recent, Trouble};
pub use request::{Headers, Method, Request, is_host};
pub use retry::{Retry, Temporary};
pub use rooms::Rooms;
pub use rule::{Action, Rule, Template};
pub use run::{Outcome, Run};
pub use schedule::{
    Bounded, Bounds, Cron, Days, Exceptions, Hours, Jitter, Next, Pause, Random, Schedule, Timing, Tzdb, Windows, Zone,
};
pub use sign::{Signature, SigningKeys};
pub use skipped::{SkipReason, Skipped};
pub use sla::{Breach, Cause, Sla, Watch};
pub use stage::Stage;
pub use standing::{Lookback, Standing};
pub use state::{Counters, Last, Lock, Lost, Phase, State, Token};
pub use statuses::Statuses;
pub use steer::{Steer, Steered};
pub use time::Time;
pub use transport::Transport;
pub use worker::{Heartbeat, Peer, WorkerId};
