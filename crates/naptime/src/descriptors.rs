//! File descriptors: how many this process may have, and how many calls that is enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::faults::Faults;

/// What is kept for the store, the broker, the listener and the logs.
const RESERVE: u64 = 64;
/// How many a call may need at a time: its connection, and one more while its name is looked up, while another address
/// is tried, or for the connection kept from a call before it.
const PER_CALL: u64 = 2;
/// The most that macOS takes where it says that there is no limit (`OPEN_MAX`).
const MACOS_MAX: u64 = 10_240;

/// The setting of a worker's capacity, and what its process has to share with it.
pub(crate) struct Need {
    /// The name of the setting.
    pub(crate) setting: &'static str,
    pub(crate) capacity: u32,
    /// How many connections from outside it accepts: to the page, and to its metrics.
    pub(crate) page: usize,
}

/// Raises the limit of this process to the most it may have. Where that cannot be done, the limit stays.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let raise = |current: Option<u64>| setrlimit(Resource::Nofile, Rlimit { current, ..limit }).is_ok();
    let _ = raise(limit.maximum) || limit.current.is_some_and(|now| now < MACOS_MAX) && raise(Some(MACOS_MAX));
}

/// The capacity that there are descriptors for, and a line to be logged if that is less than was asked for.
pub(crate) fn fit(need: &Need, faults: &mut Faults) -> (u32, Option<String>) {
    fit_within(getrlimit(Resource::Nofile).current, need, faults)
}

fn fit_within(limit: Option<u64>, need: &Need, faults: &mut Faults) -> (u32, Option<String>) {
    let Need { setting, capacity, page } = *need;
    let Some(limit) = limit else { return (capacity, None) };
    let taken = RESERVE + page as u64;
    let room = u32::try_from(limit.saturating_sub(taken) / PER_CALL).unwrap_or(u32::MAX);
    if room >= capacity {
        return (capacity, None);
    }
    let page = if page > 0 { format!("{page} for connections from outside, ") } else { String::new() };
    let why = format!(
        "this process may have {limit} file descriptors: {page}{RESERVE} for the rest, and a call needs up to \
         {PER_CALL}. Raise the hard limit to {} (`ulimit -Hn`, `LimitNOFILE=` of systemd, `--ulimit nofile=` of Docker)",
        taken + PER_CALL * u64::from(capacity),
    );
    if room == 0 {
        faults.add(setting, format!("no call could be made, as {why}"));
    }
    (room, Some(format!("{setting} is {capacity} and is lowered to {room}, as {why}, or lower {setting}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_what_there_are_descriptors_for() {
        let check = |limit: Option<u64>, capacity: u32, page: usize, expect: Option<u32>| {
            let mut faults = Faults::default();
            let need = Need { setting: "WORKER_MAX_CAPACITY", capacity, page };
            let (fitted, line) = fit_within(limit, &need, &mut faults);
            assert_eq!(line.is_some(), fitted < capacity, "{limit:?} {capacity} {page}");
            assert_eq!(faults.check(fitted).ok(), expect, "{limit:?} {capacity} {page}");
        };
        check(None, 10_000, 512, Some(10_000));
        check(Some(1_024), 100, 512, Some(100));
        check(Some(1_024), 224, 512, Some(224));
        check(Some(1_024), 1_500, 512, Some(224));
        check(Some(1_024), 1_500, 0, Some(480));
        check(Some(3_576), 1_500, 512, Some(1_500));
        check(Some(577), 10, 512, None);
        check(Some(20), 10, 0, None);
    }
}
