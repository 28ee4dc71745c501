//! What one server takes from strangers at most, and for how long it waits for them.

use serde::Deserialize;
use std::time::Duration;

/// The fewest bytes of header room that hyper can work with.
const HEADER_BYTES_MIN: usize = 8 << 10;

/// Limits of one server. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once; one more is answered 503 and closed.
    pub connections: usize,
    /// Request line and headers together; more is answered 431. At least 8 KiB.
    pub header_bytes: usize,
    /// Header lines; more is answered 431.
    pub header_lines: usize,
    /// From the first byte of a request (or from connecting) to the end of its headers.
    pub header_ms: u64,
    /// A kept connection without a request.
    pub idle_ms: u64,
    /// A request body; more is answered 413.
    pub body_bytes: u64,
    /// A request body must bring [`Limits::MOVED_BYTES_MIN`], or end, in this time; else 408.
    pub body_stall_ms: u64,
    /// A client must take [`Limits::MOVED_BYTES_MIN`] of an answer, or all there is, in this time; else it is dropped.
    pub write_stall_ms: u64,
    /// A TLS handshake.
    pub handshake_ms: u64,
    /// At a stop: requests in flight get this long to end.
    pub drain_ms: u64,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Limits {
    /// The least progress that counts as progress, so a trickle of single bytes is a stall. In bytes.
    pub const MOVED_BYTES_MIN: u64 = 4 << 10;

    pub(crate) fn header_room(&self) -> usize {
        self.header_bytes.max(HEADER_BYTES_MIN)
    }
    pub(crate) fn header_time(&self) -> Duration {
        Duration::from_millis(self.header_ms)
    }
    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }
    pub(crate) fn body_stall(&self) -> Duration {
        Duration::from_millis(self.body_stall_ms)
    }
    pub(crate) fn write_stall(&self) -> Duration {
        Duration::from_millis(self.write_stall_ms)
    }
    pub(crate) fn handshake_time(&self) -> Duration {
        Duration::from_millis(self.handshake_ms)
    }
    pub(crate) fn drain_time(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            header_bytes: 16 << 10,
            header_lines: 100,
            header_ms: 10_000,
            idle_ms: 75_000,
            body_bytes: 1 << 20,
            body_stall_ms: 15_000,
            write_stall_ms: 30_000,
            handshake_ms: 10_000,
            drain_ms: 10_000,
            streams: 64,
        }
    }
}
