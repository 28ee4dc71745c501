//! Reads files in blocks with `pread`: a file that shrinks or vanishes while it is read gives fewer bytes, never a
//! fault, as a mapped one would.

use std::{fs::File, os::unix::fs::FileExt};

/// One block. Entries and what is new in them stand together, what repeats is remembered elsewhere
/// (see [`crate::entry::cache`]), so few and small blocks do.
const BLOCK_BYTES: usize = 16 << 10;
/// How many blocks are kept: 1 MiB together.
const BLOCKS_MAX: usize = 64;

/// An open file as one refresh saw it.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) file: File,
    /// Tells this file, as it is now, from others and from itself before it was last written.
    pub(crate) version: u32,
}

/// A small cache of blocks, shared by all files of a journal.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    slots: Vec<Slot>,
    across: Vec<u8>,
}

#[derive(Debug)]
struct Slot {
    version: u32,
    number: u64,
    bytes: Vec<u8>,
}

impl Blocks {
    /// What stands from `at` to the end of its block, at least `least` bytes, or `None` where the file has less.
    pub(crate) fn from(&mut self, disk: &Disk, at: u64, least: usize) -> Option<&[u8]> {
        let within = (at % BLOCK_BYTES as u64) as usize;
        if within + least > BLOCK_BYTES {
            return self.bytes(disk, at, least);
        }
        self.block(disk, at / BLOCK_BYTES as u64).get(within..).filter(|bytes| bytes.len() >= least)
    }

    /// Exactly `length` bytes from `at`, or `None` where the file has less. The caller bounds `length`.
    pub(crate) fn bytes(&mut self, disk: &Disk, at: u64, length: usize) -> Option<&[u8]> {
        at.checked_add(length as u64)?;
        let within = (at % BLOCK_BYTES as u64) as usize;
        if within + length <= BLOCK_BYTES {
            return self.block(disk, at / BLOCK_BYTES as u64).get(within..within + length);
        }
        let mut across = std::mem::take(&mut self.across);
        across.clear();
        // Short pieces come from the cache, long ones straight from the file.
        let whole = if length <= 2 * BLOCK_BYTES {
            self.gather(disk, at, length, &mut across)
        } else {
            across.resize(length, 0);
            disk.file.read_exact_at(&mut across, at).is_ok()
        };
        across.shrink_to(4 * BLOCK_BYTES.max(length));
        self.across = across;
        whole.then_some(&self.across[..])
    }

    fn gather(&mut self, disk: &Disk, mut at: u64, length: usize, into: &mut Vec<u8>) -> bool {
        while into.len() < length {
            let within = (at % BLOCK_BYTES as u64) as usize;
            let take = (length - into.len()).min(BLOCK_BYTES - within);
            let Some(piece) = self.block(disk, at / BLOCK_BYTES as u64).get(within..within + take) else {
                return false;
            };
            into.extend_from_slice(piece);
            at += take as u64;
        }
        true
    }

    /// Block `number`, shorter at the end of the file and empty beyond it or where the disk fails.
    fn block(&mut self, disk: &Disk, number: u64) -> &[u8] {
        if self.slots.is_empty() {
            self.slots.resize_with(BLOCKS_MAX, || Slot { version: 0, number: 0, bytes: Vec::new() });
        }
        let index = (number.wrapping_add(u64::from(disk.version).wrapping_mul(29)) % BLOCKS_MAX as u64) as usize;
        let slot = &mut self.slots[index];
        if slot.version != disk.version || slot.number != number {
            slot.version = disk.version;
            slot.number = number;
            slot.bytes.resize(BLOCK_BYTES, 0);
            let mut filled = 0;
            while filled < BLOCK_BYTES {
                let at = number.saturating_mul(BLOCK_BYTES as u64).saturating_add(filled as u64);
                match disk.file.read_at(&mut slot.bytes[filled..], at) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            slot.bytes.truncate(filled);
        }
        &slot.bytes
    }
}
