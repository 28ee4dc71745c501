//! A store that makes its answers up: the same for the same question, so that a layout can be seen without data.

use infralogs_core::{
    Error, Result,
    cursor::Cursor,
    expr::LEVELS,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Aggregate, Frame, Key, Measure, Query, Shape, cut},
    table::{ColumnDef, ColumnType, Rows, TableDef},
    time::{Time, Window},
    value::Value,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// How many records there are.
const RECORDS: usize = 120;

/// How many deploys there were.
const DEPLOYS: usize = 2;

/// Messages that a fleet might write.
const MESSAGES: [&str; 8] = [
    "upstream timed out (110: Connection timed out) while reading response header",
    "Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2",
    "Out of memory: Killed process 4211 (java) total-vm:8123412kB",
    "nginx.service: Main process exited, code=exited, status=1/FAILURE",
    "EXT4-fs error (device sda1): ext4_find_entry: reading directory lblock 0",
    "TLS handshake with 198.51.100.7 failed: certificate expired",
    "slow query: 4.2 s, rows examined 1,284,112",
    "panic: runtime error: invalid memory address <nil> & \"quotes\"",
];

/// Answers every query with made-up rows.
#[derive(Debug, Default)]
pub struct Preview;

impl Preview {
    fn groups(&self, query: &Query, table: &TableDef, frame: &Frame, shape: Groups<'_>) -> Rows {
        let Groups { every, by, measures, top } = shape;
        let mut defs: Vec<ColumnDef> = every.iter().map(|_| ColumnDef::new("time", ColumnType::Time)).collect();
        defs.extend(by.iter().map(|key| ColumnDef::new(key.name(), key_type(table, key))));
        defs.extend(measures.iter().map(|it| ColumnDef::new(&*it.name, measure_type(table, it))));
        let mut rows = Rows::new(defs);
        let buckets: Vec<i64> = match every {
            Some(every) => starts(frame.window, every),
            None => vec![frame.window.from.0],
        };
        let keys = combinations(by, table, if top.is_some() { top } else { None });
        for bucket in &buckets {
            for (place, key) in keys.iter().enumerate() {
                let mut row: Vec<Value<'_>> = every.iter().map(|_| Value::Int(*bucket)).collect();
                row.extend(key.iter().map(Value::borrow));
                let scale = if every.is_some() { 12.0 } else { 420.0 } / (1.0 + place as f64 * 0.6);
                row.extend(measures.iter().map(|it| {
                    let amount = scale * wave(*bucket, place) * noise((&query.table, bucket, place, &it.name));
                    number(amount, it, table)
                }));
                rows.push(&row);
            }
        }
        rows
    }

    fn records(&self, table: &TableDef, frame: &Frame, columns: &[Arc<str>], limit: usize, per: &[Arc<str>]) -> Rows {
        let all: Vec<Arc<str>> = if columns.is_empty() {
            table.columns.iter().map(|column| column.name.as_str().into()).collect()
        } else {
            columns.to_vec()
        };
        let kind = |name: &str| table.column(name).unwrap_or(ColumnType::Text);
        let mut rows = Rows::new(all.iter().map(|name| ColumnDef::new(&**name, kind(name))).collect());
        let keys: Vec<Key> = per.iter().cloned().map(Key::Field).collect();
        let combined = if per.is_empty() { vec![Vec::new(); RECORDS] } else { combinations(&keys, table, None) };
        let length = frame.window.to.0 - frame.window.from.0.max(frame.window.to.0 - 86_400_000_000);
        let (most, part) = if table.name == "deploys" { (DEPLOYS, 4) } else { (RECORDS, 200) };
        let most = if per.is_empty() { most } else { combined.len() };
        for (row, own) in combined.iter().take(limit.min(most)).enumerate() {
            let time =
                frame.window.to.0 - length / part * row as i64 - length / 400 - if part == 4 { length / 9 } else { 0 };
            let cells: Vec<Value<'_>> = all
                .iter()
                .map(|name| match per.iter().position(|key| key == name) {
                    Some(at) => own[at].borrow(),
                    None => cell(name, kind(name), time, row),
                })
                .collect();
            rows.push(&cells);
        }
        rows
    }
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
            Shape::Latest { columns, limit } => self.records(table, frame, columns, *limit, &[]),
            Shape::Newest { per, columns, limit } => self.records(table, frame, columns, *limit, per),
            Shape::Groups { every, by, measures, top } => {
                self.groups(query, table, frame, Groups { every: *every, by, measures, top: *top })
            }
        })
    }
    fn choices(&self, _: &TableDef, column: &str, _: Window, limit: usize) -> Result<Vec<String>> {
        Ok(words(column).iter().take(limit).map(|word| (*word).to_owned()).collect())
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

/// Every combination of the keys' values, the first key slowest.
fn combinations(by: &[Key], table: &TableDef, most: Option<usize>) -> Vec<Vec<Value<'static>>> {
    let mut all = vec![Vec::new()];
    for key in by {
        let values: Vec<Value<'static>> = match key {
            Key::Weekday => (0..7).map(Value::Int).collect(),
            Key::Hour => (0..24).map(Value::Int).collect(),
            Key::Binned(name) => (1..60).map(|step| binned(table.column(name), step)).collect(),
            Key::Field(name) if table.column(name).is_some_and(|kind| kind == ColumnType::Int) => {
                (3..7).map(Value::Int).collect()
            }
            Key::Field(name) => words(name).iter().map(|word| Value::text(word)).collect(),
        };
        all = all
            .iter()
            .flat_map(|before| values.iter().map(|value| [before.as_slice(), std::slice::from_ref(value)].concat()))
            .collect();
    }
    all.truncate(most.unwrap_or(400));
    all
}

/// The numbers of a histogram, each a third larger than the one before.
fn binned(kind: Option<ColumnType>, step: i32) -> Value<'static> {
    let number = 1.3f64.powi(step);
    if kind == Some(ColumnType::Float) { Value::Float(number) } else { Value::Int(cut(number as i64)) }
}

fn words(column: &str) -> &'static [&'static str] {
    match column {
        "host" => &["web-1", "web-2", "web-3", "db-1", "cache-1"],
        "service" | "unit" | "identifier" => &["nginx", "sshd", "mysqld", "kubelet", "cron", "systemd-resolved"],
        "level" => &LEVELS,
        "mount" => &["/", "/var", "/home"],
        "user" => &["root", "admin", "deploy", "oracle"],
        "ip" => &["203.0.113.9", "198.51.100.7", "192.0.2.44"],
        "note" => &["deploy 1.4.2", "deploy 1.4.1"],
        "version" => &["1.4.2", "1.4.1"],
        "parser" => &["nginx_access", "failed_ssh", "storage"],
        "reason" => &["`12x` is no whole number", "the closure ran too long"],
        "last_error" => &[""],
        _ => &["one", "two", "three"],
    }
}

fn cell(name: &str, kind: ColumnType, time: i64, row: usize) -> Value<'static> {
    let dice = noise((name, row));
    match (name, kind) {
        ("time" | "last_seen" | "last_entry", _) => Value::Int(time),
        ("message", _) => Value::text(MESSAGES[row % MESSAGES.len()]),
        ("priority", _) => Value::Int((dice * 4.0) as i64),
        (_, ColumnType::Text | ColumnType::Ip) => {
            let words = words(name);
            Value::text(words[(dice * 1_000.0) as usize % words.len()])
        }
        (_, ColumnType::Time) => Value::Int(time),
        ("total_bytes", _) => Value::Int(90_000_000_000),
        (_, ColumnType::Bytes) => Value::Int((dice * 60e9) as i64),
        (_, ColumnType::Int | ColumnType::Duration) => Value::Int((dice * 90.0) as i64),
        (_, ColumnType::Float) => Value::Float(dice * 60.0),
        (_, ColumnType::Bool) => Value::Bool(dice > 1.2),
    }
}

/// A day's rhythm with a spike now and then.
fn wave(at: i64, place: usize) -> f64 {
    let hours = at as f64 / 3.6e9 + place as f64;
    let spike = if (at / 2_700_000_000) % 7 == 3 && place < 2 { 3.2 } else { 1.0 };
    (1.2 + (hours * 0.9).sin() * 0.6 + (hours * 5.1).sin() * 0.15) * spike
}

/// 0.5 to 1.5, always the same for the same.
fn noise(of: impl Hash) -> f64 {
    let mut hash = DefaultHasher::new();
    of.hash(&mut hash);
    0.5 + (hash.finish() % 1_000) as f64 / 1_000.0
}

fn key_type(table: &TableDef, key: &Key) -> ColumnType {
    match key {
        Key::Weekday | Key::Hour => ColumnType::Int,
        Key::Field(name) | Key::Binned(name) => table.column(name).unwrap_or(ColumnType::Text),
    }
}

fn measure_type(table: &TableDef, measure: &Measure) -> ColumnType {
    match &measure.of {
        Aggregate::Count | Aggregate::Distinct(_) => ColumnType::Int,
        Aggregate::Mean(_) => ColumnType::Float,
        Aggregate::Sum(name) | Aggregate::Min(name) | Aggregate::Max(name) | Aggregate::Percentile(name, _) => {
            table.column(name).unwrap_or(ColumnType::Int)
        }
    }
}

fn number(amount: f64, measure: &Measure, table: &TableDef) -> Value<'static> {
    match measure_type(table, measure) {
        ColumnType::Float => Value::Float(amount),
        _ => Value::Int(amount as i64),
    }
}
