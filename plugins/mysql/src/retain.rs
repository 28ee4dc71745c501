//! Upkeep: the coming days' partitions, and what is too old or too much goes, with the counts in the rollups.

use crate::{
    cubes,
    error::{failed, is_not_there},
    partitions::{self, Partition, day},
    pool::{Pool, Session},
    rebuild, schema,
};
use infralogs_core::{
    error::Result,
    sql::{
        Dialect,
        forecast::{self, Limit, Standing},
        retention::{Keep, Size},
        rollup,
    },
    table::TableDef,
    tables,
    time::Time,
};
use mysql::{Value as Bound, prelude::Queryable};
use std::sync::Arc;

/// Rows dropped in one transaction.
const ROWS_AT_ONCE: u64 = 5_000;

/// See [`infralogs_core::plugin::Store::retain`]. One collector at a time; others leave it to that one.
pub(crate) fn retain(pool: &Pool, keep: &Keep, declared: &[Arc<TableDef>], now: Time) -> Result<u64> {
    pool.with(|session| {
        let lock = "CONCAT('infralogs.upkeep.', LEFT(DATABASE(), 40))";
        // Where the server has no such locks, statements of two at once fail or do nothing.
        let got = session.conn.query_first::<Option<i64>, _>(format!("SELECT GET_LOCK({lock}, 0)"));
        if got.is_ok_and(|got| got.flatten() == Some(0)) {
            return Ok(0);
        }
        let result = upkeep(session, keep, declared, now);
        let _ = session.conn.query_drop(format!("DO RELEASE_LOCK({lock})"));
        result
    })
}

fn upkeep(session: &mut Session, keep: &Keep, declared: &[Arc<TableDef>], now: Time) -> Result<u64> {
    let built_in = [&tables::LOGS, &tables::QUARANTINE].map(|table| table.name.clone());
    let all: Vec<String> = declared.iter().map(|table| table.name.clone()).chain(built_in).collect();
    for table in all.iter().map(String::as_str).chain([rollup::TABLE]) {
        partitions::keep_ahead(session, table, now)?;
    }
    rebuild::clear(session)?;
    let mut dropped = 0;
    for (table, before) in keep.due(declared, now) {
        dropped += drop_before(session, &table, before)?;
    }
    for (table, size_max) in keep.limited(declared) {
        dropped += shrink(session, std::slice::from_ref(&table), Some(&table), size_max, now)?;
    }
    if let Some(Size(size_max)) = keep.size_max {
        dropped += shrink(session, &all, None, size_max, now)?;
    }
    let day = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) - 86400000000";
    let silent = format!("DELETE FROM heartbeats WHERE at < {day}");
    session.conn.query_drop(silent).map_err(failed("forgetting collectors that ended"))?;
    note(session, keep.limits(declared), now)?;
    Ok(dropped)
}

/// Stores how far back each table reaches and when its rows begin to go.
fn note(session: &mut Session, limits: Vec<Limit>, now: Time) -> Result<()> {
    if !schema::is_there(session, &tables::RETENTION.name)? {
        return Ok(());
    }
    let failed = || failed("storing what retention will do");
    let mut oldest: Option<Time> = None;
    for limit in limits {
        let all = limit.name == forecast::ALL;
        let bytes = match limit.bytes_max {
            None => None,
            Some(_) => i64::try_from(size(session, (!all).then_some(&*limit.name))?).ok(),
        };
        let first = if all { oldest } else { first(session, &limit.name)? };
        oldest = oldest.into_iter().chain(first).min();
        let since = now.0 - forecast::DAY_US;
        let before: Option<(i64, i64)> =
            session.conn.exec_first(forecast::BEFORE, (&limit.name, since)).map_err(failed())?;
        let before = before.map(|(at, bytes)| (Time(at), bytes));
        let Some(row) = limit.row(now, Standing { oldest: first, bytes, before }) else { continue };
        let cells = row.cells.into_iter().map(Bound::from);
        let values: Vec<Bound> = [now.0.into(), row.name.into()].into_iter().chain(cells).collect();
        session.conn.exec_drop(forecast::INSERT, values).map_err(failed())?;
    }
    Ok(())
}

/// The time of a table's oldest row.
fn first(session: &mut Session, table: &str) -> Result<Option<Time>> {
    let sql = format!("SELECT time FROM {} ORDER BY time LIMIT 1", Dialect::Mysql.quote(table));
    match session.conn.query_first(sql) {
        Err(error) if is_not_there(&error) => Ok(None),
        found => Ok(found.map_err(failed("looking for old rows"))?.map(Time)),
    }
}

/// Drops whole days; without partitions whole hours, row by row.
fn drop_before(session: &mut Session, table: &str, before: Time) -> Result<u64> {
    let list = partitions::list(session, table)?;
    if list.is_empty() {
        return delete(session, table, None, before.0);
    }
    let before = day(before);
    let is_whole = |partition: &&Partition| partition.below.is_some_and(|below| below <= before);
    let whole: Vec<&str> = list.iter().filter(is_whole).map(|partition| partition.name.as_str()).collect();
    let mut dropped = partitions::drop(session, table, &whole)?;
    if !whole.contains(&"past") {
        dropped += delete(session, table, Some("past"), before)?;
    }
    forget_counts(session, table, before)?;
    Ok(dropped)
}

/// Drops the oldest day of any of these tables, again and again until the one (or all there are) is small enough.
/// Never today's.
fn shrink(session: &mut Session, tables: &[String], one: Option<&str>, size_max: u64, now: Time) -> Result<u64> {
    let mut dropped = 0;
    while size(session, one)? > size_max {
        let mut oldest: Option<(i64, &String, String)> = None;
        for table in tables {
            for partition in partitions::list(session, table)? {
                let Some(below) = partition.below.filter(|below| *below <= day(now)) else { continue };
                let older = oldest.as_ref().is_none_or(|(first, ..)| below < *first);
                if older && partitions::count(session, table, &partition.name, 1)? > 0 {
                    oldest = Some((below, table, partition.name));
                }
            }
        }
        let Some((below, table, name)) = oldest else {
            let what = one.unwrap_or("the database");
            tracing::warn!("{what} is over its size limit ({size_max} bytes) with today's rows alone");
            break;
        };
        tracing::info!(table, partition = name, "dropped for size_max");
        dropped += partitions::drop(session, table, &[&name])?;
        forget_counts(session, table, below)?;
    }
    Ok(dropped)
}

/// The bytes of a table or of all, as the server estimates them.
fn size(session: &mut Session, one: Option<&str>) -> Result<u64> {
    let sql = "SELECT CAST(SUM(data_length + index_length) AS UNSIGNED) FROM information_schema.partitions
               WHERE table_schema = DATABASE() AND (? IS NULL OR table_name = ?)";
    let bytes: Option<Option<u64>> =
        session.conn.exec_first(sql, (one, one)).map_err(failed("reading the size of the tables"))?;
    Ok(bytes.flatten().unwrap_or(0))
}

fn forget_counts(session: &mut Session, table: &str, before: i64) -> Result<()> {
    if table != tables::LOGS.name {
        return cubes::forget(session, table, before);
    }
    let accounts = format!("DELETE FROM audit WHERE time < {before}");
    session.conn.query_drop(accounts).map_err(failed("dropping old accounts"))?;
    let list = partitions::list(session, rollup::TABLE)?;
    let whole: Vec<&str> = list
        .iter()
        .filter(|partition| partition.below.is_some_and(|below| below <= before))
        .map(|partition| partition.name.as_str())
        .collect();
    partitions::drop(session, rollup::TABLE, &whole)?;
    if !list.is_empty() && whole.contains(&"past") {
        return Ok(());
    }
    // What came late; in a store from before counts had days, all of them.
    let past = if list.is_empty() { "" } else { " PARTITION (past)" };
    let doing = "dropping old counts";
    for cube in &rollup::CUBES {
        loop {
            let sql = format!(
                "DELETE FROM {}{past} WHERE cube = {} AND bucket < {before} LIMIT {ROWS_AT_ONCE}",
                rollup::TABLE,
                cube.number
            );
            session.conn.query_drop(sql).map_err(failed(doing))?;
            if session.conn.affected_rows() < ROWS_AT_ONCE {
                break;
            }
        }
    }
    Ok(())
}

fn delete(session: &mut Session, table: &str, partition: Option<&str>, before: i64) -> Result<u64> {
    let doing = format!("dropping old rows of `{table}`");
    let partition = partition.map_or(String::new(), |name| format!(" PARTITION (`{name}`)"));
    let sql = format!(
        "DELETE FROM {}{partition} WHERE time < {before} ORDER BY time LIMIT {ROWS_AT_ONCE}",
        Dialect::Mysql.quote(table)
    );
    let mut dropped = 0;
    loop {
        match session.conn.query_drop(&sql) {
            Err(error) if is_not_there(&error) => return Ok(dropped), // not made yet
            other => other.map_err(failed(&doing))?,
        }
        dropped += session.conn.affected_rows();
        if session.conn.affected_rows() < ROWS_AT_ONCE {
            return Ok(dropped);
        }
    }
}
