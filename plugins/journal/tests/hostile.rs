//! Files that are cut, overwritten or from the future: nothing panics, hangs or is passed over in silence.

#![allow(clippy::unwrap_used)]

mod parts;
#[path = "parts/repack.rs"]
mod repack;

use infralogs_core::plugin::Ask;
use parts::{batches, file, messages, open};
use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

/// Far beyond what reading a small file takes, so only a hang fails.
const LONG: Duration = Duration::from_secs(60);
/// Reads of one damaged file; each takes up to a thousand entries.
const READS_MAX: usize = 50;

/// Reads everything there is, in bounded steps; how many entries came. Errors are fine, panics and loops are not.
fn survives(path: &Path, what: &str) -> usize {
    let begun = Instant::now();
    let journal = open(path);
    let (mut after, mut entries) = (None, 0);
    for _ in 0..READS_MAX {
        let Ok(batch) = journal.read_now(&Ask { after, limit: 1_000, ..Ask::default() }) else { break };
        entries += batch.entries.len();
        assert!(!batch.more || batch.next != after, "{what}: more, but no way on");
        after = batch.next;
        if !batch.more {
            break;
        }
    }
    assert!(begun.elapsed() < LONG, "{what} took {:?}", begun.elapsed());
    entries
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_file_cut_anywhere_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "whole.journal", 60, 4, &[]);
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.journal");
    std::fs::rename(&path, &cut).unwrap();
    let all = survives(&cut, "whole");
    assert_eq!(all, 60);
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Every offset of the header, then ever so often.
    let offsets = (0..280).chain((280..used).step_by(used / 400 + 1));
    let file = OpenOptions::new().write(true).open(&cut).unwrap();
    for length in offsets {
        file.set_len(length as u64).unwrap();
        let read = survives(&cut, &format!("cut at {length}"));
        assert!(read <= all);
        file.write_all_at(&whole[length..used], length as u64).unwrap();
        file.set_len(whole.len() as u64).unwrap();
    }
    assert_eq!(survives(&cut, "made whole again"), all);
}

#[test]
fn a_small_file_cut_at_every_offset_of_its_objects_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "whole.journal", 2, 6, &[]);
    let whole = std::fs::read(&path).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Two hash tables come first, all but empty, each named by place and size in the header.
    let number = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap()) as usize;
    let first = (number(104) + number(112)).max(number(120) + number(128));
    assert!((1_000..9_000).contains(&(used - first)), "from {first} to {used}");
    let cut = OpenOptions::new().write(true).open(&path).unwrap();
    for length in (first..used).rev() {
        cut.set_len(length as u64).unwrap();
        assert!(survives(&path, &format!("cut at {length}")) <= 2);
    }
}

#[test]
fn a_file_with_any_bytes_overwritten_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    overwrite(&file(folder.path(), "damaged.journal", 60, 5, &[]), 600);
    // One whose fields are packed in the other ways.
    let packed = folder.path().join("packed.journal");
    parts::write_unpacked(&parts::text::entries(60, 7), &packed, &[]);
    repack::repack(&packed, &[repack::XZ, repack::LZ4]);
    overwrite(&packed, 120);
}

/// Overwrites a number after another, and makes the file whole again now and then.
fn overwrite(path: &Path, rounds: usize) {
    let whole = std::fs::read(path).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let mut state = 11;
    for round in 0..rounds {
        // Numbers that hurt: huge, zero, near, or the place of something else (cycles).
        let at = if round % 3 == 0 { random(&mut state) % 280 } else { random(&mut state) % used as u64 } & !7;
        let value = match random(&mut state) % 5 {
            0 => u64::MAX,
            1 => 0,
            2 => at,
            3 => (random(&mut state) % used as u64) & !7,
            _ => random(&mut state),
        };
        file.write_all_at(&value.to_le_bytes(), at).unwrap();
        survives(path, &format!("round {round}: {value:#x} at {at}"));
        if round % 4 == 3 {
            file.write_all_at(&whole[..used], 0).unwrap();
        }
    }
}

#[test]
fn a_file_from_the_future_is_not_passed_over_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "remote-1.journal", 50, 1, &[]);
    let alien = file(folder.path(), "remote-2.journal", 50, 2, &[]);
    OpenOptions::new().write(true).open(&alien).unwrap().write_all_at(&[0, 1], 13).unwrap();
    assert_eq!(messages(&batches(&open(folder.path()), 1_000)).len(), 50, "the other file is read");

    std::fs::rename(alien, folder.path().join("system.journal")).unwrap();
    let error = open(folder.path()).read_now(&Ask::default()).expect_err("the system's own journal can't be read");
    assert!(error.to_string().contains("newer systemd") && error.to_string().contains("journalctl"), "{error}");
}
