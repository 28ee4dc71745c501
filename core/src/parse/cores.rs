//! Which cores of this machine are free for parsing: batches of many targets are parsed at the same time.

use std::{
    num::NonZero,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Cores in use for parsing beside the threads that called.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Cores taken until this is dropped.
pub(super) struct Cores(usize);

/// Takes at most so many more cores, as many as are free; none if all are in use.
pub(super) fn take(most: usize) -> Cores {
    let free = |taken: usize| most.min(others().saturating_sub(taken));
    let before = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| Some(taken + free(taken)));
    Cores(free(before.unwrap_or_default()))
}

/// How many cores there are beside one.
fn others() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get) - 1)
}

impl Cores {
    pub fn count(&self) -> usize {
        self.0
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.0, Ordering::Relaxed);
    }
}
