//! Polls one stream of one target once: read, parse, store.

use super::machines::Machines;
use crate::{
    cursor::Cursor,
    entry::Batch,
    error::{Error, Kind, Result},
    fields::label_field,
    inventory::Target,
    parse::Plan,
    plugin::{Ask, Commit, Committed, LOGS, Source, Store, Stream},
    room::{Room, Rooms},
    time::Time,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Follows one stream of a target from poll to poll. What it knows is only a copy of the stored checkpoint.
pub struct Follower {
    /// Whom it follows.
    pub target: Target,
    /// Its labels as fields of each entry.
    labels: Vec<(String, String)>,
    stream: Arc<str>,
    source: Box<dyn Source>,
    /// Which machines the other targets are.
    machines: Arc<Machines>,
    /// What all polls together may hold.
    rooms: Rooms,
    place: Option<Place>,
    reported: Option<Time>,
    /// What is wrong with the target itself, from this poll; the store's troubles are not its.
    trouble: Option<String>,
    /// What the store was last told is wrong with it, and when.
    told: Option<(Time, String)>,
}

/// Where the store says reading goes on.
#[derive(Debug, Clone, Copy)]
struct Place {
    stream: Stream,
    checkpoint: Option<Cursor>,
}

/// What one poll did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Polled {
    /// Entries stored.
    pub entries: u64,
    /// Rows stored in all tables.
    pub rows: u64,
    /// Bytes of the entries stored: their fields' names and values.
    pub bytes: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Entries left out by rules.
    pub dropped: u64,
    /// Entries damaged in the journal.
    pub unreadable: u64,
    /// Holes in the journal.
    pub gaps: u64,
    /// Entries known to be lost before us, in those holes.
    pub lost: u64,
    /// The time of the newest entry stored.
    pub newest: Option<Time>,
    /// Whether there is more to read at once.
    pub more: bool,
    /// Parsers whose closure ran away so often that it was not run for the rest of the batch.
    pub resting: Vec<Arc<str>>,
}

/// Why a poll failed, and who is to blame.
#[derive(Debug)]
pub struct Failure {
    /// Who failed.
    pub by: Party,
    /// How.
    pub error: Error,
}

/// Who has a part in a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The machine that is polled.
    Target,
    /// The store, or what is done with entries before.
    Store,
}

/// How one poll reads.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The most entries.
    pub limit: usize,
    /// The longest it may take, the store excluded.
    pub timeout: Duration,
    /// How far back a machine never seen before is read.
    pub since: Option<Duration>,
}

/// The most bytes of one read of a source in this process, as far as it can cut there.
const DIRECT_BYTES: usize = 8 << 20;
/// An idle target, or one that goes on failing in the same words, is noted in the store this often.
const SEEN_EVERY: Duration = Duration::from_secs(30);

impl Follower {
    /// Follows a stream (`logs`, `disk`) of a target through a source that reads it.
    pub fn new(target: Target, stream: Arc<str>, source: Box<dyn Source>) -> Self {
        let labels = target.labels.iter().map(|(name, value)| (label_field(name), value.clone())).collect();
        let (machines, rooms) = (Arc::default(), Rooms::default());
        Self { target, labels, stream, source, machines, rooms, place: None, reported: None, trouble: None, told: None }
    }

    /// One of many targets, none of which may say that it is another's machine, and which hold only so much together.
    #[must_use]
    pub fn among(mut self, machines: &Arc<Machines>, rooms: &Rooms) -> Self {
        (self.machines, self.rooms) = (machines.clone(), rooms.clone());
        self
    }

    /// One poll. After an error nothing is assumed: the next poll reads the stored checkpoint again.
    pub async fn poll(
        &mut self,
        plan: &Arc<Plan>,
        store: &Arc<dyn Store>,
        how: Reading,
    ) -> std::result::Result<Polled, Failure> {
        self.trouble = None;
        let polled = self.read_and_store(plan, store, how).await;
        if polled.is_err() {
            self.place = None;
        }
        let by = if self.trouble.is_some() { Party::Target } else { Party::Store };
        match self.trouble.take() {
            Some(trouble) => self.note_trouble(store, trouble).await,
            None => self.told = None,
        }
        polled.map_err(|error| Failure { by, error })
    }

    async fn read_and_store(&mut self, plan: &Arc<Plan>, store: &Arc<dyn Store>, how: Reading) -> Result<Polled> {
        let Some(place) = self.find_place(store, how.timeout).await? else {
            self.note_seen(store).await?;
            return Ok(Polled::default());
        };
        let now = Time::now();
        let since = how.since.filter(|_| place.checkpoint.is_none()).map(|span| now.minus(span));
        // Held until everything is stored.
        let room = self.rooms.one();
        let mut ask = Ask { after: place.checkpoint, since, limit: how.limit, room: room.clone(), ..Ask::default() };
        if self.target.direct.is_some() {
            // Read in this process: it knows beforehand when to end.
            ask.bytes = DIRECT_BYTES;
            room.hold(DIRECT_BYTES).await;
        }
        let mut batch = self.read(&ask, how.timeout).await?;
        batch.entries.give_all(&self.labels);
        if batch.machine != place.stream.machine {
            let error = Error::new(Kind::Conflict, "another machine answers at this address than before")
                .at(&*self.target.name)
                .help("if it was replaced, the next poll follows the new one");
            self.trouble = Some(error.to_string());
            return Err(error);
        }
        plausible(&batch, place.checkpoint)
            .map_err(|error| error.at(&*self.target.name))
            .inspect_err(|error| self.trouble = Some(error.to_string()))?;
        let more = batch.more;
        // One that says there is more and goes nowhere is asked again at its usual time.
        let Some(next) = batch.next.filter(|next| Some(*next) != place.checkpoint) else {
            self.note_seen(store).await?;
            return Ok(Polled::default());
        };
        let (target, name) = (self.target.clone(), self.stream.clone());
        let (plan, store) = (plan.clone(), store.clone());
        let (polled, stored) =
            blocking(move || store_batch(&*store, &plan, (&target, &name), place.checkpoint, next, &batch, &room))
                .await?;
        match stored {
            Committed::Stored { rows } => {
                let stream = Stream { seqnum_id: next.seqnum_id, ..place.stream };
                self.place = Some(Place { stream, checkpoint: Some(next) });
                self.reported = Some(now);
                Ok(Polled { rows, more, ..polled })
            }
            Committed::Lost => {
                self.place = None;
                Ok(Polled { more: true, ..Polled::default() })
            }
        }
    }

    /// Asks the target who it is and the store where reading goes on; `None` while the target has no entry at all.
    async fn find_place(&mut self, store: &Arc<dyn Store>, timeout: Duration) -> Result<Option<Place>> {
        if self.place.is_some() {
            return Ok(self.place);
        }
        let hello = self.read(&Ask { limit: 0, ..Ask::default() }, timeout).await?;
        let Some(head) = hello.head else { return Ok(None) };
        let stream = Stream { machine: hello.machine, seqnum_id: head.seqnum_id };
        let (store, name, of_logs) = (store.clone(), self.target.name.clone(), &*self.stream == LOGS);
        let machines = self.machines.clone();
        if of_logs {
            machines.said(&name, stream);
        }
        let found = blocking(move || find_checkpoint(&*store, &machines, &name, stream, of_logs)).await?;
        let place = found.map_err(|owner| {
            let what =
                format!("it says it is the machine of target `{owner}`, whose place in its journal stays as it is");
            Error::new(Kind::Conflict, what)
                .at(&*self.target.name)
                .help(format!("poll a machine under one name; if `{owner}` is gone, take it out of the inventory"))
        });
        let place = place.inspect_err(|error| self.trouble = Some(error.to_string()))?;
        self.place = Some(place);
        Ok(self.place)
    }

    /// Reads from the target, and remembers what is wrong with it.
    async fn read(&mut self, ask: &Ask, timeout: Duration) -> Result<Batch> {
        let batch = read_within(&mut *self.source, ask, timeout).await;
        self.trouble = batch.as_ref().err().map(ToString::to_string);
        batch
    }

    /// Tells the store that the target fails: at once when the words are new, now and then while they stay.
    /// A store that is away hears it on a later poll.
    async fn note_trouble(&mut self, store: &Arc<dyn Store>, trouble: String) {
        let now = Time::now();
        if self.told.as_ref().is_some_and(|(at, told)| now.minus(SEEN_EVERY) < *at && *told == trouble) {
            return;
        }
        // That it answers again is said at once.
        self.reported = None;
        let (store, target, stream, text) = (store.clone(), self.target.clone(), self.stream.clone(), trouble.clone());
        let told = blocking(move || store.report(&target, &stream, now, Some(&text))).await;
        self.told = told.is_ok().then_some((now, trouble));
    }

    /// Tells the store now and then that an idle target still answers.
    async fn note_seen(&mut self, store: &Arc<dyn Store>) -> Result<()> {
        let now = Time::now();
        if self.reported.is_some_and(|at| now.minus(SEEN_EVERY) < at) {
            return Ok(());
        }
        let (store, target, stream) = (store.clone(), self.target.clone(), self.stream.clone());
        blocking(move || store.report(&target, &stream, now, None)).await?;
        self.reported = Some(now);
        Ok(())
    }
}

/// Where the store says reading goes on, or whose machine it is instead.
fn find_checkpoint(
    store: &dyn Store,
    machines: &Machines,
    target: &str,
    stream: Stream,
    of_logs: bool,
) -> Result<std::result::Result<Place, String>> {
    let checkpoint = store.checkpoint(&stream)?;
    let last = store.last_stream(target)?.filter(|last| last.machine == stream.machine);
    let is_known = last.is_some_and(|last| !of_logs || last.seqnum_id == stream.seqnum_id);
    if checkpoint.is_some()
        && !is_known
        && let Some(owner) = machines.owner(target, stream, of_logs, &store.targets_of(stream.machine)?)
    {
        return Ok(Err(owner));
    }
    // A report polled for the first time has none: the last stream is the journal's, whose checkpoint must stay.
    if checkpoint.is_some() || !of_logs {
        return Ok(Ok(Place { stream, checkpoint }));
    }
    // The journal may have begun a new counter while we were away: go on behind the old one's last entry.
    let checkpoint = last.map(|old| store.checkpoint(&old)).transpose()?.flatten();
    Ok(Ok(Place { stream: last.filter(|_| checkpoint.is_some()).unwrap_or(stream), checkpoint }))
}

/// Whether a batch can be what was asked for: nothing that was read before, and a place to go on that is behind it.
fn plausible(batch: &Batch, after: Option<Cursor>) -> Result<()> {
    // A machine that lost power may count again from before what was read of it; then it says so, in another boot.
    let set_back = |before: &Cursor| {
        let mut gaps = batch.gaps.iter().filter(|gap| gap.lost.is_none());
        gaps.any(|gap| gap.after == after && after.is_some_and(|after| after.boot != before.boot))
    };
    let is_behind = |one: &Cursor, other: &Cursor| {
        one.seqnum_id != other.seqnum_id || one.seqnum > other.seqnum || (Some(*other) == after && set_back(one))
    };
    let Some(next) = batch.next else { return Ok(()) };
    if let Some(after) = after {
        let mut all = batch.entries.iter().map(|entry| entry.cursor);
        if let Some(again) = all.find(|cursor| !is_behind(cursor, &after)) {
            let (again, after) = (again.seqnum, after.seqnum);
            return Err(Error::corrupt(format!("entry {again} came again: asked was for those behind entry {after}")));
        }
        if next != after && !is_behind(&next, &after) {
            return Err(Error::corrupt(format!("it leads back, from entry {} to {}", after.seqnum, next.seqnum)));
        }
    }
    match batch.entries.last_cursor() {
        Some(last) if last != next && !is_behind(&next, &last) => {
            Err(Error::corrupt(format!("it gave entry {} and says to go on behind {}", last.seqnum, next.seqnum)))
        }
        _ => Ok(()),
    }
}

/// Parses a batch and stores it with the checkpoint.
pub(super) fn store_batch(
    store: &dyn Store,
    plan: &Plan,
    (target, stream): (&Target, &str),
    expect: Option<Cursor>,
    next: Cursor,
    batch: &Batch,
    _held: &Room,
) -> Result<(Polled, Committed)> {
    let at = Time::now();
    let parsed = plan.run_on_cores(&batch.entries, at);
    let committed = store.commit(&Commit {
        target,
        stream,
        machine: batch.machine,
        expect,
        next,
        entries: &batch.entries,
        parsed: &parsed.rows,
        quarantined: &parsed.quarantined,
        gaps: &batch.gaps,
        dropped: batch.dropped,
        unreadable: batch.unreadable,
        at,
    })?;
    let polled = Polled {
        entries: batch.entries.len() as u64,
        bytes: batch.entries.bytes() as u64,
        quarantined: parsed.quarantined.len() as u64,
        dropped: batch.dropped,
        unreadable: batch.unreadable,
        gaps: batch.gaps.len() as u64,
        lost: batch.gaps.iter().filter_map(|gap| gap.lost).sum(),
        newest: batch.entries.last_cursor().map(|cursor| cursor.time()),
        resting: parsed.resting,
        ..Polled::default()
    };
    Ok((polled, committed))
}

async fn read_within(source: &mut dyn Source, ask: &Ask, timeout: Duration) -> Result<Batch> {
    let begun = Instant::now();
    let mut read = source.read(ask);
    loop {
        // Waiting for room is no fault of the machine's.
        let until = begun + timeout + ask.room.waited();
        match tokio::time::timeout_at(until.into(), &mut read).await {
            Ok(batch) => return batch,
            Err(_) if begun + timeout + ask.room.waited() > until => {}
            Err(_) => {
                let what = format!("no complete answer within {} ms", timeout.as_millis());
                return Err(Error::unavailable(what)
                    .help("see whether the agent is overloaded, or raise the schedule's .timeout(…)"));
            }
        }
    }
}

/// Runs what blocks (parsing, the store) where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::failed("a blocking task did not end").because(error)))
}
