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

/// A statement ends at about so many bytes: less than any server takes.
const STATEMENT_BYTES: usize = 512 << 10;

/// Statements that count the entries of a commit but for those that were refused. In key order, so that two writers that
/// meet at a row wait for each other instead of in a circle; their shards keep most of them apart.
pub(crate) fn statements(commit: &Commit<'_>, refused: &HashSet<usize>, flavour: Flavour) -> Vec<String> {
    let shard = text(&write::shard(commit));
    let mut all: Vec<String> = Vec::new();
    for (Counted { cube, bucket, host, unit, priority, has }, n) in write::counted(commit, refused) {
        let open = all.pop_if(|sql| sql.len() < STATEMENT_BYTES);
        let mut sql = open.map_or_else(
            || format!("INSERT INTO {TABLE} (cube, bucket, host, unit, priority, has, shard, n) VALUES "),
            |sql| sql + ", ",
        );
        let (host, unit) = (text(&host), text(&unit));
        // Writing to a String does not fail.
        let _ = write!(sql, "({cube}, {bucket}, {host}, {unit}, {priority}, {has}, {shard}, {n})");
        all.push(sql);
    }
    all.into_iter().map(|sql| sql + flavour.or_add()).collect()
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
