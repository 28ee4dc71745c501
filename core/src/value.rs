//! One value of a record while it is computed or shown.

use std::{borrow::Cow, cmp::Ordering};

/// A value borrowed from an entry or a column. Text compares by bytes; text never equals a number.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// Not there.
    #[default]
    Missing,
    /// Yes or no.
    Bool(bool),
    /// A whole number; also times and durations in microseconds, and bytes.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// Text, always valid UTF-8 (invalid bytes were replaced when it was read from a field).
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// Borrowed text.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
    /// Text from any bytes; invalid UTF-8 becomes U+FFFD.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self::Text(String::from_utf8_lossy(bytes))
    }
    /// Whether it is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Missing => Value::Missing,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Float(f) => Value::Float(f),
            Self::Text(t) => Value::Text(Cow::Owned(t.into_owned())),
        }
    }
    /// The same value, borrowed from this one.
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Missing => Value::Missing,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::Int(*i),
            Self::Float(f) => Value::Float(*f),
            Self::Text(t) => Value::Text(Cow::Borrowed(t)),
        }
    }
    /// The order of two values of one kind; numbers compare exactly across int and float. `None` otherwise.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Self::Int(a), Value::Float(b)) => compare_int_float(*a, *b),
            (Self::Float(a), Value::Int(b)) => compare_int_float(*b, *a).map(Ordering::reverse),
            (Self::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            _ => None,
        }
    }
}

/// Exact even where an `i64` does not fit a double.
fn compare_int_float(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    Some(int.cmp(&(whole as i64)).then(if float > whole {
        Ordering::Less
    } else if float < whole {
        Ordering::Greater
    } else {
        Ordering::Equal
    }))
}
