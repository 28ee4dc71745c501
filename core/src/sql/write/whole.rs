//! Rows that are whole already, with the entry's key and the parser's number: those of a table that is built anew.

use super::Sheet;
use crate::{
    entry::Entries, error::Result, id::Id128, inventory::Target, plugin::Commit, plugin::LOGS, table::Rows, time::Time,
    value::Value,
};
use std::ops::Range;

/// A commit of nothing, for [`Sheet::whole`]: only what stores ask of every commit.
pub fn bare<'c>(target: &'c Target, entries: &'c Entries) -> Commit<'c> {
    Commit {
        target,
        stream: LOGS,
        machine: Id128::default(),
        expect: None,
        next: Default::default(),
        entries,
        parsed: &[],
        quarantined: &[],
        gaps: &[],
        dropped: 0,
        unreadable: 0,
        at: Time(0),
    }
}

/// Calls `visit` with each row of the range.
pub(super) fn each(rows: &Rows, range: Range<usize>, visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<()> {
    let mut row: Vec<Value<'_>> = Vec::with_capacity(rows.columns.len());
    for at in range {
        row.clear();
        row.extend(rows.columns.iter().map(|column| column.get(at)));
        visit(&row)?;
    }
    Ok(())
}

impl<'c> Sheet<'c> {
    /// Rows as they are, for a table by name. `commit` is [`bare`].
    pub fn whole(table: &'c str, rows: &'c Rows, commit: &'c Commit<'c>) -> Self {
        Sheet { table, columns: rows.defs.clone(), rows: super::RowsOf::Whole(rows), commit }
    }
}
