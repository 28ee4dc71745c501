//! The edge as its users meet it: routes, streams, tokens, operations, and the client at the other end.
#![allow(clippy::unwrap_used)]

mod common;

use common::{LONG, start};
use infralogs_core::{Error, Kind};
use infralogs_http::{
    Client, Limits, Tokens, answer, bind, body, client,
    ops::{self, Health, Ops, Page, Status},
    sse, stop,
    token::Guard,
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

fn client() -> Client {
    Client::new(&client::Settings::default()).unwrap()
}

async fn text(mut answer: client::Response) -> String {
    String::from_utf8(answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn routes_errors_and_unknown_paths_answer() {
    let mut app = tide::new();
    app.with(answer::Errors);
    app.at("/echo/:word").post(|mut request: tide::Request<()>| async move {
        let body = request.body_string().await?;
        Ok(format!("{} {} {body}", request.param("word")?, request.url().query().unwrap_or("-")))
    });
    app.at("/sorry").get(|_| async {
        tide::Result::<String>::Err(Error::invalid("no such unit").at("unit").help("see /units").into())
    });
    app.at("/panic").get(|_| async {
        if true {
            panic!("a bug")
        }
        Ok("")
    });
    let running = start(app, Limits::default()).await;
    let asked = "POST /echo/a%20b?x=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let answer = common::exchange(running.address, asked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("a%20b x=1 hello"), "{answer}");

    let client = client();
    let check = async |path: &str, status: u16, body: &str| {
        let answer = client.get(&running.url(path), None, LONG).await.unwrap();
        assert_eq!((answer.status(), text(answer).await.as_str()), (status, body), "{path}");
    };
    check("/sorry", 400, r#"{"error":{"next":"see /units","what":"no such unit (unit)"}}"#).await;
    let next = "look at the path; /health says which program answers here";
    check("/none", 404, &format!(r#"{{"error":{{"next":"{next}","what":"not found"}}}}"#)).await;
    check("/echo/x", 405, r#"{"error":{"next":"this path knows other methods","what":"method not allowed"}}"#).await;
    let error = client.get(&running.url("/panic?token=secret"), None, LONG).await.unwrap_err();
    assert_eq!((error.kind, error.place), (Kind::Unavailable, Some(running.url("/panic"))));
    running.end().await;
}

#[tokio::test]
async fn a_stream_is_drawn_not_pushed_and_its_end_is_honest() {
    let mut app = tide::new();
    let (told, mut sent) = tokio::sync::mpsc::unbounded_channel();
    app.at("/stream/:how").get(move |request: tide::Request<()>| {
        let told = told.clone();
        async move {
            let how = request.param("how")?.to_owned();
            let (sender, body) = body::channel(2);
            tokio::spawn(async move {
                let lines = if how == "endless" { usize::MAX } else { 3 };
                for line in 0..lines {
                    if sender.send(format!("{line}\n").repeat(8 << 10)).await.is_err() {
                        return told.send(line).unwrap();
                    }
                }
                if how == "whole" {
                    sender.finish().await.unwrap();
                }
            });
            Ok(tide::Response::builder(200).body(body).build())
        }
    });
    let running = start(app, Limits::default()).await;
    let client = client();
    let answer = client.get(&running.url("/stream/whole"), None, LONG).await.unwrap();
    assert_eq!(text(answer).await.lines().count(), 3 * (8 << 10));
    let mut answer = client.get(&running.url("/stream/broken"), None, LONG).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap_err().kind, Kind::Unavailable);
    let mut answer = client.get(&running.url("/stream/endless"), None, LONG).await.unwrap().at_most(100_000);
    assert_eq!(answer.bytes().await.unwrap_err().kind, Kind::Limit);
    drop(answer);
    // The producer hears that the client is gone; a socket's buffers are all that was filled meanwhile.
    let produced = timeout(LONG, sent.recv()).await.unwrap().unwrap();
    assert!(produced < 2_000, "{produced} chunks of 16 KiB were taken from the producer");
    running.end().await;
}

#[tokio::test]
async fn a_stop_ends_long_polls_and_event_streams_at_once() {
    let mut app = tide::new();
    let asked = Arc::new(tokio::sync::Notify::new());
    let noted = asked.clone();
    app.at("/poll").get(move |request: tide::Request<()>| {
        noted.notify_one();
        async move {
            stop(&request).stopped().await;
            Ok("stopped")
        }
    });
    app.at("/events").get(|request: tide::Request<()>| async move {
        let mut stop = stop(&request);
        let (sender, response) = sse::response();
        tokio::spawn(async move {
            let hello = sse::Event { event: "hello", data: "1", ..Default::default() };
            sender.send(hello.to_bytes()).await?;
            stop.stopped().await;
            sender.finish().await
        });
        Ok(response)
    });
    let running = start(app, Limits::default()).await;
    let client = client();
    let url = running.url("/poll");
    let poll = tokio::spawn({
        let client = client.clone();
        async move { text(client.get(&url, None, LONG).await.unwrap()).await }
    });
    let mut events = client.get(&running.url("/events"), None, LONG).await.unwrap();
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert_eq!(events.chunk().await.unwrap().unwrap(), "event: hello\ndata: 1\n\n");
    asked.notified().await;
    running.end().await;
    assert_eq!(events.chunk().await.unwrap(), None);
    assert_eq!(poll.await.unwrap(), "stopped");
}

struct Sick;
impl Ops for Sick {
    fn health(&self) -> Health {
        Health::new(Status::Degraded, "one script is broken").next("see the log").with("scripts", 7)
    }
    fn ready(&self) -> Health {
        Health::new(Status::Failed, "no journal")
    }
    fn metrics(&self, page: &mut Page) {
        page.counter("entries_total", "Entries.", &[("unit", "sshd")], 3);
    }
}

#[tokio::test]
async fn tokens_guard_all_but_the_operations() {
    let mut app = tide::new();
    app.with(Guard::new(Tokens::held("s3cret-token")).except(ops::PATHS));
    ops::mount(&mut app, Arc::new(Sick));
    app.at("/logs").get(|_| async { Ok("entries") });
    let running = start(app, Limits::default()).await;
    let client = client();
    let health = text(client.get(&running.url("/health"), None, LONG).await.unwrap()).await;
    assert_eq!(health, r#"{"next":"see the log","scripts":7,"status":"degraded","what":"one script is broken"}"#);
    let error = client.get(&running.url("/ready"), None, LONG).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    let metrics = text(client.get(&running.url("/metrics"), None, LONG).await.unwrap()).await;
    assert!(metrics.contains("\nentries_total{unit=\"sshd\"} 3\n"), "{metrics}");
    assert!(metrics.contains("\ninfralogs_http_requests_total{status=\"2xx\"} "), "{metrics}");

    for wrong in [None, Some("s3cret-toke"), Some("")] {
        let error = client.get(&running.url("/logs?x=1"), wrong, LONG).await.unwrap_err();
        assert_eq!((error.kind, error.place), (Kind::Denied, Some(running.url("/logs"))));
    }
    let raw = common::exchange(running.address, b"GET /logs HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(raw.starts_with("HTTP/1.1 401 ") && raw.ends_with("\r\n\r\n"), "401 has an empty body: {raw}");
    assert_eq!(text(client.get(&running.url("/logs"), Some("s3cret-token"), LONG).await.unwrap()).await, "entries");
    let basic = format!("http://x:s3cret-token@{}/logs", running.address);
    assert_eq!(text(client.get(&basic, None, LONG).await.unwrap()).await, "entries");
    running.end().await;
}

#[test]
fn a_token_file_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens");
    let write = |text: &str| {
        std::fs::write(dir.path().join("new"), text).unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
    };
    assert!(Tokens::from_file(&path).is_err(), "a missing file is an error");
    write("# nothing yet\n\n");
    assert!(Tokens::from_file(&path).is_err(), "an empty one too");
    write("  old-token \n# the next one\nnew-token\nthird-token\n");
    let tokens = Tokens::from_file(&path).unwrap();
    let allows = |token: &str| tokens.allows(Some(&format!("Bearer {token}")));
    let soon = |token: &str, expect: bool| {
        let begun = std::time::Instant::now();
        while allows(token) != expect {
            assert!(begun.elapsed() < LONG, "{token} never became {expect}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    assert_eq!(["old-token", "new-token", "third-token"].map(allows), [true, true, false]);
    write("new-token\nthird-token\n");
    soon("third-token", true);
    soon("old-token", false);
    std::fs::remove_file(&path).unwrap();
    soon("new-token", true);
    write("");
    soon("new-token", false);
    assert!(!tokens.allows(None) && !tokens.allows(Some("Bearer ")));
}

#[tokio::test]
async fn failures_name_the_place_and_never_the_secret() {
    let busy = bind("127.0.0.1:0").await.unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let error = bind(&address).await.unwrap_err();
    assert!(error.to_string().contains(&address) && error.help.is_some(), "{error}");
    // Takes connections and never answers.
    let url = format!("http://user:hunter2@{address}/logs?token=hunter2#x");
    let error = client().get(&url, Some("hunter2"), Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((error.kind, error.place.clone()), (Kind::Unavailable, Some(format!("http://{address}/logs"))));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    drop(busy);
    let error = client().get(&url, Some("hunter2"), LONG).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(client().get("no url", None, LONG).await.unwrap_err().kind, Kind::Invalid);
}
