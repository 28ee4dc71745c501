//! What a batch adds to the rollups inside its transaction, in the order of their keys.

use crate::dialect::Flavour;
use infralogs_core::{
    plugin::Commit,
    sql::{
        rollup::TABLE,
        write::{self, Counted},
    },
};
use std::{collections::HashSet, fmt::Write as _};

/// Rows of one statement.
const ROWS_MAX: usize = 2_000;

/// Statements that count the entries of a commit but for those that were refused. In key order, so that two writers that
/// meet at a row wait for each other instead of in a circle; their shards keep most of them apart.
pub(crate) fn statements(commit: &Commit<'_>, refused: &HashSet<usize>, flavour: Flavour) -> Vec<String> {
    let counted: Vec<_> = write::counted(commit, refused).into_iter().collect();
    let shard = text(&write::shard(commit));
    let statement = |rows: &[(Counted<'_>, i64)]| {
        let mut sql = format!("INSERT INTO {TABLE} (cube, bucket, host, unit, priority, has, shard, n) VALUES ");
        for (at, (key, n)) in rows.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let Counted { cube, bucket, host, unit, priority, has } = key;
            let (host, unit) = (text(host), text(unit));
            // Writing to a String does not fail.
            let _ = write!(sql, "{comma}({cube}, {bucket}, {host}, {unit}, {priority}, {has}, {shard}, {n})");
        }
        sql + flavour.or_add()
    };
    counted.chunks(ROWS_MAX).map(statement).collect()
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
