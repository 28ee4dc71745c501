//! The suite every store must pass: a store plugin's tests call [`crate::store_suite`] with what opens a fresh one.
//!
//! Everything here panics where a store is wrong, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod accounts;
pub mod batch;
pub mod delivery;
pub mod galera;
mod groups;
pub mod kept;
pub mod leases;
pub mod mariadb;
mod naive;
pub mod quarantine;
pub mod queries;
pub mod reparse;
pub mod rollups;
pub mod schema;
pub mod streams;
pub mod values;
pub mod week;
pub mod workload;

use crate::plugin::Store;
use std::{any::Any, sync::Arc};

/// A migrated, empty store, and what must live as long as it (a folder, a server).
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The same database through a second, unrelated store object: another process.
    pub other: Arc<dyn Store>,
    /// Dropped last.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// Makes a test of each part of the suite; the argument is a function `fn() -> Opened`.
#[macro_export]
macro_rules! store_suite {
    ($open:path) => {
        $crate::store_suite!(@ $open,
            delivery::conserves, delivery::fences, delivery::replays_nothing, delivery::moves_the_stream,
            delivery::quarantines_what_is_there_already, accounts::accounts_add_up, accounts::accounts_go_with_their_rows, quarantine::is_replayed_once, quarantine::is_joined_again,
            values::round_trip, values::entries_round_trip,
            reparse::is_built_anew, reparse::is_built_while_others_commit, reparse::is_whole_whenever_it_is_killed,
            reparse::the_dead_hold_nobody_up, reparse::only_the_last_to_begin_builds,
            schema::adds_columns, schema::refuses_other_types, schema::migrates_twice,
            queries::shapes_equal_naive, queries::filters_equal_eval, queries::reads_entry_fields, queries::says_no, streams::streams_pieces,
            streams::cancels,
            rollups::equal_rows, rollups::count_what_is_stored, rollups::go_with_their_rows,
            kept::kept_rollups_equal_rows, kept::kept_rollups_begin_late, kept::kept_rollups_go_with_their_rows,
            kept::tables_keep_to_a_size, kept::retention_is_told,
            leases::are_exclusive, leases::end, leases::agents_and_retention, leases::processes);
    };
    (@ $open:path, $($area:ident :: $name:ident),+) => {
        $(
            #[test]
            fn $name() {
                $crate::testing::$area::$name(&$open());
            }
        )+
    };
}
