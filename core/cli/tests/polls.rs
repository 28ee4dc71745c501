//! The collector's loop on machines of this process: how many polls run at once, whose turn it is, how much they hold
//! together, and that a poll which ends in a panic costs nobody else anything.

mod parts;

use infralogs_core::{
    Error, Result,
    collect::{Collector, Inventories, Status},
    entry::{Batch, Entries},
    id::Id128,
    plugin::{Ask, LOGS, Later, Source},
    script,
    testing::batch,
};
use infralogs_sqlite::Sqlite;
use parts::wait_for;
use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

/// Machines by name, each with so many entries, and what was seen of their polls.
#[derive(Default)]
struct Fleet {
    machines: BTreeMap<String, u64>,
    /// How long a machine takes for an answer.
    takes: Duration,
    /// What it holds meanwhile, in bytes.
    holds: usize,
    /// The reads of the machine `mad` that end in a panic: its first is 1.
    panics: Range<usize>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Reads under way, by machine.
    now: BTreeMap<String, usize>,
    /// The most at once, and of one machine.
    most: usize,
    most_of_one: usize,
    /// Bytes held now, and the most ever.
    held: usize,
    held_most: usize,
    /// The machines that gave entries, in order.
    given: Vec<String>,
    /// Reads begun, by machine.
    reads: BTreeMap<String, usize>,
}

impl Fleet {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which read of it this is.
    fn begin(&self, name: &str) -> usize {
        let mut seen = self.seen();
        let reads = seen.reads.entry(name.to_owned()).or_default();
        *reads += 1;
        let read = *reads;
        let now = seen.now.entry(name.to_owned()).or_default();
        *now += 1;
        let (of_one, all) = (*now, seen.now.values().sum());
        seen.most = seen.most.max(all);
        seen.most_of_one = seen.most_of_one.max(of_one);
        read
    }

    fn end(&self, name: &str, gave: bool) {
        let mut seen = self.seen();
        *seen.now.get_mut(name).expect("it began") -= 1;
        if gave {
            seen.given.push(name.to_owned());
        }
    }

    fn grow(&self, bytes: usize) {
        let mut seen = self.seen();
        seen.held += bytes;
        seen.held_most = seen.held_most.max(seen.held);
    }

    /// Holds bytes bit by bit, as an answer that grows does.
    async fn hold(&self, ask: &Ask) {
        const PIECE: usize = 512 << 10;
        for held in 1..=self.holds / PIECE {
            ask.room.hold(held * PIECE).await;
            self.grow(PIECE);
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(self.takes).await;
        self.seen().held -= self.holds;
    }

    fn answer(&self, name: &str, stream: &str, ask: &Ask) -> Batch {
        // A report is counted by itself.
        let (counter, head) = match stream {
            LOGS => (name.to_owned(), self.machines[name]),
            report => (format!("{name}/{report}"), 1),
        };
        let after = ask.after.map_or(0, |after| after.seqnum);
        let next = head.min(after + ask.limit as u64);
        let entries = if next > after { batch::entries(&counter, after + 1, next + 1) } else { Entries::default() };
        let cursor = |seqnum: u64| (seqnum > 0).then(|| batch::cursor(&counter, seqnum));
        let machine: Id128 = batch::machine(name);
        Batch { entries, machine, next: cursor(next), head: cursor(head), more: next < head, ..Batch::default() }
    }
}

/// One stream of one of them.
struct Answers {
    fleet: Arc<Fleet>,
    name: String,
    stream: String,
}

impl Source for Answers {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let fleet = &*self.fleet;
            let read = fleet.begin(&self.name);
            if self.name == "mad" && fleet.panics.contains(&read) {
                fleet.end(&self.name, false);
                panic!("a source with a mistake");
            }
            if ask.limit > 0 {
                fleet.hold(ask).await;
            }
            let batch = fleet.answer(&self.name, &self.stream, ask);
            fleet.end(&self.name, !batch.entries.is_empty());
            Ok(batch)
        })
    }
}

/// A collector at work on them.
struct Collecting {
    store: Arc<Sqlite>,
    status: Arc<Status>,
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<()>>,
    runtime: Runtime,
    _folder: TempDir,
}

impl Collecting {
    /// `how`: what the schedule says besides its targets.
    fn start(fleet: &Arc<Fleet>, how: &str, polls_max: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let targets: Vec<String> =
            fleet.machines.keys().map(|name| format!("#{{ name: \"{name}\", url: \"http://{name}:7070\" }}")).collect();
        let text = format!("schedule(\"fleet\").targets([{}]){how};\n", targets.join(", "));
        fs::write(folder.path().join("fleet.rhai"), text).expect("written");
        let definitions = script::load(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
        let store = Arc::new(Sqlite::new(folder.path().join("logs.db")));
        let status = Arc::<Status>::default();
        let machines = fleet.clone();
        let collector = Collector {
            current: Arc::new(move || definitions.clone()),
            store: store.clone(),
            open: Arc::new(move |target, stream| {
                let (fleet, name) = (machines.clone(), target.name.to_string());
                Ok(Box::new(Answers { fleet, name, stream: stream.to_owned() }))
            }),
            inventories: Inventories::new(
                BTreeMap::new(),
                folder.path().to_owned(),
                Arc::new(|_| Err(Error::invalid("no plugin here"))),
            ),
            polls_max,
            status: status.clone(),
            machines: Arc::default(),
        };
        let runtime = Runtime::new().expect("threads");
        let (stop, stopped) = watch::channel(false);
        let running = runtime.spawn(async move { collector.run(stopped).await });
        Self { store, status, stop, running, runtime, _folder: folder }
    }

    fn entries(&self) -> u64 {
        self.status.totals().entries
    }

    /// Ends it; every entry of every machine is stored, once.
    fn end(self, fleet: &Fleet) {
        self.stop.send_replace(true);
        self.runtime.block_on(self.running).expect("no panic of the loop").expect("it ends well");
        let reports = self.status.polls().iter().filter(|(key, _)| &*key.stream != LOGS).count() as u64;
        let wanted = fleet.machines.values().sum::<u64>() + reports;
        assert_eq!(batch::seqnums(&*self.store).len() as u64, wanted, "every entry once");
    }
}

fn many(machines: usize, entries: u64) -> BTreeMap<String, u64> {
    (0..machines).map(|at| (format!("vm-{at:02}"), entries)).collect()
}

/// The limit of all polls, and that of one host: its journal and its reports.
#[test]
fn so_many_polls_run_at_once_and_no_more() {
    const POLLS_MAX: usize = 5;
    let reports = ".every(500.millis).report(\"disk\", 500.millis).report(\"failed_units\", 500.millis)";
    // Twice as long as would let five at a time keep up: there are always five.
    let takes = Duration::from_millis(100);
    for (per_host, bound) in [("", usize::MAX), (".per_host(2)", 2), (".per_host(1)", 1)] {
        let fleet = Arc::new(Fleet { machines: many(16, 10), takes, ..Fleet::default() });
        let collecting = Collecting::start(&fleet, &format!("{reports}{per_host}"), POLLS_MAX);
        wait_for("every stream, three times", || {
            let reads = fleet.seen().reads.clone();
            (reads.len() == fleet.machines.len() && reads.values().all(|reads| *reads >= 9)).then_some(())
        });
        wait_for("as many as may be", || (fleet.seen().most >= POLLS_MAX).then_some(()));
        if bound > 1 {
            // Streams of one host do meet where they may.
            wait_for("two of one host", || (fleet.seen().most_of_one >= 2).then_some(()));
        }
        let seen = fleet.seen();
        let (most, of_one) = (seen.most, seen.most_of_one);
        drop(seen);
        assert_eq!(most, POLLS_MAX, "{most} polls at once");
        assert!(of_one <= bound, "{of_one} polls of one host at once, with `{per_host}`");
        collecting.end(&fleet);
    }
}

#[test]
fn a_poll_that_panics_is_tried_again_and_no_other_notices() {
    const PANICS: usize = 12;
    let mut machines = many(8, 30);
    machines.insert("mad".into(), 30);
    // Behind the first of three batches.
    let fleet = Arc::new(Fleet { machines, panics: 3..3 + PANICS, ..Fleet::default() });
    // Once an hour: whoever is asked again was planned anew.
    let how = ".every(1.hours).limit(10).backoff(100.millis, 200.millis)";
    let collecting = Collecting::start(&fleet, how, 64);
    let of = |name: &str| {
        let polls = collecting.status.polls();
        polls.into_iter().find(|(key, _)| &*key.target == name).map(|(_, poll)| poll).unwrap_or_default()
    };
    wait_for("the panic to be said", || of("mad").error.filter(|error| error.contains("panic")));
    wait_for("every entry", || (collecting.entries() == 9 * 30).then_some(()));
    let mad = of("mad");
    assert_eq!((mad.failed, mad.error, mad.entries), (PANICS as u64, None, 30));
    let reads = fleet.seen().reads.clone();
    for (name, reads) in reads {
        // Who it is, and three batches; who it is again afterwards.
        let wanted = if name == "mad" { 4 + PANICS + 1 } else { 4 };
        assert_eq!(reads, wanted, "reads of {name}");
        let poll = of(&name);
        assert!(name == "mad" || (poll.failed, poll.entries) == (0, 30), "{name}: {poll:?}");
    }
    collecting.end(&fleet);
}

/// One that has more is asked again at once, though its schedule says once an hour, and the others have their turns.
#[test]
fn a_backlog_is_read_at_once_and_starves_nobody() {
    const BATCHES: u64 = 50;
    let mut machines = many(5, 10);
    machines.insert("noisy".into(), BATCHES * 100);
    let fleet = Arc::new(Fleet { machines, takes: Duration::from_millis(5), ..Fleet::default() });
    let collecting = Collecting::start(&fleet, ".every(1.hours).limit(100)", 1);
    wait_for("all of it", || (collecting.entries() == BATCHES * 100 + 50).then_some(()));
    let given = std::mem::take(&mut fleet.seen().given);
    assert_eq!(given.iter().filter(|name| *name == "noisy").count() as u64, BATCHES);
    let last = given.iter().rposition(|name| name != "noisy").expect("the others");
    assert!(last < BATCHES as usize / 2, "the last of the others had its turn after {last} others: {given:?}");
    collecting.end(&fleet);
}

/// However many answers are large at once, only some of them are held.
#[test]
fn polls_hold_only_so_much_together() {
    const MACHINES: usize = 40;
    let (holds, takes) = (32 << 20, Duration::from_millis(300));
    let fleet = Arc::new(Fleet { machines: many(MACHINES, 10), holds, takes, ..Fleet::default() });
    // Four at a time: the last waits for three seconds, which are not the machine's own time.
    let collecting = Collecting::start(&fleet, ".every(1.hours).timeout(2.seconds)", 64);
    wait_for("every machine", || (collecting.entries() == MACHINES as u64 * 10).then_some(()));
    let most = fleet.seen().held_most;
    assert!(most < MACHINES * holds / 2, "{} MiB were held at once", most >> 20);
    assert!(collecting.status.polls().iter().all(|(_, poll)| poll.failed == 0), "waiting is no failure");
    collecting.end(&fleet);
}
