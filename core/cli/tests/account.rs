//! `infralogs audit` and `status`: every number that a journal counted is a row, or it is said what became of it; of
//! everything and of the hours from a time on.

mod parts;

use infralogs_core::{
    cursor::Cursor,
    entry::{Entries, Gap},
    plugin::{Commit, Committed, LOGS, Store},
    testing::batch,
    time::Time,
};
use infralogs_sqlite::Sqlite;
use parts::program::{run, stdout};
use std::{fs, path::Path, process::Output};

const HOUR_US: i64 = 3_600_000_000;
const NAME: &str = "web-1";

/// A number of the machine's counter, given in an hour.
fn cursor(hour: i64, seqnum: u64) -> Cursor {
    batch::cursor_at(NAME, seqnum, Time(batch::START.0 + hour * HOUR_US + seqnum as i64))
}

/// One commit for each hour: the numbers of its rows, then how many were left out, damaged, and lost before the last.
fn fill(store: &Sqlite) {
    let target = batch::target(NAME);
    let mut expect = None;
    for (hour, (seqnums, dropped, unreadable, lost)) in [
        (&[13, 14, 16][..], 1, 0, 12),
        (&[18, 21], 2, 1, 0),
        (&[25], 0, 0, 3),
        // Four in between that no file has that may be read.
        (&[30], 0, 0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let at = |seqnum: &u64| cursor(hour as i64, *seqnum);
        let mut entries = Entries::default();
        for seqnum in seqnums {
            entries.push_field(b"_HOSTNAME", NAME.as_bytes());
            entries.push_field(b"MESSAGE", format!("entry {seqnum}").as_bytes());
            entries.end(at(seqnum));
        }
        let before = at(&seqnums[0]);
        let gaps: Vec<Gap> =
            (lost > 0).then_some(Gap { after: expect, before, lost: Some(lost) }).into_iter().collect();
        let next = entries.last_cursor().expect("entries");
        let commit = batch::commit(&target, expect, next, &entries);
        let commit = Commit { gaps: &gaps, dropped, unreadable, ..commit };
        assert!(matches!(store.commit(&commit).expect("commit"), Committed::Stored { .. }));
        expect = Some(next);
    }
}

fn infralogs(here: &Path, args: &[&str]) -> Output {
    run(&[args, &["--config", "infralogs.yaml"]].concat(), here)
}

/// A store of no entries, and a configuration that names it.
fn prepare(here: &Path) -> Sqlite {
    fs::create_dir(here.join("data")).expect("a folder");
    fs::write(here.join("infralogs.yaml"), "store: sqlite://data/infralogs.db\n").expect("written");
    let store = Sqlite::new(here.join("data/infralogs.db"));
    store.migrate().and_then(|()| store.prepare(&[])).expect("tables");
    store
}

#[test]
fn every_number_is_accounted_for_in_every_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fill(&prepare(here));

    // counted, stored, dropped, unreadable, lost, unread
    let everything = "30,7,3,1,15,4";
    for (since, account) in [
        (None, everything),
        (Some((0, 0)), everything),
        (Some((1, 0)), "14,4,2,1,3,4"),
        // Of the whole hour in which it falls.
        (Some((1, HOUR_US - 1)), "14,4,2,1,3,4"),
        (Some((2, 0)), "9,2,0,0,3,4"),
        (Some((3, 0)), "5,1,0,0,0,4"),
        (Some((4, 0)), "0,0,0,0,0,0"),
    ] {
        let since = since.map(|(hour, us)| Time(batch::START.0 + hour * HOUR_US + us).to_string());
        let since: Vec<&str> = since.iter().flat_map(|since| ["--since", since]).collect();
        let csv = stdout(infralogs(here, &[&["audit", "--output", "csv"], &since[..]].concat()));
        let expected = format!("{NAME},{},{account}", batch::machine(NAME));
        assert_eq!(csv.lines().nth(1), Some(&*expected), "since {since:?}:\n{csv}");
        let json = stdout(infralogs(here, &[&["audit", "--output", "json"], &since[..]].concat()));
        let json: serde_json::Value = serde_json::from_str(&json).expect("one object");
        let columns = ["counted", "stored", "dropped", "unreadable", "lost", "unread"];
        assert_eq!(columns.map(|column| json[column].to_string()).join(","), account, "{json}");
    }
    let table = stdout(infralogs(here, &["audit"]));
    assert!(table.contains("counted = stored + dropped by rule + unreadable + lost + unread"), "{table}");

    // More rows than its journal counted: something is there twice, and the exit code says so.
    let code = "import sqlite3,sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute('UPDATE audit SET counted = 0, lost = 0, dropped = 0, unreadable = 0')";
    let done = std::process::Command::new("python3").args(["-c", code]).arg(here.join("data/infralogs.db")).status();
    assert!(done.expect("python3").success());
    let twice = infralogs(here, &["audit", "--output", "csv"]);
    assert_eq!(twice.status.code(), Some(1), "{twice:?}");
    assert!(String::from_utf8_lossy(&twice.stdout).contains(",0,7,0,0,0,-7"), "{twice:?}");
}

#[test]
fn the_fleet_is_told_with_its_rate_its_lag_its_losses_and_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, store) = (folder.path(), prepare(folder.path()));
    fill(&store);
    // A hundred and twenty entries of half a minute ago, and five that were lost before them.
    let (now, live) = (Time::now(), batch::target("live"));
    let at = |seqnum: u64| batch::cursor_at("live", seqnum, Time(now.0 - 30_000_000 + seqnum as i64 * 1_000));
    let mut entries = Entries::default();
    for seqnum in 6..=125 {
        entries.push_field(b"_HOSTNAME", b"live");
        entries.push_field(b"MESSAGE", b"one of many");
        entries.end(at(seqnum));
    }
    let gaps = [Gap { after: None, before: at(6), lost: Some(5) }];
    let commit = batch::commit(&live, None, at(125), &entries);
    store.commit(&Commit { gaps: &gaps, at: now, ..commit }).expect("commit");
    store.report(&batch::target("away"), LOGS, now, Some("can't connect")).expect("reported");

    let status = infralogs(here, &["status", "--output", "json"]);
    assert_eq!(status.status.code(), Some(1), "one fails, one is late");
    let text = String::from_utf8(status.stdout).expect("UTF-8");
    let all: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let told = |at: usize, names: &[&str]| names.iter().map(|name| all[at][name].to_string()).collect::<Vec<_>>();
    // Those with trouble first.
    assert_eq!(told(0, &["host", "state", "error", "entries"]), ["\"away\"", "\"failing\"", "\"can't connect\"", "0"]);
    let sums = ["host", "state", "entries", "dropped", "unreadable", "lost", "quarantined", "entries_per_s"];
    assert_eq!(told(1, &sums), ["\"web-1\"", "\"late\"", "7", "3", "1", "15", "0", "0.0"], "{text}");
    assert_eq!(told(2, &sums), ["\"live\"", "\"up\"", "120", "0", "0", "5", "0", "2.0"], "{text}");
    assert_eq!(told(2, &["lag_s"]), ["29"], "its newest entry was so old when it came");
}
