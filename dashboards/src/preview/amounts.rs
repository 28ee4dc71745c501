//! How large made-up counts and measures are, so that a total is about the sum of its parts.

use super::{
    fleet::{self, HOSTS, noise, usual, words},
    sieve::Sieve,
};
use infralogs_core::{
    query::{Aggregate, Key, Measure, Query},
    table::{ColumnType, TableDef},
    time::Window,
    value::Value,
};
use std::time::Duration;

/// Beyond this a longer window brings no more records, in minutes.
const MINUTES_MAX: f64 = 7.0 * 1_440.0;
/// How the groups of one query are filled.
pub struct Amounts<'a> {
    query: &'a Query,
    table: &'a TableDef,
    window: Window,
    /// How many records all groups of one bucket have together.
    records: f64,
    /// What each group's share is measured by.
    weights: f64,
    sieve: Sieve<'a>,
}

/// One group of records: what tells it apart, and how much of all records it has.
pub struct Group<'a> {
    /// The beginning of its bucket, in microseconds.
    pub bucket: Option<i64>,
    /// Which one it is among the groups.
    pub place: usize,
    /// Its values by their columns.
    pub known: &'a [(&'a str, Value<'static>)],
    /// Its share, of the sum of all.
    pub weight: f64,
}

impl<'a> Amounts<'a> {
    /// For groups told apart by these combinations of keys.
    pub fn new(query: &'a Query, table: &'a TableDef, window: Window, every: Option<Duration>, weights: f64) -> Self {
        let minutes = every.map_or((window.to.0 - window.from.0) as f64 / 60e6, |every| every.as_secs_f64() / 60.0);
        let records = match &*table.name {
            "agents" | "agent_scripts" | "processes" | "storage" => HOSTS.len() as f64,
            "retention" => 4.0,
            name => per_minute(name) * minutes.min(MINUTES_MAX),
        };
        let sieve = Sieve::new(query, table, window, every);
        Self { query, table, window, records, weights: weights.max(f64::MIN_POSITIVE), sieve }
    }

    /// The measures of one group, in their order.
    pub fn measures(&self, measures: &[Measure], group: &Group<'_>) -> Vec<Value<'static>> {
        let share = self.sieve.share(group.known, group.bucket);
        measures.iter().map(|measure| self.measure(measure, group, share)).collect()
    }

    /// A measure of a group of which the filter takes this share.
    fn measure(&self, measure: &Measure, group: &Group<'_>, share: f64) -> Value<'static> {
        let Group { bucket, place, weight, .. } = *group;
        let dice = noise((&*self.table.name, bucket, place, &*measure.name));
        let course = bucket.map_or(1.0, |at| wave(at, place));
        let luck = if bucket.is_some() { 0.8 + 0.4 * (dice - 0.5) } else { 1.0 };
        let count = self.records * weight / self.weights * course * luck * share;
        let kind = kind(self.table, measure);
        if share == 0.0 && !matches!(measure.of, Aggregate::Count | Aggregate::Distinct(_)) {
            return Value::Missing; // of nothing
        }
        let amount = match &measure.of {
            // What is rare comes now and then, not as a fraction everywhere.
            Aggregate::Count if bucket.is_some() || count < 0.5 => (count + dice - 0.5).floor(),
            Aggregate::Count => count.round(),
            Aggregate::Distinct(name) => {
                (words(name).map_or(count * 0.3, |words| words.len() as f64)).min(count.ceil())
            }
            Aggregate::Sum(name) => self.typical(name, kind, 0.6, bucket, dice) * count.floor(),
            Aggregate::Mean(name) => self.typical(name, kind, 0.55, bucket, dice),
            Aggregate::Min(name) => self.typical(name, kind, 0.05, bucket, dice),
            Aggregate::Max(name) => self.typical(name, kind, 0.95, bucket, dice),
            Aggregate::Percentile(name, share) => {
                self.typical(name, kind, f64::from(*share) / 100.0 * 0.8, bucket, dice)
            }
        };
        match kind {
            ColumnType::Float => Value::Float(amount),
            _ => Value::Int(amount as i64),
        }
    }

    /// So far between what is little and what is much of a column; what a store holds grows.
    fn typical(&self, name: &str, kind: ColumnType, share: f64, bucket: Option<i64>, dice: f64) -> f64 {
        let (low, high) = usual(&self.table.name, name, kind);
        let value = low * (high / low).powf(share);
        let Some(at) = bucket else { return value };
        if name.ends_with("store_bytes") {
            let whole = (self.window.to.0 - self.window.from.0).max(1) as f64;
            return value * (0.97 + 0.03 * (at - self.window.from.0) as f64 / whole);
        }
        value * (0.75 + 0.2 * wave(at, 3)) * (0.9 + 0.2 * (dice - 0.5))
    }

    /// Whether a group without records is left out, as stores do.
    pub fn is_sparse(&self) -> bool {
        let infralogs_core::query::Shape::Groups { every, by, .. } = &self.query.shape else { return false };
        every.is_some() || !by.is_empty()
    }
}

/// How much of all records belongs to a key's value at this place.
pub fn weight(key: &Key, place: usize, of: usize) -> f64 {
    match key {
        Key::Weekday => {
            if place < 5 {
                1.0
            } else {
                0.4
            }
        }
        Key::Hour => 0.25 + (-((place as f64 - 13.5) / 4.5).powi(2)).exp(),
        // A hump with a long tail, as times and sizes have it.
        Key::Binned(_) => (-((place as f64 / of as f64 - 0.35) / 0.22).powi(2)).exp() + 0.02,
        Key::Field(name) => fleet::weight(name, place),
    }
}

/// The type a measure comes out in.
pub fn kind(table: &TableDef, measure: &Measure) -> ColumnType {
    match &measure.of {
        Aggregate::Count | Aggregate::Distinct(_) => ColumnType::Int,
        Aggregate::Mean(_) => ColumnType::Float,
        Aggregate::Sum(name) | Aggregate::Min(name) | Aggregate::Max(name) | Aggregate::Percentile(name, _) => {
            table.column(name).unwrap_or(ColumnType::Int)
        }
    }
}

/// How many records a table gets in a minute.
fn per_minute(table: &str) -> f64 {
    match table {
        "logs" => 160.0,
        "nginx_access" => 70.0,
        "critical_logs" => 2.0,
        "failed_ssh" => 0.9,
        "quarantine" => 0.04,
        "gaps" | "deploys" => 0.0056,
        "failed_services" | "failed_units" => 0.009,
        _ => 6.0,
    }
}

/// A day's rhythm with a spike now and then.
fn wave(at: i64, place: usize) -> f64 {
    let hours = at as f64 / 3.6e9 + place as f64;
    let spike = if (at / 2_700_000_000) % 7 == 3 && place < 2 { 3.2 } else { 1.0 };
    (1.0 + (hours * 0.9).sin() * 0.35 + (hours * 5.1).sin() * 0.12) * spike
}
