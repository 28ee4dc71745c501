//! What is noticed about one connection, by its bytes, its requests and its answers, for each other.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};
use tokio::time::Instant;

/// One connection's notes.
#[derive(Debug)]
pub(crate) struct Line {
    since: Instant,
    /// Requests handed over by hyper.
    requests: AtomicU64,
    /// The number of the request whose head the gate refused; 0 for none.
    ambiguous: AtomicU64,
    /// The client did not take its answer.
    stalled: AtomicBool,
    /// A request was refused: the client may still be sending it.
    refused: AtomicBool,
    /// HTTP/2: requests without a complete answer.
    active: AtomicU32,
    /// HTTP/2: answers that wait for the client to take more.
    waiting: AtomicU32,
    /// HTTP/2: when last a request came, ended, or an answer moved. In milliseconds since `since`.
    moved_ms: AtomicU64,
}

impl Line {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            requests: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            active: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            moved_ms: AtomicU64::new(0),
        }
    }

    pub fn mark_ambiguous(&self, number: u64) {
        self.ambiguous.store(number, SeqCst);
    }
    pub fn mark_stalled(&self) {
        self.stalled.store(true, Relaxed);
    }
    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }
    pub fn mark_refused(&self) {
        self.refused.store(true, Relaxed);
    }
    pub fn is_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    /// Counts the next request; whether its head is ambiguous. Every head passes the gate before hyper sees it, so
    /// both count the same.
    pub fn next_is_ambiguous(&self) -> bool {
        let number = self.requests.fetch_add(1, SeqCst) + 1;
        let ambiguous = self.ambiguous.load(SeqCst);
        ambiguous != 0 && number >= ambiguous
    }

    /// HTTP/2: whether answers wait for the client and none moved for so long.
    pub fn is_stalled_for(&self, time: Duration) -> bool {
        self.waiting.load(Relaxed) > 0 && self.quiet() > time
    }
    /// HTTP/2: whether no request is open and the last one ended so long ago.
    pub fn is_idle_for(&self, time: Duration) -> bool {
        self.active.load(Relaxed) == 0 && self.quiet() > time
    }

    fn moved(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(now, Relaxed);
    }
    fn quiet(&self) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(self.moved_ms.load(Relaxed)))
    }
}

/// One HTTP/2 request from its beginning to the end of its answer.
#[derive(Debug)]
pub(crate) struct Flow {
    line: Arc<Line>,
    waits: bool,
}

impl Flow {
    pub fn begin(line: &Arc<Line>) -> Self {
        line.active.fetch_add(1, Relaxed);
        line.moved();
        Self { line: line.clone(), waits: false }
    }
    /// A chunk was handed over: from now on the client is waited for.
    pub fn wait(&mut self) {
        self.line.moved();
        if !self.waits {
            self.waits = true;
            self.line.waiting.fetch_add(1, Relaxed);
        }
    }
    /// The client took it.
    pub fn go_on(&mut self) {
        self.line.moved();
        if std::mem::take(&mut self.waits) {
            self.line.waiting.fetch_sub(1, Relaxed);
        }
    }
    pub fn waits(&self) -> bool {
        self.waits
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.go_on();
        self.line.active.fetch_sub(1, Relaxed);
    }
}
