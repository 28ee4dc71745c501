//! Finds in a query's answer the time, the keys and the measures, whatever shape was asked.

use infralogs_core::{
    dashboard::Panel,
    query::{Aggregate, Shape},
    table::{Column, ColumnType, Rows},
    value::Value,
};
use std::time::Duration;

/// The words for priorities 0 to 7.
pub(crate) const LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// An answer's columns by what they mean to a chart.
pub(crate) struct Columns<'a> {
    /// Moments in microseconds.
    pub time: Option<&'a Column>,
    /// The length of a bucket, if times are their beginnings.
    pub every: Option<Duration>,
    /// What tells records apart.
    pub keys: Vec<Key<'a>>,
    /// Numbers.
    pub measures: Vec<Measure<'a>>,
}

/// A column that tells records apart.
pub(crate) struct Key<'a> {
    /// Its name.
    pub name: &'a str,
    column: &'a Column,
}

/// A column of numbers.
pub(crate) struct Measure<'a> {
    /// Its name, `_` written as a space.
    pub name: String,
    /// Whether nothing counted is zero (a count) or unknown (a mean).
    pub zero_if_missing: bool,
    /// Whether the numbers of several series or buckets may be added.
    pub adds: bool,
    column: &'a Column,
}

impl<'a> Columns<'a> {
    /// As the panel's query says; otherwise by type.
    pub(crate) fn of(panel: &'a Panel, rows: &'a Rows) -> Self {
        let shape = panel.query.as_ref().map(|query| &query.shape);
        let Some(Shape::Groups { every, by, measures, .. }) = shape else {
            return Self::by_type(rows);
        };
        if !measures.iter().any(|measure| rows.column(&measure.name).is_some()) {
            return Self::by_type(rows);
        }
        let keys = by.iter().filter_map(|key| Key::find(key.name(), rows)).collect();
        let measures = measures.iter().filter_map(|measure| {
            let zero = matches!(measure.of, Aggregate::Count | Aggregate::Distinct(_) | Aggregate::Sum(_));
            let adds = matches!(measure.of, Aggregate::Count | Aggregate::Sum(_));
            Some(Measure::new(&measure.name, rows.column(&measure.name)?, zero, adds))
        });
        Self { time: every.and(rows.column("time")), every: *every, keys, measures: measures.collect() }
    }

    /// Text tells apart, numbers are measured.
    pub(crate) fn by_type(rows: &'a Rows) -> Self {
        let mut found = Self { time: rows.column("time"), every: None, keys: Vec::new(), measures: Vec::new() };
        for (def, column) in rows.defs.iter().zip(&rows.columns) {
            match def.kind {
                ColumnType::Time => {}
                ColumnType::Text | ColumnType::Ip | ColumnType::Bool => {
                    found.keys.push(Key { name: &def.name, column })
                }
                _ => found.measures.push(Measure::new(&def.name, column, false, false)),
            }
        }
        found
    }

    /// The name of what a row belongs to: its keys, `–` if it has none.
    pub(crate) fn name(&self, row: usize) -> String {
        let words: Vec<String> = self.keys.iter().map(|key| key.word(row)).collect();
        if words.is_empty() { "–".into() } else { words.join(" · ") }
    }

    /// The keys' names: series of panels with the same ones get the same colours.
    pub(crate) fn scope(&self) -> String {
        self.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(" ")
    }
}

impl<'a> Key<'a> {
    fn find(name: &'a str, rows: &'a Rows) -> Option<Self> {
        rows.column(name).map(|column| Self { name, column })
    }
    /// The key of a row as a person reads it.
    pub(crate) fn word(&self, row: usize) -> String {
        word(self.name, &self.column.get(row))
    }
    /// The key of a row as a number, for hours and weekdays.
    pub(crate) fn number(&self, row: usize) -> Option<i64> {
        match self.column.get(row) {
            Value::Int(int) => Some(int),
            _ => None,
        }
    }
}

impl<'a> Measure<'a> {
    fn new(name: &str, column: &'a Column, zero_if_missing: bool, adds: bool) -> Self {
        Self { name: name.replace('_', " "), zero_if_missing, adds, column }
    }
    /// The number of a row; NaN where there is none.
    pub(crate) fn number(&self, row: usize) -> f64 {
        number(&self.column.get(row))
    }
}

/// A value as a person reads it; priorities by their words.
pub(crate) fn word(column: &str, value: &Value<'_>) -> String {
    match value {
        Value::Missing => "(none)".into(),
        Value::Text(text) if text.is_empty() => "(empty)".into(),
        Value::Text(text) => text.to_string(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Int(level @ 0..=7) if column == "priority" || column == "level" => LEVELS[*level as usize].into(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => crate::unit::digits(*float),
    }
}

/// A value as a number; NaN if it is none.
pub(crate) fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(int) => *int as f64,
        Value::Float(float) => *float,
        Value::Bool(yes) => f64::from(u8::from(*yes)),
        Value::Missing | Value::Text(_) => f64::NAN,
    }
}

/// A moment in microseconds.
pub(crate) fn moment(time: &Column, row: usize) -> Option<i64> {
    match time.get(row) {
        Value::Int(micros) => Some(micros),
        _ => None,
    }
}
