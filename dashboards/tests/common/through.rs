//! A store of made-up rows whose answers a test looks at or changes.

use infralogs_core::{
    Error, Result,
    cursor::Cursor,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Frame, Query},
    table::{Rows, TableDef},
    time::{Time, Window},
};
use infralogs_dashboards::Preview;
use std::{sync::Arc, time::Duration};

/// What is done with each answer on its way.
pub trait Way: Send + Sync {
    /// Why a query has no answer.
    fn trouble(&self, _query: &Query) -> Option<Error> {
        None
    }
    /// The rows of a query.
    fn rows(&self, _query: &Query, _frame: &Frame, rows: Rows) -> Rows {
        rows
    }
    /// The choices of a column.
    fn choices(&self, choices: Vec<String>) -> Vec<String> {
        choices
    }
    /// How far behind the store is.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }
}

/// Made-up rows that go this way.
pub struct Through<W>(pub W);

impl<W: Way> Store for Through<W> {
    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        match self.0.trouble(query) {
            Some(error) => Err(error),
            None => Ok(self.0.rows(query, frame, Preview.query(query, table, frame)?)),
        }
    }
    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>> {
        Ok(self.0.choices(Preview.choices(table, column, window, limit)?))
    }
    fn lag(&self) -> Result<Duration> {
        Ok(self.0.lag())
    }
    fn name(&self) -> String {
        Preview.name()
    }
    fn migrate(&self) -> Result<()> {
        Preview.migrate()
    }
    fn prepare(&self, tables: &[Arc<TableDef>]) -> Result<()> {
        Preview.prepare(tables)
    }
    fn checkpoint(&self, stream: &Stream) -> Result<Option<Cursor>> {
        Preview.checkpoint(stream)
    }
    fn last_stream(&self, target: &str) -> Result<Option<Stream>> {
        Preview.last_stream(target)
    }
    fn commit(&self, commit: &Commit<'_>) -> Result<Committed> {
        Preview.commit(commit)
    }
    fn claim(&self, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
        Preview.claim(owner, polls, hold)
    }
    fn release(&self, owner: &str) -> Result<()> {
        Preview.release(owner)
    }
    fn report(&self, target: &Target, stream: &str, at: Time, error: Option<&str>) -> Result<()> {
        Preview.report(target, stream, at, error)
    }
    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
        Preview.retain(tables, now)
    }
}
