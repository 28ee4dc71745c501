//! Whether the store is asked now: while it is away polls wait, and one question now and then finds out. Pure.
//!
//! So an outage costs no target a failure: nobody backs off because of the store, memory holds nothing but the
//! batches in flight, and once it answers again everything that became due goes on at full speed.

use crate::time::Time;
use std::time::Duration;

/// The first wait after a question that failed.
const FIRST: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Gate {
    away: Option<Away>,
}

#[derive(Debug)]
struct Away {
    failures: u32,
    ask_at: Time,
}

impl Gate {
    /// Whether polls may start.
    pub(super) fn is_open(&self) -> bool {
        self.away.is_none()
    }

    /// Whether the store may be asked for leases now.
    pub(super) fn may_ask(&self, now: Time) -> bool {
        self.away.as_ref().is_none_or(|away| away.ask_at <= now)
    }

    /// When it may be asked again, if not now.
    pub(super) fn ask_at(&self) -> Option<Time> {
        self.away.as_ref().map(|away| away.ask_at)
    }

    /// Something else found it away: it is asked before the next poll starts.
    pub(super) fn suspect(&mut self, now: Time) {
        self.away.get_or_insert(Away { failures: 0, ask_at: now });
    }

    /// Leave no time to a wait that was meant for something else, such as tables that were wrong.
    pub(super) fn ask_at_once(&mut self, now: Time) {
        if let Some(away) = &mut self.away {
            away.ask_at = now;
        }
    }

    /// It did not answer. `share` (0 to 1) spreads collectors that wait for the same store.
    pub(super) fn failed(&mut self, now: Time, share: f64) {
        let away = self.away.get_or_insert(Away { failures: 0, ask_at: now });
        away.failures = away.failures.saturating_add(1);
        let wait = FIRST.saturating_mul(1 << (away.failures - 1).min(10)).min(LONGEST);
        away.ask_at = now.plus(wait.mul_f64(0.5 + share / 2.0));
    }

    /// It answered.
    pub(super) fn answered(&mut self) {
        self.away = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_without_a_store_is_asked_for_rarely_and_ends_at_once() {
        let mut gate = Gate::default();
        gate.suspect(Time(0));
        assert!(!gate.is_open() && gate.may_ask(Time(0)));
        let (mut now, mut asked) = (Time(0), 0);
        while now < Time(3_600_000_000) {
            gate.failed(now, 0.5);
            now = gate.ask_at().expect("it is away");
            asked += 1;
        }
        assert!((700..1_000).contains(&asked), "{asked} questions in an hour");
        gate.answered();
        assert!(gate.is_open() && gate.ask_at().is_none());
    }
}
