//! How long connections are waited for, kept and used.

use std::time::Duration;

/// How long connections are kept and used. Other values than those by default are for tests.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a connection may idle before it is closed. Shorter than the 2 s of the least patient servers in common
    /// use (gunicorn; Node, Apache and uvicorn wait 5 s), longer than the shortest usual period.
    pub max_idle: Duration,
    /// How long a connection is used for new calls, so that changes in DNS are followed.
    pub max_age: Duration,
    /// How long a connection that somebody opens for all is waited for, before others open their own. Longer than its
    /// round trips take, from anywhere.
    pub shared_open: Duration,
    /// How often the other side of an HTTP/2 connection with calls in flight is asked whether it is there.
    pub ping_every: Duration,
    /// How long it may take to answer. Long: a server that has one thread and a long request in it doesn't answer
    /// either.
    pub ping_patience: Duration,
}

impl Default for Timing {
    /// A frozen connection is given up after 15 s at most, half of the usual timeout.
    fn default() -> Self {
        Self {
            max_idle: Duration::from_millis(1_500),
            max_age: Duration::from_secs(300),
            shared_open: Duration::from_secs(1),
            ping_every: Duration::from_secs(5),
            ping_patience: Duration::from_secs(10),
        }
    }
}

impl Timing {
    /// Whether a connection of this age that idles for so long may be used for another call.
    pub(super) fn allows(&self, age: Duration, idle: Duration) -> bool {
        age < self.max_age && idle < self.max_idle
    }
}
