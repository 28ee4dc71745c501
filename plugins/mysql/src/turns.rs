//! Large batches take turns, two at a time. All machines write at the newest end of the same table: more writers there
//! wait for each other's pages and keep the server's processors busy with it. (Twelve at once on two cores took three
//! times the CPU for each row and stored a third less than two; see the README.)
//!
//! Small batches do not: each mostly waits for the disk, which one sync serves for many of them.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// So many at once.
const WRITERS_MAX: usize = 2;
/// Batches of fewer rows are small.
const LARGE_ROWS_MIN: usize = 1_000;
/// Nobody waits longer: a turn is for speed alone.
const WAIT_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Turns {
    free: Mutex<usize>,
    returned: Condvar,
}

impl Default for Turns {
    fn default() -> Self {
        Self { free: Mutex::new(WRITERS_MAX), returned: Condvar::new() }
    }
}

impl Turns {
    /// Waits for a turn, if it needs one.
    pub fn take(&self, rows: usize) -> Option<Turn<'_>> {
        if rows < LARGE_ROWS_MIN { None } else { self.take_within(WAIT_MAX) }
    }

    fn take_within(&self, wait: Duration) -> Option<Turn<'_>> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_timeout_while(free, wait, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Turn(self))
    }
}

/// A turn, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn large_ones_are_two_at_once_and_nobody_waits_for_ever() {
        let turns = Turns::default();
        let held = [turns.take(LARGE_ROWS_MIN), turns.take(LARGE_ROWS_MIN)];
        assert!(held.iter().all(Option::is_some));
        assert!(turns.take(LARGE_ROWS_MIN - 1).is_none(), "a small one takes none");
        assert!(turns.take_within(Duration::from_millis(1)).is_none(), "a third goes without after a while");
        let (taken, got) = channel();
        std::thread::scope(|scope| {
            let turns = &turns;
            scope.spawn(move || taken.send(turns.take_within(Duration::from_secs(60)).is_some()));
            assert!(got.try_recv().is_err(), "both are taken");
            drop(held);
            assert_eq!(got.recv(), Ok(true), "one was given back");
        });
        assert!([turns.take(LARGE_ROWS_MIN), turns.take(LARGE_ROWS_MIN)].iter().all(Option::is_some));
    }
}
