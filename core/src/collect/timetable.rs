//! When each poll is due: a pure plan, without a clock of its own.

use crate::time::Time;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// One thing to poll again and again: a stream of a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollKey {
    /// The target's name.
    pub target: Arc<str>,
    /// `logs`, or a report's name such as `disk`.
    pub stream: Arc<str>,
}

impl std::fmt::Display for PollKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.target, self.stream)
    }
}

/// How often a poll is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rhythm {
    /// From one start to the next.
    pub every: Duration,
    /// The share of `every` by which a start may move, 0 to 1.
    pub jitter: f64,
    /// The first and the longest wait after failures.
    pub backoff: (Duration, Duration),
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All there was is stored.
    Done,
    /// There is more: again at once, behind those already waiting.
    More,
    /// It failed: back off.
    Failed,
}

/// The state of every poll.
#[derive(Debug, Default)]
pub struct Timetable {
    polls: BTreeMap<PollKey, State>,
    waiting: BTreeSet<(Time, PollKey)>,
}

#[derive(Debug)]
struct State {
    rhythm: Rhythm,
    due: Option<Time>,
    starts: u64,
    failures: u32,
}

impl Timetable {
    /// Takes over what is wanted now: new polls start spread over their first interval, gone ones are forgotten,
    /// changed rhythms hold from the next start on (at the latest one new interval from now).
    pub fn want(&mut self, wanted: &BTreeMap<PollKey, Rhythm>, now: Time) {
        let gone: Vec<PollKey> = self.polls.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        for key in gone {
            self.wait_for(&key, None);
            self.polls.remove(&key);
        }
        let new = wanted.keys().filter(|key| !self.polls.contains_key(*key)).count();
        let spread = START_GAP.saturating_mul(u32::try_from(new).unwrap_or(u32::MAX));
        for (key, rhythm) in wanted {
            let Some(state) = self.polls.get_mut(key) else {
                let first = now.plus(rhythm.every.min(spread).mul_f64(share(key, 0)));
                self.polls.insert(key.clone(), State { rhythm: rhythm.clone(), due: None, starts: 0, failures: 0 });
                self.wait_for(key, Some(first));
                continue;
            };
            if state.rhythm != *rhythm {
                state.rhythm = rhythm.clone();
                let latest = now.plus(rhythm.every);
                if state.due.is_some_and(|due| due > latest) {
                    self.wait_for(key, Some(latest));
                }
            }
        }
    }

    /// The polls to start now, longest overdue first, at most `free` of them. Each is running until it is ended.
    pub fn start(&mut self, now: Time, free: usize) -> Vec<PollKey> {
        let due: Vec<PollKey> =
            self.waiting.iter().take_while(|(at, _)| *at <= now).take(free).map(|(_, key)| key.clone()).collect();
        for key in &due {
            self.wait_for(key, None);
        }
        due
    }

    /// Says how a started poll ended. One that is no longer wanted is ignored.
    pub fn end(&mut self, key: &PollKey, how: Ended, now: Time) {
        let Some(state) = self.polls.get_mut(key) else { return };
        state.starts += 1;
        state.failures = if how == Ended::Failed { state.failures.saturating_add(1) } else { 0 };
        let Rhythm { every, jitter, backoff } = &state.rhythm;
        let wait = match how {
            Ended::More => Duration::ZERO,
            Ended::Done => every.mul_f64((1.0 + jitter * (share(key, state.starts) * 2.0 - 1.0)).max(0.0)),
            Ended::Failed => {
                let cap = backoff.0.saturating_mul(1 << state.failures.min(20).saturating_sub(1)).min(backoff.1);
                cap.mul_f64(share(key, state.starts)).max(backoff.0 / 2)
            }
        };
        self.wait_for(key, Some(now.plus(wait)));
    }

    /// When the next poll is due.
    pub fn next(&self) -> Option<Time> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// How many failures in a row.
    pub fn failures(&self, key: &PollKey) -> u32 {
        self.polls.get(key).map_or(0, |state| state.failures)
    }

    fn wait_for(&mut self, key: &PollKey, due: Option<Time>) {
        let Some(state) = self.polls.get_mut(key) else { return };
        if let Some(old) = state.due.take() {
            self.waiting.remove(&(old, key.clone()));
        }
        state.due = due;
        if let Some(due) = due {
            self.waiting.insert((due, key.clone()));
        }
    }
}

/// First polls are spread so that on average one starts in this time: a few start at once, many within their interval.
const START_GAP: Duration = Duration::from_millis(10);

/// A share of 1, the same for the same poll and count: spreads polls without a random source.
fn share(key: &PollKey, count: u64) -> f64 {
    let mut hash = DefaultHasher::new();
    (key, count).hash(&mut hash);
    (hash.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(every_s: u64) -> Rhythm {
        Rhythm {
            every: Duration::from_secs(every_s),
            jitter: 0.2,
            backoff: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }

    fn key(name: &str) -> PollKey {
        PollKey { target: name.into(), stream: "logs".into() }
    }

    /// Runs `seconds` of virtual time in steps of 10 ms with `slots` polls of no length; counts starts per target.
    fn run(
        table: &mut Timetable,
        from: Time,
        seconds: u64,
        slots: usize,
        how: impl Fn(&PollKey) -> Ended,
    ) -> BTreeMap<PollKey, u32> {
        let mut starts = BTreeMap::new();
        for step in 0..seconds * 100 {
            let now = from.plus(Duration::from_millis(step * 10));
            for key in table.start(now, slots) {
                *starts.entry(key.clone()).or_default() += 1;
                table.end(&key, how(&key), now);
            }
        }
        starts
    }

    #[test]
    fn thousands_of_targets_start_spread_and_keep_their_interval() {
        let wanted = (0..2_000).map(|i| (key(&format!("t{i}")), rhythm(15))).collect();
        let mut table = Timetable::default();
        table.want(&wanted, Time(0));
        let first_second = table.waiting.iter().filter(|(at, _)| at.0 < 1_000_000).count();
        assert!(first_second < 250, "{first_second} of 2000 polls start in the first of 15 seconds");
        let starts = run(&mut table, Time(0), 150, 64, |_| Ended::Done);
        assert_eq!(starts.len(), 2_000);
        assert!(starts.values().all(|n| (8..=13).contains(n)), "ten intervals give about ten polls");
    }

    #[test]
    fn a_noisy_target_does_not_starve_others() {
        let wanted = (0..10).map(|i| (key(&format!("t{i}")), rhythm(1))).collect();
        let mut table = Timetable::default();
        table.want(&wanted, Time(0));
        let starts =
            run(&mut table, Time(0), 20, 1, |key| if &*key.target == "t0" { Ended::More } else { Ended::Done });
        assert!(starts.values().all(|n| *n >= 15), "{starts:?}");
    }

    #[test]
    fn failures_back_off_to_the_cap_and_recover_at_once() {
        let wanted = BTreeMap::from([(key("t"), rhythm(5))]);
        let mut table = Timetable::default();
        table.want(&wanted, Time(0));
        let failing = run(&mut table, Time(0), 600, 1, |_| Ended::Failed);
        assert!(failing[&key("t")] < 60, "polls back off: {failing:?}");
        assert!(table.next().is_some_and(|next| next <= Time(660_000_000)), "never beyond the cap");
        let now = Time(700_000_000);
        table.start(now, 1);
        table.end(&key("t"), Ended::Done, now);
        assert_eq!(table.failures(&key("t")), 0);
        assert!(table.next().is_some_and(|next| next <= now.plus(Duration::from_secs(6))));
    }

    #[test]
    fn a_changed_schedule_holds_within_one_new_interval() {
        let mut table = Timetable::default();
        table.want(&BTreeMap::from([(key("t"), rhythm(3600))]), Time(0));
        table.start(Time(20_000_000), 1);
        table.end(&key("t"), Ended::Done, Time(20_000_000));
        table.want(&BTreeMap::from([(key("t"), rhythm(1))]), Time(30_000_000));
        assert_eq!(table.next(), Some(Time(31_000_000)));
        table.want(&BTreeMap::new(), Time(30_000_000));
        assert_eq!(table.next(), None);
    }
}
