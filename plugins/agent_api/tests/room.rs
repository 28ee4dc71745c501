//! An answer that grows asks for room: what all polls hold together is bounded whoever answers.
#![allow(clippy::unwrap_used)]

use infralogs_agent_api::PLUGIN;
use infralogs_core::{
    plugin::{Ask, Build, Settings, Source},
    room::{Room, Rooms},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};

/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// Two kilobytes each, 20 MB in all.
const ENTRIES: usize = 10_000;

fn entry() -> String {
    let cursor = "s=00000000000000000000000000000001;i=1;b=00000000000000000000000000000002;m=1;t=1;x=1";
    format!("{{\"__CURSOR\":\"{cursor}\",\"MESSAGE\":\"{}\"}}\n", "x".repeat(2_000))
}

fn source(url: &str) -> Box<dyn Source> {
    let Build::Source(build) = PLUGIN.build else { panic!("no source") };
    build(&Settings::of(serde_json::json!({ "url": url }))).unwrap()
}

#[tokio::test]
async fn a_large_answer_waits_for_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut source = source(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let entry = entry();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", entry.len() * ENTRIES);
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..ENTRIES {
            stream.write_all(entry.as_bytes()).await.unwrap();
        }
    });
    let rooms = Rooms::default();
    let [.., (_, _, most)] = rooms.taken();
    let others: Vec<Room> = (0..most).map(|_| rooms.one()).collect();
    for room in &others {
        room.hold(64 << 20).await;
    }
    let room = rooms.one();
    let ask = Ask { room: room.clone(), ..Ask::default() };
    let reading = tokio::spawn(async move { source.read(&ask).await.map(|batch| batch.entries.len()) });
    let waiting = async {
        while room.waited().is_zero() {
            assert!(!reading.is_finished(), "it holds what others have");
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, waiting).await.expect("it asks for room");
    drop(others);
    let read = timeout(LONG, reading).await.expect("it goes on").unwrap();
    let error = read.unwrap_err().to_string();
    assert!(error.contains("closing line"), "nothing else was wrong: {error}");
    let taken = rooms.taken();
    assert!(taken.iter().all(|(_, held, _)| *held == 1), "what it holds until all is stored: {taken:?}");
    drop(room);
    assert!(rooms.taken().iter().all(|(_, held, _)| *held == 0));
}
