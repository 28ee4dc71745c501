//! A primary and its replica: lag by heartbeat, the way round it, own writes read, restart and promotion.

use infralogs_core::{
    error::Kind,
    plugin::{Settings, Store},
    query::{Aggregate, Measure, Query, Shape},
    tables,
    testing::{batch, mariadb::Server},
    value::Value,
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::time::{Duration, Instant};

/// What slow machines need for what usually takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

struct Pair {
    primary: Server,
    replica: Server,
}

impl Pair {
    fn start() -> Self {
        let log = ["--log-bin=bin", "--binlog-format=ROW", "--log-slave-updates=1", "--gtid-strict-mode=1"];
        let primary = Server::start(&[&["--server-id=1"], &log[..]].concat());
        let replica = Server::start(&[&["--server-id=2", "--read-only=1"], &log[..]].concat());
        primary.sql("CREATE USER 'repl'@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'");
        primary.sql("CREATE USER 'il'@'%'; GRANT ALL ON logs0.* TO 'il'@'%'");
        replica.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='repl', MASTER_PASSWORD='repl', \
             MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE",
            primary.port()
        ));
        assert_eq!(primary.database(), "logs0");
        Self { primary, replica }
    }
    fn url(server: &Server) -> String {
        format!("mysql://il@127.0.0.1:{}/logs0", server.port())
    }
    fn writer(&self) -> Mysql {
        let store = Mysql::new(&Settings::of(json!({ "url": Self::url(&self.primary) }))).expect("settings");
        store.migrate().expect("migrate");
        store
    }
    fn reader(&self, more: serde_json::Value) -> Mysql {
        let mut settings = json!({ "url": Self::url(&self.replica) });
        settings.as_object_mut().expect("map").extend(more.as_object().cloned().unwrap_or_default());
        Mysql::new(&Settings::of(settings)).expect("settings")
    }
}

fn count(store: &Mysql) -> infralogs_core::Result<i64> {
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
    let query = Query { table: "logs".into(), filter: None, last: None, shape };
    let rows = store.query(&query, &tables::LOGS, &batch::always())?;
    Ok(if let Value::Int(count) = rows.columns[0].get(0) { count } else { -1 })
}

fn until<T>(what: &str, mut run: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = run() {
            return value;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn reads_go_to_the_replica_while_it_is_fresh() {
    let pair = Pair::start();
    let writer = pair.writer();
    let reader = pair.reader(json!({}));
    writer.beat("one").expect("beat");
    batch::put(&writer, "web-1", 1, 101);

    // Reading own writes: wait for where the primary's log is.
    let position = writer.position().expect("position").expect("the primary keeps a log");
    assert!(reader.wait_for(&position, PATIENCE).expect("wait"), "the replica never arrives");
    assert_eq!(count(&reader).expect("count"), 100);
    assert!(reader.lag().expect("lag") < PATIENCE);
    assert_eq!(writer.lag().expect("lag"), Duration::ZERO, "a primary is never behind");
    assert_eq!(batch::seqnums(&reader).len(), 100);

    // A stopped replica grows old; who allowed it asks the primary.
    let careful = pair.reader(json!({ "lag_max": "500ms", "fallback": Pair::url(&pair.primary) }));
    pair.replica.sql("STOP SLAVE");
    batch::put(&writer, "web-1", 101, 201);
    let position = writer.position().expect("position").expect("position");
    assert!(!reader.wait_for(&position, Duration::from_millis(200)).expect("wait"), "it is stopped");
    let lag = until("the lag never grows", || reader.lag().ok().filter(|lag| *lag > Duration::from_secs(2)));
    assert_eq!(count(&reader).expect("count"), 100, "{lag:?} old and known to be");
    assert_eq!(count(&careful).expect("count"), 200);
    pair.replica.sql("START SLAVE");
    writer.beat("one").expect("beat");
    assert!(reader.wait_for(&position, PATIENCE).expect("wait"));

    // A replica that is away, and back.
    pair.replica.kill();
    assert_eq!(count(&reader).expect_err("it is away").kind, Kind::Unavailable);
    assert_eq!(count(&careful).expect("the primary"), 200);
    pair.replica.run();
    assert_eq!(until("the replica is not read again", || count(&reader).ok()), 200);
}

#[test]
fn a_promotion_is_survived() {
    let pair = Pair::start();
    let writer = pair.writer();
    batch::put(&writer, "web-1", 1, 101);
    let position = writer.position().expect("position").expect("position");
    let promoted = pair.reader(json!({}));
    assert!(promoted.wait_for(&position, PATIENCE).expect("wait"));
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 101, 201));
    let commit = batch::commit(&target, Some(batch::cursor("web-1", 100)), batch::cursor("web-1", 200), &entries);
    let error = promoted.commit(&commit).expect_err("still a replica: 1290");
    assert!(error.kind == Kind::Unavailable && error.to_string().contains("name the primary"), "{error}");

    // The old primary stops taking writes, the replica begins: a collector that follows the name goes on.
    pair.primary.sql("SET GLOBAL read_only = 1");
    assert_eq!(writer.commit(&commit).expect_err("the old primary").kind, Kind::Unavailable);
    pair.replica.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0");
    promoted.commit(&commit).expect("the same batch, the new primary");
    assert_eq!(batch::seqnums(&promoted), (1..=200).collect::<Vec<i64>>());
    assert_eq!(count(&promoted).expect("count"), 200);
}
