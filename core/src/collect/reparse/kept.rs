//! Rows taken over into a table whose columns may hold something else now.

use crate::{
    table::{ColumnDef, ColumnType, Rows, Storage},
    value::Value,
};
use std::net::IpAddr;

/// How rows of one table become rows of another.
pub(super) struct Fit {
    new: Vec<ColumnDef>,
    /// For each new column, where it comes from and what it held there.
    from: Vec<Option<(usize, ColumnType)>>,
}

impl Fit {
    pub(super) fn new(old: &[ColumnDef], new: &[ColumnDef]) -> Self {
        let place = |def: &ColumnDef| {
            let at = old.iter().position(|own| own.name == def.name)?;
            Some((at, old[at].kind))
        };
        Self { new: new.to_vec(), from: new.iter().map(place).collect() }
    }

    /// The rows of a page that are wanted, and how many of their values had to be left out.
    pub(super) fn rows(&self, page: &Rows, wanted: &dyn Fn(usize) -> bool) -> (Rows, u64) {
        let (mut rows, mut emptied) = (Rows::new(self.new.clone()), 0);
        for row in (0..page.len()).filter(|row| wanted(*row)) {
            for ((to, def), from) in rows.columns.iter_mut().zip(&self.new).zip(&self.from) {
                let value = from.map_or(Value::Missing, |(at, _)| page.columns[at].get(row));
                let fits = match from {
                    Some((_, kind)) => fit(&value, *kind, def.kind),
                    None => Value::Missing,
                };
                emptied += u64::from(!value.is_missing() && fits.is_missing());
                to.push(&fits);
            }
        }
        (rows, emptied)
    }
}

/// A value as another type holds it, if it says the same there.
fn fit<'v>(value: &'v Value<'_>, from: ColumnType, to: ColumnType) -> Value<'v> {
    use ColumnType::{Bytes, Int, Ip, Text};
    if from == to {
        return value.borrow();
    }
    match (value, to) {
        (Value::Text(text), Ip) => text.parse::<IpAddr>().map_or(Value::Missing, |ip| owned(ip.to_string())),
        (Value::Text(text), Text) => Value::text(text),
        (Value::Text(text), Int) => text.parse().map_or(Value::Missing, Value::Int),
        (Value::Text(text), ColumnType::Float) => text.parse().map_or(Value::Missing, Value::Float),
        (Value::Int(int), Text) if matches!(from, Int | Bytes) => owned(int.to_string()),
        (Value::Float(float), Text) => owned(float.to_string()),
        (Value::Bool(truth), Text) => Value::text(if *truth { "true" } else { "false" }),
        (Value::Int(int), Int | Bytes) if matches!(from, Int | Bytes) => Value::Int(*int),
        (Value::Int(int), _) if from == Int && to.storage() == Storage::Float => Value::Float(*int as f64),
        _ => Value::Missing,
    }
}

fn owned(text: String) -> Value<'static> {
    Value::Text(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnType::{Duration, Float, Int, Ip, Text};

    #[test]
    fn a_value_goes_over_only_if_it_says_the_same() {
        let all = [
            (Value::text("200"), Text, Int, Value::Int(200)),
            (Value::text("2x"), Text, Int, Value::Missing),
            (Value::text("::1"), Text, Ip, Value::text("::1")),
            (Value::text("host"), Text, Ip, Value::Missing),
            (Value::Int(7), Int, Text, Value::text("7")),
            (Value::Int(7), Int, Float, Value::Float(7.0)),
            (Value::Int(7), Duration, Int, Value::Missing),
            (Value::Int(7), Duration, Text, Value::Missing),
            (Value::Int(7), Duration, Duration, Value::Int(7)),
        ];
        for (value, from, to, wanted) in all {
            assert_eq!(fit(&value, from, to), wanted, "{value:?} {from:?} {to:?}");
        }
    }
}
