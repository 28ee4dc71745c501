//! A file's header: its ids, its flags and where its arrays begin.

use super::{id_at, u32_at, u64_at};
use infralogs_core::{cursor::Cursor, id::Id128};

/// The most bytes of a header that we read; later fields of newer systemds are not needed.
pub(crate) const HEADER_BYTES: usize = 272;
/// The header of the first systemds ends here.
const HEADER_BYTES_MIN: u64 = 208;

const SIGNATURE: &[u8] = b"LPKSHHRH";
const KEYED_HASH: u32 = 4;
const COMPACT: u32 = 16;
/// XZ, LZ4, keyed hash, ZSTD, compact.
const KNOWN_FLAGS: u32 = 1 | 2 | KEYED_HASH | 8 | COMPACT;

/// Whether somebody is writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Closed in order.
    Offline,
    /// Being written, or its writer died.
    Online,
    /// Never written again.
    Archived,
}

/// What of the header is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) unknown_flags: u32,
    pub(crate) keyed_hash: bool,
    pub(crate) compact: bool,
    pub(crate) state: State,
    pub(crate) file_id: Id128,
    pub(crate) machine_id: Id128,
    pub(crate) seqnum_id: Id128,
    pub(crate) header_size: u64,
    pub(crate) arena_size: u64,
    pub(crate) data_table: (u64, u64),
    pub(crate) tail_object: u64,
    pub(crate) n_entries: u64,
    pub(crate) tail_seqnum: u64,
    pub(crate) head_seqnum: u64,
    pub(crate) entry_array: u64,
    pub(crate) head_realtime: u64,
    pub(crate) tail_realtime: u64,
    tail_boot: Id128,
    tail_monotonic: u64,
}

impl Header {
    /// Reads the first [`HEADER_BYTES`] (or fewer) of a file. `None`: this is no journal file, or not yet.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..8)? != SIGNATURE {
            return None;
        }
        let flags = u32_at(bytes, 12)?;
        let header_size = u64_at(bytes, 88)?;
        if header_size < HEADER_BYTES_MIN || header_size % 8 != 0 {
            return None;
        }
        Some(Self {
            unknown_flags: flags & !KNOWN_FLAGS,
            keyed_hash: flags & KEYED_HASH != 0,
            compact: flags & COMPACT != 0,
            state: match bytes.get(16)? {
                1 => State::Online,
                2 => State::Archived,
                _ => State::Offline,
            },
            file_id: id_at(bytes, 24)?,
            machine_id: id_at(bytes, 40)?,
            seqnum_id: id_at(bytes, 72)?,
            header_size,
            arena_size: u64_at(bytes, 96)?,
            data_table: (u64_at(bytes, 104)?, u64_at(bytes, 112)?),
            tail_object: u64_at(bytes, 136)?,
            n_entries: u64_at(bytes, 152)?,
            tail_seqnum: u64_at(bytes, 160)?,
            head_seqnum: u64_at(bytes, 168)?,
            entry_array: u64_at(bytes, 176)?,
            head_realtime: u64_at(bytes, 184)?,
            tail_realtime: u64_at(bytes, 192)?,
            tail_boot: id_at(bytes, 56)?,
            tail_monotonic: u64_at(bytes, 200)?,
        })
    }

    /// Where the file's last entry stands, if the header tells the truth. (Only its hash is not there.)
    pub(crate) fn tail(&self) -> Cursor {
        Cursor {
            seqnum_id: self.seqnum_id,
            seqnum: self.tail_seqnum,
            boot: self.tail_boot,
            monotonic: self.tail_monotonic,
            realtime: self.tail_realtime,
            xor_hash: 0,
        }
    }
}
