//! Which made-up records a query's filter takes, so that what is asked for is what is shown.

use super::fleet::{HOSTS, Record};
use infralogs_core::{
    expr::{Expr, eval},
    query::Query,
    table::{ColumnType, TableDef},
    time::Window,
    value::Value,
};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    time::Duration,
};

/// How many records tell which share of all passes.
const TRIED: usize = 384;
/// The same where each bucket of time is tried for itself.
const TRIED_OF_BUCKET: usize = 24;

/// A query's filter.
pub struct Sieve<'a> {
    filter: Option<&'a Expr>,
    table: &'a TableDef,
    window: Window,
    every: Option<Duration>,
    /// The fields it looks at.
    fields: HashSet<&'a str>,
    shares: RefCell<HashMap<String, f64>>,
}

impl<'a> Sieve<'a> {
    /// The filter of a query; `every` if its records are counted by buckets of time.
    pub fn new(query: &'a Query, table: &'a TableDef, window: Window, every: Option<Duration>) -> Self {
        let mut fields = HashSet::new();
        if let Some(filter) = &query.filter {
            filter.fields(&mut |name| _ = fields.insert(name));
        }
        Self { filter: query.filter.as_ref(), table, window, every, fields, shares: RefCell::default() }
    }

    /// Whether it takes a record.
    pub fn takes(&self, record: &Record<'_>) -> bool {
        let kind = |name: &str| self.table.column(name).unwrap_or(ColumnType::Text);
        let taken = |filter| eval(filter, &|name| record.cell(name, kind(name)), self.window.to) == Value::Bool(true);
        self.filter.is_none_or(taken)
    }

    /// Which share of the records with these values, in this bucket of time, it takes.
    pub fn share(&self, known: &[(&str, Value<'static>)], bucket: Option<i64>) -> f64 {
        if self.filter.is_none() {
            return 1.0;
        }
        let known: Vec<_> = known.iter().filter(|(name, _)| self.fields.contains(name)).cloned().collect();
        let bucket = bucket.filter(|_| self.fields.contains("time"));
        let key = format!("{known:?} {bucket:?}");
        if let Some(share) = self.shares.borrow().get(&key) {
            return *share;
        }
        let share = self.tried(&known, bucket);
        self.shares.borrow_mut().insert(key, share);
        share
    }

    fn tried(&self, known: &[(&str, Value<'static>)], bucket: Option<i64>) -> f64 {
        let count = if bucket.is_some() { TRIED_OF_BUCKET } else { TRIED };
        let (from, to) = match (bucket, self.every) {
            (Some(bucket), Some(every)) => (bucket, bucket + every.as_micros() as i64),
            _ => (self.window.from.0.max(self.window.to.0 - 86_400_000_000), self.window.to.0),
        };
        // Tables of which each machine has its own record have one of each.
        let by_host = matches!(&*self.table.name, "agents" | "agent_scripts" | "storage");
        let by_host = by_host && known.iter().all(|(name, _)| *name != "host");
        let takes = |row: usize| {
            let mut known = known.to_vec();
            if by_host {
                known.push(("host", Value::text(HOSTS[row % HOSTS.len()])));
            }
            let time = if by_host { to - 1 } else { from + (to - from) / count as i64 * row as i64 };
            self.takes(&Record { table: &self.table.name, row, time, known: &known })
        };
        (0..count).filter(|row| takes(*row)).count() as f64 / count as f64
    }
}
