//! Streamed answers: chunks go in at one end of a bounded channel, the client draws them at the other.

use bytes::{Buf, Bytes};
use futures_lite::io::{AsyncBufRead, AsyncRead};
use infralogs_core::{Error, Result};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// The writing end of a streamed body. The body ends properly only by [`Sender::finish`]; a sender that is dropped
/// breaks the answer off, so that the client knows it is not whole.
#[derive(Debug)]
pub struct Sender {
    chunks: mpsc::Sender<Option<Bytes>>,
}

/// A streamed body that holds at most `chunks` chunks the client has not taken.
pub fn channel(chunks: usize) -> (Sender, tide::Body) {
    let (sender, receiver) = mpsc::channel(chunks.max(1));
    let reader = Reader { chunks: receiver, current: Bytes::new(), ended: false };
    (Sender { chunks: sender }, tide::Body::from_reader(reader, None))
}

/// A body of bytes that are shared, not copied: embedded files, cached answers.
pub fn shared(bytes: Bytes) -> tide::Body {
    let length = bytes.len();
    let (_, receiver) = mpsc::channel(1);
    tide::Body::from_reader(Reader { chunks: receiver, current: bytes, ended: true }, Some(length))
}

/// A request's body as it comes.
#[derive(Debug)]
pub struct Coming(tide::Body);

impl Coming {
    /// The body of this request.
    pub fn of<S>(request: &mut tide::Request<S>) -> Self {
        Self(request.take_body())
    }

    /// The next piece; `None` at the proper end. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// `Unavailable` when the body broke off, stalled or grew beyond its limit; the client hears which.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut body = Pin::new(&mut self.0);
        let piece = poll_fn(|cx| body.as_mut().poll_fill_buf(cx).map(|found| found.map(Bytes::copy_from_slice))).await;
        let piece = piece.map_err(|error| Error::unavailable("the request's body broke off").because(error))?;
        body.consume(piece.len());
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

impl Sender {
    /// Hands one chunk to the client, waiting until there is room for it.
    ///
    /// # Errors
    /// `Unavailable` when the client is gone: stop producing.
    pub async fn send(&self, chunk: impl Into<Bytes>) -> Result<()> {
        let chunk = chunk.into();
        if chunk.is_empty() {
            return Ok(());
        }
        self.chunks.send(Some(chunk)).await.map_err(|_| gone())
    }
    /// [`Sender::send`] for a blocking thread.
    ///
    /// # Errors
    /// As for [`Sender::send`].
    pub fn send_blocking(&self, chunk: impl Into<Bytes>) -> Result<()> {
        let chunk = chunk.into();
        if chunk.is_empty() {
            return Ok(());
        }
        self.chunks.blocking_send(Some(chunk)).map_err(|_| gone())
    }
    /// Ends the body: the answer is whole.
    ///
    /// # Errors
    /// `Unavailable` when the client is gone.
    pub async fn finish(self) -> Result<()> {
        self.chunks.send(None).await.map_err(|_| gone())
    }
    /// [`Sender::finish`] for a blocking thread.
    ///
    /// # Errors
    /// As for [`Sender::finish`].
    pub fn finish_blocking(self) -> Result<()> {
        self.chunks.blocking_send(None).map_err(|_| gone())
    }
    /// Waits until the client is gone; to be raced against slow work.
    pub async fn gone(&self) {
        self.chunks.closed().await;
    }
}

fn gone() -> Error {
    Error::unavailable("the client is gone")
}

/// The reading end, as tide wants it.
#[derive(Debug)]
struct Reader {
    chunks: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    ended: bool,
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.current.is_empty() && !this.ended {
            match ready!(this.chunks.poll_recv(cx)) {
                Some(Some(chunk)) => this.current = chunk,
                Some(None) => this.ended = true,
                None => return Poll::Ready(Err(io::Error::other("the answer was broken off"))),
            }
        }
        Poll::Ready(Ok(&this.current))
    }
    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().current.advance(amount);
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let found = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = found.len().min(into.len());
        into[..count].copy_from_slice(&found[..count]);
        self.consume(count);
        Poll::Ready(Ok(count))
    }
}
