//! Many hostile clients at once: the memory of the server stays bounded. A process of its own,
//! so that nothing else counts.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, start};
use infralogs_http::{Limits, body};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Clients of each kind.
const CLIENTS: usize = 40;
/// What each of them sends, if it is let. In bytes.
const FLOOD_BYTES: usize = 16 << 20;
/// How much memory they may cost together; kept whole, the floods would be 2.5 GB.
const GROWTH_KB_MAX: u64 = 96 << 10;

/// The most this process ever had resident, in KB.
fn resident_kb_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends a beginning and then the same bytes until the server will have no more.
async fn flood(address: SocketAddr, begin: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(begin.as_bytes()).await;
    for _ in 0..FLOOD_BYTES / (16 << 10) {
        if stream.write_all(&[b'a'; 16 << 10]).await.is_err() {
            break;
        }
    }
    let _ = stream.read(&mut [0; 512]).await;
}

/// Asks for an endless answer and takes nothing of it.
async fn stall(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_stalls_cost_bounded_memory() {
    let mut app = tide::new();
    app.at("/length")
        .post(|mut request: tide::Request<()>| async move { Ok(request.body_bytes().await?.len().to_string()) });
    app.at("/endless").get(|_| async {
        let (sender, body) = body::channel(2);
        tokio::spawn(async move { while sender.send(vec![b'x'; 16 << 10]).await.is_ok() {} });
        Ok(tide::Response::builder(200).body(body).build())
    });
    let limits = Limits { write_stall_ms: 1_000, body_bytes: 1 << 20, ..Limits::default() };
    let running = start(app, limits).await;
    let before = resident_kb_max();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let address = running.address;
        clients.spawn(async move { flood(address, "GET /").await });
        clients.spawn(async move { flood(address, "GET / HTTP/1.1\r\nhost: x\r\nlong: ").await });
        let body = "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 16777216\r\n\r\n";
        clients.spawn(async move { flood(address, body).await });
        let chunked = "POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1000000\r\n";
        clients.spawn(async move { flood(address, chunked).await });
        clients.spawn(stall(address));
    }
    timeout(LONG, async { while clients.join_next().await.is_some() {} }).await.expect("all are dropped");
    let growth = resident_kb_max() - before;
    assert!(growth < GROWTH_KB_MAX, "{growth} KB for {} clients that sent up to 16 MiB each", CLIENTS * 5);
    println!("{growth} KB for {} hostile clients", CLIENTS * 5);
    running.end().await;
}
