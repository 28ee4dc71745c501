//! Credentials replaced under work: connections still busy when the drain ends are killed; the way round a late
//! replica rotates along.

use infralogs_core::{
    plugin::{Life, Secret, Settings, Store},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn secret(user: &str) -> Secret {
    let life = Life::Ends { within: Duration::from_secs(600), renewable: true };
    Secret { user: Some(user.into()), password: format!("pass-{user}"), life, lease: Some("lease".into()) }
}

fn users(server: &Server, database: &str, names: &[&str]) {
    for name in names {
        server.sql(&format!(
            "CREATE USER '{name}'@'%' IDENTIFIED BY 'pass-{name}'; GRANT ALL ON {database}.* TO '{name}'@'%'"
        ));
    }
}

fn sessions(server: &Server, user: &str) -> u32 {
    let sql = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}'");
    server.sql(&sql).trim().parse().expect("a number")
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Another client that holds a lock on a table until it is dropped.
struct Lock(Child);

impl Lock {
    fn on(server: &Server, table: &str) -> Self {
        let child = Command::new("mariadb")
            .args(["--no-defaults", "--user=root", &format!("--socket={}", server.path("sock").display()), "-e"])
            .arg(format!("LOCK TABLES {table} WRITE; SELECT SLEEP(600)"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadb");
        let sleeping = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
        until("the lock", || server.sql(sleeping).trim() == "1");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_connection_still_at_work_when_the_drain_ends_is_killed_and_its_rows_are_read_again() {
    let server = Server::start(&[]);
    let database = server.database();
    users(&server, &database, &["old", "new"]);
    let url = format!("mysql://127.0.0.1:{}/{database}", server.port());
    let store = Arc::new(Mysql::new(&Settings::of(json!({ "url": url, "secret": "x" }))).expect("settings"));
    let holder = store.holder().expect("it logs in with a secret");
    let first = holder.enter(&secret("old")).expect("in");
    store.migrate().expect("migrated");
    let put = |store: &Mysql| {
        let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 1, 101));
        store.commit(&batch::commit(&target, None, batch::cursor("web-1", 100), &entries))
    };
    let lock = Lock::on(&server, &format!("{database}.logs"));
    let stuck = std::thread::spawn({
        let store = store.clone();
        move || put(&store)
    });
    let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'old' AND state LIKE 'Waiting%'";
    until("the commit waits for the lock", || server.sql(waits).trim() != "0");
    holder.enter(&secret("new")).expect("in");
    let began = Instant::now();
    assert!(!holder.leave(first, Duration::from_millis(500)), "it had to be cut");
    let took = began.elapsed();
    until("no session of the old user", || sessions(&server, "old") == 0);
    println!("cut after a drain of 0.5 s: {took:?}");
    stuck.join().expect("no panic").expect_err("the transaction was killed");
    drop(lock);
    until("the new user stores the same batch, which nothing of the killed one is in", || put(&store).is_ok());
    assert_eq!(batch::seqnums(&*store), (1..=100).collect::<Vec<i64>>());
    assert!(holder.leave(u64::MAX, Duration::from_secs(1)) && sessions(&server, "new") == 0, "all closed at the end");
}

#[test]
fn the_way_round_a_late_replica_logs_in_with_the_same_credentials() {
    let (primary, replica) = (Server::start(&[]), Server::start(&[]));
    let database = primary.database();
    assert_eq!(replica.database(), database);
    users(&primary, &database, &["old", "new"]);
    let at = |server: &Server| format!("mysql://127.0.0.1:{}/{database}", server.port());
    // As after a replica broke: it has no heartbeat at all.
    let root = Mysql::new(&Settings::of(json!({ "url": primary.url(&database) }))).expect("settings");
    root.migrate().expect("migrated");
    let settings = json!({ "url": at(&replica), "fallback": at(&primary), "secret": "x", "lag_max": "10s" });
    let store = Mysql::new(&Settings::of(settings)).expect("settings");
    let holder = store.holder().expect("it logs in with a secret");
    assert!(holder.enter(&secret("old")).is_err(), "the user is not on the replica yet: nothing is swapped");
    assert_eq!(sessions(&primary, "old"), 0, "and no connection is kept");
    users(&replica, &database, &["old", "new"]);
    let first = holder.enter(&secret("old")).expect("on both");
    assert!(batch::seqnums(&store).is_empty(), "read, past the replica without tables");
    holder.enter(&secret("new")).expect("on both");
    assert!(holder.leave(first, Duration::from_secs(5)));
    assert!(batch::seqnums(&store).is_empty(), "read");
    for server in [&primary, &replica] {
        until("no session of the old user", || sessions(server, "old") == 0);
    }
    assert!(sessions(&primary, "new") > 0, "the way round is that of the new one");
}
