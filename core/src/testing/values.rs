//! Every value comes back as it was stored.

use super::{Opened, batch};
use crate::{
    entry::{Entries, Entry},
    fields,
    plugin::Committed,
    sql,
    table::{Rows, Storage},
    tables,
    time::Time,
    value::Value,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

fn texts() -> impl Strategy<Value = String> {
    let hard = [
        "",
        " ",
        "a ",
        "a",
        "A",
        "ä",
        "\0",
        "a\0b",
        "\\N",
        "\\",
        "\n",
        "\t\r\x1a",
        "'\"`",
        "%_",
        "\u{1F600}",
        "NULL",
        "0",
        "-1",
        "1e3",
    ];
    prop_oneof![
        proptest::sample::select(hard.to_vec()).prop_map(String::from),
        proptest::collection::vec(proptest::char::any(), 0..12).prop_map(|chars| chars.into_iter().collect::<String>()),
    ]
}

fn value(storage: Storage) -> BoxedStrategy<Value<'static>> {
    let there = match storage {
        Storage::Text => texts().prop_map(|text| Value::Text(text.into())).boxed(),
        Storage::Int => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()].prop_map(Value::Int).boxed(),
        Storage::Float => prop_oneof![
            Just(0.0),
            Just(0.1),
            Just(f64::MAX),
            Just(f64::MIN_POSITIVE),
            Just(-1.5e-300),
            Just(9_007_199_254_740_993.0),
            proptest::num::f64::NORMAL
        ]
        .prop_map(Value::Float)
        .boxed(),
        Storage::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
    };
    prop_oneof![1 => Just(Value::Missing), 4 => there].boxed()
}

/// Any value of any column type, and one message of a megabyte.
pub fn round_trip(opened: &Opened) {
    let table = batch::table("round_trip");
    let row = table.columns.iter().map(|column| value(column.kind.storage())).collect::<Vec<_>>();
    let mut runner = TestRunner::new(Config { cases: 1, failure_persistence: None, ..Config::default() });
    let cases = proptest::collection::vec(row, 300);
    runner
        .run(&cases, |mut cases| {
            cases[7][0] = Value::Text("\u{1F600}\0\\N\n".repeat(150_000).into());
            let mut rows = Rows::new(table.columns.clone());
            cases.iter().for_each(|case| rows.push(case));
            batch::put_rows(&*opened.store, &table, rows.clone());
            let stored = batch::all(&*opened.other, &table);
            prop_assert_eq!(stored.len(), rows.len());
            for (at, def) in table.columns.iter().enumerate() {
                let column = stored.column(&def.name).expect("column");
                for row in 0..rows.len() {
                    // Stored newest first.
                    let (found, wanted) = (column.get(rows.len() - 1 - row), rows.columns[at].get(row));
                    prop_assert_eq!(found, wanted, "column {} row {}", &def.name, row);
                }
            }
            Ok(())
        })
        .expect("values come back as they were stored");
}

/// Entries of any bytes: columns as [`fields::read`] reads them, the rest in `fields`; times before 1970 too.
pub fn entries_round_trip(opened: &Opened) {
    let mut entries = Entries::default();
    let odd: [&[(&str, &[u8])]; 6] = [
        &[("MESSAGE", b"bytes \xff\xfe and \0 NUL"), ("PRIORITY", b"03"), ("_PID", b"7"), ("BLOB", b"\x00\xff")],
        &[("UNIT", b"cron.service"), ("_COMM", b"cron"), ("SYSLOG_PID", b"12"), ("EMPTY", b"")],
        &[("MESSAGE", b""), ("TWICE", b"one"), ("TWICE", b"two\n\"\\"), ("PRIORITY", b"9")],
        &[],
        &[("_HOSTNAME", &[b'h'; 3_000]), ("MESSAGE", "\u{1F600}".as_bytes()), ("MESSAGE", b"second")],
        &[("_MACHINE_ID", b"somebody else"), ("_HOSTNAME", b"h"), ("_PID", b"-5"), ("CODE_FILE", b"src/main.c")],
    ];
    for (at, list) in odd.iter().enumerate() {
        list.iter().for_each(|(name, value)| entries.push_field(name.as_bytes(), value));
        entries.end(batch::cursor("odd", at as u64 + 1));
    }
    let target = batch::target("odd");
    let commit = batch::commit(&target, None, batch::cursor("odd", 6), &entries);
    assert_eq!(opened.store.commit(&commit).expect("commit"), Committed::Stored { rows: 6 });
    let rows = batch::all(&*opened.store, &tables::LOGS);
    for (at, entry) in entries.iter().enumerate() {
        let row = rows.len() - 1 - at;
        for name in ["unit", "identifier", "command", "priority", "pid", "message"] {
            let found = rows.column(name).expect(name).get(row);
            assert_eq!(found, fields::read(&entry, name), "entry {at}, {name}");
        }
    }
    let json = |at: usize| match rows.column("fields").expect("fields").get(rows.len() - 1 - at) {
        Value::Text(text) => serde_json::from_str(&text).expect("JSON"),
        _ => serde_json::Value::Null,
    };
    let mut anew = Entries::default();
    (0..rows.len()).rev().for_each(|row| sql::restore(&rows, row, &mut anew).expect("an entry"));
    for (before, after) in entries.iter().zip(anew.iter()) {
        let sorted = |entry: &Entry<'_>| {
            let mut fields: Vec<(Vec<u8>, Vec<u8>)> = entry.fields().map(|(n, v)| (n.into(), v.into())).collect();
            fields.sort();
            fields
        };
        assert_eq!(sorted(&before), sorted(&after), "an entry made anew from its row");
        let key = |entry: &Entry<'_>| (entry.cursor.seqnum_id, entry.cursor.seqnum, entry.time());
        assert_eq!(key(&before), key(&after));
    }
    assert_eq!(json(0)["BLOB"]["$b64"], "AP8=");
    assert_eq!(json(0)["PRIORITY"], "03", "the column says 3, which is not all");
    assert!(json(0)["MESSAGE"]["$b64"].is_string(), "the column holds only the nearest text");
    assert_eq!(json(0).get("_PID"), None, "the column says it all");
    assert_eq!(json(1)["_SYSTEMD_UNIT"], serde_json::Value::Null);
    assert_eq!(json(1)["UNIT"], "cron.service");
    assert_eq!(json(1)["EMPTY"], "");
    assert_eq!(json(2)["TWICE"], serde_json::json!(["one", "two\n\"\\"]));
    assert_eq!(json(4)["_HOSTNAME"].as_str().map(str::len), Some(3_000), "cut in the column, whole in fields");
    assert_eq!(json(5)["_MACHINE_ID"], "somebody else");
    before_1970(opened);
}

fn before_1970(opened: &Opened) {
    use crate::table::{ColumnDef, ColumnType, TableDef};
    let columns = vec![ColumnDef::new("time", ColumnType::Time), ColumnDef::new("word", ColumnType::Text)];
    let table = std::sync::Arc::new(TableDef { name: "long_ago".into(), columns, ..TableDef::default() });
    let times = [Time(-1), Time(-86_400_000_001), Time(i64::MIN + 1), Time(0), Time(i64::MAX - 1)];
    let mut rows = Rows::new(table.columns.clone());
    times.iter().for_each(|time| rows.push(&[Value::Int(time.0), Value::text("x")]));
    batch::put_rows(&*opened.store, &table, rows);
    let stored = batch::all(&*opened.store, &table);
    let column = stored.column("time").expect("time");
    let mut sorted = times;
    sorted.sort_by_key(|time| std::cmp::Reverse(*time));
    let found: Vec<Value<'_>> = (0..stored.len()).map(|row| column.get(row)).collect();
    assert_eq!(found, sorted.map(|time| Value::Int(time.0)));
}
