//! How many files a process may have open: each call under way is a connection to the target.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Options;

/// Files besides connections to the target.
const OTHERS: u64 = 200;

/// How many files the calls of all workers take.
pub(crate) fn files(options: &Options) -> u64 {
    let workers = options.workers.iter().max().copied().unwrap_or_default() as u64;
    // One that was asked to stop goes on for a while beside the one that follows it.
    let times = if options.stop_every.is_some() { 2 } else { 1 };
    OTHERS + times * workers * u64::from(options.capacity)
}

/// The most files that there may be; none: as many as one likes.
pub(crate) fn most() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Allows for as many as there may be, here and in the workers. Many systems begin with 1,024.
pub(crate) fn raise() {
    let maximum = most();
    // If it cannot be raised, it is as high as it goes.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
