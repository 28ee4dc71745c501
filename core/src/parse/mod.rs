//! Declared parsers compiled into plans that run over borrowed bytes into columnar rows.

pub mod spec;

use crate::{
    entry::{Entries, Entry},
    error::Result,
    table::{ParsedRows, Quarantined, TableDef},
    time::Time,
    value::Value,
};
use spec::ParserSpec;
use std::sync::Arc;

/// A compiled parser.
#[derive(Debug)]
pub struct Parser {
    /// What was declared.
    pub spec: ParserSpec,
    /// Where its rows go, with the types of its columns.
    pub table: Arc<TableDef>,
}

/// What one parser made of one entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A row: one value per column of the parser's table.
    Matched(Vec<Value<'static>>),
    /// `.from` does not want it.
    Unselected,
    /// `.from` wants it, no extractor matches; the reason of the one that came farthest.
    Unmatched(String),
    /// `.keep` or `.drop` (or a closure) left it out.
    Dropped(String),
    /// It matched and then failed.
    Failed(String),
}

/// What several parsers made of a batch.
#[derive(Debug, Default)]
pub struct Parsed {
    /// One for each parser that made rows.
    pub rows: Vec<ParsedRows>,
    /// What matched and then failed.
    pub quarantined: Vec<Quarantined>,
    /// One for each parser, in the plan's order.
    pub counts: Vec<Counts>,
}

/// What became of the entries a parser was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub selected: u64,
    pub matched: u64,
    pub unmatched: u64,
    pub dropped: u64,
    pub failed: u64,
}

/// Several parsers that run over the same entries.
#[derive(Debug)]
pub struct Plan {
    /// In order of their names.
    pub parsers: Vec<Arc<Parser>>,
}

impl Parser {
    /// Checks and compiles. Every problem found is in the answer: what is wrong and what is known.
    pub fn compile(_spec: ParserSpec) -> Result<Self, Vec<crate::Error>> {
        Err(vec![crate::Error::failed("parsers are not compiled yet")])
    }

    /// Runs on one entry alone (the dry run and examples).
    pub fn run(&self, _entry: &Entry<'_>, _now: Time) -> Outcome {
        Outcome::Unselected
    }
}

impl Plan {
    /// Parsers that run together.
    pub fn new(parsers: Vec<Arc<Parser>>) -> Self {
        Self { parsers }
    }

    /// Runs all parsers over all entries. Never fails: what can't be parsed is counted or quarantined.
    pub fn run(&self, _entries: &Entries, _now: Time) -> Parsed {
        Parsed::default()
    }
}
