//! What is read is, byte for byte, what `journalctl -o export` says of the same files, cursors too.

mod parts;

use parts::{assert_same, batches, export, exported, file, open};
use std::path::Path;

/// Reads whole and in small batches.
fn check(path: &Path, what: &str) {
    let theirs = exported(path);
    assert!(!theirs.is_empty(), "{what}: journalctl reads nothing");
    for limit in [50_000, 7] {
        let batches = batches(&open(path), limit);
        assert_same(&export(&batches), &theirs, &format!("{what} by {limit}"));
        for batch in &batches {
            assert_eq!((batch.unreadable, batch.unread, batch.dropped, batch.gaps.len()), (0, 0, 0, 0), "{what}");
        }
    }
}

#[test]
fn every_format() {
    let folder = tempfile::tempdir().unwrap();
    for compact in ["0", "1"] {
        for keyed in ["0", "1"] {
            let environment = [("SYSTEMD_JOURNAL_COMPACT", compact), ("SYSTEMD_JOURNAL_KEYED_HASH", keyed)];
            let name = format!("compact{compact}-keyed{keyed}.journal");
            check(&file(folder.path(), &name, 1_500, 1, &environment), &name);
        }
    }
}

#[test]
fn many_files() {
    let folder = tempfile::tempdir().unwrap();
    // Three machines at the same time, and one of them once more.
    for seed in [1, 2, 3] {
        file(folder.path(), &format!("remote-{seed}.journal"), 700, seed, &[]);
    }
    std::fs::copy(folder.path().join("remote-2.journal"), folder.path().join("copy.journal")).unwrap();
    check(folder.path(), "many files");
}
