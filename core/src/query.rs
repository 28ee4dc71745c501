//! What a panel or a person asks of a store: a filter, a window, a shape.

use crate::{expr::Expr, time::Window};
use std::{sync::Arc, time::Duration};

/// The most rows one query may answer.
pub const ROWS_MAX: usize = 50_000;

/// A question about one table. Lazy: scripts build it, a store runs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table's name.
    pub table: Arc<str>,
    /// Only records for which this is true.
    pub filter: Option<Expr>,
    /// Its own window back from the present, instead of the page's.
    pub last: Option<Duration>,
    /// What comes out.
    pub shape: Shape,
}

/// What comes out of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The newest records, newest first. Columns as asked, or all when empty.
    Latest {
        /// Column names.
        columns: Vec<Arc<str>>,
        /// The most rows.
        limit: usize,
    },
    /// For each distinct value of `per`, its newest record. Ordered by `per`.
    Newest {
        /// The columns that tell records apart (`host`, `mount`).
        per: Vec<Arc<str>>,
        /// Column names, or all when empty.
        columns: Vec<Arc<str>>,
        /// The most rows.
        limit: usize,
    },
    /// Groups with measures. Output columns: `time` (start of the bucket, when `every` is set), one per key
    /// (named after it), one per measure (named after it). Ordered by time, then keys;
    /// with `top` by the first measure, largest first.
    Groups {
        /// The length of time buckets, aligned to the epoch.
        every: Option<Duration>,
        /// What records are grouped by.
        by: Vec<Key>,
        /// What is computed of each group; at least one.
        measures: Vec<Measure>,
        /// Only so many groups with the largest first measure. With `every`: so many series, by their sum.
        top: Option<usize>,
    },
}

/// What records are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// A column's value.
    Field(Arc<str>),
    /// A column's number, cut to its first three figures: few values that are still close (see [`cut`]).
    Binned(Arc<str>),
    /// 0 (Monday) to 6, in the page's time zone.
    Weekday,
    /// 0 to 23, in the page's time zone.
    Hour,
}

impl Key {
    /// The output column's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Field(name) | Self::Binned(name) => name,
            Self::Weekday => "weekday",
            Self::Hour => "hour",
        }
    }
}

/// The powers of ten that [`Key::Binned`] cuts whole numbers and fractions to.
pub const CUT_POWERS: (std::ops::RangeInclusive<i32>, std::ops::RangeInclusive<i32>) = (0..=16, -6..=16);

/// A whole number cut to its first three figures, towards zero: 12,345 → 12,300.
pub fn cut(int: i64) -> i64 {
    let power = CUT_POWERS.0.clone().find(|power| int.unsigned_abs() < 10u64.pow(*power as u32 + 3));
    let step = 10i64.pow(power.unwrap_or(*CUT_POWERS.0.end()) as u32);
    int - int % step
}

/// A fraction cut to its first three figures, towards zero; what is smaller than 0.000001 becomes zero, and what no
/// whole number of steps reaches is none.
pub fn cut_float(float: f64) -> Option<f64> {
    let power = CUT_POWERS.1.clone().find(|power| float.abs() < 10f64.powi(*power + 3));
    let power = power.unwrap_or(*CUT_POWERS.1.end());
    let step = 10f64.powi(power.abs());
    let steps = if power < 0 { float * step } else { float / step };
    let cut = if power < 0 { steps.trunc() / step } else { steps.trunc() * step };
    (steps.abs() < 9e18).then_some(cut)
}

/// One number about a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The output column: `count`, `sum_bytes`, `p99_duration`.
    pub name: Arc<str>,
    /// How it is computed.
    pub of: Aggregate,
}

/// How a measure is computed. Missing values are left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// How many records.
    Count,
    /// How many different values.
    Distinct(Arc<str>),
    /// The sum of a column.
    Sum(Arc<str>),
    /// The mean of a column.
    Mean(Arc<str>),
    /// The smallest value.
    Min(Arc<str>),
    /// The largest value.
    Max(Arc<str>),
    /// A percentile (0 to 100) by nearest rank.
    Percentile(Arc<str>, u8),
}

/// When and in which zone a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Records with `from <= time < to`.
    pub window: Window,
    /// Seconds east of UTC, for `weekday` and `hour`.
    pub zone_s: i32,
    /// The longest the store may take, in milliseconds.
    pub timeout_ms: u32,
}
