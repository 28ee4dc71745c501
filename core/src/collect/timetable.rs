//! When each poll is due: a pure plan, without a clock of its own.

use super::rhythm::{Rate, Rhythm};
use crate::time::Time;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All there was is stored.
    Done,
    /// All there was is stored; the schedule's closure wants the next poll after so long.
    DoneFor(Duration),
    /// Another collector has it: look again at its time, or when that one's lease would have ended.
    Held(Duration),
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
    /// How many polls of a target run.
    running: HashMap<Arc<str>, usize>,
    rates: HashMap<Arc<str>, Rate>,
}

#[derive(Debug)]
struct State {
    rhythm: Rhythm,
    due: Option<Time>,
    /// When its last start was due, and when it was.
    started: (Time, Time),
    /// It has its place in the rate of its schedule, and only waits for the moment.
    placed: bool,
    /// It is due, and waits for another poll of its target to end.
    parked: bool,
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
                let first = rhythm.first(now, spread, share(key, 0));
                self.polls.insert(key.clone(), State::new(rhythm.clone()));
                self.wait_for(key, Some(first));
                continue;
            };
            if state.rhythm != *rhythm {
                state.rhythm = rhythm.clone();
                let latest = rhythm.latest(now);
                if state.due.is_some_and(|due| due > latest) {
                    self.wait_for(key, Some(latest));
                }
            }
        }
    }

    /// The polls to start now, longest overdue first, at most `free` of them. Each is running until it is ended.
    pub fn start(&mut self, now: Time, free: usize) -> Vec<PollKey> {
        let mut started = Vec::new();
        while started.len() < free
            && let Some((due, key)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned()
        {
            // One that may not start waits elsewhere or for later.
            if self.may_start(&key, now) {
                if let Some(state) = self.polls.get_mut(&key) {
                    state.started = (due, now);
                }
                *self.running.entry(key.target.clone()).or_default() += 1;
                self.wait_for(&key, None);
                started.push(key);
            }
        }
        started
    }

    /// Whether its target and the rate of its schedule have room; if not, it comes back when they have.
    fn may_start(&mut self, key: &PollKey, now: Time) -> bool {
        let Some(state) = self.polls.get_mut(key) else { return false };
        let running = self.running.get(&key.target).copied().unwrap_or(0);
        if state.rhythm.per_host.is_some_and(|most| running >= most) {
            state.parked = true;
            self.wait_for(key, None);
            return false;
        }
        let Some((schedule, per_second)) = state.rhythm.rate.clone().filter(|_| !state.placed) else {
            state.placed = false;
            return true;
        };
        let at = self.rates.entry(schedule).or_insert(Rate::new(per_second)).take(now, per_second);
        if at <= now {
            return true;
        }
        state.placed = true;
        self.wait_for(key, Some(at));
        false
    }

    /// Says how a started poll ended. One that is no longer wanted is forgotten.
    pub fn end(&mut self, key: &PollKey, how: Ended, now: Time) {
        self.leave(&key.target, now);
        let Some(state) = self.polls.get_mut(key) else { return };
        state.starts += 1;
        state.failures = if how == Ended::Failed { state.failures.saturating_add(1) } else { 0 };
        let (rhythm, share) = (&state.rhythm, share(key, state.starts));
        let due = match how {
            Ended::More => rhythm.open(Some(now)),
            Ended::Done => rhythm.next(state.started.1, now, share),
            Ended::DoneFor(wait) => rhythm.open(Some(now.plus(wait))),
            Ended::Held(lease) => rhythm.next(state.started.1, now, share).min(rhythm.open(Some(now.plus(lease)))),
            Ended::Failed => rhythm.retry(now, state.failures, share),
        };
        self.wait_for(key, Some(due));
    }

    /// One poll of a target less: those that wait for room are due now.
    fn leave(&mut self, target: &Arc<str>, now: Time) {
        if let Some(running) = self.running.get_mut(target) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                self.running.remove(target);
            }
        }
        let from = PollKey { target: target.clone(), stream: "".into() };
        let of_target = self.polls.range_mut(from..).take_while(|(key, _)| key.target == *target);
        let parked: Vec<PollKey> =
            of_target.filter_map(|(key, state)| std::mem::take(&mut state.parked).then(|| key.clone())).collect();
        parked.iter().for_each(|key| self.wait_for(key, Some(now)));
    }

    /// The wall clock was set back: nothing waits longer than if it were planned now.
    pub fn set_back(&mut self, now: Time) {
        self.rates.clear();
        for (key, state) in &mut self.polls {
            state.started = (state.started.0.min(now), state.started.1.min(now));
            let latest = state.rhythm.latest(now);
            if let Some(due) = state.due.filter(|due| *due > latest) {
                self.waiting.remove(&(due, key.clone()));
                self.waiting.insert((latest, key.clone()));
                state.due = Some(latest);
            }
        }
    }

    /// When the next poll is due.
    pub fn next(&self) -> Option<Time> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// When the last start of a poll was due.
    pub fn was_due(&self, key: &PollKey) -> Option<Time> {
        self.polls.get(key).map(|state| state.started.0)
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

impl State {
    fn new(rhythm: Rhythm) -> Self {
        Self { rhythm, due: None, started: (Time(0), Time(0)), placed: false, parked: false, starts: 0, failures: 0 }
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
mod tests;
