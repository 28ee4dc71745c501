//! CPU time of this thread: what others do on the machine does not count, and it does not come in ticks.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread so far, in nanoseconds.
fn thread_ns() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// CPU time of all threads so far, in nanoseconds.
#[allow(dead_code)] // not both benchmarks ask
pub fn process_ns() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU nanoseconds of this thread that some work takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let begun = thread_ns();
    let made = work();
    (made, thread_ns() - begun)
}

/// The middle one of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
