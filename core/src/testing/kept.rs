//! Rollups of parser tables answer what their rows do; percentiles within the width of a bin.

use super::{
    Opened, batch,
    groups::groups,
    naive::{self, Ordered},
};
use crate::{
    entry::Entries,
    expr::{Compare, Expr},
    plugin::{Commit, Committed, Store},
    query::{Aggregate, Frame, Key, Measure, Query, Shape},
    sql::kept::ERROR_PERCENT,
    table::{ColumnDef, ColumnType, ParsedRows, Rollup, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use std::{sync::Arc, time::Duration};

const HOUR_US: i64 = 3_600_000_000;
/// Rows of each machine, over five hours.
const ROWS: u64 = 400;

fn table(rollups: &[(&[&str], &[&str])]) -> Arc<TableDef> {
    use ColumnType::{Bool, Bytes, Duration, Int, Text};
    let columns = [("path", Text), ("status", Int), ("cached", Bool), ("took", Duration), ("sent", Bytes), ("v", Int)];
    let columns = columns.map(|(name, kind)| ColumnDef::new(name, kind)).to_vec();
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    let rollups = rollups.iter().map(|(by, of)| Rollup { by: names(by), of: names(of) }).collect();
    Arc::new(TableDef { name: "requests".into(), columns, rollups, ..TableDef::default() })
}

fn both() -> Arc<TableDef> {
    table(&[(&["host"], &["took"]), (&["host", "path", "status", "cached"], &["took", "sent", "v"])])
}

/// One row; hosts, columns and numbers are missing now and then, numbers are small, large and negative.
fn row(at: u64, rows: &mut Rows) {
    let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let or_missing = |each: u64, value: Value<'static>| if at % each == 1 { Value::Missing } else { value };
    let path = ["/", "/a", "", "ä b", "/a\0"][(mixed % 5) as usize];
    let took = [mixed % 40, mixed % 9_000, mixed % 70_000_000, 0][(mixed / 7 % 4) as usize] as i64;
    rows.push(&[
        or_missing(9, Value::text(path)),
        or_missing(7, Value::Int([200, 404, 500, -1][(mixed / 5 % 4) as usize])),
        or_missing(5, Value::Bool(mixed.is_multiple_of(3))),
        or_missing(4, Value::Int(if at.is_multiple_of(11) { -took } else { took })),
        or_missing(3, Value::Int((mixed % 5_000) as i64 * 1_000_003)),
        Value::Int((mixed % 1_000) as i64 - 500),
    ]);
}

/// Two machines' rows in several commits, from this hour on.
fn put(store: &dyn Store, table: &Arc<TableDef>, hour: i64, first: u64) {
    for machine in ["one", "two"] {
        let target = batch::target(machine);
        let time = |seqnum: u64| {
            let at = (seqnum - first) as i64 * 5 * HOUR_US / ROWS as i64;
            Time(batch::START.0 + hour * HOUR_US + at + (seqnum as i64 % 3))
        };
        let mut expect = (first > 1).then(|| batch::cursor_at(machine, first - 1, Time(batch::START.0 - 1)));
        if let Some(last) = expect {
            let stream = crate::plugin::Stream { machine: batch::machine(machine), seqnum_id: last.seqnum_id };
            expect = store.checkpoint(&stream).expect("checkpoint");
        }
        for from in (first..first + ROWS).step_by(100) {
            let mut entries = Entries::default();
            let mut rows = Rows::new(table.columns.clone());
            for seqnum in from..from + 100 {
                if !seqnum.is_multiple_of(13) {
                    entries.push_field(b"_HOSTNAME", machine.as_bytes());
                }
                entries.push_field(b"MESSAGE", b"x");
                entries.end(batch::cursor_at(machine, seqnum, time(seqnum)));
                row(seqnum, &mut rows);
            }
            let (parser, script) = ("requests".into(), "0123456789abcdef".into());
            let parsed = [ParsedRows { table: table.clone(), parser, script, entry: (0..100).collect(), rows }];
            let next = entries.last_cursor().expect("entries");
            let commit = Commit { parsed: &parsed, ..batch::commit(&target, expect, next, &entries) };
            assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 200 });
            expect = Some(next);
        }
    }
}

fn shape() -> BoxedStrategy<Shape> {
    let key = prop_oneof![
        4 => select(vec!["host", "path", "status", "cached"]).prop_map(|name| Key::Field(name.into())),
        1 => Just(Key::Hour),
    ];
    let column = || select(vec!["took", "sent", "v"]).prop_map(Arc::<str>::from);
    let measure = prop_oneof![
        1 => Just(Aggregate::Count),
        1 => column().prop_map(Aggregate::Sum),
        1 => column().prop_map(Aggregate::Mean),
        1 => column().prop_map(Aggregate::Min),
        1 => column().prop_map(Aggregate::Max),
        2 => (column(), select(vec![0, 50, 95, 99, 100])).prop_map(|(name, percent)| Aggregate::Percentile(name, percent)),
    ];
    groups(key.boxed(), measure.boxed(), 1..4, &[60, 90, 300, 3_600])
}

fn filter() -> BoxedStrategy<Option<Expr>> {
    let is = |name: &'static str, how, value| Some(Expr::compare(how, Expr::field(name), value));
    select(vec![
        None,
        is("host", Compare::Eq, Expr::text("one")),
        is("path", Compare::Ne, Expr::text("/a")),
        is("status", Compare::Ge, Expr::int(404)),
        is("cached", Compare::Eq, Expr::Literal(crate::expr::Literal::Bool(true))),
        is("v", Compare::Gt, Expr::int(0)), // in no rollup
    ])
    .boxed()
}

/// Whether two answers are the same, numbers of percentiles and means about.
fn same(shape: &Shape, found: &Rows, wanted: &[Vec<Ordered>]) -> Result<(), String> {
    let Shape::Groups { measures, .. } = shape else { return Err("no groups".into()) };
    let keys = found.columns.len() - measures.len();
    if found.len() != wanted.len() {
        return Err(format!("{} rows, wanted {}", found.len(), wanted.len()));
    }
    for (at, wanted) in wanted.iter().enumerate() {
        for (nth, column) in found.columns.iter().enumerate() {
            let of = nth.checked_sub(keys).map(|nth| &measures[nth].of);
            let within = match of {
                Some(Aggregate::Percentile(..)) => ERROR_PERCENT / 100.0,
                Some(Aggregate::Mean(_)) => 1e-9,
                _ => 0.0,
            };
            let near = match (column.get(at), &wanted[nth].0) {
                (Value::Int(a), Value::Int(b)) => (a as f64 - *b as f64).abs() <= within * b.unsigned_abs() as f64,
                (Value::Float(a), Value::Float(b)) => (a - b).abs() <= within * b.abs(),
                (a, b) => a == *b,
            };
            if !near {
                return Err(format!("row {at}, column {nth}: {:?}, wanted {:?}", column.get(at), wanted[nth].0));
            }
        }
    }
    Ok(())
}

fn stored(store: &dyn Store, table: &TableDef) -> Rows {
    batch::all(store, table)
}

/// Asks random questions; how many of them counts answered.
fn compare(store: &dyn Store, table: &Arc<TableDef>, cases: u32, hours: i64) -> u32 {
    let rows = stored(store, table);
    // Where rows stand: in the first hours and in the last.
    let seconds = move || prop_oneof![-1..6 * 3_600_i64, (hours - 9) * 3_600..hours * 3_600];
    let moment = move || seconds().prop_map(|s| Time(batch::START.0 + s * 1_000_000 + s % 3));
    let end = prop_oneof![4 => moment(), 1 => Just(Time(i64::MAX)), 1 => Just(Time(i64::MIN))];
    let cases_of = (shape(), filter(), moment(), end, select(vec![0, -12_600]));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let rolled = std::cell::Cell::new(0);
    runner
        .run(&cases_of, |(shape, filter, a, b, zone_s)| {
            let frame = Frame { window: Window { from: a.min(b), to: a.max(b) }, zone_s, timeout_ms: 60_000 };
            let query = Query { table: "requests".into(), filter, last: None, shape };
            let wanted = naive::answer(&query, table, &rows, &frame);
            let explained = store.explain(&query, table, &frame).expect("explained");
            let found = store.query(&query, table, &frame);
            let found = found.map_err(|error| TestCaseError::fail(format!("{error:?}\n{}", explained.sql)))?;
            rolled.set(rolled.get() + u32::from(explained.reads.contains("counts of `requests`")));
            let same = same(&query.shape, &found, &wanted);
            prop_assert!(same.is_ok(), "{same:?} {}\n{}", explained.reads, explained.sql);
            Ok(())
        })
        .expect("rollups answer what the rows do");
    rolled.get()
}

/// Every shape over random windows; most are really answered from counts.
pub fn kept_rollups_equal_rows(opened: &Opened) {
    let table = both();
    opened.store.prepare(std::slice::from_ref(&table)).expect("prepare");
    put(&*opened.store, &table, 0, 1);
    let rolled = compare(&*opened.store, &table, 200, 6);
    assert!(rolled > 80, "only {rolled} of 200 were answered from rollups");
}

/// A rollup that is declared later counts from then on: what was there before is read from the rows.
pub fn kept_rollups_begin_late(opened: &Opened) {
    let hour_now = (Time::now().0 - batch::START.0) / HOUR_US;
    let before = table(&[]);
    opened.store.prepare(std::slice::from_ref(&before)).expect("prepare");
    put(&*opened.store, &before, 0, 1);
    let after = both();
    opened.store.prepare(std::slice::from_ref(&after)).expect("a rollup more");
    opened.other.prepare(std::slice::from_ref(&after)).expect("the same again");
    // A collector whose scripts do not know of the rollup counts too.
    put(&*opened.other, &before, hour_now + 3, 1 + ROWS);
    let rolled = compare(&*opened.store, &after, 60, hour_now + 9);
    assert!(rolled > 0, "no question was answered from the new rollups");
    let all = Window { from: batch::START, to: batch::START.plus(Duration::from_secs(6 * 3_600)) };
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
    let query = Query { table: "requests".into(), filter: None, last: None, shape };
    let explained = opened.store.explain(&query, &after, &Frame { window: all, ..batch::always() }).expect("explained");
    assert!(!explained.reads.contains("counts of"), "{}", explained.reads);
}

/// Retention takes counts with their rows; rows that are refused are not counted.
pub fn kept_rollups_go_with_their_rows(opened: &Opened) {
    const DAY: Duration = Duration::from_secs(86_400);
    let table = Arc::new(TableDef { keep_for: Some(DAY), ..(*both()).clone() });
    opened.store.prepare(std::slice::from_ref(&table)).expect("prepare");
    put(&*opened.store, &table, 0, 1);
    put(&*opened.store, &table, 72, 1 + ROWS);
    let now = batch::START.plus(3 * DAY + DAY / 2);
    assert_eq!(opened.store.retain(std::slice::from_ref(&table), now).expect("retain"), 2 * ROWS);
    assert_eq!(stored(&*opened.store, &table).len() as u64, 2 * ROWS);
    assert!(compare(&*opened.store, &table, 30, 80) > 0);
}

/// What retention will do is stored: how far back a table reaches, what it may keep, when rows begin to go.
pub fn retention_is_told(opened: &Opened) {
    const DAY: Duration = Duration::from_secs(86_400);
    const DAY_US: i64 = 86_400_000_000;
    let store = &*opened.store;
    let table = Arc::new(TableDef { keep_for: Some(10 * DAY), keep_size: Some(1 << 40), ..(*table(&[])).clone() });
    store.prepare(std::slice::from_ref(&table)).expect("prepare");
    put(store, &table, 0, 1);
    for half_days in [2, 3] {
        store.retain(std::slice::from_ref(&table), batch::START.plus(half_days * DAY / 2)).expect("retain");
    }
    let told = batch::all(store, &tables::RETENTION);
    let cell = |column: &str, row: usize| told.column(column).expect("a column").get(row).into_owned();
    let of = |name: &str| (0..told.len()).filter(|row| cell("name", *row) == Value::text(name)).collect::<Vec<_>>();
    let [newest, first] = of(&table.name)[..] else { panic!("looked at twice: {:?}", of(&table.name)) };
    let (Value::Int(oldest), Value::Int(bytes)) = (cell("oldest", newest), cell("bytes", newest)) else {
        panic!("it holds rows, and its size is limited")
    };
    let reach = batch::START.plus(3 * DAY / 2).0 - oldest;
    assert!(bytes > 0 && (DAY_US..2 * DAY_US).contains(&reach), "{bytes} bytes reach back {reach} µs");
    for (column, value) in [
        ("reach", Value::Int(reach)),
        ("keeps", Value::Int(10 * DAY_US)),
        ("bytes_max", Value::Int(1 << 40)),
        ("deletes_in", Value::Int(10 * DAY_US - reach)),
    ] {
        assert_eq!(cell(column, newest), value, "{column}");
    }
    let growth = [first, newest].map(|row| matches!(cell("growth_bytes", row), Value::Int(_)));
    assert_eq!(growth, [false, true], "at first there is nothing to compare with");
    // Entries have no limit here: they are kept for ever.
    let logs = of("logs")[0];
    assert_eq!([cell("reach", logs), cell("deletes_in", logs)], [Value::Int(reach), Value::Missing]);
    store.retain(&[], batch::START.plus(100 * DAY)).expect("retain");
    let left = batch::all(store, &tables::RETENTION);
    assert!(left.len() < told.len(), "what was said of months ago goes: {} rows", left.len());
}

/// Only so much room: the oldest rows go, the present ones stay.
pub fn tables_keep_to_a_size(opened: &Opened) {
    let big = table(&[]);
    opened.store.prepare(std::slice::from_ref(&big)).expect("prepare");
    put(&*opened.store, &big, 0, 1);
    let hour_now = (Time::now().0 - batch::START.0) / HOUR_US;
    put(&*opened.store, &big, hour_now, 1 + ROWS);
    let roomy = Arc::new(TableDef { keep_size: Some(1 << 40), ..(*big).clone() });
    assert_eq!(opened.store.retain(&[roomy], Time::now()).expect("retain"), 0);
    let small = Arc::new(TableDef { keep_size: Some(1), ..(*big).clone() });
    assert!(opened.store.retain(&[small], Time::now()).expect("retain") >= 2 * ROWS);
    let left = stored(&*opened.store, &big).len() as u64;
    assert!((1..=2 * ROWS).contains(&left), "{left} rows are left");
    assert_eq!(batch::all(&*opened.store, &crate::tables::LOGS).len() as u64, 4 * ROWS, "another table's rows stay");
}
