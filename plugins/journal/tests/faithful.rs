//! What is read is, byte for byte, what `journalctl -o export` says of the same files, cursors too.

mod parts;
#[path = "parts/repack.rs"]
mod repack;

use parts::{assert_same, batches, export, exported, file, open};
use repack::{LZ4, XZ, repack};
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
    // One file twice, and nothing else.
    let twice = folder.path().join("twice");
    std::fs::create_dir(&twice).unwrap();
    let first = file(&twice, "remote-1.journal", 50, 4, &[]);
    std::fs::copy(first, twice.join("copy.journal")).unwrap();
    check(&twice, "one file twice");
    // Three machines at the same time, and one of them once more.
    for seed in [1, 2, 3] {
        file(folder.path(), &format!("remote-{seed}.journal"), 700, seed, &[]);
    }
    std::fs::copy(folder.path().join("remote-2.journal"), folder.path().join("copy.journal")).unwrap();
    check(folder.path(), "many files");
}

#[test]
fn every_compressor() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = parts::text::entries(600, 9);
    // Longer than one chunk of LZMA2 and than a window of LZ4.
    let mut numbers = parts::text::Numbers(5);
    let words: Vec<u8> = (0..400_000).map(|at| b"abcdefgh"[(numbers.next() as usize & at) % 8]).collect();
    let head =
        format!("__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP=9\n_BOOT_ID={:032x}\n", 1_800_000_000_000_000_u64, 3);
    for name in ["A", "B", "C"] {
        text.extend_from_slice(&[head.as_bytes(), name.as_bytes(), b"=", &words, b"\n\n"].concat());
    }
    for compact in ["0", "1"] {
        for (name, flags) in [("xz", &[XZ][..]), ("lz4", &[LZ4]), ("both", &[XZ, LZ4])] {
            let path = folder.path().join(format!("{name}-{compact}.journal"));
            parts::write_unpacked(&text, &path, &[("SYSTEMD_JOURNAL_COMPACT", compact)]);
            let unpacked = exported(&path);
            let packed = repack(&path, flags);
            assert!(packed.iter().all(|count| *count > 10), "{name}: {packed:?}");
            assert_same(&exported(&path), &unpacked, "journalctl reads what was packed");
            check(&path, name);
        }
    }
}
