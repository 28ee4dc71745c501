//! Takes what machines push, as systemd-journal-upload does: export text without an end, stored batch by batch behind
//! the same checkpoints as polls. What was stored before is passed over, so a machine may send again as much as it
//! likes.
//!
//! A sender can't be asked where to go on, and sends its counters one after another: each has a checkpoint of its own.
//! While the store is away nothing more is read, and the sender waits.

mod sift;
mod step;

use super::{Current, Failure, Machines, Party, PollKey, Polled, Status, poll::blocking};
use crate::{
    definitions::Definitions,
    entry::Entries,
    error::{Error, Kind, Result},
    fields::label_field,
    id::Id128,
    inventory::Pusher,
    parse::Plan,
    plugin::{LOGS, Store, Stream},
    room::{Room, Rooms},
    time::Time,
    wire::{Limits, export::Reader},
};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};
use step::{Counter, Step, Stepped};
use tokio::sync::Mutex;

/// Entries stored together; what came with the last of them is stored with the next.
const ENTRIES: usize = 5_000;
/// The same in bytes.
const BYTES: usize = 4 << 20;
/// The longest the store is waited for before the sender is told to come again.
const STORE_WAIT_MAX: Duration = Duration::from_secs(600);
/// The first wait after the store failed; it doubles up to the longest.
const WAIT: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// All machines that push to this process.
pub struct Uploads {
    current: Current,
    store: Arc<dyn Store>,
    machines: Arc<Machines>,
    status: Arc<Status>,
    rooms: Rooms,
    ready: Mutex<Option<(Arc<Definitions>, Arc<Plan>)>>,
}

impl Uploads {
    /// Beside the collector that polls into the same store.
    pub fn new(current: Current, store: Arc<dyn Store>, machines: Arc<Machines>, status: Arc<Status>) -> Arc<Self> {
        Arc::new(Self { current, store, machines, status, rooms: Rooms::default(), ready: Mutex::default() })
    }

    /// A machine begins to push.
    pub fn begin(self: &Arc<Self>, pusher: Pusher) -> Upload {
        let labels = pusher.target.labels.iter();
        let labels = labels.map(|(name, value)| (label_field(name), value.clone())).collect();
        Upload {
            key: PollKey { target: pusher.target.name.clone(), stream: LOGS.into() },
            pusher: Arc::new(pusher),
            labels,
            reader: Reader::new(Limits::default()),
            room: self.rooms.one(),
            machine: None,
            counters: HashMap::new(),
            begun: HashSet::new(),
            uploads: self.clone(),
        }
    }

    /// Every parser of the scripts in effect, their tables made.
    async fn plan(&self) -> Result<Arc<Plan>> {
        let mut ready = self.ready.lock().await;
        let definitions = (self.current)();
        if let Some((_, plan)) = ready.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &definitions)) {
            return Ok(plan.clone());
        }
        let (store, wanted) = (self.store.clone(), definitions.clone());
        blocking(move || {
            store.migrate()?;
            store.prepare(&wanted.tables)
        })
        .await?;
        let plan = Arc::new(Plan::new(definitions.parsers.clone()));
        *ready = Some((definitions, plan.clone()));
        Ok(plan)
    }
}

/// What one machine pushes, from the beginning of a request to its end.
pub struct Upload {
    uploads: Arc<Uploads>,
    key: PollKey,
    pusher: Arc<Pusher>,
    /// Its labels as fields of each entry.
    labels: Vec<(String, String)>,
    reader: Reader,
    /// What the reader may hold.
    room: Room,
    machine: Option<Id128>,
    counters: HashMap<Id128, Counter>,
    /// Counters of which entries came before.
    begun: HashSet<Id128>,
}

impl Upload {
    /// Takes the next piece; answers when the sender may go on, which may be after minutes.
    ///
    /// # Errors
    /// `Corrupt` for what is no export text, `Conflict` for a machine that may not push, `Unavailable` if the store is
    /// away for too long. What was stored before stays; nothing more must be pushed.
    pub async fn push(&mut self, mut piece: &[u8]) -> Result<()> {
        while !piece.is_empty() {
            if self.reader.entries() < ENTRIES && self.reader.bytes() < BYTES {
                self.room.hold(self.reader.bytes() + piece.len()).await;
                if let Err(error) = self.reader.push(piece) {
                    return Err(self.refused(error).await);
                }
                piece = &[];
            } else {
                match self.reader.push_one(piece) {
                    Ok(taken) => piece = &piece[taken..],
                    Err(error) => return Err(self.refused(error).await),
                }
            }
            if self.reader.entries() >= ENTRIES || self.reader.bytes() >= BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Stores the entries that are whole, unless another is begun: it comes first, or the end.
    ///
    /// # Errors
    /// As [`Upload::push`].
    pub async fn flush(&mut self) -> Result<()> {
        if self.reader.entries() == 0 || self.reader.is_within() {
            return Ok(());
        }
        self.store().await
    }

    /// The request is over, or broke off: stores what is whole.
    ///
    /// # Errors
    /// As [`Upload::push`], and `Unavailable` when an entry is begun.
    pub async fn finish(mut self) -> Result<()> {
        let within = self.reader.is_within();
        if self.reader.entries() > 0 {
            self.store().await?;
        }
        if within {
            return Err(self.refused(Error::unavailable("it broke off within an entry")).await);
        }
        self.uploads.status.pushed(&self.key, &Polled::default(), Time::now());
        Ok(())
    }

    async fn store(&mut self) -> Result<()> {
        let reader = std::mem::replace(&mut self.reader, Reader::new(Limits::default()));
        let mut entries = reader.whole().entries;
        let machine = match self.machine_of(&entries) {
            Ok(machine) => machine,
            Err(error) => return Err(self.refused(error).await),
        };
        entries.give_all(&self.labels);
        let entries = Arc::new(entries);
        for (seqnum_id, run) in runs(&entries) {
            self.store_run(Stream { machine, seqnum_id }, &entries, run).await?;
        }
        self.room = self.uploads.rooms.one();
        Ok(())
    }

    /// The one machine whose entries these are.
    fn machine_of(&mut self, entries: &Entries) -> Result<Id128> {
        for machine in entries.iter().filter_map(|entry| entry.machine()) {
            if *self.machine.get_or_insert(machine) != machine {
                return Err(Error::invalid("it sends the journals of two machines")
                    .at(&*self.pusher.target.name)
                    .help("let each machine push its own"));
            }
        }
        self.machine.ok_or_else(|| Error::corrupt("no entry says whose it is").help("send `_MACHINE_ID`"))
    }

    /// Stores entries of one counter; whatever the store says, it is tried again for a while.
    async fn store_run(&mut self, stream: Stream, entries: &Arc<Entries>, run: Range<usize>) -> Result<()> {
        let (begun, mut wait) = (Instant::now(), WAIT);
        loop {
            let Failure { by, error } = match self.step(stream, entries, run.clone()).await {
                Ok(Stepped::Stored(counter, polled)) => {
                    self.counters.insert(stream.seqnum_id, counter);
                    self.begun.insert(stream.seqnum_id);
                    self.uploads.status.pushed(&self.key, &polled, Time::now());
                    return Ok(());
                }
                Ok(Stepped::Lost) => {
                    Failure { by: Party::Store, error: Error::unavailable("another pushes the same journal") }
                }
                Err(failure) => failure,
            };
            // Nothing is assumed: whatever was stored, the checkpoint says.
            self.counters.remove(&stream.seqnum_id);
            if by == Party::Target || begun.elapsed() > STORE_WAIT_MAX {
                return Err(self.refused(error).await);
            }
            if error.kind == Kind::Conflict {
                // A table was built anew: ours are looked at first.
                self.uploads.ready.lock().await.take();
            }
            tracing::debug!(from = %self.key.target, "what it pushed waits for the store: {error}");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    async fn step(&self, stream: Stream, entries: &Arc<Entries>, run: Range<usize>) -> Result<Stepped, Failure> {
        let store_failed = |error| Failure { by: Party::Store, error };
        let step = Step {
            store: self.uploads.store.clone(),
            machines: self.uploads.machines.clone(),
            plan: self.uploads.plan().await.map_err(store_failed)?,
            pusher: self.pusher.clone(),
            stream,
            entries: entries.clone(),
            run,
            counter: self.counters.get(&stream.seqnum_id).copied(),
            first: !self.begun.contains(&stream.seqnum_id),
            room: self.room.clone(),
        };
        blocking(move || Ok(step.run())).await.map_err(store_failed)?
    }

    /// Notes that it was refused, and says so when it is new.
    async fn refused(&self, error: Error) -> Error {
        let text = error.to_string();
        if self.uploads.status.refused(&self.key, &text) {
            tracing::warn!(from = %self.key.target, "what it pushed is not stored: {text}");
            if error.kind != Kind::Unavailable {
                let (store, pusher) = (self.uploads.store.clone(), self.pusher.clone());
                // A store that is away hears it when the machine comes again.
                let _ = blocking(move || store.report(&pusher.target, LOGS, Time::now(), Some(&text))).await;
            }
        }
        error
    }
}

/// Entries of one counter, one after the other.
fn runs(entries: &Entries) -> Vec<(Id128, Range<usize>)> {
    let mut runs: Vec<(Id128, Range<usize>)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match runs.last_mut() {
            Some((id, run)) if *id == entry.cursor.seqnum_id => run.end = at + 1,
            _ => runs.push((entry.cursor.seqnum_id, at..at + 1)),
        }
    }
    runs
}
