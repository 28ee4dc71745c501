//! A minute of rotation every two seconds under full ingest with reads: nothing fails, is lost, doubled or left over.

mod line;
mod standin;

use infralogs_core::{
    plugin::{Committed, Secrets, Settings, Store},
    rotate::{Keeper, Watch},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use line::{Folder, SOON, WRITER, approle, until, vault};
use serde_json::json;
use standin::StandIn;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How long the soak lasts; `INFRALOGS_SOAK_S` says otherwise.
const SOAK: Duration = Duration::from_secs(60);
const BATCH: u64 = 500;
const READER: &str = "database/creds/il-reader";
const ROLES: [&str; 2] = [WRITER, READER];

#[tokio::test(flavor = "multi_thread")]
async fn rotating_every_two_seconds_fails_nothing_and_tells_nothing() {
    let server = Arc::new(Server::start(&[]));
    let database = server.database();
    let standin = StandIn::start(Some(server.clone()), &database);
    // Scans the log when the test is over.
    let folder = Folder::of(&standin);
    // The answer to the first renewal, at about 1.9 s, is shorter than 3 s: new ones are issued.
    standin.set(|rules| (rules.lease_ttl, rules.lease_max) = (Duration::from_secs(3), Duration::from_secs(4)));
    // Collector and dashboard, each with a login of its own as in two processes.
    let programs = ROLES.map(|path| {
        let vault = Arc::new(vault(&standin.address, approle(folder.path())));
        let url = format!("mysql://127.0.0.1:{}/{database}", server.port());
        let settings = Settings::of(json!({ "url": url, "secret": path }));
        let store: Arc<dyn Store> = Arc::new(Mysql::new(&settings).expect("settings"));
        let kept = Keeper { secrets: vault.clone(), path: path.into(), store: store.clone() }.start();
        (vault, store, kept)
    });
    for (_, _, kept) in &programs {
        kept.ready(SOON).await.expect("in use");
    }
    let (store, reader) = (programs[0].1.clone(), programs[1].1.clone());
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let ingest = tokio::task::spawn_blocking({
        let (store, stop) = (store.clone(), stop.clone());
        move || ingest(&*store, &stop)
    });
    let reading = tokio::task::spawn_blocking({
        let (stop, reads) = (stop.clone(), reads.clone());
        move || read(&*reader, &stop, &reads)
    });
    let gone: Vec<_> = programs
        .iter()
        .map(|(_, _, kept)| {
            let (watch, server, stop) = (kept.watch(), server.clone(), stop.clone());
            std::thread::spawn(move || old_sessions(&watch, &server, &stop))
        })
        .collect();
    let soak = std::env::var("INFRALOGS_SOAK_S").ok().and_then(|s| s.parse().ok()).map_or(SOAK, Duration::from_secs);
    tokio::time::sleep(soak).await;
    stop.store(true, Relaxed);
    let written = ingest.await.expect("no transaction failed");
    reading.await.expect("no read failed");
    let replaced = [0, 1].map(|own: usize| programs[own].2.standing().replaced);
    println!("{replaced:?} rotations, {written} rows, {} reads in {soak:?}", reads.load(Relaxed));
    for (gone, replaced) in gone.into_iter().zip(replaced) {
        let mut gone = gone.join().expect("the watcher");
        gone.sort_unstable();
        let longest = gone.last().copied().expect("some were seen");
        println!(
            "from the swap until the old user has no session: median {:?}, longest {longest:?} (bound 1 s)",
            gone[gone.len() / 2]
        );
        assert!(longest < Duration::from_secs(20), "old sessions stay for {longest:?}");
        assert!(replaced >= soak.as_secs() / 4, "only {replaced} rotations");
    }

    // Of all the old users no session is left soon after, and one lease lives for each program and role.
    let own = |path: &str| standin.lock().leases_of(path);
    until("one lease and user each", || ROLES.iter().all(|path| own(path) == 1 && sessions(&server, path) <= 1)).await;
    for (vault, _, kept) in programs {
        kept.end().await;
        vault.end().await.expect("ended");
    }
    assert_eq!((standin.live_leases(), standin.live_tokens()), (0, 0));
    let stored = server.sql(&format!("SELECT COUNT(*), COUNT(DISTINCT seqnum), MAX(seqnum) FROM {database}.logs"));
    assert_eq!(stored.trim(), format!("{written}\t{written}\t{written}"), "nothing lost, nothing twice");
}

/// How many users of a role have connections.
fn sessions(server: &Server, path: &str) -> u32 {
    let role = path.trim_start_matches("database/creds/");
    let sql = format!("SELECT COUNT(DISTINCT user) FROM information_schema.processlist WHERE user LIKE 'v-{role}-%'");
    server.sql(&sql).trim().parse().expect("a number")
}

/// After each swap, how long the user before it still has a session.
fn old_sessions(watch: &Watch, server: &Server, stop: &AtomicBool) -> Vec<Duration> {
    let (mut known, mut all) = (watch.standing().replaced, Vec::new());
    while !stop.load(Relaxed) {
        if watch.standing().replaced == known {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        known = watch.standing().replaced;
        let swapped = Instant::now();
        while sessions(server, &watch.path) > 1 {
            assert!(swapped.elapsed() < SOON, "old sessions live on");
        }
        all.push(swapped.elapsed());
    }
    all
}

/// Commits batch after batch; the rows written.
fn ingest(store: &dyn Store, stop: &AtomicBool) -> u64 {
    store.migrate().expect("migrated");
    let target = batch::target("web-1");
    let mut next = 1;
    while !stop.load(Relaxed) {
        let entries = batch::entries("web-1", next, next + BATCH);
        let expect = (next > 1).then(|| batch::cursor("web-1", next - 1));
        let commit = batch::commit(&target, expect, batch::cursor("web-1", next + BATCH - 1), &entries);
        assert!(matches!(store.commit(&commit).expect("stored"), Committed::Stored { .. }));
        next += BATCH;
        // Room for the other tests of this machine.
        std::thread::sleep(Duration::from_millis(10));
    }
    next - 1
}

fn read(store: &dyn Store, stop: &AtomicBool, reads: &AtomicU64) {
    while !stop.load(Relaxed) {
        // A refused or broken read would be an error here; a table not made yet is none of rotation's.
        if let Err(error) = store.last_stream("web-1") {
            assert!(reads.load(Relaxed) == 0 && error.to_string().contains("made before"), "{error}");
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        reads.fetch_add(1, Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}
