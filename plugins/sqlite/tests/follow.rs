//! Following the streams of a target into a real store: checkpoints stay apart, and its troubles are kept.

use infralogs_core::{
    Error, Result,
    collect::{Follower, Reading},
    cursor::Cursor,
    entry::{Batch, Gap},
    id::Id128,
    parse::Plan,
    plugin::{Ask, LOGS, Later, Source, Store, Stream},
    tables,
    testing::batch::{all, cursor, entries, machine, seqnums, target},
};
use infralogs_sqlite::Sqlite;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

const HOW: Reading = Reading { limit: 100, timeout: Duration::from_secs(20), since: None };
const ENTRIES: u64 = 5;

/// A journal of a few entries that can be told to fail.
struct Journal(Arc<AtomicBool>);

impl Source for Journal {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        let fails = self.0.load(Ordering::Relaxed);
        let (after, limit) = (ask.after, ask.limit);
        Box::pin(async move {
            if fails {
                return Err(Error::unavailable("refused"));
            }
            let head = Some(cursor("web-1", 1));
            let mut batch = Batch { machine: machine("web-1"), head, next: after, ..Batch::default() };
            let from = after.map_or(1, |after| after.seqnum + 1);
            if limit > 0 && from <= ENTRIES {
                batch.entries = entries("web-1", from, ENTRIES + 1);
                batch.next = Some(cursor("web-1", ENTRIES));
            }
            Ok(batch)
        })
    }
}

/// A report of the same machine, with a counter of its own.
struct Report;

impl Report {
    fn cursor(seqnum: u64) -> Cursor {
        Cursor { seqnum_id: Id128::of(&[b"disk"]), ..cursor("web-1", seqnum) }
    }
}

impl Source for Report {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        let (after, limit) = (ask.after, ask.limit);
        Box::pin(async move {
            let own = after.filter(|after| after.seqnum_id == Self::cursor(0).seqnum_id);
            let now = Self::cursor(own.map_or(1_000, |after| after.seqnum + 1));
            let mut batch = Batch { machine: machine("web-1"), head: Some(now), next: after, ..Batch::default() };
            if limit > 0 {
                batch.entries.push_field(b"MESSAGE", b"half full");
                batch.entries.end(now);
                batch.next = Some(now);
            }
            Ok(batch)
        })
    }
}

fn store(folder: &TempDir) -> Arc<dyn Store> {
    let store = Sqlite::new(folder.path().join("logs.db"));
    store.migrate().expect("tables");
    Arc::new(store)
}

fn journal(fails: &Arc<AtomicBool>) -> Follower {
    Follower::new(target("web-1"), LOGS.into(), Box::new(Journal(fails.clone())))
}

async fn poll(follower: &mut Follower, store: &Arc<dyn Store>) -> Result<u64> {
    let plan = Arc::new(Plan::new(Vec::new()));
    follower.poll(&plan, store, HOW).await.map(|polled| polled.entries).map_err(|failure| failure.error)
}

#[tokio::test]
async fn a_report_polled_later_leaves_the_journals_checkpoint() {
    let folder = TempDir::new().expect("a folder");
    let store = store(&folder);
    let fails = Arc::default();
    assert_eq!(poll(&mut journal(&fails), &store).await.expect("polled"), ENTRIES);
    let mut disk = Follower::new(target("web-1"), "disk".into(), Box::new(Report));
    for _ in 0..2 {
        assert_eq!(poll(&mut disk, &store).await.expect("polled"), 1);
        // As after a restart: what is known is what is stored.
        assert_eq!(poll(&mut journal(&fails), &store).await.expect("polled"), 0, "nothing is read again");
    }
    let stream = |seqnum_id| Stream { machine: machine("web-1"), seqnum_id };
    let at = |stream| store.checkpoint(&stream).expect("a checkpoint").map(|cursor| cursor.seqnum);
    assert_eq!(at(stream(cursor("web-1", 0).seqnum_id)), Some(ENTRIES));
    assert_eq!(at(stream(Report::cursor(0).seqnum_id)), Some(1_001));
    assert_eq!(seqnums(&*store).len() as u64, ENTRIES + 2);
    assert_eq!(all(&*store, &tables::QUARANTINE).len(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_target_is_stored_until_it_answers() {
    let folder = TempDir::new().expect("a folder");
    let store = store(&folder);
    let fails = Arc::new(AtomicBool::new(false));
    let mut journal = journal(&fails);
    let error = || all(&*store, &tables::AGENTS).column("last_error").map(|column| format!("{:?}", column.get(0)));
    poll(&mut journal, &store).await.expect("polled");
    poll(&mut journal, &store).await.expect("polled");
    assert_eq!(error().as_deref(), Some("Missing"));
    fails.store(true, Ordering::Relaxed);
    poll(&mut journal, &store).await.expect_err("refused");
    assert!(error().is_some_and(|error| error.contains("refused")), "{:?}", error());
    fails.store(false, Ordering::Relaxed);
    poll(&mut journal, &store).await.expect("polled");
    assert_eq!(error().as_deref(), Some("Missing"), "an idle target that answers again is well");
}

/// A journal that lost its end with the power, and counts on from before what was read; it says so, or does not.
struct SetBack {
    says_so: bool,
}

impl SetBack {
    /// Entries of the boot after.
    fn cursor(seqnum: u64) -> Cursor {
        let before = cursor("web-1", seqnum);
        Cursor {
            boot: Id128::of(&[b"later"]),
            realtime: before.realtime + 60_000_000,
            xor_hash: seqnum + 100,
            ..before
        }
    }
}

impl Source for SetBack {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        let (after, limit, says_so) = (ask.after, ask.limit, self.says_so);
        Box::pin(async move {
            let head = Some(Self::cursor(6));
            let mut batch = Batch { machine: machine("web-1"), head, next: after, ..Batch::default() };
            let is_back = after.is_some_and(|after| after.boot != Self::cursor(0).boot);
            if limit == 0 || !is_back {
                return Ok(batch);
            }
            for seqnum in 3..=6 {
                batch.entries.push_field(b"MESSAGE", b"after the power came back");
                batch.entries.end(Self::cursor(seqnum));
            }
            batch.next = head;
            batch.gaps = vec![Gap { after, before: Self::cursor(3), lost: None }];
            batch.gaps.retain(|_| says_so);
            Ok(batch)
        })
    }
}

#[tokio::test]
async fn numbers_that_come_again_after_power_was_lost_are_other_entries() {
    let folder = TempDir::new().expect("a folder");
    let store = store(&folder);
    assert_eq!(poll(&mut journal(&Arc::default()), &store).await.expect("polled"), ENTRIES);
    let follower = |says_so| Follower::new(target("web-1"), LOGS.into(), Box::new(SetBack { says_so }));
    let error = poll(&mut follower(false), &store).await.expect_err("numbers come again, and nobody says why");
    assert!(error.to_string().contains("came again"), "{error}");
    for entries in [4, 0] {
        assert_eq!(poll(&mut follower(true), &store).await.expect("polled"), entries);
    }
    assert_eq!(seqnums(&*store), [1, 2, 3, 3, 4, 4, 5, 5, 6]);
    assert_eq!((all(&*store, &tables::GAPS).len(), all(&*store, &tables::QUARANTINE).len()), (1, 0));
}
