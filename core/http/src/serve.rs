//! Takes connections until the stop, then lets what is in flight end.

use crate::{
    bridge::Edge,
    connection,
    limits::Limits,
    ops::{COUNTS, Dropped},
    stop::Stop,
    tls::Tls,
};
use infralogs_core::Result;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long to wait after the system refused a connection (no free file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client hears that comes when all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: application/json\r\ncontent-length: 94\r\n\r\n\
    {\"error\":{\"what\":\"all connections are taken\",\"next\":\"try again, or raise limits.connections\"}}";

/// Serves the app on the listener until `stop` becomes true (or its sender is gone), then stops listening and gives
/// requests in flight `limits.drain_ms` to end.
///
/// # Errors
/// None today: an error of one connection ends that connection only.
pub async fn serve<S>(
    listener: TcpListener,
    app: tide::Server<S>,
    limits: Limits,
    tls: Option<Tls>,
    stop: watch::Receiver<bool>,
) -> Result<()>
where
    S: Clone + Send + Sync + 'static,
{
    let room = Arc::new(Semaphore::new(limits.connections));
    let tls = tls.map(Arc::new);
    let mut stop = Stop::new(stop);
    let edge = Arc::new(Edge { app, limits: Arc::new(limits), stop: stop.clone() });
    let mut open = JoinSet::new();
    loop {
        // Ended connections are collected as we go, or the set would only grow.
        while open.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = stop.stopped() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("can't take a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match room.clone().try_acquire_owned() {
            Ok(place) => {
                let (edge, tls) = (edge.clone(), tls.clone());
                open.spawn(async move {
                    connection::run(stream, address, edge, tls).await;
                    drop(place);
                });
            }
            Err(_) => refuse(&stream, address, tls.is_some()),
        }
    }
    drop(listener);
    let drain = edge.limits.drain_time();
    if timeout(drain, async { while open.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("{} connections did not end within {} ms and were cut", open.len(), drain.as_millis());
        open.shutdown().await;
    }
    Ok(())
}

/// Says that there is no room, without waiting for anything.
fn refuse(stream: &TcpStream, address: SocketAddr, tls: bool) {
    COUNTS.dropped(Dropped::NoRoom);
    tracing::debug!("no room for {address}");
    if !tls {
        // A fresh socket has room for it; if not, closing says enough.
        let _ = stream.try_write(FULL);
    }
}
