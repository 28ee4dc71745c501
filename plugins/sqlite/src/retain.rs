//! Drops old rows in small steps, so that no batch waits long behind it.

use crate::{connections::Connections, error::failed};
use infralogs_core::{error::Result, sql::Dialect, table::TableDef, time::Time};
use std::sync::Arc;

/// Rows dropped in one transaction.
const ROWS_AT_ONCE: usize = 5_000;
/// Pages given back to the disk after each step.
const PAGES_AT_ONCE: usize = 1_000;

/// Drops rows older than each table's `keep_for`; how many.
pub(crate) fn retain(connections: &Connections, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
    let mut dropped = 0;
    for table in tables {
        let Some(keep_for) = table.keep_for else { continue };
        let doing = format!("dropping old rows of `{}`", table.name);
        let name = Dialect::Sqlite.quote(&table.name);
        let sql = format!(
            "DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name} WHERE time < ? ORDER BY time LIMIT {ROWS_AT_ONCE})"
        );
        loop {
            let step = connections.write(|db| {
                let step = db.execute(&sql, [now.minus(keep_for).0]).map_err(failed(&doing))?;
                if step > 0 {
                    db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})")).map_err(failed(&doing))?;
                }
                Ok(step)
            })?;
            dropped += step as u64;
            if step < ROWS_AT_ONCE {
                break;
            }
        }
    }
    Ok(dropped)
}
