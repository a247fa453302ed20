//! What every backend must do, as tests: one body, run unchanged against each.
//!
//! A backend's tests name an async function that opens it, and get one test per rule:
//! ```text
//! async fn open() -> store::conformance::Fixture { … }
//! store::store_conformance!(open);
//! ```
//! Rules draw tenants, shards and ids of their own, so they may share one installation and run side by side.
//! They rely on no more than the traits promise: a write that was awaited is read by whoever asks next;
//! nothing is said about two rows of one batch becoming visible together.

pub mod deliveries;
pub mod directory;
pub mod history;
pub mod incidents;
pub mod monitors;
pub mod packed;
mod pages;
pub mod shards;
pub mod transitions;
pub mod upkeep;
pub mod world;

use crate::Store;
use std::any::Any;
use std::sync::Arc;

/// An open store and what must live as long as it does (a directory, a process).
pub struct Fixture {
    pub store: Arc<dyn Store>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    pub fn new(store: Arc<dyn Store>, keep: impl Any + Send + Sync) -> Self {
        Self { store, _keep: Box::new(keep) }
    }
}

/// One `#[tokio::test]` per rule; `$open` is the path of an `async fn() -> Fixture` in the caller's module.
#[macro_export]
macro_rules! store_conformance {
    ($open:ident) => {
        $crate::store_conformance! { @rules $open
            monitors: [
                a_monitor_is_found_by_its_slug,
                writing_twice_is_writing_once,
                an_older_write_loses,
                pages_neither_skip_nor_repeat,
                pages_go_on_while_monitors_come_and_go,
                all_tags_of_a_filter_must_match,
                deleted_monitors_are_found_but_not_listed,
                tenants_do_not_see_each_other,
                a_token_that_was_not_given_is_refused,
            ]
            incidents: [open_incidents_come_oldest_first, closed_and_deleted_ones_are_gone]
            history: [
                pings_come_newest_first,
                a_rewritten_ping_is_the_later_one,
                every_field_comes_back,
                large_bodies_come_back,
                a_token_of_another_monitor_is_refused,
            ]
            packed: [
                many_pings_of_one_step_are_listed_one_by_one,
                monitors_of_one_step_do_not_mix,
                the_same_step_twice_is_one,
                a_replay_in_other_steps_shows_each_ping_once,
                a_replay_of_the_end_of_a_step_keeps_its_beginning,
                two_owners_with_steps_of_their_own_show_each_ping_once,
                the_later_of_two_writes_of_a_ping_counts_in_any_step,
                a_replay_between_two_pages_neither_skips_nor_repeats,
                large_and_small_pings_of_one_step_come_back,
            ]
            transitions: [
                a_transition_is_found_by_its_id,
                transitions_come_newest_first,
                a_rewritten_transition_is_the_later_one,
                a_cursor_sees_each_transition_once,
                a_cursor_sees_its_tenant_only,
            ]
            deliveries: [deliveries_come_newest_first, a_delivery_is_where_it_was_last_seen]
            shards: [
                a_snapshot_comes_back_as_it_was_kept,
                a_snapshot_replaces_the_one_before,
                a_missing_chunk_is_damage,
                an_older_snapshot_changes_nothing,
                shards_keep_their_snapshots_apart,
                the_last_claim_is_the_hint,
                only_its_own_claim_is_taken_back,
            ]
            directory: [
                a_tenant_is_replaced,
                a_key_prefix_is_given_once,
                a_key_is_revoked_by_its_tenant_only,
                a_channel_name_is_given_once_in_a_tenant,
                a_channel_changes_from_the_version_that_was_read,
                a_deleted_channel_frees_its_name,
                one_of_two_racing_writers_wins,
                the_latest_revocation_counts,
            ]
            upkeep: [a_working_store_answers, what_is_young_does_not_expire]
        }
    };
    (@rules $open:ident $($module:ident: [$($rule:ident),+ $(,)?])+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $rule() {
                let fixture = super::$open().await;
                $crate::conformance::$module::$rule(&*fixture.store).await;
            })+
        })+
    };
}
