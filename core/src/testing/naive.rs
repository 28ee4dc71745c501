//! Queries answered the plain way, in Rust over all rows: what stores are compared with.

use crate::{
    expr::eval,
    query::{Aggregate, Frame, Key, Query, Shape, cut, cut_float},
    table::{Rows, TableDef},
    time::Time,
    value::Value,
};
use std::{cmp::Ordering, collections::BTreeMap};

/// A value with a total order: missing first, then by kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ordered(pub Value<'static>);

impl Eq for Ordered {}
impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0.is_missing(), other.0.is_missing()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => self.0.compare(&other.0).unwrap_or(Ordering::Equal),
        }
    }
}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

type Row = Vec<Ordered>;

/// The answer as rows of values. `stored` are all rows of the table, newest first.
pub(super) fn answer(query: &Query, table: &TableDef, stored: &Rows, frame: &Frame) -> Vec<Row> {
    let field = |row: usize, name: &str| stored.column(name).map_or(Value::Missing, |column| column.get(row));
    let time = |row: usize| if let Value::Int(time) = field(row, "time") { time } else { 0 };
    let inside = |row: &usize| (frame.window.from.0..frame.window.to.0).contains(&time(*row));
    let passes = |row: &usize| {
        let filter = query.filter.as_ref();
        filter.is_none_or(|filter| eval(filter, &|name| field(*row, name), Time(0)) == Value::Bool(true))
    };
    let rows: Vec<usize> = (0..stored.len()).filter(inside).filter(passes).collect();
    let value = |row: usize, name: &str| Ordered(field(row, name).into_owned());
    match &query.shape {
        Shape::Latest { columns, limit } => {
            rows.iter().take(*limit).map(|row| columns.iter().map(|name| value(*row, name)).collect()).collect()
        }
        Shape::Newest { per, columns, limit } => {
            let mut first: BTreeMap<Row, usize> = BTreeMap::new();
            for row in rows {
                first.entry(per.iter().map(|name| value(row, name)).collect()).or_insert(row);
            }
            first.values().take(*limit).map(|row| columns.iter().map(|name| value(*row, name)).collect()).collect()
        }
        Shape::Groups { every, by, measures, top } => {
            let mut groups: BTreeMap<Row, Vec<usize>> = BTreeMap::new();
            if every.is_none() && by.is_empty() {
                groups.insert(Vec::new(), Vec::new()); // a total of nothing is a row too
            }
            for row in rows {
                let bucket =
                    every.map(|every| time(row).div_euclid(every.as_micros() as i64) * every.as_micros() as i64);
                let keys = by.iter().map(|key| key_of(key, time(row), frame, |name| value(row, name)));
                let key = bucket.map(|bucket| Ordered(Value::Int(bucket))).into_iter().chain(keys).collect();
                groups.entry(key).or_default().push(row);
            }
            let measured =
                |rows: &[usize], of: &Aggregate| Ordered(measure(of, table, rows, &|row, name| value(row, name).0));
            let list = groups
                .iter()
                .map(|(key, rows)| key.iter().cloned().chain(measures.iter().map(|m| measured(rows, &m.of))).collect());
            largest(list.collect(), every.is_some(), by.len(), *top)
        }
    }
}

fn key_of(key: &Key, time: i64, frame: &Frame, value: impl Fn(&str) -> Ordered) -> Ordered {
    let local_s = time.div_euclid(1_000_000) + i64::from(frame.zone_s);
    match key {
        Key::Field(name) => value(name),
        Key::Binned(name) => Ordered(match value(name).0 {
            Value::Int(int) => Value::Int(cut(int)),
            Value::Float(float) => cut_float(float).map_or(Value::Missing, Value::Float),
            other => other,
        }),
        Key::Hour => Ordered(Value::Int(local_s.rem_euclid(86_400) / 3_600)),
        Key::Weekday => Ordered(Value::Int((local_s.div_euclid(86_400) + 3).rem_euclid(7))),
    }
}

fn measure(
    of: &Aggregate,
    table: &TableDef,
    rows: &[usize],
    value: &dyn Fn(usize, &str) -> Value<'static>,
) -> Value<'static> {
    let present = |name: &str| {
        let mut all: Vec<Ordered> =
            rows.iter().map(|row| Ordered(value(*row, name))).filter(|v| !v.0.is_missing()).collect();
        all.sort();
        all
    };
    let sum = |name: &str| -> (f64, i64, usize) {
        present(name).iter().fold((0.0, 0, 0), |(float, int, many), value| match value.0 {
            Value::Int(i) => (float + i as f64, int + i, many + 1),
            Value::Bool(b) => (float + f64::from(b), int + i64::from(b), many + 1),
            Value::Float(f) => (float + f, int, many + 1),
            _ => (float, int, many),
        })
    };
    let end = |value: Option<&Ordered>| value.map_or(Value::Missing, |value| value.0.clone());
    match of {
        Aggregate::Count => Value::Int(rows.len() as i64),
        Aggregate::Distinct(name) => {
            let mut all = present(name);
            all.dedup();
            Value::Int(all.len() as i64)
        }
        Aggregate::Sum(name) => match (sum(name), table.column(name)) {
            ((_, _, 0), _) => Value::Missing,
            ((float, ..), Some(crate::table::ColumnType::Float)) => Value::Float(float),
            ((_, int, _), _) => Value::Int(int),
        },
        Aggregate::Mean(name) => match sum(name) {
            (_, _, 0) => Value::Missing,
            (float, _, many) => Value::Float(float / many as f64),
        },
        Aggregate::Min(name) => end(present(name).first()),
        Aggregate::Max(name) => end(present(name).last()),
        Aggregate::Percentile(name, percent) => {
            let all = present(name);
            let rank = (usize::from(*percent) * all.len()).div_ceil(100).max(1);
            end(all.get(rank - 1))
        }
    }
}

/// Only the groups (with time: the series) with the largest first measure.
fn largest(mut groups: Vec<Row>, timed: bool, by: usize, top: Option<usize>) -> Vec<Row> {
    let keys = by + usize::from(timed);
    let Some(top) = top else { return groups };
    if !timed {
        groups.sort_by(|a, b| b[keys].cmp(&a[keys]).then_with(|| a[..keys].cmp(&b[..keys])));
        groups.truncate(top);
        return groups;
    }
    let mut series: BTreeMap<Row, Option<f64>> = BTreeMap::new();
    for group in &groups {
        let sum = series.entry(group[1..keys].to_vec()).or_default();
        let more = match group[keys].0 {
            Value::Int(i) => Some(i as f64),
            Value::Float(f) => Some(f),
            _ => None,
        };
        *sum = match (*sum, more) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
    let mut order: Vec<_> = series.into_iter().collect();
    order.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then_with(|| a.0.cmp(&b.0)));
    if by > 0 {
        let kept: Vec<Row> = order.into_iter().take(top).map(|(key, _)| key).collect();
        groups.retain(|group| kept.contains(&group[1..keys].to_vec()));
    }
    groups
}
