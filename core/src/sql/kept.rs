//! Rollups of parser tables, as scripts ask for them (`.rollup([host, status], [took])`): which are there, and what of
//! a row they count.
//!
//! `$cubes` lists them; `$counts` holds their counts per minute and hour: of records, and of each measured column one
//! row for every bin of its histogram, with the exact sum, least and most of the values in it. Bins of two rows merge
//! by adding, in SQL. A cube is complete for times from `since` to before `until`: rows that were there before it are
//! not counted anew.

use super::{Dialect, rollup};
use crate::{
    table::{ColumnType, Rollup, Storage, TableDef},
    tables,
    time::Time,
};
use hdrhistogram::Histogram;
use std::sync::LazyLock;

/// The table of all cubes.
pub const CUBES: &str = "$cubes";
/// The table of their counts.
pub const COUNTS: &str = "$counts";
/// The most columns a rollup tells apart.
pub const BY_MAX: usize = 4;
/// The most columns a rollup measures.
pub const OF_MAX: usize = 8;
/// The lengths of buckets, by the number that stands in `grain`.
pub const GRAINS_US: [i64; 2] = [rollup::MINUTE_US, rollup::HOUR_US];
/// How far a percentile may be from the exact one: half the width of a bin, in percent.
pub const ERROR_PERCENT: f64 = 3.2;
/// Longer texts count under their first characters.
pub(super) const VALUE_CHARS_MAX: usize = 255;
/// Clocks of machines may be so far ahead.
const AHEAD_US: i64 = 2 * 86_400_000_000;

/// A rollup that a store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cube {
    /// Its number in both tables.
    pub number: i64,
    /// The table whose rows it counts.
    pub table: String,
    /// What it tells apart and measures.
    pub rollup: Rollup,
    /// Complete from this moment on.
    pub since: i64,
    /// Complete before this moment.
    pub until: i64,
}

impl Cube {
    /// What `$cubes` says: number, table, columns by and of (with commas), since, until.
    pub fn stored((number, table, by, of, since, until): (i64, String, String, String, i64, i64)) -> Self {
        let names = |text: &str| text.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
        Self { number, table, rollup: Rollup { by: names(&by), of: names(&of) }, since, until }
    }

    /// As if every rollup that a table declares had been there from its beginning.
    pub fn declared(table: &TableDef) -> Vec<Self> {
        let all = table.rollups.iter().cloned().enumerate();
        let (since, until) = (i64::MIN, i64::MAX);
        all.map(|(at, rollup)| Self { number: at as i64, table: table.name.clone(), rollup, since, until }).collect()
    }

    /// Whether it is this table's rollup.
    pub fn is(&self, table: &TableDef, rollup: &Rollup) -> bool {
        self.table == table.name && self.rollup == *rollup
    }
}

/// The statement that lists all cubes, for [`Cube::stored`].
pub fn list(dialect: Dialect) -> String {
    format!(
        "SELECT number, of_table, by_columns, of_columns, since, until FROM {} ORDER BY number",
        dialect.quote(CUBES)
    )
}

/// Columns of a rollup as `$cubes` holds them.
pub fn joined(names: &[String]) -> String {
    names.join(",")
}

/// Rows from here on are of clocks that are wrong.
pub fn ahead(now: Time) -> i64 {
    now.0.saturating_add(AHEAD_US)
}

/// Since and until when a cube begun now is complete. `newest`: the newest row before [`ahead`]; `oldest`: the oldest
/// row from a moment on. Batches under way now and programs about to end do not count for it yet, so it begins with
/// the hour after next.
pub fn complete<E>(
    now: Time,
    newest: Option<i64>,
    oldest: impl FnOnce(i64) -> Result<Option<i64>, E>,
) -> Result<(i64, i64), E> {
    let hour = rollup::HOUR_US;
    let next = |time: i64| rollup::bucket(time, hour) + 2 * hour;
    let since = newest.map_or(i64::MIN, next).max(next(now.0));
    let until = oldest(since)?.map_or(i64::MAX, |oldest| rollup::bucket(oldest, hour));
    Ok((since, until))
}

/// The columns that hold what a rollup tells apart, in order.
pub fn value_column(at: usize) -> String {
    format!("d{at}")
}

/// The middle of the histogram's bin that a number is in.
pub fn bin(number: i64) -> i64 {
    static BINS: LazyLock<Option<Histogram<u8>>> =
        LazyLock::new(|| Histogram::new_with_bounds(1, i64::MAX as u64, 1).ok());
    let size = number.unsigned_abs();
    let middle = BINS.as_ref().map_or(size, |bins| bins.median_equivalent(size));
    let middle = i64::try_from(middle).unwrap_or(i64::MAX);
    if number < 0 { -middle } else { middle }
}

/// Whether a column can be told apart; floats and times have too many values.
pub fn tells(kind: ColumnType) -> bool {
    kind.storage() != Storage::Float && kind != ColumnType::Time
}

/// Whether a column can be measured.
pub fn measures(kind: ColumnType) -> bool {
    kind.storage() == Storage::Int && kind != ColumnType::Time
}

/// The stored column that a field of a parser table is read from.
pub(super) fn source<'f>(table: &TableDef, field: &'f str) -> &'f str {
    let has = |name: &str| tables::stored(table).iter().any(|column| column.name == name);
    match field {
        "level" if !has(field) => "priority",
        "service" if !has(field) => "unit",
        _ => field,
    }
}

/// What a stored column stands for in the counts.
pub(super) fn column(cube: &Cube, name: &str, storage: Option<Storage>, dialect: Dialect) -> Option<String> {
    if name == "time" {
        return Some(dialect.quote("bucket"));
    }
    let at = cube.rollup.by.iter().position(|own| own == name)?;
    let text = value_column(at);
    Some(match (storage, dialect) {
        (Some(Storage::Int | Storage::Bool), Dialect::Mysql) => format!("CAST({text} AS SIGNED)"),
        (Some(Storage::Int | Storage::Bool), Dialect::Sqlite) => format!("CAST({text} AS INTEGER)"),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_near_and_keep_their_order() {
        let mut numbers = vec![0, 1, -1, 31, 32, 33, 1_000, -1_000, i64::MAX, i64::MIN];
        numbers.extend((0..2_000).map(|at| (at * at * at * 7_919_i64) - 3_000_000));
        numbers.sort_unstable();
        for pair in numbers.windows(2) {
            assert!(bin(pair[0]) <= bin(pair[1]), "{pair:?}");
            let away = (bin(pair[0]) as f64 - pair[0] as f64).abs();
            assert!(away <= pair[0].unsigned_abs() as f64 * ERROR_PERCENT / 100.0, "{} is {}", pair[0], bin(pair[0]));
        }
        assert_eq!((bin(0), bin(17), bin(-31)), (0, 17, -31));
    }

    #[test]
    fn a_cube_begun_late_is_complete_where_no_row_was_before_it() {
        let hour = rollup::HOUR_US;
        let at = |newest: Option<i64>, oldest: Option<i64>| {
            complete::<()>(Time(10 * hour + 5), newest, |_| Ok(oldest)).expect("no error")
        };
        assert_eq!(at(Some(9 * hour), None), (12 * hour, i64::MAX));
        assert_eq!(at(Some(20 * hour + 1), Some(90 * hour + 1)), (22 * hour, 90 * hour));
    }
}
