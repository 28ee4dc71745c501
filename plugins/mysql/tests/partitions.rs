//! Daily partitions: made ahead, dropped by age and by size, never in the writer's way.

use infralogs_core::{
    entry::Entries,
    plugin::{Committed, Settings, Store},
    table::{ColumnDef, ColumnType, TableDef},
    tables,
    testing::{batch, mariadb::Server},
    time::Time,
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const DAY: Duration = Duration::from_secs(86_400);

fn open(server: &Server, more: serde_json::Value) -> (String, Mysql) {
    let database = server.database();
    let mut settings = json!({ "url": server.url(&database) });
    settings.as_object_mut().expect("map").extend(more.as_object().cloned().unwrap_or_default());
    let store = Mysql::new(&Settings::of(settings)).expect("settings");
    store.migrate().expect("migrate");
    (database, store)
}

/// One entry of a machine at each time.
fn put(store: &Mysql, machine: &str, times: &[Time], message: &[u8]) {
    let mut entries = Entries::default();
    for (at, time) in times.iter().enumerate() {
        entries.push_field(b"MESSAGE", message);
        entries.end(batch::cursor_at(machine, at as u64 + 1, *time));
    }
    let (target, next) = (batch::target(machine), entries.last_cursor().expect("entries"));
    let stored = store.commit(&batch::commit(&target, None, next, &entries)).expect("commit");
    assert_eq!(stored, Committed::Stored { rows: times.len() as u64 });
}

fn rows_in(server: &Server, database: &str, partition: &str) -> String {
    server.sql(&format!("SELECT COUNT(*) FROM {database}.logs PARTITION ({partition})")).trim().to_owned()
}

fn names(server: &Server, database: &str) -> Vec<String> {
    let sql = format!(
        "SELECT partition_name FROM information_schema.partitions WHERE table_schema = '{database}' \
         AND table_name = 'logs' ORDER BY partition_ordinal_position"
    );
    server.sql(&sql).lines().map(str::to_owned).collect()
}

fn day_name(time: Time) -> String {
    format!("p{}", time.to_string().chars().take(10).filter(char::is_ascii_digit).collect::<String>())
}

#[test]
fn days_are_made_ahead_and_dropped_whole() {
    let server = Server::shared();
    let (database, store) = open(&server, json!({ "keep": { "logs": "2d" } }));
    let now = Time::now();
    // Late by months, by days, on time, from broken clocks.
    let times = [
        Time(0),
        now.minus(60 * DAY),
        now.minus(5 * DAY),
        now.minus(3 * DAY),
        now,
        now.plus(400 * DAY),
        Time(i64::MAX - 1),
    ];
    put(&store, "web-1", &times, b"x");
    assert_eq!((rows_in(&server, &database, "past"), rows_in(&server, &database, "future")), ("2".into(), "2".into()));
    assert_eq!(rows_in(&server, &database, &day_name(now.minus(3 * DAY))), "1");
    assert_eq!(store.retain(&[], now).expect("retain"), 4);
    assert_eq!(batch::seqnums(&store), [5, 6, 7]);
    let left = names(&server, &database);
    assert_eq!(left.first().map(String::as_str), Some("past"));
    assert_eq!(left[1], day_name(now.minus(2 * DAY)), "whole days only");
    // A month later: the days between were not made, those ahead are.
    let later = now.plus(30 * DAY);
    assert_eq!(store.retain(&[], later).expect("retain"), 1);
    let left = names(&server, &database);
    assert!(left.contains(&day_name(later.plus(4 * DAY))) && !left.contains(&day_name(now)), "{left:?}");
    assert_eq!(rows_in(&server, &database, "future"), "2", "what claims to be from far ahead stays there");
    // What comes late for a day that is gone goes with the next one.
    put(&store, "web-2", &[now], b"late");
    assert_eq!(batch::seqnums(&store), [1, 6, 7]);
    assert_eq!(store.retain(&[], later.plus(3 * DAY)).expect("retain"), 1);
    assert_eq!(batch::seqnums(&store), [6, 7]);
}

#[test]
fn the_oldest_days_go_when_all_is_too_much() {
    let server = Server::shared();
    let (database, store) = open(&server, json!({ "size_max": "8MB" }));
    let now = Time::now();
    let message = vec![b'm'; 3_000];
    for day in 0..6_u32 {
        let times: Vec<Time> = (0..1_000).map(|at| Time(now.minus(day * DAY).0 + at)).collect();
        put(&store, &format!("web-{day}"), &times, &message);
    }
    server.sql(&format!("ANALYZE TABLE {database}.logs"));
    assert!(store.retain(&[], now).expect("retain") >= 2_000);
    assert!(rows_in(&server, &database, &day_name(now)) == "1000", "never the present day");
    assert!(!names(&server, &database).contains(&day_name(now.minus(5 * DAY))), "the oldest");
    let bytes: u64 = server
        .sql(&format!(
            "SELECT SUM(data_length + index_length) FROM information_schema.partitions WHERE table_schema = '{database}'"
        ))
        .trim()
        .parse()
        .expect("bytes");
    assert!(bytes <= 8_000_000, "{bytes}");
}

#[test]
fn columns_are_added_and_days_dropped_while_a_writer_writes() {
    let server = Server::shared();
    let (_, store) = open(&server, json!({ "keep": { "logs": "1d", "growing": "1d" } }));
    let table = |columns: usize| {
        let columns = (0..columns).map(|at| ColumnDef::new(format!("c{at}"), ColumnType::Text)).collect();
        Arc::new(TableDef { name: "growing".into(), columns, ..TableDef::default() })
    };
    store.prepare(&[table(1)]).expect("prepare");
    let ended = AtomicBool::new(false);
    let (written, slowest) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut from, mut slowest) = (1, Duration::ZERO);
            while !ended.load(Ordering::Relaxed) {
                let started = Instant::now();
                batch::put(&store, "web-1", from, from + 200);
                slowest = slowest.max(started.elapsed());
                from += 200;
            }
            (from - 1, slowest)
        });
        for columns in 2..12 {
            store.prepare(&[table(columns)]).expect("a column more");
            store.retain(&[], Time::now().plus(columns as u32 * DAY)).expect("retain");
        }
        ended.store(true, Ordering::Relaxed);
        writer.join().expect("writer")
    });
    assert!(written > 0 && slowest < Duration::from_secs(20), "a batch waited {slowest:?}");
    assert_eq!(batch::all(&store, &tables::QUARANTINE).len(), 0);
}

#[test]
fn a_long_transaction_on_the_table_stops_nobody() {
    let server = Server::start(&[]);
    let (database, store) = open(&server, json!({ "keep": { "logs": "1d" } }));
    put(&store, "web-1", &[Time::now().minus(3 * DAY)], b"x");
    let held = format!("USE {database}; START TRANSACTION; SELECT COUNT(*) FROM logs; SELECT SLEEP(15); COMMIT");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| server.sql(&held));
        while server.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'").trim()
            == "0"
        {
            assert!(!reader.is_finished(), "the transaction is over before it was seen");
        }
        let upkeep = scope.spawn(|| store.retain(&[], Time::now()));
        let started = Instant::now();
        put(&store, "web-2", &[Time::now()], b"y");
        assert!(started.elapsed() < Duration::from_secs(14), "the writer waited for the reader");
        let error = upkeep.join().expect("upkeep").expect_err("a day can't be dropped now");
        assert!(error.to_string().contains("long statement"), "{error}");
        reader.join().expect("reader");
    });
    assert_eq!(store.retain(&[], Time::now()).expect("later it can"), 1);
}

#[test]
fn a_store_from_before_rollups_is_counted_once() {
    let server = Server::shared();
    let (database, store) = open(&server, json!({}));
    batch::put(&store, "web-1", 1, 501);
    let counts = format!("SELECT *, HEX(host) FROM {database}.rollups ORDER BY 1, 2, 3, 4, 5, 6, 7");
    let before = server.sql(&counts);
    assert!(before.lines().count() > 5, "{before}");
    let versions = [(1, ""), (2, " WHERE cube > 4"), (4, " WHERE cube > 4"), (5, " WHERE cube > 8")];
    for (version, lacking) in versions {
        server.sql(&format!(
            "DELETE FROM {database}.rollups{lacking}; DELETE FROM {database}.schema_version; \
             INSERT INTO {database}.schema_version VALUES ({version})"
        ));
        assert_ne!(server.sql(&counts), before);
        store.migrate().expect("migrate");
        assert_eq!(server.sql(&counts), before, "from version {version}");
        store.migrate().expect("again");
        assert_eq!(server.sql(&counts), before);
    }
}

#[test]
fn counts_from_before_they_had_days_are_given_them() {
    let server = Server::shared();
    let (database, store) = open(&server, json!({ "keep": { "logs": "2d" } }));
    let now = Time::now();
    // The last is too long ago for a day of its own.
    for (machine, time) in [("web-1", now), ("web-2", now.minus(3 * DAY)), ("web-3", now.minus(2_000 * DAY))] {
        put(&store, machine, &[time], b"x");
    }
    let counts = format!("SELECT *, HEX(host) FROM {database}.rollups ORDER BY 1, 2, 3, 4, 5, 6, 7");
    let before = server.sql(&counts);
    server.sql(&format!("ALTER TABLE {database}.rollups REMOVE PARTITIONING"));
    store.migrate().expect("migrate");
    assert_eq!(server.sql(&counts), before);
    let counted = |partition: &str| {
        let sql = format!("SELECT SUM(n) FROM {database}.rollups PARTITION ({partition}) WHERE cube = 0");
        server.sql(&sql).trim().to_owned()
    };
    assert_eq!([day_name(now), day_name(now.minus(3 * DAY))].map(|day| counted(&day)), ["1", "1"]);
    assert_eq!(counted("past"), "1");
    assert_eq!(store.retain(&[], now).expect("retain"), 2);
    let left = server.sql(&format!("SELECT SUM(n) FROM {database}.rollups WHERE cube = 0"));
    assert_eq!(left.trim(), "1", "days go with their rows");
}
