//! HTTP/2 on one connection.

use super::{Flow, Line, Socket, wire::Wire};
use crate::{
    bridge::{self, Edge, Peer},
    limits::Limits,
    ops::{COUNTS, Dropped},
};
use hyper::{Request, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::interval;

/// How often a connection's answers are looked at. A stall is noticed within its limit and one look.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(5);
/// And no more often than this.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);
/// What waits in one stream's send buffer. In bytes.
const SEND_BYTES_MAX: usize = 64 << 10;

pub(super) async fn serve<S, IO>(io: IO, edge: Arc<Edge<S>>, peer: Peer)
where
    S: Clone + Send + Sync + 'static,
    IO: Socket,
{
    let limits = edge.limits.clone();
    let mut stop = edge.stop.clone();
    let line = Arc::new(Line::new());
    let wire = Wire::new(io, line.clone(), None, &limits);
    let noted = line.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let flow = Flow::begin(&line);
        edge.answer(edge.ask(request, &peer), move |answer| {
            let mut answer = answer.unwrap_or_else(bridge::refuse);
            answer.headers_mut().remove(hyper::header::CONNECTION);
            answer.body_mut().follow(flow);
            answer
        })
    });
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_room()).unwrap_or(u32::MAX))
            .max_send_buf_size(SEND_BYTES_MAX)
            .keep_alive_interval(limits.idle_time())
            .keep_alive_timeout(limits.header_time())
            .serve_connection(TokioIo::new(wire), service)
    );
    let mut look = interval((limits.write_stall().min(limits.idle_time()) / 4).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX));
    let mut told = false;
    loop {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.stopped(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            _ = look.tick() => {
                if is_stalled(&noted, &limits) {
                    return;
                }
                if !told && noted.is_idle_for(limits.idle_time()) {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
                continue;
            }
        };
        if let Err(error) = ended {
            COUNTS.dropped(Dropped::Broken);
            tracing::debug!("a connection ended: {error}");
        }
        return;
    }
}

/// Whether this client leaves its answers lying.
fn is_stalled(line: &Line, limits: &Limits) -> bool {
    let stalled = line.is_stalled_for(limits.write_stall());
    if stalled {
        COUNTS.dropped(Dropped::SlowReader);
    }
    stalled
}
