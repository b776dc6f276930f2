//! The suite that every store must pass.
//!
//! It is written once and stamped onto each backend by [`conformance!`](crate::conformance!), one test for each case,
//! so that a failure has a name. Cases are in files by verb. [`model`] is the sharpest of them: random edits, claims
//! and settles, each compared with what the pure transitions of [`naptime_core`] make of them.
//!
//! Time is moved, not waited for: a backend adds an offset to its clock. Real time goes on meanwhile, so cases move in
//! steps that are long against how long they run.

#![cfg(feature = "conformance")]
#![allow(missing_docs, reason = "the name of a case says what it demands")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Store;

mod case;
pub mod claiming;
pub mod editing;
pub mod history;
pub mod leases;
pub mod listing;
pub mod load;
pub mod model;
pub mod occurrences;
pub mod racing;
pub mod settling;

/// A store under test.
#[async_trait]
pub trait Backend: Sized + Send + Sync + 'static {
    /// Whether a claim looks at the wanted partitions only.
    const PARTITIONED: bool;

    /// Whether [`History::purge`](crate::History::purge) removes what is old by the clock that [`Backend::advance`] moves. Not where the
    /// database does so of its own accord, by its own clock.
    const PURGES: bool;

    /// How long the store keeps runs and deleted jobs.
    const RETENTION: Duration;

    /// An empty store.
    async fn fresh() -> Self;

    /// A handle on it.
    fn store(&self) -> Arc<dyn Store>;

    /// A further handle on it, sharing with the first what another process would, and no more.
    async fn another(&self) -> Arc<dyn Store>;

    /// Moves the store's time forward, as every handle sees it once this returns: for due-ness and leases, for the
    /// times it writes, and for [`Clock::now`](crate::Clock::now).
    async fn advance(&self, by: Duration);
}

/// Stamps the suite onto a [`Backend`](crate::conformance::Backend): a test for each case.
///
/// The crate that uses it depends on `tokio`, with its macros.
#[macro_export]
macro_rules! conformance {
    (@stamp $backend:ty; $($verb:ident { $($case:ident)* })*) => {
        $(
            mod $verb {
                #[allow(unused_imports, reason = "the backend may be named by a path from here")]
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread")]
                    async fn $case() {
                        $crate::conformance::$verb::$case::<$backend>().await;
                    }
                )*
            }
        )*
    };
    ($backend:ty) => {
        $crate::conformance! { @stamp $backend;
            editing {
                what_is_added_is_read_back_as_it_was
                jobs_are_added_all_or_none
                what_is_unknown_is_not_found
                each_field_can_be_changed
                an_edit_by_a_stale_revision_changes_nothing
                an_edit_that_changes_nothing_is_no_edit
                of_edits_at_the_same_time_one_wins
                an_edit_beside_the_schedule_leaves_the_next_call
                a_new_schedule_sets_the_next_call
                switching_off_and_on
                call_now_leaves_what_is_due
                a_deleted_job_can_be_read_and_restored_only
                what_an_edit_drops_is_missed
            }
            claiming {
                nothing_is_claimed_early
                the_earliest_is_claimed_first
                a_claim_says_what_it_found
                a_lookahead_claims_what_is_due_soon
                a_claim_takes_no_more_than_its_slots
                a_claim_takes_no_more_than_its_bytes
                what_is_off_or_deleted_is_not_claimed
                what_was_asked_for_is_claimed
                only_what_is_late_enough_is_claimed
                only_the_wanted_partitions_are_claimed
                what_is_claimed_is_whole
            }
            racing {
                no_job_is_claimed_twice_and_none_forgotten
                a_job_that_many_want_has_one_holder
                claims_and_settles_at_the_same_time_lose_nothing
            }
            leases {
                a_lease_that_ran_out_is_claimed_by_another
                a_lookahead_never_takes_a_live_lease
                renewal_keeps_a_lease
                renewal_returns_what_is_no_longer_held
                a_lost_claim_is_recorded_once
                a_lost_claim_counts_as_an_attempt
                a_late_holder_changes_nothing
                a_late_holder_that_nobody_followed_still_settles
                a_call_whose_settle_was_lost_is_not_repeated
                a_call_recorded_under_another_plan_is_not_taken_over
                a_lost_call_out_of_turn_is_recorded_as_such
                what_was_lost_once_is_forgotten_after_a_settle
            }
            settling {
                next_makes_the_next_occurrence_due
                a_schedule_may_end
                retry_pauses_the_same_occurrence
                keep_leaves_what_is_due
                giving_back_leaves_no_trace
                giving_back_keeps_a_pause
                settling_again_changes_nothing
                an_edit_during_a_call_stays
                a_new_schedule_during_a_call_stays
                a_job_switched_off_during_a_call_stays_off
                a_job_switched_off_and_on_during_a_call_goes_on
                a_job_deleted_during_a_call_is_not_revived
                a_job_deleted_during_a_lost_call_is_cleaned_up
                what_is_asked_for_during_a_call_is_called_after_it
                many_are_settled_together
                another_token_settles_nothing
                counters_count
            }
            occurrences {
                every_occurrence_is_settled_or_missed
            }
            history {
                runs_are_read_back_as_they_were
                runs_come_newest_first_without_gap_or_repeat
                runs_are_of_one_job
                a_cursor_of_runs_must_be_ours
                whoever_records_first_is_right
                a_batch_shares_its_token
                workers_live_until_they_are_silent_or_leave
                a_worker_is_shown_as_it_last_was
                purging_leaves_what_is_young
                purging_removes_what_is_old
                the_clock_is_never_ahead
            }
            load {
                figures_add_up
                figures_are_kept_apart_by_worker_and_time
                figures_are_found_in_each_tier
                a_range_ends_before_its_end
            }
            listing {
                every_job_is_listed_once
                a_list_is_sorted_by_url
                a_list_shows_jobs_as_they_are
                a_search_finds_url_name_and_tags
                a_search_is_taken_literally
                filters_restrict
                deleted_jobs_are_not_listed
                a_cursor_of_a_list_must_be_ours
            }
            model {
                random_histories_follow_the_model_1
                random_histories_follow_the_model_2
                random_histories_follow_the_model_3
                random_histories_follow_the_model_4
            }
        }
    };
}

#[cfg(test)]
mod tests {
    /// A case that is not in the macro's list would never run.
    #[test]
    fn every_case_is_stamped() {
        let files = [
            include_str!("conformance/editing.rs"),
            include_str!("conformance/claiming.rs"),
            include_str!("conformance/racing.rs"),
            include_str!("conformance/leases.rs"),
            include_str!("conformance/settling.rs"),
            include_str!("conformance/occurrences.rs"),
            include_str!("conformance/history.rs"),
            include_str!("conformance/load.rs"),
            include_str!("conformance/listing.rs"),
            include_str!("conformance/model.rs"),
        ];
        let listed: Vec<&str> = include_str!("conformance.rs").lines().map(str::trim).collect();
        for file in files {
            let cases = file.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('<'));
            for (case, _) in cases {
                assert!(listed.contains(&case), "{case} is not stamped");
            }
        }
    }
}
