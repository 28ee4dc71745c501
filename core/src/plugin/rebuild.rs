//! What a store is asked to build a table anew beside the one it replaces; [`crate::collect::reparse`] asks.

use super::Stream;
use crate::{
    cursor::Cursor,
    error::Result,
    id::Id128,
    table::{ColumnDef, Rows},
    time::Window,
};
use std::sync::Arc;

/// Entries of one counter that one commit brought while a table is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Whose.
    pub stream: Stream,
    /// The lowest number among them. What the counter had before is all below it.
    pub lowest: u64,
    /// All of their times.
    pub times: Window,
}

/// A record that waits in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose machine.
    pub machine: Id128,
    /// Its entry: counter, number and time.
    pub cursor: Cursor,
    /// The parser that failed on it.
    pub parser: Arc<str>,
}

/// A table being built. Killed at whatever point before [`Self::decide`] answers, nothing has changed; from then on the
/// new table is the one, and whoever comes by finishes it. After an error it goes no further.
pub trait Rebuild {
    /// The columns of the table that is there and of the new one, with those every parser's table has.
    fn columns(&self) -> (&[ColumnDef], &[ColumnDef]);
    /// What was committed since it was last asked; what is read from the store before this call has nothing newer.
    fn arrived(&mut self) -> Result<Vec<Arrived>>;
    /// The next rows of the table that is there, in the order they are stored; no row: those were all that there were
    /// when it was first asked.
    fn old(&mut self, limit: usize) -> Result<Rows>;
    /// Stores rows of the new table, counted in its rollups, and rows that quarantine is to have, in one transaction.
    fn put(&mut self, rows: &Rows, failed: &Rows) -> Result<()>;
    /// Lets no commit begin any more. When it answers, those that had begun are over, and for a while
    /// ([`FROZEN_HOLD`](crate::sql::rebuild::FROZEN_HOLD) from each call) others wait.
    fn freeze(&mut self) -> Result<()>;
    /// Makes the new table the one, in one transaction with quarantine: these leave it, those that failed enter.
    fn decide(&mut self, leave: &[Waiting]) -> Result<()>;
    /// Puts it in its place, lets commits go on, and drops what was there.
    fn finish(&mut self) -> Result<()>;
    /// Gives up: commits go on, what was built is dropped.
    fn cancel(&mut self);
}
