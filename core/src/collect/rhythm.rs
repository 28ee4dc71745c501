//! How often one poll is wanted, and what follows from it: the moment of the next start. Pure.

use crate::{
    schedule::{Cron, Hours, Schedule},
    time::Time,
};
use std::{sync::Arc, time::Duration};

/// How often a poll is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rhythm {
    /// From one start to the next.
    pub every: Duration,
    /// The share of `every` by which a start may move, 0 to 1.
    pub jitter: f64,
    /// The moments of its starts, instead of `every`.
    pub cron: Option<Cron>,
    /// Starts fall only in these hours; empty: at any time.
    pub during: Vec<Hours>,
    /// The first and the longest wait after failures.
    pub backoff: (Duration, Duration),
    /// The most polls of one target that run at a time.
    pub per_host: Option<usize>,
    /// The schedule, and how many of its polls may start in a second.
    pub rate: Option<(Arc<str>, f64)>,
}

impl Rhythm {
    /// Of a target's journal.
    pub fn of_logs(schedule: &Schedule) -> Self {
        Self { cron: schedule.cron.clone(), ..Self::of_report(schedule, schedule.every) }
    }

    /// Of one of its reports, which has an interval of its own.
    pub fn of_report(schedule: &Schedule, every: Duration) -> Self {
        Self {
            every,
            jitter: schedule.jitter,
            cron: None,
            during: schedule.during.clone(),
            backoff: schedule.backoff,
            per_host: schedule.per_host,
            rate: schedule.per_second.map(|rate| (schedule.name.clone(), rate)),
        }
    }

    /// The first start, `share` of the way into `spread`.
    pub(super) fn first(&self, now: Time, spread: Duration, share: f64) -> Time {
        match &self.cron {
            Some(cron) => self.open(cron.next(now)),
            None => self.open(Some(now.plus(self.every.min(spread).mul_f64(share)))),
        }
    }

    /// The start after one that went well, counted from when it `started`; a poll that took longer is due again at
    /// once. `share` (0 to 1) says where in the jitter it falls.
    pub(super) fn next(&self, started: Time, now: Time, share: f64) -> Time {
        match &self.cron {
            Some(cron) => self.open(cron.next(now)),
            None => {
                let moved = (1.0 + self.jitter * (share * 2.0 - 1.0)).max(0.0);
                self.open(Some(started.plus(self.every.mul_f64(moved)).max(now)))
            }
        }
    }

    /// The start after so many failures in a row: anywhere up to the doubled wait, so that those who failed together
    /// do not come back together.
    pub(super) fn retry(&self, now: Time, failures: u32, share: f64) -> Time {
        let (first, longest) = self.backoff;
        let cap = first.saturating_mul(1 << failures.min(20).saturating_sub(1)).min(longest);
        self.open(Some(now.plus(cap.mul_f64(share).max(first / 2))))
    }

    /// The first moment from then on at which a start may fall; never, if there is none.
    pub(super) fn open(&self, at: Option<Time>) -> Time {
        let Some(at) = at else { return Time(i64::MAX) };
        self.during.iter().map(|hours| hours.opens(at)).min().unwrap_or(at)
    }

    /// The latest the next start may be when this became the rhythm just now.
    pub(super) fn latest(&self, now: Time) -> Time {
        match &self.cron {
            Some(cron) => self.open(cron.next(now)),
            None => self.open(Some(now.plus(self.every))),
        }
    }
}

/// Hands out starts of one schedule, so many a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    per_second: f64,
    /// The moment of the next start that is not taken.
    free_at: Time,
}

impl Rate {
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, free_at: Time(i64::MIN) }
    }

    /// Takes the next start: `now`, or the moment to come back at.
    pub(super) fn take(&mut self, now: Time, per_second: f64) -> Time {
        self.per_second = per_second;
        let at = self.free_at.max(now);
        self.free_at = at.plus(Duration::from_secs_f64(1.0 / self.per_second.max(1e-6)));
        at
    }
}
