//! Clients that break the rules, stall or take nothing: each is answered or dropped, and no one else notices.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, Running, exchange, rest, start};
use infralogs_http::{Limits, body};
use std::{sync::Arc, time::Duration};
use tide::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};

/// What the routes of [`app`] tell the test.
struct Signs {
    /// A request reached `/wait`.
    waiting: Arc<Notify>,
    /// Lets `/wait` answer.
    go_on: Arc<Notify>,
    /// The producer of `/endless` heard that its client is gone.
    gone: mpsc::UnboundedReceiver<usize>,
}

fn app() -> (tide::Server<()>, Signs) {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("hello") });
    app.at("/:word").get(|request: Request<()>| async move { Ok(request.param("word")?.to_owned()) });
    app.at("/length").post(|mut request: Request<()>| async move { Ok(request.body_bytes().await?.len().to_string()) });
    let (told, gone) = mpsc::unbounded_channel();
    app.at("/endless").get(move |_| {
        let told = told.clone();
        async move {
            let (sender, body) = body::channel(2);
            tokio::spawn(async move {
                let mut chunks = 0;
                while sender.send(vec![b'x'; 16 << 10]).await.is_ok() {
                    chunks += 1;
                }
                told.send(chunks)
            });
            Ok(tide::Response::builder(200).body(body).build())
        }
    });
    let (waiting, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signs = Signs { waiting: waiting.clone(), go_on: go_on.clone(), gone };
    app.at("/wait").get(move |_| {
        let (waiting, go_on) = (waiting.clone(), go_on.clone());
        async move {
            waiting.notify_one();
            go_on.notified().await;
            Ok("waited")
        }
    });
    (app, signs)
}

/// Limits that end in a blink.
fn short() -> Limits {
    Limits {
        header_ms: 200,
        idle_ms: 300,
        body_stall_ms: 200,
        write_stall_ms: 300,
        body_bytes: 100_000,
        ..Limits::default()
    }
}

/// Sends `bytes`; the server must answer each status in turn, and then close.
async fn check(running: &Running, bytes: &[u8], statuses: &[u16]) -> String {
    let got = exchange(running.address, bytes).await;
    let found: Vec<u16> = got.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
    let asked = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    assert_eq!(found, statuses, "to {asked:?} came {got:?}");
    got
}

#[tokio::test]
async fn what_is_no_proper_request_is_refused() {
    let running = start(app().0, short()).await;
    let get = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}\r\n").into_bytes();
    let large = "x".repeat(17 << 10);
    let many = "x: 1\r\n".repeat(101);
    check(&running, &get(&format!("host: h\r\nx: {large}\r\n")), &[431]).await;
    check(&running, &get(&format!("host: h\r\n{many}")), &[431]).await;
    check(&running, format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "x".repeat(65 << 10)).as_bytes(), &[431]).await;
    for bad in ["\0\0\0\0\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "get it\r\n\r\n"] {
        let got = check(&running, bad.as_bytes(), &[400]).await;
        assert!(got.contains("connection: close"), "{got}");
    }
    for bad in
        ["", "host: a\r\nhost: a\r\n", "host: user@h\r\n", "host: a b\r\n", "host: h/x\r\n", "host: h\r\nx: \u{e9}\r\n"]
    {
        let got = check(&running, &get(bad), &[400]).await;
        assert!(got.contains("{\"error\":{\"next\":\""), "{got}");
    }
    check(&running, b"GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n", &[400]).await;
    check(&running, b"CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n", &[501]).await;
    check(&running, b"BREW / HTTP/1.1\r\nhost: h\r\n\r\n", &[501]).await;
    check(&running, b"GET http://a/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", &[200]).await;
    check(&running, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]).await; // HTTP/2 only over TLS
    let old = exchange(running.address, b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200") && old.ends_with("hello"), "{old}");
    running.end().await;
}

#[tokio::test]
async fn a_request_that_reads_two_ways_is_refused_with_all_that_follows() {
    let running = start(app().0, short()).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n";
    for framing in [
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding:\x0bchunked\r\n",
        "x: 1\r\n content-length: 5\r\n",
        "x: 1\ncontent-length: 5\r\n",
    ] {
        let request = format!("POST /length HTTP/1.1\r\nhost: h\r\n{framing}\r\n0\r\n\r\n{smuggled}");
        let got = check(&running, request.as_bytes(), &[400]).await;
        assert!(got.contains("connection: close"), "{got}");
        // The same behind a good request: that one is answered.
        let behind = format!("GET /first HTTP/1.1\r\nhost: h\r\n\r\n{request}");
        let got = check(&running, behind.as_bytes(), &[200, 400]).await;
        assert!(got.contains("first") && !got.contains("smuggled"), "{got}");
    }
    // A chunk whose end is spelled otherwise ends the connection; what follows is never a request.
    let chunked = "POST /length HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in ["5\nhello\r\n0\r\n\r\n", "0;a\n\r\n", "5\r\nhelloGET"] {
        let got = exchange(running.address, format!("{chunked}{body}{smuggled}").as_bytes()).await;
        assert!(!got.contains("smuggled") && !got.contains(" 200 "), "{got}");
    }
    running.end().await;
}

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_turn() {
    let running = start(app().0, short()).await;
    let chunked = "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let all = format!(
        "GET /one HTTP/1.1\r\nhost: h\r\n\r\nPOST /length HTTP/1.1\r\nhost: h\r\n{chunked}\
         POST /length HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc\
         HEAD /four HTTP/1.1\r\nhost: h\r\n\r\nGET /none/here HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
    );
    let got = check(&running, all.as_bytes(), &[200, 200, 200, 200, 404]).await;
    let bodies: Vec<_> = got.split("\r\n\r\n").map(|part| part.split("HTTP/1.1").next().unwrap()).collect();
    assert_eq!(bodies[1..5], ["one", "5", "3", ""], "{got}");
    assert!(got.contains("content-length: 4\r\n"), "HEAD tells the length: {got}");
    // And one request byte by byte.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for byte in b"GET /slow HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(rest(&mut stream).await.ends_with("slow"));
    running.end().await;
}

#[tokio::test]
async fn a_body_too_large_is_413_and_one_too_slow_408() {
    let running = start(app().0, short()).await;
    let post = |headers: &str| format!("POST /length HTTP/1.1\r\nhost: h\r\n{headers}\r\n");
    let declared = check(&running, post("content-length: 100001\r\n").as_bytes(), &[413]).await;
    assert!(declared.contains("limits.body_bytes"), "{declared}");
    // Sent although it was refused: the answer still arrives.
    let mut request = post("content-length: 600000\r\n").into_bytes();
    request.extend(vec![b'x'; 600_000]);
    check(&running, &request, &[413]).await;
    let mut request = post("transfer-encoding: chunked\r\n").into_bytes();
    for _ in 0..7 {
        request.extend_from_slice(b"4000\r\n");
        request.extend(vec![b'x'; 0x4000]);
        request.extend_from_slice(b"\r\n");
    }
    check(&running, &request, &[413]).await;
    let fits = format!("{}{}", post("content-length: 100000\r\nconnection: close\r\n"), "x".repeat(100_000));
    assert!(check(&running, fits.as_bytes(), &[200]).await.ends_with("100000"));
    let waits = format!("{}hello", post("content-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n"));
    assert!(check(&running, waits.as_bytes(), &[100, 200]).await.ends_with('5'));

    check(&running, format!("{}abc", post("content-length: 5\r\n")).as_bytes(), &[408]).await;
    // A trickle is a stall as well.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (mut from, mut to) = stream.split();
    to.write_all(post("content-length: 5000\r\n").as_bytes()).await.unwrap();
    let trickle = async {
        while to.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let mut answer = [0; 12];
    tokio::select! {
        () = trickle => panic!("cut without an answer"),
        got = timeout(LONG, from.read_exact(&mut answer)) => assert!(got.unwrap().is_ok()),
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
    running.end().await;
}

#[tokio::test]
async fn who_says_nothing_is_dropped() {
    let running = start(app().0, short()).await;
    for begun in ["", "\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: h\r\nx: "] {
        check(&running, begun.as_bytes(), &[]).await;
    }
    // A kept connection is dropped when idle, and one that begins its next request when that does not come.
    check(&running, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", &[200]).await;
    check(&running, b"GET / HTTP/1.1\r\nhost: h\r\n\r\nGET /x", &[200]).await;
    // A trickle of header bytes does not help.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let trickle = async {
        let mut line = b"GET / HTTP/1.1\r\nx: ".to_vec();
        while stream.write_all(&line).await.is_ok() {
            line = b"x".to_vec();
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, trickle).await.expect("dropped");
    running.end().await;
}

#[tokio::test]
async fn who_takes_nothing_is_dropped_and_its_producer_told() {
    let (app, mut signs) = app();
    let running = start(app, short()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let chunks = timeout(LONG, signs.gone.recv()).await.unwrap().unwrap();
    // The kernel's buffers at both ends, and not much more.
    assert!(chunks * 16 < 32 << 10, "{chunks} chunks of 16 KiB were produced for no one");
    // One that takes its time, but takes, is served on.
    let mut patient = TcpStream::connect(running.address).await.unwrap();
    patient.write_all(b"GET /endless HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut part = vec![0; 4 << 20];
    for _ in 0..6 {
        timeout(LONG, patient.read_exact(&mut part)).await.unwrap().unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    assert!(signs.gone.try_recv().is_err());
    drop(patient);
    timeout(LONG, signs.gone.recv()).await.unwrap().unwrap();
    running.end().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let (app, signs) = app();
    let running = start(app, Limits { connections: 2, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET /wait HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
        signs.waiting.notified().await;
        held.push(stream);
    }
    let get = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let mut refused = TcpStream::connect(running.address).await.unwrap();
    let got = rest(&mut refused).await;
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains(&format!("content-length: {}", body.len())), "{got}");
    assert!(body.contains("limits.connections"), "{body}");
    signs.go_on.notify_one();
    let mut got = String::new();
    timeout(LONG, held[0].read_to_string(&mut got)).await.unwrap().unwrap();
    assert!(got.ends_with("waited"));
    // Its place is free now, or in a moment.
    while !exchange(running.address, get).await.ends_with("hello") {
        sleep(Duration::from_millis(1)).await;
    }
    signs.go_on.notify_one();
    running.end().await;
}

#[tokio::test]
async fn a_stop_lets_what_is_in_flight_end_but_not_for_ever() {
    let (routes, signs) = app();
    let running = start(routes, Limits::default()).await;
    let mut kept = TcpStream::connect(running.address).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).await.unwrap();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    signs.waiting.notified().await;
    running.stop.send(true).unwrap();
    // The idle one is closed at once, new ones find no listener, the one in flight is answered to the end.
    rest(&mut kept).await;
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.served.is_finished());
    signs.go_on.notify_one();
    let got = rest(&mut stream).await;
    assert!(got.contains("connection: close") && got.ends_with("waited"), "{got}");
    running.end().await;

    let (routes, signs) = app();
    let running = start(routes, Limits { drain_ms: 100, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    signs.waiting.notified().await;
    running.end().await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn trailers_reach_who_asks_for_them() {
    let mut app = tide::new();
    app.at("/").get(|_| async {
        let (sender, body) = body::channel(1);
        let response = tide::Response::builder(200).header("trailer", "infralogs-end").body(body).build();
        let mut response: tide::http::Response = response.into();
        let trailers = response.send_trailers();
        tokio::spawn(async move {
            sender.send("entries").await?;
            sender.finish().await?;
            let mut end = tide::http::Trailers::new();
            end.insert("infralogs-end", "cursor");
            trailers.send(end).await;
            Ok::<_, infralogs_core::Error>(())
        });
        Ok(tide::Response::from(response))
    });
    let running = start(app, Limits::default()).await;
    let get = |more: &str| format!("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{more}\r\n");
    let got = check(&running, get("te: trailers\r\n").as_bytes(), &[200]).await;
    assert!(got.ends_with("7\r\nentries\r\n0\r\ninfralogs-end: cursor\r\n\r\n"), "{got}");
    let got = check(&running, get("").as_bytes(), &[200]).await;
    assert!(got.ends_with("7\r\nentries\r\n0\r\n\r\n"), "{got}");
    running.end().await;
}
