//! Drops old rows in small steps, so that no batch waits long behind it; counts in the rollups go with their rows.

use crate::{connections::Connections, cubes, error::failed, rebuild};
use infralogs_core::{
    error::Result,
    sql::{
        Dialect,
        forecast::{self, Limit, Row, Standing},
        retention::{HOUR_US, Keep, Size},
    },
    table::TableDef,
    tables,
    time::Time,
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::sync::Arc;

/// Rows dropped in one transaction.
const ROWS_AT_ONCE: usize = 5_000;
/// Pages given back to the disk after each step.
const PAGES_AT_ONCE: usize = 1_000;

/// Drops rows older than each table keeps them, and the oldest hours while the file is too large; how many.
pub(crate) fn retain(connections: &Connections, keep: &Keep, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
    rebuild::clear(connections)?;
    let mut dropped = 0;
    for (table, before) in keep.due(tables, now) {
        dropped += drop_before(connections, &table, before)?;
    }
    for (table, size_max) in keep.limited(tables) {
        dropped += shrink_one(connections, &table, size_max, now)?;
    }
    if let Some(Size(size_max)) = keep.size_max {
        let built_in = [&tables::LOGS, &tables::QUARANTINE].map(|table| table.name.clone());
        let all: Vec<String> = tables.iter().map(|table| table.name.clone()).chain(built_in).collect();
        dropped += shrink(connections, &all, size_max)?;
    }
    note(connections, keep.limits(tables), now)?;
    Ok(dropped)
}

/// Stores how far back each table reaches and when its rows begin to go. Measured while others write.
fn note(connections: &Connections, limits: Vec<Limit>, now: Time) -> Result<()> {
    let rows = connections
        .read(|db| if is_there(db, &tables::RETENTION.name)? { stand(db, limits, now) } else { Ok(Vec::new()) })?;
    connections.write(|db| {
        let failed = || failed("storing what retention will do");
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
        for row in rows {
            let [oldest, reach, keeps, bytes, bytes_max, growth, deletes_in] = row.cells;
            let values = params![now.0, row.name, oldest, reach, keeps, bytes, bytes_max, growth, deletes_in];
            transaction.execute(forecast::INSERT, values).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    })
}

fn stand(db: &Connection, limits: Vec<Limit>, now: Time) -> Result<Vec<Row>> {
    let (mut rows, mut oldest_of_all) = (Vec::new(), None);
    for limit in limits {
        let all = limit.name == forecast::ALL;
        let bytes = match limit.bytes_max {
            None => None,
            Some(_) if all => Some(size(db)?),
            Some(_) => extent(db, &limit.name)?.map(|(bytes, _)| bytes),
        };
        let oldest = if all { oldest_of_all } else { first(db, &limit.name)?.map(Time) };
        oldest_of_all = oldest_of_all.into_iter().chain(oldest).min();
        let before = db
            .query_row(forecast::BEFORE, params![limit.name, now.0 - forecast::DAY_US], |row| {
                Ok((Time(row.get(0)?), row.get(1)?))
            })
            .optional()
            .map_err(failed("reading how large a table was"))?;
        let bytes = bytes.and_then(|bytes| i64::try_from(bytes).ok());
        rows.extend(limit.row(now, Standing { oldest, bytes, before }));
    }
    Ok(rows)
}

/// Drops the oldest hour of all tables, again and again until the file is small enough.
fn shrink(connections: &Connections, tables: &[String], size_max: u64) -> Result<u64> {
    let mut dropped = 0;
    while connections.write(|db| size(db))? > size_max {
        let mut oldest: Option<i64> = None;
        for table in tables {
            let first = connections.write(|db| first(db, table))?;
            oldest = oldest.into_iter().chain(first).min();
        }
        let Some(oldest) = oldest else { break };
        let before = Time(oldest.div_euclid(HOUR_US).saturating_add(1).saturating_mul(HOUR_US));
        for table in tables {
            dropped += drop_before(connections, table, before)?;
        }
    }
    Ok(dropped)
}

/// Drops a table's oldest hours until what is left is about small enough; never the present one.
fn shrink_one(connections: &Connections, table: &str, size_max: u64, now: Time) -> Result<u64> {
    let hour = |time: i64| time.div_euclid(HOUR_US).saturating_mul(HOUR_US);
    let Some((bytes, rows)) = connections.read(|db| extent(db, table))?.filter(|(bytes, _)| *bytes > size_max) else {
        return Ok(0);
    };
    let too_many = (rows as f64 * (bytes - size_max) as f64 / bytes as f64).ceil() as i64;
    let sql = format!(
        "SELECT time FROM {} ORDER BY time LIMIT 1 OFFSET {}",
        Dialect::Sqlite.quote(table),
        too_many.clamp(0, rows - 1)
    );
    let last = connections
        .read(|db| db.query_row(&sql, [], |row| row.get::<_, i64>(0)).map_err(failed("looking for old rows")))?;
    let before = hour(last).saturating_add(HOUR_US).min(hour(now.0));
    drop_before(connections, table, Time(before))
}

/// The bytes of a table with its indexes, and its rows.
fn extent(db: &Connection, table: &str) -> Result<Option<(u64, i64)>> {
    if !is_there(db, table)? {
        return Ok(None);
    }
    let read = || -> rusqlite::Result<(u64, i64)> {
        let sql = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN
                   (SELECT name FROM sqlite_master WHERE tbl_name = ?)";
        let bytes: i64 = db.query_row(sql, [table], |row| row.get(0))?;
        let sql = format!("SELECT COUNT(*) FROM {}", Dialect::Sqlite.quote(table));
        let rows: i64 = db.query_row(&sql, [], |row| row.get(0))?;
        Ok((u64::try_from(bytes).unwrap_or(0), rows))
    };
    let found = read().map_err(failed("measuring a table"))?;
    Ok((found.1 > 0).then_some(found))
}

/// The bytes in use.
fn size(db: &Connection) -> Result<u64> {
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = || Ok((pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?));
    let (pages, free, bytes) = pages().map_err(failed("reading the size of the store"))?;
    Ok(u64::try_from((pages - free) * bytes).unwrap_or(0))
}

/// The time of a table's oldest row.
fn first(db: &Connection, table: &str) -> Result<Option<i64>> {
    if !is_there(db, table)? {
        return Ok(None);
    }
    let sql = format!("SELECT time FROM {} ORDER BY time LIMIT 1", Dialect::Sqlite.quote(table));
    let first = db.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)).optional();
    Ok(first.map_err(failed("looking for old rows"))?.flatten())
}

fn is_there(db: &Connection, table: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
    db.query_row(sql, [table], |_| Ok(()))
        .optional()
        .map(|found| found.is_some())
        .map_err(failed("looking for a table"))
}

fn drop_before(connections: &Connections, table: &str, before: Time) -> Result<u64> {
    if !connections.write(|db| is_there(db, table))? {
        return Ok(0);
    }
    let name = Dialect::Sqlite.quote(table);
    let rows = format!(
        "DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name} WHERE time < ? ORDER BY time LIMIT {ROWS_AT_ONCE})"
    );
    let dropped = steps(connections, table, &rows, before)?;
    if table == tables::LOGS.name {
        // Few beside the rows they count, and each cube is a range of the key.
        let counts = "DELETE FROM rollups WHERE bucket < ?";
        connections.write(|db| db.execute(counts, [before.0]).map_err(failed("dropping old counts")))?;
        let accounts = "DELETE FROM audit WHERE time < ?";
        connections.write(|db| db.execute(accounts, [before.0]).map_err(failed("dropping old accounts")))?;
    } else {
        connections.write(|db| cubes::forget(db, table, before.0))?;
    }
    Ok(dropped)
}

fn steps(connections: &Connections, table: &str, sql: &str, before: Time) -> Result<u64> {
    let doing = format!("dropping old rows of `{table}`");
    let mut dropped = 0;
    loop {
        let step = connections.write(|db| {
            let step = db.execute(sql, [before.0]).map_err(failed(&doing))?;
            if step > 0 {
                db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})")).map_err(failed(&doing))?;
            }
            Ok(step)
        })?;
        dropped += step as u64;
        if step < ROWS_AT_ONCE {
            return Ok(dropped);
        }
    }
}
