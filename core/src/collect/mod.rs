//! The collector: polls the fleet on schedule and stores what it brings, rows and checkpoint together.
//!
//! Outside events never act here directly: each tick looks at what the scripts and inventories want now and at
//! what is due, and starts that. Everything that must survive is in the store.

mod beat;
mod fleet;
mod inventories;
mod lease;
mod poll;
mod rhythm;
mod status;
mod timetable;

pub use fleet::{Wanted, wanted};
pub use inventories::{Inventories, OpenInventory};
pub use poll::{Follower, Polled, Reading};
pub use rhythm::Rhythm;
pub use status::{PollStatus, Status, Totals};
pub use timetable::{Ended, PollKey, Timetable};

use crate::{
    definitions::Definitions,
    error::{Error, Kind, Result},
    inventory::Target,
    parse::Plan,
    plugin::{LOGS, Source, Store},
    schedule::{self, ADAPT_MAX, ADAPT_MIN, Adapt},
    time::Time,
};
use lease::{HOLD, Leases};
use poll::blocking;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// The longest the loop sleeps: how soon a changed schedule is in force.
const TICK: Duration = Duration::from_secs(1);
/// How often inventories are asked again.
const INVENTORY_EVERY: Duration = Duration::from_secs(5);
/// How long a collector that polls once waits for inventory plugins.
const FIRST_ANSWERS_MAX: Duration = Duration::from_secs(30);
/// So many failures of closures are said of one generation.
const SAID_MAX: usize = 100;
/// How often old rows are dropped.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);

/// Gives the current generation of the scripts; a poll takes it once.
pub type Current = Arc<dyn Fn() -> Arc<Definitions> + Send + Sync>;
/// Opens a stream of a target for reading; checks, never connects.
pub type Open = Arc<dyn Fn(&Target, &str) -> Result<Box<dyn Source>> + Send + Sync>;

/// What a collector is made of.
pub struct Collector {
    /// The scripts.
    pub current: Current,
    /// Where rows go.
    pub store: Arc<dyn Store>,
    /// How targets are read.
    pub open: Open,
    /// Who is there.
    pub inventories: Inventories,
    /// The most polls at once.
    pub polls_max: usize,
    /// What others see of it.
    pub status: Arc<Status>,
}

/// The parts that change while it runs.
struct Running {
    definitions: Arc<Definitions>,
    wanted: BTreeMap<PollKey, Wanted>,
    plans: HashMap<Arc<str>, Arc<Plan>>,
    table: Timetable,
    followers: HashMap<PollKey, Follower>,
    prepared: bool,
    leases: Leases,
    said: BTreeSet<String>,
    /// What closures of this generation's schedules failed with, each said once.
    adapt_trouble: BTreeSet<String>,
    store_trouble: Option<String>,
}

/// A poll that ended, with how long it took.
type Finished = (PollKey, Follower, Duration, Result<Polled>);

impl Collector {
    /// Polls until told to stop, then ends what is in flight and gives its leases back.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let mut running = Running::new(Leases::new(self.store.clone()));
        let mut flight: JoinSet<Finished> = JoinSet::new();
        let beating = tokio::spawn(beat::every_second(self.store.clone(), running.leases.owner().to_owned()));
        let (mut inventory_at, mut retain_at) = (Time(i64::MIN), Time(i64::MIN));
        while !*stop.borrow() {
            let now = Time::now();
            let definitions = (self.current)();
            if now >= inventory_at || !Arc::ptr_eq(&definitions, &running.definitions) {
                self.plan(&mut running, definitions, now);
                inventory_at = now.plus(INVENTORY_EVERY);
            }
            if now >= retain_at {
                retain_at = now.plus(RETAIN_EVERY);
                self.retain(running.definitions.clone());
            }
            self.start_due(&mut running, &mut flight, now).await;
            let sleep = running.table.next().map_or(TICK, |next| until(next).min(TICK));
            tokio::select! {
                _ = stop.changed() => break,
                Some(done) = flight.join_next() => self.finish(&mut running, done),
                () = self.inventories.changed() => inventory_at = now,
                () = tokio::time::sleep(sleep), if flight.len() < self.polls_max => {}
            }
        }
        while let Some(done) = flight.join_next().await {
            self.finish(&mut running, done);
        }
        beating.abort();
        running.leases.release().await
    }

    /// Polls every target until it has no more, once: `collect --once`. Fails if any target failed.
    pub async fn run_once(&self) -> Result<Totals> {
        let mut running = Running::new(Leases::new(self.store.clone()));
        self.plan(&mut running, (self.current)(), Time::now());
        self.inventories.answered(FIRST_ANSWERS_MAX).await;
        self.plan(&mut running, (self.current)(), Time::now());
        self.prepare(&mut running).await?;
        // Machines that can't be found were not polled.
        let mut failures: Vec<String> = running.said.iter().cloned().collect();
        for (key, wanted) in running.wanted.clone() {
            let plan = running.plan_of(&wanted);
            let mut follower =
                Follower::new(wanted.target.clone(), key.stream.clone(), (self.open)(&wanted.target, &key.stream)?);
            let reading = reading(&wanted);
            loop {
                match follower.poll(&plan, &self.store, reading).await {
                    Ok(polled) => {
                        self.status.succeeded(&key, &polled, Time::now());
                        if !polled.more {
                            break;
                        }
                    }
                    Err(error) => {
                        self.status.failed(&key, &error.to_string());
                        failures.push(format!("{key}: {error}"));
                        break;
                    }
                }
            }
        }
        if failures.is_empty() { Ok(self.status.totals()) } else { Err(Error::failed(failures.join("\n"))) }
    }

    /// Takes over what scripts and inventories want now.
    fn plan(&self, running: &mut Running, definitions: Arc<Definitions>, now: Time) {
        self.inventories.keep(&definitions);
        let (wanted, problems) = wanted(&definitions, &self.inventories);
        running.say_once(problems.iter().map(ToString::to_string).collect());
        let rhythms = wanted.iter().map(|(key, wanted)| (key.clone(), wanted.rhythm.clone())).collect();
        running.table.want(&rhythms, now);
        // A target that moved or got another token is opened anew.
        running.followers.retain(|key, follower| wanted.get(key).is_some_and(|now| now.target == follower.target));
        self.status.keep(|key| wanted.contains_key(key));
        if !Arc::ptr_eq(&definitions, &running.definitions) {
            running.plans.clear();
            running.adapt_trouble.clear();
            running.prepared = false;
        }
        running.wanted = wanted;
        running.definitions = definitions;
    }

    async fn start_due(&self, running: &mut Running, flight: &mut JoinSet<Finished>, now: Time) {
        let due = running.table.start(now, self.polls_max.saturating_sub(flight.len()));
        if due.is_empty() {
            return;
        }
        if let Err(error) = self.prepare(running).await {
            self.status.store_said(Some(error.to_string()));
            running.say_store_trouble(Some(error.to_string()));
            for key in due {
                self.status.failed(&key, &error.to_string());
                running.table.end(&key, Ended::Failed, now);
            }
            return;
        }
        running.say_store_trouble(None);
        let mine = running.leases.claim(&due, now).await;
        self.status.store_said(mine.as_ref().err().map(ToString::to_string));
        for key in due {
            match &mine {
                Ok(mine) if mine.contains(&key) => self.start(running, flight, key, now),
                Ok(_) => running.table.end(&key, Ended::Held(HOLD), now),
                Err(error) => {
                    self.status.failed(&key, &error.to_string());
                    running.table.end(&key, Ended::Failed, now);
                }
            }
        }
    }

    fn start(&self, running: &mut Running, flight: &mut JoinSet<Finished>, key: PollKey, now: Time) {
        let Some(wanted) = running.wanted.get(&key).cloned() else { return };
        let follower = running.followers.remove(&key).map_or_else(
            || {
                let source = (self.open)(&wanted.target, &key.stream)?;
                Ok(Follower::new(wanted.target.clone(), key.stream.clone(), source))
            },
            Ok,
        );
        let mut follower = match follower {
            Ok(follower) => follower,
            Err(error) => {
                self.note_failure(&key, &error);
                running.table.end(&key, Ended::Failed, now);
                return;
            }
        };
        let (plan, store) = (running.plan_of(&wanted), self.store.clone());
        flight.spawn(async move {
            let begun = Instant::now();
            let polled = follower.poll(&plan, &store, reading(&wanted)).await;
            (key, follower, begun.elapsed(), polled)
        });
    }

    fn finish(&self, running: &mut Running, done: Result<Finished, tokio::task::JoinError>) {
        let now = Time::now();
        let (key, follower, took, polled) = match done {
            Ok(done) => done,
            Err(error) => {
                // The poll is lost from the table until it is planned anew; this must not happen, so say it loudly.
                tracing::error!(%error, "a poll ended in a panic; its target is opened anew");
                running.table = Timetable::default();
                running.definitions = Arc::default();
                return;
            }
        };
        let how = match &polled {
            Ok(polled) => {
                if self.status.succeeded(&key, polled, now) {
                    tracing::info!(poll = %key, "answers again");
                }
                if polled.more { Ended::More } else { running.adapted(&key, polled, took, now) }
            }
            Err(error) => {
                self.note_failure(&key, error);
                Ended::Failed
            }
        };
        running.table.end(&key, how, now);
        if running.wanted.get(&key).is_some_and(|wanted| wanted.target == follower.target) {
            running.followers.insert(key, follower);
        }
    }

    /// Logs a failure when it begins or changes, not on every try.
    fn note_failure(&self, key: &PollKey, error: &Error) {
        if self.status.failed(key, &error.to_string()) {
            tracing::warn!(poll = %key, "{error}");
        }
    }

    /// Makes the tables of the current generation before anything is stored.
    async fn prepare(&self, running: &mut Running) -> Result<()> {
        if running.prepared {
            return Ok(());
        }
        let (store, definitions) = (self.store.clone(), running.definitions.clone());
        blocking(move || {
            store.migrate()?;
            store.prepare(&definitions.tables)
        })
        .await?;
        running.prepared = true;
        Ok(())
    }

    fn retain(&self, definitions: Arc<Definitions>) {
        let store = self.store.clone();
        tokio::spawn(async move {
            let dropped = blocking(move || store.retain(&definitions.tables, Time::now())).await;
            match dropped {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "dropped rows older than their tables keep"),
                Err(error) if error.kind == Kind::Unavailable => {}
                Err(error) => tracing::warn!("cannot drop old rows: {error}"),
            }
        });
    }
}

impl Running {
    fn new(leases: Leases) -> Self {
        Self {
            definitions: Arc::default(),
            wanted: BTreeMap::new(),
            plans: HashMap::new(),
            table: Timetable::default(),
            followers: HashMap::new(),
            prepared: false,
            leases,
            said: BTreeSet::new(),
            adapt_trouble: BTreeSet::new(),
            store_trouble: None,
        }
    }

    /// The schedule's parsers, compiled together once per generation.
    fn plan_of(&mut self, wanted: &Wanted) -> Arc<Plan> {
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
    fn adapted(&mut self, key: &PollKey, polled: &Polled, took: Duration, now: Time) -> Ended {
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
    fn say_once(&mut self, problems: Vec<String>) {
        for problem in problems.iter().filter(|problem| !self.said.contains(*problem)) {
            tracing::warn!("{problem}");
        }
        self.said = problems.into_iter().collect();
    }

    /// Logs when the store's tables can't be made, and when they can again.
    fn say_store_trouble(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(error) if self.store_trouble != trouble => tracing::warn!("the store is not ready: {error}"),
            None if self.store_trouble.is_some() => tracing::info!("the store is ready again"),
            _ => {}
        }
        self.store_trouble = trouble;
    }
}

fn reading(wanted: &Wanted) -> Reading {
    let schedule = &wanted.schedule;
    Reading { limit: schedule.limit, timeout: schedule.timeout, since: schedule.since }
}

fn until(at: Time) -> Duration {
    Duration::from_micros(u64::try_from(at.0.saturating_sub(Time::now().0)).unwrap_or(0))
}
