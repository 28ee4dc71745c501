//! Runs a statement on a connection that reads, within its time.

use crate::error::failed;
use infralogs_core::{
    cancel::Cancel,
    error::{Error, Kind, Result},
    expr::Literal,
    plugin::Take,
    sql::Select,
    table::{ColumnDef, Rows, Storage},
    time::Time,
    value::Value,
};
use rusqlite::{
    Connection, ErrorCode, Row, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use std::time::{Duration, Instant};

/// How many steps of SQLite's machine pass between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// The rows of a statement; an error once it takes longer than it may, or is cancelled.
pub(crate) fn run(db: &mut Connection, select: &Select, timeout_ms: u32, cancel: &Cancel) -> Result<Rows> {
    let mut rows = select.gather(Time::now());
    each(db, select, timeout_ms, cancel, &mut |row| Ok(rows.row(row)))?;
    rows.end()
}

/// The same, piece by piece.
pub(crate) fn stream(
    db: &mut Connection,
    select: &Select,
    timeout_ms: u32,
    cancel: &Cancel,
    take: &mut Take<'_>,
) -> Result<()> {
    let now = Time::now();
    let mut pieces = select.pieces(take);
    each(db, select, timeout_ms, cancel, &mut |row| pieces.row(row, now))?;
    pieces.end()
}

/// What is done with each row; false if that is enough.
type Visit<'v> = dyn FnMut(&[Value<'_>]) -> Result<bool> + 'v;

fn each(db: &mut Connection, select: &Select, timeout_ms: u32, cancel: &Cancel, visit: &mut Visit<'_>) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(timeout_ms.into());
    let look = cancel.clone();
    let enough = move || look.is_cancelled() || Instant::now() >= until;
    db.progress_handler(STEPS_BETWEEN_LOOKS, Some(enough)).map_err(failed("querying"))?;
    cancel.during(|| {}, || finish(db, select, timeout_ms, &mut |row| Ok(visit(row)? && !cancel.is_cancelled())))
}

fn finish(db: &mut Connection, select: &Select, timeout_ms: u32, visit: &mut Visit<'_>) -> Result<()> {
    let done = read(db, select, visit);
    db.progress_handler(0, None::<fn() -> bool>).map_err(failed("querying"))?;
    done.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Error::new(Kind::Limit, format!("the query took over {timeout_ms} ms"))
                .help("ask for a shorter time or fewer records")
        }
        _ => failed("querying")(error),
    })?
}

/// The outer error is SQLite's, the inner one the visitor's.
fn read(db: &Connection, select: &Select, visit: &mut Visit<'_>) -> rusqlite::Result<Result<()>> {
    let mut statement = db.prepare_cached(&select.sql)?;
    let mut found = statement.query(rusqlite::params_from_iter(select.params.iter().map(Parameter)))?;
    while let Some(row) = found.next()? {
        let values = select.defs.iter().enumerate().map(|(at, def)| value(row, at, def));
        let values = values.collect::<rusqlite::Result<Vec<_>>>()?;
        match visit(&values) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

/// A cell as the kind of value its column has.
pub(crate) fn value<'r>(row: &'r Row<'_>, at: usize, def: &ColumnDef) -> rusqlite::Result<Value<'r>> {
    Ok(match (row.get_ref(at)?, def.kind.storage()) {
        (ValueRef::Null, _) => Value::Missing,
        (ValueRef::Integer(i), Storage::Bool) => Value::Bool(i != 0),
        (ValueRef::Integer(i), _) => Value::Int(i),
        (ValueRef::Real(f), _) => Value::Float(f),
        (ValueRef::Text(text) | ValueRef::Blob(text), _) => Value::bytes(text),
    })
}

struct Parameter<'p>(&'p Literal);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Literal::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Literal::Int(i) => ValueRef::Integer(*i),
            Literal::Float(f) => ValueRef::Real(*f),
            Literal::Text(t) => ValueRef::Text(t.as_bytes()),
        }))
    }
}
