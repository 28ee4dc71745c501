//! Polls a real systemd-journal-gatewayd: nothing lost, nothing twice, and what its journal lost is counted.
#![allow(clippy::unwrap_used)]

#[path = "../../journal/tests/parts/mod.rs"]
mod parts;

use infralogs_agent_api::PLUGIN;
use infralogs_core::{
    cursor::Cursor,
    entry::Batch,
    plugin::{Ask, Build, Filter, Settings, Source},
    time::Time,
};
use parts::journald::Journald;
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Far beyond what a start takes.
const LONG: Duration = Duration::from_secs(60);

struct Gatewayd(Child, u16);

impl Drop for Gatewayd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Gatewayd {
    fn start(journal: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("systemd-socket-activate")
            .args(["-l", &format!("127.0.0.1:{port}"), "/lib/systemd/systemd-journal-gatewayd", "-D"])
            .arg(journal)
            .stderr(Stdio::null())
            .spawn()
            .expect("it is installed");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < LONG, "gatewayd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child, port)
    }

    fn source(&self) -> Box<dyn Source> {
        let Build::Source(build) = PLUGIN.build else { panic!("no source") };
        let settings = serde_json::json!({"url": format!("http://127.0.0.1:{}", self.1), "api": "gatewayd"});
        build(&Settings::of(settings)).unwrap()
    }
}

async fn read(source: &mut dyn Source, after: Option<Cursor>, limit: usize) -> Batch {
    source.read(&Ask { after, limit, ..Ask::default() }).await.unwrap()
}

/// A folder whose journal was rotated every so many entries.
fn rotated(folder: &Path, entries: usize) {
    let text = parts::text::entries(entries, 5);
    parts::write(&text, &folder.join("remote-a.journal"), &[]);
}

#[tokio::test]
async fn everything_comes_once_in_batches_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    rotated(folder.path(), 700);
    let gatewayd = Gatewayd::start(folder.path());
    let mut source = gatewayd.source();
    let hello = read(&mut *source, None, 0).await;
    assert!(hello.head.is_some() && hello.entries.is_empty() && !hello.more);
    let theirs = parts::exported(folder.path());
    for limit in [1_000, 97, 1] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let batch = read(&mut *source, after, limit).await;
            assert_eq!((batch.gaps.len(), batch.unread, batch.machine), (0, 0, hello.machine));
            assert!(batch.entries.len() <= limit + 1);
            after = batch.next;
            let more = batch.more;
            all.push(batch);
            // One at a time a part is enough.
            if !more || (limit == 1 && all.len() > 40) {
                break;
            }
        }
        let ours = parts::export(&all);
        let end = if limit == 1 { ours.len() } else { theirs.len() };
        parts::assert_same(&ours, &theirs[..end], &format!("by {limit}"));
        if limit != 1 {
            assert_eq!(after, hello.head);
        }
    }
}

#[tokio::test]
async fn times_and_filters_hold_here_too() {
    let folder = tempfile::tempdir().unwrap();
    rotated(folder.path(), 400);
    let gatewayd = Gatewayd::start(folder.path());
    let mut source = gatewayd.source();
    let all = read(&mut *source, None, 1_000).await;
    let since = all.entries.get(150).time();
    let until = Time(all.entries.get(250).time().0);
    let filter = Filter { priority_max: Some(3), ..Filter::default() };
    let ask = Ask { since: Some(since), until: Some(until), filter: filter.clone(), limit: 1_000, ..Ask::default() };
    let some = source.read(&ask).await.unwrap();
    let wanted = all.entries.iter().filter(|entry| entry.time() >= since && entry.time() < until);
    let wanted: Vec<Cursor> = wanted.filter(|entry| filter.passes(entry)).map(|entry| entry.cursor).collect();
    assert!(!wanted.is_empty());
    assert_eq!(some.entries.iter().map(|entry| entry.cursor).collect::<Vec<_>>(), wanted);
    assert_eq!(some.next, all.next);
}

#[tokio::test]
async fn what_was_vacuumed_under_the_cursor_is_counted_and_nothing_skipped() {
    let folder = tempfile::tempdir().unwrap();
    // journal-remote gives each file a counter of its own unless it rotates; so one file is split in two by hand:
    // the first part is what a vacuum takes.
    let text = parts::text::entries(300, 6);
    let first = folder.path().join("remote-a@1.journal");
    parts::write(&text, &folder.path().join("remote-a.journal"), &[]);
    std::fs::copy(folder.path().join("remote-a.journal"), &first).unwrap();
    let gatewayd = Gatewayd::start(folder.path());
    let mut source = gatewayd.source();
    let begun = read(&mut *source, None, 100).await;
    assert_eq!(begun.entries.len(), 100);
    drop((source, gatewayd));

    // The journal is begun anew: the cursor's entry and its counter are gone.
    std::fs::remove_file(&first).unwrap();
    std::fs::remove_file(folder.path().join("remote-a.journal")).unwrap();
    let later = parts::text::entries_from(50, 7, parts::text::START_US + 3_600_000_000);
    parts::write(&later, &folder.path().join("remote-b.journal"), &[]);
    let gatewayd = Gatewayd::start(folder.path());
    let mut source = gatewayd.source();
    let batch = read(&mut *source, begun.next, 1_000).await;
    assert_eq!(batch.entries.len(), 50, "no live entry is skipped");
    assert_eq!(batch.gaps.len(), 1);
    assert_eq!((batch.gaps[0].after, batch.gaps[0].lost), (begun.next, None));
    drop((source, gatewayd));

    // And once more with a clock far behind.
    std::fs::remove_file(folder.path().join("remote-b.journal")).unwrap();
    let earlier = parts::text::entries_from(30, 8, parts::text::START_US - 3_600_000_000);
    parts::write(&earlier, &folder.path().join("remote-c.journal"), &[]);
    let gatewayd = Gatewayd::start(folder.path());
    let batch = read(&mut *gatewayd.source(), batch.next, 1_000).await;
    assert_eq!((batch.entries.len(), batch.gaps.len()), (30, 1));
}

#[tokio::test]
async fn who_waits_hears_what_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    rotated(folder.path(), 20);
    let gatewayd = Gatewayd::start(folder.path());
    let mut source = gatewayd.source();
    let after = read(&mut *source, None, 100).await.next;
    let path = folder.path().join("remote-later.journal");
    let later = parts::text::entries_from(3, 9, parts::text::START_US + 3_600_000_000);
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        parts::write(&later, &path, &[]);
    });
    let ask = Ask { after, wait: Duration::from_secs(30), ..Ask::default() };
    let got = source.read(&ask).await.unwrap();
    writer.join().unwrap();
    assert!(!got.entries.is_empty());
}

#[tokio::test]
async fn what_a_real_journald_vacuums_is_counted_to_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "SystemMaxFiles=3\nSystemMaxUse=3M");
    let numbers = |batch: &Batch| -> Vec<u64> {
        let numbers = batch.entries.iter().filter_map(|entry| entry.field("NUMBER").map(<[u8]>::to_vec));
        numbers.map(|number| String::from_utf8(number).unwrap().parse().unwrap()).collect()
    };
    let (mut after, mut end, mut lost, mut gaps) = (None::<Cursor>, 0, 0, 0);
    let (mut came, mut missing) = (Vec::new(), 0);
    let gatewayd = Gatewayd::start(&journald.folder());
    let mut source = gatewayd.source();
    for (entries, limit) in [(400, 50), (5_000, 300), (3_000, 7), (6_000, 2_000), (10, 500)] {
        assert!(journald.number(end + 1..=end + entries));
        end += entries;
        let begun = Instant::now();
        // Behind at most once; at last all of it.
        for poll in 0.. {
            let batch = read(&mut *source, after, limit).await;
            assert_eq!((batch.unread, batch.unreadable, batch.dropped), (0, 0, 0));
            for entry in batch.entries.iter() {
                let before = after.replace(entry.cursor);
                assert!(before.is_none_or(|before| before.seqnum < entry.cursor.seqnum), "{before:?} twice");
                missing += before.map_or(0, |before| entry.cursor.seqnum - before.seqnum - 1);
            }
            lost += batch.gaps.iter().map(|gap| gap.lost.expect("a number")).sum::<u64>();
            gaps += batch.gaps.len();
            came.extend(numbers(&batch));
            assert!(begun.elapsed() < LONG, "{end} does not come");
            if came.last() == Some(&end) || (entries > 10 && poll > 0) {
                break;
            }
        }
    }
    assert_eq!(lost, missing);
    assert!(lost > 3_000 && gaps >= 2, "{lost} in {gaps}");
    assert!(came.len() as u64 + lost >= end && came.windows(2).all(|pair| pair[0] < pair[1]));
}

#[tokio::test]
async fn a_machine_that_lost_power_counts_again_and_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let copy = |from: &Path, to: &Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    /// Reads until this number came; all numbers and gaps.
    async fn until(source: &mut dyn Source, after: &mut Option<Cursor>, number: u64) -> (Vec<u64>, Vec<Option<u64>>) {
        let (mut came, mut gaps, begun) = (Vec::new(), Vec::new(), Instant::now());
        while came.last() != Some(&number) {
            assert!(begun.elapsed() < LONG, "{number} does not come: {came:?}");
            let batch = read(source, *after, 40).await;
            *after = batch.next;
            gaps.extend(batch.gaps.iter().map(|gap| gap.lost));
            let of = |field: &[u8]| std::str::from_utf8(field).unwrap().parse::<u64>().unwrap();
            came.extend(batch.entries.iter().filter_map(|entry| entry.field("NUMBER").map(of)));
        }
        (came, gaps)
    }
    Journald::reboot(folder.path(), 1);
    let mut journald = Journald::start(folder.path(), "");
    let journal = journald.folder();
    let (mut after, gatewayd) = (None, Gatewayd::start(&journal));
    assert!(journald.number(1..=100));
    until(&mut *gatewayd.source(), &mut after, 100).await;
    // What comes now is read, but never reaches the disk.
    copy(&journal, &disk);
    assert!(journald.number(101..=200));
    until(&mut *gatewayd.source(), &mut after, 200).await;
    let cut = after;
    drop(gatewayd);
    journald.kill();
    copy(&disk, &journal);
    Journald::reboot(folder.path(), 2);
    journald = Journald::start(folder.path(), "");
    let gatewayd = Gatewayd::start(&journal);
    assert!(journald.number(1_001..=1_010));
    let first = until(&mut *gatewayd.source(), &mut after, 1_010).await;
    assert_eq!(first, ((1_001..=1_010).collect(), vec![None]));
    assert!(journald.number(1_011..=1_300));
    assert_eq!(until(&mut *gatewayd.source(), &mut after, 1_300).await, ((1_011..=1_300).collect(), vec![]));
    // And for one who asks late.
    let late = until(&mut *gatewayd.source(), &mut cut.clone(), 1_300).await;
    assert_eq!(late, ((1_001..=1_300).collect(), vec![None]));
}
