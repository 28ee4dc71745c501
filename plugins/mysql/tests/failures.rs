//! Failures caused for real: what each means to the caller, and that nothing is lost or twice behind it.

use infralogs_core::{
    entry::Entries,
    error::Kind,
    plugin::{Committed, Settings, Store, Stream},
    query::Frame,
    query::{Query, Shape},
    tables,
    testing::{batch, mariadb::Server},
    value::Value,
};
use infralogs_mysql::Mysql;
use std::sync::Arc;

fn store_at(url: &str) -> Mysql {
    Mysql::new(&Settings::of(serde_json::json!({ "url": url }))).expect("settings")
}

fn open() -> (Arc<Server>, String, Mysql) {
    let server = Server::shared();
    let database = server.database();
    let store = store_at(&server.url(&database));
    store.migrate().expect("migrate");
    (server, database, store)
}

fn put(store: &Mysql, from: u64, to: u64) -> infralogs_core::Result<Committed> {
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", from, to));
    let expect = (from > 1).then(|| batch::cursor("web-1", from - 1));
    store.commit(&batch::commit(&target, expect, batch::cursor("web-1", to - 1), &entries))
}

fn stream() -> Stream {
    Stream { machine: batch::machine("web-1"), seqnum_id: batch::cursor("web-1", 1).seqnum_id }
}

#[test]
fn refused_local_falls_back_to_inserts() {
    let server = Server::start(&["--local-infile=0"]);
    let database = server.database();
    let store = store_at(&server.url(&database));
    store.migrate().expect("migrate");
    assert_eq!(put(&store, 1, 2_001).expect("commit"), Committed::Stored { rows: 2_000 });
    assert_eq!(batch::seqnums(&store), (1..=2_000).collect::<Vec<i64>>());
    // Of the next batch some rows are there already.
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 1_990, 2_101));
    let next = batch::cursor("web-1", 2_100);
    let commit = batch::commit(&target, Some(batch::cursor("web-1", 2_000)), next, &entries);
    assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 100 });
    assert_eq!(batch::all(&store, &tables::QUARANTINE).len(), 11);
}

#[test]
fn a_row_larger_than_the_server_takes_stops_nobody() {
    let server = Server::start(&["--local-infile=0", "--max-allowed-packet=1M"]);
    let database = server.database();
    let store = store_at(&server.url(&database));
    store.migrate().expect("migrate");
    let mut entries = Entries::default();
    for seqnum in 1..=400 {
        entries.push_field(b"MESSAGE", &vec![b'm'; if seqnum == 7 { 2 << 20 } else { 10_000 }]);
        entries.end(batch::cursor("web-1", seqnum));
    }
    let target = batch::target("web-1");
    let commit = batch::commit(&target, None, batch::cursor("web-1", 400), &entries);
    assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 399 });
    let quarantine = batch::all(&store, &tables::QUARANTINE);
    let of = |name: &str| quarantine.column(name).expect(name).get(0);
    assert_eq!((quarantine.len(), of("seqnum"), of("raw")), (1, Value::Int(7), Value::Missing));
    assert!(format!("{:?}", of("reason")).contains("max_allowed_packet"), "{:?}", of("reason"));
}

#[test]
fn a_column_of_another_character_set_holds_what_it_should() {
    let (server, database, store) = open();
    server.sql(&format!("ALTER TABLE {database}.logs MODIFY message TEXT CHARACTER SET latin1"));
    let mut entries = Entries::default();
    entries.push_field(b"MESSAGE", "größer".as_bytes());
    entries.end(batch::cursor("web-1", 1));
    let target = batch::target("web-1");
    store.commit(&batch::commit(&target, None, batch::cursor("web-1", 1), &entries)).expect("commit");
    assert_eq!(batch::all(&store, &tables::LOGS).column("message").expect("message").get(0), Value::text("größer"));
}

#[test]
fn rows_that_a_constraint_or_trigger_refuses_go_to_quarantine() {
    let (server, database, store) = open();
    server.sql(&format!(
        "USE {database}; ALTER TABLE logs ADD CONSTRAINT odd CHECK (seqnum % 50 <> 7);
         DELIMITER //
         CREATE TRIGGER picky BEFORE INSERT ON logs FOR EACH ROW
         IF NEW.seqnum = 3 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF//"
    ));
    assert_eq!(put(&store, 1, 101).expect("commit"), Committed::Stored { rows: 97 });
    let quarantine = batch::all(&store, &tables::QUARANTINE);
    let reasons = quarantine.column("reason").expect("reason");
    let reasons: Vec<String> = (0..3).map(|row| format!("{:?}", reasons.get(row))).collect();
    assert_eq!(quarantine.len(), 3);
    assert!(reasons[0].contains("`odd`") && reasons[2].contains("not this one"), "{reasons:?}");
    assert_eq!(store.checkpoint(&stream()).expect("checkpoint"), Some(batch::cursor("web-1", 100)));
}

#[test]
fn values_that_a_column_does_not_take_go_to_quarantine() {
    // LOAD DATA LOCAL would cut them, with a warning; an INSERT is refused, by 1406 and 1366.
    for (column, reason, local) in [
        ("message VARCHAR(8)", "Data truncated", true),
        ("message VARCHAR(8)", "Data too long", false),
        ("message TEXT CHARACTER SET ascii", "Incorrect string value", true),
        ("message TEXT CHARACTER SET ascii", "Incorrect string value", false),
    ] {
        let server = if local { Server::shared() } else { Arc::new(Server::start(&["--local-infile=0"])) };
        let database = server.database();
        let store = store_at(&server.url(&database));
        store.migrate().expect("migrate");
        server.sql(&format!("ALTER TABLE {database}.logs MODIFY {column}"));
        let mut entries = Entries::default();
        for seqnum in 1..=200 {
            entries.push_field(b"MESSAGE", if seqnum % 50 == 7 { "größer als".as_bytes() } else { b"small" });
            entries.end(batch::cursor("web-1", seqnum));
        }
        let target = batch::target("web-1");
        let commit = batch::commit(&target, None, batch::cursor("web-1", 200), &entries);
        assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 196 }, "{column}");
        let quarantine = batch::all(&store, &tables::QUARANTINE);
        let reason_of = |row| format!("{:?}", quarantine.column("reason").expect("reason").get(row));
        assert_eq!(quarantine.len(), 4, "{column}");
        assert!((0..4).all(|row| reason_of(row).contains(reason)), "{column}: {}", reason_of(0));
        let raw = format!("{:?}", quarantine.column("raw").map(|raw| raw.get(0)));
        assert!(raw.contains("größer als"), "the whole entry stands there: {raw}");
    }
}

#[test]
fn a_killed_server_loses_nothing() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = store_at(&server.url(&database));
    store.migrate().expect("migrate");
    for round in 0..6 {
        let (from, to) = (round * 3_000 + 1, round * 3_000 + 3_001);
        let killed = std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                // At another moment of the batch each round.
                std::thread::sleep(std::time::Duration::from_millis(round * 15));
                server.kill();
            });
            let result = put(&store, from, to);
            killer.join().expect("killer");
            result
        });
        if let Err(error) = &killed {
            assert_eq!(error.kind, Kind::Unavailable, "{error}");
        }
        server.run();
        // A connection used a moment ago is trusted, so the first try may still find it dead.
        let checkpoint = store.checkpoint(&stream()).or_else(|_| store.checkpoint(&stream())).expect("it is back");
        if checkpoint != Some(batch::cursor("web-1", to - 1)) {
            assert!(killed.is_err(), "the server said it was stored");
            put(&store, from, to).expect("the same batch again");
        }
    }
    assert_eq!(batch::seqnums(&store), (1..=18_000).collect::<Vec<i64>>());
}

#[test]
fn each_kind_of_refusal_is_told_apart() {
    let (server, database, store) = open();
    put(&store, 1, 11).expect("commit");
    let kind = |url: &str| {
        let error = put(&store_at(url), 11, 21).expect_err("refused");
        (error.kind, error.to_string())
    };
    let at = |user: &str| format!("mysql://{user}@127.0.0.1:{}/{database}", server.port());
    server.sql(&format!(
        "CREATE USER 'reads_{database}'@'%' IDENTIFIED BY 'x'; GRANT SELECT ON {database}.* TO 'reads_{database}'@'%';
         CREATE USER 'gone_{database}'@'%' IDENTIFIED BY 'x'; CREATE USER 'locked_{database}'@'%' IDENTIFIED BY 'x' ACCOUNT LOCK;
         GRANT ALL ON {database}.* TO 'locked_{database}'@'%';"
    ));
    for user in
        ["nobody:wrong", &format!("reads_{database}:x"), &format!("gone_{database}:x"), &format!("locked_{database}:x")]
    {
        assert_eq!(kind(&at(user)).0, Kind::Denied, "{user}");
    }
    assert_eq!(kind(&format!("mysql://root@127.0.0.1:{}/not_there", server.port())).0, Kind::Invalid);
    assert_eq!(kind("mysql://root@127.0.0.1:1/x").0, Kind::Unavailable);
}

#[test]
fn a_replica_a_held_lock_and_a_slow_query_are_said() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = store_at(&server.url(&database));
    store.migrate().expect("migrate");
    put(&store, 1, 11).expect("commit");
    server
        .sql("CREATE USER 'il'@'%'; GRANT ALL ON *.* TO 'il'@'%'; REVOKE SUPER, READ ONLY ADMIN ON *.* FROM 'il'@'%'");
    server.sql("SET GLOBAL read_only = 1");
    let writer = store_at(&format!("mysql://il@127.0.0.1:{}/{database}", server.port()));
    let error = put(&writer, 11, 21).expect_err("a replica");
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.to_string().contains("name the primary"), "{error}");
    server.sql("SET GLOBAL read_only = 0");
    put(&writer, 11, 21).expect("a primary again");

    let long = Query {
        table: "logs".into(),
        filter: None,
        last: None,
        shape: Shape::Latest { columns: vec!["seqnum".into()], limit: 1 },
    };
    server.sql(&format!(
        "USE {database}; RENAME TABLE logs TO logs_kept;
         CREATE VIEW logs AS SELECT logs_kept.* FROM logs_kept, (SELECT SLEEP(60)) AS slow"
    ));
    let started = std::time::Instant::now();
    let error = store.query(&long, &tables::LOGS, &Frame { timeout_ms: 200, ..batch::always() }).expect_err("too slow");
    assert_eq!(error.kind, Kind::Limit, "{error}");
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn an_unknown_end_of_a_commit_is_waited_for() {
    // The collector whose COMMIT got no answer reads the checkpoint while its transaction is still open.
    let (server, database, store) = open();
    put(&store, 1, 11).expect("commit");
    let moved = batch::cursor("web-1", 20);
    let sql = format!(
        "USE {database}; START TRANSACTION; UPDATE checkpoints SET `cursor` = '{moved}'; SELECT SLEEP(2); COMMIT"
    );
    let open_transaction = std::thread::scope(|scope| {
        let running = scope.spawn(|| server.sql(&sql));
        while server.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'").trim()
            == "0"
        {
            assert!(!running.is_finished(), "the transaction is over before it was seen");
        }
        let checkpoint = store.checkpoint(&stream()).expect("checkpoint");
        running.join().expect("transaction");
        checkpoint
    });
    assert_eq!(open_transaction, Some(moved));
}

#[test]
fn a_newer_schema_is_refused() {
    let (server, database, store) = open();
    server.sql(&format!("INSERT INTO {database}.schema_version VALUES (9999)"));
    let error = store.migrate().expect_err("newer");
    assert!(error.kind == Kind::Invalid && error.to_string().contains("9999"), "{error}");
}

#[test]
fn rows_are_what_a_person_reads_in_sql() {
    let (server, database, store) = open();
    put(&store, 1, 3).expect("commit");
    let found = server.sql(&format!("SELECT host, unit, priority, pid, message FROM {database}.logs ORDER BY seqnum"));
    assert_eq!(found, "web-1\tnginx.service\t1\t42\tentry 1\nweb-1\tnginx.service\t2\t42\tentry 2\n");
    assert_eq!(batch::all(&store, &tables::AGENTS).column("entries").expect("entries").get(0), Value::Int(2));
}
