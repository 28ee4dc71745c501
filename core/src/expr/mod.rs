//! Expressions over a record's fields: built by scripts, run natively, pushed down to SQL where they can be.
//!
//! Meaning (the same in Rust and in SQL): comparing with a missing value is false, except `!=`;
//! `!`, `&` and `|` work on true and false only (anything else counts as false); text compares by bytes;
//! ints and floats compare exactly; text never equals a number; arithmetic with a missing value,
//! text, an overflow or a division by zero is missing.

pub(crate) mod compiled;
mod eval;
pub(crate) mod mismatch;
mod show;
pub(crate) mod slots;
mod types;

pub use eval::eval;
pub use types::column_type;

use std::{collections::BTreeMap, fmt, sync::Arc};

/// A value written in a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Yes or no.
    Bool(bool),
    /// A whole number; durations in microseconds.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// Text.
    Text(Arc<str>),
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A field of the record by the name scripts use (`message`, `host`, `status`, `CODE_FILE`).
    Field(Arc<str>),
    /// A constant.
    Literal(Literal),
    /// A comparison; `level` was already turned into `priority` with the order reversed.
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// The opposite of true; of anything else: true.
    Not(Box<Expr>),
    /// `+ - * / %`; `+` also joins texts.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// Equal to one of these.
    In(Box<Expr>, Vec<Literal>),
    /// A regular expression finds a match in the text.
    Matches(Box<Expr>, Pattern),
    /// `contains`, `starts_with`, `ends_with` with a constant, by bytes.
    Test(TextTest, Box<Expr>, Arc<str>),
    /// A function of one value.
    Call(Function, Box<Expr>),
    /// The value that a constant map has for the text; missing if it has none.
    Lookup(Box<Expr>, Arc<BTreeMap<String, Literal>>),
    /// A moment before the present, in microseconds (`ago(2.minutes)`): the present minus this many.
    Ago(i64),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Arithmetic of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// Tests of a text against a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// Functions of one value; missing stays missing, a value of the wrong kind gives missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// ASCII letters made small.
    Lower,
    /// ASCII letters made large.
    Upper,
    /// Without ASCII white space at both ends.
    Trim,
    /// Length of a text in bytes.
    Len,
    /// A whole number read from text, or a float cut off.
    Int,
    /// A fraction read from text, or from an int.
    Float,
    /// Text of any value.
    Text,
    /// Whether there is a value; never missing itself.
    Exists,
}

/// A compiled regular expression that compares by its text.
#[derive(Clone)]
pub struct Pattern(pub regex::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.0.as_str())
    }
}

impl Expr {
    /// A field by name.
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }
    /// A text constant.
    pub fn text(text: &str) -> Self {
        Self::Literal(Literal::Text(text.into()))
    }
    /// A number constant.
    pub fn int(int: i64) -> Self {
        Self::Literal(Literal::Int(int))
    }
    /// A comparison.
    pub fn compare(how: Compare, left: Self, right: Self) -> Self {
        Self::Compare(how, Box::new(left), Box::new(right))
    }
    /// Both; the usual way filters are joined.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }
    /// Calls `visit` with the name of every field in it.
    pub fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str)) {
        match self {
            Self::Field(name) => visit(name),
            Self::Literal(_) | Self::Ago(_) => {}
            Self::Compare(_, a, b) | Self::And(a, b) | Self::Or(a, b) | Self::Arithmetic(_, a, b) => {
                a.fields(visit);
                b.fields(visit);
            }
            Self::Not(a)
            | Self::In(a, _)
            | Self::Matches(a, _)
            | Self::Test(_, a, _)
            | Self::Call(_, a)
            | Self::Lookup(a, _) => a.fields(visit),
        }
    }
}

/// Names of the journal's severities by priority; `level` shows these.
pub const LEVELS: [&str; 8] = ["emerg", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// The priority of a severity by any of its usual names.
pub fn priority_of(level: &str) -> Option<i64> {
    Some(match level {
        "emerg" | "emergency" | "panic" => 0,
        "alert" => 1,
        "crit" | "critical" | "fatal" => 2,
        "err" | "error" => 3,
        "warn" | "warning" => 4,
        "notice" => 5,
        "info" => 6,
        "debug" | "trace" => 7,
        _ => return None,
    })
}
