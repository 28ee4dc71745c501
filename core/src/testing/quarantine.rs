//! Records in quarantine, run again after their parser was mended.

use super::{Opened, batch};
use crate::{
    collect::{Replayed, replay},
    entry::Entries,
    expr::{Compare, Expr},
    parse::{
        Parser,
        spec::{Extractor, Lines as LinesSpec, ParserSpec, Step},
    },
    plugin::Commit,
    query::{Aggregate, Measure, Query, Shape},
    table::{Quarantined, Rollup, TableDef},
    tables,
    time::Time,
    value::Value,
};
use std::sync::{Arc, Barrier};

/// A parser as it was mended.
fn mended(name: &str, lines: Option<LinesSpec>, pattern: &str) -> Arc<Parser> {
    let is_3 = Expr::compare(Compare::Eq, Expr::field("number"), Expr::int(3));
    let spec = ParserSpec {
        name: name.into(),
        place: String::new(),
        script: "new".into(),
        from: Some(Expr::compare(Compare::Eq, Expr::field("identifier"), Expr::text("nginx"))),
        input: "message".into(),
        lines,
        extractors: vec![Extractor::Dissect(pattern.into())],
        steps: vec![Step::Drop(is_3)],
        strict: false,
        columns: None,
        table: name.into(),
        keep_for: None,
        keep_size: None,
        rollups: vec![Rollup { by: vec!["host".into()], of: vec!["number".into()] }],
        examples: Vec::new(),
    };
    Arc::new(Parser::compile(spec).expect("the parser"))
}

/// Each record leaves quarantine with its row, once, though two replay at the same time; those that the parser can't
/// do anything with stay, and so do those of other parsers.
pub fn is_replayed_once(opened: &Opened) {
    let store = &*opened.store;
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 1, 101));
    let failed = |index: u32, parser: &str| Quarantined {
        entry: index,
        cursor: entries.get(index as usize).cursor,
        parser: parser.into(),
        script: "old".into(),
        reason: "no number".into(),
    };
    let mut quarantined: Vec<Quarantined> = (0..80).map(|index| failed(index, "mended")).collect();
    quarantined.extend((0..5).map(|index| failed(index, "other")));
    let commit =
        Commit { quarantined: &quarantined, ..batch::commit(&target, None, batch::cursor("web-1", 100), &entries) };
    store.commit(&commit).expect("commit");
    let parser = mended("mended", None, "entry {number:int}");
    let pretended = replay(store, &parser, Time(0), true).expect("pretend");
    assert_eq!((pretended.records, pretended.rows, pretended.dropped), (80, 79, 1));
    store.prepare(std::slice::from_ref(&parser.table)).expect("prepare");
    assert_eq!(batch::all(store, &tables::QUARANTINE).len(), 85, "pretending writes nothing");

    let since = replay(store, &parser, batch::cursor("web-1", 71).time(), false).expect("replay");
    assert_eq!((since.records, since.rows), (10, 10), "only from that time on");

    let start = Barrier::new(2);
    let race = |store: &dyn crate::plugin::Store| {
        start.wait();
        replay(store, &parser, Time(0), false).expect("replay")
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| race(store));
        let two = scope.spawn(|| race(&*opened.other));
        (one.join().expect("one"), two.join().expect("two"))
    });
    assert_eq!((one.rows + two.rows, one.dropped + two.dropped), (69, 1), "{one:?} {two:?}");
    let rows = batch::all(store, &parser.table);
    let mut numbers: Vec<i64> = (0..rows.len())
        .filter_map(|row| match (rows.column("number")?.get(row), rows.column("seqnum")?.get(row)) {
            (Value::Int(number), Value::Int(seqnum)) if number == seqnum => Some(number),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=80).filter(|number| *number != 3).collect::<Vec<i64>>());
    assert_eq!(rows.column("script").expect("script").get(0), Value::text("new"));
    assert_eq!(batch::all(store, &tables::QUARANTINE).len(), 5, "another parser's stay");
    assert_eq!(replay(store, &parser, Time(0), false).expect("replay"), Replayed::default());
    assert_eq!(counted(store, &parser.table), Value::Int(79), "the rollup has them too");
}

/// How many records the table's rollup counts.
fn counted(store: &dyn crate::plugin::Store, table: &TableDef) -> Value<'static> {
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
    let query = Query { table: table.name.as_str().into(), filter: None, last: None, shape };
    let explained = store.explain(&query, table, &batch::always()).expect("explained");
    assert!(explained.reads.contains("counts of `mended` per hour"), "{}", explained.reads);
    store.query(&query, table, &batch::always()).expect("query").columns[0].get(0).into_owned()
}

/// A record of several lines is made anew of all of them, though only its first is named in quarantine.
pub fn is_joined_again(opened: &Opened) {
    let store = &*opened.store;
    let (target, mut entries) = (batch::target("web-1"), Entries::default());
    let lines = ["begin 1", " at a", " at b", "begin 2", " at c", "begin 4"];
    for (seqnum, line) in (1..).zip(lines) {
        entries.push_field(b"SYSLOG_IDENTIFIER", b"nginx");
        entries.push_field(b"MESSAGE", line.as_bytes());
        entries.end(batch::cursor("web-1", seqnum));
    }
    let quarantined = [0, 3].map(|index: u32| Quarantined {
        entry: index,
        cursor: entries.get(index as usize).cursor,
        parser: "joined".into(),
        script: "old".into(),
        reason: "no number".into(),
    });
    let commit =
        Commit { quarantined: &quarantined, ..batch::commit(&target, None, batch::cursor("web-1", 6), &entries) };
    store.commit(&commit).expect("commit");
    let lines = LinesSpec { start: "^begin".into(), lines_max: 100 };
    let parser = mended("joined", Some(lines), "begin {number:int}{?\n{trace}?}");
    let done = replay(store, &parser, Time(0), false).expect("replay");
    assert_eq!((done.records, done.rows), (2, 2), "{done:?}");
    let rows = batch::all(store, &parser.table);
    let traces: Vec<Value<'_>> = (0..rows.len()).map(|row| rows.column("trace").expect("trace").get(row)).collect();
    assert_eq!(traces, [Value::text(" at c"), Value::text(" at a\n at b")]);
    assert_eq!(batch::all(store, &tables::QUARANTINE).len(), 0);
}
