//! How every poll does: what `/health`, `/metrics` and the terminal show.

use super::{Polled, timetable::PollKey};
use crate::time::Time;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Shared by the collector (writes) and its routes (read).
#[derive(Debug, Default)]
pub struct Status {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    store: Option<String>,
    /// What could not be stored last: whose it was, and why not.
    unstored: Option<(PollKey, String)>,
    polls: BTreeMap<PollKey, PollStatus>,
    totals: Totals,
    delays: Delays,
    turn: Option<Turn>,
}

/// What the collector's loop last saw.
#[derive(Debug, Clone)]
pub struct Turn {
    /// When.
    pub at: Time,
    /// Polls that the scripts want, those of other collectors included.
    pub wanted: usize,
    /// Polls at work.
    pub in_flight: usize,
    /// The most at once.
    pub in_flight_max: usize,
    /// Polls that are due and wait for the store to say whose they are.
    pub waiting: usize,
    /// For each size of answers: its bytes, how many are held now, and how many may be.
    pub rooms: Vec<(usize, usize, usize)>,
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
    /// Failures since the start.
    pub failed: u64,
    /// Entries stored since the start.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries lost in holes of its journal since the start.
    pub lost: u64,
    /// The time of the newest entry stored.
    pub newest: Option<Time>,
    /// Whether it had more than was read.
    pub more: bool,
    /// Whether it comes by itself: how old what is stored of it may be nobody knows then.
    pub pushed: bool,
    /// Parsers whose closure ran away in the last batch that had entries.
    pub resting: Vec<Arc<str>>,
}

/// How late polls started: how many within each of these seconds, and in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delays {
    /// Starts at most as late as the limit beside them (not counting those of the limits before).
    pub within: [u64; DELAY_LIMITS_S.len()],
    /// All starts.
    pub starts: u64,
    /// All delays together, in seconds.
    pub sum_s: f64,
}

/// The limits that [`Delays`] counts by. In seconds.
pub const DELAY_LIMITS_S: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct Totals {
    pub polls: u64,
    pub failed: u64,
    pub entries: u64,
    pub rows: u64,
    pub bytes: u64,
    pub quarantined: u64,
    pub dropped: u64,
    pub unreadable: u64,
    pub gaps: u64,
    pub lost: u64,
}

impl Totals {
    fn add(&mut self, polled: &Polled) {
        self.entries += polled.entries;
        self.rows += polled.rows;
        self.bytes += polled.bytes;
        self.quarantined += polled.quarantined;
        self.dropped += polled.dropped;
        self.unreadable += polled.unreadable;
        self.gaps += polled.gaps;
        self.lost += polled.lost;
    }
}

impl PollStatus {
    /// How old what is stored may be: since the last poll that found nothing more, or, while there is more, since the
    /// newest entry stored. `None` before the first poll that went well, and of what is pushed.
    pub fn lag(&self, now: Time) -> Option<Duration> {
        let since = if self.more { self.newest.or(self.last_ok) } else { self.last_ok.filter(|_| !self.pushed) };
        Some(Duration::from_micros(u64::try_from(now.0.saturating_sub(since?.0)).unwrap_or(0)))
    }
}

impl Status {
    /// Sums since the start.
    pub fn totals(&self) -> Totals {
        self.lock().totals
    }
    /// Why nothing can be stored now, if it can't: a store may answer and yet have no room for a batch.
    pub fn store_trouble(&self) -> Option<String> {
        let inner = self.lock();
        inner.store.clone().or_else(|| inner.unstored.as_ref().map(|(_, why)| why.clone()))
    }
    /// Notes that what was read can't be stored.
    pub(super) fn not_stored(&self, key: &PollKey, why: &str) {
        self.lock().unstored = Some((key.clone(), why.to_owned()));
    }
    /// Notes what the store said last.
    pub(super) fn store_said(&self, trouble: Option<String>) {
        self.lock().store = trouble;
    }
    /// Every poll with its state.
    pub fn polls(&self) -> Vec<(PollKey, PollStatus)> {
        self.lock().polls.iter().map(|(key, status)| (key.clone(), status.clone())).collect()
    }
    /// How late polls started.
    pub fn delays(&self) -> Delays {
        self.lock().delays
    }
    /// Notes how late a poll starts.
    pub(super) fn started(&self, late: Duration) {
        let (mut inner, late_s) = (self.lock(), late.as_secs_f64());
        inner.delays.starts += 1;
        inner.delays.sum_s += late_s;
        if let Some(at) = DELAY_LIMITS_S.iter().position(|limit| late_s <= *limit) {
            inner.delays.within[at] += 1;
        }
    }
    /// What the loop last saw; none before it began.
    pub fn turn(&self) -> Option<Turn> {
        self.lock().turn.clone()
    }
    /// Notes what the loop sees.
    pub(super) fn turned(&self, turn: Turn) {
        self.lock().turn = Some(turn);
    }
    /// Forgets polls that are no longer wanted.
    pub(super) fn keep(&self, wanted: impl Fn(&PollKey) -> bool) {
        let mut inner = self.lock();
        inner.polls.retain(|key, status| status.pushed || wanted(key));
        inner.unstored.take_if(|(key, _)| !wanted(key));
    }
    /// Notes a poll that succeeded; says whether it had failed before.
    pub(super) fn succeeded(&self, key: &PollKey, polled: &Polled, now: Time) -> bool {
        let mut inner = self.lock();
        inner.totals.polls += 1;
        inner.succeeded(key, polled, now)
    }
    /// Notes a poll that failed; says whether the words are new.
    pub(super) fn failed(&self, key: &PollKey, error: &str) -> bool {
        let mut inner = self.lock();
        inner.totals.polls += 1;
        inner.totals.failed += 1;
        inner.failed(key, error)
    }
    /// Notes what a machine pushed and what is stored of it.
    pub(super) fn pushed(&self, key: &PollKey, polled: &Polled, now: Time) {
        let mut inner = self.lock();
        inner.succeeded(key, polled, now);
        inner.polls.entry(key.clone()).or_default().pushed = true;
    }
    /// Notes that what a machine pushed can't be stored; says whether the words are new.
    pub(super) fn refused(&self, key: &PollKey, error: &str) -> bool {
        let mut inner = self.lock();
        let new = inner.failed(key, error);
        inner.polls.entry(key.clone()).or_default().pushed = true;
        new
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn succeeded(&mut self, key: &PollKey, polled: &Polled, now: Time) -> bool {
        self.totals.add(polled);
        self.unstored.take_if(|(own, _)| polled.entries > 0 || own == key);
        let status = self.polls.entry(key.clone()).or_default();
        status.last_ok = Some(now);
        status.failures = 0;
        status.entries += polled.entries;
        status.bytes += polled.bytes;
        status.lost += polled.lost;
        status.more = polled.more;
        status.newest = polled.newest.or(status.newest);
        if polled.entries > 0 {
            status.resting.clone_from(&polled.resting);
        }
        status.error.take().is_some()
    }
    fn failed(&mut self, key: &PollKey, error: &str) -> bool {
        let status = self.polls.entry(key.clone()).or_default();
        status.failures += 1;
        status.failed += 1;
        let new = status.error.as_deref() != Some(error);
        status.error = Some(error.to_owned());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_of_what_is_stored_and_not_of_an_idle_machine() {
        let at = |s: i64| Time(s * 1_000_000);
        let (status, key) = (Status::default(), PollKey { target: "web-1".into(), stream: "logs".into() });
        let lag = |now| status.polls().remove(0).1.lag(at(now)).map(|lag| lag.as_secs());
        status.failed(&key, "no answer");
        assert_eq!(lag(10), None, "nothing is known of it");
        status.succeeded(&key, &Polled { entries: 5, newest: Some(at(3)), more: true, ..Polled::default() }, at(10));
        assert_eq!(lag(11), Some(8), "there is more, so what is stored ends with the newest entry");
        status.succeeded(&key, &Polled { entries: 5, newest: Some(at(4)), ..Polled::default() }, at(12));
        assert_eq!(lag(14), Some(2), "everything it had 2 s ago is stored");
        status.failed(&key, "no answer");
        assert_eq!(lag(100), Some(88));
    }

    #[test]
    fn what_can_not_be_stored_is_trouble_until_something_is() {
        let key = |target: &str| PollKey { target: target.into(), stream: "logs".into() };
        let (status, one, other) = (Status::default(), key("web-1"), key("web-2"));
        let (some, none) = (Polled { entries: 1, ..Polled::default() }, Polled::default());
        let full = || {
            status.not_stored(&one, "no room");
            status.store_said(None);
            assert_eq!(status.store_trouble().as_deref(), Some("no room"), "though it answers");
        };
        full();
        status.succeeded(&other, &none, Time(1));
        assert!(status.store_trouble().is_some(), "nothing was stored");
        status.succeeded(&other, &some, Time(1));
        assert_eq!(status.store_trouble(), None);
        full();
        status.succeeded(&one, &none, Time(1));
        assert_eq!(status.store_trouble(), None, "it has nothing more to store");
        full();
        status.keep(|key| *key == other);
        assert_eq!(status.store_trouble(), None, "it is gone");
        status.not_stored(&one, "no room");
        status.store_said(Some("away".into()));
        assert_eq!(status.store_trouble().as_deref(), Some("away"));
    }

    #[test]
    fn a_resting_closure_is_shown_until_a_batch_without_it() {
        let (status, key) = (Status::default(), PollKey { target: "web-1".into(), stream: "main".into() });
        let resting = |status: &Status| status.polls().remove(0).1.resting;
        let polled = Polled { entries: 5, resting: vec!["endless".into()], ..Polled::default() };
        status.succeeded(&key, &polled, Time(1));
        status.succeeded(&key, &Polled::default(), Time(2));
        assert_eq!(resting(&status), ["endless".into()], "nothing new was read");
        status.succeeded(&key, &Polled { entries: 1, ..Polled::default() }, Time(3));
        assert_eq!(resting(&status), Vec::<Arc<str>>::new());
    }
}
