//! A server on a free port, for tests, and a raw client that may misbehave.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use infralogs_http::{Limits, Tls, bind, serve};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Far beyond what anything here takes, so only a hang fails.
pub const LONG: Duration = Duration::from_secs(60);

pub struct Running {
    pub address: SocketAddr,
    pub stop: watch::Sender<bool>,
    pub served: JoinHandle<infralogs_core::Result<()>>,
}

impl Running {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
    pub async fn end(self) {
        self.stop.send_replace(true);
        timeout(LONG, self.served).await.unwrap().unwrap().unwrap();
    }
}

pub async fn start(app: tide::Server<()>, limits: Limits) -> Running {
    start_with(app, limits, None).await
}

pub async fn start_with(app: tide::Server<()>, limits: Limits, tls: Option<Tls>) -> Running {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(serve(listener, app, limits, tls, stopped));
    Running { address, stop, served }
}

/// Sends these bytes and reads until the server closes.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close while we still send.
    let _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// Everything until the server closes; what came before a reset counts.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        match timeout(LONG, stream.read(&mut part)).await.expect("the server closes") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&got).into_owned(),
            Ok(count) => got.extend_from_slice(&part[..count]),
        }
    }
}
