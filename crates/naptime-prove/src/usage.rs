//! What processes use, from `/proc`. Of a process that is gone it is nothing.

use std::fs;
use std::time::Duration;

/// The unit of CPU times in `/proc`, in milliseconds: 100 to the second on every Linux that user programs see.
const TICK_MS: u64 = 10;

/// The CPU time that a process has used so far, user and system.
pub(crate) fn cpu(pid: u32) -> Duration {
    cpu_in(&format!("/proc/{pid}/stat"), 11)
}

/// The CPU time that those processes used that this one has started and waited for.
pub(crate) fn cpu_of_the_gone() -> Duration {
    cpu_in("/proc/self/stat", 13)
}

/// The CPU time that a process and its descendants have used so far. A descendant that has ended counts if its parent
/// waited for it.
pub fn cpu_of_family(pid: u32) -> Duration {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let gone = cpu_in(&format!("/proc/{pid}/stat"), 13);
    cpu(pid) + gone + children.map(cpu_of_family).sum::<Duration>()
}

/// The CPU time that everything on this machine has used so far: what others use disturbs a measurement.
pub fn cpu_of_all() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal: all but idle and iowait.
    let busy: u64 = numbers.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, n)| n).sum();
    ticks(busy)
}

/// The most memory that a process has had resident, in MiB.
pub(crate) fn peak_mib(pid: u32) -> f64 {
    kib(&format!("/proc/{pid}/status"), "VmHWM:") / 1024.0
}

/// The memory of this machine, in MiB.
pub(crate) fn memory_mib() -> u64 {
    (kib("/proc/meminfo", "MemTotal:") / 1024.0) as u64
}

/// The sum of the field `at` after the name and the one that follows: user and system.
fn cpu_in(stat: &str, at: usize) -> Duration {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    // The second field, the name, may hold anything but ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(at).take(2));
    ticks(fields.into_iter().flatten().filter_map(|field| field.parse::<u64>().ok()).sum())
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(TICK_MS))
}

fn kib(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
    value.unwrap_or(0.0)
}
