//! Says to a running query that nobody waits for its answer any more.

use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One query's end before its time. Its copies are one.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Cancel {
    /// Stops what runs now, and whatever would begin later.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        let stop = state.stop.take();
        drop(state);
        stop.into_iter().for_each(|stop| stop());
    }

    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Cancels when it is dropped: held by whoever waits.
    pub fn guard(&self) -> Guard {
        Guard(self.clone())
    }

    /// Runs something that `stop` ends from another thread; `stop` must not block, and is never called once this has
    /// answered well. Whatever the run came to, it failed if it was cancelled meanwhile.
    pub fn during<T>(&self, stop: impl FnOnce() + Send + 'static, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        if state.cancelled {
            return Err(cancelled());
        }
        state.stop = Some(Box::new(stop));
        drop(state);
        let result = run();
        let mut state = self.lock();
        state.stop = None;
        if state.cancelled { Err(cancelled()) } else { result }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cancel({})", self.is_cancelled())
    }
}

fn cancelled() -> Error {
    Error::failed("the query was cancelled")
}

/// See [`Cancel::guard`].
#[derive(Debug)]
pub struct Guard(Cancel);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn only_what_runs_is_stopped() {
        let (cancel, stops) = (Cancel::default(), Arc::new(AtomicU32::new(0)));
        let stop = || {
            let stops = stops.clone();
            move || {
                stops.fetch_add(1, Ordering::SeqCst);
            }
        };
        assert_eq!(cancel.during(stop(), || Ok(1)).expect("not cancelled"), 1);
        let guard = cancel.guard();
        let late = cancel.during(stop(), || {
            drop(guard);
            Ok(())
        });
        assert!(late.is_err(), "an answer that came too late is none");
        assert_eq!(stops.load(Ordering::SeqCst), 1);
        assert!(cancel.during(stop(), || -> Result<()> { panic!("it began") }).is_err());
        cancel.cancel();
        assert_eq!(stops.load(Ordering::SeqCst), 1, "nothing ran");
    }
}
