//! Tables grow and never change under their rows.

use super::{Opened, batch};
use crate::{
    error::Kind,
    table::{ColumnDef, ColumnType, Rows, TableDef},
    value::Value,
};
use std::sync::Arc;

fn table(columns: &[(&str, ColumnType)]) -> Arc<TableDef> {
    let columns = columns.iter().map(|(name, kind)| ColumnDef::new(*name, *kind)).collect();
    Arc::new(TableDef { name: "growing".into(), columns, ..TableDef::default() })
}

/// New columns are added, old rows lack them; a program that knows fewer columns goes on writing.
pub fn adds_columns(opened: &Opened) {
    let old = table(&[("a", ColumnType::Text)]);
    let new = table(&[("b", ColumnType::Int), ("a", ColumnType::Text), ("select", ColumnType::Float)]);
    let mut rows = Rows::new(old.columns.clone());
    rows.push(&[Value::text("x")]);
    batch::put_rows(&*opened.store, &old, rows);
    std::thread::scope(|scope| {
        for store in [&opened.store, &opened.other] {
            scope.spawn(|| store.prepare(std::slice::from_ref(&new)).expect("both may add it at once"));
        }
    });
    opened.store.prepare(std::slice::from_ref(&old)).expect("an older generation");
    let stored = batch::all(&*opened.other, &new);
    assert_eq!(stored.column("a").expect("a").get(0), Value::text("x"));
    assert_eq!(stored.column("b").expect("b").get(0), Value::Missing);
    assert_eq!(stored.column("select").expect("select").get(0), Value::Missing);
}

/// A column of another type is refused, with both types; so are names and types that are the store's own.
pub fn refuses_other_types(opened: &Opened) {
    let prepare = |columns: &[(&str, ColumnType)]| opened.store.prepare(&[table(columns)]);
    prepare(&[("a", ColumnType::Text)]).expect("first");
    for (column, words) in [
        (("a", ColumnType::Int), ["`growing`", "text", "int"]),
        (("a", ColumnType::Ip), ["`a`", "text", "ip"]),
        (("time", ColumnType::Text), ["time", "text", "own"]),
        (("seqnum", ColumnType::Int), ["seqnum", "int", "own"]),
    ] {
        let error = prepare(&[column]).expect_err("another type");
        assert_eq!(error.kind, Kind::Invalid);
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
    }
    let own = Arc::new(TableDef { name: "checkpoints".into(), ..TableDef::default() });
    assert_eq!(opened.store.prepare(&[own]).expect_err("reserved").kind, Kind::Invalid);
}

/// Migrating is safe at any time and by several at once.
pub fn migrates_twice(opened: &Opened) {
    batch::put(&*opened.store, "web-1", 1, 11);
    std::thread::scope(|scope| {
        for store in [&opened.store, &opened.other] {
            scope.spawn(|| store.migrate().expect("migrate"));
        }
    });
    assert_eq!(batch::seqnums(&*opened.store).len(), 10);
}
