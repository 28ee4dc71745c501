//! How every poll does: what `/health`, `/metrics` and the terminal show.

use super::{Polled, timetable::PollKey};
use crate::time::Time;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Shared by the collector (writes) and its routes (read).
#[derive(Debug, Default)]
pub struct Status {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    polls: BTreeMap<PollKey, PollStatus>,
    totals: Totals,
}

/// How one poll does.
#[derive(Debug, Clone, Default)]
pub struct PollStatus {
    /// When it last succeeded.
    pub last_ok: Option<Time>,
    /// What went wrong last, until it succeeds again.
    pub error: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Entries stored since the start.
    pub entries: u64,
    /// The time of the newest entry stored.
    pub newest: Option<Time>,
}

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Totals {
    pub polls: u64,
    pub failed: u64,
    pub entries: u64,
    pub rows: u64,
    pub quarantined: u64,
    pub lost: u64,
}

impl Status {
    /// Sums since the start.
    pub fn totals(&self) -> Totals {
        self.lock().totals
    }
    /// Every poll with its state.
    pub fn polls(&self) -> Vec<(PollKey, PollStatus)> {
        self.lock().polls.iter().map(|(key, status)| (key.clone(), status.clone())).collect()
    }
    /// Forgets polls that are no longer wanted.
    pub(super) fn keep(&self, wanted: impl Fn(&PollKey) -> bool) {
        self.lock().polls.retain(|key, _| wanted(key));
    }
    /// Notes a poll that succeeded; says whether it had failed before.
    pub(super) fn succeeded(&self, key: &PollKey, polled: &Polled, now: Time) -> bool {
        let mut inner = self.lock();
        inner.totals.polls += 1;
        inner.totals.entries += polled.entries;
        inner.totals.rows += polled.rows;
        inner.totals.quarantined += polled.quarantined;
        inner.totals.lost += polled.lost;
        let status = inner.polls.entry(key.clone()).or_default();
        status.last_ok = Some(now);
        status.failures = 0;
        status.entries += polled.entries;
        status.newest = polled.newest.or(status.newest);
        status.error.take().is_some()
    }
    /// Notes a poll that failed; says whether the words are new.
    pub(super) fn failed(&self, key: &PollKey, error: &str) -> bool {
        let mut inner = self.lock();
        inner.totals.polls += 1;
        inner.totals.failed += 1;
        let status = inner.polls.entry(key.clone()).or_default();
        status.failures += 1;
        let new = status.error.as_deref() != Some(error);
        status.error = Some(error.to_owned());
        new
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
