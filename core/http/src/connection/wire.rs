//! The bytes of one connection, watched: a head that does not come and an answer that is not taken end it.

use super::{
    Line,
    gate::{Gate, Seen},
};
use crate::{
    limits::Limits,
    ops::{COUNTS, Dropped},
};
use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A connection's bytes under watch.
pub(super) struct Wire<IO> {
    io: IO,
    line: Arc<Line>,
    /// None for HTTP/2, whose frames leave nothing to doubt.
    gate: Option<Gate>,
    header: Deadline,
    write: Deadline,
    /// Bytes written since the write deadline was set.
    moved: u64,
}

impl<IO> Wire<IO> {
    pub fn new(io: IO, line: Arc<Line>, gate: Option<Gate>, limits: &Limits) -> Self {
        let mut header = Deadline::new(limits.header_time());
        if gate.is_some() {
            header.set();
        }
        Self { io, line, gate, header, write: Deadline::new(limits.write_stall()), moved: 0 }
    }

    pub fn into_inner(self) -> IO {
        self.io
    }

    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        let heads = gate.heads();
        match gate.look(bytes) {
            Seen::Fine => {}
            Seen::Ambiguous(number) => self.line.mark_ambiguous(number),
            Seen::Broken => return Err(io::Error::new(io::ErrorKind::InvalidData, "a body broke its framing")),
        }
        if gate.heads() != heads {
            self.header.clear();
        }
        if gate.within_head() {
            self.header.set();
        }
        Ok(())
    }

    /// Judges a write: `offered` bytes were to be written.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(count)) => {
                self.moved += *count as u64;
                if *count == offered || self.moved >= Limits::MOVED_BYTES_MIN {
                    self.write.clear();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if self.write.set() {
                    self.moved = 0;
                }
                ready!(self.write.poll(cx));
                self.line.mark_stalled();
                COUNTS.dropped(Dropped::SlowReader);
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client does not take its answer",
                )));
            }
        }
        wrote
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, into) {
            Poll::Ready(done) => Poll::Ready(done.and_then(|()| this.look(&into.filled()[before..]))),
            Poll::Pending => {
                ready!(this.header.poll(cx));
                COUNTS.dropped(Dropped::Header);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the headers did not come in time")))
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.judge(cx, wrote, bytes.len())
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write_vectored(cx, parts);
        this.judge(cx, wrote, parts.iter().map(|part| part.len()).sum())
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx).map_ok(|()| 0);
        this.judge(cx, flushed, 0).map_ok(|_| ())
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.io).poll_shutdown(cx).map_ok(|()| 0);
        this.judge(cx, shut, 0).map_ok(|_| ())
    }
}

/// A deadline that is set now and then. The timer behind it is made at first need and used again.
struct Deadline {
    after: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Deadline {
    fn new(after: Duration) -> Self {
        Self { after, timer: None, is_set: false }
    }
    /// Begins to count, unless it does already. Whether it began.
    fn set(&mut self) -> bool {
        if self.is_set {
            return false;
        }
        self.is_set = true;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + self.after),
            None => self.timer = Some(Box::pin(sleep(self.after))),
        }
        true
    }
    fn clear(&mut self) {
        self.is_set = false;
    }
    /// Ready when it is set and over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) if self.is_set => timer.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}
