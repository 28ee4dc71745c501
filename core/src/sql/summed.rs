//! Groups answered from a parser table's rollups, and from its rows where those are not kept: at the ends of the window
//! and before they began.
//!
//! The innermost SELECTs give, for each combination of keys, one row of records (`c` = 0) and rows of each measured
//! column (`c` = 1 …): how many values `n`, their sum `s`, `least` and `most`, at `v` (the middle of a bin, or the
//! value itself). A percentile is the first `v` up to which there are enough.

use super::{
    Select,
    groups::{self, Asked, Columns, Outputs},
    kept::{self, COUNTS, Cube, GRAINS_US},
    rollup,
    term::{Rolled, Scope, Stop},
};
use crate::{
    expr::{Expr, Literal},
    query::{Aggregate, Key, ROWS_MAX},
    table::{ColumnDef, Storage},
    time::{Time, Window},
};

/// A stretch of the window: a grain of the cube, or the rows.
type Piece = (Option<usize>, Window);

/// What of the query is measured: columns, and whether each value of one counts.
struct Measured<'q> {
    names: Vec<&'q str>,
    ranked: Vec<bool>,
}

/// The statement, if a cube knows enough for some of the window.
pub(super) fn groups(
    asked: &Asked<'_>,
    window: Window,
    filter: Option<&Expr>,
    scope: &Scope<'_>,
    cubes: &[Cube],
) -> Result<Option<Select>, Stop> {
    let Some(measured) = Measured::of(asked) else { return Ok(None) };
    let Some(cube) = choose(asked, &measured, filter, scope, cubes) else { return Ok(None) };
    let Some(pieces) = pieces(asked, window, scope.zone_s, cube) else { return Ok(None) };
    let (mut selects, mut params) = (Vec::new(), Vec::new());
    for (grain, window) in &pieces {
        match grain {
            Some(grain) => {
                let (sql, more) = counted(asked, &measured, (cube, *grain), (*window, filter), scope)?;
                selects.push(sql);
                params.extend(more);
            }
            None => {
                for at in 0..=measured.names.len() {
                    let (sql, more) = raw(asked, &measured, at, (*window, filter), scope)?;
                    selects.push(sql);
                    params.extend(more);
                }
            }
        }
    }
    outer(asked, &measured, &selects.join(" UNION ALL "), scope).map(|(sql, defs)| {
        let reads = told(cube, &pieces);
        Some(Select { sql, params, shown: defs.len(), defs, residual: None, fold: None, limit: ROWS_MAX, reads })
    })
}

impl<'q> Measured<'q> {
    /// `None` if something is asked that bins do not know.
    fn of(asked: &Asked<'q>) -> Option<Self> {
        let mut all = Self { names: Vec::new(), ranked: Vec::new() };
        for measure in asked.measures {
            let (name, ranked) = match &measure.of {
                Aggregate::Count => continue,
                Aggregate::Distinct(_) => return None,
                Aggregate::Sum(name) | Aggregate::Mean(name) | Aggregate::Min(name) | Aggregate::Max(name) => {
                    (name, false)
                }
                Aggregate::Percentile(name, _) => (name, true),
            };
            match all.names.iter().position(|own| **own == **name) {
                Some(at) => all.ranked[at] |= ranked,
                None => {
                    all.names.push(name);
                    all.ranked.push(ranked);
                }
            }
        }
        Some(all)
    }
    fn number(&self, name: &str) -> usize {
        self.names.iter().position(|own| *own == name).map_or(0, |at| at + 1)
    }
}

/// The cube with the fewest columns that knows enough.
fn choose<'c>(
    asked: &Asked<'_>,
    measured: &Measured<'_>,
    filter: Option<&Expr>,
    scope: &Scope<'_>,
    cubes: &'c [Cube],
) -> Option<&'c Cube> {
    let mut fields: Vec<String> = Vec::new();
    if let Some(filter) = filter {
        filter.fields(&mut |name| fields.push(name.to_owned()));
    }
    for key in asked.by {
        match key {
            Key::Field(name) => fields.push(name.to_string()),
            Key::Binned(_) => return None,
            Key::Weekday | Key::Hour => {}
        }
    }
    let knows = |cube: &&Cube| {
        let by = |name: &String| cube.rollup.by.iter().any(|own| own == kept::source(scope.table, name));
        let of = |name: &&str| cube.rollup.of.iter().any(|own| own == name);
        cube.table == scope.table.name && fields.iter().all(by) && measured.names.iter().all(of)
    };
    cubes.iter().filter(knows).min_by_key(|cube| (cube.rollup.by.len(), cube.number))
}

/// The window in pieces; `None` where no grain helps.
fn pieces(asked: &Asked<'_>, window: Window, zone_s: i32, cube: &Cube) -> Option<Vec<Piece>> {
    let step = rollup::step_us(asked.every, asked.by, zone_s)?;
    let largest_first = GRAINS_US.iter().enumerate().rev();
    let grains: Vec<(i64, usize)> =
        largest_first.filter(|(_, us)| step % **us == 0).map(|(at, us)| (*us, at)).collect();
    let inside = Window { from: window.from.max(Time(cube.since)), to: window.to.min(Time(cube.until)) };
    let mut pieces = Vec::new();
    if inside.from < inside.to {
        rollup::divide(inside, &grains, &mut pieces);
        let ends = [(window.from, inside.from), (inside.to, window.to)];
        let ends = ends.into_iter().filter(|(from, to)| from < to);
        pieces.extend(ends.map(|(from, to)| (None, Window { from, to })));
    }
    pieces.iter().any(|(grain, _)| grain.is_some()).then_some(pieces)
}

/// Counts of a cube.
fn counted(
    asked: &Asked<'_>,
    measured: &Measured<'_>,
    (cube, grain): (&Cube, usize),
    (window, filter): (Window, Option<&Expr>),
    scope: &Scope<'_>,
) -> Result<(String, Vec<Literal>), Stop> {
    let scope = scope.on(Some(Rolled::Kept(cube)));
    let (mut list, names, mut params) = Columns::keys(asked, &scope)?.list();
    let filter = groups::conditions(window, filter, &scope)?;
    let number = |name: &str| cube.rollup.of.iter().position(|own| own == name).map_or(0, |at| at + 1);
    let numbers: Vec<usize> = measured.names.iter().map(|name| number(name)).collect();
    let whens: String = numbers.iter().enumerate().map(|(at, own)| format!(" WHEN {own} THEN {}", at + 1)).collect();
    let ranked: Vec<String> =
        numbers.iter().zip(&measured.ranked).filter(|(_, r)| **r).map(|(own, _)| own.to_string()).collect();
    let value = match ranked.is_empty() {
        true => "0".to_owned(),
        false => format!("CASE WHEN of_column IN ({}) THEN bin ELSE 0 END", ranked.join(", ")),
    };
    list.push(format!("CASE of_column WHEN 0 THEN 0{whens} END AS c, {value} AS v, SUM(n) AS n"));
    list.push("SUM(hi) * 4294967296 + SUM(lo) AS s, MIN(least) AS least, MAX(most) AS most".into());
    let wanted: Vec<String> = std::iter::once(0).chain(numbers).map(|own| own.to_string()).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE cube = {} AND grain = {grain} AND {} AND of_column IN ({}) GROUP BY {}",
        list.join(", "),
        scope.dialect.quote(COUNTS),
        cube.number,
        filter.sql,
        wanted.join(", "),
        places(1..=names.len() + 2),
    );
    params.extend(filter.params);
    Ok((sql, params))
}

/// Records (`at` 0) or one measured column of the rows themselves.
fn raw(
    asked: &Asked<'_>,
    measured: &Measured<'_>,
    at: usize,
    (window, filter): (Window, Option<&Expr>),
    scope: &Scope<'_>,
) -> Result<(String, Vec<Literal>), Stop> {
    let (mut list, names, mut params) = Columns::keys(asked, scope)?.list();
    let filter = groups::conditions(window, filter, scope)?;
    let mut there = String::new();
    if at == 0 {
        list.push("0 AS c, 0 AS v, COUNT(*) AS n, 0 AS s, NULL AS least, NULL AS most".into());
    } else {
        let column = scope.column(measured.names[at - 1]);
        let value = if measured.ranked[at - 1] { &*column } else { "0" };
        list.push(format!("{at} AS c, {value} AS v, COUNT(*) AS n"));
        list.push(format!("SUM({column}) AS s, MIN({column}) AS least, MAX({column}) AS most"));
        there = format!(" AND {column} IS NOT NULL");
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE {}{there} GROUP BY {}",
        list.join(", "),
        scope.dialect.quote(&scope.table.name),
        filter.sql,
        places(1..=names.len() + 2),
    );
    params.extend(filter.params);
    Ok((sql, params))
}

/// Columns by where they stand: a table may have one that is called as ours.
fn places(list: impl Iterator<Item = usize>) -> String {
    list.map(|at| at.to_string()).collect::<Vec<_>>().join(", ")
}

/// What groups and orders the pieces.
fn outer(
    asked: &Asked<'_>,
    measured: &Measured<'_>,
    inner: &str,
    scope: &Scope<'_>,
) -> Result<(String, Vec<ColumnDef>), Stop> {
    let quote = |name: &str| scope.dialect.quote(name);
    let columns = Columns::of(asked, scope)?;
    let names = columns.key_names();
    let partition = names.iter().map(String::as_str).chain(["c"]).collect::<Vec<_>>().join(", ");
    let source = match measured.ranked.contains(&true) {
        false => inner.to_owned(),
        true => format!(
            "SELECT q.*, SUM(n) OVER (PARTITION BY {partition} ORDER BY v) AS upto, \
             SUM(n) OVER (PARTITION BY {partition}) AS total FROM ({inner}) AS q"
        ),
    };
    let mut list: Vec<String> =
        names.iter().zip(&columns.keys).map(|(k, (def, _))| format!("{k} AS {}", quote(&def.name))).collect();
    let mut defs: Vec<ColumnDef> = columns.keys.iter().map(|(def, _)| def.clone()).collect();
    for (measure, column) in asked.measures.iter().zip(&columns.measured) {
        list.push(format!("{} AS {}", aggregate(&measure.of, measured, scope), quote(&measure.name)));
        defs.push(ColumnDef::new(&*measure.name, groups::measure_kind(&measure.of, column.as_ref())));
    }
    let group = if names.is_empty() { String::new() } else { format!(" GROUP BY {}", names.join(", ")) };
    let grouped = format!("SELECT {} FROM ({source}) AS r{group}", list.join(", "));
    let outputs = Outputs::of(&columns, &defs, scope);
    Ok((groups::ordered(&grouped, &outputs, asked.every.is_some(), asked.top), defs))
}

fn aggregate(of: &Aggregate, measured: &Measured<'_>, scope: &Scope<'_>) -> String {
    match of {
        Aggregate::Count | Aggregate::Distinct(_) => "COALESCE(SUM(CASE WHEN c = 0 THEN n END), 0)".into(),
        Aggregate::Sum(name) => format!("SUM(CASE WHEN c = {} THEN s END)", measured.number(name)),
        Aggregate::Mean(name) => {
            let at = measured.number(name);
            let sum = scope.dialect.int_to_float().replace("{0}", &format!("SUM(CASE WHEN c = {at} THEN s END)"));
            format!("{sum} / SUM(CASE WHEN c = {at} THEN n END)")
        }
        Aggregate::Min(name) => format!("MIN(CASE WHEN c = {} THEN least END)", measured.number(name)),
        Aggregate::Max(name) => format!("MAX(CASE WHEN c = {} THEN most END)", measured.number(name)),
        Aggregate::Percentile(name, percent) => {
            let rank = format!("((total * {} + 99) {} 100)", u32::from(*percent).min(100), scope.dialect.div());
            let enough = format!("upto >= CASE WHEN {rank} < 1 THEN 1 ELSE {rank} END");
            format!("MIN(CASE WHEN c = {} AND {enough} THEN v END)", measured.number(name))
        }
    }
}

fn told(cube: &Cube, pieces: &[Piece]) -> String {
    let by = if cube.rollup.by.is_empty() { "all records".into() } else { cube.rollup.by.join(", ") };
    let of = match cube.rollup.of.is_empty() {
        true => String::new(),
        false => format!(" with {} (percentiles within {} %)", cube.rollup.of.join(", "), kept::ERROR_PERCENT),
    };
    let one = |(grain, window): &Piece| {
        let (from, to) = (window.from, window.to);
        match grain {
            None => format!("rows of `{}` from {from} to {to}", cube.table),
            Some(grain) => {
                let length = if *grain == 0 { "minute" } else { "hour" };
                format!("counts of `{}` per {length} of {by}{of} from {from} to {to}", cube.table)
            }
        }
    };
    pieces.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The storage of a stored column, for [`kept::column`].
pub(super) fn storage(columns: &[ColumnDef], name: &str) -> Option<Storage> {
    columns.iter().find(|column| column.name == name).map(|column| column.kind.storage())
}
