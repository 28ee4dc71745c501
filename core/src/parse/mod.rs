//! Declared parsers compiled into plans that run over borrowed bytes into columnar rows.
//!
//! A parser's extractors are tried in order. One *fits* when the text has its shape and every piece is of its type.
//! A piece of another type (`{port:int}` where the text is `abc`) lets the next extractor try; if none fits, the
//! record *failed*, with the reason of the first that had the shape, and goes to quarantine. A text that has no
//! extractor's shape is *unmatched*: counted, and with `.strict()` quarantined too.

mod access;
mod block;
pub mod body;
mod bytes;
mod compile;
mod convert;
mod cores;
mod csv;
mod desk;
mod dissect;
mod entry_fields;
mod extractors;
pub mod input;
mod json;
mod lanes;
mod lines;
mod logfmt;
mod native;
mod one;
mod piece;
mod plan;
mod reader;
mod record;
mod regular;
mod scan;
mod select;
pub mod spec;
mod syslog;
mod table;
mod time_format;
mod time_parts;
mod trace;
mod unescape;
mod verbose;

pub(crate) use entry_fields::entry_field_type;

use crate::{
    error::Error,
    table::{ParsedRows, Quarantined, TableDef},
    value::Value,
};
use spec::ParserSpec;
use std::{borrow::Cow, sync::Arc};
pub use trace::{Ended, Stage};

/// A compiled parser.
#[derive(Debug)]
pub struct Parser {
    /// What was declared.
    pub spec: ParserSpec,
    /// Where its rows go, with the types of its columns.
    pub table: Arc<TableDef>,
    program: compile::Program,
}

/// One thing wrong with a declared parser.
#[derive(Debug)]
pub struct Flaw {
    /// Which part of the declaration.
    pub part: Part,
    /// The byte of an extractor's pattern, where that is known.
    pub offset: Option<usize>,
    /// What is wrong and what is known; its place is the parser's.
    pub error: Error,
}

/// A part of a parser's declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `.from`
    From,
    /// `.input`
    Input,
    /// `.lines`
    Lines,
    /// An extractor, by its number from 0.
    Extractor(usize),
    /// A step, by its number from 0.
    Step(usize),
    /// `.columns`, or what would be columns without it.
    Columns,
    /// `.rollup`
    Rollups,
    /// `.into`
    Table,
    /// An example, by its number from 0.
    Example(usize),
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
    /// What matched and then failed, by entry.
    pub quarantined: Vec<Quarantined>,
    /// One for each parser, in the plan's order.
    pub counts: Vec<Counts>,
    /// Parsers whose closure was cut so often that it rested for the rest of the batch.
    pub resting: Vec<Arc<str>>,
}

/// What became of the entries a parser was shown: `selected` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub selected: u64,
    /// Lines that were added to an earlier entry's record.
    pub joined: u64,
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
    seats: Vec<plan::Seat>,
    wanted: entry_fields::Wanted,
    selection: select::Selection,
    /// By seat: the gate it stands behind.
    gate_of: Arc<[u16]>,
}

impl Flaw {
    pub(crate) fn new(part: Part, error: Error) -> Self {
        Self { part, offset: None, error }
    }

    fn at(mut self, place: &str) -> Self {
        self.error = self.error.at(place);
        self
    }
}

/// A value as a message shows it.
fn text_of<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Missing => Cow::Borrowed("nothing"),
        Value::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
        Value::Int(i) => Cow::Owned(i.to_string()),
        Value::Float(f) => Cow::Owned(f.to_string()),
        Value::Text(text) => Cow::Borrowed(text),
    }
}
