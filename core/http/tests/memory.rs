//! What strangers can make a server keep in memory, measured while they try. Alone in its process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, rest, start};
use flate2::{Compression, write::GzEncoder};
use infralogs_core::Kind;
use infralogs_http::{Client, Limits, body, client::Settings};
use std::io::Write;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::mpsc, time::timeout};

/// Clients that hold a head or a body back, of each kind.
const SILENT: usize = 200;
/// Clients that take nothing of an endless answer; the kernel holds some megabytes for each.
const DEAF: usize = 20;
/// What all of them together may cost. In KiB; the clients' own part is in it.
const GROWTH_KIB_MAX: u64 = 32 << 10;

/// The largest this process ever was. In KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn connect(running: &common::Running, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Sends up to 300 MB of the same bytes, as long as someone takes them.
async fn flood(stream: &mut TcpStream, part: &[u8]) -> usize {
    let mut sent = 0;
    while sent < 300_000_000 && matches!(timeout(LONG, stream.write_all(part)).await, Ok(Ok(()))) {
        sent += part.len();
    }
    sent
}

#[tokio::test]
async fn strangers_cannot_fill_the_memory() {
    let mut app = tide::new();
    let (told, mut gone) = mpsc::unbounded_channel();
    app.at("/endless").get(move |_| {
        let told = told.clone();
        async move {
            let (sender, body) = body::channel(2);
            tokio::spawn(async move {
                let chunk = bytes::Bytes::from_static(&[b'x'; 16 << 10]);
                while sender.send(chunk.clone()).await.is_ok() {}
                told.send(())
            });
            Ok(tide::Response::builder(200).body(body).build())
        }
    });
    app.at("/length")
        .post(|mut request: tide::Request<()>| async move { Ok(request.body_bytes().await?.len().to_string()) });
    let bomb = {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..20 {
            packed.write_all(&vec![0; 1 << 20]).unwrap();
        }
        bytes::Bytes::from(packed.finish().unwrap())
    };
    app.at("/bomb").get(move |_| {
        let bomb = bomb.clone();
        async move { Ok(tide::Response::builder(200).header("content-encoding", "gzip").body(body::shared(bomb)).build()) }
    });
    let limits =
        Limits { header_ms: 2_000, write_stall_ms: 1_000, body_bytes: 64 << 10, drain_ms: 100, ..Limits::default() };
    let running = start(app, limits).await;
    let client = Client::new(&Settings::default()).unwrap();
    assert_eq!(client.get(&running.url("/none"), None, LONG).await.unwrap().status(), 404);
    let before = peak_kib();

    // A header line and a body without end: cut long before 300 MB.
    let junk = vec![b'x'; 64 << 10];
    let mut header = connect(&running, "GET / HTTP/1.1\r\nhost: h\r\nx: ").await;
    assert!(flood(&mut header, &junk).await < 30_000_000);
    let mut chunked =
        connect(&running, "POST /length HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n40000000\r\n").await;
    assert!(flood(&mut chunked, &junk).await < 30_000_000);

    // Heads that never end, bodies that never come, answers that no one takes.
    let mut held = Vec::new();
    for _ in 0..SILENT {
        held.push(connect(&running, &format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}", "x".repeat(15 << 10))).await);
        held.push(connect(&running, "POST /length HTTP/1.1\r\nhost: h\r\ncontent-length: 65536\r\n\r\n").await);
    }
    for _ in 0..DEAF {
        held.push(connect(&running, "GET /endless HTTP/1.1\r\nhost: h\r\n\r\n").await);
    }
    for _ in 0..DEAF {
        timeout(LONG, gone.recv()).await.unwrap().unwrap();
    }
    assert_eq!(rest(&mut held[0]).await, "");

    // 20 MiB in 20 KiB of gzip: stopped at the cap, counted unpacked.
    let mut answer = client.get(&running.url("/bomb"), None, LONG).await.unwrap().at_most(1 << 20);
    assert_eq!(answer.bytes().await.unwrap_err().kind, Kind::Limit);

    let growth = peak_kib() - before;
    println!("{growth} KiB more at the peak");
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more at the peak");
    running.end().await;
}
