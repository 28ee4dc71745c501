//! Rollups of parser tables: listed in `$cubes`, counted in `$counts` inside the writer's transaction.

use crate::{
    error::{failed, is_not_there},
    pool::Session,
};
use infralogs_core::{
    error::Result,
    plugin::Commit,
    sql::{
        Dialect,
        kept::{self, BY_MAX, COUNTS, CUBES, Cube},
        write::{self, Slot, Sums},
    },
    table::TableDef,
    time::Time,
};
use mysql::{Value as Bound, prelude::Queryable};
use std::{collections::BTreeMap, fmt::Write as _};

/// Rows of one statement.
const ROWS_MAX: usize = 1_000;
/// Rows dropped in one transaction.
const ROWS_AT_ONCE: u64 = 5_000;

/// What is kept; nothing in a store that no program of this version has migrated yet.
pub(crate) fn list(session: &mut Session) -> Result<Vec<Cube>> {
    match session.conn.query_map(kept::list(Dialect::Mysql), Cube::stored) {
        Err(error) if is_not_there(&error) => Ok(Vec::new()),
        other => other.map_err(failed("listing the rollups")),
    }
}

/// Whether a table declares a rollup that is not kept yet.
pub(crate) fn lacks(table: &TableDef, cubes: &[Cube]) -> bool {
    table.rollups.iter().any(|rollup| !cubes.iter().any(|cube| cube.is(table, rollup)))
}

/// Lists a table's new rollups. Before the table is made, so that no row of it is without its counts.
pub(crate) fn register(session: &mut Session, table: &TableDef, exists: bool) -> Result<()> {
    let doing = format!("beginning a rollup of `{}`", table.name);
    let cubes = list(session)?;
    for rollup in table.rollups.iter().filter(|rollup| !cubes.iter().any(|cube| cube.is(table, rollup))) {
        let mut time = |what: &str, condition: String| -> Result<Option<i64>> {
            let name = Dialect::Mysql.quote(&table.name);
            let sql = format!("SELECT {what}(time) FROM {name} WHERE time {condition}");
            let found: Option<Option<i64>> = session.conn.query_first(sql).map_err(failed(&doing))?;
            Ok(found.flatten())
        };
        let (since, until) = match exists {
            false => (i64::MIN, i64::MAX),
            true => {
                let newest = time("MAX", format!("< {}", kept::ahead(Time::now())))?;
                kept::complete(Time::now(), newest, |since| time("MIN", format!(">= {since}")))?
            }
        };
        let sql = format!(
            "INSERT INTO {} (of_table, by_columns, of_columns, since, until) VALUES (?, ?, ?, ?, ?)",
            Dialect::Mysql.quote(CUBES)
        );
        let values = (&table.name, kept::joined(&rollup.by), kept::joined(&rollup.of), since, until);
        session.conn.exec_drop(sql, values).map_err(failed(&doing))?;
    }
    Ok(())
}

/// Adds what the rows of a parser's table count, in key order as the counts of `logs`.
pub(crate) fn add(session: &mut Session, commit: &Commit<'_>, counts: BTreeMap<Slot, Sums>) -> Result<()> {
    let rows: Vec<_> = counts.into_iter().collect();
    let shard = write::shard(commit);
    let by: Vec<String> = (0..BY_MAX).map(kept::value_column).collect();
    let marks = format!("({})", vec!["?"; 12 + BY_MAX].join(", "));
    for rows in rows.chunks(ROWS_MAX) {
        let mut sql = format!(
            "INSERT INTO {} (cube, grain, bucket, slot, of_column, bin, shard, n, hi, lo, least, most, {}) VALUES ",
            Dialect::Mysql.quote(COUNTS),
            by.join(", ")
        );
        let mut values: Vec<Bound> = Vec::with_capacity(rows.len() * (12 + BY_MAX));
        for (at, (slot, sums)) in rows.iter().enumerate() {
            // Writing to a String does not fail.
            let _ = write!(sql, "{}{marks}", if at == 0 { "" } else { ", " });
            values.extend([slot.cube.into(), slot.grain.into(), slot.bucket.into(), slot.key.to_string().into()]);
            values.extend([slot.of.into(), slot.bin.into(), shard.as_str().into(), sums.n.into()]);
            values.extend([sums.hi.into(), sums.lo.into(), sums.least.into(), sums.most.into()]);
            values.extend((0..BY_MAX).map(|at| Bound::from(sums.by.get(at).cloned().flatten())));
        }
        sql.push_str(&session.flavour.or_merge());
        session.conn.exec_drop(sql, values).map_err(failed("counting rows for a rollup"))?;
    }
    Ok(())
}

/// Drops the counts of a table's rows that are gone.
pub(crate) fn forget(session: &mut Session, table: &str, before: i64) -> Result<()> {
    let cubes = list(session)?;
    let cubes = cubes.iter().filter(|cube| cube.table == table);
    for (cube, grain) in cubes.flat_map(|cube| (0..kept::GRAINS_US.len()).map(move |grain| (cube.number, grain))) {
        let sql = format!(
            "DELETE FROM {} WHERE cube = {cube} AND grain = {grain} AND bucket < {before} LIMIT {ROWS_AT_ONCE}",
            Dialect::Mysql.quote(COUNTS)
        );
        loop {
            session.conn.query_drop(&sql).map_err(failed("dropping old counts"))?;
            if session.conn.affected_rows() < ROWS_AT_ONCE {
                break;
            }
        }
    }
    Ok(())
}
