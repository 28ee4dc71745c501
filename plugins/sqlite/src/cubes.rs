//! Rollups of parser tables: listed in `$cubes`, counted in `$counts` inside the writer's transaction.

use crate::error::failed;
use infralogs_core::{
    error::Result,
    plugin::Commit,
    sql::{
        Dialect,
        kept::{self, BY_MAX, Cube},
        write::{self, Sheet},
    },
    table::TableDef,
    time::Time,
};
use rusqlite::{Connection, params, params_from_iter, types::Value as Bound};
use std::collections::HashSet;

/// What is kept; nothing in a store that no program of this version has migrated yet.
pub(crate) fn list(db: &Connection) -> Result<Vec<Cube>> {
    let there = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '$cubes'";
    let read = || -> rusqlite::Result<Vec<Cube>> {
        if db.query_row(there, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(Vec::new());
        }
        let mut statement = db.prepare_cached(&kept::list(Dialect::Sqlite))?;
        let cube = |row: &rusqlite::Row<'_>| {
            Ok(Cube::stored((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)))
        };
        statement.query_map([], cube)?.collect()
    };
    read().map_err(failed("listing the rollups"))
}

/// Lists a table's new rollups, in the transaction that makes the table.
pub(crate) fn register(db: &Connection, table: &TableDef, exists: bool) -> Result<()> {
    let doing = format!("beginning a rollup of `{}`", table.name);
    let cubes = list(db)?;
    for rollup in table.rollups.iter().filter(|rollup| !cubes.iter().any(|cube| cube.is(table, rollup))) {
        let time = |what: &str, condition: String| {
            let name = Dialect::Sqlite.quote(&table.name);
            let sql = format!("SELECT {what}(time) FROM {name} WHERE time {condition}");
            db.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)).map_err(failed(&doing))
        };
        let (since, until) = match exists {
            false => (i64::MIN, i64::MAX),
            true => {
                let newest = time("max", format!("< {}", kept::ahead(Time::now())))?;
                kept::complete(Time::now(), newest, |since| time("min", format!(">= {since}")))?
            }
        };
        let sql = "INSERT INTO \"$cubes\" (of_table, by_columns, of_columns, since, until) VALUES (?, ?, ?, ?, ?)";
        let values = params![table.name, kept::joined(&rollup.by), kept::joined(&rollup.of), since, until];
        db.execute(sql, values).map_err(failed(&doing))?;
    }
    Ok(())
}

/// Counts the rows of a parser's table, in key order.
pub(crate) fn add(
    db: &Connection,
    commit: &Commit<'_>,
    sheet: &Sheet<'_>,
    cubes: &[Cube],
    refused: &HashSet<usize>,
) -> Result<()> {
    let doing = "counting rows for a rollup";
    let sql = "INSERT INTO \"$counts\" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET n = n + excluded.n, hi = hi + excluded.hi, lo = lo + excluded.lo,
               least = min(least, excluded.least), most = max(most, excluded.most)";
    let mut statement = db.prepare_cached(sql).map_err(failed(doing))?;
    let shard = write::shard(commit);
    for (slot, sums) in write::kept(sheet, cubes, refused)? {
        let (grain, of) = (slot.grain as i64, slot.of as i64);
        let mut values: Vec<Bound> =
            vec![slot.cube.into(), grain.into(), slot.bucket.into(), slot.key.to_string().into(), of.into()];
        values.extend([slot.bin.into(), shard.clone().into(), sums.n.into(), sums.hi.into(), sums.lo.into()]);
        values.extend([sums.least.into(), sums.most.into()]);
        values.extend((0..BY_MAX).map(|at| Bound::from(sums.by.get(at).cloned().flatten())));
        statement.execute(params_from_iter(values)).map_err(failed(doing))?;
    }
    Ok(())
}

/// Drops the counts of a table's rows that are gone. Few beside those rows, and each a range of the key.
pub(crate) fn forget(db: &Connection, table: &str, before: i64) -> Result<()> {
    for cube in list(db)?.iter().filter(|cube| cube.table == table) {
        for grain in 0..kept::GRAINS_US.len() as i64 {
            let sql = "DELETE FROM \"$counts\" WHERE cube = ? AND grain = ? AND bucket < ?";
            db.execute(sql, params![cube.number, grain, before]).map_err(failed("dropping old counts"))?;
        }
    }
    Ok(())
}
