//! Groups with measures: time buckets, keys, aggregates, percentiles and the largest few.

use super::{
    Dialect, Fold, Select, kept,
    rollup::{self, Needs, Piece},
    summed,
    term::{Rolled, Scope, Stop, Term, Type},
};
use crate::{
    error::Error,
    expr::{Expr, Literal},
    query::{Aggregate, CUT_POWERS, Key, Measure, ROWS_MAX},
    table::{ColumnDef, ColumnType, Storage},
    time::Window,
};
use std::{sync::Arc, time::Duration};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;
/// From so many buckets of time on, counts by host are sorted. MariaDB groups in a table in memory, each name in it as long
/// as the longest may be, and is slow once that is full: 72,000 groups took 2 s of CPU, sorted 0.4 s.
const SORTED_BUCKETS_MIN: i64 = 300;

/// What `Shape::Groups` asks.
pub(super) struct Asked<'q> {
    pub every: Option<Duration>,
    pub by: &'q [Key],
    pub measures: &'q [Measure],
    pub top: Option<usize>,
}

/// `Shape::Groups`.
///
/// Where rollups count records over time by fields, their counts come as they are kept, to be summed as they are read:
/// [`folded`].
///
/// Otherwise the innermost SELECT names keys `k0…` and measured columns `v0…` (with the rank of each value in its group where
/// a percentile is wanted), the next one groups, and one more keeps the largest series. Where rollups know enough,
/// the innermost one joins counts of them and of rows, each with how many records it stands for: `n`.
pub(super) fn groups(
    asked: &Asked<'_>,
    window: Window,
    filter: Option<&Expr>,
    scope: &Scope<'_>,
    cubes: &[kept::Cube],
) -> Result<Select, Stop> {
    let Asked { every, by, measures, top } = *asked;
    if measures.is_empty() {
        return Err(Stop::Wrong(Error::invalid("a grouped query measures nothing").help("add .count()")));
    }
    if let Some(select) = summed::groups(asked, window, filter, scope, cubes)? {
        return Ok(select);
    }
    let columns = Columns::of(asked, scope)?;
    let pieces = Needs::of(scope.table, filter, every, by, measures, scope.zone_s).map(|needs| needs.pieces(window));
    let pieces = pieces.filter(|pieces| pieces.iter().any(|piece| piece.cube.is_some()));
    let how = pieces.as_ref().map_or(Grouping::Hashed, |_| Grouping::of(asked, window, scope.dialect));
    if let (Some(pieces), Grouping::Folded) = (&pieces, how) {
        return folded(asked, pieces, filter, scope);
    }
    let (inner, params, reads) = match &pieces {
        Some(pieces) => joined(asked, pieces, filter, scope, how)?,
        None => {
            let filter = conditions(window, filter, scope)?;
            let (inner, params) = inner(&columns, measures, filter, scope);
            (inner, params, format!("rows of `{}` from {} to {}", scope.table.name, window.from, window.to))
        }
    };
    let quote = |name: &str| scope.dialect.quote(name);
    let keys = &columns.keys;
    let names = columns.key_names();
    let mut list: Vec<String> =
        names.iter().zip(keys).map(|(k, (def, _))| format!("{k} AS {}", quote(&def.name))).collect();
    let mut defs: Vec<ColumnDef> = keys.iter().map(|(def, _)| def.clone()).collect();
    for (at, (measure, column)) in measures.iter().zip(&columns.measured).enumerate() {
        let aggregate = match (&measure.of, &pieces) {
            (Aggregate::Count, Some(_)) => "COALESCE(SUM(n), 0)".into(),
            (of, _) => aggregate(of, at, column, scope.dialect),
        };
        list.push(format!("{aggregate} AS {}", quote(&measure.name)));
        defs.push(ColumnDef::new(&*measure.name, measure_kind(&measure.of, column.as_ref())));
    }
    let (group, hint) = match how {
        Grouping::Hashed | Grouping::Folded => (names, ""),
        // In the order of the answer, so that it is sorted once.
        Grouping::Sorted => {
            let key = |(k, (def, _)): (String, &(ColumnDef, Term))| scope.dialect.sort_key(&k, def.kind.storage());
            (names.into_iter().zip(keys).map(key).collect(), "SQL_BIG_RESULT ")
        }
    };
    let group = if group.is_empty() { String::new() } else { format!(" GROUP BY {}", group.join(", ")) };
    let grouped = format!("SELECT {hint}{} FROM ({inner}) AS r{group}", list.join(", "));
    let sql = ordered(&grouped, &Outputs::of(&columns, &defs, scope), every.is_some(), top);
    Ok(Select { sql, params, shown: defs.len(), defs, residual: None, fold: None, limit: ROWS_MAX, reads })
}

/// How the database groups counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grouping {
    Hashed,
    Sorted,
    /// Not at all: the rows are summed here.
    Folded,
}

impl Grouping {
    fn of(asked: &Asked<'_>, window: Window, dialect: Dialect) -> Self {
        let counts = asked.measures.iter().all(|measure| measure.of == Aggregate::Count);
        let by_fields = asked.by.iter().all(|key| matches!(key, Key::Field(_)));
        if asked.every.is_some() && asked.top.is_none() && counts && by_fields {
            return Self::Folded;
        }
        let every_us = asked.every.map_or(i64::MAX, |every| i64::try_from(every.as_micros()).unwrap_or(i64::MAX));
        let buckets = window.to.0.saturating_sub(window.from.0) / every_us.max(1);
        let is_host = |key: &Key| matches!(key, Key::Field(name) if rollup::dim(name) == Some(rollup::HOST));
        let many = buckets >= SORTED_BUCKETS_MIN && asked.by.iter().any(is_host);
        if many && dialect == Dialect::Mysql { Self::Sorted } else { Self::Hashed }
    }
}

/// Counts over time, summed by whoever reads them.
fn folded(asked: &Asked<'_>, pieces: &[Piece], filter: Option<&Expr>, scope: &Scope<'_>) -> Result<Select, Stop> {
    let (sql, params, reads) = joined(asked, pieces, filter, scope, Grouping::Folded)?;
    let keys = Columns::keys(asked, scope)?.keys.into_iter().map(|(def, _)| def);
    let int = |name: &str| ColumnDef::new(name, ColumnType::Int);
    let defs: Vec<ColumnDef> = keys.chain([int("n")]).collect();
    let measured = asked.measures.iter().map(|measure| int(&measure.name));
    let fold = Fold { defs: defs[..defs.len() - 1].iter().cloned().chain(measured).collect() };
    Ok(Select { sql, params, shown: defs.len(), defs, residual: None, fold: Some(fold), limit: ROWS_MAX, reads })
}

/// The distinct values of a column, most frequent first.
pub(super) fn choices(column: &str, window: Window, limit: usize, scope: &Scope<'_>) -> Result<Select, Stop> {
    let by = [Key::Field(column.into())];
    let asked = Asked { every: None, by: &by, measures: &[], top: None };
    let whole = vec![Piece { cube: None, window }];
    let pieces = Needs::of_column(scope.table, column).map_or(whole, |needs| needs.pieces(window));
    let (inner, params, reads) = joined(&asked, &pieces, None, scope, Grouping::Hashed)?;
    let kind = scope.kind(column)?;
    let order = scope.dialect.sort_key("v", kind.storage());
    let sql = format!(
        "SELECT k0 AS v FROM ({inner}) AS r GROUP BY k0 HAVING v IS NOT NULL ORDER BY SUM(n) DESC, {order} LIMIT {limit}"
    );
    Ok(Select {
        sql,
        params,
        defs: vec![ColumnDef::new(column, kind)],
        shown: 1,
        residual: None,
        fold: None,
        limit,
        reads,
    })
}

/// A measured column: its SQL and what it holds.
pub(super) type Measured = Option<(Term, ColumnType)>;

/// Keys and measured columns, as one scope has them.
pub(super) struct Columns {
    pub keys: Vec<(ColumnDef, Term)>,
    pub measured: Vec<Measured>,
}

impl Columns {
    pub fn of(asked: &Asked<'_>, scope: &Scope<'_>) -> Result<Self, Stop> {
        let measured = asked.measures.iter().map(|measure| measured(&measure.of, scope));
        Ok(Self { measured: measured.collect::<Result<_, _>>()?, ..Self::keys(asked, scope)? })
    }
    /// The keys alone.
    pub fn keys(asked: &Asked<'_>, scope: &Scope<'_>) -> Result<Self, Stop> {
        let mut keys = Vec::new();
        if let Some(every) = asked.every {
            keys.push((ColumnDef::new("time", ColumnType::Time), bucket(every, scope)?));
        }
        for key in asked.by {
            keys.push((ColumnDef::new(key.name(), key_kind(key, scope)?), key_term(key, scope)?));
        }
        Ok(Self { keys, measured: Vec::new() })
    }
    pub fn key_names(&self) -> Vec<String> {
        (0..self.keys.len()).map(|at| format!("k{at}")).collect()
    }
    /// `… AS k0, … AS v1`, the names alone, and the parameters.
    pub fn list(&self) -> (Vec<String>, Vec<String>, Vec<Literal>) {
        let (mut list, mut names, mut params) = (Vec::new(), Vec::new(), Vec::new());
        let keys = self.keys.iter().enumerate().map(|(at, (_, term))| (format!("k{at}"), term));
        let values = self.measured.iter().enumerate();
        let values = values.filter_map(|(at, column)| Some((format!("v{at}"), &column.as_ref()?.0)));
        for (name, term) in keys.chain(values) {
            list.push(format!("{} AS {name}", term.sql));
            params.extend(term.params.iter().cloned());
            names.push(name);
        }
        (list, names, params)
    }
}

/// The window and the filter, all of it inside SQL.
pub(super) fn conditions(window: Window, filter: Option<&Expr>, scope: &Scope<'_>) -> Result<Term, Stop> {
    let (pushed, residual) = super::split(filter, scope).map_err(Stop::Wrong)?;
    if residual.is_some() {
        return Err(Stop::Residual);
    }
    Ok(super::within(window, pushed, scope))
}

/// Records counted piece by piece: one row for each combination of keys and values, `n` records each. Counts that are to
/// be sorted are left as they are.
fn joined(
    asked: &Asked<'_>,
    pieces: &[Piece],
    filter: Option<&Expr>,
    scope: &Scope<'_>,
    how: Grouping,
) -> Result<(String, Vec<Literal>, String), Stop> {
    let mut selects = Vec::new();
    let mut all = Vec::new();
    for piece in pieces {
        let scope = scope.on(piece.cube.map(|_| Rolled::Logs));
        let (mut list, names, params) = Columns::of(asked, &scope)?.list();
        let mut filter = conditions(piece.window, filter, &scope)?;
        let from = match piece.cube {
            None => {
                list.push("COUNT(*) AS n".into());
                scope.dialect.quote(&scope.table.name)
            }
            Some(cube) => {
                list.push(if how == Grouping::Sorted { "n" } else { "SUM(n) AS n" }.into());
                filter.sql = format!("cube = {} AND {}", cube.number, filter.sql);
                rollup::TABLE.to_owned()
            }
        };
        // A total of no rows would be a row too.
        let group = match piece.cube {
            Some(_) if how == Grouping::Sorted => String::new(),
            // In the order of the key: no more than the shards are summed.
            Some(_) if how == Grouping::Folded => format!(" GROUP BY {}", rollup::KEY),
            _ if names.is_empty() => " HAVING COUNT(*) > 0".into(),
            _ => format!(" GROUP BY {}", names.join(", ")),
        };
        selects.push(format!("SELECT {} FROM {from} WHERE {}{group}", list.join(", "), filter.sql));
        all.extend(params);
        all.extend(filter.params);
    }
    Ok((selects.join(" UNION ALL "), all, rollup::told(pieces)))
}

/// The innermost SELECT: keys, values and ranks, one row per record.
fn inner(columns: &Columns, measures: &[Measure], filter: Term, scope: &Scope<'_>) -> (String, Vec<Literal>) {
    let (mut list, _, mut params) = columns.list();
    if list.is_empty() {
        list.push("1".into());
    }
    let from = format!("FROM {} WHERE {}", scope.dialect.quote(&scope.table.name), filter.sql);
    params.extend(filter.params);
    let records = format!("SELECT {} {from}", list.join(", "));
    let names = columns.key_names();
    let partition = if names.is_empty() { String::new() } else { format!("PARTITION BY {} ", names.join(", ")) };
    let ranks: String = measures
        .iter()
        .enumerate()
        .filter(|(_, measure)| matches!(measure.of, Aggregate::Percentile(..)))
        .map(|(at, _)| {
            let order = format!("ORDER BY CASE WHEN v{at} IS NULL THEN 1 ELSE 0 END, v{at}");
            format!(", ROW_NUMBER() OVER ({partition}{order}) AS r{at}, COUNT(v{at}) OVER ({partition}) AS n{at}")
        })
        .collect();
    if ranks.is_empty() { (records, params) } else { (format!("SELECT p.*{ranks} FROM ({records}) AS p"), params) }
}

/// What a grouped SELECT gives.
pub(super) struct Outputs {
    /// All columns: keys first, then measures.
    names: Vec<String>,
    /// How rows are sorted by each key.
    keys: Vec<String>,
}

impl Outputs {
    pub fn of(columns: &Columns, defs: &[ColumnDef], scope: &Scope<'_>) -> Self {
        let quote = |def: &ColumnDef| scope.dialect.quote(&def.name);
        let key = |(def, _): &(ColumnDef, Term)| scope.dialect.sort_key(&quote(def), def.kind.storage());
        Self { names: defs.iter().map(quote).collect(), keys: columns.keys.iter().map(key).collect() }
    }
}

/// The grouped rows in their order; only the largest few where asked.
pub(super) fn ordered(grouped: &str, outputs: &Outputs, timed: bool, top: Option<usize>) -> String {
    let Outputs { names, keys } = outputs;
    let first = &names[keys.len()];
    let by_keys = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
    let Some(top) = top else { return format!("{grouped}{by_keys} LIMIT {ROWS_MAX}") };
    if !timed {
        let order: Vec<String> = std::iter::once(format!("{first} DESC")).chain(keys.iter().cloned()).collect();
        return format!("{grouped} ORDER BY {} LIMIT {}", order.join(", "), top.min(ROWS_MAX));
    }
    if keys.len() == 1 {
        return format!("{grouped}{by_keys} LIMIT {ROWS_MAX}");
    }
    let series = keys[1..].join(", ");
    format!(
        "SELECT {all} FROM (SELECT {all}, DENSE_RANK() OVER (ORDER BY top_sum DESC, {series}) AS top_rank FROM \
         (SELECT {all}, SUM({first}) OVER (PARTITION BY {series}) AS top_sum FROM ({grouped}) AS g) AS s) AS t \
         WHERE top_rank <= {top}{by_keys} LIMIT {ROWS_MAX}",
        all = names.join(", "),
    )
}

/// The start of the bucket a record's time is in, also before 1970.
fn bucket(every: Duration, scope: &Scope<'_>) -> Result<Term, Stop> {
    let width = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
    if width == 0 {
        return Err(Stop::Wrong(Error::invalid("a time bucket has no length").help("write .every(1.minutes)")));
    }
    let time = scope.field("time")?;
    Term::fill(Type::Int, &format!("({{0}} - {})", floor_rem("{0}", width)), &[&time])
}

/// The remainder that is never negative.
fn floor_rem(what: &str, width: i64) -> String {
    format!("((({what}) % {width} + {width}) % {width})")
}

fn key_term(key: &Key, scope: &Scope<'_>) -> Result<Term, Stop> {
    let local = format!("{{0}} + {}", i64::from(scope.zone_s) * 1_000_000);
    let of_day = floor_rem(&local, DAY_US);
    let div = scope.dialect.div();
    match key {
        Key::Field(name) => scope.field(name)?.value(scope.dialect),
        Key::Binned(name) => binned(&scope.field(name)?.value(scope.dialect)?, scope.dialect),
        Key::Hour => Term::fill(Type::Int, &format!("({of_day} {div} {HOUR_US})"), &[&scope.field("time")?]),
        Key::Weekday => {
            // 1970-01-01 was a Thursday, day 3 counted from Monday.
            let days = format!("(({local} - {of_day}) {div} {DAY_US}) + 3");
            Term::fill(Type::Int, &floor_rem(&days, 7), &[&scope.field("time")?])
        }
    }
}

/// A number cut to its first three figures, as [`crate::query::cut`] does.
fn binned(number: &Term, dialect: Dialect) -> Result<Term, Stop> {
    let (whole, fractions) = CUT_POWERS;
    let branch = |power: i32, below: String, cut: String| {
        let within = format!(" WHEN {{0}} > -{below} AND {{0}} < {below} THEN {cut}");
        if power == *whole.end() { format!(" ELSE {cut}") } else { within }
    };
    let cases: String = match number.kind {
        Type::Int => whole
            .clone()
            .map(|power| {
                branch(
                    power,
                    format!("1{:0>1$}", "", power as usize + 3),
                    format!("({{0}} - {{0}} % 1{:0>1$})", "", power as usize),
                )
            })
            .collect(),
        Type::Float => fractions
            .map(|power| {
                let step = format!("1e{}", power.abs());
                let (there, back) = if power < 0 { ('*', '/') } else { ('/', '*') };
                let cut = dialect.float_to_int().replace("{0}", &format!("({{0}} {there} {step})"));
                branch(power, format!("1e{}", power + 3), format!("({cut} {back} {step})"))
            })
            .collect(),
        _ => return Err(Stop::Wrong(Error::invalid("only numbers can be put in bins"))),
    };
    Term::fill(number.kind, &format!("(CASE{cases} END)"), &[number])
}

fn key_kind(key: &Key, scope: &Scope<'_>) -> Result<ColumnType, Stop> {
    match key {
        Key::Field(name) | Key::Binned(name) => scope.kind(name),
        Key::Weekday | Key::Hour => Ok(ColumnType::Int),
    }
}

fn measured(of: &Aggregate, scope: &Scope<'_>) -> Result<Measured, Stop> {
    let name: &Arc<str> = match of {
        Aggregate::Count => return Ok(None),
        Aggregate::Distinct(name)
        | Aggregate::Sum(name)
        | Aggregate::Mean(name)
        | Aggregate::Min(name)
        | Aggregate::Max(name)
        | Aggregate::Percentile(name, _) => name,
    };
    let kind = scope.kind(name)?;
    if matches!(of, Aggregate::Sum(_) | Aggregate::Mean(_)) && kind.storage() == Storage::Text {
        let what = format!("column `{name}` of `{}` is {}, not a number", scope.table.name, kind.name());
        return Err(Stop::Wrong(Error::invalid(what).help("measure a column of type int, float, duration or bytes")));
    }
    Ok(Some((scope.field(name)?, kind)))
}

pub(super) fn measure_kind(of: &Aggregate, column: Option<&(Term, ColumnType)>) -> ColumnType {
    let kind = column.map_or(ColumnType::Int, |(_, kind)| *kind);
    match of {
        Aggregate::Count | Aggregate::Distinct(_) => ColumnType::Int,
        Aggregate::Sum(_) if matches!(kind, ColumnType::Bool | ColumnType::Time) => ColumnType::Int,
        Aggregate::Mean(_) => ColumnType::Float,
        Aggregate::Sum(_) | Aggregate::Min(_) | Aggregate::Max(_) | Aggregate::Percentile(..) => kind,
    }
}

fn aggregate(of: &Aggregate, at: usize, column: &Measured, dialect: Dialect) -> String {
    let value = format!("v{at}");
    match of {
        Aggregate::Count => "COUNT(*)".into(),
        Aggregate::Distinct(_) => format!("COUNT(DISTINCT {value})"),
        Aggregate::Sum(_) => format!("SUM({value})"),
        Aggregate::Mean(_) => {
            let float = column.as_ref().is_some_and(|(_, kind)| kind.storage() == Storage::Float);
            let value = if float { value } else { dialect.int_to_float().replace("{0}", &value) };
            format!("AVG({value})")
        }
        Aggregate::Min(_) => format!("MIN({value})"),
        Aggregate::Max(_) => format!("MAX({value})"),
        Aggregate::Percentile(_, percent) => {
            let percent = u32::from(*percent).min(100);
            let rank = format!("(n{at} * {percent} + 99) {} 100", dialect.div());
            format!("MAX(CASE WHEN r{at} = CASE WHEN {rank} < 1 THEN 1 ELSE {rank} END THEN {value} END)")
        }
    }
}
