//! Packs the long fields of a journal file again, as systemds built with other compressors write them.
//!
//! Debian's systemd packs with zstd and has no setting for others, but reads them all. Every field's object stays where
//! it is and becomes shorter; its hash, which is of the unpacked field, stays the same.
#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// A data object's flags, which are those of the file too.
pub const XZ: u8 = 1;
pub const LZ4: u8 = 2;

const DATA: u8 = 1;
/// Shorter fields are left as they are.
const FIELD_BYTES_MIN: usize = 80;

/// Packs each unpacked field in turn by one of these; how many became shorter by each.
pub fn repack(path: &Path, flags: &[u8]) -> Vec<usize> {
    let mut file = std::fs::read(path).unwrap();
    let number = |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let (head, tail) = (number(&file, 88), number(&file, 136));
    let payload_at = if file[12] & 16 == 0 { 64 } else { 72 };
    let (mut at, mut turn, mut packed) = (head, 0, vec![0; flags.len()]);
    while at <= tail {
        let (kind, object_flags, size) = (file[at], file[at + 1], number(&file, at + 8));
        let end = at + size;
        if kind == DATA && object_flags == 0 && size - payload_at >= FIELD_BYTES_MIN {
            let by = flags[turn % flags.len()];
            let plain = &file[at + payload_at..end];
            let shorter = if by == XZ { xz(plain) } else { lz4(plain) };
            if shorter.len() < plain.len() {
                packed[turn % flags.len()] += 1;
                file[at + payload_at..end].fill(0);
                file[at + payload_at..at + payload_at + shorter.len()].copy_from_slice(&shorter);
                file[at + 1] = by;
                file[at + 8..at + 16].copy_from_slice(&((payload_at + shorter.len()) as u64).to_le_bytes());
                file[12] |= by;
            }
            turn += 1;
        }
        at += size.next_multiple_of(8);
    }
    std::fs::write(path, file).unwrap();
    packed
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    [&(plain.len() as u64).to_le_bytes()[..], &lz4_flex::block::compress(plain)].concat()
}

/// As systemd calls liblzma: one LZMA2 block, no check.
fn xz(plain: &[u8]) -> Vec<u8> {
    let mut xz = Command::new("xz");
    xz.args(["--compress", "--stdout", "--format=xz", "--check=none", "-0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = xz.spawn().expect("xz is installed");
    let (mut input, plain) = (running.stdin.take().unwrap(), plain.to_owned());
    let writer = std::thread::spawn(move || input.write_all(&plain).unwrap());
    let done = running.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(done.status.success());
    done.stdout
}
