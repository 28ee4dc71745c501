//! Runs a statement on a connection that reads, within its time.

use crate::error::failed;
use infralogs_core::{
    error::{Error, Kind, Result},
    expr::Literal,
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

/// The rows of a statement; an error once it takes longer than it may.
pub(crate) fn run(db: &mut Connection, select: &Select, timeout_ms: u32) -> Result<Rows> {
    let until = Instant::now() + Duration::from_millis(timeout_ms.into());
    db.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() >= until)).map_err(failed("querying"))?;
    let rows = read(db, select);
    db.progress_handler(0, None::<fn() -> bool>).map_err(failed("querying"))?;
    rows.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Error::new(Kind::Limit, format!("the query took over {timeout_ms} ms"))
                .help("ask for a shorter time or fewer records")
        }
        _ => failed("querying")(error),
    })
}

fn read(db: &Connection, select: &Select) -> rusqlite::Result<Rows> {
    let mut statement = db.prepare_cached(&select.sql)?;
    let mut found = statement.query(rusqlite::params_from_iter(select.params.iter().map(Parameter)))?;
    let mut rows = select.rows();
    let now = Time::now();
    while let Some(row) = found.next()? {
        let values = select.defs.iter().enumerate().map(|(at, def)| value(row, at, def));
        let values = values.collect::<rusqlite::Result<Vec<_>>>()?;
        if !select.take(&values, &mut rows, now) {
            break;
        }
    }
    Ok(rows)
}

fn value<'r>(row: &'r Row<'_>, at: usize, def: &ColumnDef) -> rusqlite::Result<Value<'r>> {
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
