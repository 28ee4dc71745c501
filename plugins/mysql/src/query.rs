//! Runs a statement within its time and reads its rows.

use crate::{
    error::{code, failed, is_not_there},
    pool::Session,
};
use infralogs_core::{
    cancel::Cancel,
    error::{Error, Kind, Result},
    expr::Literal,
    plugin::Take,
    sql::Select,
    table::{Rows, Storage},
    time::Time,
    value::Value,
};
use mysql::{Value as Bound, prelude::Queryable};
use std::{borrow::Cow, time::Duration};

const DOING: &str = "querying";
/// A number left the range of its type in the middle of the query.
const OUT_OF_RANGE: u16 = 1690;

/// The rows of a statement; an error once it takes longer than it may, or is cancelled.
pub(crate) fn run(session: &mut Session, select: &Select, timeout_ms: u32, cancel: &Cancel) -> Result<Rows> {
    let mut rows = select.gather(Time::now());
    cancel.during(session.ender(), || each(session, select, timeout_ms, &mut |row| Ok(rows.row(row))))?;
    rows.end()
}

/// The same, piece by piece.
pub(crate) fn stream(
    session: &mut Session,
    select: &Select,
    timeout_ms: u32,
    cancel: &Cancel,
    take: &mut Take<'_>,
) -> Result<()> {
    let now = Time::now();
    let mut pieces = select.pieces(take);
    cancel.during(session.ender(), || {
        each(session, select, timeout_ms, &mut |row| Ok(pieces.row(row, now)? && !cancel.is_cancelled()))
    })?;
    pieces.end()
}

/// Calls `visit` with each row until it has enough.
fn each(
    session: &mut Session,
    select: &Select,
    timeout_ms: u32,
    visit: &mut dyn FnMut(&[Value<'_>]) -> Result<bool>,
) -> Result<()> {
    let timeout = Duration::from_millis(timeout_ms.into()).min(session.silent_max / 2);
    let sql = session.flavour.timed(&select.sql, timeout);
    let params: Vec<Bound> = select.params.iter().map(parameter).collect();
    let params = if params.is_empty() { mysql::Params::Empty } else { mysql::Params::Positional(params) };
    for row in session.conn.exec_iter(sql, params).map_err(refused)? {
        let bounds = row.map_err(refused)?.unwrap();
        let values = bounds.iter().zip(&select.defs).map(|(bound, def)| value(bound, def.kind.storage()));
        if !visit(&values.collect::<Result<Vec<_>>>()?)? {
            break;
        }
    }
    Ok(())
}

fn refused(error: mysql::Error) -> Error {
    match code(&error) {
        _ if is_not_there(&error) => Error::unavailable("the table or one of its columns is not in the store yet")
            .because(error.to_string())
            .help("it is made before the next records are stored"),
        Some(OUT_OF_RANGE) => Error::invalid("a number leaves its range while the query runs")
            .because(error.to_string())
            .help("compute with smaller numbers"),
        _ => failed(DOING)(error),
    }
}

fn parameter(literal: &Literal) -> Bound {
    match literal {
        Literal::Bool(truth) => Bound::Int(i64::from(*truth)),
        Literal::Int(int) => Bound::Int(*int),
        Literal::Float(float) => Bound::Double(*float),
        Literal::Text(text) => Bound::Bytes(text.as_bytes().to_vec()),
    }
}

/// What the server sent, as the kind of value that was asked for; sums come as decimals in text.
pub(crate) fn value(bound: &Bound, storage: Storage) -> Result<Value<'_>> {
    Ok(match (bound, storage) {
        (Bound::NULL, _) => Value::Missing,
        (Bound::Int(int), Storage::Bool) => Value::Bool(*int != 0),
        (Bound::Int(int), Storage::Float) => Value::Float(*int as f64),
        (Bound::Int(int), _) => Value::Int(*int),
        (Bound::UInt(int), Storage::Bool) => Value::Bool(*int != 0),
        (Bound::UInt(int), _) => Value::Int(i64::try_from(*int).map_err(|_| too_large(&int.to_string()))?),
        (Bound::Double(float), _) => Value::Float(*float),
        (Bound::Float(float), _) => Value::Float(f64::from(*float)),
        (Bound::Bytes(bytes), Storage::Text) => Value::bytes(bytes),
        (Bound::Bytes(bytes), _) => {
            let text = String::from_utf8_lossy(bytes);
            match storage {
                Storage::Float => Value::Float(text.parse().map_err(|_| too_large(&text))?),
                _ => Value::Int(text.parse().map_err(|_| too_large(&text))?),
            }
        }
        (other, _) => Value::Text(Cow::Owned(other.as_sql(true))),
    })
}

fn too_large(number: &str) -> Error {
    Error::new(Kind::Limit, format!("the number {number} does not fit 64 bits")).help("ask for less at a time")
}
