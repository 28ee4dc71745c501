//! What a client takes: which form of the entries, and which packing, chosen from its headers.

use crate::State;
use tide::{Request, http::headers::HeaderValues};

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One object a line, and the closing line.
    Ndjson,
    /// systemd's journal export format; what the closing line says goes in the trailer.
    Export,
    /// Server-sent events, one an entry, and the event `end`.
    Events,
}

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Form {
    /// The form the `Accept` header names; NDJSON if it names none of ours.
    pub(crate) fn of(request: &Request<State>) -> Self {
        let named = |kind: &str| has(request.header("accept"), kind);
        if named("application/vnd.fdo.journal") {
            Self::Export
        } else if named("text/event-stream") {
            Self::Events
        } else {
            Self::Ndjson
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Export => "application/vnd.fdo.journal",
            Self::Events => "text/event-stream",
        }
    }
}

impl Packing {
    /// The best packing the client takes. Events are never packed: they must not wait for one another.
    pub(crate) fn of(request: &Request<State>, form: Form) -> Self {
        let takes = |kind: &str| form != Form::Events && has(request.header("accept-encoding"), kind);
        if takes("zstd") {
            Self::Zstd
        } else if takes("gzip") {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Whether a list header names this and does not refuse it (`;q=0`).
fn has(values: Option<&HeaderValues>, wanted: &str) -> bool {
    let Some(values) = values else { return false };
    values.iter().flat_map(|value| value.as_str().split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|quality| quality.parse::<f32>().ok());
        named && quality.is_none_or(|quality| quality > 0.0)
    })
}
