//! Whether a table is wholly as one parser or the other made it.

use super::{
    super::batch,
    feed::{Feed, Kinds, kind, new, old, since, time},
};
use crate::{
    expr::{Compare, Expr},
    plugin::Store,
    query::{Aggregate, Key, Measure, Query, Shape},
    table::TableDef,
    tables,
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// The rows of a table by machine and number: the script, and what the column says.
pub(super) fn rows(
    store: &dyn Store,
    table: &TableDef,
    column: &str,
) -> BTreeMap<(String, u64), Vec<(String, Value<'static>)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for machine in ["web-1", "web-2", "odd", "web-3"] {
        let filter = Some(Expr::compare(Compare::Eq, Expr::field("host"), Expr::text(machine)));
        let shape = Shape::Latest { columns: Vec::new(), limit: crate::query::ROWS_MAX };
        let query = Query { table: table.name.as_str().into(), filter, last: None, shape };
        let rows = store.query(&query, table, &batch::always()).expect("query");
        assert!(rows.len() < crate::query::ROWS_MAX, "the test sees all rows");
        for row in 0..rows.len() {
            let Some(Value::Int(seqnum)) = rows.column("seqnum").map(|column| column.get(row)) else {
                panic!("no key")
            };
            let script = rows.column("script").map_or(Value::Missing, |column| column.get(row));
            let Value::Text(script) = script else { panic!("no script") };
            let value = rows.column(column).expect(column).get(row).into_owned();
            found.entry((machine.to_owned(), seqnum as u64)).or_default().push((script.into_owned(), value));
        }
    }
    found
}

/// The table is as the old parser left it, wholly.
pub(super) fn is_untouched(store: &dyn Store, feeds: &[Feed]) {
    let (rows, failed) = (rows(store, &old().table, "number"), quarantined(store));
    for feed in feeds {
        for seqnum in 1..feed.next {
            let key = (feed.machine.to_owned(), seqnum);
            let (of, kind) = (rows.get(&key).map_or(0, Vec::len), kind(seqnum, time(feed.machine, seqnum)));
            let wanted = usize::from(matches!(kind, Kinds::Row | Kinds::Fails));
            assert_eq!(of, wanted, "rows of {key:?}, {kind:?}");
            assert_eq!(failed.contains_key(&key), kind == Kinds::Mended, "quarantine of {key:?}, {kind:?}");
        }
    }
}

pub(super) fn quarantined(store: &dyn Store) -> BTreeMap<(String, u64), Vec<(String, Value<'static>)>> {
    rows(store, &tables::QUARANTINE, "reason")
}

/// The table is as the new parser would have made it of every entry from `since` on and of those that came after it
/// was begun; older rows are there as they were. `begun`: where each machine was then.
pub(super) fn is_anew(store: &dyn Store, feeds: &[Feed], begun: &[u64]) {
    let table = new().table.clone();
    let (rows, failed) = (rows(store, &table, "number"), quarantined(store));
    let words = self::rows(store, &table, "word");
    let mut entries = 0;
    for (feed, begun) in feeds.iter().zip(begun) {
        for seqnum in 1..feed.next {
            let (key, time) = ((feed.machine.to_owned(), seqnum), time(feed.machine, seqnum));
            let kind = kind(seqnum, time);
            // Between the two it may be either: it came while it was begun.
            let is_read = time >= since() || seqnum >= *begun;
            let wanted = match kind {
                Kinds::Row => 1,
                Kinds::Mended => usize::from(is_read),
                Kinds::Fails | Kinds::Other => 0,
            };
            let none = Vec::new();
            let own = rows.get(&key).unwrap_or(&none);
            assert_eq!(own.len(), wanted, "rows of {key:?}, {kind:?}: {own:?}");
            if let [(script, number)] = &own[..] {
                assert_eq!(
                    (script.as_str(), number),
                    (if is_read { "new" } else { "old" }, &Value::Int(seqnum as i64))
                );
                let word = &words[&key][0].1;
                assert_eq!(*word, if is_read { Value::text("entry") } else { Value::Missing }, "{key:?}");
            }
            let in_quarantine = failed.get(&key).map_or(0, Vec::len);
            let waits = kind == Kinds::Fails || (kind == Kinds::Mended && !is_read);
            assert_eq!(in_quarantine, usize::from(waits), "quarantine of {key:?}, {kind:?}: {:?}", failed.get(&key));
            entries += own.len();
        }
    }
    assert_eq!(rows.values().map(Vec::len).sum::<usize>(), entries, "no other rows");
    counts_are_right(store, &table, &rows);
}

/// What the rollup says is what the rows say.
pub(super) fn counts_are_right(
    store: &dyn Store,
    table: &TableDef,
    rows: &BTreeMap<(String, u64), Vec<(String, Value<'static>)>>,
) {
    let measure = |name: &str, of| Measure { name: name.into(), of };
    let measures = vec![measure("count", Aggregate::Count), measure("sum", Aggregate::Sum("number".into()))];
    let by = vec![Key::Field("host".into())];
    let shape = Shape::Groups { every: None, by, measures, top: None };
    let query = Query { table: table.name.as_str().into(), filter: None, last: None, shape };
    let explained = store.explain(&query, table, &batch::always()).expect("explained");
    assert!(explained.reads.contains("counts of `made`"), "{}", explained.reads);
    let said = store.query(&query, table, &batch::always()).expect("query");
    assert_eq!(said.len(), rows.keys().map(|(machine, _)| machine).collect::<BTreeSet<_>>().len());
    for row in 0..said.len() {
        let Value::Text(host) = said.columns[0].get(row) else { panic!("no host") };
        let of_host = || rows.iter().filter(|((machine, _), _)| *machine == *host).flat_map(|(_, rows)| rows);
        let number = |value: &Value<'_>| if let Value::Int(int) = value { *int } else { 0 };
        assert_eq!(said.columns[1].get(row), Value::Int(of_host().count() as i64), "count of {host}");
        let sum: i64 = of_host().map(|(_, value)| number(value)).sum();
        assert_eq!(said.columns[2].get(row), Value::Int(sum), "sum of {host}");
    }
}
