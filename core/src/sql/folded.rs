//! Counts over time as rollups keep them, summed here. They come in the order of their keys, so that the database
//! neither sorts nor keeps a table of groups: with names as wide as the longest may be, MariaDB takes five times as long
//! for the groups as for reading what is counted.

use crate::{error::Result, query::ROWS_MAX, table::ColumnDef, value::Value};
use std::{borrow::Cow, collections::BTreeMap};

/// What a statement's rows are summed to: its last column, by the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// The columns of the answer: keys, then one for each measure, all of them the same sum.
    pub(super) defs: Vec<ColumnDef>,
}

/// Sums of the first groups in the order of their keys; later ones are dropped when there are too many.
#[derive(Debug)]
pub(super) struct Sums {
    groups: BTreeMap<Vec<Part>, i64>,
    most: usize,
}

impl Default for Sums {
    fn default() -> Self {
        Self { groups: BTreeMap::new(), most: ROWS_MAX }
    }
}

/// A key's value, sorted as answers are: missing first, text by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Missing,
    Int(i64),
    Text(Box<str>),
}

impl Sums {
    /// Adds a row of the statement.
    pub fn add(&mut self, row: &[Value<'_>]) {
        let Some((n, key)) = row.split_last() else { return };
        let n = if let Value::Int(n) = n { *n } else { 0 };
        let key: Vec<Part> = key.iter().map(Part::of).collect();
        if let Some(sum) = self.groups.get_mut(&key) {
            *sum = sum.saturating_add(n);
            return;
        }
        if self.groups.len() >= self.most {
            // What is dropped is behind all that stay, now and later: none of it comes back with a part of its sum.
            if self.groups.last_key_value().is_none_or(|(last, _)| *last < key) {
                return;
            }
            self.groups.pop_last();
        }
        self.groups.insert(key, n);
    }

    /// Calls `visit` with each row of an answer that has so many columns, until it says that it is enough.
    pub fn each(self, columns: usize, mut visit: impl FnMut(&[Value<'_>]) -> Result<bool>) -> Result<()> {
        for (key, n) in &self.groups {
            let mut row: Vec<Value<'_>> = key.iter().map(Part::value).collect();
            row.resize(columns, Value::Int(*n));
            if !visit(&row)? {
                break;
            }
        }
        Ok(())
    }
}

impl Part {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Int(int) => Self::Int(*int),
            Value::Text(text) => Self::Text((&**text).into()),
            _ => Self::Missing,
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Missing => Value::Missing,
            Self::Int(int) => Value::Int(*int),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sql::Select,
        table::{ColumnType, Rows},
        time::Time,
    };

    fn sums(most: usize, rows: &[(i64, Option<&str>, i64)]) -> Vec<(i64, Option<String>, i64)> {
        let mut sums = Sums { most, ..Sums::default() };
        for (time, host, n) in rows {
            let host = host.map_or(Value::Missing, |host| Value::Text(Cow::Borrowed(host)));
            sums.add(&[Value::Int(*time), host, Value::Int(*n)]);
        }
        let part = |part: &Part| if let Part::Text(text) = part { Some(text.to_string()) } else { None };
        let time = |part: &Part| if let Part::Int(int) = part { *int } else { panic!("{part:?}") };
        sums.groups.iter().map(|(key, n)| (time(&key[0]), part(&key[1]), *n)).collect()
    }

    #[test]
    fn equal_keys_are_one_group_and_empty_is_not_missing() {
        let got = sums(9, &[(2, Some("b"), 1), (1, Some(""), 2), (2, Some("b"), 3), (1, None, 4), (-1, Some("é"), 5)]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(got, [(-1, text("é"), 5), (1, None, 4), (1, text(""), 2), (2, text("b"), 4)]);
    }

    #[test]
    fn an_answer_on_its_way_is_given_in_pieces_until_no_more_is_wanted() {
        let int = |name: &str| ColumnDef::new(name, ColumnType::Int);
        let fold = Fold { defs: vec![int("time"), int("count"), int("again")] };
        let (defs, params, residual) = (vec![int("time"), int("n")], Vec::new(), None);
        let select =
            Select { sql: "".into(), params, defs, shown: 2, residual, fold: Some(fold), limit: 9, reads: "".into() };
        for (wanted, given) in [(9, vec![500, 500, 201]), (1, vec![500])] {
            let mut sizes = Vec::new();
            let mut take = |rows: Rows| {
                assert_eq!((rows.columns[1].get(0), rows.columns[2].get(0)), (Value::Int(3), Value::Int(3)));
                sizes.push(rows.len());
                Ok(sizes.len() < wanted)
            };
            let mut pieces = select.pieces(&mut take);
            for at in (0..1_201).chain(0..1_201).chain(0..1_201) {
                assert!(pieces.row(&[Value::Int(at), Value::Int(1)], Time(0)).expect("a row"));
            }
            pieces.end().expect("the end");
            assert_eq!(sizes, given);
        }
    }

    #[test]
    fn too_many_groups_leave_the_first_ones_whole() {
        let rows: Vec<_> = (0..100).map(|at| ((at * 37) % 10, None, 1)).collect();
        assert_eq!(sums(3, &rows), [(0, None, 10), (1, None, 10), (2, None, 10)]);
        let downwards: Vec<_> = (0..10).rev().chain(0..10).map(|at| (at, None, 1)).collect();
        assert_eq!(sums(3, &downwards), [(0, None, 2), (1, None, 2), (2, None, 2)]);
    }
}
