//! Rollups of `logs`: how many records per minute, five minutes and hour there are, kept by the writer beside the rows,
//! and which of them answer a query together with the raw rows at the ends of its window.
//!
//! One table holds all: `rollups (cube, bucket, host, unit, priority, has, shard, n)`. A dimension that a cube does
//! not keep, or that a record lacks, is stored empty; `has` tells which are there. Keys end in a shard (the first
//! letter of the machine's id), so that writers of different machines do not wait for each other.

use super::Dialect;
use crate::{
    expr::Expr,
    query::{Aggregate, Key, Measure},
    table::TableDef,
    tables,
    time::{Time, Window},
};
use std::time::Duration;

/// The table of all rollups.
pub const TABLE: &str = "rollups";

/// Its key behind the cube and before the shard.
pub(super) const KEY: &str = "bucket, host, unit, priority, has";

pub(super) const MINUTE_US: i64 = 60_000_000;
const FIVE_MINUTES_US: i64 = 5 * MINUTE_US;
pub(super) const HOUR_US: i64 = 60 * MINUTE_US;
/// From the longest to the shortest.
const GRAINS_US: [i64; 3] = [HOUR_US, FIVE_MINUTES_US, MINUTE_US];

/// A set of dimensions, as bits.
pub type Dims = u8;
/// The host.
pub const HOST: Dims = 1;
/// The unit, and `service` with it.
pub const UNIT: Dims = 2;
/// The priority, and `level` with it.
pub const PRIORITY: Dims = 4;

/// Counts at one grain over some dimensions.
#[derive(Debug, PartialEq, Eq)]
pub struct Cube {
    /// Its number in the table.
    pub number: u8,
    /// The length of its buckets, aligned to the epoch.
    pub grain_us: i64,
    /// What it tells apart.
    pub dims: Dims,
    /// The schema version that began to keep it.
    pub since: i64,
}

/// All cubes: of each grain the smallest first. (All three dimensions by the minute would hardly be smaller than the
/// rows: figures in the README of `plugins/mysql`.) A day of a fleet by host is read from five minutes, a week from hours.
pub const CUBES: [Cube; 13] = [
    Cube { number: 0, grain_us: MINUTE_US, dims: PRIORITY, since: 2 },
    Cube { number: 1, grain_us: MINUTE_US, dims: HOST | PRIORITY, since: 2 },
    Cube { number: 2, grain_us: MINUTE_US, dims: UNIT | PRIORITY, since: 2 },
    Cube { number: 9, grain_us: FIVE_MINUTES_US, dims: HOST, since: 6 },
    Cube { number: 10, grain_us: FIVE_MINUTES_US, dims: UNIT, since: 6 },
    Cube { number: 5, grain_us: FIVE_MINUTES_US, dims: HOST | PRIORITY, since: 5 },
    Cube { number: 6, grain_us: FIVE_MINUTES_US, dims: UNIT | PRIORITY, since: 5 },
    Cube { number: 3, grain_us: HOUR_US, dims: PRIORITY, since: 2 },
    Cube { number: 11, grain_us: HOUR_US, dims: HOST, since: 6 },
    Cube { number: 12, grain_us: HOUR_US, dims: UNIT, since: 6 },
    Cube { number: 7, grain_us: HOUR_US, dims: HOST | PRIORITY, since: 5 },
    Cube { number: 8, grain_us: HOUR_US, dims: UNIT | PRIORITY, since: 5 },
    Cube { number: 4, grain_us: HOUR_US, dims: HOST | UNIT | PRIORITY, since: 2 },
];

/// The dimension a field of `logs` is read from.
pub(super) fn dim(field: &str) -> Option<Dims> {
    match field {
        "host" => Some(HOST),
        "unit" | "service" => Some(UNIT),
        "priority" | "level" => Some(PRIORITY),
        _ => None,
    }
}

/// The start of the bucket a moment is in.
pub fn bucket(time: i64, grain_us: i64) -> i64 {
    time.div_euclid(grain_us).saturating_mul(grain_us)
}

/// A stretch of a window and where its records are counted: in a cube, or (`None`) in the rows themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub cube: Option<&'static Cube>,
    pub window: Window,
}

/// What a query needs to know of each record.
pub(super) struct Needs {
    dims: Dims,
    /// Buckets must divide this.
    step_us: i64,
}

impl Needs {
    /// `None` where only the rows themselves know.
    pub fn of(
        table: &TableDef,
        filter: Option<&Expr>,
        every: Option<Duration>,
        by: &[Key],
        measures: &[Measure],
        zone_s: i32,
    ) -> Option<Self> {
        if table.name != tables::LOGS.name {
            return None;
        }
        let mut needs = Self { dims: 0, step_us: step_us(every, by, zone_s)? };
        let mut known = true;
        let mut field = |name: &str| match dim(name) {
            Some(dim) => needs.dims |= dim,
            None => known = false,
        };
        if let Some(filter) = filter {
            filter.fields(&mut field);
        }
        for key in by {
            match key {
                Key::Field(name) => field(name),
                Key::Binned(_) => return None,
                Key::Weekday | Key::Hour => {}
            }
        }
        for measure in measures {
            match &measure.of {
                Aggregate::Count => {}
                Aggregate::Distinct(name) | Aggregate::Min(name) | Aggregate::Max(name) => field(name),
                Aggregate::Sum(_) | Aggregate::Mean(_) | Aggregate::Percentile(..) => return None,
            }
        }
        known.then_some(needs)
    }

    /// For the values of one column.
    pub fn of_column(table: &TableDef, column: &str) -> Option<Self> {
        let key = [Key::Field(column.into())];
        Self::of(table, None, None, &key, &[], 0)
    }

    /// The smallest cube of a grain that knows enough; none if one by the minute tells fewer names apart: there may be
    /// thousands of hosts, but never many priorities.
    fn cube(&self, grain_us: i64) -> Option<&'static Cube> {
        if self.step_us % grain_us != 0 {
            return None;
        }
        let smallest =
            |grain_us| CUBES.iter().find(|cube| cube.grain_us == grain_us && cube.dims & self.dims == self.dims);
        let names = |cube: &Cube| (cube.dims & (HOST | UNIT)).count_ones();
        let most = smallest(MINUTE_US).map_or(u32::MAX, names);
        smallest(grain_us).filter(|cube| names(cube) <= most)
    }

    /// The window in pieces, in order. One raw piece where no cube helps.
    pub fn pieces(&self, window: Window) -> Vec<Piece> {
        let cubes = GRAINS_US.into_iter().filter_map(|grain_us| Some((grain_us, self.cube(grain_us)?)));
        let mut pieces = Vec::new();
        divide(window, &cubes.collect::<Vec<_>>(), &mut pieces);
        pieces.into_iter().map(|(cube, window)| Piece { cube, window }).collect()
    }
}

/// What the lengths of buckets must divide.
pub(super) fn step_us(every: Option<Duration>, by: &[Key], zone_s: i32) -> Option<i64> {
    let mut step = 24 * HOUR_US;
    let mut divides = |us: i64| {
        let mut rest = us.abs();
        while rest != 0 {
            (step, rest) = (rest, step % rest);
        }
    };
    if let Some(every) = every {
        divides(i64::try_from(every.as_micros()).ok()?);
    }
    if by.iter().any(|key| matches!(key, Key::Weekday | Key::Hour)) {
        divides(HOUR_US);
        divides(i64::from(zone_s) * 1_000_000);
    }
    Some(step)
}

/// A window by whole buckets, the longest first, and what no bucket covers.
pub(super) fn divide<T: Copy>(window: Window, grains: &[(i64, T)], pieces: &mut Vec<(Option<T>, Window)>) {
    let Some(((grain_us, grain), finer)) = grains.split_first() else {
        return pieces.push((None, window));
    };
    let up = |time: i64| bucket(time.saturating_add(grain_us - 1), *grain_us);
    let (from, to) = (up(window.from.0), bucket(window.to.0, *grain_us));
    if from >= to {
        return divide(window, finer, pieces);
    }
    let (from, to) = (Time(from), Time(to));
    for side in [Window { from: window.from, to: from }, Window { from: to, to: window.to }] {
        if side.from < side.to {
            divide(side, finer, pieces);
        }
    }
    pieces.push((Some(*grain), Window { from, to }));
}

/// The pieces in words, for people.
pub(super) fn told(pieces: &[Piece]) -> String {
    let names = |dims: Dims| {
        let all = [(HOST, "host"), (UNIT, "unit"), (PRIORITY, "priority")];
        all.into_iter().filter(|(dim, _)| dims & dim != 0).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    };
    let one = |piece: &Piece| {
        let (from, to) = (piece.window.from, piece.window.to);
        match piece.cube {
            None => format!("rows of `logs` from {from} to {to}"),
            Some(cube) => {
                let grain = match cube.grain_us {
                    HOUR_US => "hour",
                    FIVE_MINUTES_US => "five minutes",
                    _ => "minute",
                };
                format!("counts per {grain} of {} from {from} to {to}", names(cube.dims))
            }
        }
    };
    pieces.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What a name stands for in a cube's rows; `None` if cubes do not know it.
pub(super) fn column(name: &str, dialect: Dialect) -> Option<String> {
    let quoted = dialect.quote(name);
    let there = |dim: Dims| format!("(CASE WHEN ({} & {dim}) <> 0 THEN {quoted} END)", dialect.quote("has"));
    match name {
        "time" => Some(dialect.quote("bucket")),
        "host" => Some(there(HOST)),
        "unit" => Some(there(UNIT)),
        "priority" => Some(there(PRIORITY)),
        _ => None,
    }
}

/// Statements that fill the empty table from `logs`, for stores that were made before there were rollups.
pub fn fill(dialect: Dialect) -> Vec<String> {
    let quote = |name: &str| dialect.quote(name);
    let one = |cube: &Cube| {
        let kept = |dim: Dims, name: &str, none: &str| match cube.dims & dim {
            0 => none.to_owned(),
            _ => format!("COALESCE({}, {none})", quote(name)),
        };
        let has = |dim: Dims, name: &str| match cube.dims & dim {
            0 => "0".to_owned(),
            _ => format!("(CASE WHEN {} IS NULL THEN 0 ELSE {dim} END)", quote(name)),
        };
        let (time, grain) = (quote("time"), cube.grain_us);
        format!(
            "INSERT INTO {TABLE} SELECT c, b, h, u, p, s, m, COUNT(*) FROM (SELECT {number} AS c, \
             {time} - (({time} % {grain} + {grain}) % {grain}) AS b, {host} AS h, {unit} AS u, {priority} AS p, \
             {a} + {b} + {d} AS s, substr({machine}, 1, 1) AS m FROM {logs}) AS r GROUP BY c, b, h, u, p, s, m",
            number = cube.number,
            host = kept(HOST, "host", "''"),
            unit = kept(UNIT, "unit", "''"),
            priority = kept(PRIORITY, "priority", "0"),
            a = has(HOST, "host"),
            b = has(UNIT, "unit"),
            d = has(PRIORITY, "priority"),
            machine = quote("machine"),
            logs = quote(&tables::LOGS.name),
        )
    };
    CUBES.iter().map(one).collect()
}

/// Statements that fill the cubes which a store of an older schema version lacks, from those it has.
pub fn sum_up(dialect: Dialect, version: i64) -> Vec<String> {
    let (young, old): (Vec<&Cube>, Vec<&Cube>) = CUBES.iter().partition(|cube| cube.since > version);
    let bucket = dialect.quote("bucket");
    let one = |cube: &&Cube| {
        let knows = |old: &&&Cube| old.dims & cube.dims == cube.dims && old.grain_us <= cube.grain_us;
        let finer = old.iter().filter(knows).min_by_key(|old| (old.dims.count_ones(), -old.grain_us))?;
        let kept = |dim: Dims, name: &str, none: &str| if cube.dims & dim == 0 { none.into() } else { name.to_owned() };
        Some(format!(
            "INSERT INTO {TABLE} SELECT {number}, b, h, u, p, s, shard, SUM(n) FROM (SELECT \
             {bucket} - (({bucket} % {grain} + {grain}) % {grain}) AS b, {host} AS h, {unit} AS u, {priority} AS p, \
             has & {dims} AS s, shard, n FROM {TABLE} WHERE cube = {finer}) AS r GROUP BY b, h, u, p, s, shard",
            number = cube.number,
            grain = cube.grain_us,
            host = kept(HOST, "host", "''"),
            unit = kept(UNIT, "unit", "''"),
            priority = kept(PRIORITY, "priority", "0"),
            dims = cube.dims,
            finer = finer.number,
        ))
    };
    let numbers: Vec<String> = young.iter().map(|cube| cube.number.to_string()).collect();
    // What is there was counted by a migration that broke off.
    let empty = format!("DELETE FROM {TABLE} WHERE cube IN ({})", numbers.join(", "));
    std::iter::once(empty).chain(young.iter().filter_map(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(every_s: Option<u64>, by: &[&str], zone_s: i32, from: i64, to: i64) -> Vec<(Option<u8>, i64, i64)> {
        let keys: Vec<Key> =
            by.iter().map(|name| if *name == "hour" { Key::Hour } else { Key::Field((*name).into()) }).collect();
        let count = [Measure { name: "count".into(), of: Aggregate::Count }];
        let every = every_s.map(Duration::from_secs);
        let needs = Needs::of(&tables::LOGS, None, every, &keys, &count, zone_s).expect("cubes know it");
        let window = Window { from: Time(from * 1_000_000), to: Time(to * 1_000_000) };
        let mut list: Vec<_> = needs
            .pieces(window)
            .iter()
            .map(|piece| {
                let (from, to) = (piece.window.from.0 / 1_000_000, piece.window.to.0 / 1_000_000);
                (piece.cube.map(|cube| cube.number), from, to)
            })
            .collect();
        list.sort_by_key(|piece| piece.1);
        list
    }

    #[test]
    fn a_window_is_hours_minutes_and_rows() {
        let whole = pieces(None, &["level"], 0, 3_590, 10_930);
        let wanted =
            [(None, 3_590, 3_600), (Some(3), 3_600, 10_800), (Some(0), 10_800, 10_920), (None, 10_920, 10_930)];
        assert_eq!(whole, wanted);
        let hosts = pieces(None, &["host"], 0, 3_590, 11_170);
        let wanted = [
            (None, 3_590, 3_600),
            (Some(11), 3_600, 10_800),
            (Some(9), 10_800, 11_100),
            (Some(1), 11_100, 11_160),
            (None, 11_160, 11_170),
        ];
        assert_eq!(hosts, wanted);
        assert_eq!(pieces(Some(900), &["unit"], 0, 0, 7_200), [(Some(10), 0, 7_200)]);
        assert_eq!(pieces(Some(900), &["unit", "level"], 0, 0, 7_200), [(Some(6), 0, 7_200)]);
        assert_eq!(pieces(Some(60), &["host"], 0, 0, 7_200), [(Some(1), 0, 7_200)]);
        assert_eq!(pieces(Some(90), &[], 0, 0, 7_200), [(None, 0, 7_200)], "half minutes are in no cube");
        assert_eq!(pieces(Some(60), &["host", "unit"], 0, 0, 7_200), [(None, 0, 7_200)]);
        assert_eq!(pieces(Some(3_600), &["host", "service"], 0, 0, 7_200), [(Some(4), 0, 7_200)]);
        assert_eq!(pieces(None, &["hour"], 5 * 3_600, 0, 7_200), [(Some(3), 0, 7_200)]);
        assert_eq!(pieces(None, &["hour"], 19_800, 0, 7_200), [(Some(0), 0, 7_200)], "half an hour off: by minutes");
        assert_eq!(
            pieces(None, &[], 0, -7_201, -1),
            [(None, -7_201, -7_200), (Some(3), -7_200, -3_600), (Some(0), -3_600, -60), (None, -60, -1)]
        );
    }

    #[test]
    fn what_no_cube_knows_is_read_from_the_rows() {
        let count = [Measure { name: "count".into(), of: Aggregate::Count }];
        let needs = |filter: &str, table: &TableDef| {
            Needs::of(table, Some(&Expr::field(filter)), None, &[], &count, 0).is_some()
        };
        assert!(needs("level", &tables::LOGS));
        assert!(!needs("message", &tables::LOGS));
        assert!(!needs("time", &tables::LOGS));
        assert!(!needs("host", &tables::QUARANTINE));
    }
}
