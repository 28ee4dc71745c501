//! What the HTTP edge counts of itself: one set per process, all its servers together.

use super::Page;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tide::StatusCode;

/// The process's counts.
pub(crate) static COUNTS: Counts = Counts::new();

/// Why a connection was dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dropped {
    /// All connections were taken.
    NoRoom,
    /// The TLS handshake failed or took too long.
    Handshake,
    /// Headers came too slowly.
    Header,
    /// The client did not take its answer.
    SlowReader,
    /// What came was not HTTP, or broke off.
    Broken,
}

const DROPPED: [(Dropped, &str); 5] = [
    (Dropped::NoRoom, "no_room"),
    (Dropped::Handshake, "handshake"),
    (Dropped::Header, "header"),
    (Dropped::SlowReader, "slow_reader"),
    (Dropped::Broken, "broken"),
];

pub(crate) struct Counts {
    open: AtomicU64,
    answered: [AtomicU64; 6],
    dropped: [AtomicU64; DROPPED.len()],
}

/// Counts a connection as open while it lives.
pub(crate) struct Open;

impl Counts {
    const fn new() -> Self {
        Self {
            open: AtomicU64::new(0),
            answered: [const { AtomicU64::new(0) }; 6],
            dropped: [const { AtomicU64::new(0) }; DROPPED.len()],
        }
    }

    pub fn open(&self) -> Open {
        self.open.fetch_add(1, Relaxed);
        Open
    }

    pub fn answered(&self, status: StatusCode) {
        if let Some(count) = self.answered.get(usize::from(u16::from(status) / 100)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn dropped(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Relaxed);
    }

    pub fn write(&self, page: &mut Page) {
        let open = "infralogs_http_connections";
        page.gauge(open, "HTTP connections open now.", &[], self.open.load(Relaxed) as f64);
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&self.answered[1..]) {
            let name = "infralogs_http_requests_total";
            page.counter(
                name,
                "HTTP requests answered, by class of status.",
                &[("status", class)],
                count.load(Relaxed),
            );
        }
        for (why, word) in DROPPED {
            let name = "infralogs_http_dropped_total";
            let count = self.dropped[why as usize].load(Relaxed);
            page.counter(name, "HTTP connections dropped, by reason.", &[("why", word)], count);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        COUNTS.open.fetch_sub(1, Relaxed);
    }
}
