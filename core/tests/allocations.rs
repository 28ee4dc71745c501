//! Parsing allocates for a batch, never for a record: counted with an allocator of its own.

#![allow(unsafe_code)] // a counting allocator is made of unsafe calls

use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    expr::{Arithmetic, Compare, Expr, Function},
    parse::{
        Parser, Plan,
        spec::{Extractor, FieldType, ParserSpec, Pick, Step},
    },
    time::Time,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is left to the system's allocator; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Time = Time(1_767_614_400_000_000);

/// How often a batch of so many entries allocates.
fn allocations(plan: &Plan, line: &str, count: usize) -> u64 {
    let mut entries = Entries::default();
    for nth in 0..count {
        entries.push_field(b"SYSLOG_IDENTIFIER", b"app");
        entries.push_field(b"MESSAGE", line.as_bytes());
        entries.end(Cursor { seqnum: nth as u64, ..Cursor::default() });
    }
    let before = COUNT.get();
    let parsed = plan.run(&entries, NOW);
    let after = COUNT.get();
    assert_eq!(parsed.counts[0].matched, count as u64, "every line matches: {line}");
    after - before
}

fn plan(extractor: Extractor) -> Plan {
    let path = Expr::field("path");
    let spec = ParserSpec {
        name: "app".into(),
        place: String::new(),
        script: "".into(),
        from: Some(Expr::compare(Compare::Eq, Expr::field("identifier"), Expr::text("app"))),
        input: "message".into(),
        lines: None,
        extractors: vec![extractor],
        steps: vec![
            Step::Drop(Expr::compare(Compare::Eq, path.clone(), Expr::text("/health"))),
            Step::Set { name: "path".into(), to: Expr::Call(Function::Upper, Box::new(path.clone())), kind: None },
            Step::Set {
                name: "joined".into(),
                to: Expr::Arithmetic(Arithmetic::Add, Box::new(path), Box::new(Expr::text("!"))),
                kind: None,
            },
        ],
        strict: false,
        columns: None,
        table: "app".into(),
        keep_for: None,
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    };
    Plan::new(vec![Arc::new(Parser::compile(spec).unwrap_or_else(|flaws| panic!("{flaws:#?}")))])
}

#[test]
fn a_record_allocates_nothing() {
    let pick = |name: &str, path: &str, kind| Pick { name: name.into(), path: path.into(), kind };
    let time = || FieldType::Time("rfc3339".into());
    let picks =
        || vec![pick("at", "at", time()), pick("path", "path", FieldType::Text), pick("ip", "ip", FieldType::Ip)];
    let nginx = r#"192.0.2.1 - - [05/Jan/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "x""#;
    let cases = [
        (Extractor::Dissect("{at:time} {path} {ip:ip} {n:float}".into()), "2026-01-05T12:00:00Z /a ::1 1.5"),
        (
            Extractor::Regex {
                pattern: r"^(?<at>\S+) (?<path>\S+) (?<n>\d+)$".into(),
                types: vec![("at".into(), time()), ("n".into(), FieldType::Int)],
            },
            "2026-01-05T12:00:00Z /a 5",
        ),
        (Extractor::Json(picks()), r#"{"at":"2026-01-05T12:00:00Z","path":"\u00e9\n","p\u0061th":"x","ip":"1.2.3.4"}"#),
        (Extractor::Logfmt(picks()), r#"at=2026-01-05T12:00:00Z path="a \"b\"" ip=2001:db8:0::1"#),
        (
            Extractor::Csv {
                separator: b',',
                columns: vec![("path".into(), FieldType::Text), ("n".into(), FieldType::Int)],
            },
            r#""a ""b""",5"#,
        ),
        (Extractor::Nginx, nginx),
    ];
    for (extractor, line) in cases {
        let plan = plan(extractor.clone());
        let (few, many) = (allocations(&plan, line, 1_000), allocations(&plan, line, 16_000));
        // Columns grow by doubling: 15,000 more records may cost a few more steps of growth, not one each.
        assert!(many < few + 100, "{extractor:?}: {few} allocations for 1,000 records, {many} for 16,000");
    }
}
