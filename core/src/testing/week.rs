//! A week of a fleet's entries in MariaDB, millions of them within minutes: one day goes through the store, the others are
//! copies of it.

use super::{mariadb::Server, workload::Load};
use crate::{plugin::Store, time::Time};
use std::time::Duration;

/// How many machines write.
pub const MACHINES: u64 = 50;
/// How many days.
pub const DAYS: u64 = 7;
/// How many entries a machine sends at a time.
const BATCH: u64 = 5_000;
const DAY: Duration = Duration::from_secs(86_400);

/// Fills an empty, migrated store with about so many entries up to `now`, a whole hour: then a day's rows and counts can
/// be copied together. The store keeps `logs` for [`DAYS`] at least.
pub fn fill(store: &dyn Store, server: &Server, database: &str, rows: u64, now: Time) {
    let each = fill_a_day(store, rows, now);
    copy_the_day(server, database, each);
}

/// The first day through the store: machines in turn, each minute as busy as the next. How many rows each machine has.
fn fill_a_day(store: &dyn Store, rows: u64, now: Time) -> u64 {
    let each = rows / MACHINES / DAYS;
    let apart = DAY.as_micros() as i64 / each as i64;
    let start = now.minus(DAY * DAYS as u32);
    for first in (1..=each).step_by(BATCH as usize) {
        for machine in 0..MACHINES {
            let from = Time(start.0 + (first as i64 - 1) * apart + machine as i64);
            Load::new(&format!("web-{machine}"), first, BATCH.min(each + 1 - first), from, apart).store(store);
        }
    }
    each
}

/// The other days are the first one again, rows and counts.
fn copy_the_day(server: &Server, database: &str, each: u64) {
    let first = server.sql(&format!("SELECT MIN(bucket) FROM {database}.rollups"));
    let next_day = first.trim().parse::<i64>().expect("a bucket") + DAY.as_micros() as i64;
    for day in 1..DAYS {
        let (later, more) = (day as i64 * DAY.as_micros() as i64, day * each);
        server.sql(&format!(
            "INSERT INTO {database}.logs SELECT time + {later}, machine, seqnum_id, seqnum + {more}, host, unit, \
             identifier, command, priority, pid, message, fields FROM {database}.logs WHERE time < {next_day}; \
             INSERT INTO {database}.rollups SELECT cube, bucket + {later}, host, unit, priority, has, shard, n \
             FROM {database}.rollups WHERE bucket < {next_day}"
        ));
    }
}
