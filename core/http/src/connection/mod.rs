//! Takes one connection from its first byte to its last.

mod chunks;
mod clock;
mod gate;
mod line;
mod one;
mod room;
mod two;
mod wire;

pub(crate) use line::{Flow, Line};

use crate::{
    bridge::{Called, Edge, Peer},
    ops::{COUNTS, Dropped},
    tls::{CertificateNames, Tls},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A stream of bytes over a socket.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket beneath.
    fn socket(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Serves one connection to its end.
pub(crate) async fn run<S>(stream: TcpStream, address: SocketAddr, edge: Arc<Edge<S>>, tls: Option<Arc<Tls>>)
where
    S: Clone + Send + Sync + 'static,
{
    let _open = COUNTS.open();
    let Ok(()) = stream.set_nodelay(true) else { return };
    let called = Called::default();
    let mut peer = Peer { address: address.to_string(), tls: tls.is_some(), names: None, called };
    let Some(tls) = tls else { return one::serve(stream, edge, peer).await };
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
    peer.names = CertificateNames::of(stream.get_ref().1);
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        two::serve(stream, edge, peer).await;
    } else {
        one::serve(stream, edge, peer).await;
    }
}
