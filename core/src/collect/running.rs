//! What changes while a collector runs: who is polled and when, what the scripts want, what was said already.

use super::{
    Follower, PollKey, Polled, Reading, Timetable, Wanted,
    gate::Gate,
    lease::{Answer, Claimed, Leases, Question},
    machines::Machines,
    timetable::Ended,
};
use crate::{
    definitions::Definitions,
    error::Result,
    parse::Plan,
    plugin::{LOGS, Store},
    room::Rooms,
    schedule::{self, ADAPT_MAX, ADAPT_MIN, Adapt},
    time::Time,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::task::Id;

/// So many failures of closures are said of one generation.
const SAID_MAX: usize = 100;

pub(super) struct Running {
    pub(super) definitions: Arc<Definitions>,
    pub(super) wanted: BTreeMap<PollKey, Wanted>,
    pub(super) table: Timetable,
    pub(super) followers: HashMap<PollKey, Follower>,
    pub(super) leases: Leases,
    pub(super) machines: Arc<Machines>,
    pub(super) rooms: Rooms,
    pub(super) gate: Gate,
    /// Whether the tables of this generation are made.
    pub(super) prepared: bool,
    /// Whose poll a task is: one that panics says no more.
    pub(super) flying: HashMap<Id, PollKey>,
    /// What is wrong with the fleet's lists, each said once.
    pub(super) said: BTreeSet<String>,
    plans: HashMap<Arc<str>, Arc<Plan>>,
    /// What closures of this generation's schedules failed with, each said once.
    adapt_trouble: BTreeSet<String>,
    store_trouble: Option<String>,
}

impl Running {
    pub(super) fn new(store: Arc<dyn Store>, machines: Arc<Machines>) -> Self {
        Self {
            definitions: Arc::default(),
            wanted: BTreeMap::new(),
            table: Timetable::default(),
            followers: HashMap::new(),
            leases: Leases::new(store),
            machines,
            rooms: Rooms::default(),
            gate: Gate::default(),
            prepared: false,
            flying: HashMap::new(),
            said: BTreeSet::new(),
            plans: HashMap::new(),
            adapt_trouble: BTreeSet::new(),
            store_trouble: None,
        }
    }

    /// Takes over another generation of the scripts.
    pub(super) fn take(&mut self, definitions: Arc<Definitions>, now: Time) {
        if Arc::ptr_eq(&definitions, &self.definitions) {
            return;
        }
        self.definitions = definitions;
        self.plans.clear();
        self.adapt_trouble.clear();
        self.prepared = false;
        self.gate.ask_at_once(now);
    }

    /// The wall clock was set back: what is planned in its time must not wait for the time that was.
    pub(super) fn set_back(&mut self, now: Time) {
        self.table.set_back(now);
        self.leases.doubt();
        self.gate.ask_at_once(now);
    }

    /// Whether a poll may start without asking the store.
    pub(super) fn is_ours(&self, key: &PollKey, now: Time) -> bool {
        self.prepared && self.gate.is_open() && self.leases.holds(key, now)
    }

    /// What to ask the store now, if it may be asked.
    pub(super) fn question(&mut self, now: Time) -> Option<Question> {
        if !self.gate.may_ask(now) {
            return None;
        }
        let unprepared = (!self.prepared).then(|| self.definitions.clone());
        self.leases.question(now, !self.gate.is_open(), unprepared)
    }

    /// Takes over what the store answered.
    pub(super) fn answered(&mut self, answer: Answer, now: Time) -> Result<Claimed> {
        let claimed = self.leases.take(answer);
        match &claimed {
            Ok(Claimed { prepared, .. }) => {
                self.gate.answered();
                self.prepared |= prepared.as_ref().is_some_and(|for_| Arc::ptr_eq(for_, &self.definitions));
            }
            Err(_) => self.gate.failed(now, rand::random()),
        }
        self.say_store_trouble(claimed.as_ref().err().map(ToString::to_string));
        claimed
    }

    /// The schedule's parsers, compiled together once per generation.
    pub(super) fn plan_of(&mut self, wanted: &Wanted) -> Arc<Plan> {
        let (schedule, definitions) = (&wanted.schedule, &self.definitions);
        let plan = self.plans.entry(schedule.name.clone()).or_insert_with(|| {
            let all = definitions.parsers.iter();
            let chosen =
                all.filter(|parser| schedule.parse.as_ref().is_none_or(|names| names.contains(&parser.spec.name)));
            Arc::new(Plan::new(chosen.cloned().collect()))
        });
        plan.clone()
    }

    /// How long to wait after a poll that went well: as the schedule's closure says, if it has one.
    pub(super) fn adapted(&mut self, key: &PollKey, polled: &Polled, took: Duration, now: Time) -> Ended {
        let Some(Wanted { target, schedule, .. }) = self.wanted.get(key) else { return Ended::Done };
        let Some(Adapt(adapt)) = schedule.adapt.as_ref().filter(|_| &*key.stream == LOGS) else { return Ended::Done };
        let lag = polled.newest.map_or(Duration::ZERO, |newest| Duration::from_micros(now.0.abs_diff(newest.0)));
        let entries = usize::try_from(polled.entries).unwrap_or(usize::MAX);
        let seen = schedule::Polled { target: &target.name, labels: &target.labels, entries, lag, took };
        match adapt(&seen) {
            Ok(Some(wait)) => Ended::DoneFor(wait.clamp(ADAPT_MIN, ADAPT_MAX)),
            Ok(None) => Ended::Done,
            Err(error) => {
                let what = format!("schedule `{}` can't adapt to {key}, it goes on as usual: {error}", schedule.name);
                if self.adapt_trouble.len() < SAID_MAX && self.adapt_trouble.insert(what.clone()) {
                    tracing::warn!("{what}");
                }
                Ended::Done
            }
        }
    }

    /// Logs a standing problem once, not on every tick.
    pub(super) fn say_once(&mut self, problems: Vec<String>) {
        for problem in problems.iter().filter(|problem| !self.said.contains(*problem)) {
            tracing::warn!("{problem}");
        }
        self.said = problems.into_iter().collect();
    }

    /// Logs when the store does not answer, and when it does again.
    fn say_store_trouble(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(error) if self.store_trouble != trouble => {
                tracing::warn!("the store is not ready, polls wait for it: {error}");
            }
            None if self.store_trouble.is_some() => tracing::info!("the store is ready again"),
            _ => {}
        }
        self.store_trouble = trouble;
    }
}

/// How a poll of the schedule reads.
pub(super) fn reading(wanted: &Wanted) -> Reading {
    let schedule = &wanted.schedule;
    Reading { limit: schedule.limit, timeout: schedule.timeout, since: schedule.since }
}
