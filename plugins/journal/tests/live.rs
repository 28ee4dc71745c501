//! A real journald is killed, rotates, vacuums, has its clock set back and its disk filled, while it is read: nothing
//! is lost that it kept, nothing comes twice, and what it did not keep is counted to the entry.
#![allow(clippy::unwrap_used)]

mod parts;

use infralogs_core::{cursor::Cursor, entry::Batch, id::Id128, plugin::Ask};
use infralogs_journal::Journal;
use parts::journald::{Journald, LONG};
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

/// Reads on and on, from a cursor as a collector does.
struct Reader {
    journal: Journal,
    after: Option<Cursor>,
    batches: Vec<Batch>,
}

impl Reader {
    fn new(journal: &Path) -> Self {
        Self { journal: parts::open(journal), after: None, batches: Vec::new() }
    }

    /// Reads once; whether there is more.
    fn poll(&mut self, limit: usize) -> bool {
        let ask = Ask { after: self.after, limit, ..Ask::default() };
        let batch = match self.journal.read_now(&ask) {
            Err(error) if error.to_string().contains("faster than they can be read") => return true,
            read => read.unwrap(),
        };
        let more = batch.more;
        self.after = batch.next;
        self.batches.push(batch);
        more
    }

    /// Reads until this number came, in steps of so many entries.
    fn until(&mut self, number: u64, limit: usize) {
        let (begun, mut seen) = (Instant::now(), 0);
        loop {
            let more = self.poll(limit);
            if self.batches[seen..].iter().flat_map(numbers).any(|came| came == number) {
                return;
            }
            seen = self.batches.len();
            assert!(begun.elapsed() < LONG, "{number} does not come");
            if !more {
                sleep(Duration::from_millis(10));
            }
        }
    }

    /// What came and what is missing.
    fn account(&self) -> Account {
        let mut account = Account::default();
        let mut last = BTreeMap::<Id128, Cursor>::new();
        for batch in &self.batches {
            assert!(batch.unreadable == 0 && batch.dropped == 0, "{} unreadable", batch.unreadable);
            account.unread += batch.unread;
            for gap in &batch.gaps {
                let after = gap.after.expect("a cursor");
                assert_eq!(last.get(&after.seqnum_id), Some(&after), "{gap:?}");
                account.gaps += 1;
                account.lost += gap.lost.unwrap_or(0);
                account.begun_anew += usize::from(gap.lost.is_none());
                assert_eq!(gap.lost.is_some(), after.seqnum_id == gap.before.seqnum_id, "{gap:?}");
            }
            for entry in batch.entries.iter() {
                let before = last.insert(entry.cursor.seqnum_id, entry.cursor);
                assert!(
                    before.is_none_or(|before| before.seqnum < entry.cursor.seqnum),
                    "{before:?} {:?}",
                    entry.cursor
                );
                assert!(account.cursors.insert(entry.cursor.to_string()), "twice: {}", entry.cursor);
                account.missing += before.map_or(0, |before| entry.cursor.seqnum - before.seqnum - 1);
            }
            for number in numbers(batch) {
                assert!(account.numbers.insert(number), "{number} came twice");
            }
        }
        account
    }
}

#[derive(Default)]
struct Account {
    cursors: BTreeSet<String>,
    numbers: BTreeSet<u64>,
    /// As the batches say.
    lost: u64,
    unread: u64,
    gaps: usize,
    /// Gaps nobody knows the length of: of the counter before it nothing is left.
    begun_anew: usize,
    /// As the counters of the entries say.
    missing: u64,
}

fn numbers(batch: &Batch) -> impl Iterator<Item = u64> {
    batch.entries.iter().filter_map(|entry| std::str::from_utf8(entry.field("NUMBER")?).ok()?.parse().ok())
}

/// The cursors of all that is kept, as journalctl sees it.
fn kept(journal: &Path) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&parts::exported(journal)).into_owned();
    text.lines().filter_map(|line| line.strip_prefix("__CURSOR=")).map(ToOwned::to_owned).collect()
}

#[test]
fn what_is_vacuumed_under_the_cursor_is_lost_and_counted_to_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "SystemMaxFiles=3\nSystemMaxUse=3M");
    let mut reader = Reader::new(&journald.folder());
    let mut end = 0;
    // Sometimes it keeps up, sometimes journald removes what it stands in, and far more.
    for (entries, limit) in [(300, 7), (6_000, 50), (20, 1), (9_000, 5_000), (2_500, 999)] {
        assert!(journald.number(end + 1..=end + entries));
        end += entries;
        sleep(Duration::from_millis(300));
        reader.poll(limit);
        reader.poll(limit);
    }
    reader.until(end, 500);
    let account = reader.account();
    assert_eq!((account.lost, account.unread, account.begun_anew), (account.missing, 0, 0));
    assert!(account.lost > 3_000 && account.gaps >= 2, "{} lost in {} gaps", account.lost, account.gaps);
    assert!((end - account.numbers.len() as u64) <= account.lost);
    assert!(account.cursors.is_superset(&kept(&journald.folder())));
}

#[test]
fn a_reader_that_keeps_up_gets_all_through_rotation_and_vacuum() {
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "SystemMaxFiles=4\nSystemMaxUse=8M");
    let mut reader = Reader::new(&journald.folder());
    let end = 12_000;
    scope(|scope| {
        scope.spawn(|| assert!(journald.number(1..=end)));
        reader.until(end, 400);
    });
    let account = reader.account();
    assert_eq!((account.lost, account.unread, account.begun_anew), (account.missing, 0, 0));
    assert!(account.numbers.len() as u64 + account.lost >= end, "{} lost", account.lost);
    assert!(account.cursors.is_superset(&kept(&journald.folder())));
}

#[test]
fn a_file_removed_by_hand_is_lost_if_it_was_the_oldest_and_unread_if_not() {
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "");
    let mut reader = Reader::new(&journald.folder());
    let mut rotated = Vec::<String>::new();
    for part in 0..5 {
        let end = (part + 1) * 100;
        assert!(journald.number(part * 100 + 1..=end));
        // Rotated only once all of it is there.
        Reader::new(&journald.folder()).until(end, 1_000);
        journald.signal(Signal::USR2);
        let begun = Instant::now();
        let new = loop {
            let mut all = files(&journald.folder());
            all.retain(|file| file.contains("system@") && !rotated.contains(file));
            if let Some(new) = all.pop() {
                break new;
            }
            assert!(begun.elapsed() < LONG, "it does not rotate");
            sleep(Duration::from_millis(10));
        };
        rotated.push(new);
    }
    reader.poll(30);
    let counts: Vec<u64> = rotated.iter().map(|file| kept(file.as_ref()).len() as u64).collect();
    std::fs::remove_file(&rotated[0]).unwrap();
    std::fs::remove_file(&rotated[2]).unwrap();
    reader.until(500, 40);
    let account = reader.account();
    assert_eq!((account.lost, account.unread, account.gaps), (counts[0] - 30, counts[2], 1));
    assert_eq!(account.missing, account.lost + account.unread);
    assert!(account.cursors.is_superset(&kept(&journald.folder())));

    // The cursor itself may stand in the one that is removed in the middle.
    let mut reader = Reader::new(&journald.folder());
    while reader.batches.iter().flat_map(numbers).max() < Some(350) {
        reader.poll(10);
    }
    let left = kept(rotated[3].as_ref()).difference(&reader.account().cursors).count() as u64;
    std::fs::remove_file(&rotated[3]).unwrap();
    reader.until(500, 40);
    let account = reader.account();
    assert_eq!((account.lost, account.unread), (0, counts[2] + left), "{left} left of {counts:?}");
}

/// The files of the machine's folder.
fn files(journal: &Path) -> Vec<String> {
    let machine = std::fs::read_dir(journal).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(machine).unwrap().map(|file| file.unwrap().path().to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_journald_killed_while_it_is_read_loses_nothing_that_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let mut journald = Journald::start(folder.path(), "SystemMaxUse=256M");
    let mut reader = Reader::new(&journald.folder());
    let mut number = 0;
    for pause_ms in [60, 150, 20, 250] {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(pause_ms) {
            assert!(journald.number(number + 1..=number + 20));
            number += 20;
            reader.poll(50);
        }
        assert!(journald.number(number + 1..=number + 60));
        number += 60;
        journald.kill();
        reader.poll(33);
        journald = Journald::start(folder.path(), "SystemMaxUse=256M");
        reader.poll(33);
    }
    number += 1;
    assert!(journald.number([number]));
    reader.until(number, 100);
    // What stood in the dead one's socket was never written; what journald wrote last is still to be read.
    let begun = Instant::now();
    while kept(&journald.folder()) != reader.account().cursors {
        assert!(
            begun.elapsed() < LONG,
            "{:?}",
            kept(&journald.folder()).symmetric_difference(&reader.account().cursors)
        );
        reader.poll(100);
    }
    let account = reader.account();
    // The number of an entry that it was killed in is in no file.
    assert_eq!((account.lost, account.gaps, account.unread), (0, 0, account.missing));
    assert!(account.missing <= 4, "{} numbers are missing", account.missing);
    let given_up = files(&journald.folder()).iter().filter(|file| file.ends_with('~')).count();
    assert_eq!(given_up, 4, "each kill left a file that was not closed");
}

#[test]
fn a_clock_set_back_an_hour_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = |seconds: i64| std::fs::write(folder.path().join("clock"), format!("{seconds:+}\n")).unwrap();
    clock(0);
    let mut journald = Journald::with_a_clock(folder.path(), "");
    let mut reader = Reader::new(&journald.folder());
    let mut number = 0;
    for (seconds, dies) in [(0, false), (-3_600, false), (-7_200, true), (0, true), (-3_600, true), (3_600, false)] {
        clock(seconds);
        if dies {
            journald.kill();
            journald = Journald::with_a_clock(folder.path(), "");
        }
        for _ in 0..4 {
            assert!(journald.number(number + 1..=number + 40));
            number += 40;
            reader.poll(25);
        }
        reader.until(number, 25);
    }
    while reader.poll(25) {}
    let account = reader.account();
    assert_eq!((account.lost, account.unread, account.gaps), (0, 0, 0));
    assert_eq!(account.numbers, (1..=number).collect());
    assert_eq!(account.cursors, kept(&journald.folder()));
    let times: Vec<u64> = reader
        .batches
        .iter()
        .flat_map(|batch| batch.entries.iter().map(|e| e.cursor.realtime).collect::<Vec<_>>())
        .collect();
    let back = times.windows(2).filter(|pair| pair[1] + 3_000_000_000 < pair[0]).count();
    assert!(back >= 3, "the clock went back {back} times");
    // And from the beginning, whatever the steps, the same in the same order.
    let whole = parts::batches(&parts::open(&journald.folder()), 50_000);
    let order = |batches: &[Batch]| -> Vec<Cursor> {
        batches.iter().flat_map(|batch| batch.entries.iter().map(|e| e.cursor).collect::<Vec<_>>()).collect()
    };
    for limit in [1, 17] {
        assert!(order(&parts::batches(&parts::open(&journald.folder()), limit)) == order(&whole), "by {limit}");
    }
}

#[test]
fn a_full_disk_costs_what_journald_did_not_write_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::on_a_disk_of(folder.path(), "SystemMaxUse=4M\nSystemKeepFree=1", "6M");
    let journal = journald.journal();
    let mut reader = Reader::new(&journal);
    let ballast = journal.join("ballast");
    let mut number = 0;
    for (round, limit) in [(0, 10), (1, 300), (2, 5_000)] {
        assert!(journald.number(number + 1..=number + 4_000));
        number += 4_000;
        sleep(Duration::from_millis(300));
        reader.poll(limit);
        // Not even what it has been given is left to it.
        let _ = std::fs::write(&ballast, vec![1; 6 << 20]);
        assert!(journald.number(number + 1..=number + 500));
        number += 500;
        reader.poll(limit);
        assert!(round < 3 && std::fs::remove_file(&ballast).is_ok());
    }
    journald.signal(Signal::USR2);
    sleep(Duration::from_millis(300));
    number += 1;
    assert!(journald.number([number]));
    reader.until(number, 500);
    while reader.poll(500) {}
    let account = reader.account();
    // A number that journald gave to an entry it could not write is in no file: unread, not lost.
    assert_eq!(account.lost + account.unread, account.missing);
    assert!(account.numbers.len() as u64 + account.missing >= number || account.begun_anew > 0);
    assert!(account.cursors.is_superset(&kept(&journal)));
}

#[test]
fn vacuum_after_vacuum_under_a_reader_that_never_rests_is_counted_to_the_entry() {
    let folder = tempfile::tempdir().unwrap();
    // Two small files: whatever is read is removed and emptied at once, and its inode given to the next file.
    let journald = Journald::start(folder.path(), "SystemMaxFiles=2\nSystemMaxUse=1M");
    let mut reader = Reader::new(&journald.folder());
    assert!(journald.number(1..=10));
    reader.until(10, 3);
    let end = 60_000;
    let mut random = parts::text::Numbers(7);
    scope(|scope| {
        let writer = scope.spawn(|| assert!(journald.number(11..=end)));
        while !writer.is_finished() {
            reader.poll(random.below(900) as usize + 1);
            if random.below(16) == 0 {
                sleep(Duration::from_millis(random.below(150)));
            }
        }
    });
    reader.until(end, 500);
    let account = reader.account();
    assert_eq!((account.lost, account.unread, account.begun_anew), (account.missing, 0, 0));
    assert!(account.gaps > 0 && account.numbers.len() as u64 + account.lost >= end);
}

#[test]
fn a_machine_that_lost_power_counts_again_and_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let copy = |from: &Path, to: &Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    Journald::reboot(folder.path(), 1);
    let mut journald = Journald::start(folder.path(), "");
    let journal = journald.folder();
    let mut reader = Reader::new(&journal);
    assert!(journald.number(1..=200));
    reader.until(200, 70);
    // What comes now is read, but never reaches the disk.
    copy(&journal, &disk);
    for (from, to) in [(201, 300), (301, 380)] {
        assert!(journald.number(from..=to));
        reader.until(to, 70);
    }
    let (read, cut) = (reader.batches.len(), reader.after.unwrap());
    journald.kill();
    copy(&disk, &journal);
    Journald::reboot(folder.path(), 2);
    journald = Journald::start(folder.path(), "");
    for (from, to) in [(1_001, 1_020), (1_021, 1_500)] {
        assert!(journald.number(from..=to));
        reader.until(to, 33);
    }
    let again = &reader.batches[read..];
    let came: Vec<u64> = again.iter().flat_map(numbers).collect();
    assert_eq!(came, (1_001..=1_500).collect::<Vec<_>>(), "each once, in order, and nothing that was read");
    let gaps: Vec<_> = again.iter().flat_map(|batch| &batch.gaps).collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].after, gaps[0].lost), (Some(cut), None), "nobody knows what else was lost");
    let first = again.iter().find_map(|batch| Some(batch.entries.iter().next()?.cursor)).unwrap();
    assert!(first.seqnum_id == cut.seqnum_id && first.seqnum <= cut.seqnum && first.boot != cut.boot, "{first} {cut}");

    // So it is for one who asks late, when the new numbers are far beyond.
    let late = parts::read(&reader.journal, Some(cut), 50_000);
    assert_eq!((numbers(&late).collect::<Vec<_>>(), late.gaps.len()), (came, 1));
}
