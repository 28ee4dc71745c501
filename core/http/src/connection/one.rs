//! HTTP/1 on one connection.

use super::{Line, Socket, clock::Clock, gate::Gate, room::Room, wire::Wire};
use crate::{
    bridge::{self, Edge, Peer},
    ops::{COUNTS, Dropped},
    socket::Upgrade,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// How long a refused client may go on sending before the connection is cut under it. Cut at once, it would often
/// lose the answer that says why.
const LINGER: Duration = Duration::from_secs(1);
/// And how many bytes.
const LINGER_BYTES_MAX: u64 = 1 << 20;

pub(super) async fn serve<S, IO>(io: IO, edge: Arc<Edge<S>>, peer: Peer)
where
    S: Clone + Send + Sync + 'static,
    IO: Socket,
{
    let limits = edge.limits.clone();
    let mut stop = edge.stop.clone();
    let line = Arc::new(Line::new());
    let wire = Wire::new(io, line.clone(), Some(Gate::new(limits.header_room())), &limits);
    let noted = line.clone();
    let upgrade = Arc::new(OnceLock::new());
    let agreed = upgrade.clone();
    let room = Room::new();
    let service = service_fn(move |request: Request<Incoming>| {
        let asked = if line.next_is_ambiguous() { Err(bridge::AMBIGUOUS) } else { edge.ask(request, &peer) };
        let (line, agreed) = (line.clone(), agreed.clone());
        room.begin(edge.answer(asked, move |answer| {
            let mut answer = answer.unwrap_or_else(|refused| {
                line.mark_refused();
                bridge::refuse(refused)
            });
            if let Some(upgrade) = answer.extensions_mut().remove::<Upgrade>() {
                let _ = agreed.set(upgrade); // the last answer on a connection, so the only one
            }
            answer
        }))
    });
    let mut connection = http1::Builder::new()
        .timer(Clock::new())
        .header_read_timeout(limits.idle_time())
        .max_buf_size(limits.header_room())
        .max_header_size(limits.header_room())
        .max_headers(limits.header_lines)
        .serve_connection(TokioIo::new(wire), service);
    let mut stopped = pin!(stop.stopped());
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !told && stopped.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        connection.poll_without_shutdown(cx)
    })
    .await;
    let parts = connection.into_parts();
    let io = parts.io.into_inner().into_inner();
    match upgrade.get() {
        // What follows is no HTTP, so nothing that watches HTTP sees it.
        Some(upgrade) if ended.is_ok() && !noted.is_stalled() => upgrade.clone().begin(io, parts.read_buf).await,
        _ => part(io, &noted, ended).await,
    }
}

/// Ends the connection so that the client hears what was said last, or at once if it does not listen.
async fn part<IO: Socket>(mut io: IO, line: &Line, ended: hyper::Result<()>) {
    if line.is_stalled() {
        // What the kernel still holds for this client goes too.
        let _ = io.socket().set_zero_linger();
        return;
    }
    let misheard = match ended {
        Ok(()) => false,
        Err(error) => {
            tracing::debug!("a connection ended: {error}");
            if error.is_parse() || error.is_incomplete_message() {
                COUNTS.dropped(Dropped::Broken);
            }
            error.is_parse()
        }
    };
    let said_all = timeout(LINGER, io.shutdown()).await;
    if misheard || line.is_refused() {
        let mut rest = io.take(LINGER_BYTES_MAX);
        let mut nowhere = tokio::io::sink();
        let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut nowhere)).await;
    }
    drop(said_all);
}
