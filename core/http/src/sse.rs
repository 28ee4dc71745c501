//! Server-sent events: their text, and an answer that carries them.

use crate::body::{self, Sender};
use bytes::Bytes;
use tide::{Response, StatusCode};

/// Events that may wait for a slow client; then the producer waits.
const EVENTS_WAITING_MAX: usize = 16;

/// One event. Empty parts are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event<'a> {
    /// What `Last-Event-ID` will say when the browser connects again.
    pub id: &'a str,
    /// Its type; `message` to the browser if empty.
    pub event: &'a str,
    /// Any text; each line becomes a `data:` line.
    pub data: &'a str,
}

impl Event<'_> {
    /// The event as it goes over the wire. Line ends within `id` and `event` would start a new field, so they
    /// become spaces.
    pub fn to_bytes(&self) -> Bytes {
        let mut text = String::with_capacity(self.id.len() + self.event.len() + self.data.len() + 32);
        for (name, value) in [("id: ", self.id), ("event: ", self.event)] {
            if !value.is_empty() {
                text.push_str(name);
                text.extend(value.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }));
                text.push('\n');
            }
        }
        // CRLF, LF and CR each end a line.
        let mut rest = self.data;
        loop {
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            text.push_str("data: ");
            text.push_str(&rest[..end]);
            text.push('\n');
            if end == rest.len() {
                break;
            }
            rest = &rest[end + if rest[end..].starts_with("\r\n") { 2 } else { 1 }..];
        }
        text.push('\n');
        Bytes::from(text)
    }
}

/// A comment that browsers ignore; sent now and then it shows that the client is still there.
pub fn keep_alive() -> Bytes {
    Bytes::from_static(b": still here\n\n")
}

/// An answer of events, and where to put them.
pub fn response() -> (Sender, Response) {
    let (sender, body) = body::channel(EVENTS_WAITING_MAX);
    let response = Response::builder(StatusCode::Ok)
        .content_type("text/event-stream")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .body(body)
        .build();
    (sender, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_cannot_be_forged_by_their_text() {
        let check = |id, event, data, expect: &str| assert_eq!(Event { id, event, data }.to_bytes(), expect);
        check("7", "patch", "{}", "id: 7\nevent: patch\ndata: {}\n\n");
        check("", "", "a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n");
        check("1\ndata: x", "e\r\nid: 2", "", "id: 1 data: x\nevent: e  id: 2\ndata: \n\n");
        check("", "", "end\n", "data: end\ndata: \n\n");
    }
}
