//! Queries answer what the plain evaluation in Rust answers.

use super::{
    Opened, batch,
    naive::{self, Ordered},
};
use crate::{
    entry::Entries,
    expr::{Arithmetic, Compare, Expr, Function, Literal, Pattern, TextTest, eval},
    fields,
    query::{Aggregate, Frame, Key, Measure, Query, Shape},
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const TEXTS: [&str; 14] =
    ["", "a", "a ", "A", "ab", "b", "ä", "Ä", "\0", "a\0b", " x\t", "%", "10.0.0.1", "\u{1F600}z"];
const INTS: [i64; 11] = [0, 1, -1, 2, 7, -7, 100, i64::MAX, i64::MIN, 9_007_199_254_740_993, -9_007_199_254_740_993];
const FLOATS: [f64; 9] = [0.0, 0.25, -0.25, 1.0, 7.5, -7.5, 9_007_199_254_740_992.0, 1e15, -1e18];

/// 400 rows of each type's hard values, some missing.
fn stored(opened: &Opened) -> (Arc<TableDef>, Rows) {
    let table = batch::table("asked");
    let mut runner = TestRunner::deterministic();
    let mut rows = Rows::new(table.columns.clone());
    for _ in 0..400 {
        let mut pick = |strategy: BoxedStrategy<Value<'static>>| {
            prop_oneof![1 => Just(Value::Missing), 5 => strategy].new_tree(&mut runner).expect("value").current()
        };
        let text = || select(&TEXTS[..]).prop_map(Value::text).boxed();
        let int = || select(&INTS[..]).prop_map(Value::Int).boxed();
        let float = |many| select(&FLOATS[..many]).prop_map(Value::Float).boxed();
        let small = || (-1_000_i64..1_000).prop_map(Value::Int).boxed();
        let row = [
            pick(text()),
            pick(text()),
            pick(int()),
            pick(int()),
            pick(float(FLOATS.len())),
            pick(float(6)), // added up without rounding
            pick(any::<bool>().prop_map(Value::Bool).boxed()),
            pick(text()),
            pick(small()),
            pick(small()),
        ];
        rows.push(&row);
    }
    batch::put_rows(&*opened.store, &table, rows);
    let all = batch::all(&*opened.store, &table);
    assert_eq!(all.len(), 400);
    (table, all)
}

fn values(rows: &Rows) -> Vec<Vec<Ordered>> {
    (0..rows.len()).map(|row| rows.columns.iter().map(|c| Ordered(c.get(row).into_owned())).collect()).collect()
}

fn literal() -> BoxedStrategy<Literal> {
    prop_oneof![
        select(&TEXTS[..]).prop_map(|text| Literal::Text(text.into())),
        select(&INTS[..]).prop_map(Literal::Int),
        select(&FLOATS[..]).prop_map(Literal::Float),
        any::<bool>().prop_map(Literal::Bool),
    ]
    .boxed()
}

/// Any expression over the table's fields; regular expressions only where asked.
fn expression(residual: bool) -> BoxedStrategy<Expr> {
    let names = ["word", "other", "size", "other_size", "share", "other_share", "good", "took"];
    let leaf = prop_oneof![3 => select(names.to_vec()).prop_map(Expr::field), 1 => literal().prop_map(Expr::Literal)];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        use {Arithmetic as A, Compare as C, Function as F, TextTest as T};
        let pair = || (inner.clone(), inner.clone());
        let compare = select(vec![C::Eq, C::Ne, C::Lt, C::Le, C::Gt, C::Ge]);
        let arithmetic = select(vec![A::Add, A::Sub, A::Mul, A::Div, A::Rem]);
        let function = select(if residual {
            vec![F::Int, F::Float, F::Text, F::Lower]
        } else {
            vec![F::Lower, F::Upper, F::Trim, F::Len, F::Exists, F::Text, F::Int, F::Float]
        });
        let test = select(vec![T::Contains, T::StartsWith, T::EndsWith]);
        let map: Arc<BTreeMap<String, Literal>> =
            Arc::new(BTreeMap::from([("a".into(), Literal::Int(1)), ("ab".into(), Literal::Int(2))]));
        let plain = prop_oneof![
            4 => (compare, pair()).prop_map(|(how, (a, b))| Expr::compare(how, a, b)),
            2 => pair().prop_map(|(a, b)| Expr::And(a.into(), b.into())),
            2 => pair().prop_map(|(a, b)| Expr::Or(a.into(), b.into())),
            1 => inner.clone().prop_map(|a| Expr::Not(a.into())),
            2 => (arithmetic, pair()).prop_map(|(how, (a, b))| Expr::Arithmetic(how, a.into(), b.into())),
            1 => (inner.clone(), prop::collection::vec(literal(), 1..4)).prop_map(|(a, list)| Expr::In(a.into(), list)),
            2 => (test, inner.clone(), select(&TEXTS[..])).prop_map(|(how, a, part)| Expr::Test(how, a.into(), part.into())),
            2 => (function, inner.clone()).prop_map(|(function, a)| Expr::Call(function, a.into())),
            1 => inner.clone().prop_map(move |a| Expr::Lookup(a.into(), map.clone())),
        ];
        if !residual {
            return plain.boxed();
        }
        let pattern = Pattern(regex::Regex::new("^a|z$").expect("pattern"));
        prop_oneof![2 => plain, 1 => inner.prop_map(move |a| Expr::Matches(a.into(), pattern.clone()))].boxed()
    })
    .boxed()
}

/// A comparison whose sides are of one class, so that it tells rows apart.
fn telling() -> BoxedStrategy<Expr> {
    use {Arithmetic as A, Compare as C};
    let fields = ["size", "other_size", "share", "other_share", "took", "sent"];
    let constants = prop_oneof![select(&INTS[..]).prop_map(Literal::Int), select(&FLOATS[..]).prop_map(Literal::Float)];
    let leaf = prop_oneof![3 => select(fields.to_vec()).prop_map(Expr::field), 1 => constants.prop_map(Expr::Literal)];
    let number = leaf.prop_recursive(3, 8, 2, |inner| {
        (select(vec![A::Add, A::Sub, A::Mul, A::Div, A::Rem]), inner.clone(), inner)
            .prop_map(|(how, a, b)| Expr::Arithmetic(how, a.into(), b.into()))
    });
    let words = select(vec!["word", "other", "ip"]).prop_map(Expr::field);
    let text = prop_oneof![words.clone(), words, select(&TEXTS[..]).prop_map(Expr::text)];
    let compare = || select(vec![C::Eq, C::Ne, C::Lt, C::Le, C::Gt, C::Ge]);
    prop_oneof![
        2 => (compare(), number.clone(), number).prop_map(|(how, a, b)| Expr::compare(how, a, b)),
        1 => (compare(), text.clone(), text).prop_map(|(how, a, b)| Expr::compare(how, a, b)),
    ]
    .boxed()
}

/// Any expression, alone or beside one that tells rows apart.
fn filter(residual: bool) -> BoxedStrategy<Expr> {
    let any = || expression(residual);
    prop_oneof![
        1 => any(),
        2 => telling(),
        1 => (any(), telling()).prop_map(|(a, b)| Expr::Or(a.into(), Expr::Not(b.into()).into())),
        1 => (telling(), any()).prop_map(|(a, b)| Expr::And(a.into(), Expr::Not(b.into()).into())),
    ]
    .prop_filter("a filter asks for a field", |filter| {
        let mut any = false;
        filter.fields(&mut |_| any = true);
        any
    })
    .boxed()
}

/// Filters keep exactly the rows that `eval` keeps, pushed down or residual.
pub fn filters_equal_eval(opened: &Opened) {
    let (table, all) = stored(opened);
    let frame = batch::always();
    let mut kept_some = 0;
    for (residual, cases) in [(false, 600), (true, 200)] {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let kept = std::cell::Cell::new(0);
        runner
            .run(&filter(residual), |filter| {
                let shape = Shape::Latest { columns: vec!["seqnum".into()], limit: 1_000 };
                let query = Query { table: "asked".into(), filter: Some(filter), last: None, shape };
                let wanted = naive::answer(&query, &table, &all, &frame);
                let found = opened.store.query(&query, &table, &frame);
                let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
                kept.set(kept.get() + usize::from(!wanted.is_empty() && wanted.len() < all.len()));
                prop_assert_eq!(values(&found), wanted);
                Ok(())
            })
            .expect("the store keeps what eval keeps");
        kept_some += kept.get();
    }
    assert!(kept_some > 100, "only {kept_some} filters told rows apart: the generator is too tame");
}

fn measures() -> Vec<Aggregate> {
    let took = || -> Arc<str> { "took".into() };
    vec![
        Aggregate::Count,
        Aggregate::Distinct("word".into()),
        Aggregate::Sum(took()),
        Aggregate::Mean(took()),
        Aggregate::Min("word".into()),
        Aggregate::Max("share".into()),
        Aggregate::Sum("other_share".into()),
        Aggregate::Percentile(took(), 0),
        Aggregate::Percentile(took(), 50),
        Aggregate::Percentile("sent".into(), 99),
        Aggregate::Max("good".into()),
    ]
}

fn shapes() -> BoxedStrategy<Shape> {
    let key = select(vec![
        Key::Field("word".into()),
        Key::Field("good".into()),
        Key::Field("host".into()),
        Key::Field("size".into()),
        Key::Binned("sent".into()),
        Key::Binned("share".into()),
        Key::Weekday,
        Key::Hour,
    ]);
    let keys = prop::collection::vec(key, 0..3).prop_map(|mut keys| {
        keys.sort_by(|a, b| a.name().cmp(b.name()));
        keys.dedup();
        keys
    });
    let every = prop::option::of(select(vec![7_u64, 50, 3_600_000]).prop_map(Duration::from_millis));
    let measured = prop::collection::vec(select(measures()), 1..4).prop_map(|list| {
        let named = list.into_iter().enumerate();
        named.map(|(at, of)| Measure { name: format!("m{at}").into(), of }).collect::<Vec<_>>()
    });
    // The largest are told by a number.
    let top = prop::option::of(1_usize..6);
    let groups = (every, keys, measured, top).prop_map(|(every, by, mut measures, top)| {
        if top.is_some() {
            measures[0].of = Aggregate::Count;
        }
        Shape::Groups { every, by, measures, top }
    });
    let columns = || ["seqnum", "word", "share", "good"].map(Arc::from).to_vec();
    let per = select(vec![vec!["word"], vec!["good", "word"], vec![]])
        .prop_map(|per| per.into_iter().map(Arc::from).collect());
    prop_oneof![
        6 => groups,
        1 => (1_usize..30).prop_map(move |limit| Shape::Latest { columns: columns(), limit }),
        2 => (per, 1_usize..30).prop_map(move |(per, limit)| Shape::Newest { per, columns: columns(), limit }),
    ]
    .boxed()
}

/// Every shape, with windows, zones and filters.
pub fn shapes_equal_naive(opened: &Opened) {
    let (table, all) = stored(opened);
    let filter = prop::option::of(Just(Expr::compare(Compare::Gt, Expr::field("took"), Expr::int(0))));
    let window = (0_i64..400, 0_i64..400);
    let cases = (shapes(), filter, window, select(vec![0, 3_600, -12_600, 50_400]));
    let check = |(shape, filter, (from, long), zone_s): (Shape, Option<Expr>, (i64, i64), i32)| {
        let at = |entry: i64| Time(batch::START.0 + entry * 1_000);
        let frame = Frame { window: Window { from: at(from), to: at(from + long) }, zone_s, timeout_ms: 60_000 };
        let query = Query { table: "asked".into(), filter, last: None, shape };
        let wanted = naive::answer(&query, &table, &all, &frame);
        let found = opened.store.query(&query, &table, &frame);
        let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(values(&found), wanted);
        Ok(())
    };
    // Once found by chance: words that MariaDB's sort took for one another.
    let counts = vec![Measure { name: "m0".into(), of: Aggregate::Count }];
    let by_word = Shape::Groups { every: None, by: vec![Key::Field("word".into())], measures: counts, top: Some(3) };
    check((by_word, None, (69, 54), 0)).expect("the store tells '' from '\\0'");
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner.run(&cases, check).expect("the store answers what is right");
}

/// `level`, `service` and journal fields of `logs`, in filters, columns and keys.
pub fn reads_entry_fields(opened: &Opened) {
    let mut entries = Entries::default();
    let lists: [&[(&str, &[u8])]; 5] = [
        &[("PRIORITY", b"3"), ("_SYSTEMD_UNIT", b"nginx.service"), ("CODE_FILE", b"a.c"), ("_BOOT_ID", b"b1")],
        &[("PRIORITY", b"06"), ("UNIT", b"backup.timer"), ("CODE_FILE", b"b.c"), ("CODE_FILE", b"c.c")],
        &[("_SYSTEMD_UNIT", b".service"), ("CODE_FILE", b"\xff.c"), ("_PID", b"77"), ("MESSAGE", b"\xfe")],
        &[("MESSAGE", b"plain"), ("_COMM", b"comm"), ("_MACHINE_ID", b"x")],
        &[("PRIORITY", b"x"), ("_HOSTNAME", b"h1"), ("EMPTY", b"")],
    ];
    for (at, list) in lists.iter().enumerate() {
        list.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value));
        entries.end(batch::cursor("fields", at as u64 + 1));
    }
    let target = batch::target("fields");
    opened.store.commit(&batch::commit(&target, None, batch::cursor("fields", 5), &entries)).expect("commit");
    let names = [
        "level",
        "service",
        "boot",
        "CODE_FILE",
        "PRIORITY",
        "_SYSTEMD_UNIT",
        "UNIT",
        "_PID",
        "MESSAGE",
        "_COMM",
        "SYSLOG_IDENTIFIER",
        "_HOSTNAME",
        "EMPTY",
        "NOT_THERE",
    ];
    let columns: Vec<Arc<str>> = names.map(Arc::from).to_vec();
    let ask = |filter, shape| {
        let query = Query { table: "logs".into(), filter, last: None, shape };
        opened.store.query(&query, &tables::LOGS, &batch::always()).expect("query")
    };
    let rows = ask(None, Shape::Latest { columns, limit: 10 });
    for (at, entry) in entries.iter().enumerate() {
        for name in names {
            let found = rows.column(name).expect(name).get(rows.len() - 1 - at);
            assert_eq!(found, fields::read(&entry, name), "entry {at}, {name}");
        }
    }
    let pattern = Pattern(regex::Regex::new("c$").expect("pattern"));
    for name in names {
        for filter in [
            Expr::Call(Function::Exists, Expr::field(name).into()),
            Expr::compare(Compare::Ge, Expr::field(name), Expr::text("b")),
            Expr::Matches(Expr::field(name).into(), pattern.clone()),
        ] {
            let keeps = |entry: crate::entry::Entry<'_>| {
                eval(&filter, &|name| fields::read(&entry, name).into_owned(), Time(0)) == Value::Bool(true)
            };
            let wanted = entries.iter().filter(|entry| keeps(entry.clone())).count();
            let found = ask(Some(filter.clone()), Shape::Latest { columns: Vec::new(), limit: 10 });
            assert_eq!(found.len(), wanted, "{filter:?}");
        }
    }
    let count = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let by = vec![Key::Field("level".into())];
    let groups = ask(None, Shape::Groups { every: None, by, measures: count, top: None });
    assert_eq!(groups.column("level").expect("level").get(1), Value::text("error"));
    let window = Window { from: Time(0), to: Time(i64::MAX) };
    assert_eq!(opened.store.choices(&tables::LOGS, "level", window, 5).expect("choices").len(), 2);
}

/// What can't be answered is said, with what to do.
pub fn says_no(opened: &Opened) {
    let ask = |table: &TableDef, filter, shape| {
        let query = Query { table: table.name.as_str().into(), filter, last: None, shape };
        opened.store.query(&query, table, &batch::always()).expect_err("no answer").to_string()
    };
    let latest = |column: &str| Shape::Latest { columns: vec![column.into()], limit: 1 };
    assert!(ask(&tables::AGENTS, None, latest("hostt")).contains("did you mean `host`"));
    let pattern = Pattern(regex::Regex::new("x").expect("pattern"));
    let matches = Expr::Matches(Expr::field("message").into(), pattern);
    let count =
        |of| Shape::Groups { every: None, by: vec![], measures: vec![Measure { name: "n".into(), of }], top: None };
    assert!(ask(&tables::LOGS, Some(matches), count(Aggregate::Count)).contains("make it a column"));
    assert!(ask(&tables::LOGS, None, count(Aggregate::Sum("message".into()))).contains("not a number"));
    let error = ask(&batch::table("never_made"), None, latest("word"));
    assert!(error.contains("not in the store yet"), "{error}");
}
