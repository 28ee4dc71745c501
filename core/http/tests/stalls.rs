//! Servers that stall: each request has a clock of its own, and whoever waits is told what did not come.
#![allow(clippy::unwrap_used)]

mod common;

use common::LONG;
use infralogs_core::{Error, Kind};
use infralogs_http::{Client, client};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";

/// What a server sends to a request.
#[derive(Clone, Copy)]
enum Sends {
    /// This, and then nothing more.
    Only(&'static str),
    /// A head, and one byte now and then.
    Trickle,
    /// A whole answer, after this long.
    Whole(Duration),
}

/// Answers the requests of all connections in turn, and counts connections.
async fn serve(answers: &'static [Sends]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, asked) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            tokio::spawn(answer(stream, answers, asked.clone()));
        }
    });
    (address, connections)
}

async fn answer(mut stream: TcpStream, answers: &[Sends], asked: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await? > 0 {
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        match answers[asked.fetch_add(1, SeqCst) % answers.len()] {
            Sends::Only(text) => stream.write_all(text.as_bytes()).await?,
            Sends::Trickle => {
                stream.write_all(HEAD.as_bytes()).await?;
                loop {
                    stream.write_all(b"x").await?;
                    sleep(Duration::from_millis(20)).await;
                }
            }
            Sends::Whole(after) => {
                sleep(after).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await?;
            }
        }
    }
    Ok(())
}

/// Gets `/`, and how long that took.
async fn get(client: &Client, address: SocketAddr, timeout: Duration) -> (Result<Vec<u8>, Error>, Duration) {
    let begun = Instant::now();
    let got = match client.get(&format!("http://{address}/"), None, timeout).await {
        Ok(mut answer) => answer.bytes().await,
        Err(error) => Err(error),
    };
    (got, begun.elapsed())
}

fn client(stall: Duration) -> Client {
    Client::new(&client::Settings { stall, ..client::Settings::default() }).unwrap()
}

/// What does not come ends the request, by the shorter of its two limits, and is named.
#[tokio::test]
async fn what_does_not_come_is_said_and_ends_the_request() {
    const SHORT: Duration = Duration::from_millis(300);
    for (sends, stall, timeout, words) in [
        (&[Sends::Only("")][..], LONG, SHORT, "no answer in time"),
        (&[Sends::Only("HTTP/1.1 200 OK\r\ncontent-le")], LONG, SHORT, "no answer in time"),
        (&[Sends::Only(HEAD)], SHORT, LONG, "the answer stalled"),
        (&[Sends::Only(HEAD)], LONG, SHORT, "did not end in time"),
        (&[Sends::Only("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel")], SHORT, LONG, "stalled"),
        // Never silent for long, and never done.
        (&[Sends::Trickle], LONG, SHORT, "did not end in time"),
    ] {
        let (address, _) = serve(sends).await;
        let (got, took) = get(&client(stall), address, timeout).await;
        let error = got.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable, "it is asked again: {error}");
        assert!(error.to_string().contains(words), "`{words}` in `{error}`");
        assert!((SHORT..LONG / 2).contains(&took), "{words}: {took:?}");
    }
}

/// A connection that is kept brings no time along, and one whose answer stalled is not used again.
#[tokio::test]
async fn each_request_has_a_clock_of_its_own() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    const SLOW: Sends = Sends::Whole(Duration::from_millis(1_700));
    let (address, connections) = serve(&[SLOW, SLOW, Sends::Only(HEAD), Sends::Whole(Duration::ZERO)]).await;
    let client = client(LONG);
    // Together longer than one may take.
    for _ in 0..2 {
        assert_eq!(get(&client, address, TIMEOUT).await.0.unwrap(), b"hello");
    }
    assert_eq!(connections.load(SeqCst), 1, "it is kept");
    let (stalled, took) = get(&client, address, TIMEOUT).await;
    assert!(stalled.is_err() && took >= TIMEOUT.mul_f64(0.9), "the third had all its time: {took:?}");
    assert_eq!(get(&client, address, TIMEOUT).await.0.unwrap(), b"hello");
    assert_eq!(connections.load(SeqCst), 2);
}
