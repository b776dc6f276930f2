//! Watches the store's clock: if it was wrong and is set back, what was planned by it is planned anew.

use std::time::Duration;

use naptime_core::duration;
use naptime_store::SetBack;

use crate::link::Link;
use crate::outage::backoff;

/// How often the clock is looked at. An endpoint waits for no longer than that after the clock was set right.
const EVERY: Duration = Duration::from_secs(2);

/// Looks at the start and every two seconds.
pub(crate) async fn run(link: Link) {
    let mut failures = 0;
    loop {
        match link.follow_clock().await {
            // The store is mostly not asked for that, so it says nothing of whether the store answers.
            Ok(set_back) => {
                failures = 0;
                if let Some(set_back) = set_back {
                    log(set_back);
                }
            }
            Err(error) => {
                failures += 1;
                link.note_failure(error);
            }
        }
        tokio::time::sleep(if failures == 0 { EVERY } else { backoff(failures) }).await;
    }
}

fn log(SetBack { by, jobs }: SetBack) {
    // By how much is not known of a file of an earlier version.
    let by = if by.is_zero() { String::new() } else { format!(" by {}", about(by)) };
    tracing::warn!(
        jobs,
        "the clock of the store was set back{by}; what was further ahead than it can be is planned anew"
    );
}

/// A duration in words, in the largest unit that it has two of.
fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= 2 * unit).unwrap_or(1);
    duration::show(Duration::from_secs((seconds + unit / 2) / unit * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_roughly() {
        let check = |seconds, expect: &str| assert_eq!(about(Duration::from_secs(seconds)), expect);
        check(400 * 86_400 - 3, "400d");
        check(86_400, "1d");
        check(7, "7s");
    }
}
