//! The collector: polls the fleet on schedule and stores what it brings, rows and checkpoint together.
//!
//! Outside events never act here directly: each tick looks at what the scripts and inventories want now and at
//! what is due, and starts that. Everything that must survive is in the store.

mod beat;
mod fleet;
mod gate;
mod inventories;
mod lease;
mod machines;
mod poll;
mod reparse;
mod replay;
mod rhythm;
mod running;
mod status;
mod timetable;
mod upload;

pub use fleet::{Wanted, wanted};
pub use inventories::{Inventories, OpenInventory};
pub use machines::Machines;
pub use poll::{Failure, Follower, Party, Polled, Reading};
pub use reparse::{Reparsed, Step, Told, rehearse, reparse, writers};
#[cfg(feature = "testing")]
pub(crate) use reparse::{Sizes, reparse_by};
pub use replay::{Replayed, replay};
pub use rhythm::Rhythm;
pub use status::{DELAY_LIMITS_S, Delays, PollStatus, Status, Totals, Turn};
pub use timetable::{Ended, PollKey, Timetable};
pub use upload::{Upload, Uploads};

use crate::{
    definitions::Definitions,
    error::{Error, Kind, Result},
    inventory::Target,
    plugin::{Source, Store},
    time::Time,
};
use lease::{Answer, HOLD};
use poll::blocking;
use running::{Running, reading};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, watch},
    task::{Id, JoinError, JoinSet},
};

/// The longest the loop sleeps: how soon a changed schedule is in force.
const TICK: Duration = Duration::from_secs(1);
/// How often inventories are asked again.
const INVENTORY_EVERY: Duration = Duration::from_secs(5);
/// How long a collector that polls once waits for inventory plugins.
const FIRST_ANSWERS_MAX: Duration = Duration::from_secs(30);
/// How often old rows are dropped, and how soon after the start once more: by then a new store has tables, and the page
/// of our own health something to say of them.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
const RETAIN_AGAIN: Duration = Duration::from_secs(10);

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
    /// Which machine each target is; machines that push are told from them by it.
    pub machines: Arc<Machines>,
}

/// A poll that ended, with how long it took.
type Finished = (PollKey, Follower, Duration, Result<Polled, Failure>);

/// What a collector waits for.
#[derive(Default)]
struct Work {
    flight: JoinSet<Finished>,
    asking: JoinSet<Answer>,
}

impl Collector {
    /// Polls until told to stop, then ends what is in flight and gives its leases back.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let mut running = Running::new(self.store.clone(), self.machines.clone());
        let mut work = Work::default();
        let store_fails = Arc::new(Notify::new());
        let beat = beat::every_second(self.store.clone(), running.leases.owner().to_owned(), store_fails.clone());
        let beating = tokio::spawn(beat);
        let (mut inventory_at, mut retain_at) = (Time(i64::MIN), Time(i64::MIN));
        let mut retain_after = RETAIN_AGAIN;
        let mut last = Time(i64::MIN);
        while !*stop.borrow() {
            let now = Time::now();
            if now < last {
                running.set_back(now);
                (inventory_at, retain_at) = (now, retain_at.min(now.plus(RETAIN_EVERY)));
            }
            last = now;
            let definitions = (self.current)();
            if now >= inventory_at || !Arc::ptr_eq(&definitions, &running.definitions) {
                self.plan(&mut running, definitions, now);
                inventory_at = now.plus(INVENTORY_EVERY);
            }
            if now >= retain_at {
                retain_at = now.plus(std::mem::replace(&mut retain_after, RETAIN_EVERY));
                self.retain(running.definitions.clone());
            }
            self.start_due(&mut running, &mut work, now);
            self.status.turned(Turn {
                at: now,
                wanted: running.wanted.len(),
                in_flight: work.flight.len(),
                in_flight_max: self.polls_max,
                waiting: running.leases.waiting(),
                rooms: running.rooms.taken().to_vec(),
            });
            let sleep = self.sleep(&running, &work);
            tokio::select! {
                _ = stop.changed() => break,
                Some(done) = work.flight.join_next_with_id() => self.finish(&mut running, done),
                Some(answer) = work.asking.join_next() => self.answered(&mut running, &mut work.flight, answer),
                () = self.inventories.changed() => inventory_at = now,
                () = store_fails.notified() => running.gate.suspect(now),
                () = tokio::time::sleep(sleep) => {}
            }
        }
        beating.abort();
        while let Some(done) = work.flight.join_next_with_id().await {
            self.finish(&mut running, done);
        }
        work.asking.shutdown().await;
        running.leases.release().await
    }

    /// How long nothing can be due.
    fn sleep(&self, running: &Running, work: &Work) -> Duration {
        let full = work.flight.len() + running.leases.waiting() >= self.polls_max;
        let next = match running.gate.ask_at() {
            _ if full => None,
            None => running.table.next(),
            Some(_) if !work.asking.is_empty() => None,
            Some(ask_at) => running.table.next().map(|next| next.max(ask_at)),
        };
        next.map_or(TICK, |next| until(next).min(TICK))
    }

    /// Polls every target until it has no more, once: `collect --once`. Fails if any target failed.
    pub async fn run_once(&self) -> Result<Totals> {
        let mut running = Running::new(self.store.clone(), self.machines.clone());
        self.plan(&mut running, (self.current)(), Time::now());
        self.inventories.answered(FIRST_ANSWERS_MAX).await;
        self.plan(&mut running, (self.current)(), Time::now());
        self.prepare(&mut running).await?;
        // Machines that can't be found were not polled.
        let mut failures: Vec<String> = running.said.iter().cloned().collect();
        for (key, wanted) in running.wanted.clone() {
            let plan = running.plan_of(&wanted);
            let mut follower =
                Follower::new(wanted.target.clone(), key.stream.clone(), (self.open)(&wanted.target, &key.stream)?)
                    .among(&running.machines, &running.rooms);
            let reading = reading(&wanted);
            loop {
                match follower.poll(&plan, &self.store, reading).await {
                    Ok(polled) => {
                        self.status.succeeded(&key, &polled, Time::now());
                        if !polled.more {
                            break;
                        }
                    }
                    Err(Failure { by: Party::Store, error }) if error.kind == Kind::Conflict => {
                        running.prepared = false;
                        self.prepare(&mut running).await?;
                    }
                    Err(Failure { error, .. }) => {
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
        running.leases.keep(|key| wanted.contains_key(key));
        running.machines.keep(wanted.keys().map(|key| key.target.clone()).collect());
        self.status.keep(|key| wanted.contains_key(key));
        running.wanted = wanted;
        running.take(definitions, now);
    }

    /// Starts what is due and ours, and asks the store for what may be ours.
    fn start_due(&self, running: &mut Running, work: &mut Work, now: Time) {
        let free = self.polls_max.saturating_sub(work.flight.len() + running.leases.waiting());
        if running.gate.may_ask(now) {
            for key in running.table.start(now, free) {
                match running.is_ours(&key, now) {
                    true => self.start(running, &mut work.flight, key),
                    false => running.leases.want(key),
                }
            }
        }
        if work.asking.is_empty()
            && let Some(question) = running.question(now)
        {
            work.asking.spawn(running.leases.ask(question));
        }
    }

    /// The store said which of the polls that are due are ours.
    fn answered(&self, running: &mut Running, flight: &mut JoinSet<Finished>, answer: Result<Answer, JoinError>) {
        let now = Time::now();
        let answer = match answer {
            Ok(answer) => answer,
            // What blocks catches its own panics: the task itself was ended, which only the end does.
            Err(error) => return tracing::error!(%error, "a question to the store ended without an answer"),
        };
        match running.answered(answer, now) {
            Ok(claimed) => {
                self.status.store_said(None);
                for key in claimed.others {
                    running.table.end(&key, Ended::Held(HOLD), now);
                }
                for key in claimed.mine {
                    match running.is_ours(&key, now) {
                        true => self.start(running, flight, key),
                        // The scripts changed meanwhile: their tables come first.
                        false => running.leases.want(key),
                    }
                }
            }
            Err(error) => self.status.store_said(Some(error.to_string())),
        }
    }

    fn start(&self, running: &mut Running, flight: &mut JoinSet<Finished>, key: PollKey) {
        let now = Time::now();
        let Some(wanted) = running.wanted.get(&key).cloned() else {
            return running.table.end(&key, Ended::Done, now);
        };
        let follower = running.followers.remove(&key).map_or_else(
            || {
                let source = (self.open)(&wanted.target, &key.stream)?;
                Ok(Follower::new(wanted.target.clone(), key.stream.clone(), source)
                    .among(&running.machines, &running.rooms))
            },
            Ok,
        );
        let mut follower = match follower {
            Ok(follower) => follower,
            Err(error) => {
                self.note_failure(&key, &error);
                return running.table.end(&key, Ended::Failed, now);
            }
        };
        let late = running.table.was_due(&key).map_or(0, |due| now.0.saturating_sub(due.0));
        self.status.started(Duration::from_micros(u64::try_from(late).unwrap_or(0)));
        let (plan, store, own) = (running.plan_of(&wanted), self.store.clone(), key.clone());
        let task = flight.spawn(async move {
            let begun = Instant::now();
            let polled = follower.poll(&plan, &store, reading(&wanted)).await;
            (key, follower, begun.elapsed(), polled)
        });
        running.flying.insert(task.id(), own);
    }

    fn finish(&self, running: &mut Running, done: Result<(Id, Finished), JoinError>) {
        let now = Time::now();
        let (id, done) = match done {
            Ok((id, done)) => (id, Ok(done)),
            Err(error) => (error.id(), Err(error)),
        };
        let flown = running.flying.remove(&id);
        let (key, follower, took, polled) = match (done, flown) {
            (Ok(done), _) => done,
            // Its follower is gone with it, so the next poll begins from the stored checkpoint like any first one.
            (Err(error), Some(key)) => {
                tracing::error!(poll = %key, %error, "a poll ended in a panic, which is a mistake in this program");
                self.status.failed(&key, "its poll ended in a panic; see the log");
                return running.table.end(&key, Ended::Failed, now);
            }
            (Err(_), None) => return,
        };
        let how = match &polled {
            Ok(polled) => {
                if self.status.succeeded(&key, polled, now) {
                    tracing::info!(poll = %key, "answers again");
                }
                if polled.more { Ended::More } else { running.adapted(&key, polled, took, now) }
            }
            // A table was built anew: ours are looked at first, then it goes on.
            Err(Failure { by: Party::Store, error }) if error.kind == Kind::Conflict => {
                running.prepared = false;
                Ended::More
            }
            Err(Failure { by, error }) => {
                self.note_failure(&key, error);
                if *by == Party::Store {
                    self.status.not_stored(&key, &error.to_string());
                }
                if *by == Party::Store && error.kind == Kind::Unavailable {
                    running.gate.suspect(now);
                }
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

fn until(at: Time) -> Duration {
    Duration::from_micros(u64::try_from(at.0.saturating_sub(Time::now().0)).unwrap_or(0))
}
