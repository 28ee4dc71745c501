//! How fast rows arrive in the embedded store, beside the `mariadb` client's raw LOAD of the same rows:
//! `cargo bench -p infralogs-sqlite --bench ingest`.
#![allow(clippy::expect_used, missing_docs)]

use infralogs_core::{
    plugin::Store,
    testing::{
        mariadb::Server,
        workload::{Load, median, sixty_thousand},
    },
};
use infralogs_sqlite::Sqlite;
use std::{process::Command, time::Instant};

const ROUNDS: usize = 5;
const ROWS: f64 = 60_000.0;

fn main() {
    let server = Server::start(&["--log-bin=bin", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"]);
    let loads = sixty_thousand();
    let mut text = String::new();
    loads.iter().for_each(|load| load.lines(&mut text));
    let file = server.path("rows.tsv");
    std::fs::write(&file, text).expect("rows");
    let (mut own, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(sqlite(&loads));
        raw.push(mariadb(&server, &file));
    }
    let (own, raw) = (median(own), median(raw));
    println!("| method | rows/s, median of {ROUNDS} |\n|---|---|");
    println!("| SQLite with indexes, checkpoint and rollups | {own:.0} |\n| mariadb client, raw LOAD | {raw:.0} |");
    println!("{:.2} times, bound ≥ 2", own / raw);
}

fn sqlite(loads: &[Load]) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Sqlite::new(folder.path().join("logs.db"));
    store.migrate().expect("migrate");
    let started = Instant::now();
    loads.iter().for_each(|load| load.store(&store));
    ROWS / started.elapsed().as_secs_f64()
}

fn mariadb(server: &Server, file: &std::path::Path) -> f64 {
    let database = server.database();
    let columns = "time BIGINT, machine VARCHAR(32), seqnum_id VARCHAR(32), seqnum BIGINT, host VARCHAR(255), \
         unit VARCHAR(255), identifier VARCHAR(255), command LONGTEXT, priority BIGINT, pid BIGINT, message LONGTEXT, \
         fields LONGTEXT, PRIMARY KEY (time, machine, seqnum_id, seqnum)";
    server.sql(&format!("CREATE TABLE {database}.logs ({columns}) CHARSET utf8mb4"));
    let sql = format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE logs CHARACTER SET utf8mb4", file.display());
    let started = Instant::now();
    let done = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--local-infile=1", "--host=127.0.0.1"])
        .args([format!("--port={}", server.port()), format!("--database={database}"), "-e".into(), sql])
        .status()
        .expect("mariadb");
    assert!(done.success());
    ROWS / started.elapsed().as_secs_f64()
}
