//! Rows that a panel on rollups touches: as many as there are counts in its window, however many rows were counted.

use infralogs_core::{
    entry::Entries,
    plugin::{Commit, Settings, Store},
    query::{Aggregate, Key, Measure, Query, Shape},
    table::{ColumnDef, ColumnType, ParsedRows, Rollup, Rows, TableDef},
    tables,
    testing::{batch, mariadb::Server},
    time::Time,
    value::Value,
};
use infralogs_mysql::Mysql;
use std::{sync::Arc, time::Duration};

/// Ten minutes hold all rows, be they many or few.
const MINUTES: i64 = 10;

fn table() -> Arc<TableDef> {
    let columns = vec![ColumnDef::new("status", ColumnType::Int), ColumnDef::new("took", ColumnType::Duration)];
    let rollups = vec![Rollup { by: vec!["host".into(), "status".into()], of: vec!["took".into()] }];
    Arc::new(TableDef { name: "requests".into(), columns, rollups, ..TableDef::default() })
}

/// So many entries of a machine, each a row of the table too.
fn put(store: &Mysql, table: &Arc<TableDef>, machine: &str, many: u32) {
    let (mut entries, mut rows) = (Entries::default(), Rows::new(table.columns.clone()));
    for at in 0..many {
        entries.push_field(b"_HOSTNAME", b"web");
        entries.push_field(b"PRIORITY", b"6");
        entries.push_field(b"MESSAGE", b"GET /");
        let time = batch::START.0 + i64::from(at) * MINUTES * 60_000_000 / i64::from(many);
        entries.end(batch::cursor_at(machine, u64::from(at) + 1, Time(time)));
        rows.push(&[Value::Int(200), Value::Int(i64::from(at % 100))]);
    }
    let (parser, script) = ("requests".into(), "0123456789abcdef".into());
    let parsed = [ParsedRows { table: table.clone(), parser, script, entry: (0..many).collect(), rows }];
    let (target, next) = (batch::target(machine), entries.last_cursor().expect("entries"));
    store.commit(&Commit { parsed: &parsed, ..batch::commit(&target, None, next, &entries) }).expect("commit");
}

/// What the server read for a query.
fn touched(server: &Server, store: &Mysql, query: &Query, table: &TableDef) -> u64 {
    let read = || -> u64 {
        let sql = "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.global_status \
                   WHERE variable_name LIKE 'HANDLER_READ%'";
        server.sql(sql).trim().parse().expect("a count")
    };
    let before = read();
    assert!(!store.query(query, table, &batch::always()).expect("query").is_empty());
    read() - before
}

fn by_minute(table: &str, by: &str, of: Aggregate) -> Query {
    let measures = vec![Measure { name: "m".into(), of }];
    let by = vec![Key::Field(by.into())];
    let shape = Shape::Groups { every: Some(Duration::from_secs(60)), by, measures, top: None };
    Query { table: table.into(), filter: None, last: None, shape }
}

#[test]
fn a_panel_on_rollups_touches_no_more_as_rows_grow() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Mysql::new(&Settings::of(serde_json::json!({ "url": server.url(&database) }))).expect("settings");
    store.migrate().expect("migrate");
    let table = table();
    store.prepare(std::slice::from_ref(&table)).expect("prepare");
    let panels = [
        (by_minute("logs", "priority", Aggregate::Count), &**tables::LOGS),
        (by_minute("requests", "status", Aggregate::Percentile("took".into(), 99)), &*table),
    ];
    let ask = || panels.each_ref().map(|(query, table)| touched(&server, &store, query, table));
    // The same machine id's first letter each time: the same shard, so the same counts are added to.
    put(&store, &table, "one", 2_000);
    let few = ask();
    let shard = |name: &str| batch::machine(name).to_string().chars().next();
    let mut others = (0..).map(|at| format!("more-{at}")).filter(|name| shard(name) == shard("one"));
    for _ in 0..4 {
        put(&store, &table, &others.next().expect("a name"), 10_000);
    }
    let many = ask();
    println!("{few:?} rows are touched, {many:?} of 21 times as many");
    // Reading that number touches some, too.
    assert!(many[0] < few[0] + 100 && many[1] < few[1] + 100, "{few:?} became {many:?}");
    assert!(few[0] < 1_500, "{few:?}");
}
