//! SQL text for queries: what is the same in every store, and where dialects differ.
//!
//! Meaning is that of [`crate::expr`], exactly: conditions are true or not (never unknown), text compares by
//! bytes, ints and floats compare exactly. What SQL can't say that way (regular expressions, numbers read from
//! text) is *residual*: tested in Rust on each row of a bounded scan.

mod arithmetic;
mod compare;
mod dialect;
mod entry_fields;
mod expr;
mod folded;
pub mod forecast;
mod groups;
pub mod kept;
pub mod rebuild;
mod records;
mod restore;
pub mod retention;
pub mod rollup;
pub mod schema;
mod summed;
mod term;
pub mod write;

pub use dialect::Dialect;
pub use folded::Fold;
pub use restore::restore;

use crate::{
    error::{Error, Result},
    expr::{Expr, Literal},
    plugin::{Explained, Take},
    query::{Frame, Query, Shape},
    table::{ColumnDef, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use folded::Sums;
use std::time::{Duration, Instant};
use term::{Scope, Stop, Term};

/// The most rows a query with a residual filter looks at, newest first.
pub const SCAN_ROWS_MAX: usize = 200_000;
/// The longest statement we write, in bytes; a longer one is a script gone wrong.
pub const SQL_BYTES_MAX: usize = 128 << 10;

/// The most rows of a piece, and the longest that found rows wait for more.
const PIECE_ROWS: usize = 500;
const PIECE_WAIT: Duration = Duration::from_millis(200);

/// A statement ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// With one `?` per parameter.
    pub sql: String,
    /// In order.
    pub params: Vec<Literal>,
    /// The columns that come out of the statement.
    pub defs: Vec<ColumnDef>,
    /// How many of them are the answer; the others are there for `residual`.
    pub shown: usize,
    /// What SQL could not say: to be tested in Rust on each row (`Latest` only).
    pub residual: Option<Expr>,
    /// How its rows are summed to those of the answer.
    pub fold: Option<Fold>,
    /// The most rows of the answer.
    pub limit: usize,
    /// Where its records are counted, in words: rollups or rows.
    pub reads: String,
}

impl Select {
    /// An answer without rows yet.
    pub fn rows(&self) -> Rows {
        Rows::new(self.fold.as_ref().map_or(&self.defs[..self.shown], |fold| &fold.defs).to_vec())
    }

    /// Takes rows as they come, for an answer as a whole.
    pub fn gather(&self, now: Time) -> Gather<'_> {
        Gather { select: self, rows: self.rows(), sums: Sums::default(), now }
    }

    /// The statement in words, for [`crate::plugin::Store::explain`].
    pub fn explained(&self) -> Explained {
        let mut parts = self.sql.split('?');
        let mut sql = parts.next().unwrap_or_default().to_owned();
        for (part, value) in parts.zip(&self.params) {
            sql.push_str(&shown(value));
            sql.push_str(part);
        }
        let reads = match &self.residual {
            None => self.reads.clone(),
            Some(_) => format!("{}, at most {SCAN_ROWS_MAX}, and tests each here", self.reads),
        };
        Explained { sql, reads }
    }

    /// Gives pieces on as rows come: whenever there are enough of them, or the last piece is a while ago.
    pub fn pieces<'t>(&'t self, take: &'t mut Take<'t>) -> Pieces<'t> {
        let sums = Sums::default();
        Pieces { select: self, take, rows: self.rows(), sums, given: 0, since: Instant::now() }
    }

    /// Takes one row of the statement into the answer if it passes; false when the answer is full.
    fn take(&self, row: &[Value<'_>], rows: &mut Rows, now: Time) -> bool {
        let passes = self.residual.as_ref().is_none_or(|residual| {
            let field = |name: &str| {
                self.defs.iter().position(|def| def.name == name).map_or(Value::Missing, |at| row[at].borrow())
            };
            matches!(crate::expr::eval(residual, &field, now), Value::Bool(true))
        });
        if passes {
            rows.push(&row[..self.shown]);
        }
        rows.len() < self.limit
    }
}

/// Rows of a statement on their way to an answer.
pub struct Gather<'s> {
    select: &'s Select,
    rows: Rows,
    sums: Sums,
    now: Time,
}

impl Gather<'_> {
    /// Takes one row of the statement; false when no more are wanted.
    pub fn row(&mut self, row: &[Value<'_>]) -> bool {
        if self.select.fold.is_some() {
            self.sums.add(row);
            return true;
        }
        self.select.take(row, &mut self.rows, self.now)
    }

    /// The answer.
    pub fn end(mut self) -> Result<Rows> {
        self.sums.each(self.rows.defs.len(), |row| {
            self.rows.push(row);
            Ok(true)
        })?;
        Ok(self.rows)
    }
}

/// Rows of a statement on their way to whoever asked.
pub struct Pieces<'t> {
    select: &'t Select,
    take: &'t mut Take<'t>,
    rows: Rows,
    sums: Sums,
    given: usize,
    since: Instant,
}

impl Pieces<'_> {
    /// Takes one row of the statement; false when no more are wanted.
    pub fn row(&mut self, row: &[Value<'_>], now: Time) -> Result<bool> {
        if self.select.fold.is_some() {
            self.sums.add(row);
            return Ok(true);
        }
        self.select.take(row, &mut self.rows, now);
        let full = self.given + self.rows.len() >= self.select.limit;
        let waited = !self.rows.is_empty() && self.since.elapsed() >= PIECE_WAIT;
        Ok(if full || waited || self.rows.len() >= PIECE_ROWS { self.give()? && !full } else { true })
    }

    /// Gives what is left, or that there is nothing.
    pub fn end(mut self) -> Result<()> {
        let sums = std::mem::take(&mut self.sums);
        sums.each(self.rows.defs.len(), |row| {
            self.rows.push(row);
            if self.rows.len() >= PIECE_ROWS { self.give() } else { Ok(true) }
        })?;
        if self.given == 0 || !self.rows.is_empty() {
            self.give()?;
        }
        Ok(())
    }

    fn give(&mut self) -> Result<bool> {
        let rows = std::mem::replace(&mut self.rows, self.select.rows());
        self.given += rows.len();
        self.since = Instant::now();
        (self.take)(rows)
    }
}

/// The statement for a query. `cubes` are the rollups of parser tables that the store keeps.
pub fn select(
    query: &Query,
    table: &TableDef,
    frame: &Frame,
    dialect: Dialect,
    cubes: &[kept::Cube],
) -> Result<Select> {
    let now = Time::now();
    let window = query.last.map_or(frame.window, |last| Window { from: now.minus(last), to: now });
    let scope = Scope { table, columns: tables::stored(table), dialect, now, zone_s: frame.zone_s, rolled: None };
    let (filter, residual) = split(query.filter.as_ref(), &scope)?;
    let bounded = || within(window, filter.clone(), &scope);
    let select = match &query.shape {
        Shape::Latest { columns, limit } => records::latest(columns, *limit, bounded(), residual, &scope),
        _ if residual.is_some() => Err(Stop::Residual),
        Shape::Newest { per, columns, limit } => records::newest(per, columns, *limit, bounded(), &scope),
        Shape::Groups { every, by, measures, top } => {
            let asked = groups::Asked { every: *every, by, measures, top: *top };
            groups::groups(&asked, window, query.filter.as_ref(), &scope, cubes)
        }
    };
    select.map_err(|stop| refused(stop, table)).and_then(|select| {
        let long = select.sql.len() > SQL_BYTES_MAX;
        if long { Err(refused(Stop::TooLong, table)) } else { Ok(select) }
    })
}

/// Whether a query can be answered at all: what a script's loading asks, with the same words everywhere.
pub fn check(query: &Query, table: &TableDef) -> Result<()> {
    let frame = Frame { window: Window { from: Time(0), to: Time(1) }, zone_s: 0, timeout_ms: 1 };
    [Dialect::Sqlite, Dialect::Mysql]
        .into_iter()
        .try_for_each(|dialect| select(query, table, &frame, dialect, &[]).map(|_| ()))
}

/// The statement for the distinct values of a column, most frequent first.
pub fn choices(table: &TableDef, column: &str, window: Window, limit: usize, dialect: Dialect) -> Result<Select> {
    let scope = Scope { table, columns: tables::stored(table), dialect, now: Time::now(), zone_s: 0, rolled: None };
    groups::choices(column, window, limit, &scope).map_err(|stop| refused(stop, table))
}

/// The values of the one text column that [`choices`] answers with.
pub fn texts(rows: &Rows) -> Vec<String> {
    let shown = |at| match rows.columns[0].get(at) {
        Value::Text(text) => text.into_owned(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Missing => String::new(),
    };
    (0..rows.len()).map(shown).collect()
}

/// Parts joined by AND at the top: what SQL can say, and the rest.
fn split(filter: Option<&Expr>, scope: &Scope<'_>) -> Result<(Option<Term>, Option<Expr>)> {
    let mut pushed: Option<Term> = None;
    let mut residual: Option<Expr> = None;
    let mut open: Vec<&Expr> = filter.into_iter().collect();
    while let Some(part) = open.pop() {
        if let Expr::And(a, b) = part {
            open.extend([&**b, &**a]);
            continue;
        }
        match expr::condition(part, scope) {
            Ok(term) => pushed = Some(pushed.map_or(term.clone(), |all| all.and(term))),
            Err(Stop::Residual) => {
                residual = Some(residual.map_or(part.clone(), |all| all.and(part.clone())));
            }
            Err(stop) => return Err(refused(stop, scope.table)),
        }
    }
    Ok((pushed, residual))
}

/// A value as SQL writes it.
fn shown(literal: &Literal) -> String {
    match literal {
        Literal::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.into(),
        Literal::Int(int) => int.to_string(),
        Literal::Float(float) => format!("{float:e}"),
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// The window and the filter as one condition.
fn within(window: Window, filter: Option<Term>, scope: &Scope<'_>) -> Term {
    let time = scope.column("time");
    let sql = format!("{time} >= ? AND {time} < ?");
    let window = Term::condition(sql, vec![Literal::Int(window.from.0), Literal::Int(window.to.0)]);
    filter.map_or(window.clone(), |filter| window.and(filter))
}

fn refused(stop: Stop, table: &TableDef) -> Error {
    match stop {
        Stop::Wrong(error) => error,
        Stop::Residual => {
            Error::invalid("this filter can't run inside the database, so nothing can be counted over it")
                .at(format!("table `{}`", table.name))
                .help("make it a column: extract or set the value in a parser, then compare the column")
        }
        Stop::TooLong => Error::new(crate::Kind::Limit, format!("the SQL of this query is over {SQL_BYTES_MAX} bytes"))
            .at(format!("table `{}`", table.name))
            .help("compare fewer or shorter values"),
    }
}
