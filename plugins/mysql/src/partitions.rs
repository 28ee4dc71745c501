//! Daily partitions: made days ahead, dropped whole. `past` holds what came late, `future` what claims to.
//!
//! DDL waits for every statement on its table and makes all later ones wait behind it, so it gives up soon and
//! comes back.

use crate::{
    error::{code, failed},
    pool::Session,
};
use infralogs_core::{
    error::{Error, Result},
    sql::Dialect,
    time::Time,
};
use mysql::prelude::Queryable;

/// Days of a new table that can be dropped whole; older entries of a first poll are in `past`.
const DAYS_BACK: i64 = 7;
/// Days made ahead.
const DAYS_AHEAD: i64 = 4;
/// Partitions made by one statement, for a collector that slept for long.
const MADE_MAX: i64 = 366;
/// How long DDL may wait for running statements, in seconds (MariaDB waits twice), and how often it comes back.
const DDL_WAIT_S: u32 = 1;
const DDL_TRIES: u32 = 5;
/// Rows counted exactly before they are dropped; of more the server's estimate is told.
const COUNTED_MAX: u64 = 10_000;
/// The server gave up waiting for a lock.
const LOCK_TIMEOUT: u16 = 1205;
const DAY_US: i64 = 86_400_000_000;

/// A partition as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    pub name: String,
    /// Rows in it are before this; `None`: everything later.
    pub below: Option<i64>,
}

/// The start of the day a moment is in.
pub(crate) fn day(time: Time) -> i64 {
    time.0.div_euclid(DAY_US).saturating_mul(DAY_US)
}

/// What stands at the end of CREATE TABLE: days by this column.
pub(crate) fn clause(now: Time, column: &str) -> String {
    clause_from(Time(day(now) - DAYS_BACK * DAY_US), now, column)
}

/// The same from a day on, if it is not too long ago.
pub(crate) fn clause_from(first: Time, now: Time, column: &str) -> String {
    let last = day(now) + DAYS_AHEAD * DAY_US;
    let first = day(first).clamp(last - (MADE_MAX - 1) * DAY_US, day(now));
    let days = days(first, last);
    format!(
        " PARTITION BY RANGE (`{column}`) (PARTITION past VALUES LESS THAN ({first}), {days}, \
         PARTITION future VALUES LESS THAN MAXVALUE)"
    )
}

/// The partitions of all days from one to the other, both included.
fn days(first: i64, last: i64) -> String {
    let one = |at: i64| {
        let start = first + at * DAY_US;
        let date: String = Time(start).to_string().chars().take(10).filter(char::is_ascii_digit).collect();
        format!("PARTITION p{date} VALUES LESS THAN ({})", start + DAY_US)
    };
    let many = ((last - first) / DAY_US + 1).clamp(1, MADE_MAX);
    (0..many).map(one).collect::<Vec<_>>().join(", ")
}

/// A table's partitions in order; none where it is not partitioned or not there.
pub(crate) fn list(session: &mut Session, table: &str) -> Result<Vec<Partition>> {
    let sql = "SELECT partition_name, partition_description FROM information_schema.partitions
               WHERE table_schema = DATABASE() AND table_name = ? AND partition_name IS NOT NULL
               ORDER BY partition_ordinal_position";
    let rows: Vec<(String, String)> =
        session.conn.exec(sql, (table,)).map_err(failed("listing a table's partitions"))?;
    Ok(rows.into_iter().map(|(name, below)| Partition { name, below: below.parse().ok() }).collect())
}

/// Makes the coming days' partitions, out of `future`.
pub(crate) fn keep_ahead(session: &mut Session, table: &str, now: Time) -> Result<()> {
    let Some(top) = list(session, table)?.iter().filter_map(|partition| partition.below).max() else { return Ok(()) };
    let last = day(now) + DAYS_AHEAD * DAY_US;
    if top > last {
        return Ok(());
    }
    let sql = format!(
        "ALTER TABLE {} REORGANIZE PARTITION future INTO ({}, PARTITION future VALUES LESS THAN MAXVALUE)",
        Dialect::Mysql.quote(table),
        days(top, last)
    );
    ddl(session, &sql, "making the coming days' partitions")
}

/// Drops partitions with their rows, all at once; `past` is emptied. How many rows, of many about.
pub(crate) fn drop(session: &mut Session, table: &str, names: &[&str]) -> Result<u64> {
    let mut all = 0;
    for name in names {
        let rows = match count(session, table, name, COUNTED_MAX)? {
            COUNTED_MAX => estimate(session, table, name)?,
            few => few,
        };
        all += rows;
        if *name == "past" && rows > 0 {
            let sql = format!("ALTER TABLE {} TRUNCATE PARTITION past", Dialect::Mysql.quote(table));
            ddl(session, &sql, "emptying the oldest partition")?;
        }
    }
    let days: Vec<String> = names.iter().filter(|name| **name != "past").map(|name| format!("`{name}`")).collect();
    if !days.is_empty() {
        let sql = format!("ALTER TABLE {} DROP PARTITION {}", Dialect::Mysql.quote(table), days.join(", "));
        ddl(session, &sql, "dropping old days")?;
    }
    Ok(all)
}

/// How many rows a partition has, counted up to a limit.
pub(crate) fn count(session: &mut Session, table: &str, name: &str, limit: u64) -> Result<u64> {
    let table = Dialect::Mysql.quote(table);
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} PARTITION (`{name}`) LIMIT {limit}) AS r");
    let count: Option<u64> = session.conn.query_first(sql).map_err(failed("counting the rows of an old day"))?;
    Ok(count.unwrap_or(0))
}

/// How many rows the server thinks a large partition has.
fn estimate(session: &mut Session, table: &str, name: &str) -> Result<u64> {
    let sql = "SELECT table_rows FROM information_schema.partitions
               WHERE table_schema = DATABASE() AND table_name = ? AND partition_name = ?";
    let rows: Option<Option<u64>> =
        session.conn.exec_first(sql, (table, name)).map_err(failed("estimating the rows of an old day"))?;
    Ok(rows.flatten().unwrap_or_default().max(COUNTED_MAX))
}

/// Runs DDL that does not wait for long, and comes back a few times.
pub(crate) fn ddl(session: &mut Session, sql: &str, doing: &str) -> Result<()> {
    let mut tries = 0;
    let wait = |session: &mut Session, seconds: u32| {
        let set = format!("SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}");
        session.conn.query_drop(set).map_err(failed(doing))
    };
    wait(session, DDL_WAIT_S)?;
    let result = loop {
        tries += 1;
        match session.conn.query_drop(sql) {
            Err(error) if code(&error) == Some(LOCK_TIMEOUT) && tries < DDL_TRIES => {}
            other => break other,
        }
    };
    wait(session, crate::dialect::LOCK_WAIT_S)?;
    match result {
        Err(error) if code(&error) == Some(LOCK_TIMEOUT) => {
            Err(Error::unavailable(format!("{doing} waited {DDL_TRIES} times for a long statement on the table"))
                .help("it is tried again; look for long queries or transactions on the primary"))
        }
        other => other.map_err(failed(doing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names_and_ends() {
        let now = Time::parse("2026-02-28T23:59:59Z", Time(0)).expect("time");
        let clause = clause(now, "time");
        let start = day(now);
        assert!(clause.contains(&format!("PARTITION past VALUES LESS THAN ({})", start - 7 * DAY_US)), "{clause}");
        assert!(clause.contains(&format!("PARTITION p20260228 VALUES LESS THAN ({})", start + DAY_US)), "{clause}");
        assert!(clause.contains("p20260304") && !clause.contains("p20260305"), "{clause}");
        assert_eq!(days(start - 2 * DAY_US, start + 1_000 * DAY_US).matches("PARTITION").count(), MADE_MAX as usize);
    }
}
