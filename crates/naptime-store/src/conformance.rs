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

pub mod answers;
mod case;
pub mod claiming;
pub mod deleted;
pub mod editing;
pub mod editing_alike;
pub mod ended;
pub mod gates;
pub mod history;
pub mod holding_over;
pub mod hosts;
pub mod keys;
pub mod last_day;
pub mod latest;
pub mod leases;
pub mod listing;
pub mod load;
pub mod model;
pub mod occurrences;
pub mod plan;
pub mod pools;
pub mod queued;
pub mod racing;
pub mod records;
pub mod rules;
pub mod sessions;
pub mod set_back;
pub mod settling;
pub mod sharing;
pub mod skipped;
pub mod sla;
pub mod states;
pub mod treating;
pub mod troubles;
pub mod waking;

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

    /// Sets the store's clock back, as when it was wrong.
    async fn set_back(&self, by: Duration);
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
                jobs_are_added_each_by_itself
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
                the_last_edits_of_endpoints_are_found
            }
            editing_alike {
                each_of_many_is_edited_as_one_would_be
                many_are_edited_though_others_come_between
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
            sharing {
                a_pool_gets_no_more_than_its_room
                what_waits_behind_a_pool_is_found_if_looked_for
                it_is_told_when_others_are_due_behind_a_pool
                jobs_of_gated_pools_are_not_looked_for
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
                a_job_may_have_a_lease_of_its_own
                renewal_returns_what_is_no_longer_held
                a_lost_claim_is_recorded_once
                a_lost_claim_counts_as_an_attempt
                a_late_holder_changes_nothing
                a_late_holder_that_nobody_followed_still_settles
                a_call_whose_settle_was_lost_is_not_repeated
                a_call_recorded_under_another_plan_is_not_taken_over
                a_call_out_of_turn_is_not_repeated_for_a_new_schedule
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
            holding_over {
                the_next_occurrence_is_claimed_by_the_settle
                what_was_edited_is_not_held_over
                what_is_due_much_later_is_not_held_over
                edits_of_what_is_held_are_told
            }
            waking {
                who_makes_work_due_or_changes_a_pool_wakes_workers
            }
            answers {
                an_answer_is_read_back_as_it_was
                a_run_is_found_by_its_claim
                a_streak_keeps_its_ends
                answers_are_purged_with_their_runs
                an_answer_of_a_lost_claim_is_not_kept
                the_newest_answers_of_a_job_stay
            }
            skipped {
                a_late_call_leaves_a_row_of_what_it_stands_for
                what_is_too_late_to_be_called_leaves_a_row
                a_lease_that_was_waited_for_is_told
                an_edit_leaves_a_row_of_what_it_drops
                rows_are_found_among_the_runs_of_all
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
            latest {
                runs_of_all_jobs_come_latest_first_without_gap_or_repeat
                runs_of_all_jobs_are_filtered
                a_cursor_of_all_runs_must_be_ours
            }
            load {
                figures_add_up
                figures_are_kept_apart_by_worker_and_time
                figures_are_found_in_each_tier
                seconds_add_up_to_minutes
                the_total_grows_whatever_is_removed
                seconds_are_kept_for_a_quarter_of_an_hour
                a_range_ends_before_its_end
            }
            listing {
                every_job_is_listed_once
                a_list_is_sorted_by_url
                a_list_shows_jobs_as_they_are
                a_search_finds_url_name_and_tags
                a_search_is_taken_literally
                filters_restrict
                jobs_of_one_url_are_found
                deleted_jobs_are_not_listed
                a_cursor_of_a_list_must_be_ours
                every_word_of_a_search_is_found
                lists_are_sorted_and_read_in_both_directions
                lists_are_sorted_by_what_calls_change
                kinds_of_schedules_are_told_apart
            }
            states {
                each_state_lists_those_that_are_in_it
                filters_of_a_state_add_up
                what_changes_leaves_its_state
            }
            last_day {
                the_calls_of_a_day_add_up
                what_is_older_than_a_day_does_not_count
            }
            ended {
                endpoints_are_found_by_how_their_last_call_ended
            }
            plan {
                all_that_is_due_is_planned
                what_is_due_names_its_gate
                what_could_have_been_claimed_is_late
            }
            deleted {
                deleted_endpoints_are_listed_newest_first
                many_deleted_at_once_are_listed_once
                deleted_endpoints_can_be_filtered
                a_restored_endpoint_is_listed_as_before
                a_key_that_was_given_away_is_not_taken_back
                one_off_jobs_are_not_among_deleted_endpoints
                a_cursor_of_deleted_endpoints_must_be_ours
            }
            queued {
                one_off_jobs_are_no_endpoints
                a_job_is_listed_in_its_stage
                the_queue_is_paged_newest_first
                the_queue_is_read_in_both_directions
                the_queue_is_filtered
                a_cursor_of_the_queue_must_be_ours
                what_ended_long_ago_is_purged
            }
            keys {
                a_key_is_added_once
                however_many_of_a_request_have_one_key_it_is_added_once
                a_key_is_free_once_its_job_is_cancelled
                of_those_who_add_a_key_at_the_same_time_one_does
                of_those_who_take_a_key_at_the_same_time_one_does
            }
            treating {
                what_failed_is_called_again
                what_is_called_again_and_lost_has_failed
                a_treatment_suits_a_stage
                what_is_cancelled_is_not_called
                all_that_match_are_treated_once
            }
            pools {
                a_pool_is_there_as_soon_as_a_job_of_it_is
                pools_are_listed_with_their_endpoints
                a_pool_is_changed_by_its_revision
                known_pools_are_those_that_differ
                a_pool_that_is_known_need_not_be_gated
                a_timeout_is_held_to_its_pool
                a_pool_without_jobs_is_deleted
                a_pool_deleted_while_jobs_are_added_leaves_none_behind
            }
            set_back {
                what_was_planned_by_a_wrong_clock_is_planned_anew
                a_clock_that_was_behind_changes_nothing
                what_is_held_by_a_wrong_clock_is_claimed_again
                a_call_under_way_settles_by_the_right_clock
                an_sla_is_not_met_by_a_call_to_come
                passes_do_not_outlast_a_wrong_clock
                history_that_lies_ahead_moves_back
            }
            gates {
                jobs_of_a_gated_pool_are_claimed_by_its_name
                next_in_tells_when_each_pool_has_work
                nothing_of_a_pool_that_is_off_is_called
                calls_in_flight_are_limited
                passes_of_a_dead_holder_come_back_after_a_lease
                calls_per_second_are_limited
                both_limits_hold_together
                many_takers_never_exceed_the_limits
                no_job_slips_past_a_limit_set_meanwhile
            }
            hosts {
                a_host_that_is_down_is_probed_now_and_then
                calls_come_back_when_the_host_answers
                what_people_set_of_a_pool_that_is_down_wins
                many_signs_at_a_time_are_heeded_once
            }
            sla {
                without_an_sla_there_is_nothing_to_tell
                a_breach_shows_while_it_lasts
                a_settle_records_the_breach_it_ends_once
                who_holds_the_job_no_more_records_no_breach
                an_edit_ends_promise_and_breach
                an_edit_during_the_call_ends_the_breach_first
                the_last_call_ends_a_breach_unless_an_edit_gives_further_ones
                the_cause_is_told
                breaches_come_in_pages
                a_cursor_of_breaches_must_be_ours
                of_one_as_of_all
                what_is_summed_is_what_happened
                breaches_are_kept_as_long_as_runs
            }
            troubles {
                what_fails_is_found_until_a_call_ends_well
                what_its_target_puts_off_is_found_until_it_is_called
                an_endpoint_says_after_how_many_failures_it_fails
                an_attempt_that_is_followed_by_another_is_no_failure
                a_call_out_of_turn_that_ends_well_ends_a_failure
                what_is_not_called_is_in_no_trouble
                what_fails_for_longest_comes_first_in_pages
                what_is_in_trouble_can_be_filtered
                what_fails_now_and_then_flaps
                what_waits_for_too_long_is_told_by_pool
                pools_that_hold_calls_back_are_told
            }
            rules {
                a_rule_is_read_back_as_it_was
                rules_are_listed_by_name_and_found_by_event
                a_rule_is_replaced_by_its_revision
                a_rule_is_deleted_by_its_revision
                of_those_who_store_a_rule_at_the_same_time_one_does
                there_are_not_too_many_rules
                rules_come_in_pages
                keys_of_rules_and_of_one_off_jobs_are_two_spaces
                a_key_can_be_changed_to_one_that_is_free
                it_is_known_how_many_have_begun_with_an_event
                a_job_is_found_by_its_key
            }
            records {
                a_record_is_written_over_what_is_known
                of_those_who_write_the_same_record_one_does
            }
            sessions {
                all_get_the_salt_that_came_first
                a_session_lasts_two_weeks
                a_session_that_was_ended_is_gone_for_all
                the_oldest_of_too_many_sessions_end
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
            include_str!("conformance/answers.rs"),
            include_str!("conformance/claiming.rs"),
            include_str!("conformance/deleted.rs"),
            include_str!("conformance/editing.rs"),
            include_str!("conformance/editing_alike.rs"),
            include_str!("conformance/ended.rs"),
            include_str!("conformance/gates.rs"),
            include_str!("conformance/history.rs"),
            include_str!("conformance/holding_over.rs"),
            include_str!("conformance/hosts.rs"),
            include_str!("conformance/keys.rs"),
            include_str!("conformance/last_day.rs"),
            include_str!("conformance/latest.rs"),
            include_str!("conformance/leases.rs"),
            include_str!("conformance/listing.rs"),
            include_str!("conformance/load.rs"),
            include_str!("conformance/model.rs"),
            include_str!("conformance/occurrences.rs"),
            include_str!("conformance/plan.rs"),
            include_str!("conformance/pools.rs"),
            include_str!("conformance/queued.rs"),
            include_str!("conformance/racing.rs"),
            include_str!("conformance/records.rs"),
            include_str!("conformance/rules.rs"),
            include_str!("conformance/sessions.rs"),
            include_str!("conformance/set_back.rs"),
            include_str!("conformance/settling.rs"),
            include_str!("conformance/sharing.rs"),
            include_str!("conformance/skipped.rs"),
            include_str!("conformance/sla.rs"),
            include_str!("conformance/states.rs"),
            include_str!("conformance/treating.rs"),
            include_str!("conformance/troubles.rs"),
            include_str!("conformance/waking.rs"),
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
