//! Speaks HTTP on one connection until it ends.

use crate::{
    bridge::{Answer, Edge, Peer},
    ops::{COUNTS, Dropped},
    tls::Tls,
};
use hyper::{Request, body::Incoming, server::conn::http1, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, future::poll_fn, net::SocketAddr, pin::Pin, pin::pin, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Serves one connection to its end.
pub(crate) async fn run<S>(stream: TcpStream, address: SocketAddr, edge: Arc<Edge<S>>, tls: Option<Arc<Tls>>)
where
    S: Clone + Send + Sync + 'static,
{
    let _open = COUNTS.open();
    let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else { return };
    let peer = Peer { address, local, tls: tls.is_some() };
    let Some(tls) = tls else { return http1(stream, edge, peer).await };
    let mut stop = edge.stop.clone();
    let handshake = timeout(edge.limits.handshake_time(), TlsAcceptor::from(tls.current()).accept(stream));
    let stream = tokio::select! {
        () = stop.stopped() => return,
        done = handshake => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                COUNTS.dropped(Dropped::Handshake);
                tracing::debug!("TLS with {address} failed: {error}");
                return;
            }
            Err(_) => return COUNTS.dropped(Dropped::Handshake),
        },
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2(stream, edge, peer).await;
    } else {
        http1(stream, edge, peer).await;
    }
}

async fn http1<S, IO>(io: IO, edge: Arc<Edge<S>>, peer: Peer)
where
    S: Clone + Send + Sync + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = edge.limits.clone();
    let mut stop = edge.stop.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, peer) = (edge.clone(), peer.clone());
        let answer: Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>> =
            Box::pin(async move { Ok(edge.respond(request, &peer).await) });
        answer
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_time())
        .max_buf_size(limits.header_room())
        .max_header_size(limits.header_room())
        .max_headers(limits.header_lines)
        .serve_connection(TokioIo::new(io), service);
    let mut stopped = pin!(stop.stopped());
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !told && stopped.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

async fn http2<S, IO>(io: IO, edge: Arc<Edge<S>>, peer: Peer)
where
    S: Clone + Send + Sync + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = edge.limits.clone();
    let mut stop = edge.stop.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, peer) = (edge.clone(), peer.clone());
        async move { Ok::<_, Infallible>(edge.respond(request, &peer).await) }
    });
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_room()).unwrap_or(u32::MAX))
            .keep_alive_interval(limits.idle_time())
            .keep_alive_timeout(limits.header_time())
            .serve_connection(TokioIo::new(io), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
