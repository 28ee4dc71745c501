//! A parser as a script declares it: plain values, before it is compiled into a [`super::Parser`].

use super::body::Body;
use crate::{
    error::Result,
    expr::Expr,
    table::{ColumnType, Rollup},
    value::Value,
};
use std::{fmt, sync::Arc, time::Duration};

/// Everything one `parser("…")…into("…")` said.
#[derive(Debug, Clone)]
pub struct ParserSpec {
    /// Unique, `[a-z][a-z0-9_]*`.
    pub name: Arc<str>,
    /// `file:line:column` of its declaration.
    pub place: String,
    /// The content hash of the script that declares it (first 16 hexadecimal digits of SHA-256).
    pub script: Arc<str>,
    /// Which entries it looks at; `None`: all.
    pub from: Option<Expr>,
    /// The entry field that extractors read; usually `message`.
    pub input: Arc<str>,
    /// Joins consecutive entries before anything else.
    pub lines: Option<Lines>,
    /// Tried in order, the first that matches wins. Empty: only the entry's own fields are there.
    pub extractors: Vec<Extractor>,
    /// Run in order on what was extracted.
    pub steps: Vec<Step>,
    /// Whether an entry that is selected but matched by no extractor goes to quarantine.
    pub strict: bool,
    /// The columns to store, in order; `None`: everything extracted or set, in order of appearance.
    pub columns: Option<Vec<Arc<str>>>,
    /// The table's name.
    pub table: Arc<str>,
    /// How long its rows are kept.
    pub keep_for: Option<Duration>,
    /// The most bytes its rows may take.
    pub keep_size: Option<u64>,
    /// Counts kept beside its rows.
    pub rollups: Vec<Rollup>,
    /// Checked at every load.
    pub examples: Vec<Example>,
}

/// How fields are read out of the input text.
#[derive(Debug, Clone, PartialEq)]
pub enum Extractor {
    /// `"Failed password for {invalid:flag(invalid user )}{user} from {ip:ip}"`, see [`super::dissect`].
    Dissect(Arc<str>),
    /// Named groups become fields; a group's type is text unless `types` says otherwise.
    Regex {
        /// The regular expression.
        pattern: Arc<str>,
        /// Types of groups.
        types: Vec<(Arc<str>, FieldType)>,
    },
    /// Paths (`user.name`, `tags.0`) read from a JSON object.
    Json(Vec<Pick>),
    /// Keys read from `a=1 b="two words"`.
    Logfmt(Vec<Pick>),
    /// Fields separated by one character, with `"` quoting, named in order.
    Csv {
        /// The separator.
        separator: u8,
        /// Names and types in order; a field named `_` is skipped.
        columns: Vec<(Arc<str>, FieldType)>,
    },
    /// RFC 5424 or RFC 3164, found out for each line.
    ///
    /// What is picked is read from RFC 5424's structured data: `ID.NAME` or just `NAME`.
    Syslog(Vec<Pick>),
    /// nginx' and Apache's combined access log.
    Nginx,
    /// Apache's common or combined access log.
    Apache,
    /// The text of `journalctl -o verbose`.
    Verbose,
}

/// One field taken from keyed input.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// What the field is called from here on.
    pub name: Arc<str>,
    /// Its path or key in the input.
    pub path: Arc<str>,
    /// How it is read.
    pub kind: FieldType,
}

/// How a piece of text becomes a value.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    /// As it stands.
    Text,
    /// A signed whole number.
    Int,
    /// A fraction.
    Float,
    /// `true`, `yes`, `on`, `1` and their opposites.
    Bool,
    /// IPv4 or IPv6, stored in canonical form.
    Ip,
    /// A time in this format (strftime words, or `rfc3339`, `unix`, `unix_ms`, `nginx`, `syslog`).
    Time(Arc<str>),
    /// `1.5s`, `250ms`, `2h`, or a plain number of seconds; stored in microseconds.
    Duration,
    /// `10k`, `1.5GiB` or a plain number.
    Bytes,
    /// True if this text stands here, else false and nothing is taken.
    Flag(Arc<str>),
}

impl FieldType {
    /// A type by the name scripts use: `int`, `time(%d/%b/%Y)`, `flag(invalid user )`; `time` alone is RFC 3339.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "ip" => Self::Ip,
            "time" => Self::Time("rfc3339".into()),
            "duration" => Self::Duration,
            "bytes" => Self::Bytes,
            _ => match name.strip_suffix(')')?.split_once('(')? {
                ("time", format) => Self::Time(format.into()),
                ("flag", text) => Self::Flag(text.into()),
                _ => return None,
            },
        })
    }

    /// The names of all types, for messages.
    pub fn known() -> &'static str {
        "types are text, int, float, bool, ip, time, time(format), duration, bytes, flag(text)"
    }

    /// The column it makes.
    pub fn column(&self) -> ColumnType {
        match self {
            Self::Text => ColumnType::Text,
            Self::Int => ColumnType::Int,
            Self::Float => ColumnType::Float,
            Self::Bool | Self::Flag(_) => ColumnType::Bool,
            Self::Ip => ColumnType::Ip,
            Self::Time(_) => ColumnType::Time,
            Self::Duration => ColumnType::Duration,
            Self::Bytes => ColumnType::Bytes,
        }
    }
}

/// One step after extraction.
#[derive(Debug, Clone)]
pub enum Step {
    /// Only records for which this is true go on; others are dropped from this parser's table.
    Keep(Expr),
    /// Records for which this is true are dropped.
    Drop(Expr),
    /// A field gets a value. Its type is `kind`, or what the expression can be seen to give, or text.
    Set {
        /// The field.
        name: Arc<str>,
        /// Its value.
        to: Expr,
        /// Its type, if the script says so.
        kind: Option<ColumnType>,
    },
    /// A closure changes the record. `sets` are the fields it may set anew, with their types.
    Map {
        /// The closure.
        call: Closure,
        /// Fields it adds.
        sets: Vec<(Arc<str>, ColumnType)>,
    },
}

/// Joins lines of one source that belong together (stack traces).
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// A line for which this matches begins a new record.
    pub start: Arc<str>,
    /// The most lines of one record; the next begins a new one.
    pub lines_max: usize,
}

/// A checked sample: this input gives these fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The input text.
    pub input: String,
    /// Fields expected, with their values; others are not looked at. `None`: it must not match.
    pub fields: Option<Vec<(Arc<str>, Value<'static>)>>,
    /// The entry's other fields, by the names scripts use. `from` is not asked.
    pub given: Vec<(Arc<str>, String)>,
    /// `file:line:column`.
    pub place: String,
}

/// A script's closure that changes a record.
#[derive(Clone)]
pub struct Closure(pub Arc<dyn MapRecord>);

/// Implemented by the script floor.
pub trait MapRecord: Send + Sync {
    /// Reads and sets fields; `Ok(false)` drops the record. An error that is `Kind::Limit` counts as a runaway.
    fn map(&self, record: &mut dyn RecordFields) -> Result<bool>;
    /// The same as native code can run it, if it can.
    fn native(&self) -> Option<&Body> {
        None
    }
}

/// A record as a closure sees it.
pub trait RecordFields {
    /// A field's value: set, extracted or the entry's own.
    fn get(&self, name: &str) -> Value<'_>;
    /// Sets a field; refuses a name that is not in the parser's columns.
    fn set(&mut self, name: &str, value: Value<'static>) -> Result<()>;
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closure(..)")
    }
}
