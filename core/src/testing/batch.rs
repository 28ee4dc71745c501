//! Entries and commits to try a store with.

use crate::{
    cursor::Cursor,
    entry::Entries,
    id::Id128,
    inventory::Target,
    plugin::{Commit, Committed, LOGS, Store},
    query::{Frame, Query, Shape},
    table::{ColumnDef, ColumnType, ParsedRows, Rows, TableDef},
    tables,
    time::{Time, Window},
    value::Value,
};
use std::sync::Arc;

/// The time of the first entry that tests make: 2026-01-01.
pub const START: Time = Time(1_767_225_600_000_000);

/// A target by name.
pub fn target(name: &str) -> Target {
    Target { name: name.into(), url: format!("http://{name}:7070"), ..Target::default() }
}

/// A machine's id by name.
pub fn machine(name: &str) -> Id128 {
    Id128::of(&[b"machine", name.as_bytes()])
}

/// The cursor of a machine's entry number `seqnum`, a millisecond apart.
pub fn cursor(name: &str, seqnum: u64) -> Cursor {
    cursor_at(name, seqnum, Time(START.0 + seqnum as i64 * 1_000))
}

/// The cursor of an entry at a time of its own.
pub fn cursor_at(name: &str, seqnum: u64, time: Time) -> Cursor {
    Cursor {
        seqnum_id: Id128::of(&[b"stream", name.as_bytes()]),
        seqnum,
        boot: Id128::of(&[b"boot"]),
        monotonic: seqnum * 1_000,
        realtime: time.0 as u64,
        xor_hash: seqnum,
    }
}

/// Entries number `from` to before `to` of a machine.
pub fn entries(name: &str, from: u64, to: u64) -> Entries {
    let mut entries = Entries::default();
    for seqnum in from..to {
        entries.push_field(b"_HOSTNAME", name.as_bytes());
        entries.push_field(b"_SYSTEMD_UNIT", b"nginx.service");
        entries.push_field(b"SYSLOG_IDENTIFIER", b"nginx");
        entries.push_field(b"PRIORITY", (seqnum % 8).to_string().as_bytes());
        entries.push_field(b"_PID", b"42");
        entries.push_field(b"MESSAGE", format!("entry {seqnum}").as_bytes());
        entries.end(cursor(name, seqnum));
    }
    entries
}

/// A commit of these entries and nothing else.
pub fn commit<'a>(target: &'a Target, expect: Option<Cursor>, next: Cursor, entries: &'a Entries) -> Commit<'a> {
    Commit {
        target,
        stream: LOGS,
        machine: machine(&target.name),
        expect,
        next,
        entries,
        parsed: &[],
        quarantined: &[],
        gaps: &[],
        dropped: 0,
        unreadable: 0,
        at: START,
    }
}

/// Commits entries `from` to before `to` of a machine behind the entry before.
pub fn put(store: &dyn Store, name: &str, from: u64, to: u64) -> Committed {
    let (target, entries) = (target(name), entries(name, from, to));
    let expect = from.checked_sub(1).filter(|before| *before > 0).map(|before| cursor(name, before));
    store.commit(&commit(&target, expect, cursor(name, to - 1), &entries)).expect("commit")
}

/// A table with a column of each type.
pub fn table(name: &str) -> Arc<TableDef> {
    use ColumnType::{Bool, Bytes, Duration, Float, Int, Ip, Text};
    let columns = [
        ("word", Text),
        ("other", Text),
        ("size", Int),
        ("other_size", Int),
        ("share", Float),
        ("other_share", Float),
        ("good", Bool),
        ("ip", Ip),
        ("took", Duration),
        ("sent", Bytes),
    ];
    let columns = columns.map(|(name, kind)| ColumnDef::new(name, kind)).to_vec();
    Arc::new(TableDef { name: name.into(), columns, ..TableDef::default() })
}

/// Stores rows of a table in one commit, one entry each, a millisecond apart.
pub fn put_rows(store: &dyn Store, table: &Arc<TableDef>, rows: Rows) {
    store.prepare(std::slice::from_ref(table)).expect("prepare");
    let name = "rows";
    let (target, many) = (target(name), rows.len() as u64);
    let entries = entries(name, 1, many + 1);
    let parsed = [ParsedRows {
        table: table.clone(),
        parser: "tried".into(),
        script: "0123456789abcdef".into(),
        entry: (0..many as u32).collect(),
        rows,
    }];
    let commit = Commit { parsed: &parsed, ..commit(&target, None, cursor(name, many), &entries) };
    assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 2 * many });
}

/// All times.
pub fn always() -> Frame {
    Frame { window: Window { from: Time(i64::MIN), to: Time(i64::MAX) }, zone_s: 0, timeout_ms: 60_000 }
}

/// All rows of a table, newest first.
pub fn all(store: &dyn Store, table: &TableDef) -> Rows {
    let shape = Shape::Latest { columns: Vec::new(), limit: crate::query::ROWS_MAX };
    let query = Query { table: table.name.as_str().into(), filter: None, last: None, shape };
    store.query(&query, table, &always()).expect("query")
}

/// The sequence numbers in `logs`, in rising order.
pub fn seqnums(store: &dyn Store) -> Vec<i64> {
    let rows = all(store, &tables::LOGS);
    let column = rows.column("seqnum").expect("seqnum");
    let number = |at| if let Value::Int(number) = column.get(at) { number } else { -1 };
    let mut seqnums: Vec<i64> = (0..rows.len()).map(number).collect();
    seqnums.sort_unstable();
    seqnums
}
