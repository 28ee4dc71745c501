//! Makes a tide request of a hyper one: its head, and a body that keeps its limits.

use super::{Peer, called};
use crate::{limits::Limits, stop::Stop};
use bytes::{Buf, Bytes};
use futures_lite::io::{AsyncBufRead, AsyncRead};
use hyper::{
    Request,
    body::{Body as _, Incoming},
    header::{CONTENT_LENGTH, HeaderMap},
};
use std::{
    future::Future,
    io,
    pin::Pin,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
};
use tide::{
    StatusCode,
    http::headers::{self, HeaderName, Headers},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a request is refused before any route sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub status: StatusCode,
    pub what: &'static str,
    pub next: &'static str,
}

pub(super) const fn bad(what: &'static str) -> Refused {
    Refused { status: StatusCode::BadRequest, what, next: "send a well-formed HTTP request" }
}
pub(crate) const AMBIGUOUS: Refused = bad("the request can be read in two ways (framing, line ends or headers)");
const BAD_HEADER: Refused = bad("a header holds other than visible ASCII");
const BROKEN_BODY: Refused = bad("the request's body broke off");
const TOO_LARGE: Refused = Refused {
    status: StatusCode::PayloadTooLarge,
    what: "the request's body is larger than this server takes",
    next: "send it in parts, or raise limits.body_bytes",
};
const STALLED: Refused = Refused {
    status: StatusCode::RequestTimeout,
    what: "the request's body came too slowly",
    next: "send it again over a better line",
};

/// What became of a request's body; shared with the route that reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<AtomicU8>);

const FINE: u8 = 0;
const LARGE: u8 = 1;
const SLOW: u8 = 2;
const BROKEN: u8 = 3;

impl Watch {
    /// The limit the body broke, if it did.
    pub fn refused(&self) -> Option<Refused> {
        match self.0.load(Ordering::Relaxed) {
            LARGE => Some(TOO_LARGE),
            SLOW => Some(STALLED),
            BROKEN => Some(BROKEN_BODY),
            _ => None,
        }
    }
    fn fail(&self, why: u8) -> io::Error {
        self.0.store(why, Ordering::Relaxed);
        let what = self.refused().map_or("", |refused| refused.what);
        io::Error::other(what)
    }
}

/// The request as tide knows it, and what becomes of its body if it has one.
pub(super) fn convert(
    request: Request<Incoming>,
    peer: &Peer,
    limits: &Limits,
    stop: &Stop,
) -> Result<(tide::http::Request, Option<Watch>), Refused> {
    let (head, incoming) = request.into_parts();
    let mut asked = called::begin(&head, peer)?;
    fill(asked.as_mut(), &head.headers)?;
    asked.ext_mut().insert(stop.clone());
    if let Some(names) = &peer.names {
        asked.ext_mut().insert(names.clone());
    }
    if incoming.is_end_stream() {
        if head.headers.contains_key(CONTENT_LENGTH) {
            asked.remove_header(headers::CONTENT_LENGTH);
        }
        return Ok((asked, None));
    }
    let length = incoming.size_hint().exact();
    if length.is_some_and(|length| length > limits.body_bytes) {
        return Err(TOO_LARGE);
    }
    let watch = Watch::default();
    let body = Limited {
        incoming,
        current: Bytes::new(),
        left: limits.body_bytes,
        stall: limits.body_stall(),
        moved: 0,
        deadline: Box::pin(sleep_until(Instant::now() + limits.body_stall())),
        given_at: None,
        watch: watch.clone(),
    };
    let length = length.and_then(|length| usize::try_from(length).ok());
    let mime = asked.content_type();
    asked.set_body(tide::Body::from_reader(body, length));
    if let Some(mime) = mime {
        asked.set_content_type(mime);
    }
    Ok((asked, Some(watch)))
}

/// Copies headers.
fn fill(into: &mut Headers, from: &HeaderMap) -> Result<(), Refused> {
    let mut last = None;
    for (name, value) in from {
        let value = value.to_str().map_err(|_| BAD_HEADER)?;
        // Values of one name follow each other.
        if last.replace(name) == Some(name) {
            into.append(known(name)?, value);
        } else {
            into.insert(known(name)?, value);
        }
    }
    Ok(())
}

/// A header's name as tide has it, not copied if nearly every request has it.
fn known(name: &hyper::header::HeaderName) -> Result<HeaderName, Refused> {
    Ok(match name.as_str() {
        "accept" => headers::ACCEPT,
        "accept-encoding" => headers::ACCEPT_ENCODING,
        "authorization" => headers::AUTHORIZATION,
        "host" => headers::HOST,
        "user-agent" => headers::USER_AGENT,
        other => HeaderName::from_str(other).map_err(|_| BAD_HEADER)?,
    })
}

/// A request's body, drawn from the client as the route reads it, within the limits.
struct Limited {
    incoming: Incoming,
    current: Bytes,
    left: u64,
    stall: std::time::Duration,
    moved: u64,
    deadline: Pin<Box<Sleep>>,
    /// When the route was given something, until it asks for more.
    given_at: Option<Instant>,
    watch: Watch,
}

impl Limited {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                // What the route took to come back is no time of the client's.
                if let Some(at) = self.given_at.take() {
                    let deadline = self.deadline.deadline() + at.elapsed();
                    self.deadline.as_mut().reset(deadline);
                }
                ready!(self.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(self.watch.fail(SLOW)));
            }
        };
        // Trailers are of no use to any route.
        let chunk = match frame {
            None => return Poll::Ready(Ok(None)),
            Some(Err(_)) => return Poll::Ready(Err(self.watch.fail(BROKEN))),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let length = chunk.len() as u64;
        let Some(left) = self.left.checked_sub(length) else {
            return Poll::Ready(Err(self.watch.fail(LARGE)));
        };
        self.left = left;
        self.moved += length;
        if self.moved >= Limits::MOVED_BYTES_MIN {
            self.moved = 0;
            self.given_at = None;
            self.deadline.as_mut().reset(Instant::now() + self.stall);
        }
        self.given_at.get_or_insert_with(Instant::now);
        Poll::Ready(Ok(Some(chunk)))
    }
}

impl AsyncBufRead for Limited {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.current.is_empty() && this.watch.0.load(Ordering::Relaxed) == FINE {
            match ready!(this.poll_chunk(cx))? {
                Some(chunk) => this.current = chunk,
                None => break,
            }
        }
        Poll::Ready(Ok(&this.current))
    }
    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().current.advance(amount);
    }
}

impl AsyncRead for Limited {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let found = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = found.len().min(into.len());
        into[..count].copy_from_slice(&found[..count]);
        self.consume(count);
        Poll::Ready(Ok(count))
    }
}
