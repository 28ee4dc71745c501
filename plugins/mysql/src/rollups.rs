//! Adds what a batch brought to the rollups, inside its transaction and in the order of their keys.

use crate::{error::failed, pool::Session};
use infralogs_core::{
    error::Result,
    plugin::Commit,
    sql::{rollup::TABLE, write},
};
use mysql::prelude::Queryable;
use std::{collections::HashSet, fmt::Write as _};

/// Rows of one statement.
const ROWS_MAX: usize = 2_000;

/// Counts the entries of a commit but for those that were refused. In key order, so that two writers that meet at a
/// row wait for each other instead of in a circle; their shards keep most of them apart.
pub(crate) fn add(session: &mut Session, commit: &Commit<'_>, refused: &HashSet<usize>) -> Result<()> {
    let counted: Vec<_> = write::counted(commit, refused).into_iter().collect();
    let shard = write::shard(commit);
    for rows in counted.chunks(ROWS_MAX) {
        let mut sql = format!("INSERT INTO {TABLE} (cube, bucket, host, unit, priority, has, shard, n) VALUES ");
        for (at, (key, n)) in rows.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let (host, unit) = (text(&key.host), text(&key.unit));
            // Writing to a String does not fail.
            let _ = write!(
                sql,
                "{comma}({}, {}, {host}, {unit}, {}, {}, {}, {n})",
                key.cube,
                key.bucket,
                key.priority,
                key.has,
                text(&shard)
            );
        }
        sql.push_str(session.flavour.or_add());
        session.conn.query_drop(sql).map_err(failed("counting rows for the rollups"))?;
    }
    Ok(())
}

/// A text in hexadecimal, which nothing in it can end.
fn text(text: &str) -> String {
    let mut hex = String::with_capacity(text.len() * 2 + 12);
    hex.push_str("_utf8mb4 x'");
    text.bytes().for_each(|byte| {
        let _ = write!(hex, "{byte:02x}");
    });
    hex.push('\'');
    hex
}
