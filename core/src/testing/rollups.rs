//! Counts from rollups equal counts of the rows themselves, whatever is asked.

use super::{
    Opened, batch,
    groups::groups,
    naive::{self, Ordered},
};
use crate::{
    entry::Entries,
    expr::{Compare, Expr, Literal},
    plugin::{Committed, Store},
    query::{Aggregate, Frame, Key, Measure, Query, Shape},
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use std::{sync::Arc, time::Duration};

const HOUR_US: i64 = 3_600_000_000;
/// Entries of each machine, over five hours and the last of 1969.
const ENTRIES: u64 = 300;

fn entry(entries: &mut Entries, machine: &str, seqnum: u64) {
    let at = (seqnum * 7_919) % ENTRIES;
    let host: &[&[u8]] = &[b"web-1", b"web-2", b"", b"a", b"a\0", &[b'h'; 300]];
    let units: &[&[u8]] = &[b"nginx.service", b"cron.service", b".service", "ä.timer".as_bytes()];
    if !at.is_multiple_of(7) {
        entries.push_field(b"_HOSTNAME", host[(at % 5 + u64::from(at % 50 == 3)) as usize]);
    }
    if !at.is_multiple_of(5) {
        entries.push_field(b"_SYSTEMD_UNIT", units[(at % 4) as usize]);
    }
    if !at.is_multiple_of(3) {
        entries.push_field(b"PRIORITY", (at % 9).to_string().as_bytes());
    }
    entries.push_field(b"MESSAGE", b"x");
    let time = batch::START.0 + (seqnum as i64 * 5 * HOUR_US) / ENTRIES as i64 + (at as i64 % 3);
    entries.end(batch::cursor_at(machine, seqnum, Time(time)));
}

/// Two machines' entries, in several commits.
fn put(store: &dyn Store) {
    for machine in ["one", "two"] {
        let target = batch::target(machine);
        let mut expect = None;
        for from in (0..ENTRIES).step_by(60) {
            let mut entries = Entries::default();
            (from..from + 60).for_each(|seqnum| entry(&mut entries, machine, seqnum));
            let next = entries.last_cursor().expect("entries");
            let stored = store.commit(&batch::commit(&target, expect, next, &entries)).expect("commit");
            assert_eq!(stored, Committed::Stored { rows: 60 });
            expect = Some(next);
        }
    }
}

fn rows(store: &dyn Store) -> Rows {
    let columns = ["time", "host", "unit", "service", "priority", "level"].map(Arc::from).to_vec();
    let shape = Shape::Latest { columns, limit: crate::query::ROWS_MAX };
    let query = Query { table: "logs".into(), filter: None, last: None, shape };
    store.query(&query, &tables::LOGS, &batch::always()).expect("rows")
}

fn shape() -> BoxedStrategy<Shape> {
    let keys = ["host", "unit", "service", "priority", "level"];
    let key = prop_oneof![
        4 => select(keys.to_vec()).prop_map(|name| Key::Field(name.into())),
        1 => Just(Key::Weekday),
        1 => Just(Key::Hour),
    ];
    let measure = prop_oneof![
        3 => Just(Aggregate::Count),
        1 => select(keys.to_vec()).prop_map(|name| Aggregate::Distinct(name.into())),
        1 => select(vec!["host", "priority"]).prop_map(|name| Aggregate::Min(name.into())),
        1 => select(vec!["unit", "priority"]).prop_map(|name| Aggregate::Max(name.into())),
    ];
    groups(key.boxed(), measure.boxed(), 0..2, &[60, 90, 300, 3_600, 7_200, 7 * 86_400])
}

fn filter() -> BoxedStrategy<Option<Expr>> {
    let is = |name: &'static str, how, text: &'static str| Expr::compare(how, Expr::field(name), Expr::text(text));
    select(vec![
        None,
        Some(is("host", Compare::Eq, "web-1")),
        Some(is("host", Compare::Ne, "web-1")),
        Some(is("service", Compare::Gt, "cron")),
        Some(is("level", Compare::Eq, "error")),
        Some(Expr::compare(Compare::Le, Expr::field("priority"), Expr::int(3))),
        Some(Expr::Not(Expr::In(Box::new(Expr::field("unit")), vec![Literal::Text("cron.service".into())]).into())),
    ])
    .boxed()
}

/// Every shape over random windows and zones; most of them are really answered from rollups.
pub fn equal_rows(opened: &Opened) {
    put(&*opened.store);
    let stored = rows(&*opened.store);
    assert_eq!(stored.len() as u64, 2 * ENTRIES);
    let table = TableDef { columns: tables::LOGS.columns.clone(), ..(**tables::LOGS).clone() };
    let moment = || (-1_i64..6 * 3_600).prop_map(|s| Time(batch::START.0 + s * 1_000_000 + s % 3));
    let end = prop_oneof![4 => moment(), 1 => Just(Time(i64::MAX)), 1 => Just(Time(i64::MIN))];
    let cases = (shape(), filter(), moment(), end, select(vec![0, 3_600, -12_600, 50_400, 17]));
    let mut runner = TestRunner::new(Config { cases: 250, failure_persistence: None, ..Config::default() });
    let rolled = std::cell::Cell::new(0);
    runner
        .run(&cases, |(shape, filter, a, b, zone_s)| {
            let frame = Frame { window: Window { from: a.min(b), to: a.max(b) }, zone_s, timeout_ms: 60_000 };
            let query = Query { table: "logs".into(), filter, last: None, shape };
            let wanted = naive::answer(&query, &table, &stored, &frame);
            let found = opened.store.query(&query, &tables::LOGS, &frame);
            let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let explained = opened.store.explain(&query, &tables::LOGS, &frame).expect("explained");
            rolled.set(rolled.get() + u32::from(explained.sql.contains("rollups")));
            prop_assert_eq!(values(&found), wanted, "{}", explained.reads);
            Ok(())
        })
        .expect("rollups answer what the rows do");
    assert!(rolled.get() > 120, "only {} of 250 were answered from rollups", rolled.get());
    let window = Window { from: Time(batch::START.0 + 17), to: Time(batch::START.0 + 4 * HOUR_US) };
    let levels = opened.store.choices(&tables::LOGS, "level", window, 3).expect("choices");
    assert_eq!(levels.len(), 3);
}

fn values(rows: &Rows) -> Vec<Vec<Ordered>> {
    (0..rows.len()).map(|row| rows.columns.iter().map(|c| Ordered(c.get(row).into_owned())).collect()).collect()
}

fn count(store: &dyn Store) -> i64 {
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
    let query = Query { table: "logs".into(), filter: None, last: None, shape };
    let rows = store.query(&query, &tables::LOGS, &batch::always()).expect("count");
    let explained = store.explain(&query, &tables::LOGS, &batch::always()).expect("explained");
    assert!(explained.reads.contains("counts per hour"), "{}", explained.reads);
    match rows.columns[0].get(0) {
        crate::value::Value::Int(count) => count,
        other => panic!("{other:?}"),
    }
}

/// A batch that lost its race, and rows that are there already, count nothing.
pub fn count_what_is_stored(opened: &Opened) {
    assert_eq!(count(&*opened.store), 0);
    batch::put(&*opened.store, "web-1", 1, 101);
    assert_eq!(batch::put(&*opened.other, "web-1", 1, 101), Committed::Lost);
    assert_eq!(count(&*opened.store), 100);
    // Forty of these are there already.
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 61, 161));
    let commit = batch::commit(&target, Some(batch::cursor("web-1", 100)), batch::cursor("web-1", 160), &entries);
    assert_eq!(opened.store.commit(&commit).expect("commit"), Committed::Stored { rows: 60 });
    assert_eq!(count(&*opened.store), 160);
}

/// Retention takes rows and their counts together.
pub fn go_with_their_rows(opened: &Opened) {
    const DAY: Duration = Duration::from_secs(86_400);
    put(&*opened.store);
    batch::put(&*opened.store, "web-1", 1, 11);
    let target = batch::target("later");
    let mut later = Entries::default();
    later.push_field(b"MESSAGE", b"young");
    later.end(batch::cursor_at("later", 1, batch::START.plus(3 * DAY)));
    let next = later.last_cursor().expect("cursor");
    opened.store.commit(&batch::commit(&target, None, next, &later)).expect("commit");
    let logs = Arc::new(TableDef { keep_for: Some(DAY), ..(**tables::LOGS).clone() });
    let now = batch::START.plus(3 * DAY + DAY / 2);
    assert_eq!(opened.store.retain(&[logs], now).expect("retain"), 2 * ENTRIES + 10);
    assert_eq!((count(&*opened.store), rows(&*opened.store).len()), (1, 1));
}
