//! A Galera cluster whose node is killed in the middle of everything: nothing is lost, nothing is twice.

use infralogs_core::{
    error::Kind,
    plugin::{Committed, Settings, Store, Stream},
    testing::{batch, galera::Cluster},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const BATCH: u64 = 500;
const BATCHES: u64 = 24;
const PATIENCE: Duration = Duration::from_secs(120);

fn store(cluster: &Cluster, node: usize) -> Mysql {
    let url = cluster.nodes[node].url("logs");
    Mysql::new(&Settings::of(json!({ "url": url }))).expect("settings")
}

/// What a collector does with one machine: read the checkpoint, store the next batch, after any error begin anew,
/// with the next node if this one is away.
fn collect(cluster: &Cluster, name: &str, first: usize, done: &AtomicU64) -> u32 {
    let stream = Stream { machine: batch::machine(name), seqnum_id: batch::cursor(name, 1).seqnum_id };
    let target = batch::target(name);
    let stores: Vec<Mysql> = (0..3).map(|node| store(cluster, node)).collect();
    let (mut node, mut errors) = (first, 0);
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "{name} does not come to an end");
        let store = &stores[node % 3];
        let stored = store.checkpoint(&stream).and_then(|checkpoint| {
            let from = checkpoint.map_or(1, |cursor| cursor.seqnum + 1);
            if from > BATCH * BATCHES {
                return Ok(None);
            }
            let entries = batch::entries(name, from, from + BATCH);
            let next = batch::cursor(name, from + BATCH - 1);
            store.commit(&batch::commit(&target, checkpoint, next, &entries)).map(Some)
        });
        match stored {
            Ok(None) => return errors,
            Ok(Some(Committed::Stored { .. })) => {
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Some(Committed::Lost)) => {}
            Err(error) => {
                assert_eq!(error.kind, Kind::Unavailable, "{error:?}");
                errors += 1;
                node += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A node that is cut off from the others while it stores says 1180 to what it had begun and 1047 to all else, which
/// is to be tried again; nothing of it is stored, and once it is back it takes the same batch.
fn cut_off(cluster: &Cluster) {
    let (node, store) = (&cluster.nodes[2], store(cluster, 2));
    let (target, stream) = (batch::target("web-1"), batch::cursor("web-1", 1));
    let stream = Stream { machine: batch::machine("web-1"), seqnum_id: stream.seqnum_id };
    let from = BATCH * BATCHES + 1;
    let entries = batch::entries("web-1", from, from + BATCH);
    let last = Some(batch::cursor("web-1", from - 1));
    let commit = batch::commit(&target, last, batch::cursor("web-1", from + BATCH - 1), &entries);
    store.checkpoint(&stream).expect("a connection");
    node.sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
    let (end, mut said) = (Instant::now() + PATIENCE, String::new());
    while !said.contains("1047") {
        assert!(Instant::now() < end, "it never says 1047: {said}");
        let error = store.commit(&commit).expect_err("it is alone");
        assert_eq!(error.kind, Kind::Unavailable, "{error:?}");
        said = format!("{said}{error}\n");
    }
    println!("cut off, it said:\n{said}");
    assert_eq!(store.checkpoint(&stream).expect_err("it is alone").kind, Kind::Unavailable);
    node.sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
    let mut stored = store.commit(&commit);
    while let Err(error) = stored {
        assert!(error.kind == Kind::Unavailable && Instant::now() < end, "{error:?}");
        std::thread::sleep(Duration::from_millis(100));
        stored = store.commit(&commit);
    }
    assert_eq!(stored.expect("stored"), Committed::Stored { rows: BATCH });
    cluster.wait_size(2, 3);
}

#[test]
fn a_node_killed_in_the_middle_loses_nothing() {
    let cluster = Cluster::start();
    cluster.nodes[0].sql("CREATE DATABASE logs");
    // Migrating through two nodes at once.
    std::thread::scope(|scope| {
        for node in 0..2 {
            let store = store(&cluster, node);
            scope.spawn(move || {
                let until = Instant::now() + PATIENCE;
                while let Err(error) = store.migrate() {
                    assert!(error.kind == Kind::Unavailable && Instant::now() < until, "{error:?}");
                }
            });
        }
    });
    let done = Arc::new(AtomicU64::new(0));
    let errors: u32 = std::thread::scope(|scope| {
        let cluster = &cluster;
        // Two machines through different nodes, and one that two collectors poll through different nodes.
        let polled = [("web-1", 0), ("web-2", 1), ("web-3", 1), ("web-3", 2)];
        let collectors = polled.map(|(name, node)| {
            let done = done.clone();
            scope.spawn(move || collect(cluster, name, node, &done))
        });
        while done.load(Ordering::Relaxed) < 10 {
            std::thread::sleep(Duration::from_millis(5));
        }
        cluster.nodes[1].kill();
        collectors.into_iter().map(|collector| collector.join().expect("collector")).sum()
    });
    assert!(errors > 0, "the kill hit nobody");
    cluster.nodes[1].run();
    cluster.wait_size(1, 3);
    cut_off(&cluster);
    for node in 0..3 {
        let found = cluster.nodes[node].sql(
            "SELECT host, COUNT(*), COUNT(DISTINCT seqnum), MAX(seqnum) FROM logs.logs GROUP BY host ORDER BY host; \
             SELECT SUM(n) FROM logs.rollups WHERE cube = 0; SELECT COUNT(*) FROM logs.quarantine",
        );
        let all = BATCH * BATCHES;
        let host = |name: &str, all: u64| format!("{name}\t{all}\t{all}\t{all}\n");
        let hosts = [host("web-1", all + BATCH), host("web-2", all), host("web-3", all)].concat();
        let wanted = format!("{hosts}{}\n0\n", 3 * all + BATCH);
        assert_eq!(found, wanted, "node {node}");
    }
}
