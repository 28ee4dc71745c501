//! A store whose rows are made up and whose texts try to run something in the reader's browser.

use infralogs_core::{
    Result,
    cursor::Cursor,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Frame, Query},
    table::{Rows, TableDef},
    time::{Time, Window},
    value::Value,
};
use infralogs_dashboards::Preview;
use std::{sync::Arc, time::Duration};

/// What attackers write into logs.
const CORPUS: [&str; 6] = [
    "<img src=x onerror=\"pwned=3\">",
    "</script><script>pwned=4</script>",
    "<svg/onload=pwned=5>",
    "\"><iframe srcdoc='<script>parent.pwned=6</script>'>",
    "javascript:pwned=7//",
    "<math><mtext></p><img src=x onerror=pwned=8>${pwned=9}{{pwned=10}}<%= 1 %>",
];

/// Made-up rows with hostile messages and identifiers.
pub struct Hostile;

impl Store for Hostile {
    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        let plain = Preview.query(query, table, frame)?;
        let mut rows = Rows::new(plain.defs.clone());
        for row in 0..plain.len() {
            let cells = plain.columns.iter().zip(&plain.defs).map(|(column, def)| match def.name.as_str() {
                "message" | "identifier" | "service" | "version" => Value::text(CORPUS[row % CORPUS.len()]),
                _ => column.get(row),
            });
            rows.push(&cells.collect::<Vec<_>>());
        }
        Ok(rows)
    }
    fn choices(&self, table: &TableDef, column: &str, window: Window, limit: usize) -> Result<Vec<String>> {
        let mut words = Preview.choices(table, column, window, limit)?;
        words.extend(CORPUS.map(str::to_owned));
        Ok(words)
    }
    fn name(&self) -> String {
        "hostile".into()
    }
    fn migrate(&self) -> Result<()> {
        Ok(())
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
    fn report(&self, target: &Target, at: Time, error: Option<&str>) -> Result<()> {
        Preview.report(target, at, error)
    }
    fn retain(&self, tables: &[Arc<TableDef>], now: Time) -> Result<u64> {
        Preview.retain(tables, now)
    }
}
