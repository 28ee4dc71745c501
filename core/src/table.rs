//! Tables as declared and rows as stored or queried: typed columns.

use crate::{cursor::Cursor, value::Value};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// What a column holds. Time and duration are microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit number.
    Int,
    /// A double.
    Float,
    /// Yes or no.
    Bool,
    /// An address, stored as text in its canonical form.
    Ip,
    /// Microseconds since 1970.
    Time,
    /// Microseconds.
    Duration,
    /// A number of bytes.
    Bytes,
}

impl ColumnType {
    /// The name scripts use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Ip => "ip",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
        }
    }
    /// How it is kept in memory and in the store.
    pub fn storage(self) -> Storage {
        match self {
            Self::Text | Self::Ip => Storage::Text,
            Self::Int | Self::Time | Self::Duration | Self::Bytes => Storage::Int,
            Self::Float => Storage::Float,
            Self::Bool => Storage::Bool,
        }
    }
}

/// The four ways values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// UTF-8 text.
    Text,
    /// `i64`.
    Int,
    /// `f64`.
    Float,
    /// `bool`.
    Bool,
}

/// A column's name and type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnDef {
    /// `[a-z_][a-z0-9_]*`, at most 60 characters.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
}

impl ColumnDef {
    /// A column.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self { name: name.into(), kind }
    }
}

/// A table as the scripts (or we) declare it: the declared columns only.
///
/// A parser's table also has the entry's key and origin, see [`KEY_COLUMNS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableDef {
    /// `[a-z_][a-z0-9_]*`, at most 60 characters.
    pub name: String,
    /// Declared columns in order.
    pub columns: Vec<ColumnDef>,
    /// How long rows are kept; `None`: for ever.
    pub keep_for: Option<Duration>,
    /// The most bytes it may take; `None`: as many as there is room for.
    pub keep_size: Option<u64>,
    /// Counts the store keeps beside its rows.
    pub rollups: Vec<Rollup>,
}

/// Counts of a table's rows, per minute and hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rollup {
    /// The columns they tell apart.
    pub by: Vec<String>,
    /// The columns they hold sums and histograms of.
    pub of: Vec<String>,
}

impl TableDef {
    /// The type of a column: declared or one every parser table has.
    pub fn column(&self, name: &str) -> Option<ColumnType> {
        let declared = self.columns.iter().find(|column| column.name == name).map(|column| column.kind);
        declared.or_else(|| KEY_COLUMNS.iter().find(|(own, _)| *own == name).map(|(_, kind)| *kind))
    }
}

/// Columns every parser table begins with: the entry's time, host and key, and the hash of the script that made the row.
pub const KEY_COLUMNS: [(&str, ColumnType); 6] = [
    ("time", ColumnType::Time),
    ("host", ColumnType::Text),
    ("machine", ColumnType::Text),
    ("seqnum_id", ColumnType::Text),
    ("seqnum", ColumnType::Int),
    ("script", ColumnType::Text),
];

/// One column's values. A missing value still takes a slot in the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Which values are there; empty as long as all are.
    present: Vec<bool>,
    data: ColumnData,
}

/// The values themselves, one vector per storage; text is one string with the end of each value.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// All values one after the other, and where each ends.
    Text(String, Vec<u32>),
    /// Numbers.
    Int(Vec<i64>),
    /// Fractions.
    Float(Vec<f64>),
    /// Yes or no.
    Bool(Vec<bool>),
}

impl Column {
    /// An empty column.
    pub fn new(storage: Storage) -> Self {
        let data = match storage {
            Storage::Text => ColumnData::Text(String::new(), Vec::new()),
            Storage::Int => ColumnData::Int(Vec::new()),
            Storage::Float => ColumnData::Float(Vec::new()),
            Storage::Bool => ColumnData::Bool(Vec::new()),
        };
        Self { present: Vec::new(), data }
    }
    /// How many values, missing ones included.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.data {
            ColumnData::Text(_, ends) => ends.len(),
            ColumnData::Int(data) => data.len(),
            ColumnData::Float(data) => data.len(),
            ColumnData::Bool(data) => data.len(),
        }
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The raw data; slots of missing values hold a default.
    pub fn data(&self) -> &ColumnData {
        &self.data
    }
    /// Whether value `row` is there.
    #[inline]
    pub fn is_present(&self, row: usize) -> bool {
        self.present.is_empty() || self.present[row]
    }
    /// Notes whether the value that was just added is there.
    #[inline]
    fn pushed(&mut self, is_there: bool) {
        if !is_there || !self.present.is_empty() {
            self.present.resize(self.len(), true);
            if let Some(last) = self.present.last_mut() {
                *last = is_there;
            }
        }
    }
    /// Adds a value; one of another storage is added as missing and reported as `false`. An int fits a float column.
    pub fn push(&mut self, value: &Value<'_>) -> bool {
        let fits = match (&mut self.data, value) {
            (ColumnData::Text(text, ends), Value::Text(new)) => {
                text.push_str(new);
                ends.push(text.len() as u32);
                true
            }
            (ColumnData::Int(data), Value::Int(new)) => (data.push(*new), true).1,
            (ColumnData::Float(data), Value::Float(new)) => (data.push(*new), true).1,
            (ColumnData::Float(data), Value::Int(new)) => (data.push(*new as f64), true).1,
            (ColumnData::Bool(data), Value::Bool(new)) => (data.push(*new), true).1,
            (ColumnData::Text(text, ends), _) => (ends.push(text.len() as u32), false).1,
            (ColumnData::Int(data), _) => (data.push(0), false).1,
            (ColumnData::Float(data), _) => (data.push(0.0), false).1,
            (ColumnData::Bool(data), _) => (data.push(false), false).1,
        };
        self.pushed(fits);
        fits || value.is_missing()
    }
    /// Adds a text; to a column of another storage, nothing.
    #[inline]
    pub fn push_text(&mut self, new: &str) {
        if let ColumnData::Text(text, ends) = &mut self.data {
            text.push_str(new);
            ends.push(text.len() as u32);
            self.pushed(true);
        } else {
            self.push(&Value::Missing);
        }
    }
    /// Adds a whole number; to a column of another storage, nothing, or its fraction.
    #[inline]
    pub fn push_int(&mut self, new: i64) {
        if let ColumnData::Int(data) = &mut self.data {
            data.push(new);
            self.pushed(true);
        } else {
            self.push(&Value::Int(new));
        }
    }
    /// Adds texts that stand one after the other, each up to its end; to a column of another storage, nothing.
    pub(crate) fn push_texts(&mut self, new: &str, new_ends: &[u32]) -> bool {
        let ColumnData::Text(text, ends) = &mut self.data else { return false };
        let before = text.len() as u32;
        text.push_str(new);
        ends.extend(new_ends.iter().map(|end| before + end));
        self.pushed_all()
    }
    /// Adds whole numbers; to a column of another storage, nothing.
    pub(crate) fn push_ints(&mut self, new: &[i64]) -> bool {
        let ColumnData::Int(data) = &mut self.data else { return false };
        data.extend_from_slice(new);
        self.pushed_all()
    }
    /// Notes that all values that were just added are there.
    fn pushed_all(&mut self) -> bool {
        if !self.present.is_empty() {
            self.present.resize(self.len(), true);
        }
        true
    }
    /// Adds the values of another column of the same storage.
    pub fn append(&mut self, other: &Self) {
        if !self.present.is_empty() || !other.present.is_empty() {
            self.present.resize(self.len(), true);
            self.present.extend_from_slice(&other.present);
            self.present.resize(self.len() + other.len(), true);
        }
        match (&mut self.data, &other.data) {
            (ColumnData::Text(text, ends), ColumnData::Text(more, more_ends)) => {
                let before = text.len() as u32;
                text.push_str(more);
                ends.extend(more_ends.iter().map(|end| before + end));
            }
            (ColumnData::Int(data), ColumnData::Int(more)) => data.extend_from_slice(more),
            (ColumnData::Float(data), ColumnData::Float(more)) => data.extend_from_slice(more),
            (ColumnData::Bool(data), ColumnData::Bool(more)) => data.extend_from_slice(more),
            _ => debug_assert!(false, "columns of two storages"),
        }
    }
    /// Makes room for values like those it has: `times` as many again.
    pub fn reserve(&mut self, times: usize) {
        let more = self.len() * times;
        match &mut self.data {
            ColumnData::Text(text, ends) => {
                text.reserve(text.len() * times);
                ends.reserve(more);
            }
            ColumnData::Int(data) => data.reserve(more),
            ColumnData::Float(data) => data.reserve(more),
            ColumnData::Bool(data) => data.reserve(more),
        }
    }
    /// Value `row`; panics beyond the end, like a slice.
    pub fn get(&self, row: usize) -> Value<'_> {
        if !self.is_present(row) {
            return Value::Missing;
        }
        match &self.data {
            ColumnData::Text(text, ends) => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                Value::Text(Cow::Borrowed(&text[start..ends[row] as usize]))
            }
            ColumnData::Int(data) => Value::Int(data[row]),
            ColumnData::Float(data) => Value::Float(data[row]),
            ColumnData::Bool(data) => Value::Bool(data[row]),
        }
    }
    /// Takes back the values beyond `len`.
    pub fn truncate(&mut self, len: usize) {
        self.present.truncate(len);
        if self.present.iter().all(|is_there| *is_there) {
            self.present.clear();
        }
        match &mut self.data {
            ColumnData::Text(text, ends) => {
                ends.truncate(len);
                text.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            ColumnData::Int(data) => data.truncate(len),
            ColumnData::Float(data) => data.truncate(len),
            ColumnData::Bool(data) => data.truncate(len),
        }
    }
}

/// Rows of named, typed columns of equal length: what a query answers and what a parser makes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// Names and types.
    pub defs: Vec<ColumnDef>,
    /// As many as `defs`, all of one length.
    pub columns: Vec<Column>,
}

impl Rows {
    /// No rows yet of these columns.
    pub fn new(defs: Vec<ColumnDef>) -> Self {
        let columns = defs.iter().map(|def| Column::new(def.kind.storage())).collect();
        Self { defs, columns }
    }
    /// How many rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.defs.iter().position(|def| def.name == name).map(|at| &self.columns[at])
    }
    /// Adds one row, one value per column.
    pub fn push(&mut self, row: &[Value<'_>]) {
        debug_assert_eq!(row.len(), self.columns.len());
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
}

/// Rows that one parser made of one batch.
#[derive(Debug, Clone)]
pub struct ParsedRows {
    /// Where they go.
    pub table: Arc<TableDef>,
    /// Which parser made them.
    pub parser: Arc<str>,
    /// The hash of the script that declares the parser.
    pub script: Arc<str>,
    /// For each row, the index of its entry in the batch, never decreasing.
    pub entry: Vec<u32>,
    /// The declared columns, in the table's order.
    pub rows: Rows,
}

/// A record that matched a parser and then failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// The index of its entry in the batch.
    pub entry: u32,
    /// The entry's place, for tracing it.
    pub cursor: Cursor,
    /// Which parser failed.
    pub parser: Arc<str>,
    /// The hash of its script.
    pub script: Arc<str>,
    /// Why, in one sentence.
    pub reason: String,
}
