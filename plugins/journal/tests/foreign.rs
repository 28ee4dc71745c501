//! Files of a newer systemd: read through its `journalctl`, in order with all others, or counted where that fails.
#![allow(clippy::unwrap_used)]

mod parts;

use infralogs_core::{
    Error,
    entry::Batch,
    plugin::{Ask, Build, Filter, Later, Settings, Source},
};
use infralogs_journal::PLUGIN;
use parts::{assert_same, export, exported, file, text::START_US};
use std::{
    fs::{OpenOptions, Permissions},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// Sets a flag that no systemd of today has, or clears it.
fn alienate(path: &Path, alien: bool) {
    let flags = OpenOptions::new().write(true).open(path).unwrap();
    flags.write_all_at(&[u8::from(alien)], 15).unwrap();
}

/// What stands for the `journalctl` of the newer systemd: this machine's, shown the file without that flag.
fn newer_journalctl(folder: &Path) -> PathBuf {
    let program = folder.join("journalctl");
    let script = r#"#!/bin/bash
set -e
for argument in "$@"; do case $argument in --file=*) file=${argument#--file=};; *) rest+=("$argument");; esac; done
echo "$file ${rest[*]}" >> "$(dirname "$0")/started"
copy=$(mktemp -d -p "$(dirname "$0")")
cp "$file" "$copy/known.journal"
printf '\0' | dd of="$copy/known.journal" bs=1 seek=15 conv=notrunc status=none
exec journalctl "--file=$copy/known.journal" "${rest[@]}"
"#;
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

struct Journal(Box<dyn Source>);

impl Journal {
    fn open(path: &Path, journalctl: &Path) -> Self {
        let Build::Source(build) = PLUGIN.build else { panic!("no source") };
        let settings = serde_json::json!({"path": path, "journalctl": journalctl});
        Self(build(&Settings::of(settings)).unwrap())
    }

    fn read(&mut self, ask: &Ask) -> Result<Batch, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read: Later<'_, _> = self.0.read(ask);
        runtime.block_on(read)
    }

    fn batches(&mut self, limit: usize) -> Vec<Batch> {
        let mut batches = Vec::<Batch>::new();
        loop {
            let after = batches.last().and_then(|batch| batch.next);
            let batch = self.read(&Ask { after, limit, ..Ask::default() }).unwrap();
            let more = batch.more;
            batches.push(batch);
            if !more {
                return batches;
            }
        }
    }
}

#[test]
fn it_is_read_in_order_with_the_others_by_any_step_and_filter() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, other) = (folder.path().join("journal"), folder.path().join("other"));
    std::fs::create_dir_all(&journal).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    let files: Vec<_> =
        [1, 2, 3].iter().map(|seed| file(&journal, &format!("remote-{seed}.journal"), 300, *seed, &[])).collect();
    let theirs = exported(&journal);
    let one = exported(&files[1]);
    let journalctl = newer_journalctl(&other);
    alienate(&files[1], true);
    for limit in [50_000, 41] {
        let batches = Journal::open(&journal, &journalctl).batches(limit);
        assert_same(&export(&batches), &theirs, &format!("by {limit}"));
        for batch in &batches {
            assert_eq!((batch.unreadable, batch.unread, batch.gaps.len()), (0, 0, 0));
        }
        let last = batches.last().unwrap();
        assert_eq!(last.next.map(|next| next.seqnum), last.head.map(|head| head.seqnum));
    }
    // Alone, and through a filter.
    let mut alone = Journal::open(&files[1], &journalctl);
    assert_same(&export(&alone.batches(100)), &one, "alone");
    let filter = Filter { priority_max: Some(2), ..Filter::default() };
    let of = |path: &Path| {
        let ask = Ask { filter: filter.clone(), ..Ask::default() };
        let batch = Journal::open(path, &journalctl).read(&ask).unwrap();
        (export(std::slice::from_ref(&batch)), batch.dropped)
    };
    let foreign = of(&files[1]);
    alienate(&files[1], false);
    assert_eq!(of(&files[1]), foreign);
}

#[test]
fn it_is_followed_while_it_grows_and_costs_nothing_while_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (path, journalctl) = (folder.path().join("remote-a.journal"), newer_journalctl(folder.path()));
    let add = |seed| {
        if path.exists() {
            alienate(&path, false);
        }
        parts::write(&parts::text::entries_from(40, seed, START_US + seed * 60_000_000), &path, &[]);
        alienate(&path, true);
    };
    let started = || std::fs::read_to_string(folder.path().join("started")).unwrap().lines().count();
    add(1);
    let mut journal = Journal::open(&path, &journalctl);
    let mut batches = journal.batches(1_000);
    for seed in [2, 3] {
        let (after, before) = (batches.last().unwrap().next, started());
        for _ in 0..5 {
            let idle = journal.read(&Ask { after, wait: Duration::from_millis(300), ..Ask::default() }).unwrap();
            assert!(idle.entries.is_empty() && idle.next == after && !idle.more);
        }
        assert_eq!(started(), before, "nothing is started while nothing is written");
        add(seed);
        batches.push(journal.read(&Ask { after, ..Ask::default() }).unwrap());
    }
    alienate(&path, false);
    assert_same(&export(&batches), &exported(&path), "all that was added, once");
}

#[test]
fn what_nothing_can_read_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, name) in [(1, "remote-1.journal"), (2, "remote-2.journal"), (3, "remote-3.journal")] {
        let text = parts::text::entries_from(50, seed, START_US + seed * 3_600_000_000);
        parts::write(&text, &folder.path().join(name), &[]);
    }
    // One is of a newer systemd whose journalctl is not there, one is damaged from its first array on.
    let (alien, damaged) = (folder.path().join("remote-2.journal"), folder.path().join("remote-3.journal"));
    let counts = |limit| {
        let batches = Journal::open(folder.path(), Path::new("/nowhere/journalctl")).batches(limit);
        let count = |of: &dyn Fn(&Batch) -> u64| batches.iter().map(of).sum::<u64>();
        let gaps: usize = batches.iter().map(|batch| batch.gaps.len()).sum();
        assert_eq!((gaps, count(&|batch| batch.unread)), (0, 0));
        (count(&|batch| batch.entries.len() as u64), count(&|batch| batch.unreadable))
    };
    alienate(&alien, true);
    for limit in [1_000, 7] {
        assert_eq!(counts(limit), (100, 50), "a foreign file, by {limit}");
    }
    let whole = std::fs::read(&damaged).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    OpenOptions::new().write(true).open(&damaged).unwrap().write_all_at(&vec![0xff; used - 272], 272).unwrap();
    // Behind it nothing follows yet: it counts when something does, or else a reader would count it at each poll.
    assert_eq!(counts(7), (50, 0));
    parts::write(
        &parts::text::entries_from(50, 4, START_US + 4 * 3_600_000_000),
        &folder.path().join("remote-4.journal"),
        &[],
    );
    for limit in [1_000, 7] {
        assert_eq!(counts(limit), (100, 100), "both, by {limit}");
    }
    // Where nothing at all can be read there is no place to go on from, and it is said each time.
    for name in ["remote-1.journal", "remote-4.journal", "remote-2.journal"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(counts(1_000), (0, 50));
}

#[test]
fn a_field_too_long_for_anyone_costs_its_end_and_not_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, journalctl) = (folder.path().join("remote-a.journal"), newer_journalctl(folder.path()));
    let mut text = parts::text::entries(20, 1);
    let head = |number: u64| {
        let (realtime, monotonic) = (START_US + 60_000_000 + number, 90_000_000 + number);
        format!("__REALTIME_TIMESTAMP={realtime}\n__MONOTONIC_TIMESTAMP={monotonic}\n_BOOT_ID={:032x}\n", 7)
    };
    let long = vec![b'x'; infralogs_core::wire::LINE_BYTES_MAX + 1_000_000];
    text.extend_from_slice(&[head(1).as_bytes(), b"NUMBER=100\nMESSAGE=", &long, b"\nTAG=behind\n\n"].concat());
    let bytes = [&[0xff][..], &long].concat();
    let length = (bytes.len() as u64).to_le_bytes();
    text.extend_from_slice(&[head(2).as_bytes(), b"NUMBER=101\nBLOB\n", &length, &bytes, b"\nTAG=behind\n\n"].concat());
    text.extend_from_slice(&[head(3).as_bytes(), b"MESSAGE=the last\n\n"].concat());
    parts::write(&text, &path, &[]);
    let ours = export(&Journal::open(&path, &journalctl).batches(50_000));
    alienate(&path, true);
    let batches = Journal::open(&path, &journalctl).batches(50_000);
    assert_same(&export(&batches), &ours, "through journalctl as by ourselves");
    let entries = &batches[0].entries;
    assert_eq!((entries.len(), batches[0].unreadable), (23, 0));
    for (entry, cut) in [(20, "MESSAGE"), (21, "BLOB")] {
        let entry = entries.get(entry);
        assert_eq!(entry.field("INFRALOGS_CUT"), Some(cut.as_bytes()));
        assert_eq!(entry.field(cut).unwrap().len(), infralogs_core::entry::FIELD_BYTES_MAX);
        assert_eq!(entry.field("TAG"), Some(&b"behind"[..]));
    }
    assert_eq!(parts::messages(&batches).last().unwrap(), "the last");
}
