//! A store that makes its answers up: the same for the same question, so that a layout can be seen without data.

mod amounts;
mod fleet;
mod sieve;

use amounts::Amounts;
use fleet::Record;
use infralogs_core::{
    Error, Result,
    cursor::Cursor,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Frame, Key, Measure, Query, Shape, cut},
    table::{ColumnDef, ColumnType, Rows, TableDef},
    time::{Time, Window},
    value::Value,
};
use sieve::Sieve;
use std::{sync::Arc, time::Duration};

/// The most records of one answer.
const RECORDS_MAX: usize = 120;

/// How many records are made up for one that the filter takes, at most.
const TRIED_FOR_ONE: usize = 400;

/// How many numbers a histogram counts.
const BINS: i32 = 48;

/// The most groups of one bucket.
const GROUPS_MAX: usize = 400;

/// Answers every query with made-up rows.
#[derive(Debug, Default)]
pub struct Preview;

impl Preview {
    fn groups(&self, query: &Query, table: &TableDef, frame: &Frame, shape: Groups<'_>) -> Rows {
        let Groups { every, by, measures, top } = shape;
        let mut defs: Vec<ColumnDef> = every.iter().map(|_| ColumnDef::new("time", ColumnType::Time)).collect();
        defs.extend(by.iter().map(|key| ColumnDef::new(key.name(), key_type(table, key))));
        defs.extend(measures.iter().map(|it| ColumnDef::new(&*it.name, amounts::kind(table, it))));
        let mut rows = Rows::new(defs);
        let buckets: Vec<Option<i64>> = match every {
            Some(every) => starts(frame.window, every).into_iter().map(Some).collect(),
            None => vec![None],
        };
        let groups = combinations(by, table, top.unwrap_or(GROUPS_MAX));
        let weights = groups.iter().map(|group| group.weight).sum();
        let amounts = Amounts::new(query, table, frame.window, every, weights);
        for bucket in buckets {
            for (place, group) in groups.iter().enumerate() {
                let known: Vec<_> = by.iter().map(Key::name).zip(group.keys.iter().cloned()).collect();
                let group_of = amounts::Group { bucket, place, known: &known, weight: group.weight };
                let numbers = amounts.measures(measures, &group_of);
                if amounts.is_sparse() && numbers.first() == Some(&Value::Int(0)) {
                    continue;
                }
                let mut row: Vec<Value<'_>> = bucket.iter().map(|bucket| Value::Int(*bucket)).collect();
                row.extend(group.keys.iter().map(Value::borrow));
                row.extend(numbers);
                rows.push(&row);
            }
        }
        rows
    }

    fn records(&self, query: &Query, table: &TableDef, frame: &Frame, asked: Records<'_>) -> Rows {
        let Records { columns, limit, per } = asked;
        let all: Vec<Arc<str>> = if columns.is_empty() {
            table.columns.iter().map(|column| column.name.as_str().into()).collect()
        } else {
            columns.to_vec()
        };
        let kind = |name: &str| table.column(name).unwrap_or(ColumnType::Text);
        let mut rows = Rows::new(all.iter().map(|name| ColumnDef::new(&**name, kind(name))).collect());
        let keys: Vec<Key> = per.iter().cloned().map(Key::Field).collect();
        let sieve = Sieve::new(query, table, frame.window, None);
        let mut push = |record: &Record<'_>| {
            let cells: Vec<Value<'_>> = all.iter().map(|name| record.cell(name, kind(name))).collect();
            rows.push(&cells);
        };
        let to = frame.window.to.0;
        if !per.is_empty() {
            for (row, group) in combinations(&keys, table, GROUPS_MAX).iter().enumerate() {
                let known: Vec<_> = per.iter().map(|name| &**name).zip(group.keys.iter().cloned()).collect();
                let record =
                    Record { table: &table.name, row, time: to - 2_000_000 * (row as i64 % 15 + 1), known: &known };
                if sieve.takes(&record) {
                    push(&record);
                }
            }
            return rows;
        }
        let (count, apart) = match &*table.name {
            "deploys" | "gaps" => (2, length(frame.window) * 2 / 5),
            "failed_services" | "failed_units" => (3, length(frame.window) / 4),
            "quarantine" => (14, length(frame.window) / 15),
            _ => (RECORDS_MAX, length(frame.window) / 200),
        };
        // Those that are taken lie as far apart as if there were no others.
        let apart = (apart as f64 * sieve.share(&[], None).max(1.0 / TRIED_FOR_ONE as f64)) as i64;
        let records = (0..count * TRIED_FOR_ONE).map(|row| Record {
            table: &table.name,
            row,
            time: to - apart * row as i64 - apart / 2,
            known: &[],
        });
        let within = records.take_while(|record| record.time >= frame.window.from.0);
        let taken = within.filter(|record| sieve.takes(record));
        taken.take(limit.min(count)).for_each(|record| push(&record));
        rows
    }
}

/// The parts of a shape of records.
struct Records<'q> {
    columns: &'q [Arc<str>],
    limit: usize,
    per: &'q [Arc<str>],
}

/// The parts of a grouping shape.
struct Groups<'q> {
    every: Option<Duration>,
    by: &'q [Key],
    measures: &'q [Measure],
    top: Option<usize>,
}

impl Store for Preview {
    fn name(&self) -> String {
        "made-up rows".into()
    }
    fn query(&self, query: &Query, table: &TableDef, frame: &Frame) -> Result<Rows> {
        Ok(match &query.shape {
            Shape::Latest { columns, limit } => {
                self.records(query, table, frame, Records { columns, limit: *limit, per: &[] })
            }
            Shape::Newest { per, columns, limit } => {
                self.records(query, table, frame, Records { columns, limit: *limit, per })
            }
            Shape::Groups { every, by, measures, top } => {
                self.groups(query, table, frame, Groups { every: *every, by, measures, top: *top })
            }
        })
    }
    fn choices(&self, _: &TableDef, column: &str, _: Window, limit: usize) -> Result<Vec<String>> {
        let words = fleet::words(column).unwrap_or(&["one", "two", "three"]);
        Ok(words.iter().take(limit).map(|word| (*word).to_owned()).collect())
    }
    fn migrate(&self) -> Result<()> {
        Ok(())
    }
    fn prepare(&self, _: &[Arc<TableDef>]) -> Result<()> {
        Ok(())
    }
    fn checkpoint(&self, _: &Stream) -> Result<Option<Cursor>> {
        Ok(None)
    }
    fn last_stream(&self, _: &str) -> Result<Option<Stream>> {
        Ok(None)
    }
    fn commit(&self, _: &Commit<'_>) -> Result<Committed> {
        Err(Error::failed("a preview keeps nothing"))
    }
    fn claim(&self, _: &str, _: &[String], _: Duration) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn release(&self, _: &str) -> Result<()> {
        Ok(())
    }
    fn report(&self, _: &Target, _: &str, _: Time, _: Option<&str>) -> Result<()> {
        Ok(())
    }
    fn retain(&self, _: &[Arc<TableDef>], _: Time) -> Result<u64> {
        Ok(0)
    }
}

fn starts(window: Window, every: Duration) -> Vec<i64> {
    let step = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1_000_000);
    let first = window.from.0.div_euclid(step) * step;
    (0..2_000).map(|at| first + at * step).take_while(|at| *at < window.to.0).collect()
}

/// What one group is told apart by, and how much of all records it has.
struct Group {
    keys: Vec<Value<'static>>,
    weight: f64,
}

/// Every combination of the keys' values, the first key slowest.
fn combinations(by: &[Key], table: &TableDef, most: usize) -> Vec<Group> {
    let mut all = vec![Group { keys: Vec::new(), weight: 1.0 }];
    for key in by {
        let values: Vec<Value<'static>> = match key {
            Key::Weekday => (0..7).map(Value::Int).collect(),
            Key::Hour => (0..24).map(Value::Int).collect(),
            Key::Binned(name) => (1..BINS).map(|step| binned(&table.name, name, table.column(name), step)).collect(),
            Key::Field(name) => fleet::keys(&table.name, name, table.column(name)),
        };
        let with = |before: &Group| {
            let joined = values.iter().enumerate().map(|(place, value)| Group {
                keys: [before.keys.as_slice(), std::slice::from_ref(value)].concat(),
                weight: before.weight * amounts::weight(key, place, values.len()),
            });
            joined.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all.retain(|group| fleet::occurs(&table.name, &group.keys));
    all.truncate(most);
    all
}

/// The numbers of a histogram, each larger than the one before by the same part.
fn binned(table: &str, name: &str, kind: Option<ColumnType>, step: i32) -> Value<'static> {
    let (low, high) = fleet::usual(table, name, kind.unwrap_or(ColumnType::Int));
    let number = low * (high / low).powf(f64::from(step) / f64::from(BINS));
    if kind == Some(ColumnType::Float) { Value::Float(number) } else { Value::Int(cut(number as i64)) }
}

/// In microseconds; of a long window the last day.
fn length(window: Window) -> i64 {
    (window.to.0 - window.from.0).min(86_400_000_000)
}

fn key_type(table: &TableDef, key: &Key) -> ColumnType {
    match key {
        Key::Weekday | Key::Hour => ColumnType::Int,
        Key::Field(name) | Key::Binned(name) => table.column(name).unwrap_or(ColumnType::Text),
    }
}
