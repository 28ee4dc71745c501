//! A server that says nothing any more: every wait for it ends.

use infralogs_core::{
    error::Kind,
    plugin::{Settings, Store},
    testing::{batch, mariadb::Server},
};
use infralogs_mysql::Mysql;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// What is configured, and what a slow machine may need beyond it.
const SILENT_MAX: &str = "1s";
const PATIENCE: Duration = Duration::from_secs(30);

fn store(port: u16, database: &str) -> Mysql {
    let url = format!("mysql://root@127.0.0.1:{port}/{database}");
    Mysql::new(&Settings::of(json!({ "url": url, "silent_max": SILENT_MAX }))).expect("settings")
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("address").port();
    (listener, port)
}

/// A way to the server on which, once it is `silent`, nothing comes back any more. Its threads end with the process.
fn way_to(server: &Server, silent: &Arc<AtomicBool>) -> u16 {
    let ((listener, port), to, silent) = (listen(), server.port(), silent.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", to)).expect("the server");
            let (there, back) = (client.try_clone().expect("clone"), server.try_clone().expect("clone"));
            let never = Arc::new(AtomicBool::new(false));
            std::thread::spawn(move || pass(there, server, &never));
            let silent = silent.clone();
            std::thread::spawn(move || pass(back, client, &silent));
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut bytes = [0; 65_536];
    while let Ok(many @ 1..) = from.read(&mut bytes) {
        if !silent.load(Ordering::Relaxed) && to.write_all(&bytes[..many]).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_only_accepts_is_left() {
    let (listener, port) = listen();
    let held = std::thread::spawn(move || listener.accept());
    let started = Instant::now();
    let error = store(port, "logs").migrate().expect_err("nobody speaks");
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(started.elapsed() < PATIENCE, "waited {:?}", started.elapsed());
    drop(held.join());
}

#[test]
fn a_server_that_falls_silent_in_a_batch_loses_nothing() {
    let server = Server::shared();
    let database = server.database();
    let silent = Arc::new(AtomicBool::new(false));
    let store = store(way_to(&server, &silent), &database);
    store.migrate().expect("migrate");
    batch::put(&store, "web-1", 1, 101);
    silent.store(true, Ordering::Relaxed);
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 101, 201));
    let commit = batch::commit(&target, Some(batch::cursor("web-1", 100)), batch::cursor("web-1", 200), &entries);
    let started = Instant::now();
    let error = store.commit(&commit).expect_err("no answer comes");
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    let error = batch_query(&store).expect_err("no answer comes to new connections either");
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(started.elapsed() < PATIENCE, "waited {:?}", started.elapsed());
    silent.store(false, Ordering::Relaxed);
    store.commit(&commit).expect("the same batch again");
    assert_eq!(batch::seqnums(&store), (1..201).collect::<Vec<i64>>());
}

fn batch_query(store: &Mysql) -> infralogs_core::Result<Option<infralogs_core::cursor::Cursor>> {
    let stream = infralogs_core::plugin::Stream {
        machine: batch::machine("web-1"),
        seqnum_id: batch::cursor("web-1", 1).seqnum_id,
    };
    store.checkpoint(&stream)
}

#[test]
fn a_limit_that_helps_nobody_is_refused() {
    let settings = Settings::of(json!({ "url": "mysql://a@b/c", "silent_max": "10ms" }));
    assert_eq!(Mysql::new(&settings).expect_err("too short").kind, Kind::Invalid);
}
