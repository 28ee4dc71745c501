//! Makes a hyper response of a tide one, its body drawn only as fast as the client takes it.

use super::Answer;
use crate::connection::Flow;
use bytes::Bytes;
use futures_lite::io::AsyncBufRead;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tide::http::{headers::Headers, trailers::Receiver};

/// The most of a body that is copied out at once. In bytes.
const CHUNK_BYTES_MAX: usize = 64 << 10;
/// The same for one of many streams on a connection. In bytes.
const STREAM_CHUNK_BYTES_MAX: usize = 16 << 10;

/// The answer as hyper sends it. To a HEAD request only the headers go, with the length the body would have had.
pub(super) fn convert(mut answer: tide::http::Response, head: bool) -> Answer {
    let body = answer.take_body();
    let length = body.len().map(|length| length as u64);
    let trailers = answer.has_trailers().then(|| answer.recv_trailers());
    let mut response = Response::new(match (head, length) {
        (true, _) | (_, Some(0)) => Outgoing { body: None, left: Some(0), trailers: None, flow: None },
        _ => Outgoing { body: Some(body), left: length, trailers, flow: None },
    });
    *response.status_mut() = StatusCode::from_u16(answer.status() as u16).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    fill(headers, answer.as_ref());
    if let (true, Some(length)) = (head, length) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// Copies headers but those of the framing, which is hyper's; one that breaks the rules is left out rather than sent.
fn fill(into: &mut HeaderMap, from: &Headers) {
    for (name, values) in from {
        let Ok(name) = HeaderName::from_bytes(name.as_str().as_bytes()) else { continue };
        if name == TRANSFER_ENCODING || name == CONTENT_LENGTH || name == CONNECTION {
            continue;
        }
        for value in values {
            match HeaderValue::from_str(value.as_str()) {
                Ok(value) => {
                    into.append(name.clone(), value);
                }
                Err(_) => tracing::error!("left out the header {name}: its value can't be sent"),
            }
        }
    }
}

/// An answer's body on its way out.
pub(crate) struct Outgoing {
    body: Option<tide::Body>,
    /// Bytes still to come, if the length is known.
    left: Option<u64>,
    trailers: Option<Receiver>,
    /// HTTP/2 only.
    flow: Option<Flow>,
}

impl Outgoing {
    /// Reports to a flow how the client takes this body, and when it ends.
    pub fn follow(&mut self, flow: Flow) {
        self.flow = Some(flow);
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let found = match ready!(Pin::new(&mut *body).poll_fill_buf(cx)) {
            Ok(found) => found,
            Err(error) => {
                self.body = None;
                self.trailers = None;
                return Poll::Ready(Some(Err(error)));
            }
        };
        let most = if self.flow.is_some() { STREAM_CHUNK_BYTES_MAX } else { CHUNK_BYTES_MAX };
        let left = self.left.map_or(most, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let chunk = Bytes::copy_from_slice(&found[..found.len().min(most).min(left)]);
        Pin::new(body).consume(chunk.len());
        if let Some(left) = &mut self.left {
            *left -= chunk.len() as u64;
        }
        match (chunk.is_empty(), self.left) {
            (true, Some(1..)) => {
                self.body = None;
                Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
            }
            (true, _) => {
                self.body = None;
                Poll::Ready(None)
            }
            (false, Some(0)) => {
                self.body = None;
                Poll::Ready(Some(Ok(chunk)))
            }
            (false, _) => Poll::Ready(Some(Ok(chunk))),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(flow) = &mut this.flow {
            flow.go_on();
        }
        if let Some(chunk) = ready!(this.poll_data(cx)) {
            if let Some(flow) = &mut this.flow {
                flow.wait();
            }
            return Poll::Ready(Some(chunk.map(Frame::data)));
        }
        let Some(trailers) = &mut this.trailers else { return Poll::Ready(None) };
        let got = ready!(Pin::new(trailers).poll(cx));
        this.trailers = None;
        Poll::Ready(got.map(|trailers| {
            let mut map = HeaderMap::new();
            fill(&mut map, &trailers);
            Ok(Frame::trailers(map))
        }))
    }

    fn is_end_stream(&self) -> bool {
        // A followed body lives until its last chunk is taken, or a client could leave that one lying unseen.
        self.body.is_none() && self.trailers.is_none() && !self.flow.as_ref().is_some_and(Flow::waits)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
