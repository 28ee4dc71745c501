//! Every wait ends: a lock somebody holds, a disk that is full.

use infralogs_core::{
    error::Kind,
    plugin::{Settings, Store, Stream},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

fn open(server: &Server) -> (String, Mysql) {
    let database = server.database();
    let store = Mysql::new(&Settings::of(json!({ "url": server.url(&database) }))).expect("settings");
    store.migrate().expect("migrate");
    (database, store)
}

fn stream() -> Stream {
    Stream { machine: batch::machine("web-1"), seqnum_id: batch::cursor("web-1", 1).seqnum_id }
}

#[test]
fn a_lock_that_is_held_is_not_waited_for_long() {
    let server = Server::shared();
    let (database, store) = open(&server);
    batch::put(&store, "web-1", 1, 11);
    let held = format!(
        "USE {database}; START TRANSACTION; SELECT * FROM checkpoints FOR UPDATE; SELECT SLEEP(14) AS held; COMMIT"
    );
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| server.sql(&held));
        while server
            .sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(14) AS held%'")
            .trim()
            == "0"
        {
            assert!(!holder.is_finished(), "the lock is gone before it was seen");
        }
        let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 11, 21));
        let commit = batch::commit(&target, Some(batch::cursor("web-1", 10)), batch::cursor("web-1", 20), &entries);
        let started = Instant::now();
        let error = store.commit(&commit).expect_err("the checkpoint is locked");
        assert_eq!(error.kind, Kind::Unavailable, "{error}");
        assert!(started.elapsed() < Duration::from_secs(14), "waited {:?}", started.elapsed());
        holder.join().expect("holder");
        store.commit(&commit).expect("the same batch again");
    });
    assert_eq!(batch::seqnums(&store), (1..21).collect::<Vec<i64>>());
}

#[test]
fn a_deadlock_is_tried_again() {
    let server = Server::shared();
    let (database, store) = open(&server);
    batch::put(&store, "web-1", 1, 11);
    // Locks in the other order than a batch does, and has done more work, so that the batch is the one to give way.
    let other = format!(
        "USE {database}; CREATE TABLE work (n INT PRIMARY KEY); START TRANSACTION; \
         INSERT INTO work SELECT seq FROM seq_1_to_5000; UPDATE agents SET lag_ms = lag_ms; \
         SELECT SLEEP(3) AS circle; SELECT * FROM checkpoints FOR UPDATE; COMMIT"
    );
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| server.sql(&other));
        while server
            .sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3) AS circle%'")
            .trim()
            == "0"
        {
            assert!(!holder.is_finished(), "the lock is gone before it was seen");
        }
        let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 11, 21));
        let commit = batch::commit(&target, Some(batch::cursor("web-1", 10)), batch::cursor("web-1", 20), &entries);
        let error = store.commit(&commit).expect_err("it waits for the other, which waits for it");
        assert_eq!(error.kind, Kind::Unavailable, "{error:?}");
        assert!(format!("{error:?}").contains("Deadlock"), "{error:?}");
        holder.join().expect("holder");
        store.commit(&commit).expect("the same batch again");
    });
    assert_eq!(batch::seqnums(&store), (1..21).collect::<Vec<i64>>());
}

#[test]
fn a_full_disk_loses_nothing() {
    // All tables in one file that does not grow: full for the server as a disk is.
    let server = Server::start(&["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M;ibdata2:48M"]);
    let (database, store) = open(&server);
    let mut from = 1;
    let error = loop {
        let (target, entries) = (batch::target("web-1"), batch::entries("web-1", from, from + 2_000));
        let expect = (from > 1).then(|| batch::cursor("web-1", from - 1));
        match store.commit(&batch::commit(&target, expect, batch::cursor("web-1", from + 1_999), &entries)) {
            Ok(_) => from += 2_000,
            Err(error) => break error,
        }
        assert!(from < 1_000_000, "the disk is never full");
    };
    assert_eq!(error.kind, Kind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("make room"), "{error}");
    let checkpoint = store.checkpoint(&stream()).expect("checkpoint");
    assert_eq!(checkpoint, (from > 1).then(|| batch::cursor("web-1", from - 1)));
    let rows: u64 = server.sql(&format!("SELECT COUNT(*) FROM {database}.logs")).trim().parse().expect("rows");
    assert_eq!(rows, from - 1);
}

/// A file system in memory, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where we may not mount anything.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        done.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().expect("mount").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_and_has_room_again_loses_nothing() {
    let server = Server::with("root", vec!["--innodb-log-file-size=16M".into()]);
    let (data, kept) = (server.path("data"), server.path("kept"));
    std::fs::rename(&data, &kept).expect("moved");
    std::fs::create_dir(&data).expect("a folder");
    let Some(disk) = Disk::mount(&data, "130M") else {
        eprintln!("left out: no file system can be mounted here; a full table space is tried all the same");
        return;
    };
    let copied = Command::new("cp").arg("-a").arg(kept.join(".")).arg(&data).status().expect("cp");
    assert!(copied.success());
    server.run();
    let (database, store) = open(&server);
    let put = |from: u64| {
        let (target, entries) = (batch::target("web-1"), batch::entries("web-1", from, from + 2_000));
        let expect = (from > 1).then(|| batch::cursor("web-1", from - 1));
        store.commit(&batch::commit(&target, expect, batch::cursor("web-1", from + 1_999), &entries))
    };
    let mut from = 1;
    let error = loop {
        match put(from) {
            Ok(_) => from += 2_000,
            Err(error) => break error,
        }
        assert!(from < 1_000_000, "the disk is never full");
    };
    assert_eq!(error.kind, Kind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("make room"), "{error}");
    assert_eq!(put(from).expect_err("it is still full").kind, Kind::Unavailable);
    let checkpoint = store.checkpoint(&stream()).expect("checkpoint");
    assert_eq!(checkpoint, (from > 1).then(|| batch::cursor("web-1", from - 1)));
    disk.resize("300M");
    put(from).expect("there is room again");
    let sql = format!("SELECT COUNT(*), COUNT(DISTINCT seqnum), MAX(seqnum) FROM {database}.logs");
    let all = from + 1_999;
    assert_eq!(server.sql(&sql), format!("{all}\t{all}\t{all}\n"));
    server.kill();
}
